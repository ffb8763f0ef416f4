//! The module of a folded matrix: its weights and biases, and an `nn_mac_array`.

use super::Hard;
use crate::device::Storage;
use crate::rtl::emit::File;
use crate::stream::{Array, ProcessId};

/// What an array is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Styles {
    /// Products are in DSP blocks.
    pub dsp: bool,
    /// Two of them at a time in one.
    pub pairs: bool,
    /// What keeps the weights.
    pub rom: Storage,
}

impl Styles {
    pub(super) fn new(hard: &Hard, id: ProcessId) -> Styles {
        let rom = match hard.weights.contains(&id) {
            true => Storage::Block,
            false => Storage::Tables,
        };
        let (dsp, pairs) = (hard.products.contains(&id), hard.pairs.contains(&id));
        Styles { dsp, pairs, rom }
    }
}

impl Array {
    /// Bits of a weight in the memory.
    pub(super) fn word_width(&self, pairs: bool) -> u32 {
        self.weight_width() + u32::from(pairs)
    }
}

/// Name of the module of a process.
pub(super) fn name(top: &str, process: &str) -> String {
    format!("{top}_{process}")
}

/// A word of several numbers, the first in the low bits, as a literal.
pub(super) fn word(numbers: &[i128], width: u32) -> String {
    let bits = numbers.iter().rev().flat_map(|it| (0..width).rev().map(move |bit| it >> bit & 1));
    let bits: Vec<u8> = bits.map(|it| it as u8).collect();
    let digits = bits.rchunks(4).rev().map(|it| it.iter().fold(0, |digit, bit| digit << 1 | bit));
    let digits: String = digits.map(|it: u8| format!("{it:x}")).collect();
    format!("{}'h{digits}", bits.len())
}

/// The token's elements in the order of blocks, with zeros where there is padding; runs of neighbours
/// are one slice.
fn lanes(array: &Array) -> String {
    let width = array.input.width as usize;
    let places = (0..array.blocks()).flat_map(|it| (0..array.block()).map(move |at| (it, at)));
    let mut runs: Vec<(Option<usize>, usize)> = Vec::new();
    for lane in places.map(|(block, at)| array.lane(block, at)) {
        match (runs.last_mut(), lane) {
            (Some((Some(first), count)), Some(lane)) if *first + *count == lane => *count += 1,
            (Some((None, count)), None) => *count += 1,
            _ => runs.push((lane, 1)),
        }
    }
    let slice = |(first, count): &(Option<usize>, usize)| match first {
        Some(first) => format!("in_data_i[{}:{}]", (first + count) * width - 1, first * width),
        None => format!("{}'d0", count * width),
    };
    let slices: Vec<String> = runs.iter().rev().map(slice).collect();
    format!("{{\n    {}\n  }}", slices.join(",\n    "))
}

/// The weights at first, a row a step, and the token's blocks: what stands in front of an `nn_mac_array`.
pub(super) fn weights(array: &Array, pairs: bool) -> String {
    let weight = array.word_width(pairs);
    let row = |step| if pairs { array.paired_weights(step) } else { array.weights(step) };
    let steps = array.cycles();
    let rows: Vec<String> =
        (0..steps).map(|it| format!("    {}", word(&row(it), weight))).collect();
    let rows = rows.join(",\n");
    let word_msb = array.multipliers() as u32 * weight - 1;
    format!(
        "  // A step a row: of every output in turn the weights of its elements, the first in the low bits.
  localparam logic [{word_msb}:0] Weights [{steps}] = '{{
{rows}
  }};
"
    )
}

/// The blocks of a token, and the `nn_mac_array`.
pub(super) fn multipliers(array: &Array, styles: Styles, weights: &str, biases: &str) -> String {
    let Styles { dsp, pairs, .. } = styles;
    let (weight, sum) = (array.word_width(pairs), array.accum().width);
    let (groups, inner) = (array.groups(), array.inner());
    let (blocks, block, columns) = (array.blocks(), array.block(), array.columns());
    let Array { fan, share, .. } = array;
    let (packs, gathers) = (array.packs(), u8::from(array.parts() > 1));
    let signed = u8::from(array.input.signed);
    let (outputs, in_width, shift) = (array.outputs(), array.input.width, array.shift());
    let (lanes, keeps) = (lanes(array), u8::from(array.keeps()));
    let (dsp, pairs) = (u8::from(dsp), u8::from(pairs));
    format!(
        "  // Block after block, the first in the low bits.
  logic [{}:0] blocks;

  assign blocks = {lanes};

  nn_mac_array #(
    .Blocks      ({blocks}),
    .Block       ({block}),
    .Inner       ({inner}),
    .Groups      ({groups}),
    .Packs       ({packs}),
    .Gathers     (1'b{gathers}),
    .Columns     ({columns}),
    .Fan         ({fan}),
    .Share       ({share}),
    .Outputs     ({outputs}),
    .InWidth     ({in_width}),
    .InSigned    (1'b{signed}),
    .WeightWidth ({weight}),
    .SumWidth    ({sum}),
    .Shift       ({shift}),
    .Dsp         (1'b{dsp}),
    .Pairs       (1'b{pairs}),
    .Keeps       (1'b{keeps})
  ) i_array (
    .clk_i,
    .rst_ni,
    .in_valid_i,
    .in_ready_o,
    .in_data_i (blocks),
    .out_valid_o,
    .out_ready_i,
    .out_data_o,
    .address_o (address),
    .weights_i ({weights}),
    .biases_i  ({biases})
  );
",
        (blocks * block) as u32 * in_width - 1,
    )
}

/// What a module is, and its ports but for the closing parenthesis.
pub(super) fn head(array: &Array, name: &str) -> String {
    let (weight, sum) = (array.weight_width(), array.accum().width);
    let (elements, in_width) = (array.elements(), array.input.width);
    let (outputs, multipliers, steps) = (array.outputs(), array.multipliers(), array.cycles());
    let packs = match array.packs() {
        1 => String::new(),
        packs => format!("{packs} packs of "),
    };
    let (in_msb, out_msb) = (elements as u32 * in_width - 1, outputs as u32 * sum - 1);
    format!(
        "// {name}: {packs}{elements} elements of {in_width} bits times weights of {weight}, on {multipliers} multipliers in {steps} cycles.
//
// A token becomes {outputs} sums of {sum} bits.

`include \"nn_synth.svh\"

module {name} (
  input  logic clk_i,
  input  logic rst_ni,

  input  logic in_valid_i,
  output logic in_ready_o,
  input  logic [{in_msb}:0] in_data_i,

  output logic out_valid_o,
  input  logic out_ready_i,
  output logic [{out_msb}:0] out_data_o"
    )
}

/// The module of a constant matrix.
pub(super) fn module(array: &Array, styles: Styles, name: &str) -> File {
    let (turns, columns) = (array.turns(), array.groups() * array.columns());
    let sum = array.accum().width;
    let biases = (0..turns).flat_map(|turn| (0..columns).map(move |it| array.bias(turn, it)));
    let biases: Vec<i128> = biases.collect();
    let biases = word(&biases, sum);
    let (group_msb, column_msb, sum_msb) = (array.groups() - 1, array.columns() - 1, sum - 1);
    let rom = match styles.rom {
        Storage::Tables => "`NN_TABLE_ROM",
        Storage::Block => "`NN_BLOCK_ROM",
    };
    let (steps, turn_msb) = (array.cycles(), turns - 1);
    let address_msb = super::address_bits(steps) - 1;
    let word_msb = array.multipliers() as u32 * array.word_width(styles.pairs) - 1;
    let (head, weights) = (head(array, name), weights(array, styles.pairs));
    let multipliers = multipliers(array, styles, "weights_q", "Biases");
    let text = format!(
        "{head}
);

{weights}
  localparam logic [{turn_msb}:0][{group_msb}:0][{column_msb}:0][{sum_msb}:0] Biases = {biases};

  logic [{address_msb}:0] address;
  logic [{word_msb}:0] weights_q;

  {rom} logic [{word_msb}:0] rom [{steps}] = Weights;

  always_ff @(posedge clk_i) begin
    weights_q <= rom[address];
  end

{multipliers}
endmodule
"
    );
    (format!("rtl/{name}.sv"), text)
}
