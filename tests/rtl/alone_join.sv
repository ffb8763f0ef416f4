// What joins streams, with several to join: tests/it/alone.

`include "nn_assert.svh"

// Every word on several ways, each longer than the one before, and joined again.
module alone_join #(
  parameter int unsigned Width = 8,
  parameter int unsigned Sources = 2
) (
  input  logic             clk_i,
  input  logic             rst_ni,

  input  logic             in_valid_i,
  output logic             in_ready_o,
  input  logic [Width-1:0] in_data_i,

  output logic             out_valid_o,
  input  logic             out_ready_i,
  output logic [Width-1:0] out_data_o
);

  logic [Sources-1:0]            fork_valid;
  logic [Sources-1:0]            fork_ready;
  logic [Sources-1:0]            way_valid;
  logic [Sources-1:0]            way_ready;
  logic [Sources-1:0][Width-1:0] way_data;

  nn_fork #(
    .Readers (Sources)
  ) i_fork (
    .clk_i,
    .rst_ni,
    .in_valid_i,
    .in_ready_o,
    .out_valid_o (fork_valid),
    .out_ready_i (fork_ready)
  );

  for (genvar i = 0; i < Sources; i++) begin : gen_way
    nn_fifo #(
      .Width (Width),
      .Depth (i + 1)
    ) i_fifo (
      .clk_i,
      .rst_ni,
      .in_valid_i  (fork_valid[i]),
      .in_ready_o  (fork_ready[i]),
      .in_data_i,
      .out_valid_o (way_valid[i]),
      .out_ready_i (way_ready[i]),
      .out_data_o  (way_data[i]),
      .level_o     ()
    );

    `NN_ASSERT(SameWord, !out_valid_o || way_data[i] == way_data[0])
  end

  nn_join #(
    .Sources (Sources)
  ) i_join (
    .clk_i,
    .rst_ni,
    .in_valid_i  (way_valid),
    .in_ready_o  (way_ready),
    .out_valid_o,
    .out_ready_i
  );

  assign out_data_o = way_data[0];

endmodule
