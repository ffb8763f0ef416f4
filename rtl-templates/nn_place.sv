// Where a word that is loaded goes: the place of a weight in its matrix as step and multiplier of an
// `nn_mac_array`, a cycle later.
//
// An address is a row and a column: the weight of input `row` for output `column`, or its bias in the row
// behind the last input. `known_o` says at once whether there is such a weight.

`include "nn_assert.svh"

module nn_place #(
  parameter int unsigned Inputs = 4,
  parameter int unsigned Outputs = 4,
  parameter bit          HasBiases = 1'b1,
  parameter int unsigned RowWidth = 3,
  parameter int unsigned ColumnWidth = 2,

  // As in the array.
  parameter int unsigned Inner = 4,
  parameter int unsigned Groups = 2,
  parameter int unsigned Columns = 2,
  parameter int unsigned Fan = 1,

  localparam int unsigned Steps = Inner * Groups,
  localparam int unsigned StepWidth = Steps > 1 ? $clog2(Steps) : 1
) (
  input  logic clk_i,
  input  logic rst_ni,

  input  logic                            valid_i,
  input  logic [RowWidth+ColumnWidth-1:0] address_i,
  output logic                            known_o,

  // The step of a weight, and its multiplier: element `place_o` of column `column_o`, a bit each; none
  // without a weight.
  output logic [StepWidth-1:0] step_o,
  output logic [Columns-1:0]   column_o,
  output logic [Fan-1:0]       place_o,
  // The output of a bias, a bit each.
  output logic [Outputs-1:0]   bias_o
);

  logic [RowWidth-1:0]    row;
  logic [ColumnWidth-1:0] column;

  assign {row, column} = address_i;

  logic is_weight;
  logic is_bias;

  assign is_weight = 32'(row) < Inputs && 32'(column) < Outputs;
  assign is_bias   = HasBiases && 32'(row) == Inputs && 32'(column) < Outputs;
  assign known_o   = is_weight || is_bias;

  // Which step of its group an input is in, and where in it.
  logic [StepWidth-1:0] inner [1 << RowWidth];
  logic [RowWidth-1:0]  place [1 << RowWidth];

  // The first step of an output's group, and where in the group the output is.
  logic [StepWidth-1:0]   step  [1 << ColumnWidth];
  logic [ColumnWidth-1:0] among [1 << ColumnWidth];

  initial begin
    for (int unsigned i = 0; i < 1 << RowWidth; i++) begin
      inner[i] = StepWidth'(i / Fan);
      place[i] = RowWidth'(i % Fan);
    end
    for (int unsigned i = 0; i < 1 << ColumnWidth; i++) begin
      step[i]  = StepWidth'(i / Columns * Inner);
      among[i] = ColumnWidth'(i % Columns);
    end
  end

  logic                   weight_q;
  logic                   bias_q;
  logic [StepWidth-1:0]   inner_q;
  logic [RowWidth-1:0]    place_q;
  logic [StepWidth-1:0]   step_q;
  logic [ColumnWidth-1:0] among_q;
  logic [ColumnWidth-1:0] column_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      weight_q <= 1'b0;
      bias_q   <= 1'b0;
    end else begin
      weight_q <= valid_i && is_weight;
      bias_q   <= valid_i && is_bias;
    end
  end

  always_ff @(posedge clk_i) begin
    inner_q  <= inner[row];
    place_q  <= place[row];
    step_q   <= step[column];
    among_q  <= among[column];
    column_q <= column;
  end

  // Memories outlive a reset: nothing is written in one, whatever registers hold before it.
  logic writes_weight;
  logic writes_bias;

  assign writes_weight = weight_q && rst_ni;
  assign writes_bias   = bias_q && rst_ni;
  assign step_o        = step_q + inner_q;

  for (genvar j = 0; j < Columns; j++) begin : gen_column
    assign column_o[j] = writes_weight && 32'(among_q) == j;
  end

  for (genvar i = 0; i < Fan; i++) begin : gen_place
    assign place_o[i] = writes_weight && 32'(place_q) == i;
  end

  for (genvar j = 0; j < Outputs; j++) begin : gen_bias
    assign bias_o[j] = writes_bias && 32'(column_q) == j;
  end

  `NN_ASSERT_INIT(SizesFit, Inputs + HasBiases <= 1 << RowWidth && Outputs <= 1 << ColumnWidth)
  `NN_ASSERT_INIT(StepsFit, Inner * Fan >= Inputs && Groups * Columns >= Outputs)

endmodule
