// Receiver of a serial line: a start bit, eight bits from the lowest on, a stop bit, no parity.
//
// The line may change at any time. Every bit is read in its middle, counted from the edge of the start
// bit. A byte is there for one cycle. If the line is low where the stop bit should be, that is a break: it is
// reported, and nothing else until the line is high again.

`include "nn_assert.svh"

module nn_uart_rx #(
  // Cycles of the clock in a bit.
  parameter int unsigned BitCycles = 217
) (
  input  logic       clk_i,
  input  logic       rst_ni,

  input  logic       line_i,

  output logic       valid_o,
  output logic [7:0] data_o,
  output logic       break_o
);

  localparam int unsigned CountBits = $clog2(BitCycles);
  localparam logic [CountBits-1:0] Whole = CountBits'(BitCycles - 1);
  localparam logic [CountBits-1:0] Half  = CountBits'((BitCycles - 1) / 2);

  typedef enum logic [1:0] {Idle, Start, Data, Stop} state_e;

  // Two registers between the line and everything else.
  logic [1:0] line_q;
  logic       line;
  assign line = line_q[1];

  state_e               state_q;
  logic [CountBits-1:0] count_q;
  logic [2:0]           bit_q;
  logic                 high_q;
  logic                 sample;

  assign sample = count_q == '0;

  always_ff @(posedge clk_i) begin
    line_q <= {line_q[0], line_i};
    if (!rst_ni) begin
      state_q <= Idle;
      count_q <= '0;
      bit_q   <= '0;
      high_q  <= 1'b0;
      valid_o <= 1'b0;
      break_o <= 1'b0;
    end else begin
      valid_o <= 1'b0;
      break_o <= 1'b0;
      count_q <= sample ? Whole : count_q - 1'b1;
      unique case (state_q)
        Idle: begin
          high_q  <= line;
          count_q <= Half;
          if (high_q && !line) begin
            state_q <= Start;
          end
        end
        Start: if (sample) begin
          state_q <= line ? Idle : Data;
          bit_q   <= '0;
        end
        Data: if (sample) begin
          bit_q <= bit_q + 1'b1;
          if (bit_q == 3'd7) begin
            state_q <= Stop;
          end
        end
        Stop: if (sample) begin
          state_q <= Idle;
          high_q  <= line;
          valid_o <= line;
          break_o <= !line;
        end
        default: state_q <= Idle;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (state_q == Data && sample) begin
      data_o <= {line, data_o[7:1]};
    end
  end

  `NN_ASSERT_INIT(BitsHaveMiddles, BitCycles >= 4)
  `NN_ASSERT(EitherOr, !(valid_o && break_o))

endmodule
