// One stream for several readers: each takes every word, in its own time.
//
// A word is offered to all at once and to each until that one has taken it; the source may go on in
// the cycle in which the last one does. No valid depends on a ready.

`include "nn_assert.svh"

module nn_fork #(
  parameter int unsigned Readers = 2
) (
  input  logic               clk_i,
  input  logic               rst_ni,

  input  logic               in_valid_i,
  output logic               in_ready_o,

  output logic [Readers-1:0] out_valid_o,
  input  logic [Readers-1:0] out_ready_i
);

  // Who has the present word.
  logic [Readers-1:0] done_d;
  logic [Readers-1:0] done_q;

  assign out_valid_o = {Readers{in_valid_i}} & ~done_q;
  assign done_d      = done_q | (out_valid_o & out_ready_i);
  assign in_ready_o  = &(done_q | out_ready_i);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      done_q <= '0;
    end else if (in_valid_i) begin
      done_q <= in_ready_o ? '0 : done_d;
    end
  end

  `NN_ASSERT_INIT(ReadersNonZero, Readers > 0)

endmodule
