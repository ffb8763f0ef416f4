// A reduction: of every `Steps` words one, with the sum, or the largest or smallest, of their elements in its
// place. A word may come in `Packs`, which are reduced side by side.
//
// Elements are shifted up and extended to the format of the result, in which sums wrap. What has been
// reduced so far is in the register that also gives the result, so that a word may enter in every cycle, and
// the next reduction begins while nobody waits.

`include "nn_assert.svh"

module nn_reduce #(
  // Bits of an element, and of what it is reduced to.
  parameter int unsigned InWidth = 8,
  parameter int unsigned Width = 10,
  parameter int unsigned Shift = 0,
  parameter bit          IsSigned = 1'b1,
  // Elements of a word.
  parameter int unsigned Lanes = 1,
  parameter int unsigned Steps = 4,
  parameter int unsigned Packs = 1,
  // 0: the sum, 1: the largest, 2: the smallest.
  parameter int unsigned Kind = 0
) (
  input  logic                     clk_i,
  input  logic                     rst_ni,

  input  logic                     in_valid_i,
  output logic                     in_ready_o,
  input  logic [Lanes*InWidth-1:0] in_data_i,

  output logic                     out_valid_o,
  input  logic                     out_ready_i,
  output logic [Lanes*Width-1:0]   out_data_o
);

  localparam int unsigned Words = Steps * Packs;
  localparam int unsigned CountWidth = Words > 1 ? $clog2(Words) : 1;

  logic [CountWidth-1:0] count_q;
  logic                  full_q;
  // The newest pack has the highest index.
  logic [Packs-1:0][Lanes-1:0][Width-1:0] kept_q;

  logic [Lanes-1:0][Width-1:0] next;
  logic begins;
  logic ends;
  logic take;

  assign begins      = 32'(count_q) < Packs;
  assign ends        = 32'(count_q) >= Words - Packs;
  assign in_ready_o  = !full_q || out_ready_i;
  assign take        = in_valid_i && in_ready_o;
  assign out_valid_o = full_q;
  assign out_data_o  = kept_q[Packs-1];

  for (genvar i = 0; i < Lanes; i++) begin : gen_lanes
    logic [InWidth-1:0] element;
    logic [Width-1:0]   aligned;
    logic [Width-1:0]   kept;

    assign element = in_data_i[i*InWidth +: InWidth];
    assign kept    = kept_q[0][i];

    if (IsSigned) begin : gen_signed
      assign aligned = Width'(signed'(element)) << Shift;
    end else begin : gen_unsigned
      assign aligned = Width'(element) << Shift;
    end

    if (Kind == 0) begin : gen_sum
      assign next[i] = (begins ? '0 : kept) + aligned;
    end else begin : gen_extreme
      logic above;
      logic replaces;

      if (IsSigned) begin : gen_signed
        assign above = signed'(aligned) > signed'(kept);
      end else begin : gen_unsigned
        assign above = aligned > kept;
      end

      assign replaces = begins || above == (Kind == 1);
      assign next[i]  = replaces ? aligned : kept;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      count_q <= '0;
      full_q  <= 1'b0;
    end else begin
      full_q <= take ? ends : full_q && !out_ready_i;
      if (take) begin
        count_q <= 32'(count_q) == Words - 1 ? '0 : count_q + 1'b1;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (take) begin
      kept_q[Packs-1] <= next;
      for (int unsigned i = 0; i + 1 < Packs; i++) begin
        kept_q[i] <= kept_q[i+1];
      end
    end
  end

  `NN_ASSERT_INIT(SizesNonZero, InWidth > 0 && Width > 0 && Lanes > 0 && Steps > 0 && Packs > 0)
  `NN_ASSERT_INIT(KindKnown, Kind < 3)

endmodule
