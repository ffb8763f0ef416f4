// Engines that have no stream of their own, each with a stream in and a stream out, so that they can be
// run alone: tests/it/alone.rs.

`include "nn_assert.svh"

// FIFOs of all kinds side by side: in no cycle can they be told apart.
module alone_fifo #(
  parameter int unsigned Width = 8,
  parameter int unsigned Depth = 4
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

  localparam int unsigned CountWidth = $clog2(Depth + 1);
  localparam int unsigned Kinds = Depth > 2 ? 3 : 2;

  logic [Kinds-1:0]                 in_ready;
  logic [Kinds-1:0]                 out_valid;
  logic [Kinds-1:0][Width-1:0]      out_data;
  logic [Kinds-1:0][CountWidth-1:0] level;

  for (genvar i = 0; i < Kinds; i++) begin : gen_kind
    nn_fifo #(
      .Width   (Width),
      .Depth   (Depth),
      .Storage (i)
    ) i_fifo (
      .clk_i,
      .rst_ni,
      .in_valid_i,
      .in_ready_o  (in_ready[i]),
      .in_data_i,
      .out_valid_o (out_valid[i]),
      .out_ready_i,
      .out_data_o  (out_data[i]),
      .level_o     (level[i])
    );

    `NN_ASSERT(SameReady, in_ready[i] == in_ready[0])
    `NN_ASSERT(SameValid, out_valid[i] == out_valid[0])
    `NN_ASSERT(SameData, !out_valid[0] || out_data[i] == out_data[0])
    `NN_ASSERT(SameLevel, level[i] == level[0])
  end

  assign in_ready_o  = in_ready[0];
  assign out_valid_o = out_valid[0];
  assign out_data_o  = out_data[0];

endmodule

// Where frames of `Beats` words end.
module alone_beats #(
  parameter int unsigned Beats = 4
) (
  input  logic       clk_i,
  input  logic       rst_ni,

  input  logic       in_valid_i,
  output logic       in_ready_o,
  input  logic [7:0] in_data_i,

  output logic       out_valid_o,
  input  logic       out_ready_i,
  output logic [8:0] out_data_o
);

  logic last;

  assign in_ready_o  = out_ready_i;
  assign out_valid_o = in_valid_i;
  assign out_data_o  = {last, in_data_i};

  nn_beats #(
    .Beats (Beats)
  ) i_beats (
    .clk_i,
    .rst_ni,
    .beat_i (in_valid_i && out_ready_i),
    .last_o (last)
  );

endmodule

// A pipeline that cannot stop, with credits and a FIFO.
module alone_credit #(
  parameter int unsigned Width = 8,
  parameter int unsigned Latency = 3,
  parameter int unsigned Credits = 5
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

  logic take;
  logic room;

  logic [Latency-1:0]            valid_q;
  logic [Latency-1:0][Width-1:0] data_q;
  logic [$clog2(Credits+1)-1:0]  unused_level;

  assign take = in_valid_i && in_ready_o;

  nn_credit #(
    .Credits (Credits)
  ) i_credit (
    .clk_i,
    .rst_ni,
    .take_i  (take),
    .ready_o (in_ready_o),
    .give_i  (out_valid_o && out_ready_i)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= '0;
    end else begin
      valid_q[0] <= take;
      for (int unsigned i = 1; i < Latency; i++) begin
        valid_q[i] <= valid_q[i-1];
      end
    end
  end

  always_ff @(posedge clk_i) begin
    data_q[0] <= in_data_i;
    for (int unsigned i = 1; i < Latency; i++) begin
      data_q[i] <= data_q[i-1];
    end
  end

  nn_fifo #(
    .Width (Width),
    .Depth (Credits)
  ) i_fifo (
    .clk_i,
    .rst_ni,
    .in_valid_i  (valid_q[Latency-1]),
    .in_ready_o  (room),
    .in_data_i   (data_q[Latency-1]),
    .out_valid_o,
    .out_ready_i,
    .out_data_o,
    .level_o     (unused_level)
  );

  `NN_ASSERT(ThereIsRoom, !valid_q[Latency-1] || room)

endmodule

// Words behind a delay; 0 for the first ones of a frame, of which none has gone in long enough ago.
module alone_delay #(
  parameter int unsigned Width = 8,
  parameter int unsigned Length = 4,
  parameter int unsigned Frame = 100
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

  logic [31:0]      place_q;
  logic [Width-1:0] delayed;
  logic             shift;

  assign shift       = in_valid_i && out_ready_i;
  assign in_ready_o  = out_ready_i;
  assign out_valid_o = in_valid_i;
  assign out_data_o  = place_q < Length ? '0 : delayed;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      place_q <= '0;
    end else if (shift) begin
      place_q <= place_q == Frame - 1 ? '0 : place_q + 1;
    end
  end

  nn_delay #(
    .Width  (Width),
    .Length (Length)
  ) i_delay (
    .clk_i,
    .rst_ni,
    .shift_i (shift),
    .data_i  (in_data_i),
    .data_o  (delayed)
  );

endmodule

// A loop whose steps multiply with 5 and add 3, at once or a cycle later.
module alone_state #(
  parameter int unsigned Width = 8,
  parameter int unsigned Steps = 4,
  parameter int unsigned Packs = 1,
  parameter bit          Later = 1'b0
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

  logic             valid;
  logic             ready;
  logic             step_valid;
  logic             step_ready;
  logic [Width-1:0] step_data;
  logic             left_valid;
  logic             left_ready;
  logic [Width-1:0] left_data;

  assign step_data = out_data_o * Width'(5) + Width'(3);

  nn_state #(
    .Width (Width),
    .Steps (Steps),
    .Packs (Packs)
  ) i_state (
    .clk_i,
    .rst_ni,
    .first_valid_i (in_valid_i),
    .first_ready_o (in_ready_o),
    .first_data_i  (in_data_i),
    .left_valid_i  (left_valid),
    .left_ready_o  (left_ready),
    .left_data_i   (left_data),
    .out_valid_o   (valid),
    .out_ready_i   (ready),
    .out_data_o
  );

  nn_fork #(
    .Readers (2)
  ) i_fork (
    .clk_i,
    .rst_ni,
    .in_valid_i  (valid),
    .in_ready_o  (ready),
    .out_valid_o ({step_valid, out_valid_o}),
    .out_ready_i ({step_ready, out_ready_i})
  );

  if (Later) begin : gen_later
    nn_skid #(
      .Width (Width)
    ) i_skid (
      .clk_i,
      .rst_ni,
      .in_valid_i  (step_valid),
      .in_ready_o  (step_ready),
      .in_data_i   (step_data),
      .out_valid_o (left_valid),
      .out_ready_i (left_ready),
      .out_data_o  (left_data)
    );
  end else begin : gen_at_once
    assign left_valid = step_valid;
    assign step_ready = left_ready;
    assign left_data  = step_data;
  end

endmodule

// Weights and biases by a formula.
module alone_mac_array #(
  parameter int unsigned Blocks = 4,
  parameter int unsigned Block = 1,
  parameter int unsigned Inner = 4,
  parameter int unsigned Groups = 2,
  parameter int unsigned Packs = 1,
  parameter bit          Gathers = 1'b0,
  parameter int unsigned Columns = 2,
  parameter int unsigned Fan = 1,
  parameter int unsigned Share = 2,
  parameter int unsigned Outputs = 4,
  parameter int unsigned InWidth = 8,
  parameter bit          InSigned = 1'b1,
  parameter int unsigned WeightWidth = 8,
  parameter int unsigned SumWidth = 20,
  parameter int unsigned Shift = 0,
  parameter bit          Pairs = 1'b0,
  parameter bit          Keeps = 1'b1
) (
  input  logic                            clk_i,
  input  logic                            rst_ni,

  input  logic                            in_valid_i,
  output logic                            in_ready_o,
  input  logic [Blocks*Block*InWidth-1:0] in_data_i,

  output logic                            out_valid_o,
  input  logic                            out_ready_i,
  output logic [Outputs*SumWidth-1:0]     out_data_o
);

  localparam int unsigned Rows = Inner * Groups * Packs;
  localparam int unsigned Turns = Gathers ? 1 : Packs;

  logic [(Rows > 1 ? $clog2(Rows) : 1)-1:0]      address;
  // Pairs have a bit more, and the upper one takes what the lower one, if negative, needs.
  localparam int unsigned WordWidth = WeightWidth + 32'(Pairs);

  logic signed [WeightWidth-1:0]                 weight [Columns*Fan];
  logic [Columns*Fan-1:0][WordWidth-1:0]         weights_q;
  logic [Turns*Groups*Columns-1:0][SumWidth-1:0] biases;

  for (genvar i = 0; i < Columns * Fan; i++) begin : gen_weight
    localparam bit Upper = Pairs && (i / Fan % Share) % 2 == 1;

    logic borrow;

    assign weight[i] = WeightWidth'((32'(address) * 57 + i * 23 + 11) * 41);

    if (Upper) begin : gen_upper
      assign borrow = weight[i-Fan][WeightWidth-1];
    end else begin : gen_lower
      assign borrow = 1'b0;
    end

    always_ff @(posedge clk_i) begin
      weights_q[i] <= WordWidth'(weight[i]) - WordWidth'({1'b0, borrow});
    end
  end

  for (genvar i = 0; i < Turns * Groups * Columns; i++) begin : gen_bias
    assign biases[i] = SumWidth'(i * 77 + 5);
  end

  nn_mac_array #(
    .Blocks      (Blocks),
    .Block       (Block),
    .Inner       (Inner),
    .Groups      (Groups),
    .Packs       (Packs),
    .Gathers     (Gathers),
    .Columns     (Columns),
    .Fan         (Fan),
    .Share       (Share),
    .Outputs     (Outputs),
    .InWidth     (InWidth),
    .InSigned    (InSigned),
    .WeightWidth (WordWidth),
    .SumWidth    (SumWidth),
    .Shift       (Shift),
    .Pairs       (Pairs),
    .Keeps       (Keeps)
  ) i_array (
    .clk_i,
    .rst_ni,
    .in_valid_i,
    .in_ready_o,
    .in_data_i,
    .out_valid_o,
    .out_ready_i,
    .out_data_o,
    .address_o (address),
    .weights_i (weights_q),
    .biases_i  (biases)
  );

endmodule

// The list of an order as a parameter.
module alone_permute #(
  parameter int unsigned Width = 8,
  parameter int unsigned Tokens = 4,
  parameter int unsigned Reads = 4,
  parameter int unsigned Capacity = 4,
  parameter int unsigned EntryWidth = 6,
  // Entry 0 in the low bits.
  parameter logic [Reads*EntryWidth-1:0] List = '0
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

  logic                                       fetch;
  logic [(Reads > 1 ? $clog2(Reads) : 1)-1:0] index;
  logic [EntryWidth-1:0]                      entry_q;

  always_ff @(posedge clk_i) begin
    if (fetch) begin
      entry_q <= List[index*EntryWidth +: EntryWidth];
    end
  end

  nn_permute #(
    .Width    (Width),
    .Tokens   (Tokens),
    .Reads    (Reads),
    .Capacity (Capacity)
  ) i_permute (
    .clk_i,
    .rst_ni,
    .in_valid_i,
    .in_ready_o,
    .in_data_i,
    .out_valid_o,
    .out_ready_i,
    .out_data_o,
    .fetch_o (fetch),
    .index_o (index),
    .entry_i (entry_q)
  );

endmodule

// Each word and one of a constant, bit by bit: 1, 2, 3 and so on.
module alone_rom #(
  parameter int unsigned Width = 8,
  parameter int unsigned Depth = 4
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

  function automatic logic [Depth-1:0][Width-1:0] count();
    for (int unsigned i = 0; i < Depth; i++) begin
      count[i] = Width'(i + 1);
    end
  endfunction

  logic [Width-1:0] word;
  logic             valid;

  nn_rom #(
    .Width (Width),
    .Depth (Depth),
    .Words (count())
  ) i_rom (
    .clk_i,
    .rst_ni,
    .out_valid_o (valid),
    .out_ready_i (in_valid_i && out_ready_i),
    .out_data_o  (word)
  );

  assign out_valid_o = in_valid_i && valid;
  assign in_ready_o  = out_ready_i && valid;
  assign out_data_o  = in_data_i ^ word;

endmodule
