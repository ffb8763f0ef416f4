// Registers in both directions: what goes out comes from registers, and so does what says that
// there is room.
//
// A word takes a cycle, and one may enter in every cycle. When the reader stalls, one more has been
// let in: it waits beside. During reset nothing is taken and nothing offered.

`include "nn_assert.svh"

module nn_skid #(
  parameter int unsigned Width = 8
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

  logic             held_q;
  logic             held_d;
  logic [Width-1:0] held_data_q;

  logic take;
  logic blocked;

  assign take    = in_valid_i && in_ready_o;
  assign blocked = out_valid_o && !out_ready_i;
  assign held_d  = blocked && (take || held_q);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      in_ready_o  <= 1'b0;
      out_valid_o <= 1'b0;
      held_q      <= 1'b0;
    end else begin
      in_ready_o  <= !held_d;
      out_valid_o <= blocked || take || held_q;
      held_q      <= held_d;
    end
  end

  // Data needs no reset: nothing reads it before it is written.
  always_ff @(posedge clk_i) begin
    if (!blocked) begin
      out_data_o <= held_q ? held_data_q : in_data_i;
    end
    if (take) begin
      held_data_q <= in_data_i;
    end
  end

  `NN_ASSERT_INIT(WidthNonZero, Width > 0)
  `NN_ASSERT(InHolds, in_valid_i && !in_ready_o |=> in_valid_i && $stable(in_data_i))
  `NN_ASSERT(OutHolds, out_valid_o && !out_ready_i |=> out_valid_o && $stable(out_data_o))
  `NN_ASSERT(HeldOnlyBehindAnother, !held_q || out_valid_o && !in_ready_o)

endmodule
