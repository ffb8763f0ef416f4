// Every word of a vector, and what all of its words come to: what normalizations are made of. A softmax is two of
// them, exponentials of the distance to the largest element and then these over their sum; a layer normalization the
// distances to the mean, then these over the root of the mean square.
//
// The words of a vector are reduced as `nn_reduce` does it, wait in a FIFO meanwhile, and then each one meets the same
// statistic in a core that makes the result. Cores of their own may stand in front of the reduction (squares) and behind
// it (a mean, a reciprocal, an inverse root). All of them are written for the layer, and take and give words as
// `nn_eltwise` has it. The core of the result may have further operands, whose data go by (scales, offsets).

`include "nn_assert.svh"

module nn_normalize #(
  // Bits of a word; parts of what is reduced of it, which are reduced one after the other, and bits of a part; parts
  // of a vector.
  parameter int unsigned Width = 8,
  parameter int unsigned Parts = 1,
  parameter int unsigned PartWidth = Width,
  parameter int unsigned Steps = 4,
  // The reduction, as for nn_reduce: `Lanes` elements side by side.
  parameter int unsigned Lanes = 1,
  parameter int unsigned TermWidth = 8,
  parameter int unsigned SumWidth = 10,
  parameter int unsigned Shift = 0,
  parameter bit          IsSigned = 1'b1,
  parameter int unsigned Kind = 0,
  // A core in front of the reduction and one behind it, and the room of each; without, words are reduced as they are,
  // and the statistic is what they are reduced to.
  parameter bit          Before = 1'b0,
  parameter int unsigned BeforeDepth = 4,
  parameter bit          After = 1'b0,
  parameter int unsigned AfterDepth = 4,
  parameter int unsigned StatisticWidth = 10,
  // Words that wait for their statistic; none where there is room in front.
  parameter int unsigned HeldDepth = 4,
  // Further operands, from index 1 on, and for how many words each of them is used; index 0 is the word's own.
  parameter int unsigned Others = 0,
  parameter logic [Others:0][31:0] Times = {Others + 1{32'd1}},
  // Bits of a result, and the room of its core.
  parameter int unsigned OutWidth = 8,
  parameter int unsigned Depth = 4,

  localparam int unsigned Operands = Others + 2
) (
  input  logic                             clk_i,
  input  logic                             rst_ni,

  input  logic                             in_valid_i,
  output logic                             in_ready_o,
  input  logic [Width-1:0]                 in_data_i,
  // What is reduced of the word: the word itself, or what its source made of it besides.
  input  logic [Parts*PartWidth-1:0]       term_data_i,

  // Bit 0 is not used.
  input  logic [Others:0]                  other_valid_i,
  output logic [Others:0]                  other_ready_o,

  // The core in front.
  output logic                             before_valid_o,
  output logic [PartWidth-1:0]             before_data_o,
  input  logic                             before_valid_i,
  input  logic [Lanes*TermWidth-1:0]       before_data_i,

  // The core behind.
  output logic                             after_valid_o,
  output logic [Lanes*SumWidth-1:0]        after_data_o,
  input  logic                             after_valid_i,
  input  logic [StatisticWidth-1:0]        after_data_i,

  // The core of the result, and what it reads.
  output logic                             core_valid_o,
  output logic [Width-1:0]                 core_data_o,
  output logic [StatisticWidth-1:0]        core_statistic_o,
  input  logic                             core_valid_i,
  input  logic [OutWidth-1:0]              core_data_i,

  output logic                             out_valid_o,
  input  logic                             out_ready_i,
  output logic [OutWidth-1:0]              out_data_o
);

  // To the reduction, and to what waits.
  logic [1:0] fork_valid;
  logic [1:0] fork_ready;

  logic part_valid;
  logic part_ready;

  logic                       term_valid;
  logic                       term_ready;
  logic [Lanes*TermWidth-1:0] term_data;

  logic                      sum_valid;
  logic                      sum_ready;
  logic [Lanes*SumWidth-1:0] sum_data;

  logic statistic_valid;
  logic statistic_ready;
  logic held_valid;
  logic held_ready;

  nn_fork #(
    .Readers (2)
  ) i_fork (
    .clk_i,
    .rst_ni,
    .in_valid_i,
    .in_ready_o,
    .out_valid_o (fork_valid),
    .out_ready_i (fork_ready)
  );

  if (Parts > 1) begin : gen_parts
    nn_spread #(
      .Width (PartWidth),
      .Ratio (Parts)
    ) i_spread (
      .clk_i,
      .rst_ni,
      .in_valid_i  (fork_valid[0]),
      .in_ready_o  (fork_ready[0]),
      .in_data_i   (term_data_i),
      .out_valid_o (part_valid),
      .out_ready_i (part_ready),
      .out_data_o  (before_data_o)
    );
  end else begin : gen_whole
    assign part_valid    = fork_valid[0];
    assign fork_ready[0] = part_ready;
    assign before_data_o = term_data_i;
  end

  if (Before) begin : gen_before
    nn_eltwise #(
      .Operands (1),
      .Width    (Lanes * TermWidth),
      .Depth    (BeforeDepth)
    ) i_before (
      .clk_i,
      .rst_ni,
      .in_valid_i   (part_valid),
      .in_ready_o   (part_ready),
      .core_valid_o (before_valid_o),
      .core_valid_i (before_valid_i),
      .core_data_i  (before_data_i),
      .out_valid_o  (term_valid),
      .out_ready_i  (term_ready),
      .out_data_o   (term_data)
    );
  end else begin : gen_as_is
    logic unused_before;

    assign unused_before  = before_valid_i ^ (^before_data_i);
    assign before_valid_o = 1'b0;
    assign term_valid     = part_valid;
    assign part_ready     = term_ready;
    assign term_data      = before_data_o;
  end

  nn_reduce #(
    .InWidth  (TermWidth),
    .Width    (SumWidth),
    .Shift    (Shift),
    .IsSigned (IsSigned),
    .Lanes    (Lanes),
    .Steps    (Steps),
    .Kind     (Kind)
  ) i_reduce (
    .clk_i,
    .rst_ni,
    .in_valid_i  (term_valid),
    .in_ready_o  (term_ready),
    .in_data_i   (term_data),
    .out_valid_o (sum_valid),
    .out_ready_i (sum_ready),
    .out_data_o  (sum_data)
  );

  assign after_data_o = sum_data;

  if (After) begin : gen_after
    nn_eltwise #(
      .Operands (1),
      .Width    (StatisticWidth),
      .Depth    (AfterDepth)
    ) i_after (
      .clk_i,
      .rst_ni,
      .in_valid_i   (sum_valid),
      .in_ready_o   (sum_ready),
      .core_valid_o (after_valid_o),
      .core_valid_i (after_valid_i),
      .core_data_i  (after_data_i),
      .out_valid_o  (statistic_valid),
      .out_ready_i  (statistic_ready),
      .out_data_o   (core_statistic_o)
    );
  end else begin : gen_sum
    logic unused_after;

    assign unused_after     = after_valid_i ^ (^after_data_i);
    assign after_valid_o    = 1'b0;
    assign statistic_valid  = sum_valid;
    assign sum_ready        = statistic_ready;
    assign core_statistic_o = sum_data;
  end

  if (HeldDepth > 0) begin : gen_held
    logic [$clog2(HeldDepth+1)-1:0] unused_level;

    nn_fifo #(
      .Width (Width),
      .Depth (HeldDepth)
    ) i_held (
      .clk_i,
      .rst_ni,
      .in_valid_i  (fork_valid[1]),
      .in_ready_o  (fork_ready[1]),
      .in_data_i,
      .out_valid_o (held_valid),
      .out_ready_i (held_ready),
      .out_data_o  (core_data_o),
      .level_o     (unused_level)
    );
  end else begin : gen_straight
    assign held_valid    = fork_valid[1];
    assign fork_ready[1] = held_ready;
    assign core_data_o   = in_data_i;
  end

  // The statistic, the word, then the others.
  logic [Operands-1:0] use_valid;
  logic [Operands-1:0] use_ready;

  assign use_valid[1:0]   = {held_valid, statistic_valid};
  assign statistic_ready  = use_ready[0];
  assign held_ready       = use_ready[1];
  assign other_ready_o[0] = 1'b0;

  logic unused_other;

  assign unused_other = other_valid_i[0];

  for (genvar i = 1; i <= Others; i++) begin : gen_others
    assign use_valid[i+1]   = other_valid_i[i];
    assign other_ready_o[i] = use_ready[i+1];
  end

  nn_eltwise #(
    .Operands (Operands),
    .Times    ({Times, 32'(Steps / Parts)}),
    .Width    (OutWidth),
    .Depth    (Depth)
  ) i_result (
    .clk_i,
    .rst_ni,
    .in_valid_i   (use_valid),
    .in_ready_o   (use_ready),
    .core_valid_o,
    .core_valid_i,
    .core_data_i,
    .out_valid_o,
    .out_ready_i,
    .out_data_o
  );

  `NN_ASSERT_INIT(WordsWhole, Steps % Parts == 0)
  `NN_ASSERT_INIT(WordsFit, Before || PartWidth == Lanes * TermWidth)
  `NN_ASSERT_INIT(StatisticFits, After || StatisticWidth == Lanes * SumWidth)
  `NN_ASSERT_INIT(WordOnce, Times[0] == 1)

endmodule
