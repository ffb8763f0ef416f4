//! Recurrent layers as units: the products of all inputs at once, then a loop over time.
//!
//! Casts stand where hls4ml has them: both products, their sums and what the activations give are in
//! the accumulator's type under its compatibility. By default activations have types of their own:
//! the accumulator is exact, and far too wide for them.

use std::sync::Arc;

use super::{Cell, Recurrent};
use crate::fixed::{Format, Type};
use crate::graph::NodeId;
use crate::layers::inner;
use crate::layers::{Layer, Lower};
use crate::nn::Shape;
use crate::precision::{LayerFormats, Role, Typed};
use crate::source::Tensor;
use crate::units::{Binary, Eltwise, Input, Loaded, Mac, Read, Reorder, Scan};

/// What an activation is for.
#[derive(Clone, Copy, PartialEq)]
enum Use {
    Gate,
    Candidate,
    Output,
}

/// State before or behind a step: `h`, and the cells of an LSTM.
type State = Vec<NodeId>;

impl Recurrent {
    /// Builds the layer.
    pub(super) fn build(&self, cx: &mut Lower<'_>, inputs: &[NodeId]) -> NodeId {
        let (units, accum) = (self.units(), cx.format(Role::Accum));
        let steps = cx.builder.ty(inputs[0]).shape.0[0];
        let bias = self.bias.as_ref().map(|it| (it, Role::Bias));
        let all =
            self.mac(cx, (&self.kernel, Role::Weight), bias, (Role::Accum, 0..self.columns()));
        let rows = cx.builder.add("inputs", all, &[inputs[0]]);
        let roles: &[Role] =
            if self.cell == Cell::Lstm { &[Role::Result, Role::State] } else { &[Role::Result] };
        let mut operands = vec![rows];
        for (at, role) in roles.iter().enumerate() {
            let (format, name) = (cx.format(*role), ["first", "first_cells"][at]);
            operands.push(match inputs.get(1 + at) {
                Some(state) => cx.builder.cast(name, *state, format),
                None => {
                    cx.builder.constant(name, Shape(vec![units]), vec![0; units].into(), format)
                }
            });
        }
        let mut body = cx.builder.body();
        let mut port = |part: &str, extent: usize, format: Format| {
            let ty = Type::uniform(Shape(vec![extent]), format);
            let id = body.add(part, Input { ty }, &[]);
            body.graph.inputs.push(id);
            id
        };
        let x = port("x", self.columns(), accum);
        let state: State = (roles.iter().zip(["h", "c"]))
            .map(|(role, part)| port(part, units, cx.formats.format(*role)))
            .collect();
        let mut inside = Lower {
            builder: &mut body,
            formats: cx.formats,
            operands: cx.operands.clone(),
            compat: cx.compat,
        };
        let mut outputs = self.cell(&mut inside, x, &state);
        outputs.push(self.row(&mut inside, &outputs));
        body.graph.outputs = outputs;
        let (backwards, every) = (self.backwards, self.sequences);
        let body = Arc::new(body.graph);
        cx.builder.add("", Scan { body, steps, sequences: 1, backwards, every }, &operands)
    }

    fn columns(&self) -> usize {
        self.recurrent.shape()[1]
    }

    /// A row of the output.
    fn row(&self, cx: &mut Lower<'_>, state: &[NodeId]) -> NodeId {
        let [h, c] = state[..] else { return state[0] };
        if !self.cells {
            return h;
        }
        let c = cx.builder.cast("cells", c, cx.formats.format(Role::Result));
        let units = self.units() as u32;
        let map = (0..2).flat_map(|from| (0..units).map(move |it| (from, it))).collect();
        cx.builder.add("row", Reorder { map, shape: Shape(vec![2 * units as usize]) }, &[h, c])
    }

    /// Some columns of a matrix.
    fn mac(
        &self,
        cx: &Lower<'_>,
        (weights, weight): (&Tensor, Role),
        bias: Option<(&Tensor, Role)>,
        (result, columns): (Role, std::ops::Range<usize>),
    ) -> Mac {
        let own = cx.quantize(weights, weight);
        let own = own.chunks(self.columns()).flat_map(|row| row[columns.clone()].iter().copied());
        let (biases, bias) = match bias {
            Some((bias, role)) => {
                (cx.quantize(bias, role)[columns.clone()].into(), cx.format(role))
            }
            None => (vec![0; columns.len()].into(), Format::unsigned(1, 1)),
        };
        Mac {
            n_in: weights.shape()[0],
            n_out: columns.len(),
            weights: own.collect(),
            weight: cx.format(weight),
            biases,
            bias,
            accum: cx.format(Role::Accum),
            result: cx.format(result),
            loaded: Loaded::Nothing,
        }
    }

    /// `h R + b`, some columns of it.
    fn again(
        &self,
        cx: &mut Lower<'_>,
        part: &str,
        h: NodeId,
        columns: std::ops::Range<usize>,
    ) -> NodeId {
        let bias = self.recurrent_bias.as_ref().map(|it| (it, Role::RecurrentBias));
        let mac =
            self.mac(cx, (&self.recurrent, Role::RecurrentWeight), bias, (Role::Accum, columns));
        cx.builder.add(part, mac, &[h])
    }

    /// Columns of gates.
    fn gates(&self, cx: &mut Lower<'_>, part: &str, from: NodeId, gates: &[usize]) -> NodeId {
        let units = self.units();
        let columns = gates.iter().flat_map(|it| it * units..(it + 1) * units);
        let map: Arc<[(u32, u32)]> = columns.map(|it| (0, it as u32)).collect();
        if map.len() == cx.builder.ty(from).elements() {
            return from;
        }
        let shape = Shape(vec![map.len()]);
        cx.builder.add(part, Reorder { map, shape }, &[from])
    }

    /// An activation.
    fn act(&self, cx: &mut Lower<'_>, part: &str, layer: &Layer, use_: Use, x: NodeId) -> NodeId {
        let formats = self.activation_formats(cx, layer, use_, x);
        inner::lower(layer, &formats, cx, part, &[x])
    }

    fn activation_formats(
        &self,
        cx: &Lower<'_>,
        layer: &Layer,
        use_: Use,
        x: NodeId,
    ) -> LayerFormats {
        let mut around = self.around(cx.formats.settings.clone(), cx.compat);
        let mut give = |role: Role, from: Role| {
            if let Some(typed) = cx.formats.types.get(&from) {
                around.types.push((role, Typed::new(typed.format, typed.reason.clone())));
            }
        };
        give(Role::Table, Role::Table);
        match use_ {
            _ if cx.compat => give(Role::Result, Role::Accum),
            // What has bounds gets all of its bits for them.
            _ if inner::bounds(layer).is_some() => {}
            Use::Gate => {}
            Use::Candidate if self.cell == Cell::Lstm => give(Role::Result, Role::State),
            Use::Candidate | Use::Output => give(Role::Result, Role::Result),
        }
        if self.cell == Cell::Simple {
            around.types.retain(|(role, _)| *role != Role::Result);
            around.types.push((Role::Result, cx.formats.types[&Role::Result].clone()));
        }
        let ty = cx.builder.ty(x);
        inner::decide(layer, &[inner::any(&ty.shape, ty.union())], &around)
    }

    /// `a op b`; exact without a format.
    fn combine(
        &self,
        cx: &mut Lower<'_>,
        part: &str,
        op: Binary,
        [a, b]: [NodeId; 2],
        result: Option<Format>,
    ) -> NodeId {
        let (left, right) = (cx.builder.ty(a), cx.builder.ty(b));
        let shape = left.shape.clone();
        let mut unit = Eltwise { op, read: [Read::Same; 2], shape, result: left.union() };
        unit.result = result.unwrap_or_else(|| unit.exact(left.union(), right.union()).0);
        cx.builder.add(part, unit, &[a, b])
    }

    /// A step: the next state from the one before and the products of the inputs.
    fn cell(&self, cx: &mut Lower<'_>, x: NodeId, state: &[NodeId]) -> State {
        let accum = Some(cx.format(Role::Accum));
        match self.cell {
            Cell::Simple => {
                let again = self.again(cx, "products", state[0], 0..self.columns());
                let sum = self.combine(cx, "sum", Binary::Add, [x, again], accum);
                let activation = &self.activation;
                // hls4ml has no kernel of this: the activation makes the output right away.
                vec![self.act(cx, "activation", activation, Use::Output, sum)]
            }
            Cell::Lstm => self.lstm(cx, x, [state[0], state[1]]),
            Cell::Gru { reset_after } => vec![self.gru(cx, x, state[0], reset_after)],
        }
    }

    fn lstm(&self, cx: &mut Lower<'_>, x: NodeId, [h, c]: [NodeId; 2]) -> State {
        let (accum, state) = (Some(cx.format(Role::Accum)), Some(cx.format(Role::State)));
        let result = Some(cx.format(Role::Result));
        let again = self.again(cx, "products", h, 0..self.columns());
        let sum = self.combine(cx, "sums", Binary::Add, [x, again], accum);
        let gates = self.gates(cx, "gate_sums", sum, &[0, 1, 3]);
        let gates = self.act(cx, "gates", &self.gate_activation, Use::Gate, gates);
        let part = |cx: &mut Lower<'_>, name: &str, gate| self.gates(cx, name, gates, &[gate]);
        let (input, forget) = (part(cx, "input", 0), part(cx, "forget", 1));
        let output = part(cx, "output", 2);
        let candidate = self.gates(cx, "candidate_sums", sum, &[2]);
        let candidate = self.act(cx, "candidate", &self.activation, Use::Candidate, candidate);
        let new = self.combine(cx, "new", Binary::Mul, [candidate, input], None);
        let kept = self.combine(cx, "kept", Binary::Mul, [c, forget], None);
        let c = self.combine(cx, "next_cells", Binary::Add, [new, kept], state);
        let active = self.act(cx, "active", &self.activation, Use::Output, c);
        let h = self.combine(cx, "next", Binary::Mul, [output, active], result);
        vec![h, c]
    }

    fn gru(&self, cx: &mut Lower<'_>, x: NodeId, h: NodeId, reset_after: bool) -> NodeId {
        let (accum, result) = (Some(cx.format(Role::Accum)), Some(cx.format(Role::Result)));
        let (units, columns) = (self.units(), self.columns());
        let last = if reset_after { columns } else { 2 * units };
        let again = self.again(cx, "products", h, 0..last);
        let x_gates = self.gates(cx, "x_gates", x, &[0, 1]);
        let h_gates = self.gates(cx, "h_gates", again, &[0, 1]);
        let gates = self.combine(cx, "gate_sums", Binary::Add, [x_gates, h_gates], accum);
        let gates = self.act(cx, "gates", &self.gate_activation, Use::Gate, gates);
        let update = self.gates(cx, "update", gates, &[0]);
        let reset = self.gates(cx, "reset", gates, &[1]);
        let rest = if reset_after {
            let all = self.gates(cx, "h_candidate", again, &[2]);
            self.combine(cx, "remembered", Binary::Mul, [reset, all], accum)
        } else {
            let kept = self.combine(cx, "remembered", Binary::Mul, [reset, h], result);
            self.again(cx, "remembered_products", kept, 2 * units..columns)
        };
        let own = self.gates(cx, "x_candidate", x, &[2]);
        let sum = self.combine(cx, "candidate_sums", Binary::Add, [own, rest], accum);
        let candidate = self.act(cx, "candidate", &self.activation, Use::Candidate, sum);
        let one = Format::unsigned(1, 1);
        let one = cx.builder.constant("one", Shape(vec![units]), vec![1; units].into(), one);
        let fresh = self.combine(cx, "fresh", Binary::Sub, [one, update], None);
        let new = self.combine(cx, "new", Binary::Mul, [candidate, fresh], None);
        let old = self.combine(cx, "kept", Binary::Mul, [h, update], None);
        self.combine(cx, "next", Binary::Add, [new, old], result)
    }
}
