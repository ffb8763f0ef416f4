//! The values of a configuration: numbers, choices and formats, read from what YAML made of them.

use super::tree::Tree;
use super::{Compat, ConvImplementation, Io, Strategy, Uncertainty, Weights};
use crate::fixed::MAX_WIDTH;
use crate::hls;
use crate::precision::{Precision, PrecisionError, SoftmaxKind, parse_precision};
use crate::rtl::dsp::Blocks;
use crate::source::InputShapes;

/// Why a value cannot be understood.
#[derive(Debug, thiserror::Error)]
pub(super) enum ValueError {
    #[error("is {found}, expected {expected}")]
    Wrong { found: String, expected: &'static str },
    #[error(transparent)]
    Precision(#[from] PrecisionError),
}

/// How a value is read, and what to say if it is something else.
pub(super) struct Kind<T> {
    expected: &'static str,
    read: fn(&Tree) -> Option<Result<T, PrecisionError>>,
}

impl<T> Kind<T> {
    /// The value; `None` for null.
    pub(super) fn read(&self, tree: &Tree) -> Result<Option<T>, ValueError> {
        if *tree == Tree::Null {
            return Ok(None);
        }
        match (self.read)(tree) {
            Some(value) => Ok(Some(value?)),
            None => Err(ValueError::Wrong { found: tree.to_string(), expected: self.expected }),
        }
    }
}

impl Kind<String> {
    pub(super) const TEXT: Kind<String> = Kind {
        expected: "text",
        read: |tree| match tree {
            Tree::Text(text) => Some(Ok(text.clone())),
            // A project may be called 2024.
            Tree::Int(_) | Tree::Float(_) => Some(Ok(tree.to_string())),
            _ => None,
        },
    };
}

impl Kind<bool> {
    pub(super) const BOOL: Kind<bool> = Kind {
        expected: "true or false",
        read: |tree| match tree {
            Tree::Bool(v) => Some(Ok(*v)),
            _ => choice(tree, &[("true", true), ("false", false)]),
        },
    };
}

impl Kind<u32> {
    pub(super) const POSITIVE: Kind<u32> =
        Kind { expected: "a whole number from 1", read: |tree| whole(tree, u32::MAX).map(Ok) };
    pub(super) const WIDTH: Kind<u32> =
        Kind { expected: "1 to 127 bits", read: |tree| whole(tree, MAX_WIDTH - 1).map(Ok) };
}

impl Kind<Vec<usize>> {
    pub(super) const SHAPE: Kind<Vec<usize>> = Kind {
        expected: "a list of extents such as [3, 16, 16], without the batch",
        read: |tree| {
            let Tree::List(items) = tree else { return None };
            let extent = |it: &Tree| match it {
                Tree::Int(it) => usize::try_from(*it).ok().filter(|it| InputShapes::is_extent(*it)),
                _ => None,
            };
            let shape: Option<Vec<usize>> = items.iter().map(extent).collect();
            shape.filter(|it| !it.is_empty()).map(Ok)
        },
    };
}

impl Kind<f64> {
    pub(super) const PERIOD: Kind<f64> = Kind {
        expected: "a clock period in nanoseconds",
        read: |tree| number(tree).filter(|it| *it > 0.0).map(Ok),
    };
}

impl Kind<f64> {
    pub(super) const PERCENT: Kind<f64> = Kind {
        expected: "a share in percent, above 0 and up to 100",
        read: |tree| number(tree).filter(|it| *it > 0.0 && *it <= 100.0).map(Ok),
    };
}

impl Kind<Blocks> {
    pub(super) const BLOCKS: Kind<Blocks> = Kind {
        expected: "auto, none or a number of DSP blocks",
        read: |tree| match tree {
            Tree::Text(text) => Blocks::parse(text).map(Ok),
            Tree::Int(_) => Blocks::parse(&tree.to_string()).map(Ok),
            _ => None,
        },
    };
}

impl Kind<Uncertainty> {
    pub(super) const UNCERTAINTY: Kind<Uncertainty> = Kind {
        expected: "a share of the clock period (27%) or nanoseconds",
        read: |tree| {
            if let Tree::Text(text) = tree
                && let Some(percent) = text.trim().strip_suffix('%')
            {
                let percent: f64 = percent.trim().parse().ok()?;
                let legal = (0.0..100.0).contains(&percent);
                return legal.then_some(Ok(Uncertainty::Fraction(percent / 100.0)));
            }
            number(tree).filter(|it| *it >= 0.0).map(|it| Ok(Uncertainty::Nanoseconds(it)))
        },
    };
}

impl Kind<Precision> {
    pub(super) const PRECISION: Kind<Precision> = Kind {
        expected: "a type such as fixed<16,6>",
        read: |tree| match tree {
            Tree::Text(text) => Some(parse_precision(text)),
            _ => None,
        },
    };
}

impl Kind<Io> {
    pub(super) const IO: Kind<Io> = Kind {
        expected: "io_parallel or io_stream",
        read: |tree| {
            let (parallel, stream) = (Io::Parallel, Io::Stream);
            choice(
                tree,
                &[
                    ("ioparallel", parallel),
                    ("parallel", parallel),
                    ("iostream", stream),
                    ("stream", stream),
                ],
            )
        },
    };
}

impl Kind<Compat> {
    pub(super) const COMPAT: Kind<Compat> = Kind {
        expected: "hls4ml or none",
        read: |tree| choice(tree, &[("hls4ml", Compat::Hls4ml), ("none", Compat::None)]),
    };
}

impl Kind<hls::Tool> {
    pub(super) const HLS: Kind<hls::Tool> = Kind {
        expected: "Vitis, Vivado, oneAPI, Quartus, Catapult or XLS",
        read: |tree| {
            choice(
                tree,
                &[
                    ("vitis", hls::Tool::Vitis),
                    ("vivado", hls::Tool::Vivado),
                    ("oneapi", hls::Tool::Oneapi),
                    ("quartus", hls::Tool::Quartus),
                    ("catapult", hls::Tool::Catapult),
                    ("xls", hls::Tool::Xls),
                ],
            )
        },
    };
}

impl Kind<Strategy> {
    pub(super) const STRATEGY: Kind<Strategy> = Kind {
        expected: "Latency, Resource, Resource_Unrolled or distributed_arithmetic",
        read: |tree| {
            choice(
                tree,
                &[
                    ("latency", Strategy::Latency),
                    ("resource", Strategy::Resource),
                    ("resourceunrolled", Strategy::Unrolled),
                    ("unrolled", Strategy::Unrolled),
                    ("distributedarithmetic", Strategy::DistributedArithmetic),
                    ("da", Strategy::DistributedArithmetic),
                ],
            )
        },
    };
}

impl Kind<Weights> {
    pub(super) const WEIGHTS: Kind<Weights> = Kind {
        expected: "constant or runtime",
        read: |tree| {
            choice(tree, &[("constant", Weights::Constant), ("runtime", Weights::Runtime)])
        },
    };
}

impl Kind<SoftmaxKind> {
    pub(super) const SOFTMAX: Kind<SoftmaxKind> = Kind {
        expected: "stable, latency, legacy or argmax",
        read: |tree| {
            choice(
                tree,
                &[
                    ("stable", SoftmaxKind::Stable),
                    ("latency", SoftmaxKind::Latency),
                    ("legacy", SoftmaxKind::Legacy),
                    ("argmax", SoftmaxKind::Argmax),
                ],
            )
        },
    };
}

impl Kind<ConvImplementation> {
    pub(super) const CONV: Kind<ConvImplementation> = Kind {
        expected: "LineBuffer or Encoded",
        read: |tree| {
            let (buffer, encoded) = (ConvImplementation::LineBuffer, ConvImplementation::Encoded);
            choice(tree, &[("linebuffer", buffer), ("encoded", encoded)])
        },
    };
}

/// One of a few words, in any case, with or without underscores.
fn choice<T: Copy>(tree: &Tree, words: &[(&str, T)]) -> Option<Result<T, PrecisionError>> {
    let Tree::Text(text) = tree else { return None };
    let word: String = text.trim().to_ascii_lowercase().replace(['_', '-', ' '], "");
    words.iter().find(|(it, _)| *it == word).map(|(_, value)| Ok(*value))
}

fn number(tree: &Tree) -> Option<f64> {
    let number = match tree {
        Tree::Int(v) => *v as f64,
        Tree::Float(v) => *v,
        Tree::Text(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

fn whole(tree: &Tree, max: u32) -> Option<u32> {
    let number = number(tree)?;
    let legal = number.fract() == 0.0 && (1.0..=f64::from(max)).contains(&number);
    legal.then_some(number as u32)
}
