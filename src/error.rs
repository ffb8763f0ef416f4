//! Errors: what is wrong, and where in the user's files.
//!
//! Every stage has its own small error enum. [`Problem`] adds the place (file and layer) and a hint;
//! [`Problems`] holds all of them, because a user wants to hear of every fault at once.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Where a thing came from: the model file and the layer in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Origin {
    /// File name as the user gave it.
    pub file: Arc<str>,
    /// Layer or node, empty for the file as a whole.
    pub node: Arc<str>,
}

impl Origin {
    /// A place in a file; an empty `node` stands for the whole file.
    pub fn new(file: impl AsRef<str>, node: impl AsRef<str>) -> Origin {
        Origin { file: file.as_ref().into(), node: node.as_ref().into() }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.node.is_empty() {
            true => write!(f, "{}", self.file),
            false => write!(f, "{}:{}", self.file, self.node),
        }
    }
}

/// One fault, with its place.
#[derive(Debug)]
pub struct Problem {
    /// Where, if it has a place.
    pub at: Option<Origin>,
    /// What was found.
    pub what: Box<dyn StdError + Send + Sync>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Problem {
    /// A fault at a place.
    pub fn at(at: &Origin, what: impl StdError + Send + Sync + 'static) -> Problem {
        Problem { at: Some(at.clone()), what: Box::new(what), help: None }
    }

    /// A fault without a place in a file.
    pub fn new(what: impl StdError + Send + Sync + 'static) -> Problem {
        Problem { at: None, what: Box::new(what), help: None }
    }

    /// Adds what the user can do.
    pub fn help(self, help: impl Into<String>) -> Problem {
        Problem { help: Some(help.into()), ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = &self.at {
            write!(f, "{at}: ")?;
        }
        write!(f, "{}", self.what)?;
        let mut source = self.what.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

/// All the faults of a stage; never empty when returned as an error.
#[derive(Debug, Default)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// `value` if no fault was found, else all of them.
    pub fn into_result<T>(self, value: T) -> Result<T> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }

    /// Notes a fault.
    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// The value, or `None` with the faults noted.
    pub fn note<T>(&mut self, result: Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(problems) => {
                self.0.extend(problems.0);
                None
            }
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (idx, problem) in self.0.iter().enumerate() {
            if idx > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Problems {
        Problems(vec![problem])
    }
}

/// What every stage returns.
pub type Result<T> = std::result::Result<T, Problems>;

/// Gives an error its place.
pub trait Located<T> {
    /// Adds the place to an error.
    fn locate(self, at: &Origin) -> Result<T>;
    /// An error without a place.
    fn anywhere(self) -> Result<T>;
}

impl<T, E: StdError + Send + Sync + 'static> Located<T> for std::result::Result<T, E> {
    fn locate(self, at: &Origin) -> Result<T> {
        self.map_err(|what| Problem::at(at, what).into())
    }
    fn anywhere(self) -> Result<T> {
        self.map_err(|what| Problem::new(what).into())
    }
}
