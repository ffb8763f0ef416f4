// A design for the tests of the harness: it has all kinds of ports, takes what it is given, and multiplies.
module dut (
  input  logic       clk_i,
  input  logic       rst_ni,

  input  logic       in_valid_i,
  output logic       in_ready_o,
  input  logic [6:0] in_data_i,

  output logic       out_valid_o,
  input  logic       out_ready_i,
  output logic [8:0] out_data_o
);

  assign in_ready_o = out_ready_i || !out_valid_o;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      out_valid_o <= 1'b0;
    end else if (in_ready_o) begin
      out_valid_o <= in_valid_i;
    end
  end

  always_ff @(posedge clk_i) begin
    if (in_ready_o) begin
      out_data_o <= 9'(in_data_i) * 9'd3 + 9'd5;
    end
  end

endmodule
