// First in, first out; a word passes an empty FIFO in the same cycle.
//
// `out_valid_o` and `out_data_o` depend on `in_valid_i` and `in_data_i`; no ready depends on
// anything of the same cycle. A word that is offered stays until it is taken. Whoever knows that
// there is always room may leave `in_ready_o` open; `level_o` says how many words are stored.

`include "nn_assert.svh"

module nn_fifo #(
  parameter int unsigned Width = 8,
  parameter int unsigned Depth = 4,

  localparam int unsigned CountWidth = $clog2(Depth + 1)
) (
  input  logic             clk_i,
  input  logic             rst_ni,

  input  logic             in_valid_i,
  output logic             in_ready_o,
  input  logic [Width-1:0] in_data_i,

  output logic             out_valid_o,
  input  logic             out_ready_i,
  output logic [Width-1:0] out_data_o,

  output logic [CountWidth-1:0] level_o
);

  localparam int unsigned PointerWidth = Depth > 1 ? $clog2(Depth) : 1;

  logic [Width-1:0]        memory_q [Depth];
  logic [PointerWidth-1:0] read_q;
  logic [PointerWidth-1:0] write_q;
  logic [CountWidth-1:0]   count_q;

  logic empty;
  logic push;
  logic pop;

  assign level_o     = count_q;
  assign empty       = count_q == '0;
  assign in_ready_o  = count_q != CountWidth'(Depth);
  assign out_valid_o = !empty || in_valid_i;
  assign out_data_o  = empty ? in_data_i : memory_q[read_q];

  // A word that leaves at once is never stored.
  assign push = in_valid_i && in_ready_o && !(empty && out_ready_i);
  assign pop  = !empty && out_ready_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      read_q  <= '0;
      write_q <= '0;
      count_q <= '0;
    end else begin
      if (push) begin
        write_q <= write_q == PointerWidth'(Depth - 1) ? '0 : write_q + 1'b1;
      end
      if (pop) begin
        read_q <= read_q == PointerWidth'(Depth - 1) ? '0 : read_q + 1'b1;
      end
      count_q <= count_q + CountWidth'(push) - CountWidth'(pop);
    end
  end

  // Data needs no reset: nothing reads it before it is written.
  always_ff @(posedge clk_i) begin
    if (push) begin
      memory_q[write_q] <= in_data_i;
    end
  end

  `NN_ASSERT_INIT(SizesNonZero, Width > 0 && Depth > 0)
  `NN_ASSERT(InHolds, in_valid_i && !in_ready_o |=> in_valid_i && $stable(in_data_i))
  `NN_ASSERT(OutHolds, out_valid_o && !out_ready_i |=> out_valid_o && $stable(out_data_o))

endmodule
