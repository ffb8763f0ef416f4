//! A process of a dataflow as a DSLX proc: a token of each channel in, a function of it and of what is kept, a
//! token out.
//!
//! What only moves tokens sees their bits. The functions are those of `xls-templates/common`, with one shape: from the
//! state and what has come to the next state, whether a token is given, and that token.

use std::collections::BTreeSet;

use serde::Serialize;

use super::super::numbers::rows;
use super::array::array;
use super::view::{Builder, ConstantView, View, tuple};
use crate::fixed::{Graph, Type};
use crate::stream::{
    Dataflow, Kind, Permutation, Process, ProcessId, Reducer, State, StreamId, Window, index_bits,
};

/// A proc, ready to print.
#[derive(Debug, Serialize)]
pub(super) struct ProcessView {
    /// What it takes, in the order of the call's words.
    pub(super) channels: Vec<ChannelView>,
    /// Type of what is made.
    pub(super) made: String,
    /// Type of what is kept; `None` for what is made of each token alone.
    pub(super) state: Option<String>,
    /// What the function is.
    pub(super) call: String,
}

/// A channel that is read.
#[derive(Debug, Serialize)]
pub(super) struct ChannelView {
    pub(super) name: String,
    pub(super) ty: String,
    pub(super) read: Read,
    /// Whether a token is taken now, if not always.
    pub(super) when: Option<String>,
    /// Bits of a token.
    pub(super) bits: u32,
}

/// How a channel is read.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Read {
    /// The proc waits for a token.
    Waits,
    /// It goes on without.
    Tries,
}

impl ProcessView {
    /// A proc of one stream of bits.
    fn bits(bits: u32, made: u32, state: String, call: String) -> ProcessView {
        let channels = vec![ChannelView::bits(0, bits)];
        ProcessView { channels, made: format!("uN[{made}]"), state: Some(state), call }
    }

    /// What its first channel asks for before it takes a token.
    fn when(mut self, when: String) -> ProcessView {
        self.channels[0].when = Some(when);
        self
    }
}

impl ChannelView {
    pub(super) fn of(at: usize, ty: String, bits: u32) -> ChannelView {
        ChannelView { name: format!("in{at}"), ty, read: Read::Waits, when: None, bits }
    }

    fn bits(at: usize, bits: u32) -> ChannelView {
        ChannelView::of(at, format!("uN[{bits}]"), bits)
    }
}

/// The file of a process that is no port.
pub(super) fn view(flow: &Dataflow, id: ProcessId) -> View {
    let process = &flow.processes[id.0];
    let mut builder = Builder::new("compute", "");
    let bits = |it: StreamId| flow.stream(it).bits();
    let input = process.inputs.first().map_or(0, |it| bits(*it));
    let output = process.outputs.first().map_or(0, |it| bits(*it));
    let made = match &process.kind {
        Kind::Source(_) | Kind::Sink(_) => unreachable!("ports are no procs"),
        Kind::Loop(_) => unreachable!("loops go around in hardware of streams"),
        Kind::Kernel(graph) => kernel(graph, &mut builder),
        Kind::Array(it) => array(it, &mut builder),
        Kind::Window(it) => window(it, &flow.stream(process.inputs[0]).ty, &mut builder),
        Kind::Permute(it) => permutation(it, input, &mut builder),
        Kind::Repack => {
            let tokens = |it: StreamId| flow.stream(it).tokens;
            repack(tokens(process.inputs[0]), tokens(process.outputs[0]), input, output)
        }
        Kind::Repeat(times) => {
            let state = format!("(u{}, uN[{input}])", index_bits(*times));
            let call = format!("nn_tokens::repeat<u32:{times}>(state, word0)");
            ProcessView::bits(input, input, state, call).when(begins(*times))
        }
        Kind::Rom(values) => rom(values, &flow.stream(process.outputs[0]).ty, &mut builder),
        Kind::State(it) => state(flow, process, it, output),
        Kind::Reduce(it) => reduction(it, input, output),
        Kind::Last { of, keep } => {
            let call = format!("nn_tokens::last<u32:{of}, u32:{keep}>(state, word0)");
            ProcessView::bits(input, input, format!("u{}", index_bits(*of)), call)
        }
    };
    let (module, _) = made.call.split_once("::").unwrap_or_default();
    if !module.is_empty() {
        builder.view.modules = BTreeSet::from([module.to_owned()]);
    }
    builder.view.process = Some(made);
    builder.view
}

/// A constant of the file; returns its name.
pub(super) fn constant(builder: &mut Builder, name: &str, ty: String, rows: Vec<String>) -> String {
    let (name, note) = (name.to_owned(), String::new());
    builder.view.constants.push(ConstantView { name: name.clone(), note, ty, rows, scalar: false });
    name
}

/// A constant array of unsigned numbers; returns its name.
fn numbers(builder: &mut Builder, name: &str, values: &[usize]) -> String {
    let ty = format!("u32[{}]", values.len());
    constant(builder, name, ty, rows(values.iter().map(usize::to_string)))
}

/// A constant table of unsigned numbers; returns its name.
fn table(builder: &mut Builder, name: &str, rows: &[Vec<usize>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let ty = format!("u32[{columns}][{}]", rows.len());
    let row = |it: &Vec<usize>| {
        let items: Vec<String> = it.iter().map(usize::to_string).collect();
        format!("u32[{columns}]:[{}],", items.join(", "))
    };
    constant(builder, name, ty, rows.iter().map(row).collect())
}

/// A word of numbers of so many bits each, the first in the low bits.
fn word(numbers: &[(i128, u32)]) -> String {
    let bits = numbers.iter().flat_map(|(it, width)| (0..*width).map(move |bit| it >> bit & 1));
    let bits: Vec<i128> = bits.collect();
    let digit = |it: &[i128]| format!("{:x}", it.iter().rev().fold(0, |all, bit| 2 * all + bit));
    let digits: String = bits.chunks(4).rev().map(digit).collect();
    format!("uN[{}]:0x{digits}", bits.len())
}

/// Whether a counter of so many is at its begin.
fn begins(count: usize) -> String {
    format!("state.0 == u{}:0", index_bits(count))
}

/// A token of each input becomes one of each output: tuples, if there are several.
fn kernel(graph: &Graph, builder: &mut Builder) -> ProcessView {
    let names: Vec<String> =
        (0..graph.inputs.len()).map(|it| builder.names.part("in", &it.to_string())).collect();
    builder.network(graph, &names);
    let function = builder.view.functions.last().expect("a network is a function");
    let types: Vec<String> = function.parameters.iter().map(|it| it.1.clone()).collect();
    let words = match types.len() {
        1 => "word0".to_owned(),
        count => (0..count).map(|it| format!("word0.{it}")).collect::<Vec<_>>().join(", "),
    };
    let bits = graph.inputs.iter().map(|it| token_bits(&graph.node(*it).ty)).sum();
    ProcessView {
        channels: vec![ChannelView::of(0, tuple(&types), bits)],
        made: function.result.clone(),
        state: None,
        call: format!("{}({words})", function.name),
    }
}

fn token_bits(ty: &Type) -> u32 {
    (0..ty.elements()).map(|it| ty.format(it).width).sum()
}

fn window(window: &Window, pixel: &Type, builder: &mut Builder) -> ProcessView {
    let bits = token_bits(pixel);
    let total = window.tokens + window.flush();
    let farthest = window.taps.iter().map(|it| it.distance).max().unwrap_or(0);
    let head = index_bits(total + 1);
    let place = index_bits(window.extents.iter().copied().max().unwrap_or(1));
    let steps: Vec<usize> = window.steps().iter().map(|it| (*it).max(0) as usize).collect();
    let taps: Vec<usize> = window.taps.iter().map(|it| it.distance).collect();
    let span = |end: fn(&crate::stream::Span) -> usize| -> Vec<Vec<usize>> {
        window.taps.iter().map(|it| it.inside.iter().map(end).collect()).collect()
    };
    let pixel = (0..pixel.elements()).map(|it| (window.padding, pixel.format(it).width));
    let padding = word(&pixel.collect::<Vec<_>>());
    let args = [
        numbers(builder, "EXTENTS", &window.extents),
        numbers(builder, "STEPS", &steps),
        numbers(builder, "DISTANCES", &taps),
        table(builder, "FIRSTS", &span(|it| it.first)),
        table(builder, "LASTS", &span(|it| it.last)),
        padding,
    ];
    let repeats = steps.iter().zip(&window.extents).any(|(step, extent)| *step == 0 && *extent > 1);
    let (tokens, first, axes) = (window.tokens, window.first, window.extents.len());
    let (length, count) = (farthest + 1, taps.len());
    let state = format!("(u{head}, u{head}, bool, u{place}[{axes}], uN[{bits}][{length}])");
    let call = format!(
        "nn_window::step<{repeats}, u32:{total}, u32:{first}>(state, word0, {})",
        args.join(", ")
    );
    let when = format!("nn_window::takes<{repeats}, u32:{tokens}, u32:{first}>(state)");
    let made = ProcessView::bits(bits, bits, state, call).when(when);
    ProcessView { made: format!("uN[{bits}][{count}]"), ..made }
}

fn permutation(own: &Permutation, bits: u32, builder: &mut Builder) -> ProcessView {
    let Permutation { tokens, order, capacity } = own;
    let slots: Vec<usize> = order.iter().map(|it| it % capacity).collect();
    let args = [
        numbers(builder, "ORDER", order),
        numbers(builder, "SLOTS", &slots),
        numbers(builder, "OLDEST", &own.oldest()),
    ];
    let head = index_bits(2 * tokens + capacity + 2) + 1;
    let (slot, at) = (index_bits(*capacity), index_bits(order.len()));
    let state = format!("(s{head}, u{slot}, u{slot}, u{at}, uN[{bits}][{capacity}])");
    let [order, slots, oldest] = args;
    let call = format!("nn_order::step<u32:{tokens}>(state, word0, comes0, {order}, {slots})");
    let mut made = ProcessView::bits(bits, bits, state, call)
        .when(format!("nn_order::takes(state, {oldest})"));
    // What has come goes out though nothing else comes.
    made.channels[0].read = Read::Tries;
    made
}

/// So many tokens become so many others.
fn repack(from: usize, to: usize, input: u32, output: u32) -> ProcessView {
    if from > to {
        let ratio = from / to;
        let state = format!("(u{}, uN[{}])", index_bits(ratio), output - input);
        let call = format!("nn_tokens::collect<u32:{ratio}>(state, word0)");
        return ProcessView::bits(input, output, state, call);
    }
    let ratio = to / from;
    let state = format!("(u{}, uN[{input}])", index_bits(ratio));
    let call = format!("nn_tokens::spread<u32:{ratio}, u32:{output}>(state, word0)");
    ProcessView::bits(input, output, state, call).when(begins(ratio))
}

fn reduction(own: &Reducer, input: u32, output: u32) -> ProcessView {
    let Reducer { steps, packs, from, to, .. } = own;
    let (kind, signed, shift) = (own.kind(), from.signed, own.shift());
    let (count, kept) = (index_bits(steps * packs), output as usize * packs);
    let call = format!(
        "nn_tokens::reduce<u32:{kind}, {signed}, u32:{steps}, u32:{packs}, u32:{shift}, u32:{}, u32:{}>(state, word0)",
        from.width, to.width
    );
    ProcessView::bits(input, output, format!("(u{count}, uN[{kept}])"), call)
}

fn rom(values: &[i128], part: &Type, builder: &mut Builder) -> ProcessView {
    let width = part.max_width();
    let row = |it: &[i128]| word(&it.iter().map(|it| (*it, width)).collect::<Vec<_>>()) + ",";
    let rows: Vec<String> = values.chunks(part.elements()).map(row).collect();
    let (depth, bits) = (rows.len(), part.elements() as u32 * width);
    let words = constant(builder, "WORDS", format!("uN[{bits}][{depth}]"), rows);
    let call = format!("nn_tokens::rom(state, {words})");
    let state = Some(format!("u{}", index_bits(depth)));
    ProcessView { channels: Vec::new(), made: format!("uN[{bits}]"), state, call }
}

fn state(flow: &Dataflow, process: &Process, own: &State, bits: u32) -> ProcessView {
    let State { steps, first, packs } = own;
    let count = index_bits((steps + 1) * packs);
    let channel = |at: usize, when: &str| {
        let when = Some(format!("nn_state::{when}<u32:{packs}>(state)"));
        ChannelView { when, ..ChannelView::bits(at, bits) }
    };
    let ty = &flow.stream(process.outputs[0]).ty;
    let known = first.as_ref().map(|it| {
        let numbers = it.iter().enumerate().map(|(at, it)| (*it, ty.format(at).width));
        word(&numbers.collect::<Vec<_>>())
    });
    let (channels, words) = match known {
        Some(known) => (vec![channel(0, "follows")], format!("{known}, word0")),
        None => (vec![channel(0, "begins"), channel(1, "follows")], "word0, word1".to_owned()),
    };
    ProcessView {
        channels,
        made: format!("uN[{bits}]"),
        state: Some(format!("(u{count}, bool)")),
        call: format!("nn_state::step<u32:{steps}, u32:{packs}>(state, {words})"),
    }
}
