// An `nn_table` behind credits and in front of a FIFO, as kernels have it.

module alone_table #(
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

  localparam int unsigned Credits = 4;
  localparam int unsigned IndexWidth = $clog2(Depth);

  // The entry of index i is 37 i + 11.
  function automatic logic [Depth-1:0][Width-1:0] words();
    for (int unsigned i = 0; i < Depth; i++) begin
      words[i] = Width'(37 * i + 11);
    end
  endfunction

  logic                         take;
  logic [1:0]                   valid_q;
  logic [Width-1:0]             entry;
  logic                         unused_ready;
  logic [$clog2(Credits+1)-1:0] unused_level;

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
    valid_q <= rst_ni ? {valid_q[0], take} : '0;
  end

  nn_table #(
    .Width (Width),
    .Depth (Depth),
    .Words (words())
  ) i_table (
    .clk_i,
    .index_i (IndexWidth'(32'(in_data_i) % Depth)),
    .entry_o (entry)
  );

  nn_fifo #(
    .Width (Width),
    .Depth (Credits)
  ) i_fifo (
    .clk_i,
    .rst_ni,
    .in_valid_i  (valid_q[1]),
    .in_ready_o  (unused_ready),
    .in_data_i   (entry),
    .out_valid_o,
    .out_ready_i,
    .out_data_o,
    .level_o     (unused_level)
  );

endmodule
