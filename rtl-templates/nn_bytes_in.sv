// Bytes become a word, the first one in the low bits. Nobody holds up a serial line: a byte that comes
// while a word waits is lost, which `overrun_o` tells until reset.

`include "nn_assert.svh"

module nn_bytes_in #(
  // Bytes of a word.
  parameter int unsigned Bytes = 4
) (
  input  logic               clk_i,
  input  logic               rst_ni,

  input  logic               valid_i,
  input  logic [7:0]         data_i,

  output logic               valid_o,
  input  logic               ready_i,
  output logic [8*Bytes-1:0] data_o,

  output logic               overrun_o
);

  localparam int unsigned CountBits = $clog2(Bytes + 1);
  localparam logic [CountBits-1:0] Full = CountBits'(Bytes);

  logic [CountBits-1:0] count_q;

  assign valid_o = count_q == Full;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      count_q   <= '0;
      overrun_o <= 1'b0;
    end else begin
      if (valid_o) begin
        count_q <= ready_i ? '0 : count_q;
      end else if (valid_i) begin
        count_q <= count_q + 1'b1;
      end
      overrun_o <= overrun_o || (valid_i && valid_o);
    end
  end

  if (Bytes == 1) begin : gen_one
    always_ff @(posedge clk_i) begin
      if (valid_i && !valid_o) begin
        data_o <= data_i;
      end
    end
  end else begin : gen_many
    always_ff @(posedge clk_i) begin
      if (valid_i && !valid_o) begin
        data_o <= {data_i, data_o[8*Bytes-1:8]};
      end
    end
  end

  `NN_ASSERT_INIT(BytesNonZero, Bytes > 0)
  `NN_ASSERT(Holds, valid_o && !ready_i |=> valid_o && $stable(data_o))

endmodule
