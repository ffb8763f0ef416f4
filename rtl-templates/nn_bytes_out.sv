// A word becomes bytes, the low bits first.

`include "nn_assert.svh"

module nn_bytes_out #(
  // Bytes of a word.
  parameter int unsigned Bytes = 4
) (
  input  logic               clk_i,
  input  logic               rst_ni,

  input  logic               valid_i,
  output logic               ready_o,
  input  logic [8*Bytes-1:0] data_i,

  output logic               valid_o,
  input  logic               ready_i,
  output logic [7:0]         data_o
);

  localparam int unsigned CountBits = $clog2(Bytes + 1);

  logic [CountBits-1:0] left_q;
  logic [8*Bytes-1:0]   shift_q;

  assign ready_o = left_q == '0;
  assign valid_o = left_q != '0;
  assign data_o  = shift_q[7:0];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      left_q <= '0;
    end else if (ready_o) begin
      left_q <= valid_i ? CountBits'(Bytes) : '0;
    end else if (ready_i) begin
      left_q <= left_q - 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (ready_o) begin
      shift_q <= data_i;
    end else if (ready_i) begin
      shift_q <= shift_q >> 8;
    end
  end

  `NN_ASSERT_INIT(BytesNonZero, Bytes > 0)
  `NN_ASSERT(OutHolds, valid_o && !ready_i |=> valid_o && $stable(data_o))

endmodule
