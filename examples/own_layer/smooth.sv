// The function of smooth.h as a pipeline of two stages: x and y in sixteenths and in 128ths.

module smooth (
  input  logic              clk,
  input  logic signed [7:0] x,
  output logic        [7:0] y
);

  logic [8:0] size;
  logic [6:0] rest;
  assign size = x[7] ? -{x[7], x} : {x[7], x};
  assign rest = (size < 9'd64) ? 7'd64 - size[6:0] : 7'd0;

  logic       negative_q;
  logic [6:0] rest_q;
  always_ff @(posedge clk) begin
    negative_q <= x[7];
    rest_q     <= rest;
  end

  logic [13:0] square;
  assign square = 14'(rest_q) * 14'(rest_q);

  always_ff @(posedge clk) begin
    y <= negative_q ? square[13:6] : 8'd128 - square[13:6];
  end

endmodule
