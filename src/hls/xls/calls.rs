//! Calls of kernels, and loops around the step of a body.

use std::collections::BTreeMap;

use super::super::numbers::rows;
use super::super::view::value_format;
use super::text::{element, parameters, point};
use super::view::{Builder, FunctionView, LineOf, LineView, LoopView, Value, cast, tuple, zeros};
use crate::fixed::{Format, Graph};
use crate::units::hls::{HlsCall, HlsConstant, HlsLoop, HlsNumbers, HlsValue, exact};

impl Builder {
    /// A call of a kernel: its parameters are the result's format, what the config has, in that order, and
    /// of every operand the bits behind the point. Of a type that constants have, it is these bits alone.
    pub(super) fn call(
        &mut self,
        call: &HlsCall,
        operands: &[Value],
        result: &Value,
        note: &str,
        lines: &mut Vec<LineView>,
    ) -> LineOf {
        let module = call.header.trim_end_matches(".h");
        self.view.modules.insert(module.to_owned());
        if let Some(casts) = &call.casts {
            let item = |(at, to): (usize, &Format)| {
                let own = cast(*to, operands[0].format, &format!("{}[u32:{at}]", operands[0].name));
                cast(exact(result.format), *to, &own)
            };
            let items = casts.iter().enumerate().map(item).collect();
            return LineOf::Items { ty: result.ty(), items };
        }
        let constants: Vec<String> =
            call.constants.iter().map(|it| self.number(call, it, result, note)).collect();
        if call.variadic {
            return self.place(operands, result, &constants, lines);
        }
        let of_constant = |name: &str| {
            call.constants.iter().any(|it| match &it.numbers {
                HlsNumbers::Array { ty, .. } | HlsNumbers::Scalar { ty, .. } => *ty == name,
                HlsNumbers::Indices(_) => false,
            })
        };
        let member = |(name, value): &(&'static str, HlsValue)| match value {
            HlsValue::Type(format) if of_constant(name) => point(*format),
            HlsValue::Type(format) => parameters(*format),
            HlsValue::Unsigned(it) => format!("u32:{it}"),
            HlsValue::Signed(it) => format!("s64:{it}"),
            HlsValue::Bool(it) => it.to_string(),
        };
        let matrix = call.matrix.iter().flat_map(|it| [it.n_in, it.n_out, it.positions]);
        let generics: Vec<String> = std::iter::once(parameters(result.format))
            .chain(call.config.iter().map(member))
            .chain(matrix.map(|it| format!("u32:{it}")))
            .chain(operands.iter().map(|it| point(it.format)))
            .collect();
        LineOf::Call {
            function: format!("{module}::{}", call.function),
            generics: generics.join(", "),
            args: operands.iter().map(|it| it.name.clone()).chain(constants).collect(),
        }
    }

    /// The constant that an argument is.
    fn number(
        &mut self,
        call: &HlsCall,
        constant: &HlsConstant,
        result: &Value,
        note: &str,
    ) -> String {
        let of = format!("{}_{}", result.name, constant.name);
        let find = |ty: &str| {
            let found = call.config.iter().find_map(|(name, value)| match value {
                HlsValue::Type(format) if *name == ty => Some(*format),
                _ => None,
            });
            found.expect("a config type")
        };
        match &constant.numbers {
            HlsNumbers::Array { ty, values } => self.array(&of, note, find(ty), values),
            HlsNumbers::Scalar { ty, value } => {
                let rows = vec![value.to_string()];
                self.constant(&of, note, element(find(ty)), rows, true)
            }
            HlsNumbers::Indices(values) => {
                let (ty, rows) =
                    (format!("u32[{}]", values.len()), rows(values.iter().map(u32::to_string)));
                self.constant(&of, note, ty, rows, false)
            }
        }
    }

    /// Elements from several operands, one operand after the other.
    fn place(
        &mut self,
        operands: &[Value],
        result: &Value,
        constants: &[String],
        lines: &mut Vec<LineView>,
    ) -> LineOf {
        let place = |at: usize, onto: String| {
            let (format, from) = (parameters(exact(result.format)), point(operands[at].format));
            let args = [onto, operands[at].name.clone()].into_iter().chain(constants.to_vec());
            LineOf::Call {
                function: "nn_reorder::place".to_owned(),
                generics: format!("{format}, u32:{at}, {from}"),
                args: args.collect(),
            }
        };
        let mut onto = zeros(result.format, result.n);
        for at in 0..operands.len() - 1 {
            let name = self.names.part(&result.name, "partly");
            lines.push(LineView { note: String::new(), name: name.clone(), what: place(at, onto) });
            onto = name;
        }
        place(operands.len() - 1, onto)
    }

    /// The function of a step and the one around it; returns the name of the latter.
    pub(super) fn repeat(
        &mut self,
        body: &Graph,
        about: HlsLoop,
        operands: &[Value],
        result: &Value,
        note: &str,
    ) -> String {
        let mut given = BTreeMap::new();
        let (sequences, states) = body.inputs.split_at(about.sequences);
        let mut row = Vec::new();
        for (at, (id, of)) in sequences.iter().zip(operands).enumerate() {
            let name = self.names.part(&result.name, &format!("row{at}"));
            let value = Value { name, format: of.format, n: body.node(*id).ty.elements() };
            row.push(value.clone());
            given.insert(*id, value);
        }
        let mut state = Vec::new();
        for (at, (id, output)) in states.iter().zip(&body.outputs).enumerate() {
            let next = body.node(*output);
            let name = self.names.part(&result.name, &format!("state{at}"));
            let format = exact(value_format(&next.op, &next.ty));
            let value = Value { name, format, n: next.ty.elements() };
            state.push(value.clone());
            given.insert(*id, value);
        }
        let parameter = |it: &Value| (it.name.clone(), it.ty());
        let parameters: Vec<(String, String)> = row.iter().chain(&state).map(parameter).collect();
        let (values, lines) = self.lines(body, given);
        let results: Vec<&Value> = body.outputs.iter().map(|it| &values[it]).collect();
        let names: Vec<String> = results.iter().map(|it| it.name.clone()).collect();
        let types: Vec<String> = results.iter().map(|it| it.ty()).collect();
        let made = results.last().expect("a body has a result");
        let (made_n, made_element) = (made.n, element(made.format));
        let step = self.names.part(&result.name, "step");
        self.view.functions.push(FunctionView {
            note: format!("{note}: one step"),
            name: step.clone(),
            parameters,
            result: tuple(&types),
            lines,
            value: tuple(&names),
            around: None,
        });
        self.around(about, operands, result, note, (step, &row, &state, made_n, made_element))
    }

    fn around(
        &mut self,
        about: HlsLoop,
        operands: &[Value],
        result: &Value,
        note: &str,
        (step, row, state, made_n, made_element): (String, &[Value], &[Value], usize, String),
    ) -> String {
        let name = self.names.part(&result.name, "loop");
        let own = |at: usize| format!("x{at}");
        let first = |(at, it): (usize, &Value)| {
            let operand = &operands[at + about.sequences];
            let first = format!(
                "nn_reorder::copy<{}, u32:{}, {}>({})",
                super::text::parameters(it.format),
                it.n,
                point(operand.format),
                own(at + about.sequences)
            );
            (format!("state{at}"), it.ty(), first)
        };
        self.view.functions.push(FunctionView {
            note: format!("{note}: all {} steps", about.steps),
            name: name.clone(),
            parameters: operands.iter().enumerate().map(|(at, it)| (own(at), it.ty())).collect(),
            result: result.ty(),
            around: Some(LoopView {
                step,
                count: about.steps,
                backwards: about.backwards,
                every: about.every,
                sequences: row.iter().enumerate().map(|(at, it)| (own(at), it.n)).collect(),
                states: state.iter().enumerate().map(first).collect(),
                result: result.ty(),
                element: made_element,
                row: made_n,
            }),
            ..FunctionView::default()
        });
        name
    }
}
