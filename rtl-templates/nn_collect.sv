// `Ratio` words become one, the first in the low bits.
//
// The last of them is not stored: it goes through, so that a word may enter in every cycle.

`include "nn_assert.svh"

module nn_collect #(
  parameter int unsigned Width = 8,
  parameter int unsigned Ratio = 2
) (
  input  logic                   clk_i,
  input  logic                   rst_ni,

  input  logic                   in_valid_i,
  output logic                   in_ready_o,
  input  logic [Width-1:0]       in_data_i,

  output logic                   out_valid_o,
  input  logic                   out_ready_i,
  output logic [Ratio*Width-1:0] out_data_o
);

  localparam int unsigned CountWidth = $clog2(Ratio);

  logic [Ratio-2:0][Width-1:0] stored_q;
  logic [CountWidth-1:0]       count_q;

  logic full;
  logic take;

  assign full        = count_q == CountWidth'(Ratio - 1);
  assign in_ready_o  = !full || out_ready_i;
  assign take        = in_valid_i && in_ready_o;
  assign out_valid_o = full && in_valid_i;
  assign out_data_o  = {in_data_i, stored_q};

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      count_q <= '0;
    end else if (take) begin
      count_q <= full ? '0 : count_q + 1'b1;
    end
  end

  // Words move down: the first has come to the low end when the last one comes.
  always_ff @(posedge clk_i) begin
    if (take && !full) begin
      stored_q[Ratio-2] <= in_data_i;
      for (int unsigned i = 0; i + 2 < Ratio; i++) begin
        stored_q[i] <= stored_q[i+1];
      end
    end
  end

  `NN_ASSERT_INIT(SizesLargeEnough, Width > 0 && Ratio > 1)

endmodule
