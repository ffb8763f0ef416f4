// Products with constant matrices, folded: `Columns * Fan` multipliers take `Inner * Groups` cycles a pack.
//
// A token comes in one or several packs, each of `Blocks` blocks of `Block` elements, one block for each
// step. In a step, output `j` of the `Columns` that are due multiplies the `Fan` elements from
// `(j / Share) * Fan` on; after `Inner` steps the next outputs follow. With fewer blocks than steps the
// pack turns around again for every group of outputs. If the array gathers, sums go on over all
// `Packs` of a token; otherwise each of the `Packs` has outputs of its own. The weights of step
// `address_o`, counted over all packs, must be at `weights_i` in the next cycle: for output `j` and its
// element `i` at `(j * Fan + i) * WeightWidth`. Sums are modulo `2^SumWidth`, products shifted left by
// `Shift` first.
//
// With `Pairs` two products of the same element, those of output `j` and `j + 1`, come out of one wide
// multiplier: their weights lie one on top of the other, with room for the lower product between them.
// Weights then have a bit more, and the upper one of a pair is smaller by one if the lower is negative, so that
// both lie side by side. What the lower product borrows from the upper one is added back.
//
// Outputs are given all at once. A pack may begin in the cycle of the last step of the one before.
// If the array keeps, the sums of one token stay at the end: the first group of the next one waits before
// its last step until they have been taken, which costs cycles only where that step follows closely. If
// not, a FIFO and credits see to it that what comes out has room.

`include "nn_assert.svh"
`include "nn_synth.svh"

module nn_mac_array #(
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
  // Products are in DSP blocks.
  parameter bit          Dsp = 1'b1,
  parameter bit          Pairs = 1'b0,
  parameter bit          Keeps = 1'b1,

  localparam int unsigned Steps = Inner * Groups,
  localparam int unsigned Rows = Steps * Packs,
  localparam int unsigned Turns = Gathers ? 1 : Packs,
  localparam int unsigned AddressWidth = Rows > 1 ? $clog2(Rows) : 1
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
  input  logic [Turns-1:0][Groups-1:0][Columns-1:0][SumWidth-1:0] biases_i
);

  // Ranks of registers: operands, products, one for each level of the tree, the sum.
  localparam int unsigned Levels = $clog2(Fan);
  localparam int unsigned Ranks = 2 + Levels;
  localparam int unsigned Leaves = 1 << Levels;
  localparam int unsigned ProductWidth = InWidth + 1 + WeightWidth;
  // Bits of a lower product, and of two weights.
  localparam int unsigned LowWidth = InWidth + WeightWidth - 1;
  localparam int unsigned PairWidth = LowWidth + WeightWidth;
  localparam int unsigned GroupWidth = Groups > 1 ? $clog2(Groups) : 1;
  localparam int unsigned InnerWidth = Inner > 1 ? $clog2(Inner) : 1;
  localparam int unsigned PackWidth = Packs > 1 ? $clog2(Packs) : 1;

  // What is known of a step on its way through the ranks.
  typedef struct packed {
    logic                  valid;
    // Of a group's steps with a pack; of a sum's.
    logic                  first;
    logic                  begins;
    logic                  last;
    logic [GroupWidth-1:0] group;
    logic [PackWidth-1:0]  turn;
  } step_t;

  logic credit;
  logic hold;
  logic take;
  logic busy_q;
  logic issue;
  logic ends;

  // The pack begins, or completes, sums.
  logic opens;
  logic closes;

  logic [InnerWidth-1:0]                     inner_q;
  logic [GroupWidth-1:0]                     group_q;
  logic [PackWidth-1:0]                      pack_q;
  logic [AddressWidth-1:0]                   address_q;
  logic [Blocks-1:0][Block-1:0][InWidth-1:0] token_q;

  assign issue      = busy_q && !hold;
  assign ends       = inner_q == InnerWidth'(Inner - 1) && group_q == GroupWidth'(Groups - 1);
  assign in_ready_o = credit && (!busy_q || (ends && !hold));
  assign take       = in_valid_i && in_ready_o;
  assign address_o  = address_q;

  if (Gathers && Packs > 1) begin : gen_gather
    assign opens  = pack_q == '0;
    assign closes = pack_q == PackWidth'(Packs - 1);
  end else begin : gen_each
    assign {opens, closes} = '1;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      busy_q    <= 1'b0;
      inner_q   <= '0;
      group_q   <= '0;
      pack_q    <= '0;
      address_q <= '0;
    end else begin
      busy_q <= take || (busy_q && !(issue && ends));
      if (issue) begin
        inner_q   <= inner_q == InnerWidth'(Inner - 1) ? '0 : inner_q + 1'b1;
        address_q <= address_q == AddressWidth'(Rows - 1) ? '0 : address_q + 1'b1;
        if (inner_q == InnerWidth'(Inner - 1)) begin
          group_q <= ends ? '0 : group_q + 1'b1;
        end
        if (ends) begin
          pack_q <= pack_q == PackWidth'(Packs - 1) ? '0 : pack_q + 1'b1;
        end
      end
    end
  end

  // The block of the present step is the lowest.
  always_ff @(posedge clk_i) begin
    if (take) begin
      token_q <= in_data_i;
    end else if (issue) begin
      for (int unsigned i = 0; i < Blocks; i++) begin
        token_q[i] <= token_q[(i+1)%Blocks];
      end
    end
  end

  step_t step;
  step_t [Ranks:0] step_q;

  assign step = '{
    valid:  issue,
    first:  inner_q == '0,
    begins: inner_q == '0 && opens,
    last:   inner_q == InnerWidth'(Inner - 1) && closes,
    group:  group_q,
    turn:   Gathers ? '0 : pack_q
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
  // What the sums of a group were after the pack before.
  logic [Columns-1:0][SumWidth-1:0] carried;

  if (Gathers && Groups > 1) begin : gen_carry
    nn_delay #(
      .Width  (Columns*SumWidth),
      .Length (Groups - 1)
    ) i_carry (
      .clk_i,
      .rst_ni,
      .shift_i (step_q[Ranks-1].valid && step_q[Ranks-1].first),
      .data_i  (sum_q),
      .data_o  (carried)
    );
  end else begin : gen_last
    assign carried = sum_q;
  end

  logic signed [ProductWidth-1:0] product [Columns][Fan];

  for (genvar j = 0; j < Columns; j++) begin : gen_column

    // The nodes of the tree, level after level; leaves that are no products are 0.
    logic [SumWidth-1:0] node [2*Leaves-1];

    for (genvar i = 0; i < Fan; i++) begin : gen_product
      logic signed [InWidth:0]       x;
      logic signed [WeightWidth-1:0] w;

      localparam int unsigned From = (j / Share) * Fan + i;
      localparam bit Upper = Pairs && (j % Share) % 2 == 1;
      localparam bit Lower = Pairs && !Upper && (j % Share) + 1 < Share;

      assign x = {InSigned && block_q[From][InWidth-1], block_q[From]};
      assign w = weights_i[(j*Fan+i)*WeightWidth +: WeightWidth];

      if (Lower) begin : gen_pair
        logic signed [WeightWidth-1:0] upper;
        logic signed [PairWidth-1:0]   weights;

        assign upper   = weights_i[((j+1)*Fan+i)*WeightWidth +: WeightWidth];
        assign weights = {upper, LowWidth'(w)};

        `NN_DSP logic signed [InWidth+PairWidth:0] own_q;

        always_ff @(posedge clk_i) begin
          own_q <= (InWidth+1+PairWidth)'(x) * (InWidth+1+PairWidth)'(weights);
        end

        logic borrow;

        assign borrow          = own_q[LowWidth-1];
        assign product[j][i]   = ProductWidth'(signed'(own_q[LowWidth-1:0]));
        assign product[j+1][i] = ProductWidth'(signed'(own_q[InWidth+PairWidth:LowWidth]))
                               + ProductWidth'({1'b0, borrow});
      end else if (Upper) begin : gen_upper
        logic unused_operands;
        assign unused_operands = ^{x, w};
      end else if (Dsp) begin : gen_dsp
        `NN_DSP logic signed [ProductWidth-1:0] own_q;

        always_ff @(posedge clk_i) begin
          own_q <= ProductWidth'(x) * ProductWidth'(w);
        end

        assign product[j][i] = own_q;
      end else begin : gen_logic
        `NN_NO_DSP logic signed [ProductWidth-1:0] own_q;

        always_ff @(posedge clk_i) begin
          own_q <= ProductWidth'(x) * ProductWidth'(w);
        end

        assign product[j][i] = own_q;
      end
    end

    for (genvar i = 0; i < Leaves; i++) begin : gen_leaf
      if (i < Fan) begin : gen_term
        assign node[Leaves-1+i] = SumWidth'(product[j][i]) << Shift;
      end else begin : gen_none
        assign node[Leaves-1+i] = '0;
      end
    end

    for (genvar i = 0; i < Leaves - 1; i++) begin : gen_node
      always_ff @(posedge clk_i) begin
        node[i] <= node[2*i+1] + node[2*i+2];
      end
    end

    logic [SumWidth-1:0] addend;

    always_comb begin
      addend = sum_q[j];
      if (step_q[Ranks-1].begins) begin
        addend = biases_i[step_q[Ranks-1].turn][step_q[Ranks-1].group][j];
      end else if (step_q[Ranks-1].first) begin
        addend = carried[j];
      end
    end

    always_ff @(posedge clk_i) begin
      if (step_q[Ranks-1].valid) begin
        sum_q[j] <= addend + node[0];
      end
    end
  end

  // Groups that are complete wait for the last one.
  logic [Groups-1:0][Columns-1:0][SumWidth-1:0] result_q;
  logic complete;
  logic finished;

  assign complete = step_q[Ranks].valid && step_q[Ranks].last;
  assign finished = complete && step_q[Ranks].group == GroupWidth'(Groups - 1);

  always_ff @(posedge clk_i) begin
    if (complete) begin
      result_q[step_q[Ranks].group] <= sum_q;
    end
  end

  if (Keeps) begin : gen_keep

    // Of a token that has not been taken all steps have been made.
    logic owed_q;

    assign credit = 1'b1;
    assign hold   = owed_q && closes && inner_q == InnerWidth'(Inner - 1) && group_q == '0;

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        owed_q      <= 1'b0;
        out_valid_o <= 1'b0;
      end else begin
        owed_q      <= (issue && ends && closes) || (owed_q && !(out_valid_o && out_ready_i));
        out_valid_o <= finished || (out_valid_o && !out_ready_i);
      end
    end

    logic [Groups*Columns*SumWidth-1:0] results;

    assign results    = result_q;
    assign out_data_o = results[Outputs*SumWidth-1:0];

  end else begin : gen_credits

    // Tokens between entering and leaving.
    localparam int unsigned Cycles = Gathers ? Rows : Steps;
    localparam int unsigned Depth = 2 + (Ranks + 2 + Cycles - 1) / Cycles;

    logic [Groups*Columns*SumWidth-1:0] results;

    assign hold = 1'b0;

    // The pack that is taken is the last of a token.
    logic token;

    if (Gathers && Packs > 1) begin : gen_tokens
      assign token = busy_q ? pack_q == PackWidth'(Packs - 2) : closes;
    end else begin : gen_token
      assign token = 1'b1;
    end

    nn_credit #(
      .Credits (Depth)
    ) i_credit (
      .clk_i,
      .rst_ni,
      .take_i  (take && token),
      .ready_o (credit),
      .give_i  (out_valid_o && out_ready_i)
    );

    always_comb begin
      results = result_q;
      results[(Groups-1)*Columns*SumWidth +: Columns*SumWidth] = sum_q;
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
      .in_valid_i  (finished),
      .in_ready_o  (unused_ready),
      .in_data_i   (results[Outputs*SumWidth-1:0]),
      .out_valid_o,
      .out_ready_i,
      .out_data_o,
      .level_o     (unused_level)
    );

  end

  `NN_ASSERT_INIT(SizesFit, Outputs > 0 && Columns % Share == 0 && Block == Columns / Share * Fan)
  `NN_ASSERT_INIT(BlocksFit, Blocks == Inner || Blocks == Steps)
  `NN_ASSERT(OutHolds, out_valid_o && !out_ready_i |=> out_valid_o && $stable(out_data_o))

endmodule
