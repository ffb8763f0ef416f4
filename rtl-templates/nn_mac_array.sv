// Products with constant matrices, folded: `Columns * Fan` multipliers take `Inner * Groups` cycles a token.
//
// A token comes as `Blocks` blocks of `Block` elements, one for each step. In a step, output `j` of the
// `Columns` that are due multiplies the `Fan` elements from `(j / Share) * Fan` on; after `Inner` steps
// these outputs are complete and the next ones follow. With fewer blocks than steps the token turns
// around again for every group of outputs. The weights of step `address_o` must be at `weights_i` in
// the next cycle: for output `j` and its element `i` at `(j * Fan + i) * WeightWidth`. Sums are modulo
// `2^SumWidth`, products shifted left by `Shift` first.
//
// Outputs are given all at once. A token may begin in the cycle of the last step of the one before;
// credits see to it that what comes out has room, so that nothing inside ever stops.

`include "nn_assert.svh"

module nn_mac_array #(
  parameter int unsigned Blocks = 4,
  parameter int unsigned Block = 1,
  parameter int unsigned Inner = 4,
  parameter int unsigned Groups = 2,
  parameter int unsigned Columns = 2,
  parameter int unsigned Fan = 1,
  parameter int unsigned Share = 2,
  parameter int unsigned Outputs = 4,
  parameter int unsigned InWidth = 8,
  parameter bit          InSigned = 1'b1,
  parameter int unsigned WeightWidth = 8,
  parameter int unsigned SumWidth = 20,
  parameter int unsigned Shift = 0,

  localparam int unsigned Steps = Inner * Groups,
  localparam int unsigned AddressWidth = Steps > 1 ? $clog2(Steps) : 1
) (
  input  logic                                 clk_i,
  input  logic                                 rst_ni,

  input  logic                                 in_valid_i,
  output logic                                 in_ready_o,
  input  logic [Blocks*Block*InWidth-1:0]      in_data_i,

  output logic                                 out_valid_o,
  input  logic                                 out_ready_i,
  output logic [Outputs*SumWidth-1:0]          out_data_o,

  output logic [AddressWidth-1:0]              address_o,
  input  logic [Columns*Fan*WeightWidth-1:0]   weights_i,
  // Padded to whole groups.
  input  logic [Groups*Columns*SumWidth-1:0]   biases_i
);

  // Ranks of registers: operands, products, one for each level of the tree, the sum.
  localparam int unsigned Levels = $clog2(Fan);
  localparam int unsigned Ranks = 2 + Levels;
  localparam int unsigned Leaves = 1 << Levels;
  localparam int unsigned ProductWidth = InWidth + 1 + WeightWidth;
  localparam int unsigned GroupWidth = Groups > 1 ? $clog2(Groups) : 1;
  localparam int unsigned InnerWidth = Inner > 1 ? $clog2(Inner) : 1;
  // Tokens between entering and leaving.
  localparam int unsigned Depth = 2 + (Ranks + 2 + Steps - 1) / Steps;

  // What is known of a step on its way through the ranks.
  typedef struct packed {
    logic                  valid;
    logic                  first;
    logic                  last;
    logic [GroupWidth-1:0] group;
  } step_t;

  logic credit;
  logic take;
  logic busy_q;
  logic ends;

  logic [InnerWidth-1:0]                    inner_q;
  logic [GroupWidth-1:0]                    group_q;
  logic [Blocks-1:0][Block-1:0][InWidth-1:0] token_q;

  assign ends       = inner_q == InnerWidth'(Inner - 1) && group_q == GroupWidth'(Groups - 1);
  assign in_ready_o = credit && (!busy_q || ends);
  assign take       = in_valid_i && in_ready_o;
  assign address_o  = AddressWidth'(32'(group_q) * Inner + 32'(inner_q));

  nn_credit #(
    .Credits (Depth)
  ) i_credit (
    .clk_i,
    .rst_ni,
    .take_i  (take),
    .ready_o (credit),
    .give_i  (out_valid_o && out_ready_i)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      busy_q  <= 1'b0;
      inner_q <= '0;
      group_q <= '0;
    end else if (take) begin
      busy_q  <= 1'b1;
      inner_q <= '0;
      group_q <= '0;
    end else if (busy_q) begin
      busy_q  <= !ends;
      inner_q <= inner_q == InnerWidth'(Inner - 1) ? '0 : inner_q + 1'b1;
      if (inner_q == InnerWidth'(Inner - 1)) begin
        group_q <= ends ? '0 : group_q + 1'b1;
      end
    end
  end

  // The block of the present step is the lowest.
  always_ff @(posedge clk_i) begin
    if (take) begin
      token_q <= in_data_i;
    end else if (busy_q) begin
      for (int unsigned i = 0; i < Blocks; i++) begin
        token_q[i] <= token_q[(i+1)%Blocks];
      end
    end
  end

  step_t step;
  step_t [Ranks:0] step_q;

  assign step = '{
    valid: busy_q,
    first: inner_q == '0,
    last:  inner_q == InnerWidth'(Inner - 1),
    group: group_q
  };

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      step_q <= '0;
    end else begin
      step_q[0] <= step;
      for (int unsigned i = 1; i <= Ranks; i++) begin
        step_q[i] <= step_q[i-1];
      end
    end
  end

  logic [Block-1:0][InWidth-1:0] block_q;

  always_ff @(posedge clk_i) begin
    block_q <= token_q[0];
  end

  logic [Columns-1:0][SumWidth-1:0] sum_q;

  for (genvar j = 0; j < Columns; j++) begin : gen_column

    logic signed [ProductWidth-1:0] product_q [Fan];
    // The nodes of the tree, level after level; leaves that are no products are 0.
    logic [SumWidth-1:0] node [2*Leaves-1];

    for (genvar i = 0; i < Fan; i++) begin : gen_product
      logic signed [InWidth:0]       x;
      logic signed [WeightWidth-1:0] w;

      localparam int unsigned From = (j / Share) * Fan + i;

      assign x = {InSigned && block_q[From][InWidth-1], block_q[From]};
      assign w = weights_i[(j*Fan+i)*WeightWidth +: WeightWidth];

      always_ff @(posedge clk_i) begin
        product_q[i] <= ProductWidth'(x) * ProductWidth'(w);
      end
    end

    for (genvar i = 0; i < Leaves; i++) begin : gen_leaf
      if (i < Fan) begin : gen_term
        assign node[Leaves-1+i] = SumWidth'(product_q[i]) << Shift;
      end else begin : gen_none
        assign node[Leaves-1+i] = '0;
      end
    end

    for (genvar i = 0; i < Leaves - 1; i++) begin : gen_node
      always_ff @(posedge clk_i) begin
        node[i] <= node[2*i+1] + node[2*i+2];
      end
    end

    logic [SumWidth-1:0] bias;

    assign bias = biases_i[(32'(step_q[Ranks-1].group)*Columns+j)*SumWidth +: SumWidth];

    always_ff @(posedge clk_i) begin
      if (step_q[Ranks-1].valid) begin
        sum_q[j] <= (step_q[Ranks-1].first ? bias : sum_q[j]) + node[0];
      end
    end
  end

  // Groups that are complete wait for the last one.
  logic [Groups*Columns*SumWidth-1:0] results;
  logic [Groups-1:0][Columns-1:0][SumWidth-1:0] result_q;
  logic complete;

  assign complete = step_q[Ranks].valid && step_q[Ranks].last;

  always_comb begin
    results = result_q;
    results[(Groups-1)*Columns*SumWidth +: Columns*SumWidth] = sum_q;
  end

  always_ff @(posedge clk_i) begin
    if (complete) begin
      result_q[step_q[Ranks].group] <= sum_q;
    end
  end

  // There is always room: every token in flight has its place.
  logic unused_ready;
  logic [$clog2(Depth+1)-1:0] unused_level;

  nn_fifo #(
    .Width (Outputs*SumWidth),
    .Depth (Depth)
  ) i_fifo (
    .clk_i,
    .rst_ni,
    .in_valid_i  (complete && step_q[Ranks].group == GroupWidth'(Groups - 1)),
    .in_ready_o  (unused_ready),
    .in_data_i   (results[Outputs*SumWidth-1:0]),
    .out_valid_o,
    .out_ready_i,
    .out_data_o,
    .level_o     (unused_level)
  );

  `NN_ASSERT_INIT(SizesFit, Outputs > 0 && Columns % Share == 0 && Block == Columns / Share * Fan)
  `NN_ASSERT_INIT(BlocksFit, Blocks == Inner || Blocks == Steps)

endmodule
