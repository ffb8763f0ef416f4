//! Results that worst-case ranges leave few bits.
//!
//! Without samples a range is what the constants allow, which grows with every layer: eight convolutions
//! deep, sixteen bits hold no fractions any more, and the outputs mean nothing. That must be said.

use super::{Calibration, Formats, Role};
use crate::config::{Config, Warning};
use crate::error::Origin;
use crate::fixed::Format;
use crate::nn;

/// Inferred results in steps of one and more that nothing in the model asks for.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error(
    "worst-case ranges leave {layers} layers results in steps of 1 and more, the coarsest {format}: \
     `--calibrate` with typical samples keeps more of their bits, so do wider types"
)]
struct Coarse {
    layers: usize,
    format: Format,
}

/// A warning, at the coarsest layer, if results were inferred too coarse to be useful: from ranges that
/// nobody measured, by our own rules.
pub fn coarse(
    graph: &nn::Graph,
    formats: &Formats,
    config: &Config,
    measured: Option<&Calibration>,
) -> Option<Warning> {
    if measured.is_some() || config.is_compat() {
        return None;
    }
    let inferred = |origin: &Origin, name: &str, kind: &str, id| {
        let of = formats.of(id);
        let told = config.precision(name, kind, Role::Result);
        let is_auto = told.is_none_or(|it| it.precision.format().is_none());
        let format = of.format(Role::Result);
        let capped = format.width == of.settings.width && !of.exact && !of.on_grid;
        (is_auto && capped && format.frac() <= 0).then(|| (format, origin.clone()))
    };
    let found: Vec<(Format, Origin)> = graph
        .topo()
        .into_iter()
        .filter(|id| graph.node(*id).op.roles().contains(&Role::Result))
        .filter_map(|id| {
            let node = graph.node(id);
            inferred(&node.origin, &node.name, node.op.spec().kind(), id)
        })
        .collect();
    let layers = found.len();
    let (format, at) = found.into_iter().min_by_key(|it| it.0.frac())?;
    Some(Warning::at(&at, Coarse { layers, format }))
}
