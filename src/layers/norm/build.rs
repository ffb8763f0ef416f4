//! Normalization in hardware, accurate for inputs of any size.
//!
//! Mean (rounded to some bits behind the input's), differences, the exact sum of their squares; one
//! over its root by a table that floating-point numbers address, so that its relative error, 0.2
//! percent with 4096 entries, is the same for groups of all sizes; products with the differences,
//! then factors and offsets. Nothing can overflow: a normalized value is below the root of the
//! number of elements.

use ndarray::ArrayD;

use super::{LayerNorm, Statistic, hls4ml};
use crate::fixed::{Format, Mantissas};
use crate::graph::NodeId;
use crate::layers::gather::gather;
use crate::layers::lookup::Lookup;
use crate::layers::{Hardware, Lower};
use crate::nn::Shape;
use crate::precision::{Resolve, Role, Span, Typed, auto, dequantized};
use crate::source::Tensor;
use crate::units::{Affine, Binary, Eltwise, Matmul, Read, Reduce, Reduction, Reorder, Requantize};

/// Most bits of a mean behind those of its elements.
const MEAN_BITS: u32 = 4;

/// The groups of an operand of a known shape.
pub(super) struct Groups {
    /// Elements of a group.
    pub size: usize,
    /// Elements of the operand, group after group.
    pub reads: Vec<u32>,
    pub shape: Shape,
}

impl Groups {
    /// Number of groups.
    pub(super) fn count(&self) -> usize {
        self.reads.len() / self.size.max(1)
    }

    /// `[groups, elements]`.
    pub(super) fn rows(&self) -> Shape {
        Shape(vec![self.count(), self.size])
    }

    /// Wires back to the shape of the operand.
    pub(super) fn back(&self, cx: &mut Lower<'_>, part: &str, rows: NodeId) -> NodeId {
        let mut map = vec![(0, 0); self.reads.len()];
        self.reads.iter().enumerate().for_each(|(at, it)| map[*it as usize] = (0, at as u32));
        cx.builder.add(part, Reorder { map: map.into(), shape: self.shape.clone() }, &[rows])
    }
}

impl LayerNorm {
    pub(super) fn groups(&self, shape: &Shape) -> Groups {
        let kept = (0..shape.0.len()).filter(|it| !self.axes.contains(it));
        let order: Vec<usize> = kept.chain(self.axes.iter().copied()).collect();
        let elements = (0..shape.elements() as u32).collect();
        let elements = ArrayD::from_shape_vec(shape.0.as_slice(), elements);
        let elements = elements.expect("as many as elements").permuted_axes(order);
        let size = self.axes.iter().map(|it| shape.0[*it]).product();
        Groups { size, reads: elements.iter().copied().collect(), shape: shape.clone() }
    }

    /// A weight for each element, group after group; one for all groups if they are alike.
    fn spread<T: Copy + PartialEq>(
        &self,
        groups: &Groups,
        shape: &[usize],
        values: &[T],
    ) -> Vec<T> {
        let values = ndarray::ArrayViewD::from_shape(shape, values).expect("as many as the weight");
        let all = values.broadcast(groups.shape.0.as_slice()).expect("infer has checked it");
        let all: Vec<T> = all.iter().copied().collect();
        let all: Vec<T> = groups.reads.iter().map(|it| all[*it as usize]).collect();
        match all.chunks(groups.size).all(|it| *it == all[..groups.size]) {
            true => all[..groups.size].to_vec(),
            false => all,
        }
    }

    /// Whether the mean is taken off before squares are summed.
    fn centers(&self) -> bool {
        matches!(self.statistic, Statistic::Deviation | Statistic::Spread)
    }

    /// The format of a mean.
    fn mean(&self, input: Format, size: usize) -> Format {
        let exact = size.next_power_of_two().trailing_zeros();
        let more = if size.is_power_of_two() { exact.min(MEAN_BITS) } else { MEAN_BITS };
        Format { width: input.width + more, ..input }.rounded()
    }

    /// What is squared.
    fn squared(&self, input: Format, size: usize) -> Format {
        match self.centers() {
            true => input.difference(self.mean(input, size)),
            false => input.with(Default::default(), Default::default()),
        }
    }

    /// What addresses the table: the sum of squares, as finely as epsilon asks for.
    fn address(&self, cx: &Resolve<'_>, size: usize) -> Typed {
        let (n, input) = (size as f64, cx.inputs[0].format);
        let all = Span::hull(cx.inputs[0].spans);
        let squared = self.squared(input, size);
        let last = squared.value(1);
        let largest = match self.centers() {
            true => n * ((all.hi - all.lo).powi(2) / 4.0 + last * last),
            false => n * all.lo.abs().max(all.hi.abs()).powi(2),
        };
        let exact = 2 * squared.frac();
        let wanted = match self.statistic {
            Statistic::Length => exact,
            _ => (256.0 / (n * self.epsilon)).log2().ceil().clamp(-500.0, 500.0) as i32,
        };
        let frac = wanted.min(exact);
        let int_bits = Span::new(0.0, largest * 1.01).int_bits().max(1 - frac);
        let format = Format::unsigned((int_bits + frac) as u32, int_bits).rounded();
        Typed::new(format, format!("sums of squares up to {largest:.4}"))
    }

    /// One over the root, for sums of squares.
    fn table(&self, address: Format, size: usize, entries: u32) -> Lookup {
        let least = address.value(1);
        Lookup::float(address, entries, |sum| match self.statistic {
            Statistic::Length => 1.0 / sum.max(least).max(self.epsilon).sqrt(),
            _ => 1.0 / (sum / size as f64 + self.epsilon).max(least / size as f64).sqrt(),
        })
    }

    /// Largest magnitude of a normalized value; the table's error is far below the last 16th.
    fn largest(&self, input: Format, size: usize) -> f64 {
        let bound = match self.statistic {
            Statistic::Length => 1.0,
            Statistic::Spread => f64::INFINITY,
            _ => (size as f64).sqrt(),
        };
        let span = Span::of(self.squared(input, size));
        let most = span.lo.abs().max(span.hi) / self.epsilon.max(1e-30).sqrt();
        let most = if self.statistic == Statistic::Length { 1.0 } else { most };
        bound.min(most) * 17.0 / 16.0
    }

    /// The format of normalized values in front of factors and offsets.
    fn normalized(&self, input: Format, size: usize, result: Format) -> Format {
        let largest = self.largest(input, size);
        Span::new(-largest, largest).format(result.width + 2).rounded()
    }

    fn is_plain(&self) -> bool {
        self.scale.is_none() && self.bias.is_none()
    }

    /// Range of every element, group after group.
    fn ranges(&self, cx: &Resolve<'_>) -> Vec<Span> {
        let groups = self.groups(cx.inputs[0].shape);
        let input = cx.inputs[0].format;
        let largest = self.largest(input, groups.size);
        let one = Span::new(-largest, largest);
        let weights = |weight: &Option<Tensor>, role, none| match weight {
            None => vec![none],
            Some(it) => {
                let values = dequantized(it, cx.format(role), cx.compat);
                self.spread(&groups, it.shape(), &values)
            }
        };
        let (scales, biases) =
            (weights(&self.scale, Role::Scale, 1.0), weights(&self.bias, Role::Bias, 0.0));
        let at = |it: usize| {
            one.scale(scales[it % scales.len()]).add(Span::point(biases[it % biases.len()]))
        };
        (0..groups.reads.len()).map(at).collect()
    }
}

impl Hardware for LayerNorm {
    fn roles(&self) -> &'static [Role] {
        &[Role::Scale, Role::Bias, Role::Accum, Role::InvInp, Role::Table, Role::Result]
    }

    fn resolve(&self, role: Role, cx: &Resolve<'_>) -> Typed {
        if cx.compat && hls4ml::has(self, cx.inputs[0].shape) {
            return hls4ml::resolve(role, cx);
        }
        let size = self.groups(cx.inputs[0].shape).size;
        let input = cx.inputs[0].format;
        match role {
            Role::Scale => match &self.scale {
                Some(scale) => auto::constant(scale, cx),
                None => Typed::new(Format::unsigned(1, 1), "no factors"),
            },
            Role::Bias => match &self.bias {
                Some(bias) => auto::constant(bias, cx),
                None => Typed::new(Format::unsigned(1, 1), "no offsets"),
            },
            Role::Accum => {
                let all = Span::hull(cx.inputs[0].spans).union(Span::point(0.0));
                auto::exact(all.scale(size as f64), input.frac())
            }
            Role::InvInp => self.address(cx, size),
            Role::Table => {
                let table = self.table(cx.format(Role::InvInp), size, cx.settings.table_size);
                Typed::new(table.relative(), "one over the root, of all sizes")
            }
            _ => cx.result(Span::hull(&self.spans(cx))),
        }
    }

    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        let groups = self.groups(cx.inputs[0].shape);
        if cx.compat && hls4ml::has(self, cx.inputs[0].shape) {
            return vec![hls4ml::span(self, cx); groups.reads.len()];
        }
        let mut spans = vec![Span::point(0.0); groups.reads.len()];
        let ranges = self.ranges(cx);
        groups.reads.iter().zip(ranges).for_each(|(at, it)| spans[*at as usize] = it);
        spans
    }

    fn is_activation(&self) -> bool {
        false
    }

    fn lower(&self, cx: &mut Lower<'_>, inputs: &[NodeId]) -> NodeId {
        let groups = self.groups(&cx.builder.ty(inputs[0]).shape.clone());
        // One format for all elements, as the formats of sums and squares follow from it.
        let format = cx.builder.ty(inputs[0]).union();
        let aligned = match cx.builder.ty(inputs[0]).common() {
            Some(_) => inputs[0],
            None => cx.builder.add("aligned", Requantize::uniform(format), &[inputs[0]]),
        };
        let reads = groups.reads.iter().map(|it| Some(*it));
        let rows = gather(cx, "groups", (aligned, None), reads, groups.rows());
        if cx.compat && hls4ml::has(self, &groups.shape) {
            return hls4ml::lower(self, cx, rows, &groups);
        }
        let squared = if self.centers() { self.difference(cx, rows, &groups) } else { rows };
        let inverse = self.inverse(cx, squared, &groups);
        let divided = if self.statistic == Statistic::Spread { rows } else { squared };
        let plain = self.is_plain();
        let result = cx.format(Role::Result);
        let to = if plain { result } else { self.normalized(format, groups.size, result) };
        let (op, read) = (Binary::Mul, [Read::Same, Read::Every(groups.size)]);
        let product = Eltwise { op, read, shape: groups.rows(), result: to };
        let mut value = cx.builder.add("normalized", product, &[divided, inverse]);
        if !plain {
            let affine = self.affine(cx, &groups, result);
            value = cx.builder.add("scaled", affine, &[value]);
        }
        groups.back(cx, "", value)
    }
}

impl LayerNorm {
    /// Every element less the mean of its group.
    fn difference(&self, cx: &mut Lower<'_>, rows: NodeId, groups: &Groups) -> NodeId {
        let (input, accum) = (cx.builder.ty(rows).union(), cx.format(Role::Accum));
        let sum =
            Reduce { reduction: Reduction::SumTree, group: groups.size, accum, result: accum };
        let sum = cx.builder.add("sum", sum, &[rows]);
        let mean = self.mean(input, groups.size);
        // Half a unit of the mean's last place is more than all that the reciprocal lacks.
        let share = Format::unsigned(accum.width + mean.width + 2, 1).rounded();
        let mean = Affine {
            scales: [share.quantize(1.0 / groups.size as f64)].into(),
            scale: share,
            biases: [0].into(),
            bias: Format::unsigned(1, 1),
            result: mean,
        };
        let mean = cx.builder.add("mean", mean, &[sum]);
        let result = self.squared(input, groups.size);
        let read = [Read::Same, Read::Every(groups.size)];
        let difference = Eltwise { op: Binary::Sub, read, shape: groups.rows(), result };
        cx.builder.add("difference", difference, &[rows, mean])
    }

    /// One over the root for each group.
    fn inverse(&self, cx: &mut Lower<'_>, squared: NodeId, groups: &Groups) -> NodeId {
        let format = cx.builder.ty(squared).union();
        let more = groups.size.next_power_of_two().trailing_zeros() + 1;
        let square = format.product(format);
        let (width, int_bits) = (square.width + more, square.int_bits + more as i32);
        let address = cx.format(Role::InvInp);
        let sum = Matmul {
            batch: groups.count(),
            rows: 1,
            columns: 1,
            sum: groups.size,
            products: false,
            accum: Format { width, int_bits, ..square },
            result: address,
            shape: Shape(vec![groups.count(), 1]),
        };
        let sum = cx.builder.add("squares", sum, &[squared, squared]);
        let entry = cx.format(Role::Table);
        let table = self.table(address, groups.size, cx.formats.settings.table_size);
        table.add(cx.builder, "inverse", sum, [entry, entry])
    }

    /// Factors and offsets, as many as differ.
    pub(super) fn affine(&self, cx: &Lower<'_>, groups: &Groups, result: Format) -> Affine {
        let spread = |weight: &Option<Tensor>, role, none: i128| match weight {
            None => vec![none],
            Some(it) => self.spread(groups, it.shape(), &cx.quantize(it, role)),
        };
        let one = Format::unsigned(1, 1);
        let scale = self.scale.as_ref().map_or(one, |_| cx.format(Role::Scale));
        let bias = self.bias.as_ref().map_or(one, |_| cx.format(Role::Bias));
        let (scales, biases) =
            (spread(&self.scale, Role::Scale, 1), spread(&self.bias, Role::Bias, 0));
        let count = scales.len().max(biases.len());
        let all = |it: &[i128]| -> Mantissas { it.iter().copied().cycle().take(count).collect() };
        Affine { scales: all(&scales), scale, biases: all(&biases), bias, result }
    }
}
