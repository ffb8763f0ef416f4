//! Sums of products with a constant matrix, the same at every position: what dense layers and
//! convolutions of any kind are in hardware.
//!
//! At each position the elements that are read are gathered into a row, zeros where there is padding,
//! and one `mac` unit multiplies all rows. Groups of channels have a `mac` unit each on rows of their
//! own; wires put their outputs side by side.

use std::borrow::Cow;

use super::Lower;
use super::gather::{Element, Gathering, gather};
use crate::config::Weights;
use crate::graph::NodeId;
use crate::nn::Shape;
use crate::precision::{Resolve, Role, Span, Typed, auto, dequantized};
use crate::source::Tensor;
use crate::units::{Loaded, Mac, Reorder};

/// Products of gathered rows with constant matrices.
#[derive(Debug)]
pub(super) struct Linear<'a> {
    /// A row of all output channels for each term of a sum, in order.
    pub weights: Cow<'a, Tensor>,
    /// One for each output channel.
    pub bias: Option<&'a Tensor>,
    /// Weights and biases are on a grid of the model's own and must be kept as they are.
    pub quantized: bool,
    /// Output channels divide into this many groups, each with rows of its own.
    pub groups: usize,
    /// What is read for each position, group and term.
    pub reads: Vec<Element>,
    /// Shape of the result; the last axis are the output channels.
    pub shape: Shape,
}

impl Linear<'_> {
    fn n_out(&self) -> usize {
        self.shape.last()
    }

    /// Terms of a sum.
    fn terms(&self) -> usize {
        self.weights.len() / self.n_out()
    }

    /// Range of every output, before any cast.
    fn sums(&self, cx: &Resolve<'_>) -> Vec<Span> {
        if cx.settings.weights == Weights::Runtime {
            return self.any_sums(cx);
        }
        let weights = dequantized(&self.weights, cx.format(Role::Weight), cx.compat);
        let bias = self.bias.map(|it| dequantized(it, cx.format(Role::Bias), cx.compat));
        let span = |it: &Element| it.map_or(Span::point(0.0), |it| cx.inputs[0].spans[it as usize]);
        let (terms, n_out) = (self.terms(), self.n_out());
        let columns = n_out / self.groups;
        let mut sums: Vec<Span> = Vec::with_capacity(self.shape.elements());
        let mut last = Vec::new();
        for reads in self.reads.chunks(terms * self.groups) {
            let inputs: Vec<Span> = reads.iter().map(span).collect();
            let first = sums.len();
            if inputs == last {
                // Inside an image all positions are alike.
                sums.extend_from_within(first - n_out..);
                continue;
            }
            sums.extend((0..n_out).map(|j| Span::point(bias.as_ref().map_or(0.0, |it| it[j]))));
            for (group, inputs) in inputs.chunks(terms).enumerate() {
                let from = group * columns;
                for (input, row) in inputs.iter().zip(weights.chunks(n_out)) {
                    let sums = sums[first + from..].iter_mut();
                    for (sum, weight) in sums.zip(&row[from..from + columns]) {
                        *sum = sum.add(input.scale(*weight));
                    }
                }
            }
            last = inputs;
        }
        sums
    }

    /// The same for any weights and biases of their formats.
    fn any_sums(&self, cx: &Resolve<'_>) -> Vec<Span> {
        let weight = Span::of(cx.format(Role::Weight));
        let bias = self.bias.map_or(Span::point(0.0), |_| Span::of(cx.format(Role::Bias)));
        let product = |it: &Element| {
            it.map_or(Span::point(0.0), |it| cx.inputs[0].spans[it as usize].times(weight))
        };
        let sum = |it: &[Element]| it.iter().map(product).fold(bias, Span::add);
        let columns = self.n_out() / self.groups;
        let sums = self.reads.chunks(self.terms()).map(sum);
        sums.flat_map(|it| std::iter::repeat_n(it, columns)).collect()
    }

    /// What of the unit can be loaded.
    fn loaded(&self, weights: Weights) -> Loaded {
        match (weights, self.bias) {
            (Weights::Constant, _) => Loaded::Nothing,
            (Weights::Runtime, None) => Loaded::Weights,
            (Weights::Runtime, Some(_)) => Loaded::All,
        }
    }

    /// The unit of one group.
    fn mac(&self, cx: &Lower<'_>, group: usize) -> Mac {
        let (n_out, columns) = (self.n_out(), self.n_out() / self.groups);
        let own = group * columns..(group + 1) * columns;
        let weights = cx.quantize(&self.weights, Role::Weight);
        let weights = weights.chunks(n_out).flat_map(|row| row[own.clone()].iter().copied());
        let biases = match self.bias {
            Some(bias) => cx.quantize(bias, Role::Bias)[own.clone()].into(),
            None => vec![0; columns].into(),
        };
        Mac {
            n_in: self.terms(),
            n_out: columns,
            weights: weights.collect(),
            weight: cx.format(Role::Weight),
            biases,
            bias: cx.format(Role::Bias),
            accum: cx.format(Role::Accum),
            result: cx.format(Role::Result),
            loaded: self.loaded(cx.formats.settings.weights),
        }
    }

    /// The rows of one group at all positions.
    fn rows(
        &self,
        cx: &mut Lower<'_>,
        part: &str,
        operands: (NodeId, Option<NodeId>),
        group: usize,
    ) -> NodeId {
        let (terms, mut shape) = (self.terms(), self.shape.clone());
        shape.0.pop();
        shape.0.push(terms);
        let own = self.reads.chunks(terms).skip(group).step_by(self.groups);
        gather(cx, part, operands, own.flatten().copied(), shape)
    }

    /// Wires that put the outputs of all groups side by side.
    fn join(&self) -> Reorder {
        let (n_out, columns) = (self.n_out(), self.n_out() / self.groups);
        let from = |at: usize| {
            let (position, channel) = (at / n_out, at % n_out);
            ((channel / columns) as u32, (position * columns + channel % columns) as u32)
        };
        let map = (0..self.shape.elements()).map(from).collect();
        Reorder { map, shape: self.shape.clone() }
    }
}

impl Gathering for Linear<'_> {
    const ROLES: &'static [Role] = &[Role::Weight, Role::Bias, Role::Accum, Role::Result];

    fn resolve(&self, role: Role, cx: &Resolve<'_>) -> Typed {
        let is_loaded = cx.settings.weights == Weights::Runtime;
        match role {
            Role::Weight if is_loaded => auto::loaded(Some(&self.weights), self.quantized, cx),
            Role::Bias if is_loaded => auto::loaded(self.bias, self.quantized, cx),
            Role::Weight if self.quantized => auto::grid(Some(&self.weights)),
            Role::Bias if self.quantized && self.bias.is_none_or(auto::is_short) => {
                auto::grid(self.bias)
            }
            Role::Weight => auto::weight(&self.weights, cx),
            Role::Bias => auto::bias(self.bias, cx),
            Role::Accum => {
                let frac = cx.inputs[0].format.frac() + cx.format(Role::Weight).frac();
                auto::accum(cx, self.terms(), frac, &self.sums(cx))
            }
            _ => auto::sum_result(cx, &self.spans(cx)),
        }
    }

    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        let accum = cx.format(Role::Accum);
        self.sums(cx).into_iter().map(|sum| sum.cast(accum)).collect()
    }

    fn lower(&self, cx: &mut Lower<'_>, input: NodeId) -> NodeId {
        let format = cx.builder.ty(input).union();
        let zero = self.reads.contains(&None);
        let zero = zero.then(|| cx.builder.constant("zero", Shape(vec![1]), [0].into(), format));
        if self.groups == 1 {
            let rows = self.rows(cx, "windows", (input, zero), 0);
            let mac = self.mac(cx, 0);
            return cx.builder.add("", mac, &[rows]);
        }
        let group = |group: usize| {
            let rows = self.rows(cx, &format!("windows_{group}"), (input, zero), group);
            let mac = self.mac(cx, group);
            cx.builder.add(&format!("group_{group}"), mac, &[rows])
        };
        let parts: Vec<NodeId> = (0..self.groups).map(group).collect();
        cx.builder.add("", self.join(), &parts)
    }
}
