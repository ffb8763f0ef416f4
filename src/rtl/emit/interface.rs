//! What a design looks like from outside: for simulation and for the wrappers.

use serde::Serialize;

use crate::fixed::Graph;
use crate::graph::NodeId;
use crate::rtl::datapath::Port;
use crate::rtl::netlist::{self, Netlist};

/// A design from outside.
///
/// All modules have a clock, a synchronous reset (low while in reset) and flat vectors of data. The
/// core has `in_valid_i` and `out_valid_o`; the top has `in_ready_o` and `out_ready_i` as well. The
/// AXI4-Stream wrapper has `aclk`, `aresetn`, `s_axis_*` and `m_axis_*`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// The module with valid and ready.
    pub top: String,
    /// The free-running pipeline inside it; the data ports have the same names.
    pub core: String,
    /// The AXI4-Stream wrapper around it.
    pub axis: String,
    /// Data ports, the inputs first, in the model's order.
    pub ports: Vec<PortShape>,
    /// Cycles from an input to the output that it causes, if nothing stalls.
    pub latency: u32,
    /// Bits of `s_axis_tdata`.
    pub axis_in_bits: u32,
    /// Bits of `m_axis_tdata`.
    pub axis_out_bits: u32,
    /// Beats of a sample at each input and each output, for a design that streams: every port has a
    /// handshake of its own, with `last`.
    pub beats: Option<[Vec<u32>; 2]>,
    /// Samples that the wrapper has room for, of a dataflow that takes whole tensors: the top does not say
    /// how many are inside.
    pub inside: Option<u64>,
    /// A port through which weights are loaded.
    pub load: Option<Load>,
}

/// The port through which weights are loaded: `load_*` of the top, `s_axil_*` of the wrapper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Load {
    /// Bits of the address of a word.
    pub address_bits: u32,
    /// Words that the wrapper's registers take in front of the first weight.
    pub registers: usize,
    /// Arrays that have such weights.
    pub arrays: usize,
}

/// A data port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PortShape {
    /// Name of the port.
    pub name: String,
    /// Name of the tensor in the model.
    pub tensor: String,
    /// Whether it is an input.
    pub input: bool,
    /// Bits in all.
    pub bits: u32,
    /// Where each element lies.
    pub slots: Vec<Slot>,
}

/// Where an element lies in its port's vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Slot {
    /// Its lowest bit.
    pub offset: u32,
    /// Number of bits.
    pub width: u32,
    /// Whether it is two's complement.
    pub signed: bool,
    /// Its lowest bit in the AXI4-Stream word, where every element starts at a byte.
    pub axis_offset: u32,
}

impl Slot {
    /// Bits in the AXI4-Stream word.
    pub fn axis_width(self) -> u32 {
        self.width.next_multiple_of(8)
    }
}

impl Interface {
    pub(super) fn new(netlist: &Netlist<'_>) -> Interface {
        let (names, datapath) = (&netlist.names, netlist.datapath);
        let side = |names: &[String], ports: &[Port]| {
            let ports = ports.iter().map(|it| (it.name.clone(), it.slots.clone()));
            names.iter().cloned().zip(ports).collect()
        };
        let inputs = side(&names.inputs, &datapath.inputs);
        let outputs = side(&names.outputs, &datapath.outputs);
        Interface::pipeline(&names.design, inputs, outputs, netlist.schedule.latency)
    }

    /// The pipeline of a graph that somebody else makes; `name` is any text.
    pub fn of(graph: &Graph, name: &str, latency: u32) -> Interface {
        let side = |ids: &[NodeId]| {
            let names = netlist::unique(ids.iter().map(|it| &graph.node(*it).name), &netlist::PINS);
            let port = |id: &NodeId| {
                let node = graph.node(*id);
                let formats = (0..node.ty.elements()).map(|it| node.ty.format(it));
                (node.name.clone(), formats.map(|it| (it.width, it.signed)).collect())
            };
            names.into_iter().zip(ids.iter().map(port)).collect()
        };
        let top = netlist::design_name(name);
        Interface::pipeline(&top, side(&graph.inputs), side(&graph.outputs), latency)
    }

    fn pipeline(top: &str, inputs: Vec<Side>, outputs: Vec<Side>, latency: u32) -> Interface {
        let mut ports = Vec::new();
        let mut axis_bits = [0; 2];
        let inputs = inputs.into_iter().map(|it| (true, it));
        let outputs = outputs.into_iter().map(|it| (false, it));
        for (input, (name, (tensor, slots))) in inputs.chain(outputs) {
            let name = if input { format!("in_{name}_i") } else { format!("out_{name}_o") };
            let bits = &mut axis_bits[usize::from(!input)];
            ports.push(PortShape::new(name, &tensor, input, &slots, bits));
        }
        Interface {
            top: top.to_owned(),
            core: format!("{top}_core"),
            axis: format!("{top}_axis"),
            ports,
            latency,
            axis_in_bits: axis_bits[0],
            axis_out_bits: axis_bits[1],
            beats: None,
            inside: None,
            load: None,
        }
    }
}

/// A port: its name in SystemVerilog, that of its tensor, and its elements' widths and signs.
type Side = (String, (String, Vec<(u32, bool)>));

impl PortShape {
    /// The name without its direction: `in_x` of `in_x_i`.
    pub(crate) fn stem(&self) -> &str {
        &self.name[..self.name.len() - "_i".len()]
    }

    /// A pin of the port's own handshake (`forward`: from where the data come): `in_valid_i`, or
    /// `valid_in_x_i` if it is not the `single` port of its side.
    pub(in crate::rtl) fn control(&self, pin: &str, single: bool, forward: bool) -> String {
        let side = if self.input { "in" } else { "out" };
        let suffix = if self.input == forward { "i" } else { "o" };
        match single {
            true => format!("{side}_{pin}_{suffix}"),
            false => format!("{pin}_{}_{suffix}", self.stem()),
        }
    }

    /// A port from its elements' widths and signs; `axis_bits` is how full the AXI4-Stream word is.
    pub(in crate::rtl) fn new(
        name: String,
        tensor: &str,
        input: bool,
        elements: &[(u32, bool)],
        axis_bits: &mut u32,
    ) -> PortShape {
        let mut bits = 0;
        let mut slot = |(width, signed): &(u32, bool)| {
            let (width, signed) = (*width, *signed);
            let slot = Slot { offset: bits, width, signed, axis_offset: *axis_bits };
            bits += width;
            *axis_bits += slot.axis_width();
            slot
        };
        let slots = elements.iter().map(&mut slot).collect();
        PortShape { name, tensor: tensor.to_owned(), input, bits, slots }
    }
}

/// A port's elements one above the other.
pub(super) struct Vector<'a> {
    port: &'a Port,
    /// Lowest bit of every element.
    pub(super) offsets: Vec<u32>,
    /// Bits in all.
    pub(super) bits: u32,
}

impl Vector<'_> {
    pub(super) fn new(port: &Port) -> Vector<'_> {
        let mut bits = 0;
        let mut place = |(width, _): &(u32, bool)| {
            bits += width;
            bits - width
        };
        let offsets = port.slots.iter().map(&mut place).collect();
        Vector { port, offsets, bits }
    }

    /// How to find an element, for a comment.
    pub(super) fn about(&self) -> String {
        let slots = &self.port.slots;
        let (name, count) = (super::text::plain(&self.port.name), slots.len());
        let sign = |signed: bool| if signed { "signed" } else { "unsigned" };
        match slots.first() {
            Some((width, signed)) if slots.iter().all(|it| it == &slots[0]) => {
                let of = sign(*signed);
                format!(
                    "{name}: {count} x {width} bits, {of}; element i at [{width}*i +: {width}]."
                )
            }
            _ => {
                format!("{name}: {count} elements of different widths, element 0 in the low bits.")
            }
        }
    }
}
