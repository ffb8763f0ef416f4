//! A layer as a module: ports, then stage by stage what is computed, then all registers.

use std::fmt::Write;

use super::external;
use super::lower::Writer;
use super::text::{self, count, plain, range};
use crate::error::Origin;
use crate::rtl::datapath::{Datapath, Interval, Op, ScopeId, ValueId};
use crate::rtl::netlist::{Bits, Signal, Source};

/// Column at which names of ports start, past `output logic signed [15:0] `.
const NAME_COLUMN: usize = 29;

/// The text of a layer's module.
pub(super) fn module(writer: &Writer<'_>, name: &str, scope: ScopeId, terms: &[u32]) -> String {
    let layer = &writer.netlist.datapath.scopes[scope.index()];
    let mut out = String::new();
    let signals = &writer.module.signals;
    if signals.iter().any(|(it, from)| *from == Source::Computed && writer.hint(it.value).is_some())
    {
        out.push_str("`include \"nn_synth.svh\"\n\n");
    }
    header(writer, &mut out, &layer.name, &layer.about, &layer.origin);
    out.push_str(&text::source(&layer.origin));
    let _ = writeln!(out, "module {name} (");
    ports(writer, &mut out);
    out.push_str(");\n");
    body(writer, &mut out, terms);
    out.push('\n');
    for signal in &writer.module.outputs {
        let port = writer.netlist.name(*signal);
        let value = writer.read(signal.value, signal.stage).plain();
        text::statement(&mut out, 2, &format!("assign {port}_o = {value};"));
    }
    out.push_str("\nendmodule\n");
    out
}

fn header(writer: &Writer<'_>, out: &mut String, name: &str, about: &str, origin: &Origin) {
    let title =
        format!("// {}: {}, from {}.", plain(name), plain(about), plain(&origin.to_string()));
    comment(out, 0, &title);
    out.push_str("//\n");
    let (mut adds, mut others, mut bits, mut first, mut last) = (0, 0, 0, u32::MAX, 0);
    for (signal, source) in &writer.module.signals {
        match (source, writer.netlist.datapath.op(signal.value)) {
            (Source::Registered, _) if writer.netlist.is_inside(*signal) => continue,
            (Source::Registered, _) => {
                let kept = writer.netlist.bits(*signal);
                bits += (kept.high - kept.low) as usize;
                continue;
            }
            (Source::Computed, op) if op.is_sum() => adds += 1,
            (Source::Computed, _) => others += 1,
            (Source::Sliced, _) => continue,
        }
        let begin = writer.netlist.schedule.read_at(writer.netlist.datapath, signal.value);
        (first, last) = (begin.min(first), signal.stage.max(last));
    }
    let stages = match (first, last) {
        (u32::MAX, _) => "Wires only".to_owned(),
        (first, last) if first == last => format!("Stage {first}"),
        (first, last) => format!("Stages {first} to {last}"),
    };
    let what = format!(
        "// {stages} (the pipeline has {}): {}, {}, {}. Registers have no reset: what they hold \
         means something only where the core's valid says so.",
        writer.netlist.schedule.stages,
        count(adds, "addition"),
        count(others, "other operation"),
        count(bits, "register bit"),
    );
    comment(out, 0, &what);
    out.push('\n');
}

/// A comment of any length; `text` begins with `// `.
fn comment(out: &mut String, indent: usize, text: &str) {
    let mut line = String::new();
    for word in text.trim_start_matches("// ").split(' ') {
        if !line.is_empty() && indent + 3 + line.len() + 1 + word.len() > 100 {
            let _ = writeln!(out, "{:indent$}// {line}", "");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    let _ = writeln!(out, "{:indent$}// {line}", "");
}

fn ports(writer: &Writer<'_>, out: &mut String) {
    let mut lines: Vec<(String, Option<String>)> = Vec::new();
    if writer.module.is_clocked(writer.netlist.datapath) {
        let bit = Bits { low: 0, high: 1, signed: false, whole: true };
        lines.push((port("input ", bit, "clk_i"), None));
    }
    for (signals, input) in [(&writer.module.inputs, true), (&writer.module.outputs, false)] {
        let mut signals = signals.clone();
        signals.sort_by_key(|it| {
            let registered = writer.netlist.is_registered(*it);
            (it.stage, producer(writer, *it).0, !registered, it.value)
        });
        let mut group = None;
        for signal in signals {
            let about = group_comment(writer, signal, input);
            let fresh = group.replace(about.clone()) != Some(about.clone());
            let bits = writer.netlist.bits(signal);
            let (direction, suffix) = if input { ("input ", "_i") } else { ("output", "_o") };
            let name = format!("{}{suffix}", writer.netlist.name(signal));
            lines.push((port(direction, bits, &name), fresh.then_some(about)));
        }
    }
    let last = lines.len();
    for (idx, (line, about)) in lines.into_iter().enumerate() {
        if let Some(about) = about {
            let gap = if idx == 0 { "" } else { "\n" };
            let _ = writeln!(out, "{gap}  // {about}");
        }
        let _ = writeln!(out, "  {line}{}", if idx + 1 == last { "" } else { "," });
    }
}

/// The layer that a signal belongs to: its position, and its name for a comment.
fn producer(writer: &Writer<'_>, signal: Signal) -> (usize, String) {
    let datapath = writer.netlist.datapath;
    let scope = datapath.scope_of(signal.value).index();
    match (datapath.op(signal.value), datapath.scopes.get(scope)) {
        (Op::Input(..), _) | (_, None) => (0, "the inputs".to_owned()),
        (_, Some(layer)) => (scope + 1, plain(&layer.name)),
    }
}

fn group_comment(writer: &Writer<'_>, signal: Signal, input: bool) -> String {
    let register =
        if writer.netlist.is_registered(signal) { "registered" } else { "combinational" };
    let from = match input {
        true => format!(" from {},", producer(writer, signal).1),
        false => String::new(),
    };
    format!("Stage {},{from} {register}.", signal.stage)
}

fn port(direction: &str, bits: Bits, name: &str) -> String {
    let text = format!("{direction} logic{}", range(bits));
    format!("{text:NAME_COLUMN$} {name}")
}

/// Everything inside, in the order of the stages.
fn body(writer: &Writer<'_>, out: &mut String, terms: &[u32]) {
    let mut registers: Vec<String> = Vec::new();
    for stage in writer.module.signals.chunk_by(|a, b| a.0.stage == b.0.stage) {
        if stage.iter().all(|(signal, source)| is_silent(writer, *signal, *source)) {
            continue;
        }
        let _ = writeln!(out, "\n  // Stage {}.\n", stage[0].0.stage);
        let (kept, made): (Vec<_>, Vec<_>) =
            stage.iter().partition(|it| it.1 == Source::Registered);
        for (signal, _) in &kept {
            let name = writer.netlist.name(*signal);
            let _ = writeln!(out, "  logic{} {name};", range(writer.netlist.bits(*signal)));
            match writer.netlist.is_inside(*signal) {
                true => {
                    let wire = format!("assign {name} = {};", writer.before(*signal));
                    text::statement(out, 2, &wire);
                }
                false => registers.push(format!("{name} <= {};", writer.before(*signal))),
            }
        }
        if !kept.is_empty() && !made.iter().all(|it| is_silent(writer, it.0, it.1)) {
            out.push('\n');
        }
        for (signal, source) in made {
            define(writer, out, signal, source, terms);
        }
    }
    if !registers.is_empty() {
        out.push_str("\n  always_ff @(posedge clk_i) begin\n");
        registers.iter().for_each(|it| text::statement(out, 4, it));
        out.push_str("  end\n");
    }
}

/// Whether a signal is written where it is read.
fn is_silent(writer: &Writer<'_>, signal: Signal, source: Source) -> bool {
    source != Source::Registered && writer.inline[signal.value.index()]
}

fn define(writer: &Writer<'_>, out: &mut String, signal: Signal, source: Source, terms: &[u32]) {
    let (id, datapath) = (signal.value, writer.netlist.datapath);
    if is_silent(writer, signal, source) {
        return;
    }
    let value = match source {
        Source::Sliced => writer.slice(id, signal.stage).0,
        _ => writer.compute(id, datapath.width(id)),
    };
    if let Some((tensor, element)) = writer.netlist.names.element(id) {
        let Interval { lo, hi } = datapath.interval(id);
        let what = what(datapath, id, terms);
        let _ = writeln!(out, "  // {tensor}[{element}] = {what}, {lo} to {hi}.");
    }
    let name = writer.netlist.name(signal);
    if let (Source::Computed, Op::External(external, operand)) = (source, datapath.op(id)) {
        return external::instance(writer, out, id, (external, operand));
    }
    let hint = match source {
        Source::Computed => writer.hint(id).unwrap_or_default(),
        _ => "",
    };
    let _ = writeln!(out, "  {hint}logic{} {name};", range(writer.netlist.bits(signal)));
    text::statement(out, 2, &format!("assign {name} = {value};"));
}

/// What an element of a tensor is, in a few words.
fn what(datapath: &Datapath, id: ValueId, terms: &[u32]) -> String {
    match (datapath.op(id), terms[id.index()]) {
        (op, n) if op.is_sum() => format!("sum of {}", count(n as usize, "term")),
        (op, 0 | 1) => op.name().to_owned(),
        (_, n) => format!("cast of a sum of {n} terms"),
    }
}

/// How many values of other layers (or products, tables ...) each sum adds up. Casts hand the number
/// on, and the bit that rounds is not a term.
pub(super) fn terms(datapath: &Datapath) -> Vec<u32> {
    let mut terms = vec![1u32; datapath.len()];
    for id in datapath.values() {
        let of = |it: ValueId| match datapath.op(it) {
            Op::Const(0) => 0,
            _ if datapath.scope_of(it) != datapath.scope_of(id) => 1,
            Op::Slice { .. } | Op::Logic(..) | Op::Any { .. } if datapath.width(it) == 1 => 0,
            _ => terms[it.index()],
        };
        terms[id.index()] = match datapath.op(id) {
            op @ (Op::Add(..) | Op::Add3(..)) => {
                op.terms().fold(0, |sum: u32, it| sum.saturating_add(of(it.value)))
            }
            Op::Slice { value, .. } => of(value),
            Op::Mux(_, a, b) => of(a).max(of(b)),
            _ => 1,
        };
    }
    terms
}
