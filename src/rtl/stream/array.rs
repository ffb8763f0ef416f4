//! The module of a folded matrix: its weights and biases, and an `nn_mac_array`.

use std::fmt::Write;

use crate::rtl::emit::File;
use crate::stream::Array;

/// Name of the module of a process.
pub(super) fn name(top: &str, process: &str) -> String {
    format!("{top}_{process}")
}

/// A word of several numbers, the first in the low bits, as a literal.
fn word(numbers: &[i128], width: u32) -> String {
    let bits = numbers.iter().rev().flat_map(|it| (0..width).rev().map(move |bit| it >> bit & 1));
    let bits: Vec<u8> = bits.map(|it| it as u8).collect();
    let digits = bits.rchunks(4).rev().map(|it| it.iter().fold(0, |digit, bit| digit << 1 | bit));
    let digits: String = digits.map(|it: u8| format!("{it:x}")).collect();
    format!("{}'h{digits}", bits.len())
}

/// The module.
pub(super) fn module(array: &Array, name: &str) -> File {
    let Array { mac, input, block, columns } = array;
    let (weight, sum) = (array.weight_width(), mac.accum.width);
    let (steps, groups) = (array.steps(), array.groups());
    let word_bits = (block * columns) as u32 * weight;
    let address = (usize::BITS - (steps - 1).leading_zeros()).max(1);
    let biases = (0..groups * columns).map(|it| if it < mac.n_out { array.bias(it) } else { 0 });
    let biases = word(&biases.collect::<Vec<i128>>(), sum);
    let rows: Vec<String> =
        (0..steps).map(|it| format!("    {}", word(&array.weights(it), weight))).collect();
    let rows = rows.join(",\n");
    let signed = u8::from(input.signed);
    let (inputs, outputs) = (mac.n_in, mac.n_out);
    let (in_width, shift) = (input.width, array.shift());
    let mut text = String::new();
    let _ = write!(
        text,
        "// {name}: {inputs} x {outputs} products of {in_width} by {weight} bits on {} multipliers, in {steps} cycles.
//
// A token of {inputs} elements becomes {outputs} sums of {sum} bits.

module {name} (
  input  logic clk_i,
  input  logic rst_ni,

  input  logic in_valid_i,
  output logic in_ready_o,
  input  logic [{}:0] in_data_i,

  output logic out_valid_o,
  input  logic out_ready_i,
  output logic [{}:0] out_data_o
);

  // A step a row: of every output in turn the weights of the block, the first in the low bits.
  localparam logic [{}:0] Weights [{steps}] = '{{
{rows}
  }};

  localparam logic [{}:0] Biases = {biases};

  logic [{}:0] address;
  logic [{}:0] weights_q;

  always_ff @(posedge clk_i) begin
    weights_q <= Weights[address];
  end

  nn_mac_array #(
    .Inputs      ({inputs}),
    .Outputs     ({outputs}),
    .Block       ({block}),
    .Columns     ({columns}),
    .InWidth     ({in_width}),
    .InSigned    (1'b{signed}),
    .WeightWidth ({weight}),
    .SumWidth    ({sum}),
    .Shift       ({shift})
  ) i_array (
    .clk_i,
    .rst_ni,
    .in_valid_i,
    .in_ready_o,
    .in_data_i,
    .out_valid_o,
    .out_ready_i,
    .out_data_o,
    .address_o (address),
    .weights_i (weights_q),
    .biases_i  (Biases)
  );

endmodule
",
        block * columns,
        inputs as u32 * in_width - 1,
        outputs as u32 * sum - 1,
        word_bits - 1,
        (groups * columns) as u32 * sum - 1,
        address - 1,
        word_bits - 1,
    );
    (format!("rtl/{name}.sv"), text)
}
