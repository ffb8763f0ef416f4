//! The module of a folded matrix that can be loaded: two banks of weights and biases, and an `nn_mac_array`.

use super::address_bits;
use super::array::{Styles, head, multipliers, weights, word};
use crate::rtl::emit::File;
use crate::stream::Array;
use crate::stream::loaded::Window;

/// What a word of the port becomes: its low bits, with a sign bit of 0 if the format has none.
fn held(width: u32, signed: bool) -> String {
    let low = format!("data_q[{}:0]", width - 1);
    if signed { low } else { format!("{{1'b0, {low}}}") }
}

/// The biases: registers of both banks, and those of the sums that are due on their grid.
fn biases(array: &Array, window: &Window) -> String {
    let (columns, sum) = (array.groups() * array.columns(), array.accum().width);
    let (outputs, bias_msb) = (array.outputs(), columns as u32 * sum - 1);
    let Some(format) = window.bias else {
        let zero = word(&vec![0; columns], sum);
        return format!(
            "  logic unused_bias;
  assign unused_bias = ^{{bias, biases_bank}};

  localparam logic [{bias_msb}:0] biases = {zero};
"
        );
    };
    let width = format.width + u32::from(!format.signed);
    let (width_msb, all_msb) = (width - 1, outputs as u32 * width - 1);
    let first = word(&array.biases().collect::<Vec<_>>(), width);
    let (shift, data) = (array.bias_shift(), held(format.width, format.signed));
    format!(
        "  localparam logic [{all_msb}:0] Biases = {first};

  logic [{bias_msb}:0] biases;

  for (genvar j = 0; j < {columns}; j++) begin : gen_bias
    if (j < {outputs}) begin : gen_output
      logic [1:0][{width_msb}:0] banks_q;
      logic signed [{width_msb}:0] due;

      initial begin
        banks_q = {{2{{Biases[j*{width} +: {width}]}}}};
      end

      always_ff @(posedge clk_i) begin
        if (bias[j]) begin
          banks_q[bank_q] <= {data};
        end
      end

      assign due = banks_q[biases_bank];
      assign biases[j*{sum} +: {sum}] = {sum}'(due) << {shift};
    end else begin : gen_none
      assign biases[j*{sum} +: {sum}] = '0;
    end
  end
",
    )
}

/// The memories: one for each multiplier, with a row for each step in both banks.
fn memories(array: &Array) -> String {
    let (width, steps, fan) = (array.weight_width(), array.steps(), array.fan);
    let columns = array.columns();
    let (width_msb, word_msb) = (width - 1, array.multipliers() as u32 * width - 1);
    // Banks begin at powers of two; a single step needs no address.
    let unused = match steps {
        1 => "  logic unused_step;\n  assign unused_step = ^{address, step};\n\n",
        _ => "",
    };
    let rows = if steps == 1 { 1 } else { 1 << address_bits(steps) };
    let at = |bank: &str, step: &str| match steps {
        1 => bank.to_owned(),
        _ => format!("{{{bank}, {step}}}"),
    };
    let (read, write) = (at("weights_bank", "address"), at("bank_q", "step"));
    let format = array.weight_format();
    let data = held(format.width, format.signed);
    format!(
        "{unused}  logic [{word_msb}:0] weights;

  for (genvar j = 0; j < {columns}; j++) begin : gen_column
    for (genvar i = 0; i < {fan}; i++) begin : gen_place
      logic [{width_msb}:0] memory_q [{}];
      logic [{width_msb}:0] weight_q;

      initial begin
        for (int unsigned k = 0; k < {steps}; k++) begin
          memory_q[k] = Weights[k][(j*{fan}+i)*{width} +: {width}];
          memory_q[{rows}+k] = Weights[k][(j*{fan}+i)*{width} +: {width}];
        end
      end

      always_ff @(posedge clk_i) begin
        if (column[j] && place[i]) begin
          memory_q[{write}] <= {data};
        end
        weight_q <= memory_q[{read}];
      end

      assign weights[(j*{fan}+i)*{width} +: {width}] = weight_q;
    end
  end
",
        2 * rows,
    )
}

/// The module; tokens of a frame, and bits of the address of a word.
pub(super) fn module(
    array: &Array,
    window: &Window,
    (tokens, address): (usize, u32),
    styles: Styles,
    name: &str,
) -> File {
    let [row, column] = window.bits;
    let (low, base) = (row + column, window.base >> (row + column));
    let (address_msb, step_msb) = (address - 1, address_bits(array.steps()) - 1);
    let (inner, groups, columns) = (array.inner(), array.groups(), array.columns());
    let (fan, rows, outputs, ranks) = (array.fan, array.rows(), array.outputs(), array.ranks());
    let has_biases = u8::from(window.bias.is_some());
    let (head, first) = (head(array, name), weights(array, styles.pairs));
    let (biases, memories) = (biases(array, window), memories(array));
    let multipliers = multipliers(array, styles, "weights", "biases");
    let text = format!(
        "{head},

  // Writes a word of the bank that `bank_i` is not; it can be read two cycles later.
  input  logic load_valid_i,
  input  logic [{address_msb}:0] load_address_i,
  input  logic [31:0] load_data_i,
  output logic load_known_o,

  // The bank in use from a frame on, and that of the oldest sums under way.
  input  logic bank_i,
  input  logic [31:0] frame_i,
  output logic bank_o
);

{first}
  logic [{step_msb}:0] address;
  logic weights_bank;
  logic biases_bank;

  nn_bank #(
    .Tokens ({tokens}),
    .Ranks  ({ranks})
  ) i_bank (
    .clk_i,
    .rst_ni,
    .take_i    (in_valid_i && in_ready_o),
    .bank_i,
    .frame_i,
    .weights_o (weights_bank),
    .biases_o  (biases_bank)
  );

  assign bank_o = biases_bank;

  logic own;
  logic known;
  logic [{step_msb}:0] step;
  logic [{}:0] column;
  logic [{}:0] place;
  logic [{}:0] bias;

  assign own          = load_address_i[{address_msb}:{low}] == {}'d{base};
  assign load_known_o = own && known;

  nn_place #(
    .Inputs      ({rows}),
    .Outputs     ({outputs}),
    .HasBiases   (1'b{has_biases}),
    .RowWidth    ({row}),
    .ColumnWidth ({column}),
    .Inner       ({inner}),
    .Groups      ({groups}),
    .Columns     ({columns}),
    .Fan         ({fan})
  ) i_place (
    .clk_i,
    .rst_ni,
    .valid_i   (load_valid_i && own),
    .address_i (load_address_i[{}:0]),
    .known_o   (known),
    .step_o    (step),
    .column_o  (column),
    .place_o   (place),
    .bias_o    (bias)
  );

  logic bank_q;
  logic [31:0] data_q;

  always_ff @(posedge clk_i) begin
    bank_q <= !bank_i;
    data_q <= load_data_i;
  end

{memories}
{biases}
{multipliers}
endmodule
",
        columns - 1,
        fan - 1,
        outputs - 1,
        address - low,
        low - 1,
    );
    (format!("rtl/{name}.sv"), text)
}
