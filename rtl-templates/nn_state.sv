// What a loop keeps: of `Steps` words the first is what it begins with, the others are what the steps before
// have left. A word may come in `Packs`, which have loops of their own side by side.
//
// What is left enters a register, so that no valid runs around the loop, and there is always room for it:
// a step leaves one word for each that it has been given. What the last step leaves is dropped. The next
// loop may begin before that has come.

`include "nn_assert.svh"

module nn_state #(
  parameter int unsigned Width = 8,
  parameter int unsigned Steps = 4,
  parameter int unsigned Packs = 1
) (
  input  logic             clk_i,
  input  logic             rst_ni,

  input  logic             first_valid_i,
  output logic             first_ready_o,
  input  logic [Width-1:0] first_data_i,

  input  logic             left_valid_i,
  output logic             left_ready_o,
  input  logic [Width-1:0] left_data_i,

  output logic             out_valid_o,
  input  logic             out_ready_i,
  output logic [Width-1:0] out_data_o
);

  localparam int unsigned Words = Steps * Packs;
  localparam int unsigned CountWidth = Words > 1 ? $clog2(Words) : 1;

  logic [CountWidth-1:0] given_q;
  logic [CountWidth-1:0] left_q;

  // A word that some readers have and others do not, and the one that it has led to.
  logic [1:0][Width-1:0] stored_q;
  logic [1:0]            count_q;
  logic [1:0]            rest;

  // What waits behind the other packs.
  logic             behind_valid;
  logic             behind_ready;
  logic [Width-1:0] behind_data;

  logic begins;
  logic give;
  logic push;
  logic pop;

  if (Packs > 1) begin : gen_packs
    logic [$clog2(Packs)-1:0] unused_level;

    nn_fifo #(
      .Width (Width),
      .Depth (Packs - 1)
    ) i_fifo (
      .clk_i,
      .rst_ni,
      .in_valid_i  (count_q != '0),
      .in_ready_o  (behind_ready),
      .in_data_i   (stored_q[0]),
      .out_valid_o (behind_valid),
      .out_ready_i (out_ready_i && !begins),
      .out_data_o  (behind_data),
      .level_o     (unused_level)
    );
  end else begin : gen_whole
    assign behind_valid = count_q != '0;
    assign behind_ready = out_ready_i && !begins;
    assign behind_data  = stored_q[0];
  end

  assign begins        = 32'(given_q) < Packs;
  assign out_valid_o   = begins ? first_valid_i : behind_valid;
  assign out_data_o    = begins ? first_data_i : behind_data;
  assign first_ready_o = begins && out_ready_i;
  assign left_ready_o  = 1'b1;

  assign give = out_valid_o && out_ready_i;
  assign pop  = count_q != '0 && behind_ready;
  assign push = left_valid_i && 32'(left_q) < Words - Packs;
  assign rest = count_q - 2'(pop);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      given_q <= '0;
      left_q  <= '0;
      count_q <= '0;
    end else begin
      if (give) begin
        given_q <= given_q == CountWidth'(Words - 1) ? '0 : given_q + 1'b1;
      end
      if (left_valid_i) begin
        left_q <= left_q == CountWidth'(Words - 1) ? '0 : left_q + 1'b1;
      end
      count_q <= rest + 2'(push);
    end
  end

  always_ff @(posedge clk_i) begin
    if (push && rest == '0) begin
      stored_q[0] <= left_data_i;
    end else if (pop) begin
      stored_q[0] <= stored_q[1];
    end
    if (push && rest != '0) begin
      stored_q[1] <= left_data_i;
    end
  end

  `NN_ASSERT_INIT(SizesNonZero, Width > 0 && Steps > 0 && Packs > 0)
  `NN_ASSERT(RoomForWhatIsLeft, !push || rest < 2'd2)

endmodule
