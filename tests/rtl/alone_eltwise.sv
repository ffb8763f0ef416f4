// What stands around cores, with cores: tests/it/alone.

// A core of `Latency` cycles: three times the first operand, plus the others, each of `Width` bits.
module alone_core #(
  parameter int unsigned Width = 8,
  parameter int unsigned Operands = 2,
  parameter int unsigned Latency = 3
) (
  input  logic                           clk_i,
  input  logic                           rst_ni,

  input  logic                           in_valid_i,
  input  logic [Operands-1:0][Width-1:0] in_data_i,

  output logic                           out_valid_o,
  output logic [Width-1:0]               out_data_o
);

  logic [Latency-1:0]            valid_q;
  logic [Latency-1:0][Width-1:0] data_q;
  logic [Width-1:0]              sum;

  always_comb begin
    sum = in_data_i[0] << 1;
    for (int unsigned i = 0; i < Operands; i++) begin
      sum += in_data_i[i];
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= '0;
    end else begin
      valid_q <= Latency'({valid_q, in_valid_i});
    end
  end

  always_ff @(posedge clk_i) begin
    data_q[0] <= sum;
    for (int unsigned i = 1; i < Latency; i++) begin
      data_q[i] <= data_q[i-1];
    end
  end

  assign out_valid_o = valid_q[Latency-1];
  assign out_data_o  = data_q[Latency-1];

endmodule

// Every word meets itself, and each operand behind the first the words of a shorter stream, the first word of every
// `Times`.
module alone_eltwise #(
  parameter int unsigned Width = 8,
  parameter int unsigned Operands = 2,
  parameter int unsigned Times = 3,
  parameter int unsigned Latency = 3,
  parameter int unsigned Depth = 5
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

  localparam logic [Operands-1:0][31:0] AllTimes =
      (Operands * 32)'({{Operands{32'(Times)}}, 32'd1});

  logic [Operands-1:0]            fork_valid;
  logic [Operands-1:0]            fork_ready;
  logic [Operands-1:0]            word_valid;
  logic [Operands-1:0]            word_ready;
  logic [Operands-1:0][Width-1:0] word_data;
  logic core_valid;
  logic made_valid;
  logic [Width-1:0] made_data;

  nn_fork #(
    .Readers (Operands)
  ) i_fork (
    .clk_i,
    .rst_ni,
    .in_valid_i,
    .in_ready_o,
    .out_valid_o (fork_valid),
    .out_ready_i (fork_ready)
  );

  for (genvar i = 0; i < Operands; i++) begin : gen_operands
    logic first;
    logic is_kept;
    logic [$clog2(Times+1)-1:0] place_q;
    logic [$clog2(Times+2)-1:0] unused_level;
    logic fifo_ready;

    assign first         = i == 0 || place_q == '0;
    assign is_kept       = fork_valid[i] && first;
    assign fork_ready[i] = fifo_ready || !first;

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        place_q <= '0;
      end else if (fork_valid[i] && fork_ready[i]) begin
        place_q <= 32'(place_q) == Times - 1 ? '0 : place_q + 1'b1;
      end
    end

    nn_fifo #(
      .Width (Width),
      .Depth (Times + 1)
    ) i_fifo (
      .clk_i,
      .rst_ni,
      .in_valid_i  (is_kept),
      .in_ready_o  (fifo_ready),
      .in_data_i,
      .out_valid_o (word_valid[i]),
      .out_ready_i (word_ready[i]),
      .out_data_o  (word_data[i]),
      .level_o     (unused_level)
    );
  end

  alone_core #(
    .Width    (Width),
    .Operands (Operands),
    .Latency  (Latency)
  ) i_core (
    .clk_i,
    .rst_ni,
    .in_valid_i  (core_valid),
    .in_data_i   (word_data),
    .out_valid_o (made_valid),
    .out_data_o  (made_data)
  );

  nn_eltwise #(
    .Operands (Operands),
    .Times    (AllTimes),
    .Width    (Width),
    .Depth    (Depth)
  ) i_eltwise (
    .clk_i,
    .rst_ni,
    .in_valid_i   (word_valid),
    .in_ready_o   (word_ready),
    .core_valid_o (core_valid),
    .core_valid_i (made_valid),
    .core_data_i  (made_data),
    .out_valid_o,
    .out_ready_i,
    .out_data_o
  );

endmodule

// Words of a vector and what they come to, with the cores asked for.
module alone_normalize #(
  parameter int unsigned Width = 8,
  parameter int unsigned Parts = 1,
  parameter int unsigned Steps = 4,
  parameter bit          Before = 1'b0,
  parameter bit          After = 1'b0,
  parameter int unsigned Latency = 3,
  parameter int unsigned HeldDepth = 4,
  // Other operands are in the high bits of a word.
  parameter int unsigned Others = 0,
  parameter int unsigned Kind = 0
) (
  input  logic                          clk_i,
  input  logic                          rst_ni,

  input  logic                          in_valid_i,
  output logic                          in_ready_o,
  input  logic [(Others+1)*Width-1:0]   in_data_i,

  output logic                          out_valid_o,
  input  logic                          out_ready_i,
  output logic [Width-1:0]              out_data_o
);

  localparam int unsigned Depth = Latency + 2;
  localparam int unsigned PartWidth = Width / Parts;

  logic [Others:0] fork_valid;
  logic [Others:0] fork_ready;
  logic [Others:0] other_valid;
  logic [Others:0] other_ready;
  // The statistic, the word, the others.
  logic [Others+1:0][Width-1:0] operands;

  logic before_valid;
  logic [PartWidth-1:0] part;
  logic squared_valid;
  logic [PartWidth-1:0] squared;
  logic after_valid;
  logic [Width-1:0] sum;
  logic mean_valid;
  logic [Width-1:0] mean;
  logic core_valid;
  logic made_valid;
  logic [Width-1:0] made;

  nn_fork #(
    .Readers (Others + 1)
  ) i_fork (
    .clk_i,
    .rst_ni,
    .in_valid_i,
    .in_ready_o,
    .out_valid_o (fork_valid),
    .out_ready_i (fork_ready)
  );

  assign other_valid[0] = 1'b0;

  for (genvar i = 1; i <= Others; i++) begin : gen_others
    logic [$clog2(2*Steps+12)-1:0] unused_level;

    nn_fifo #(
      .Width (Width),
      .Depth (2 * Steps + 11)
    ) i_fifo (
      .clk_i,
      .rst_ni,
      .in_valid_i  (fork_valid[i]),
      .in_ready_o  (fork_ready[i]),
      .in_data_i   (in_data_i[i*Width +: Width]),
      .out_valid_o (other_valid[i]),
      .out_ready_i (other_ready[i]),
      .out_data_o  (operands[i+1]),
      .level_o     (unused_level)
    );
  end

  alone_core #(
    .Width    (PartWidth),
    .Operands (1),
    .Latency  (Latency)
  ) i_before (
    .clk_i,
    .rst_ni,
    .in_valid_i  (before_valid),
    .in_data_i   (part),
    .out_valid_o (squared_valid),
    .out_data_o  (squared)
  );

  alone_core #(
    .Width    (Width),
    .Operands (1),
    .Latency  (Latency)
  ) i_after (
    .clk_i,
    .rst_ni,
    .in_valid_i  (after_valid),
    .in_data_i   (sum),
    .out_valid_o (mean_valid),
    .out_data_o  (mean)
  );

  alone_core #(
    .Width    (Width),
    .Operands (Others + 2),
    .Latency  (Latency)
  ) i_core (
    .clk_i,
    .rst_ni,
    .in_valid_i  (core_valid),
    .in_data_i   (operands),
    .out_valid_o (made_valid),
    .out_data_o  (made)
  );

  nn_normalize #(
    .Width          (Width),
    .Parts          (Parts),
    .PartWidth      (PartWidth),
    .Steps          (Steps),
    .TermWidth      (PartWidth),
    .SumWidth       (Width),
    .IsSigned       (1'b0),
    .Kind           (Kind),
    .Before         (Before),
    .BeforeDepth    (Depth),
    .After          (After),
    .AfterDepth     (Depth),
    .StatisticWidth (Width),
    .HeldDepth      (HeldDepth),
    .Others         (Others),
    .OutWidth       (Width),
    .Depth          (Depth)
  ) i_normalize (
    .clk_i,
    .rst_ni,
    .in_valid_i       (fork_valid[0]),
    .in_ready_o       (fork_ready[0]),
    .in_data_i        (in_data_i[Width-1:0]),
    .term_data_i      (in_data_i[Width-1:0]),
    .other_valid_i    (other_valid),
    .other_ready_o    (other_ready),
    .before_valid_o   (before_valid),
    .before_data_o    (part),
    .before_valid_i   (squared_valid),
    .before_data_i    (squared),
    .after_valid_o    (after_valid),
    .after_data_o     (sum),
    .after_valid_i    (mean_valid),
    .after_data_i     (mean),
    .core_valid_o     (core_valid),
    .core_data_o      (operands[1]),
    .core_statistic_o (operands[0]),
    .core_valid_i     (made_valid),
    .core_data_i      (made),
    .out_valid_o,
    .out_ready_i,
    .out_data_o
  );

endmodule
