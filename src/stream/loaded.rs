//! What of a dataflow can be loaded while it runs, and at which addresses.
//!
//! Every [`Array`] whose weights can be loaded has a window of words, one for each weight: row after row of its
//! matrix (the inputs of a sum), in a row the outputs; the biases are the row behind the last one. Rows
//! begin at multiples of a power of two, windows at multiples of their size, so that an address is
//! taken apart by its bits. In front of all windows lie the control registers.

use super::{Array, Dataflow, Kind, ProcessId, index_bits};
use crate::fixed::Format;
use crate::units::Loaded;

/// Words that the registers have in front of the first window.
pub const REGISTERS: usize = 1024;

/// Bits of a word: no weight may have more.
pub const WORD: u32 = 32;

/// Where the weights of an array are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The array.
    pub process: ProcessId,
    /// Its layer.
    pub layer: String,
    /// The word of the first weight.
    pub base: usize,
    /// Bits of an address that say which row, and which output in it.
    pub bits: [u32; 2],
    /// Terms of a sum.
    pub rows: usize,
    /// Outputs.
    pub outputs: usize,
    /// Format of a weight.
    pub weight: Format,
    /// Format of a bias, if there are any.
    pub bias: Option<Format>,
}

impl Window {
    /// The word of a weight, or of a bias in the row behind the last one.
    pub fn word(&self, row: usize, output: usize) -> usize {
        self.base + (row << self.bits[1] | output)
    }

    /// Words, gaps included.
    fn size(&self) -> usize {
        1 << (self.bits[0] + self.bits[1])
    }
}

/// The windows of a dataflow, in order of address.
pub fn windows(flow: &Dataflow) -> Vec<Window> {
    let mut end = REGISTERS;
    let window = |(at, layer, array): (usize, &String, &Array)| {
        let bias = (array.loaded() == Loaded::All).then(|| array.bias_format());
        let (rows, outputs) = (array.rows(), array.outputs());
        let bits = [index_bits(rows + usize::from(bias.is_some())), index_bits(outputs)];
        let (process, layer, weight) = (ProcessId(at), layer.clone(), array.weight_format());
        let window = Window { process, layer, base: 0, bits, rows, outputs, weight, bias };
        let base = end.next_multiple_of(window.size());
        end = base + window.size();
        Window { base, ..window }
    };
    let arrays = flow.processes.iter().enumerate().filter_map(|(at, it)| match &it.kind {
        Kind::Array(array) if !array.loaded().is_nothing() => Some((at, &it.layer, array)),
        _ => None,
    });
    arrays.map(window).collect()
}

/// Bits of a word's address that reach all of them.
pub fn address_bits(windows: &[Window]) -> u32 {
    windows.last().map_or(0, |it| index_bits(it.base + it.size()))
}

/// Whether a process takes no token of a sample before a beat of that sample is offered at a source: what is
/// known from the start, as the first values of loops are, waits for nobody.
pub fn waits(flow: &Dataflow, process: ProcessId) -> bool {
    let own = &flow.processes[process.0];
    let from = |it: &super::StreamId| waits(flow, flow.stream(*it).from);
    match &own.kind {
        Kind::Source(_) => true,
        Kind::State(state) if state.first.is_some() => false,
        _ => own.ahead().iter().any(from),
    }
}
