//! Softmax as units.

use super::{Sizes, Softmax};
use crate::fixed::{Format, Mantissas};
use crate::graph::NodeId;
use crate::layers::Lower;
use crate::layers::lookup::single;
use crate::nn::Shape;
use crate::precision::{Role, SoftmaxKind};
use crate::units::{
    Argmax, Binary, Eltwise, Index, Lut, Read, Reduce, Reduction, Reorder, Requantize,
};

/// Builds the layer.
pub(super) fn lower(softmax: &Softmax, cx: &mut Lower<'_>, input: NodeId) -> NodeId {
    let (group, result) = (softmax.group, cx.format(Role::Result));
    if cx.formats.settings.skip {
        return cx.builder.cast("", input, result);
    }
    // One format for all elements: they are compared, and may address a table by their bits.
    let format = cx.builder.ty(input).union();
    let input = match cx.builder.ty(input).common() {
        Some(_) => input,
        None => cx.builder.add("aligned", Requantize::uniform(format), &[input]),
    };
    let kind = softmax.implementation(&cx.formats.settings);
    let input = shown(softmax, cx, input);
    let at = Stage { softmax, kind, format, sizes: sizes(softmax, cx, format) };
    match kind {
        SoftmaxKind::Argmax => cx.builder.add("", Argmax { group, result }, &[input]),
        SoftmaxKind::Stable => {
            let difference = at.difference(cx, input);
            at.normalize(cx, difference, cx.format(Role::InpNorm))
        }
        SoftmaxKind::Latency => {
            let address = if cx.compat { format } else { cx.format(Role::InpNorm) };
            let value = cx.builder.cast("address", input, address);
            at.normalize(cx, value, address)
        }
        SoftmaxKind::Legacy => at.legacy(cx, input),
    }
}

/// The first element of the group that takes part in place of each that does not: the maximum stays.
fn shown(softmax: &Softmax, cx: &mut Lower<'_>, input: NodeId) -> NodeId {
    if softmax.hidden.is_none() {
        return input;
    }
    let (group, shape) = (softmax.group, cx.builder.ty(input).shape.clone());
    let first = |at: usize| (at / group * group..).find(|it| !softmax.hides(*it)).unwrap_or(at);
    let read = |at: usize| (0, if softmax.hides(at) { first(at) } else { at } as u32);
    let map = (0..shape.elements()).map(read).collect();
    cx.builder.add("shown", Reorder { map, shape }, &[input])
}

/// Zero in place of each exponential that takes no part.
fn without_hidden(softmax: &Softmax, cx: &mut Lower<'_>, exp: NodeId) -> NodeId {
    if softmax.hidden.is_none() {
        return exp;
    }
    let ty = cx.builder.ty(exp);
    let (shape, format) = (ty.shape.clone(), ty.union());
    let zero = cx.builder.constant("zero", Shape(vec![1]), [0].into(), format);
    let read = |at: usize| if softmax.hides(at) { (1, 0) } else { (0, at as u32) };
    let map = (0..shape.elements()).map(read).collect();
    cx.builder.add("terms", Reorder { map, shape }, &[exp, zero])
}

fn sizes(softmax: &Softmax, cx: &Lower<'_>, input: Format) -> Sizes {
    let settings = &cx.formats.settings;
    match cx.compat {
        true => {
            let (norm, inv) = (cx.format(Role::InpNorm), cx.format(Role::InvTable));
            Softmax::hls4ml_sizes(settings, input, norm, inv)
        }
        false => softmax.sizes(settings),
    }
}

/// A table addressed by the most significant bits of a format: the function at the smallest
/// magnitude bits of each step. A format narrower than the table has a shorter one.
fn by_top_bits(address: Format, entries: u32, entry: Format, f: impl Fn(f64) -> f64) -> Mantissas {
    let bits = entries.clamp(2, 1 << 20).next_power_of_two().ilog2().min(address.width);
    let point = |index: i128| {
        let negative = address.signed && index >= 1 << (bits - 1);
        let signed = if negative { index - (1 << bits) } else { index };
        address.value(signed << (address.width - bits))
    };
    (0..1i128 << bits).map(|it| entry.quantize(f(point(it)))).collect()
}

/// What the steps of one softmax share.
struct Stage<'s> {
    softmax: &'s Softmax,
    kind: SoftmaxKind,
    /// Format of the input.
    format: Format,
    sizes: Sizes,
}

impl Stage<'_> {
    /// The maximum less each element, in the exponential's address format.
    fn difference(&self, cx: &mut Lower<'_>, input: NodeId) -> NodeId {
        let group = self.softmax.group;
        let (reduction, accum, result) = (Reduction::Max, self.format, self.format);
        let max = cx.builder.add("max", Reduce { reduction, group, accum, result }, &[input]);
        let (op, result) = (Binary::Sub, cx.format(Role::InpNorm));
        let shape = cx.builder.ty(input).shape.clone();
        let read = [Read::Every(group), Read::Same];
        cx.builder.add("difference", Eltwise { op, read, shape, result }, &[max, input])
    }

    /// Exponentials, their sum, its reciprocal, and the products.
    fn normalize(&self, cx: &mut Lower<'_>, value: NodeId, address: Format) -> NodeId {
        let group = self.softmax.group;
        let (entry, accum) = (cx.format(Role::ExpTable), cx.format(Role::Accum));
        // Where the accumulator holds every entry the cast to it changes nothing.
        let held = if accum.contains(entry) { entry } else { accum };
        let table = by_top_bits(address, self.sizes.exp, entry, self.exp(cx.compat));
        let exp = Lut { index: Index::TopBits, table, entry, result: held };
        let exp = cx.builder.add("exp", exp, &[value]);
        let exp = without_hidden(self.softmax, cx, exp);
        let result = cx.format(Role::InvInp);
        let sum = Reduce { reduction: Reduction::SumTree, group, accum, result };
        let sum = cx.builder.add("sum", sum, &[exp]);
        let entry = cx.format(Role::InvTable);
        let inverse = self.inverse(cx.compat);
        let table = by_top_bits(result, self.sizes.inv, entry, inverse);
        let inverse = Lut { index: Index::TopBits, table, entry, result: entry };
        let inverse = cx.builder.add("inverse", inverse, &[sum]);
        let (op, read) = (Binary::Mul, [Read::Same, Read::Every(group)]);
        let shape = cx.builder.ty(value).shape.clone();
        let result = cx.format(Role::Result);
        cx.builder.add("", Eltwise { op, read, shape, result }, &[exp, inverse])
    }

    /// The exponential of a table's point; hls4ml computes in floats.
    fn exp(&self, compat: bool) -> impl Fn(f64) -> f64 {
        let sign = if self.kind == SoftmaxKind::Stable { -1.0 } else { 1.0 };
        move |x| if compat { single((sign * single(x)).exp()) } else { (sign * x).exp() }
    }

    /// The reciprocal of a table's point.
    fn inverse(&self, compat: bool) -> impl Fn(f64) -> f64 {
        // A sum that holds the exponential of 0 is never below 1.
        let unit = !compat && self.kind != SoftmaxKind::Latency;
        move |x| match (compat, unit) {
            (true, _) => single(1.0 / single(x)),
            (_, true) => (1.0 / x).min(1.0),
            _ => 1.0 / x,
        }
    }

    /// One over the sum of exponentials of the differences to every element.
    fn legacy(&self, cx: &mut Lower<'_>, input: NodeId) -> NodeId {
        // hls4ml 1.3.0 never hands the layer's table type to this kernel: it uses its default.
        let table = if cx.compat { Format::signed(18, 8) } else { cx.format(Role::Table) };
        let accum = if cx.compat { table } else { cx.format(Role::Accum) };
        let terms = self.terms(cx, input, table);
        let group = self.softmax.group;
        let result = if cx.compat { accum } else { cx.format(Role::InvInp) };
        let sum = Reduce { reduction: Reduction::SumInOrder, group, accum, result };
        let sum = cx.builder.add("sums", sum, &[terms]);
        let shape = cx.builder.ty(input).shape.clone();
        let sum = cx.builder.add("sum", Reorder::reshape(shape), &[sum]);
        let inverse = self.legacy_inverse(cx, table, result);
        cx.builder.add("", inverse, &[sum])
    }

    fn legacy_inverse(&self, cx: &Lower<'_>, table: Format, address: Format) -> Lut {
        let result = cx.format(Role::Result);
        if !cx.compat {
            let entry = cx.format(Role::InvTable);
            let table = by_top_bits(address, self.sizes.inv, entry, self.inverse(false));
            return Lut { index: Index::TopBits, table, entry, result };
        }
        let n = f64::from(self.sizes.inv);
        let point = |it: u32| single(64.0 * f64::from(it) / n);
        let inverse = |x: f64| if x > 0.0 { 1.0 / x } else { 0.0 };
        let entries = (0..self.sizes.inv).map(|it| table.quantize(inverse(point(it)))).collect();
        let index = Index::Range { log2_range: 6, offset: 0, negative: false };
        Lut { index, table: entries, entry: table, result }
    }

    /// For every element the exponentials of all differences to it, its own being 1: a row each.
    fn terms(&self, cx: &mut Lower<'_>, input: NodeId, table: Format) -> NodeId {
        let n = self.softmax.group;
        let shape = cx.builder.ty(input).shape.clone();
        let elements = shape.elements();
        let one = Format::unsigned(1, 1);
        let own = cx.builder.constant("own", Shape(vec![1]), [1].into(), one);
        let own = cx.builder.cast("one", own, table);
        let rows = |last: usize| Shape([shape.0.as_slice(), &[last]].concat());
        if n == 1 {
            let map = (0..elements).map(|_| (0, 0)).collect();
            return cx.builder.add("terms", Reorder { map, shape: rows(1) }, &[own]);
        }
        // Pairs (i, j) of one group, j running over the others.
        let others = |i: usize| (i / n * n..i / n * n + n).filter(move |j| *j != i);
        let other = (0..elements).flat_map(|i| others(i).map(|j| (0, j as u32)));
        let same = (0..elements).flat_map(|i| others(i).map(move |_| (0, i as u32)));
        let (other, same) = (other.collect(), same.collect());
        let other = cx.builder.add("other", Reorder { map: other, shape: rows(n - 1) }, &[input]);
        let same = cx.builder.add("same", Reorder { map: same, shape: rows(n - 1) }, &[input]);
        let exact = self.format.difference(self.format);
        let result = if cx.compat { exact } else { cx.format(Role::InpNorm) };
        let (op, read) = (Binary::Sub, [Read::Same; 2]);
        let difference = Eltwise { op, read, shape: rows(n - 1), result };
        let difference = cx.builder.add("difference", difference, &[other, same]);
        let exp = self.legacy_exp(cx, table, result);
        let exp = cx.builder.add("exp", exp, &[difference]);
        // Element i of a row is its own: the constant takes its place among the others.
        let term = |(i, j): (usize, usize)| match j.cmp(&(i % n)) {
            std::cmp::Ordering::Less => (0, (i * (n - 1) + j) as u32),
            std::cmp::Ordering::Equal => (1, 0),
            std::cmp::Ordering::Greater => (0, (i * (n - 1) + j - 1) as u32),
        };
        let map = (0..elements).flat_map(|i| (0..n).map(move |j| (i, j))).map(term).collect();
        cx.builder.add("terms", Reorder { map, shape: rows(n) }, &[exp, own])
    }

    fn legacy_exp(&self, cx: &Lower<'_>, table: Format, address: Format) -> Lut {
        if !cx.compat {
            let entries = by_top_bits(address, self.sizes.exp, table, f64::exp);
            return Lut { index: Index::TopBits, table: entries, entry: table, result: table };
        }
        let exp = |x: f64| single(x.exp());
        crate::layers::lookup::Lookup::hls4ml(self.sizes.exp, 4, exp).unit(table, table)
    }
}
