//! hls4ml's layer normalization, step by step as its C simulation takes them: every sum, difference
//! and square in the accumulator, the variance truncated to the entries of a table over `[0, 1)`.

use super::build::Groups;
use super::{LayerNorm, Statistic};
use crate::fixed::{Format, Overflow, Rounding};
use crate::graph::NodeId;
use crate::layers::Lower;
use crate::layers::lookup::single;
use crate::nn::Shape;
use crate::precision::{Resolve, Role, Span, Typed};
use crate::units::{
    Affine, Binary, Eltwise, Index, Lut, Matmul, Read, Reduce, Reduction, Requantize,
};

/// Whether hls4ml has the layer: the last of two axes, with mean and variance.
pub(super) fn has(norm: &LayerNorm, shape: &Shape) -> bool {
    norm.statistic == Statistic::Deviation && shape.0.len() == 2 && norm.axes == [1]
}

/// hls4ml's defaults; a result is sized as that of a batch normalization.
pub(super) fn resolve(role: Role, cx: &Resolve<'_>) -> Typed {
    let modes = |it: Format| it.with(Rounding::RndConv, Overflow::Sat);
    let format = match role {
        Role::Scale | Role::Bias => cx.default,
        Role::Accum => modes(Format::signed(14, 4)),
        Role::Table => modes(Format::unsigned(8, 5)),
        Role::InvInp => return Typed::new(Format::unsigned(1, 1), "not used"),
        _ => {
            let (product, bias) =
                (cx.inputs[0].format.product(cx.format(Role::Scale)), cx.format(Role::Bias));
            let sum = product.int_bits + i32::from(bias.signed && !product.signed);
            let offset = bias.int_bits + i32::from(product.signed && !bias.signed);
            let int_bits = sum.max(offset) + 1;
            let width = (int_bits + product.frac().max(bias.frac())) as u32;
            let signed = product.signed || bias.signed;
            Format { signed, ..Format::signed(width, int_bits) }
        }
    };
    Typed::new(format, "hls4ml: layer normalization")
}

/// What the product of a difference, a table's entry and a factor can be, with an offset.
pub(super) fn span(norm: &LayerNorm, cx: &Resolve<'_>) -> Span {
    let entries = Span::of(cx.format(Role::Table));
    let one = Span::of(cx.format(Role::Accum)).times(entries);
    let scale = norm.scale.as_ref().map_or(Span::point(1.0), |_| Span::of(cx.format(Role::Scale)));
    let bias = norm.bias.as_ref().map_or(Span::point(0.0), |_| Span::of(cx.format(Role::Bias)));
    one.times(scale).add(bias)
}

/// Builds the layer on rows, a group each.
pub(super) fn lower(norm: &LayerNorm, cx: &mut Lower<'_>, rows: NodeId, groups: &Groups) -> NodeId {
    let (accum, group, shape) = (cx.format(Role::Accum), groups.size, groups.rows());
    let share = accum.quantize(1.0 / group as f64);
    let divide = || Affine {
        scales: [share].into(),
        scale: accum,
        biases: [0].into(),
        bias: Format::unsigned(1, 1),
        result: accum,
    };
    let sum = Reduce { reduction: Reduction::SumInOrder, group, accum, result: accum };
    let sum = cx.builder.add("sum", sum, &[rows]);
    let mean = cx.builder.add("mean", divide(), &[sum]);
    let cast = cx.builder.add("cast", Requantize::uniform(accum), &[rows]);
    let read = [Read::Same, Read::Every(group)];
    let difference = Eltwise { op: Binary::Sub, read, shape: shape.clone(), result: accum };
    let difference = cx.builder.add("difference", difference, &[cast, mean]);
    let squares = Matmul {
        batch: groups.count(),
        rows: 1,
        columns: 1,
        sum: group,
        products: true,
        accum,
        result: accum,
        shape: Shape(vec![groups.count(), 1]),
    };
    let squares = cx.builder.add("squares", squares, &[difference, difference]);
    let variance = cx.builder.add("variance", divide(), &[squares]);
    let (entry, entries) = (cx.format(Role::Table), cx.formats.settings.table_size);
    let least = single(10f64.powi(norm.epsilon.log10().round() as i32));
    let step = single(1.0 / f64::from(entries));
    let point = |it: u32| single(least + single(step * f64::from(it)));
    let table = (0..entries).map(|it| entry.quantize(1.0 / point(it).sqrt())).collect();
    let index = Index::Range { log2_range: 0, offset: 0, negative: false };
    let inverse = Lut { index, table, entry, result: entry };
    let inverse = cx.builder.add("inverse", inverse, &[variance]);
    let exact = accum.product(entry);
    let product = Eltwise { op: Binary::Mul, read, shape, result: exact };
    let product = cx.builder.add("normalized", product, &[difference, inverse]);
    let affine = norm.affine(cx, groups, cx.format(Role::Result));
    let scaled = cx.builder.add("scaled", affine, &[product]);
    groups.back(cx, "", scaled)
}
