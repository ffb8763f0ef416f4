// Which of two banks of weights an `nn_mac_array` reads: that in use from frame `frame_i` on is `bank_i`.
//
// Frames are counted by the tokens that the array takes. `weights_o` is the bank of the token whose
// steps are under way; it changes with the first token of the frame. `biases_o` is that of the sums
// whose biases are due, `Ranks` cycles later: when it has changed nothing reads the other bank any more.

`include "nn_assert.svh"

module nn_bank #(
  // Tokens of a frame.
  parameter int unsigned Tokens = 1,
  parameter int unsigned Ranks = 2
) (
  input  logic clk_i,
  input  logic rst_ni,

  // A token is taken.
  input  logic take_i,

  input  logic        bank_i,
  input  logic [31:0] frame_i,

  output logic weights_o,
  output logic biases_o
);

  logic             last;
  logic             first_q;
  logic [31:0]      begun_q;
  logic [Ranks-1:0] banks_q;

  nn_beats #(
    .Beats (Tokens)
  ) i_beats (
    .clk_i,
    .rst_ni,
    .beat_i (take_i),
    .last_o (last)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      first_q   <= 1'b1;
      begun_q   <= '0;
      weights_o <= bank_i;
    end else if (take_i) begin
      first_q <= last;
      if (first_q) begin
        begun_q <= begun_q + 32'd1;
        if (begun_q == frame_i) begin
          weights_o <= bank_i;
        end
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      banks_q <= {Ranks{bank_i}};
    end else begin
      banks_q <= {banks_q[Ranks-2:0], weights_o};
    end
  end

  assign biases_o = banks_q[Ranks-1];

  `NN_ASSERT_INIT(RanksTwo, Ranks > 1)

endmodule
