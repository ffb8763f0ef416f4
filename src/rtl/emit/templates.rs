//! Files of a fixed shape: the parameterised modules as they are, wrappers and scripts by template.

use serde::Serialize;
use tera::{Context, Tera};

use super::interface::{Interface, Load, PortShape, Slot};
use super::text::plain;
use super::{Family, File, RtlOptions};

macro_rules! text {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $path))
    };
}

/// A module that stands in the project as it is: its path and text.
pub(in crate::rtl) type Module = (&'static str, &'static str);

/// What every design needs, in order of compilation.
pub(in crate::rtl) const PIPELINE: &[Module] = &[
    ("rtl/nn_assert.svh", text!("rtl-templates/nn_assert.svh")),
    ("rtl/nn_synth.svh", text!("rtl-templates/nn_synth.svh")),
    ("rtl/nn_credit.sv", text!("rtl-templates/nn_credit.sv")),
    ("rtl/nn_fifo.sv", text!("rtl-templates/nn_fifo.sv")),
];

/// What tables in block RAM are instances of.
pub(in crate::rtl) const TABLE: Module = ("rtl/nn_table.sv", text!("rtl-templates/nn_table.sv"));

/// What streams need besides.
pub(in crate::rtl) const STREAM: &[Module] = &[
    ("rtl/nn_beats.sv", text!("rtl-templates/nn_beats.sv")),
    ("rtl/nn_skid.sv", text!("rtl-templates/nn_skid.sv")),
    ("rtl/nn_fork.sv", text!("rtl-templates/nn_fork.sv")),
    ("rtl/nn_join.sv", text!("rtl-templates/nn_join.sv")),
    ("rtl/nn_collect.sv", text!("rtl-templates/nn_collect.sv")),
    ("rtl/nn_rom.sv", text!("rtl-templates/nn_rom.sv")),
    ("rtl/nn_spread.sv", text!("rtl-templates/nn_spread.sv")),
    ("rtl/nn_mac_array.sv", text!("rtl-templates/nn_mac_array.sv")),
    ("rtl/nn_delay.sv", text!("rtl-templates/nn_delay.sv")),
    ("rtl/nn_window.sv", text!("rtl-templates/nn_window.sv")),
    ("rtl/nn_permute.sv", text!("rtl-templates/nn_permute.sv")),
    ("rtl/nn_state.sv", text!("rtl-templates/nn_state.sv")),
    ("rtl/nn_reduce.sv", text!("rtl-templates/nn_reduce.sv")),
    ("rtl/nn_eltwise.sv", text!("rtl-templates/nn_eltwise.sv")),
    ("rtl/nn_normalize.sv", text!("rtl-templates/nn_normalize.sv")),
    ("rtl/nn_last.sv", text!("rtl-templates/nn_last.sv")),
];

/// What connects modules from elsewhere.
pub(in crate::rtl) const JOINTS: &[Module] = &[
    ("rtl/nn_assert.svh", text!("rtl-templates/nn_assert.svh")),
    ("rtl/nn_synth.svh", text!("rtl-templates/nn_synth.svh")),
    ("rtl/nn_fifo.sv", text!("rtl-templates/nn_fifo.sv")),
    ("rtl/nn_beats.sv", text!("rtl-templates/nn_beats.sv")),
    ("rtl/nn_fork.sv", text!("rtl-templates/nn_fork.sv")),
    ("rtl/nn_join.sv", text!("rtl-templates/nn_join.sv")),
];

/// What weights that can be loaded need besides.
pub(in crate::rtl) const LOADED: &[Module] = &[
    ("rtl/nn_commit.sv", text!("rtl-templates/nn_commit.sv")),
    ("rtl/nn_bank.sv", text!("rtl-templates/nn_bank.sv")),
    ("rtl/nn_place.sv", text!("rtl-templates/nn_place.sv")),
    ("rtl/nn_axil.sv", text!("rtl-templates/nn_axil.sv")),
];

const TEMPLATES: &[(&str, &str)] = &[
    ("top.sv", text!("rtl-templates/top.sv.tera")),
    ("stream.sv", text!("rtl-templates/stream.sv.tera")),
    ("folded.sv", text!("rtl-templates/folded.sv.tera")),
    ("processes.sv", text!("rtl-templates/processes.sv.tera")),
    ("axis.sv", text!("rtl-templates/axis.sv.tera")),
    ("stream_axis.sv", text!("rtl-templates/stream_axis.sv.tera")),
    ("filelist.f", text!("rtl-templates/filelist.f.tera")),
    ("vivado.tcl", text!("constraints/vivado.tcl.tera")),
    ("vivado_ip.tcl", text!("constraints/vivado_ip.tcl.tera")),
    ("quartus.tcl", text!("constraints/quartus.tcl.tera")),
    ("quartus_hw.tcl", text!("constraints/quartus_hw.tcl.tera")),
    ("clock.xdc", text!("constraints/clock.xdc.tera")),
    ("clock.sdc", text!("constraints/clock.sdc.tera")),
];

/// Part of a clock that the outside may take at inputs and outputs.
const IO_SHARE: f64 = 0.2;

/// Numbers of the port through which weights are loaded.
#[derive(Serialize)]
struct TemplateLoad {
    /// Highest bits of an address of a word, and of one of a byte.
    msb: u32,
    axil_msb: u32,
    arrays: usize,
    arrays_msb: usize,
    pins: Vec<Pin>,
}

/// A pin of the wrapper's AXI4-Lite.
#[derive(Serialize)]
struct Pin {
    name: &'static str,
    input: bool,
    bits: u32,
}

impl TemplateLoad {
    fn new(load: &Load) -> TemplateLoad {
        let (address, arrays) = (load.address_bits + 2, load.arrays);
        let inputs = [
            ("awaddr", address),
            ("awprot", 3),
            ("awvalid", 1),
            ("wdata", 32),
            ("wstrb", 4),
            ("wvalid", 1),
            ("bready", 1),
            ("araddr", address),
            ("arprot", 3),
            ("arvalid", 1),
            ("rready", 1),
        ];
        let outputs = [
            ("awready", 1),
            ("wready", 1),
            ("bresp", 2),
            ("bvalid", 1),
            ("arready", 1),
            ("rdata", 32),
            ("rresp", 2),
            ("rvalid", 1),
        ];
        let pin = |input| move |(name, bits)| Pin { name, input, bits };
        let pins = inputs.into_iter().map(pin(true)).chain(outputs.into_iter().map(pin(false)));
        TemplateLoad {
            msb: load.address_bits - 1,
            axil_msb: address - 1,
            arrays,
            arrays_msb: arrays - 1,
            pins: pins.collect(),
        }
    }
}

/// What a port is to a template.
#[derive(Serialize)]
struct TemplatePort<'a> {
    name: &'a str,
    /// Without `_i` and `_o`.
    wire: &'a str,
    /// Names of the port's own handshake, and what those in the wrapper begin with.
    valid: String,
    ready: String,
    last: String,
    axis_stem: String,
    /// Bits of its own AXI4-Stream word, but one.
    axis_msb: u32,
    /// Bytes of it, but one.
    axis_keep_msb: u32,
    /// Bits of a register between the wrapper and the top: data and `last`.
    skid_bits: u32,
    beats: u32,
    tensor: String,
    elements: usize,
    msb: u32,
    /// Place in the word that goes through the FIFO.
    high: u32,
    low: u32,
    slots: Vec<TemplateSlot>,
}

/// Where an element lies, by highest and lowest bit.
#[derive(Serialize)]
struct TemplateSlot {
    high: u32,
    low: u32,
    axis_high: u32,
    axis_low: u32,
    /// First of the bits that fill up to a byte; there are `pad` of them.
    pad_low: u32,
    pad: u32,
    signed: bool,
}

impl TemplateSlot {
    fn new(slot: &Slot) -> TemplateSlot {
        TemplateSlot {
            high: slot.offset + slot.width - 1,
            low: slot.offset,
            axis_high: slot.axis_offset + slot.width - 1,
            axis_low: slot.axis_offset,
            pad_low: slot.axis_offset + slot.width,
            pad: slot.axis_width() - slot.width,
            signed: slot.signed,
        }
    }
}

/// Parameterised modules.
pub(in crate::rtl) fn library(modules: &[Module]) -> Vec<File> {
    modules.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

/// The top module of a pipeline; `origin` is the model's file.
pub(super) fn top(interface: &Interface, origin: &str) -> File {
    let context = context(interface, origin);
    (format!("rtl/{}.sv", interface.top), render("top.sv", &context))
}

/// The top module of a dataflow, from what its template asks for.
pub(in crate::rtl) fn stream(interface: &Interface, origin: &str, body: &impl Serialize) -> File {
    let mut context = context(interface, origin);
    context.insert("body", body);
    let template = if interface.beats.is_some() { "stream.sv" } else { "folded.sv" };
    (format!("rtl/{}.sv", interface.top), render(template, &context))
}

/// The AXI4-Stream wrapper.
pub(in crate::rtl) fn axis(interface: &Interface, origin: &str) -> File {
    let context = context(interface, origin);
    let template = if interface.beats.is_some() { "stream_axis.sv" } else { "axis.sv" };
    (format!("rtl/{}.sv", interface.axis), render(template, &context))
}

fn context(interface: &Interface, origin: &str) -> Context {
    let mut context = Context::new();
    let of = |input: bool| {
        let mut low = 0;
        let ports: Vec<&PortShape> =
            interface.ports.iter().filter(|it| it.input == input).collect();
        let beats = |at: usize| match &interface.beats {
            Some(beats) => beats[usize::from(!input)][at],
            None => 1,
        };
        let single = ports.len() == 1;
        let ports = ports.iter().enumerate();
        let ports = ports.map(|(at, it)| port(it, single, beats(at), &mut low));
        (ports.collect::<Vec<TemplatePort<'_>>>(), low)
    };
    let (inputs, _) = of(true);
    let (outputs, bits) = of(false);
    context.insert("inputs", &inputs);
    context.insert("outputs", &outputs);
    context.insert("out_bits", &bits);
    context.insert("interface", interface);
    context.insert("latency", &interface.latency);
    context.insert("axis_in_msb", &interface.axis_in_bits.saturating_sub(1));
    context.insert("axis_out_msb", &interface.axis_out_bits.saturating_sub(1));
    let padded = |it: &&TemplatePort<'_>| it.slots.iter().any(|slot| slot.pad > 0);
    context.insert("has_pad", &inputs.iter().any(|it| padded(&it)));
    context.insert("file", origin);
    let load = interface.load.as_ref().map(TemplateLoad::new);
    context.insert("load", &load);
    context
}

fn port<'a>(shape: &'a PortShape, single: bool, beats: u32, low: &mut u32) -> TemplatePort<'a> {
    let from = *low;
    *low += shape.bits;
    let wire = shape.stem();
    let (side, axis) = if shape.input { ("in", "s_axis") } else { ("out", "m_axis") };
    let own = if single { "" } else { &wire[side.len()..] };
    let axis_bits = shape.slots.iter().map(|it| it.axis_offset + it.axis_width()).max();
    let axis_bits = axis_bits.unwrap_or(1);
    TemplatePort {
        name: &shape.name,
        wire,
        valid: shape.control("valid", single, true),
        ready: shape.control("ready", single, false),
        last: shape.control("last", single, true),
        axis_stem: format!("{axis}{own}"),
        axis_msb: axis_bits - 1,
        axis_keep_msb: axis_bits.div_ceil(8) - 1,
        skid_bits: shape.bits + 1,
        beats,
        tensor: plain(&shape.tensor),
        elements: shape.slots.len(),
        msb: shape.bits.saturating_sub(1),
        high: (from + shape.bits).saturating_sub(1),
        low: from,
        slots: shape.slots.iter().map(TemplateSlot::new).collect(),
    }
}

/// An AXI4-Stream of the wrapper.
#[derive(Serialize)]
struct Bus {
    /// What its pins begin with.
    stem: String,
    input: bool,
    /// Of its data.
    bits: u32,
    /// Of its TKEEP; none in the wrapper of a pipeline.
    keep: Option<u32>,
}

/// The streams of the wrapper: one for each port, or one for all on a side.
fn buses(interface: &Interface) -> Vec<Bus> {
    let side = |input: bool| {
        let ports: Vec<_> = interface.ports.iter().filter(|it| it.input == input).collect();
        let (stem, bits) = match input {
            true => ("s_axis", interface.axis_in_bits),
            false => ("m_axis", interface.axis_out_bits),
        };
        if interface.beats.is_none() {
            return vec![Bus { stem: stem.to_owned(), input, bits, keep: None }];
        }
        let bus = |it: &&PortShape| {
            let own = port(it, ports.len() == 1, 1, &mut 0);
            let keep = Some(own.axis_keep_msb + 1);
            Bus { stem: own.axis_stem, input, bits: own.axis_msb + 1, keep }
        };
        ports.iter().map(bus).collect()
    };
    [true, false].into_iter().flat_map(side).collect()
}

/// File list, constraints, scripts.
pub(super) fn tools(sources: &[File], interface: &Interface, options: &RtlOptions) -> Vec<File> {
    let mut context = Context::new();
    let compiled: Vec<&str> =
        sources.iter().map(|it| it.0.as_str()).filter(|it| it.ends_with(".sv")).collect();
    context.insert("sources", &compiled);
    let headers: Vec<&str> =
        sources.iter().map(|it| it.0.as_str()).filter(|it| it.ends_with(".svh")).collect();
    context.insert("headers", &headers);
    context.insert("buses", &buses(interface));
    context.insert("load", &interface.load.as_ref().map(TemplateLoad::new));
    context.insert("hertz", &format!("{:.0}", 1e9 / options.clock_ns));
    context.insert("interface", interface);
    // A name in a script is one word, whatever the user typed.
    let word = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    context.insert("part", &options.part.chars().filter(|c| word(*c)).collect::<String>());
    context.insert("clock", &format!("{:.3}", options.clock_ns));
    context.insert("half", &format!("{:.3}", options.clock_ns / 2.0));
    context.insert("io", &format!("{:.3}", options.clock_ns * IO_SHARE));
    let mut files = vec![
        ("rtl/filelist.f".to_owned(), render("filelist.f", &context)),
        ("sim/waivers.vlt".to_owned(), text!("sim/waivers.vlt").to_owned()),
    ];
    let mut add = |path: String, template| files.push((path, render(template, &context)));
    match options.family {
        Family::Vivado => {
            add(format!("constraints/{}.xdc", interface.top), "clock.xdc");
            add("scripts/vivado.tcl".to_owned(), "vivado.tcl");
            add("scripts/vivado_ip.tcl".to_owned(), "vivado_ip.tcl");
        }
        Family::Quartus => {
            add(format!("constraints/{}.sdc", interface.top), "clock.sdc");
            add("scripts/quartus.tcl".to_owned(), "quartus.tcl");
            add(format!("scripts/{}_hw.tcl", interface.axis), "quartus_hw.tcl");
        }
        Family::Other => add(format!("constraints/{}.sdc", interface.top), "clock.sdc"),
    }
    files
}

fn render(name: &str, context: &Context) -> String {
    let mut tera = Tera::default();
    tera.autoescape_on(Vec::new());
    tera.add_raw_templates(TEMPLATES.iter().copied()).expect("our templates are well formed");
    tera.render(name, context).expect("every template gets what it asks for")
}
