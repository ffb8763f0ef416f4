//! Layers that gather elements of their operand at many positions and compute the same at each:
//! dense layers and convolutions ([`Linear`](super::linear::Linear)), pooling and reductions.
//!
//! What is gathered depends on the operand's shape, so a layer first makes a [`Gathering`] for one
//! shape, which then answers everything that [`Hardware`] asks.

use super::{Conv, ConvTranspose, Dense, Hardware, LayerSpec, Lower, Pool, Reduce};
use crate::graph::NodeId;
use crate::nn::Shape;
use crate::precision::{Resolve, Role, Span, Typed};
use crate::units::Reorder;

/// The element of the operand that is read; `None` is padding.
pub(super) type Element = Option<u32>;

/// A layer on an operand of a known shape; the functions are those of [`Hardware`].
pub(super) trait Gathering {
    const ROLES: &'static [Role];
    fn resolve(&self, role: Role, cx: &Resolve<'_>) -> Typed;
    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span>;
    fn lower(&self, cx: &mut Lower<'_>, input: NodeId) -> NodeId;
}

/// A layer whose hardware is that of a [`Gathering`].
pub(super) trait Gathers: LayerSpec {
    type Gathering<'a>: Gathering
    where
        Self: 'a;

    /// What the layer does to an operand of a shape that `infer` has accepted.
    fn gathering(&self, input: &Shape) -> Self::Gathering<'_>;
}

macro_rules! gathers {
    ($($layer:ident),+ $(,)?) => { $(
        impl Hardware for $layer {
            fn roles(&self) -> &'static [Role] {
                <<$layer as Gathers>::Gathering<'_> as Gathering>::ROLES
            }
            fn resolve(&self, role: Role, cx: &Resolve<'_>) -> Typed {
                self.gathering(cx.inputs[0].shape).resolve(role, cx)
            }
            fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
                self.gathering(cx.inputs[0].shape).spans(cx)
            }
            fn is_activation(&self) -> bool {
                false
            }
            fn lower(&self, cx: &mut Lower<'_>, inputs: &[NodeId]) -> NodeId {
                let shape = cx.builder.ty(inputs[0]).shape.clone();
                self.gathering(&shape).lower(cx, inputs[0])
            }
        }
    )+ };
}

gathers!(Dense, Conv, ConvTranspose, Pool, Reduce);

/// Wires the elements that are read into a tensor; `padding` is a tensor of one element.
///
/// Nothing is added where every element is read in order into the shape that it has.
pub(super) fn gather(
    cx: &mut Lower<'_>,
    part: &str,
    (input, padding): (NodeId, Option<NodeId>),
    reads: impl Iterator<Item = Element>,
    shape: Shape,
) -> NodeId {
    let map: Vec<(u32, u32)> = reads.map(|it| it.map_or((1, 0), |it| (0, it))).collect();
    let in_order = || map.iter().enumerate().all(|(at, it)| *it == (0, at as u32));
    if cx.builder.ty(input).shape == shape && in_order() {
        return input;
    }
    let padded = map.iter().any(|it| it.0 == 1);
    let operands: Vec<NodeId> = std::iter::once(input).chain(padding.filter(|_| padded)).collect();
    cx.builder.add(part, Reorder { map: map.into(), shape }, &operands)
}
