// A design for the tests of the harness: it has all kinds of ports, multiplies what it is given, and keeps the
// products in a memory, of which the newest is at the output.
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

  logic [3:0] next_q;
  logic [8:0] kept [16];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      next_q <= '0;
    end else if (in_ready_o) begin
      next_q <= next_q + 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (in_ready_o) begin
      kept[next_q] <= 9'(in_data_i) * 9'd3 + 9'd5;
    end
  end

  assign out_data_o = kept[next_q - 1'b1];

endmodule
