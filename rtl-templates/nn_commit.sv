// Which of two banks of weights a design uses, and from which frame on.
//
// The frames that sources have offered a beat of are counted, from reset on and modulo 2^32. `commit_i`
// makes the other bank the one in use: `bank_o`, from frame `frame_o` on, the first of which no beat
// has been offered. Each array changes to it with the first token of that frame and then says so at
// `banks_i`. Until all have, `pending_o` is high, and the bank that is left must not be written.
//
// The bank outlives a reset, as its contents do; one that is pending is in use behind it.

`include "nn_assert.svh"

module nn_commit #(
  parameter int unsigned Sources = 1,
  parameter int unsigned Arrays = 1
) (
  input  logic clk_i,
  input  logic rst_ni,

  // The beats at each source, and whether the one that is due is the last of its frame.
  input  logic [Sources-1:0] valid_i,
  input  logic [Sources-1:0] ready_i,
  input  logic [Sources-1:0] last_i,

  // Has no effect while `pending_o`.
  input  logic commit_i,
  output logic pending_o,

  // Frames that have begun, and the first one with the bank of the last commit.
  output logic [31:0] begun_o,
  output logic [31:0] frame_o,

  output logic              bank_o,
  input  logic [Arrays-1:0] banks_i
);

  // Whether the beat that is due is the first of its frame, and first beats that were taken.
  logic [Sources-1:0]       first_q;
  logic [Sources-1:0][31:0] taken_q;
  logic [Sources-1:0][31:0] begun;

  for (genvar i = 0; i < Sources; i++) begin : gen_source

    assign begun[i] = taken_q[i] + 32'(valid_i[i] && first_q[i]);

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        first_q[i] <= 1'b1;
        taken_q[i] <= '0;
      end else if (valid_i[i] && ready_i[i]) begin
        first_q[i] <= last_i[i];
        taken_q[i] <= begun[i];
      end
    end

  end

  // The source that is ahead of all others.
  logic [Sources-1:0][31:0] most;

  assign most[0] = begun[0];

  for (genvar i = 1; i < Sources; i++) begin : gen_most
    assign most[i] = begun[i] - most[i-1] < 32'h8000_0000 ? begun[i] : most[i-1];
  end

  assign begun_o   = most[Sources-1];
  assign pending_o = banks_i != {Arrays{bank_o}};

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      frame_o <= '0;
    end else if (commit_i && !pending_o) begin
      frame_o <= begun_o;
    end
  end

  initial begin
    bank_o = 1'b0;
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni && commit_i && !pending_o) begin
      bank_o <= !bank_o;
    end
  end

  `NN_ASSERT_INIT(SizesNonZero, Sources > 0 && Arrays > 0)

endmodule
