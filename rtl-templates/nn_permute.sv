// The words of a sample in another order: a ring of `Capacity` words, read as a list says.
//
// A sample has `Tokens` words at the input and `Reads` at the output. Entry `index_o` of the list must be
// at `entry_i` in the next cycle if `fetch_o`, and stay: the word that is due (`need`), the oldest word that it and
// all later ones of the sample read (`oldest`), and where in the ring the due one is if the sample begins
// at 0 (`slot`), from the high end. A word is given as soon as it has come, and its place is free when
// nothing at or before it will be read. With as many words as the list turns around nothing can halt.

`include "nn_assert.svh"

module nn_permute #(
  parameter int unsigned Width = 8,
  parameter int unsigned Tokens = 4,
  parameter int unsigned Reads = 4,
  parameter int unsigned Capacity = 4,

  localparam int unsigned NumberWidth = Tokens > 1 ? $clog2(Tokens) : 1,
  localparam int unsigned SlotWidth = Capacity > 1 ? $clog2(Capacity) : 1,
  localparam int unsigned IndexWidth = Reads > 1 ? $clog2(Reads) : 1
) (
  input  logic                               clk_i,
  input  logic                               rst_ni,

  input  logic                               in_valid_i,
  output logic                               in_ready_o,
  input  logic [Width-1:0]                   in_data_i,

  output logic                               out_valid_o,
  input  logic                               out_ready_i,
  output logic [Width-1:0]                   out_data_o,

  output logic                               fetch_o,
  output logic [IndexWidth-1:0]              index_o,
  input  logic [2*NumberWidth+SlotWidth-1:0] entry_i
);

  // Words of the present sample that have come: fewer than none while those of the sample before, which
  // nobody reads, still come.
  localparam int unsigned HeadWidth = $clog2(2 * Tokens + Capacity + 2) + 1;

  typedef struct packed {
    logic [NumberWidth-1:0] need;
    logic [NumberWidth-1:0] oldest;
    logic [SlotWidth-1:0]   slot;
  } entry_t;

  entry_t entry;

  assign entry = entry_i;

  logic signed [HeadWidth-1:0] head_q;
  logic signed [HeadWidth-1:0] need;
  logic signed [HeadWidth-1:0] limit;
  logic [SlotWidth-1:0]        write_q;
  logic [SlotWidth-1:0]        base_q;
  logic [IndexWidth-1:0]       next_q;
  // The entry is there, and whether it is the last one.
  logic loaded_q;
  logic last_q;

  logic push;
  logic fire;
  logic ends;

  assign need  = HeadWidth'(entry.need);
  assign limit = HeadWidth'(entry.oldest) + HeadWidth'(Capacity);

  assign in_ready_o = loaded_q && head_q < limit;
  assign push       = in_valid_i && in_ready_o;
  assign fire       = loaded_q && head_q > need && (!out_valid_o || out_ready_i);
  assign ends       = fire && last_q;

  assign fetch_o = fire || !loaded_q;
  assign index_o = next_q;

  // Where the sample begins moves by `Tokens`, and the due word lies behind it: both around the ring.
  function automatic logic [SlotWidth-1:0] around(logic [SlotWidth-1:0] a, logic [SlotWidth-1:0] b);
    logic [SlotWidth:0] sum;
    sum = (SlotWidth + 1)'(a) + (SlotWidth + 1)'(b);
    return SlotWidth'(sum >= (SlotWidth + 1)'(Capacity) ? sum - (SlotWidth + 1)'(Capacity) : sum);
  endfunction

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      head_q   <= '0;
      write_q  <= '0;
      base_q   <= '0;
      next_q   <= '0;
      loaded_q <= 1'b0;
      last_q   <= 1'b0;
    end else begin
      head_q <= head_q + HeadWidth'({1'b0, push}) - (ends ? HeadWidth'(Tokens) : '0);
      if (push) begin
        write_q <= write_q == SlotWidth'(Capacity - 1) ? '0 : write_q + 1'b1;
      end
      if (ends) begin
        base_q <= around(base_q, SlotWidth'(Tokens % Capacity));
      end
      if (fetch_o) begin
        loaded_q <= 1'b1;
        last_q   <= next_q == IndexWidth'(Reads - 1);
        next_q   <= next_q == IndexWidth'(Reads - 1) ? '0 : next_q + 1'b1;
      end
    end
  end

  logic [Width-1:0] memory_q [Capacity];

  always_ff @(posedge clk_i) begin
    if (push) begin
      memory_q[write_q] <= in_data_i;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      out_valid_o <= 1'b0;
    end else if (fire || out_ready_i) begin
      out_valid_o <= fire;
    end
  end

  always_ff @(posedge clk_i) begin
    if (fire) begin
      out_data_o <= memory_q[around(base_q, entry.slot)];
    end
  end

  `NN_ASSERT_INIT(SizesNonZero, Width > 0 && Tokens > 0 && Reads > 0 && Capacity > 0)
  `NN_ASSERT(OutHolds, out_valid_o && !out_ready_i |=> out_valid_o && $stable(out_data_o))

endmodule
