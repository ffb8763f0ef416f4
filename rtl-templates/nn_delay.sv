// A word comes out `Length` shifts after it went in.
//
// Nothing moves but while `shift_i`. Short lines are registers in a row; long ones a memory that is
// read just before it is written, with a register behind it, so that a block RAM can have both.

`include "nn_assert.svh"

module nn_delay #(
  parameter int unsigned Width = 8,
  parameter int unsigned Length = 4
) (
  input  logic             clk_i,
  input  logic             rst_ni,

  input  logic             shift_i,
  input  logic [Width-1:0] data_i,
  output logic [Width-1:0] data_o
);

  // Shift registers of lookup tables are 16 or 32 long.
  localparam int unsigned LongestChain = 32;

  if (Length <= LongestChain) begin : gen_chain

    logic [Length-1:0][Width-1:0] chain_q;

    // Data needs no reset: whoever reads it knows how much has gone in.
    always_ff @(posedge clk_i) begin
      if (shift_i) begin
        chain_q[0] <= data_i;
        for (int unsigned i = 1; i < Length; i++) begin
          chain_q[i] <= chain_q[i-1];
        end
      end
    end

    assign data_o = chain_q[Length-1];

    logic unused_reset;
    assign unused_reset = rst_ni;

  end else begin : gen_memory

    // The register is one of the shifts.
    localparam int unsigned Words = Length - 1;
    localparam int unsigned PointerWidth = $clog2(Words);

    // As in `nn_fifo`.
    localparam int unsigned TablesOfBlock = 64;
    localparam int unsigned NeedTables = Width * ((Words + 63) / 64);
    localparam int unsigned NeedBlocks = ((Width + 35) / 36) * ((Words + 511) / 512);
    localparam Style = NeedTables < NeedBlocks * TablesOfBlock ? "distributed" : "block";

    (* ram_style = Style *)
    logic [Width-1:0]        memory_q [Words];
    logic [PointerWidth-1:0] pointer_q;
    logic [Width-1:0]        data_q;

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        pointer_q <= '0;
      end else if (shift_i) begin
        pointer_q <= pointer_q == PointerWidth'(Words - 1) ? '0 : pointer_q + 1'b1;
      end
    end

    always_ff @(posedge clk_i) begin
      if (shift_i) begin
        data_q              <= memory_q[pointer_q];
        memory_q[pointer_q] <= data_i;
      end
    end

    assign data_o = data_q;

  end

  `NN_ASSERT_INIT(SizesNonZero, Width > 0 && Length > 0)

endmodule
