// One stream of several: a word is there when every source has one, and is taken from all at once.
//
// No valid depends on a ready, and a source's ready on the other sources' valid: what a process of several
// inputs needs, each of which has registers in front.

`include "nn_assert.svh"

module nn_join #(
  parameter int unsigned Sources = 2
) (
  input  logic               clk_i,
  input  logic               rst_ni,

  input  logic [Sources-1:0] in_valid_i,
  output logic [Sources-1:0] in_ready_o,

  output logic               out_valid_o,
  input  logic               out_ready_i
);

  assign out_valid_o = &in_valid_i;
  assign in_ready_o  = {Sources{out_valid_o && out_ready_i}};

  `NN_ASSERT_INIT(SourcesNonZero, Sources > 0)
  `NN_ASSERT(AllOrNone, in_ready_o == '0 || (in_ready_o & in_valid_i) == '1)

endmodule
