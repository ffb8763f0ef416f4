// Sliding windows over a stream: a delay line with taps.
//
// Tokens of a frame come one after the other, pixels of an image in rows. Output places lie on a grid of
// `Axes` axes, the slowest first (in the highest index of the packed parameters is the last axis). The
// window of a place is complete when the token numbered `need` is the newest in the line: `First` for
// the first place, and `Step[a]` more when axis `a` advances and all faster ones begin again. A tap
// `Distance[k]` behind the newest is inside of the image where the place along every axis is between
// `Low[k]` and `High[k]`; elsewhere it is `Pad`.
//
// Behind the last token of a frame the line must move on `Flush` times until its last window is complete.
// If so many tokens of the next frame wait in the FIFO in front, they do that, and frames follow each
// other without a gap; if not, the line moves on without them, so that a frame never waits for the
// next one. While the line is read nothing moves: one window in every cycle, no valid depends on
// a ready.

`include "nn_assert.svh"

module nn_window #(
  parameter int unsigned Width = 8,
  parameter int unsigned Tokens = 16,
  parameter int unsigned Axes = 2,
  parameter int unsigned Taps = 4,
  parameter int unsigned First = 5,
  parameter int unsigned Last = 15,
  parameter int unsigned PlaceWidth = 2,
  parameter bit          Overlap = 1'b0,
  parameter logic [Axes-1:0][31:0] Extent = {32'd3, 32'd3},
  parameter logic [Axes-1:0][31:0] Step = {32'd1, 32'd2},
  parameter logic [Taps-1:0][31:0] Distance = {32'd5, 32'd4, 32'd1, 32'd0},
  parameter logic [Taps-1:0][Axes-1:0][31:0] Low = '0,
  parameter logic [Taps-1:0][Axes-1:0][31:0] High = '1,
  parameter logic [Width-1:0] Pad = '0
) (
  input  logic                       clk_i,
  input  logic                       rst_ni,

  input  logic                       in_valid_i,
  output logic                       in_ready_o,
  input  logic [Width-1:0]           in_data_i,

  output logic                       out_valid_o,
  input  logic                       out_ready_i,
  output logic [Taps-1:0][Width-1:0] out_data_o
);

  localparam int unsigned Total = Last + 1 > Tokens ? Last + 1 : Tokens;
  localparam int unsigned Flush = Total - Tokens;
  localparam int unsigned HeadWidth = $clog2(Total + 1);

  // What may be shifted in.
  logic             token_valid;
  logic             token_ready;
  logic [Width-1:0] token;
  // As many tokens of the next frame are there as the flush takes.
  logic             ahead;

  if (Overlap) begin : gen_ahead
    logic [$clog2(Flush+1)-1:0] level;

    nn_fifo #(
      .Width (Width),
      .Depth (Flush)
    ) i_fifo (
      .clk_i,
      .rst_ni,
      .in_valid_i,
      .in_ready_o,
      .in_data_i,
      .out_valid_o (token_valid),
      .out_ready_i (token_ready),
      .out_data_o  (token),
      .level_o     (level)
    );

    assign ahead = 32'(level) == Flush;
  end else begin : gen_direct
    assign token_valid = in_valid_i;
    assign in_ready_o  = token_ready;
    assign token       = in_data_i;
    assign ahead       = 1'b0;
  end

  // How many tokens, and empty moves, of this frame are in; how many there must be for the place that
  // is due.
  logic [HeadWidth-1:0]  head_q;
  logic [HeadWidth-1:0]  need_q;
  // All places of the frame have been given.
  logic                  done_q;
  // The flush takes tokens of the next frame.
  logic                  ahead_q;
  logic [Axes-1:0][PlaceWidth-1:0] place_q;

  logic [Axes-1:0] at_end;
  logic [Axes-1:0] turns;
  logic            last;
  logic            complete;
  logic            fire;
  logic            again;
  logic            ends;
  logic            flushing;
  logic            borrow;
  logic            may_shift;
  logic            shift;
  logic [31:0]     step;

  for (genvar a = 0; a < Axes; a++) begin : gen_axis
    assign at_end[a] = place_q[a] == PlaceWidth'(Extent[a] - 32'd1);
    // All faster axes are at their ends.
    if (a == Axes - 1) begin : gen_fastest
      assign turns[a] = 1'b1;
    end else begin : gen_slower
      assign turns[a] = &at_end[Axes-1:a+1];
    end

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        place_q[a] <= '0;
      end else if (fire && turns[a]) begin
        place_q[a] <= at_end[a] ? '0 : place_q[a] + 1'b1;
      end
    end
  end

  // The step is that of the one axis that advances.
  always_comb begin
    step = '0;
    for (int unsigned a = 0; a < Axes; a++) begin
      if (turns[a] && !at_end[a]) begin
        step = Step[a];
      end
    end
  end

  assign last     = &at_end;
  assign complete = !done_q && head_q == need_q;
  assign fire     = complete && out_ready_i;
  // The next place has the same newest token: nothing may move. So it is if the flush has completed the
  // first window of the next frame.
  assign again    = fire && (last ? Flush == First + 1 && ahead_q : step == '0);
  assign ends     = (done_q || (fire && last)) && head_q == HeadWidth'(Total);

  assign flushing = 32'(head_q) >= Tokens && !ends;
  assign borrow   = 32'(head_q) == Tokens ? ahead : ahead_q;

  assign may_shift   = (!complete || fire) && !again;
  assign token_ready = may_shift && (!flushing || borrow);
  assign shift       = may_shift && (token_valid || (flushing && !borrow));

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      head_q  <= '0;
      need_q  <= HeadWidth'(First + 1);
      done_q  <= 1'b0;
      ahead_q <= 1'b0;
    end else begin
      if (ends) begin
        head_q <= (ahead_q ? HeadWidth'(Flush) : '0) + HeadWidth'(shift);
      end else begin
        head_q <= head_q + HeadWidth'(shift);
      end
      if (ends) begin
        ahead_q <= 1'b0;
      end else if (flushing && shift) begin
        ahead_q <= borrow;
      end
      done_q <= ends ? 1'b0 : done_q || (fire && last);
      if (fire) begin
        need_q <= last ? HeadWidth'(First + 1) : need_q + HeadWidth'(step);
      end
    end
  end

  logic [Taps-1:0][Width-1:0] tap;

  for (genvar k = 0; k < Taps; k++) begin : gen_tap
    if (k == 0) begin : gen_newest
      nn_delay #(
        .Width  (Width),
        .Length (Distance[0] + 32'd1)
      ) i_delay (
        .clk_i,
        .rst_ni,
        .shift_i (shift),
        .data_i  (token),
        .data_o  (tap[0])
      );
    end else begin : gen_older
      nn_delay #(
        .Width  (Width),
        .Length (Distance[k] - Distance[k-1])
      ) i_delay (
        .clk_i,
        .rst_ni,
        .shift_i (shift),
        .data_i  (tap[k-1]),
        .data_o  (tap[k])
      );
    end

    logic [Axes-1:0] above;
    logic [Axes-1:0] below;

    for (genvar a = 0; a < Axes; a++) begin : gen_covered
      if (Low[k][a] == 32'd0) begin : gen_from_start
        assign above[a] = 1'b1;
      end else begin : gen_from
        assign above[a] = place_q[a] >= PlaceWidth'(Low[k][a]);
      end
      if (High[k][a] >= Extent[a] - 32'd1) begin : gen_to_end
        assign below[a] = 1'b1;
      end else begin : gen_to
        assign below[a] = place_q[a] <= PlaceWidth'(High[k][a]);
      end
    end

    assign out_data_o[k] = &above && &below ? tap[k] : Pad;
  end

  assign out_valid_o = complete;

  `NN_ASSERT_INIT(FlushFits, !Overlap || (Flush > 0 && Flush <= First + 1))
  `NN_ASSERT(OutHolds, out_valid_o && !out_ready_i |=> out_valid_o && $stable(out_data_o))

endmodule
