//! An einsum in hardware: wires bring both tensors to `[batch, free, sum]`, then a product of two
//! variable tensors is one `matmul` unit, one with a constant a `mac` unit for every batch.
//!
//! Axes that only one tensor has and the result does not are part of the sum: the other tensor is
//! repeated along them. Sums are exact by default. With `Compat: hls4ml` types are the model's
//! default where the configuration says nothing, as hls4ml infers none here but the result of `Dot`.

use std::collections::BTreeMap;

use super::einsum::{Einsum, Label};
use crate::fixed::Format;
use crate::graph::NodeId;
use crate::layers::gather::gather;
use crate::layers::{Hardware, Lower};
use crate::nn::Shape;
use crate::precision::{Resolve, Role, Span, Typed, auto, dequantized};
use crate::units::{Loaded, Mac, Matmul, Reorder};

/// An einsum of tensors of known shapes.
struct Plan {
    batch: usize,
    rows: usize,
    columns: usize,
    sum: usize,
    /// Elements of the first tensor as `[batch, rows, sum]`, of the second as `[batch, columns, sum]`.
    operands: [Vec<u32>; 2],
    /// Where each element of the result is in `[batch, rows, columns]`.
    output: Vec<u32>,
    shape: Shape,
}

/// The elements of a tensor with `labels` in the order of `order`; labels it lacks repeat it.
fn elements(order: &[Label], labels: &[Label], extents: &BTreeMap<Label, usize>) -> Vec<u32> {
    let mut all = vec![0];
    for label in order {
        let behind = labels.iter().skip_while(|it| *it != label).skip(1);
        let stride: usize = behind.map(|it| extents[it]).product();
        let stride = if labels.contains(label) { stride as u32 } else { 0 };
        let extent = extents[label] as u32;
        all = all.iter().flat_map(|at| (0..extent).map(move |it| at + it * stride)).collect();
    }
    all
}

impl Einsum {
    fn plan(&self, first: &Shape, second: Option<&Shape>) -> Plan {
        let [a, b] = &self.inputs;
        let kernel = self.kernel.as_ref().map_or(&[][..], |it| it.shape());
        let second = second.map_or(kernel, |it| it.0.as_slice());
        let extents = self.extents([&first.0, second]).expect("infer has checked the shapes");
        let kept = |in_a: bool, in_b: bool| -> Vec<Label> {
            let all = self.output.iter().copied();
            all.filter(|it| a.contains(it) == in_a && b.contains(it) == in_b).collect()
        };
        let (batch, rows, columns) = (kept(true, true), kept(true, false), kept(false, true));
        let only_b = b.iter().filter(|it| !a.contains(it));
        let sum: Vec<Label> =
            a.iter().chain(only_b).copied().filter(|it| !self.output.contains(it)).collect();
        let size = |labels: &[Label]| labels.iter().map(|it| extents[it]).product::<usize>();
        let order = [batch.as_slice(), &rows, &columns].concat();
        Plan {
            operands: [
                elements(&[batch.as_slice(), &rows, &sum].concat(), a, &extents),
                elements(&[batch.as_slice(), &columns, &sum].concat(), b, &extents),
            ],
            output: elements(&self.output, &order, &extents),
            shape: self.shape(&extents).expect("infer has checked the labels"),
            batch: size(&batch),
            rows: size(&rows),
            columns: size(&columns),
            sum: size(&sum),
        }
    }

    fn plan_of(&self, cx: &Resolve<'_>) -> Plan {
        self.plan(cx.inputs[0].shape, cx.inputs.get(1).map(|it| it.shape))
    }

    /// The bias of every element of the result, in the order of the result.
    fn biases<T: Copy>(&self, shape: &Shape, values: &[T], none: T) -> Vec<T> {
        let Some(bias) = &self.bias else { return vec![none; shape.elements()] };
        let values = ndarray::ArrayViewD::from_shape(bias.shape(), values).expect("as many");
        let all = values.broadcast(shape.0.as_slice());
        all.expect("infer has checked the bias").iter().copied().collect()
    }

    /// Range of every sum, in the order of the result.
    fn sums(&self, cx: &Resolve<'_>) -> Vec<Span> {
        let plan = self.plan_of(cx);
        let constant: Option<Vec<Span>> = self.kernel.as_ref().map(|it| {
            let values = dequantized(it, cx.format(Role::Weight), cx.compat);
            values.iter().map(|it| Span::point(*it)).collect()
        });
        let (a, b) =
            (cx.inputs[0].spans, constant.as_deref().unwrap_or_else(|| cx.inputs[1].spans));
        let values = self.bias.as_ref().map(|it| dequantized(it, cx.format(Role::Bias), cx.compat));
        let biases = self.biases(&plan.shape, values.as_deref().unwrap_or_default(), 0.0);
        let row = |which: usize, at: usize| &plan.operands[which][at * plan.sum..][..plan.sum];
        let sum = |(output, bias): (&u32, f64)| {
            let (row_at, column) =
                (*output as usize / plan.columns, *output as usize % plan.columns);
            let column = row_at / plan.rows * plan.columns + column;
            let pairs = row(0, row_at).iter().zip(row(1, column));
            pairs.fold(Span::point(bias), |sum, (x, y)| {
                sum.add(a[*x as usize].times(b[*y as usize]))
            })
        };
        plan.output.iter().zip(biases).map(sum).collect()
    }

    fn accum(&self, cx: &Resolve<'_>) -> Typed {
        if cx.compat && !cx.exact {
            return Typed::new(cx.default, "hls4ml: model default");
        }
        let frac = match &self.kernel {
            Some(_) => {
                let product = cx.inputs[0].format.frac() + cx.format(Role::Weight).frac();
                product.max(cx.format(Role::Bias).frac())
            }
            None => cx.inputs[0].format.frac() + cx.inputs[1].format.frac(),
        };
        auto::exact(Span::hull(&self.sums(cx)), frac)
    }

    fn result(&self, cx: &Resolve<'_>) -> Typed {
        if cx.compat && !cx.exact {
            if !self.dot {
                return Typed::new(cx.default, "hls4ml: model default");
            }
            let product = cx.inputs[0].format.product(cx.inputs[1].format);
            let more = self.plan_of(cx).sum.next_power_of_two().trailing_zeros();
            let (width, int_bits) = (product.width + more, product.int_bits + more as i32);
            return Typed::new(Format { width, int_bits, ..product }, "hls4ml: product and sum");
        }
        auto::sum_result(cx, &self.spans(cx))
    }
}

impl Hardware for Einsum {
    fn roles(&self) -> &'static [Role] {
        match &self.kernel {
            Some(_) => &[Role::Weight, Role::Bias, Role::Accum, Role::Result],
            None => &[Role::Accum, Role::Result],
        }
    }

    fn resolve(&self, role: Role, cx: &Resolve<'_>) -> Typed {
        match (role, &self.kernel) {
            (Role::Weight, Some(kernel)) => auto::weight(kernel, cx),
            (Role::Bias, _) => auto::bias(self.bias.as_ref(), cx),
            (Role::Accum, _) => self.accum(cx),
            _ => self.result(cx),
        }
    }

    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        let accum = cx.format(Role::Accum);
        self.sums(cx).into_iter().map(|it| it.cast(accum)).collect()
    }

    fn is_activation(&self) -> bool {
        false
    }

    fn lower(&self, cx: &mut Lower<'_>, inputs: &[NodeId]) -> NodeId {
        let shapes: Vec<Shape> = inputs.iter().map(|it| cx.builder.ty(*it).shape.clone()).collect();
        let plan = self.plan(&shapes[0], shapes.get(1));
        match &self.kernel {
            Some(_) => self.lower_constant(cx, inputs[0], &plan),
            None => self.lower_variable(cx, inputs, &plan),
        }
    }
}

impl Einsum {
    fn lower_variable(&self, cx: &mut Lower<'_>, inputs: &[NodeId], plan: &Plan) -> NodeId {
        let Plan { batch, rows, columns, sum, .. } = *plan;
        let wire = |cx: &mut Lower<'_>, k: usize, free: usize| {
            let reads = plan.operands[k].iter().map(|it| Some(*it));
            let shape = Shape(vec![batch, free, sum]);
            gather(cx, ["left", "right"][k], (inputs[k], None), reads, shape)
        };
        let operands = [wire(cx, 0, rows), wire(cx, 1, columns)];
        let in_order = plan.output.iter().enumerate().all(|(at, it)| at as u32 == *it);
        let (part, shape) = match in_order {
            true => ("", plan.shape.clone()),
            false => ("product", Shape(vec![batch, rows, columns])),
        };
        let (accum, result) = (cx.format(Role::Accum), cx.format(Role::Result));
        let products = self.dot;
        let unit = Matmul { batch, rows, columns, sum, products, accum, result, shape };
        let product = cx.builder.add(part, unit, &operands);
        if in_order {
            return product;
        }
        let map = plan.output.iter().map(|it| (0, *it)).collect();
        cx.builder.add("", Reorder { map, shape: plan.shape.clone() }, &[product])
    }

    /// A matrix for every batch; where the bias differs between rows, for every row.
    fn lower_constant(&self, cx: &mut Lower<'_>, input: NodeId, plan: &Plan) -> NodeId {
        let Plan { batch, rows, columns, sum, .. } = *plan;
        let kernel = self.kernel.as_ref().expect("the second tensor is a constant");
        let weights = cx.quantize(kernel, Role::Weight);
        let mantissas = self.bias.as_ref().map(|it| cx.quantize(it, Role::Bias));
        let told = self.biases(&plan.shape, mantissas.as_deref().unwrap_or_default(), 0);
        let mut biases = vec![0; told.len()];
        plan.output.iter().zip(&told).for_each(|(at, it)| biases[*at as usize] = *it);
        let own = |row: usize| &biases[row * columns..][..columns];
        let alike = (0..batch * rows).all(|row| own(row) == own(row / rows * rows));
        let taken = if alike { rows } else { 1 };
        let mut parts = Vec::new();
        for first in (0..batch * rows).step_by(taken.max(1)) {
            let matrix = &plan.operands[1][first / rows * columns * sum..][..columns * sum];
            let weight = |at: usize| weights[matrix[at % columns * sum + at / columns] as usize];
            let mac = Mac {
                n_in: sum,
                n_out: columns,
                weights: (0..sum * columns).map(weight).collect(),
                weight: cx.format(Role::Weight),
                biases: own(first).into(),
                bias: cx.format(Role::Bias),
                accum: cx.format(Role::Accum),
                result: cx.format(Role::Result),
                loaded: Loaded::Nothing,
            };
            let reads = plan.operands[0][first * sum..][..taken * sum].iter().map(|it| Some(*it));
            let shape = Shape(vec![taken, sum]);
            let read = gather(cx, &format!("rows_{first}"), (input, None), reads, shape);
            parts.push(cx.builder.add(&format!("product_{first}"), mac, &[read]));
        }
        let size = (taken * columns).max(1) as u32;
        let map = plan.output.iter().map(|it| (it / size, it % size)).collect();
        cx.builder.add("", Reorder { map, shape: plan.shape.clone() }, &parts)
    }
}
