//! Warnings: what a user asked for and does not get, or gets otherwise than they may think.

use std::error::Error as StdError;
use std::fmt;

use crate::error::{Origin, Problem};

/// Something to know about that does not stop the work; `--deny-warnings` makes it a [`Problem`].
#[derive(Debug)]
pub struct Warning {
    /// Where: a layer of the model or a key of the configuration.
    pub at: Option<Origin>,
    /// What was found.
    pub what: Box<dyn StdError + Send + Sync>,
}

impl Warning {
    /// A warning with its place.
    pub fn at(at: &Origin, what: impl StdError + Send + Sync + 'static) -> Warning {
        Warning { at: Some(at.clone()), what: Box::new(what) }
    }

    /// A warning without a place in a file.
    pub fn new(what: impl StdError + Send + Sync + 'static) -> Warning {
        Warning { at: None, what: Box::new(what) }
    }
}

impl From<Warning> for Problem {
    fn from(warning: Warning) -> Problem {
        Problem { at: warning.at, what: warning.what, help: None }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            Some(at) => write!(f, "{at}: {}", self.what),
            None => self.what.fmt(f),
        }
    }
}
