// As prove.sv: words of several streams that are taken together.

module prove_join #(
  parameter int unsigned Sources = 3
) (
  input  logic               clk_i,
  input  logic [Sources-1:0] in_valid_i,
  input  logic               out_ready_i,
  output logic               fine_o,
  output logic               good_o
);

  localparam int unsigned Width = 3;

  logic               rst_n;
  logic [Sources-1:0] rst_ns;
  logic [Sources-1:0] in_ready;
  logic               out_valid;
  logic [Sources-1:0] fine;
  logic [Sources-1:0] good;
  logic [Width-1:0]   out_q;

  assign rst_n  = rst_ns[0];
  assign fine_o = &fine && rst_ns == {Sources{rst_n}};
  assign good_o = &good;

  always_ff @(posedge clk_i) begin
    out_q <= rst_n ? out_q + Width'(out_valid && out_ready_i) : '0;
  end

  nn_join #(
    .Sources (Sources)
  ) i_dut (
    .clk_i,
    .rst_ni      (rst_n),
    .in_valid_i,
    .in_ready_o  (in_ready),
    .out_valid_o (out_valid),
    .out_ready_i
  );

  for (genvar i = 0; i < Sources; i++) begin : gen_source
    // The number of the word that is offered: the one that is due, if every source has one.
    logic [Width-1:0] in_q;
    logic [7:0]       unused_idle;

    always_ff @(posedge clk_i) begin
      in_q <= rst_n ? in_q + Width'(in_valid_i[i] && in_ready[i]) : '0;
    end

    prove_stream #(
      .Width (Width)
    ) i_stream (
      .clk_i,
      .rst_no      (rst_ns[i]),
      .in_valid_i  (in_valid_i[i]),
      .in_ready_i  (in_ready[i]),
      .out_valid_i (out_valid),
      .out_ready_i,
      .out_data_i  (in_q),
      .due_i       (out_q),
      .free_i      (&in_valid_i && out_ready_i),
      .known_i     (in_q == out_q && (!out_valid || in_valid_i[i])),
      .idle_o      (unused_idle),
      .fine_o      (fine[i]),
      .good_o      (good[i])
    );
  end

endmodule
