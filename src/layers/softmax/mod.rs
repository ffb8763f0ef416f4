//! Softmax over the last axis: `y_i = exp(x_i) / sum_j exp(x_j)`.
//!
//! Keras `Softmax`, `softmax`; ONNX `Softmax`. Four implementations, as hls4ml has them
//! ([`SoftmaxKind`]): `stable` subtracts the maximum first, `latency` does not, `legacy` adds up
//! `exp(x_j - x_i)` for every `i`, `argmax` marks the first maximum.
//!
//! `Compat: hls4ml` reproduces hls4ml's types and tables with all that is wrong about them: the
//! difference to the maximum wraps in its type, tables are addressed by truncated bits, sums of 128
//! and more saturate. By default differences and sums are rounded, saturating, to exactly the bits
//! that address a table, accumulators are exact, and the reciprocal's table grows with the number of
//! classes. Largest error of a probability, measured on random logits in `fixed<16,6>` with tables of
//! 1024: `stable` 0.005 for 1 to 1000 classes and all logits; `legacy` 0.009; `latency` 0.06 for
//! logits within [-4, 4], and wrong outside.

pub(super) mod log;
mod lower;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::{Hardware, Import, Imported, LayerError, LayerSpec, Lower, Operand, Permute, Spelling};
use crate::fixed::{Format, Overflow, Rounding};
use crate::graph::NodeId;
use crate::nn::Shape;
use crate::precision::{Resolve, Role, Settings, SoftmaxKind, Span, Typed, activation};
use crate::source::Tensor;

/// A softmax over the last axis, perhaps of some elements only (attention that hides keys).
#[derive(Clone, Debug)]
pub struct Softmax {
    /// Extent of the last axis.
    pub group: usize,
    /// Elements that take no part and get zero, in groups that repeat; no group is all hidden.
    pub hidden: Option<Arc<[bool]>>,
}

impl Softmax {
    /// All elements take part.
    pub fn new(group: usize) -> Softmax {
        Softmax { group, hidden: None }
    }

    /// What is hidden has a large negative number added in the mask. A group of nothing else would
    /// be the softmax of its own elements: nothing of it is hidden.
    pub fn masked(group: usize, mask: impl Iterator<Item = bool>) -> Softmax {
        let mut hidden: Vec<bool> = mask.collect();
        for group in hidden.chunks_mut(group.max(1)) {
            if group.iter().all(|it| *it) {
                group.fill(false);
            }
        }
        let hidden = hidden.contains(&true).then(|| hidden.into());
        Softmax { group, hidden }
    }

    /// Whether an element takes no part.
    fn hides(&self, element: usize) -> bool {
        self.hidden.as_ref().is_some_and(|it| it[element % it.len()])
    }

    /// The implementation: only some can leave elements out.
    fn implementation(&self, settings: &Settings) -> SoftmaxKind {
        match (&self.hidden, settings.softmax) {
            (Some(_), SoftmaxKind::Legacy | SoftmaxKind::Argmax) => SoftmaxKind::Stable,
            (_, kind) => kind,
        }
    }

    pub(super) const SPELLINGS: &[Spelling] = &[Spelling::keras("Softmax", import_keras)];
}

fn import_keras(cx: &Import<'_>) -> Result<Imported, LayerError> {
    if cx.node.inputs.len() > 1 {
        return Err(cx.value_error("mask", "given", "none"));
    }
    Ok(along(cx.axis("axis", -1)?, cx.shape(0)?, 0))
}

/// A softmax of an operand of the given shape along any axis.
pub(super) fn along(axis: usize, shape: &Shape, operand: usize) -> Imported {
    let group = shape.0[axis];
    if axis + 1 == shape.0.len() {
        return Imported::of(Softmax::new(group), [operand]);
    }
    let order = Permute::to_last(axis, shape.0.len());
    let back = order.inverse();
    let mut made = Imported::default();
    let turned = made.add("turned", order, &[Operand::Input(operand)]);
    let softmax = made.add("softmax", Softmax::new(group), &[turned]);
    let output = made.add("", back, &[softmax]);
    made.with_outputs([output])
}

/// hls4ml's default for all types of a softmax.
const HLS4ML: Format = Format::signed(18, 8).with(Rounding::Rnd, Overflow::Sat);

/// Bits that number `n` things.
fn ceil_log2(n: usize) -> i32 {
    n.next_power_of_two().trailing_zeros() as i32
}

/// Entries of the two tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sizes {
    exp: u32,
    inv: u32,
}

impl Softmax {
    /// Table sizes where hls4ml's rules do not apply: one table size for both unless set apart, but
    /// a reciprocal precise to a percent at 1 for any number of classes.
    fn sizes(&self, settings: &Settings) -> Sizes {
        let bits = |entries: u32| super::lookup::address_bits(entries);
        let exp = bits(settings.exp_table_size.unwrap_or(settings.table_size));
        let needed = match self.implementation(settings) {
            SoftmaxKind::Stable => (ceil_log2(self.group) + 7).min(16) as u32,
            // The sum is not known to be at least 1, or reaches far beyond the number of classes.
            _ => 14,
        };
        let inv = settings.inv_table_size.map_or(bits(settings.table_size).max(needed), bits);
        Sizes { exp: 1 << exp, inv: 1 << inv }
    }

    /// `fix_softmax_table_size` and what the configuration template of hls4ml 1.3.0 adds to it.
    fn hls4ml_sizes(settings: &Settings, input: Format, norm: Format, inv_table: Format) -> Sizes {
        let limit =
            |entries: u32, bits: u32| if bits < 32 { entries.min(1 << bits) } else { entries };
        let mut entries = settings.table_size;
        if settings.inv_table_size.is_none() {
            entries = limit(entries, input.width.min(inv_table.width));
        }
        let inv = settings.inv_table_size.unwrap_or(entries);
        let mut exp = settings.exp_table_size.unwrap_or(entries);
        let stable = settings.softmax == SoftmaxKind::Stable;
        if stable && input.signed && norm == Softmax::hls4ml_norm(input) {
            exp = limit(inv, norm.width);
        }
        Sizes { exp: exp.max(1), inv: inv.max(1) }
    }

    /// hls4ml's type for the difference to the maximum: the input's without its sign.
    fn hls4ml_norm(input: Format) -> Format {
        let sign = u32::from(input.signed);
        Format::unsigned((input.width - sign).max(1), input.int_bits - sign as i32)
    }

    fn resolve_hls4ml(&self, role: Role, cx: &Resolve<'_>) -> Typed {
        let format = match role {
            Role::InpNorm => Softmax::hls4ml_norm(cx.inputs[0].format),
            Role::Table => Format::signed(18, 8),
            Role::Result => return activation::result(Span::new(0.0, 1.0), None, cx),
            _ => HLS4ML,
        };
        Typed::new(format, "hls4ml: softmax")
    }

    /// What addresses the exponential's table: as many bits as the table has.
    fn norm(&self, cx: &Resolve<'_>) -> Format {
        let bits = self.sizes(&cx.settings).exp.ilog2() as i32;
        let input = cx.inputs[0].format;
        let all = Span::hull(cx.inputs[0].spans);
        let reach = Span::new(0.0, all.hi - all.lo).int_bits();
        let (signed, int_bits) = match self.implementation(&cx.settings) {
            // Beyond this difference all classes together are below 0.2 percent.
            SoftmaxKind::Stable => {
                let tail = (self.group.max(1) as f64).ln() + 6.24;
                (false, reach.min(tail.log2().ceil() as i32))
            }
            SoftmaxKind::Latency => (input.signed, input.int_bits.min(3)),
            _ => (true, (reach + 1).min(4)),
        };
        let frac = input.frac().min(bits - int_bits);
        let int_bits = int_bits.max(1 - frac);
        let width = (int_bits + frac) as u32;
        Format { signed, ..Format::signed(width, int_bits) }.rounded()
    }

    fn resolve_safe(&self, role: Role, cx: &Resolve<'_>) -> Typed {
        let kind = self.implementation(&cx.settings);
        let unit = Span::new(0.0, 1.0);
        if role == Role::Result {
            return activation::result(unit, (kind == SoftmaxKind::Argmax).then_some(0), cx);
        }
        if !used(role, kind) {
            return Typed::new(Format::unsigned(1, 1), "not used");
        }
        let norm = || cx.format(Role::InpNorm);
        // Inputs without bits below 2^3 would ask for powers that no format holds.
        let power = |x: f64| Span::new(0.0, x.exp().min(activation::UNLIMITED));
        match (role, kind) {
            (Role::InpNorm, _) => Typed::new(self.norm(cx), "address of the exponential's table"),
            (Role::ExpTable, SoftmaxKind::Latency) => {
                activation::table(power(norm().max_value()), cx)
            }
            (Role::InvTable, SoftmaxKind::Latency) => {
                activation::table(power(-norm().min_value()), cx)
            }
            (Role::ExpTable | Role::InvTable, _) => activation::table(unit, cx),
            (Role::Table | Role::Accum, SoftmaxKind::Legacy) => {
                let format = Format::unsigned(18, LEGACY_INT_BITS).rounded();
                Typed::new(format, "sums up to 256, saturating")
            }
            (Role::Accum, _) => {
                let (exp, more) = (cx.format(Role::ExpTable), ceil_log2(self.group));
                let (width, int_bits) = (exp.width + more as u32, exp.int_bits + more);
                let format = Format { width, int_bits, ..exp };
                let format = format.with(Rounding::Trn, Overflow::Wrap);
                Typed::new(format, format!("exact: sum of {}", self.group))
            }
            _ => Typed::new(self.inv_inp(cx), "address of the reciprocal's table"),
        }
    }

    /// What addresses the reciprocal's table: the sum, which is at least 1 and at most the number
    /// of classes if the maximum was subtracted.
    fn inv_inp(&self, cx: &Resolve<'_>) -> Format {
        let bits = self.sizes(&cx.settings).inv.ilog2() as i32;
        let accum = cx.format(Role::Accum);
        let int_bits = match self.implementation(&cx.settings) {
            SoftmaxKind::Stable => ceil_log2(self.group).max(1),
            SoftmaxKind::Latency => accum.int_bits - i32::from(accum.signed),
            _ => LEGACY_INT_BITS,
        };
        let frac = accum.frac().min(bits - int_bits);
        let int_bits = int_bits.max(1 - frac);
        Format::unsigned((int_bits + frac) as u32, int_bits).rounded()
    }
}

/// Integer bits of the sums of a legacy softmax: probabilities below 1/256 are not told apart.
const LEGACY_INT_BITS: i32 = 8;

/// Which types an implementation has.
fn used(role: Role, kind: SoftmaxKind) -> bool {
    match kind {
        SoftmaxKind::Argmax => false,
        SoftmaxKind::Legacy => role != Role::ExpTable,
        SoftmaxKind::Stable | SoftmaxKind::Latency => role != Role::Table,
    }
}

impl LayerSpec for Softmax {
    fn kind(&self) -> &'static str {
        "Softmax"
    }

    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, LayerError> {
        let elements = inputs[0].elements();
        let fits = self.hidden.as_ref().is_none_or(|it| elements.is_multiple_of(it.len()));
        if inputs[0].last() == self.group && elements > 0 && fits {
            return Ok(inputs[0].clone());
        }
        let expected = format!("{} on the last axis", self.group);
        Err(LayerError::Shapes { found: vec![inputs[0].clone()], expected })
    }

    fn eval(&self, inputs: &[&Tensor]) -> Tensor {
        let mut values: Vec<f64> = inputs[0].iter().copied().collect();
        let shown = |at: usize, x: f64| if self.hides(at) { f64::NEG_INFINITY } else { x };
        values.iter_mut().enumerate().for_each(|(at, it)| *it = shown(at, *it));
        for group in values.chunks_mut(self.group) {
            let max = group.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            group.iter_mut().for_each(|it| *it = (*it - max).exp());
            let sum: f64 = group.iter().sum();
            group.iter_mut().for_each(|it| *it /= sum);
        }
        Tensor::from_shape_vec(inputs[0].raw_dim(), values).expect("as many values as before")
    }

    fn weights(&self) -> Vec<(Role, &Tensor)> {
        Vec::new()
    }

    fn hardware(&self) -> Option<&dyn Hardware> {
        Some(self)
    }
}

impl Hardware for Softmax {
    fn roles(&self) -> &'static [Role] {
        &[
            Role::InpNorm,
            Role::ExpTable,
            Role::Table,
            Role::Accum,
            Role::InvInp,
            Role::InvTable,
            Role::Result,
        ]
    }

    fn resolve(&self, role: Role, cx: &Resolve<'_>) -> Typed {
        match (cx.settings.skip && role == Role::Result, cx.compat) {
            (true, _) => Typed::new(cx.inputs[0].format, "as its input"),
            (false, true) => self.resolve_hls4ml(role, cx),
            (false, false) => self.resolve_safe(role, cx),
        }
    }

    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        if cx.settings.skip {
            return cx.inputs[0].spans.to_vec();
        }
        let one = match (self.implementation(&cx.settings), cx.compat) {
            (SoftmaxKind::Stable, false) | (SoftmaxKind::Argmax, _) => Span::new(0.0, 1.0),
            (SoftmaxKind::Legacy, true) => Span::of(Format::signed(18, 8)),
            (SoftmaxKind::Legacy, false) => Span::of(cx.format(Role::InvTable)),
            _ => Span::of(cx.format(Role::Accum)).times(Span::of(cx.format(Role::InvTable))),
        };
        vec![one; cx.inputs[0].spans.len()]
    }

    fn is_activation(&self) -> bool {
        true
    }

    fn lower(&self, cx: &mut Lower<'_>, inputs: &[NodeId]) -> NodeId {
        lower::lower(self, cx, inputs[0])
    }
}
