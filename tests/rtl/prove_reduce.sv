// As prove.sv: a sum of words, which are numbers that follow each other.

module prove_reduce #(
  parameter int unsigned Steps = 3
) (
  input  logic clk_i,
  input  logic in_valid_i,
  input  logic out_ready_i,
  output logic fine_o,
  output logic good_o
);

  localparam int unsigned Width = 4;

  logic             rst_n;
  logic             in_ready;
  logic             out_valid;
  logic [Width-1:0] out_data;
  logic [7:0]       idle;
  // Words that have entered, and those that have left in sums.
  logic [Width-1:0] in_q;
  logic [Width-1:0] out_q;
  // Words in the sum that is not complete or not taken, and that sum.
  logic [Width-1:0] partial;
  logic [Width-1:0] sum;

  always_ff @(posedge clk_i) begin
    if (!rst_n) begin
      in_q  <= '0;
      out_q <= '0;
    end else begin
      in_q  <= in_q + Width'(in_valid_i && in_ready);
      out_q <= out_q + (out_valid && out_ready_i ? Width'(Steps) : '0);
    end
  end

  nn_reduce #(
    .InWidth (Width),
    .Width   (Width),
    .Steps   (Steps)
  ) i_dut (
    .clk_i,
    .rst_ni      (rst_n),
    .in_valid_i,
    .in_ready_o  (in_ready),
    .in_data_i   (in_q),
    .out_valid_o (out_valid),
    .out_ready_i,
    .out_data_o  (out_data)
  );

  assign partial = out_valid ? Width'(Steps) : Width'(i_dut.count_q);

  always_comb begin
    sum = '0;
    for (int unsigned i = 0; i < Steps; i++) begin
      if (Width'(i) < partial) begin
        sum += out_q + Width'(i);
      end
    end
  end

  prove_stream #(
    .Width (Width),
    .Idle  (Steps + 1)
  ) i_stream (
    .clk_i,
    .rst_no      (rst_n),
    .in_valid_i,
    .in_ready_i  (in_ready),
    .out_valid_i (out_valid),
    .out_ready_i,
    .out_data_i  (out_data),
    .due_i       (sum),
    .free_i      (out_ready_i),
    .known_i     (partial == in_q - out_q && 32'(i_dut.count_q) < Steps
        && (!out_valid || i_dut.count_q == '0)
        && (partial == '0 || i_dut.kept_q == sum) && idle <= 8'(partial)),
    .idle_o      (idle),
    .fine_o,
    .good_o
  );

endmodule
