// Counts words in flight and says when one more may start.
//
// A pipeline that cannot stop must never hold more than what fits behind it. A word is in flight
// from `take_i` to `give_i`; `ready_o` is high while fewer than `Credits` are. It comes from a
// register and does not depend on `give_i` in the same cycle, so no path runs from the output's
// ready to the input's. For full rate, `Credits` must exceed the cycles between the two by one.

`include "nn_assert.svh"

module nn_credit #(
  parameter int unsigned Credits = 4
) (
  input  logic clk_i,
  input  logic rst_ni,

  // A word enters; only while `ready_o`.
  input  logic take_i,
  output logic ready_o,

  // A word has left.
  input  logic give_i
);

  localparam int unsigned CountWidth = $clog2(Credits + 1);

  logic [CountWidth-1:0] count_d;
  logic [CountWidth-1:0] count_q;

  assign count_d = count_q + CountWidth'(take_i) - CountWidth'(give_i);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      count_q <= '0;
      ready_o <= 1'b0;
    end else begin
      count_q <= count_d;
      ready_o <= count_d < CountWidth'(Credits);
    end
  end

  `NN_ASSERT_INIT(CreditsNonZero, Credits > 0)
  `NN_ASSERT(TakenOnlyWhenReady, !take_i || ready_o)
  `NN_ASSERT(GivenOnlyInFlight, !give_i || count_q != 0)

endmodule
