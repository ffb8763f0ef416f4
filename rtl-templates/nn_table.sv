// A table in block RAM: an entry two cycles after its index, and a new index in every cycle.
//
// The first register is that of the memory's port, the second one that of its output, which blocks have inside.
// Tables that are read at once are constant arrays of lookup tables instead (`rtl/*_tables.sv`).

`include "nn_assert.svh"
`include "nn_synth.svh"

module nn_table #(
  parameter int unsigned Width = 8,
  parameter int unsigned Depth = 4,
  // The first word has the low bits.
  parameter logic [Depth-1:0][Width-1:0] Words = '0
) (
  input  logic                     clk_i,

  input  logic [$clog2(Depth)-1:0] index_i,
  output logic [Width-1:0]         entry_o
);

  `NN_BLOCK_ROM logic [Width-1:0] rom [Depth];

  logic [Width-1:0] read_q;

  initial begin
    for (int unsigned i = 0; i < Depth; i++) begin
      rom[i] = Words[i];
    end
  end

  always_ff @(posedge clk_i) begin
    read_q  <= rom[index_i];
    entry_o <= read_q;
  end

  `NN_ASSERT_INIT(SizesLargeEnough, Width > 0 && Depth > 1)

endmodule
