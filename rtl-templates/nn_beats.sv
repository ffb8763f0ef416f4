// Counts the beats of a frame: `last_o` is high while the next beat is the last one.

`include "nn_assert.svh"

module nn_beats #(
  parameter int unsigned Beats = 4
) (
  input  logic clk_i,
  input  logic rst_ni,

  input  logic beat_i,
  output logic last_o
);

  if (Beats == 1) begin : gen_single

    assign last_o = 1'b1;

    logic unused;
    assign unused = ^{clk_i, rst_ni, beat_i};

  end else begin : gen_counter

    localparam int unsigned CountWidth = $clog2(Beats);

    logic [CountWidth-1:0] count_q;

    assign last_o = count_q == CountWidth'(Beats - 1);

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        count_q <= '0;
      end else if (beat_i) begin
        count_q <= last_o ? '0 : count_q + 1'b1;
      end
    end

  end

  `NN_ASSERT_INIT(BeatsNonZero, Beats > 0)

endmodule
