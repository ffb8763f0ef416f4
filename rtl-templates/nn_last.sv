// Of every `Of` words the last `Keep`; the others are taken and dropped.

`include "nn_assert.svh"

module nn_last #(
  parameter int unsigned Width = 8,
  parameter int unsigned Of = 4,
  parameter int unsigned Keep = 1
) (
  input  logic             clk_i,
  input  logic             rst_ni,

  input  logic             in_valid_i,
  output logic             in_ready_o,
  input  logic [Width-1:0] in_data_i,

  output logic             out_valid_o,
  input  logic             out_ready_i,
  output logic [Width-1:0] out_data_o
);

  localparam int unsigned CountWidth = $clog2(Of);

  logic [CountWidth-1:0] count_q;
  logic keeps;

  assign keeps       = count_q >= CountWidth'(Of - Keep);
  assign in_ready_o  = !keeps || out_ready_i;
  assign out_valid_o = in_valid_i && keeps;
  assign out_data_o  = in_data_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      count_q <= '0;
    end else if (in_valid_i && in_ready_o) begin
      count_q <= count_q == CountWidth'(Of - 1) ? '0 : count_q + 1'b1;
    end
  end

  `NN_ASSERT_INIT(SizesFit, Width > 0 && Keep > 0 && Keep < Of)

endmodule
