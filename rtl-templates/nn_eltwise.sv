// Words of several streams that belong together, and what a core makes of them, element by element: sums, products,
// functions of one operand.
//
// Of an operand that is broadcast each word is used `Times`, for as many words of the others. The core, which is written
// for the layer, takes a word of each operand with `core_valid_o`, straight from their sources, and gives a result
// with `core_valid_i`, always as many cycles later: it never stops. Results wait in a FIFO, and no more words enter
// than have room there.

`include "nn_assert.svh"

module nn_eltwise #(
  parameter int unsigned Operands = 2,
  parameter logic [Operands-1:0][31:0] Times = {Operands{32'd1}},
  // Bits of a result.
  parameter int unsigned Width = 8,
  // A word is in flight until its result is taken, which is seen one cycle later: with one more than the core's
  // latency the input never waits. Another one is margin.
  parameter int unsigned Depth = 4
) (
  input  logic                clk_i,
  input  logic                rst_ni,

  input  logic [Operands-1:0] in_valid_i,
  output logic [Operands-1:0] in_ready_o,

  output logic                core_valid_o,
  input  logic                core_valid_i,
  input  logic [Width-1:0]    core_data_i,

  output logic                out_valid_o,
  input  logic                out_ready_i,
  output logic [Width-1:0]    out_data_o
);

  logic [Operands-1:0] use_valid;
  logic [Operands-1:0] use_ready;
  logic all_valid;
  logic room;

  for (genvar i = 0; i < Operands; i++) begin : gen_operands
    if (Times[i] > 1) begin : gen_broadcast
      // Data go by.
      logic unused_data;

      nn_spread #(
        .Width  (1),
        .Ratio  (Times[i]),
        .Repeat (1'b1)
      ) i_spread (
        .clk_i,
        .rst_ni,
        .in_valid_i  (in_valid_i[i]),
        .in_ready_o  (in_ready_o[i]),
        .in_data_i   (1'b0),
        .out_valid_o (use_valid[i]),
        .out_ready_i (use_ready[i]),
        .out_data_o  (unused_data)
      );
    end else begin : gen_once
      assign use_valid[i]  = in_valid_i[i];
      assign in_ready_o[i] = use_ready[i];
    end
  end

  nn_join #(
    .Sources (Operands)
  ) i_join (
    .clk_i,
    .rst_ni,
    .in_valid_i  (use_valid),
    .in_ready_o  (use_ready),
    .out_valid_o (all_valid),
    .out_ready_i (room)
  );

  assign core_valid_o = all_valid && room;

  nn_credit #(
    .Credits (Depth)
  ) i_credit (
    .clk_i,
    .rst_ni,
    .take_i  (core_valid_o),
    .ready_o (room),
    .give_i  (out_valid_o && out_ready_i)
  );

  // There is always room: every word in flight has its place.
  logic unused_ready;
  logic [$clog2(Depth+1)-1:0] unused_level;

  nn_fifo #(
    .Width (Width),
    .Depth (Depth)
  ) i_fifo (
    .clk_i,
    .rst_ni,
    .in_valid_i  (core_valid_i),
    .in_ready_o  (unused_ready),
    .in_data_i   (core_data_i),
    .out_valid_o,
    .out_ready_i,
    .out_data_o,
    .level_o     (unused_level)
  );

  `NN_ASSERT_INIT(OperandsNonZero, Operands > 0)

endmodule
