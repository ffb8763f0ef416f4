// First in, first out; a word passes an empty FIFO in the same cycle.
//
// `out_valid_o` and `out_data_o` depend on `in_valid_i` and `in_data_i`; no ready depends on
// anything of the same cycle. A word that is offered stays until it is taken. Whoever knows that
// there is always room may leave `in_ready_o` open; `level_o` says how many words are stored.
//
// `Storage` says what keeps the words, and nothing outside of the module can tell which it is.

`include "nn_assert.svh"

module nn_fifo #(
  parameter int unsigned Width = 8,
  parameter int unsigned Depth = 4,

  localparam int unsigned Registers = 0,
  localparam int unsigned Tables = 1,
  localparam int unsigned Block = 2,

  // The bypass and the choice between two words fit in one table a bit; tables that store words do
  // not pay before the third one.
  localparam int unsigned MostRegisters = 2,
  // A table stores 64 bits of its column, a block (a RAMB18) 512 words of 36 bits. A device has
  // some 130 tables that can store for each block: with half of that a block is the smaller part.
  localparam int unsigned TablesOfBlock = 64,
  localparam int unsigned NeedTables = Width * ((Depth + 63) / 64),
  localparam int unsigned NeedBlocks = ((Width + 35) / 36) * ((Depth + 511) / 512),

  parameter int unsigned Storage = Depth <= MostRegisters ? Registers :
      NeedTables < NeedBlocks * TablesOfBlock ? Tables : Block,

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

  logic [CountWidth-1:0] count_q;
  // Words that are left when the one that is taken is gone: in front of the one that enters.
  logic [CountWidth-1:0] rest;
  // The oldest word, if there is one.
  logic [Width-1:0]      head;

  logic empty;
  logic push;
  logic pop;

  assign level_o     = count_q;
  assign empty       = count_q == '0;
  assign in_ready_o  = count_q != CountWidth'(Depth);
  assign out_valid_o = !empty || in_valid_i;
  assign out_data_o  = empty ? in_data_i : head;

  // A word that leaves at once is never stored.
  assign push = in_valid_i && in_ready_o && !(empty && out_ready_i);
  assign pop  = !empty && out_ready_i;
  assign rest = count_q - CountWidth'(pop);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      count_q <= '0;
    end else begin
      count_q <= rest + CountWidth'(push);
    end
  end

  // Data needs no reset: nothing reads it before it is written.

  if (Storage == Registers) begin : gen_registers

    // Words move down; the oldest is the lowest.
    logic [Depth-1:0][Width-1:0] word_q;

    assign head = word_q[0];

    for (genvar i = 0; i < Depth; i++) begin : gen_word
      localparam int unsigned Above = i + 1 < Depth ? i + 1 : i;

      always_ff @(posedge clk_i) begin
        if (push && rest == CountWidth'(i)) begin
          word_q[i] <= in_data_i;
        end else if (pop) begin
          word_q[i] <= word_q[Above];
        end
      end
    end

  end else if (Storage == Tables) begin : gen_tables

    localparam int unsigned PointerWidth = Depth > 1 ? $clog2(Depth) : 1;

    (* ram_style = "distributed", ramstyle = "MLAB, no_rw_check" *)
    logic [Width-1:0]        memory_q [Depth];
    logic [PointerWidth-1:0] read_q;
    logic [PointerWidth-1:0] write_q;

    assign head = memory_q[read_q];

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        read_q  <= '0;
        write_q <= '0;
      end else begin
        if (push) begin
          write_q <= write_q == PointerWidth'(Depth - 1) ? '0 : write_q + 1'b1;
        end
        if (pop) begin
          read_q <= read_q == PointerWidth'(Depth - 1) ? '0 : read_q + 1'b1;
        end
      end
    end

    always_ff @(posedge clk_i) begin
      if (push) begin
        memory_q[write_q] <= in_data_i;
      end
    end

  end else begin : gen_block

    // The two oldest words are in front of the memory: a register, and either another one or the
    // memory's own output. When the first is taken, the memory reads the third, which has been
    // there for a cycle at least: it never reads what it writes.
    localparam int unsigned Words = Depth > 2 ? Depth - 2 : 1;
    localparam int unsigned PointerWidth = Words > 1 ? $clog2(Words) : 1;

    (* ram_style = "block", ramstyle = "no_rw_check" *)
    logic [Width-1:0]        memory_q [Words];
    logic [PointerWidth-1:0] read_q;
    logic [PointerWidth-1:0] write_q;

    logic [Width-1:0] first_q;
    logic [Width-1:0] second_q;
    logic [Width-1:0] fetched_q;
    // The second word is the one that was fetched.
    logic             fetched_valid_q;

    logic store;
    logic fetch;

    assign head  = first_q;
    assign store = push && rest > CountWidth'(1);
    assign fetch = pop && count_q > CountWidth'(2);

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        read_q          <= '0;
        write_q         <= '0;
        fetched_valid_q <= 1'b0;
      end else begin
        if (store) begin
          write_q <= write_q == PointerWidth'(Words - 1) ? '0 : write_q + 1'b1;
        end
        if (fetch) begin
          read_q <= read_q == PointerWidth'(Words - 1) ? '0 : read_q + 1'b1;
        end
        if (fetch) begin
          fetched_valid_q <= 1'b1;
        end else if (push && rest == CountWidth'(1)) begin
          fetched_valid_q <= 1'b0;
        end
      end
    end

    always_ff @(posedge clk_i) begin
      if (store) begin
        memory_q[write_q] <= in_data_i;
      end
      if (fetch) begin
        fetched_q <= memory_q[read_q];
      end
    end

    always_ff @(posedge clk_i) begin
      if (push && rest == '0) begin
        first_q <= in_data_i;
      end else if (pop) begin
        first_q <= fetched_valid_q ? fetched_q : second_q;
      end
      if (push && rest == CountWidth'(1)) begin
        second_q <= in_data_i;
      end
    end

    `NN_ASSERT_INIT(BlockFitsBehindRegisters, Depth > 2)

  end

  `NN_ASSERT_INIT(SizesNonZero, Width > 0 && Depth > 0)
  `NN_ASSERT_INIT(StorageExists, Storage <= Block)
  `NN_ASSERT(InHolds, in_valid_i && !in_ready_o |=> in_valid_i && $stable(in_data_i))
  `NN_ASSERT(OutHolds, out_valid_o && !out_ready_i |=> out_valid_o && $stable(out_data_o))

endmodule
