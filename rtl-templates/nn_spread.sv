// One word becomes `Ratio` words, the low bits first; or, with `Repeat`, the same word so many times.
//
// Nothing is stored: the source offers its word until the last part is taken.

`include "nn_assert.svh"

module nn_spread #(
  parameter int unsigned Width = 8,
  parameter int unsigned Ratio = 2,
  parameter bit          Repeat = 1'b0,

  localparam int unsigned InWidth = Repeat ? Width : Ratio * Width
) (
  input  logic               clk_i,
  input  logic               rst_ni,

  input  logic               in_valid_i,
  output logic               in_ready_o,
  input  logic [InWidth-1:0] in_data_i,

  output logic               out_valid_o,
  input  logic               out_ready_i,
  output logic [Width-1:0]   out_data_o
);

  localparam int unsigned CountWidth = $clog2(Ratio);

  logic [CountWidth-1:0] count_q;
  logic                  last;

  assign last        = count_q == CountWidth'(Ratio - 1);
  assign in_ready_o  = last && out_ready_i;
  assign out_valid_o = in_valid_i;

  if (Repeat) begin : gen_repeat
    assign out_data_o = in_data_i;
  end else begin : gen_parts
    assign out_data_o = in_data_i[count_q*Width +: Width];
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      count_q <= '0;
    end else if (in_valid_i && out_ready_i) begin
      count_q <= last ? '0 : count_q + 1'b1;
    end
  end

  `NN_ASSERT_INIT(SizesLargeEnough, Width > 0 && Ratio > 1)

endmodule
