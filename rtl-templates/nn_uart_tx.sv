// Sender on a serial line: a start bit, eight bits from the lowest on, a stop bit, no parity.

`include "nn_assert.svh"

module nn_uart_tx #(
  // Cycles of the clock in a bit.
  parameter int unsigned BitCycles = 217
) (
  input  logic       clk_i,
  input  logic       rst_ni,

  input  logic       valid_i,
  output logic       ready_o,
  input  logic [7:0] data_i,

  output logic       line_o
);

  localparam int unsigned CountBits = $clog2(BitCycles);
  localparam logic [CountBits-1:0] Whole = CountBits'(BitCycles - 1);

  // What is still to be sent; ones behind the stop bit, which is the line at rest.
  logic [8:0]           shift_q;
  logic [3:0]           left_q;
  logic [CountBits-1:0] count_q;

  assign ready_o = left_q == '0;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      left_q  <= '0;
      count_q <= '0;
      shift_q <= '1;
      line_o  <= 1'b1;
    end else if (ready_o) begin
      if (valid_i) begin
        line_o  <= 1'b0;
        shift_q <= {1'b1, data_i};
        left_q  <= 4'd10;
        count_q <= Whole;
      end
    end else if (count_q != '0) begin
      count_q <= count_q - 1'b1;
    end else begin
      line_o  <= shift_q[0];
      shift_q <= {1'b1, shift_q[8:1]};
      left_q  <= left_q - 1'b1;
      count_q <= Whole;
    end
  end

  `NN_ASSERT_INIT(BitsTakeTime, BitCycles >= 2)
  `NN_ASSERT(Holds, valid_i && !ready_o |=> valid_i && $stable(data_i))

endmodule
