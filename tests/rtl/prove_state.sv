// As prove.sv: what a loop keeps. Of its surroundings it is known that a step leaves a word when it has been
// offered, at once or later.

module prove_state #(
  parameter int unsigned Steps = 3
) (
  input  logic clk_i,
  input  logic in_valid_i,
  input  logic left_valid_i,
  input  logic out_ready_i,
  output logic fine_o,
  output logic good_o
);

  localparam int unsigned Width = 4;

  logic           rst_n;
  logic           first_ready;
  logic           left_ready;
  logic           out_valid;
  logic [Width:0] out_data;
  logic [7:0]     unused_idle;
  logic           fine;

  // Steps that have been given and have left something: all, in their loop, and their loops.
  logic [Width-1:0] given_q;
  logic [Width-1:0] left_q;
  logic [7:0]       given_step_q;
  logic [7:0]       left_step_q;
  logic [Width-1:0] given_loop_q;
  logic [Width-1:0] left_loop_q;
  logic             begins;

  assign begins = given_step_q == 0;

  always_ff @(posedge clk_i) begin
    if (!rst_n) begin
      {given_q, left_q}           <= '0;
      {given_step_q, left_step_q} <= '0;
      {given_loop_q, left_loop_q} <= '0;
    end else begin
      if (out_valid && out_ready_i) begin
        given_q      <= given_q + 1'b1;
        given_step_q <= 32'(given_step_q) == Steps - 1 ? '0 : given_step_q + 1'b1;
        given_loop_q <= given_loop_q + Width'(32'(given_step_q) == Steps - 1);
      end
      if (left_valid_i) begin
        left_q      <= left_q + 1'b1;
        left_step_q <= 32'(left_step_q) == Steps - 1 ? '0 : left_step_q + 1'b1;
        left_loop_q <= left_loop_q + Width'(32'(left_step_q) == Steps - 1);
      end
    end
  end

  // First words are numbered by their loops, the others by the steps that leave them.
  nn_state #(
    .Width (Width + 1),
    .Steps (Steps)
  ) i_dut (
    .clk_i,
    .rst_ni        (rst_n),
    .first_valid_i (in_valid_i),
    .first_ready_o (first_ready),
    .first_data_i  ({1'b0, given_loop_q}),
    .left_valid_i,
    .left_ready_o  (left_ready),
    .left_data_i   ({1'b1, left_q}),
    .out_valid_o   (out_valid),
    .out_ready_i,
    .out_data_o    (out_data)
  );

  // Steps that have left something before they were given, or, if negative, that still have to.
  logic signed [Width-1:0] ahead;
  logic signed [Width-1:0] loops;
  logic [Width-1:0]        oldest;
  logic [1:0]              stored;
  logic                    known;

  assign ahead  = left_q - given_q;
  assign loops  = given_loop_q - left_loop_q;
  assign oldest = given_q - Width'(!begins);

  for (genvar i = 0; i < 2; i++) begin : gen_word
    assign stored[i] = 32'(i_dut.count_q) <= i
        || i_dut.stored_q[i] == {1'b1, oldest + Width'(i)};
  end

  assign known = &stored && left_ready && ahead >= -2 && ahead <= 1
      && (ahead < 1 || out_valid)
      && loops >= -1 && loops <= 2
      && 8'(i_dut.given_q) == given_step_q && 8'(i_dut.left_q) == left_step_q
      && 32'(given_step_q) < Steps && 32'(left_step_q) < Steps && i_dut.count_q <= 2
      && Width'(given_q - left_q) == Width'(Width'(loops) * Width'(Steps)) + Width'(given_step_q)
          - Width'(left_step_q)
      && Width'(i_dut.count_q) == Width'(Width'(ahead) + Width'(loops) + Width'(!begins));

  prove_stream #(
    .Width (Width + 1),
    .Idle  (1)
  ) i_stream (
    .clk_i,
    .rst_no      (rst_n),
    .in_valid_i,
    .in_ready_i  (first_ready),
    .out_valid_i (out_valid),
    .out_ready_i,
    .out_data_i  (out_data),
    .due_i       (begins ? {1'b0, given_loop_q} : {1'b1, Width'(given_q - 1'b1)}),
    // What the step before leaves has come.
    .free_i      (out_ready_i && ahead >= 0),
    .known_i     (known),
    .idle_o      (unused_idle),
    .fine_o      (fine),
    .good_o
  );

  assign fine_o = fine && (!rst_n || !left_valid_i || ahead < 0 || (ahead == 0 && out_valid));

endmodule
