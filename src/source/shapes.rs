//! Shapes that the user gives to the inputs of a model, instead of those in its file.
//!
//! Fully convolutional networks and recurrent ones take samples of any size, and their files may leave
//! it open. A shape is that of one sample, in the order of axes that the framework has; the number of
//! axes is the file's. Whether the layers behind can take it is found as for any other shape.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

/// Largest extent of an axis that can be asked for.
const MAX_EXTENT: usize = 1 << 28;

/// The shapes given, by input.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputShapes {
    /// That of the only input, whatever it is called.
    pub only: Option<Vec<usize>>,
    /// By name.
    pub named: BTreeMap<String, Vec<usize>>,
}

/// Why a shape cannot be given to an input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// No input has the name.
    #[error(
        "the shape {shape} is for the input {name}, which the model does not have (it has {known})"
    )]
    Unknown {
        /// The name.
        name: String,
        /// What was given for it.
        shape: String,
        /// The inputs there are.
        known: String,
    },
    /// One shape without a name, and several inputs.
    #[error("the shape {shape} names no input, and the model has several: {known}")]
    Unnamed {
        /// What was given.
        shape: String,
        /// The inputs there are.
        known: String,
    },
    /// Another number of axes.
    #[error("the shape {shape} that was given has {} axes, the input has {axes} without the batch",
        .shape.matches(',').count() + 1)]
    Rank {
        /// What was given.
        shape: String,
        /// Axes of a sample in the file.
        axes: usize,
    },
    /// A format that has shapes in every operation.
    #[error("the shape of an input cannot be changed: {why}")]
    Fixed {
        /// What the format is.
        why: &'static str,
    },
}

impl ShapeError {
    /// What the user can do about it.
    pub fn help(&self) -> Option<&'static str> {
        match self {
            ShapeError::Unnamed { .. } => Some("give it as --input-shape NAME=3,16,16"),
            _ => None,
        }
    }
}

impl InputShapes {
    /// Reads `3,16,16`.
    pub fn parse(text: &str) -> Option<Vec<usize>> {
        text.split(',').map(|it| it.trim().parse().ok().filter(|it| Self::is_extent(*it))).collect()
    }

    /// Whether an axis may be so long.
    pub fn is_extent(extent: usize) -> bool {
        (1..=MAX_EXTENT).contains(&extent)
    }

    /// Whether none is given.
    pub fn is_empty(&self) -> bool {
        self.only.is_none() && self.named.is_empty()
    }

    /// Takes others over these: one that names no input replaces them all.
    pub fn merge(&mut self, others: InputShapes) {
        if others.only.is_some() {
            *self = others;
        } else {
            self.named.extend(others.named);
        }
    }

    /// Those that hold for a model of so many inputs: one without a name is nobody's if there are several.
    pub fn among(&self, inputs: usize) -> InputShapes {
        let only = self.only.clone().filter(|_| inputs == 1);
        InputShapes { only, named: self.named.clone() }
    }

    /// The shape given for an input whose samples have so many axes, if that is known.
    ///
    /// # Errors
    /// Another number of axes.
    pub fn of(&self, name: &str, axes: Option<usize>) -> Result<Option<Vec<usize>>, ShapeError> {
        let Some(given) = self.named.get(name).or(self.only.as_ref()) else { return Ok(None) };
        match axes {
            Some(axes) if axes != given.len() => Err(ShapeError::Rank { shape: text(given), axes }),
            _ => Ok(Some(given.to_vec())),
        }
    }

    /// What is given for none of a model's inputs, or not clearly for one.
    pub fn misplaced(&self, inputs: &[&str]) -> Vec<ShapeError> {
        let known = || inputs.join(", ");
        let names: BTreeSet<&str> = inputs.iter().copied().collect();
        let unnamed = self.only.iter().filter(|_| names.len() > 1);
        let unnamed = unnamed.map(|it| ShapeError::Unnamed { shape: text(it), known: known() });
        let others = self.named.iter().filter(|it| !names.contains(it.0.as_str()));
        let others = others.map(|(name, shape)| ShapeError::Unknown {
            name: name.clone(),
            shape: text(shape),
            known: known(),
        });
        unnamed.chain(others).collect()
    }
}

fn text(shape: &[usize]) -> String {
    let extents: Vec<String> = shape.iter().map(ToString::to_string).collect();
    extents.join(",")
}

impl fmt::Display for InputShapes {
    /// As the command line has them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let only = self.only.iter().map(|it| text(it));
        let named = self.named.iter().map(|(name, it)| format!("{name}={}", text(it)));
        f.write_str(&only.chain(named).collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_read() {
        assert_eq!(InputShapes::parse("3, 16,16"), Some(vec![3, 16, 16]));
        for wrong in ["", "3,,4", "0", "-1,2", "3x4", "9999999999"] {
            assert_eq!(InputShapes::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_command_line_goes_over_the_file() {
        let named = |name: &str, extent| InputShapes {
            only: None,
            named: BTreeMap::from([(name.to_owned(), vec![extent])]),
        };
        let only = InputShapes { only: Some(vec![7]), named: BTreeMap::new() };
        let mut shapes = named("a", 1);
        shapes.merge(named("b", 2));
        let both = |it: &InputShapes| ["a", "b"].map(|name| it.of(name, Some(1)).unwrap());
        assert_eq!(both(&shapes), [Some(vec![1]), Some(vec![2])]);
        shapes.merge(only);
        assert_eq!(both(&shapes), [Some(vec![7]), Some(vec![7])]);
        shapes.merge(named("a", 3));
        assert_eq!(both(&shapes), [Some(vec![3]), Some(vec![7])]);
        assert_eq!(both(&shapes.among(2)), [Some(vec![3]), None]);
        assert!(shapes.of("a", Some(2)).is_err());
        assert_eq!(shapes.misplaced(&["a", "b"]).len(), 1);
        assert_eq!(shapes.misplaced(&["b"]).len(), 1);
    }
}
