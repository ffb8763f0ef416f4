// The function of fold.h, without a register: |x| - 1 in sixteenths.

module fold (
  input  logic signed [7:0] x,
  output logic signed [7:0] y
);

  assign y = (x[7] ? -x : x) - 8'sd16;

endmodule
