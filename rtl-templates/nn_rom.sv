// The parts of a constant in turn, over and over: there always is one.

`include "nn_assert.svh"

module nn_rom #(
  parameter int unsigned Width = 8,
  parameter int unsigned Depth = 4,
  // The first word has the low bits.
  parameter logic [Depth-1:0][Width-1:0] Words = '0
) (
  input  logic             clk_i,
  input  logic             rst_ni,

  output logic             out_valid_o,
  input  logic             out_ready_i,
  output logic [Width-1:0] out_data_o
);

  localparam int unsigned AddressWidth = $clog2(Depth);

  logic [AddressWidth-1:0] address_q;

  assign out_valid_o = 1'b1;
  assign out_data_o  = Words[address_q];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      address_q <= '0;
    end else if (out_ready_i) begin
      address_q <= address_q == AddressWidth'(Depth - 1) ? '0 : address_q + 1'b1;
    end
  end

  `NN_ASSERT_INIT(SizesLargeEnough, Width > 0 && Depth > 1)

endmodule
