// Two pipeline stages with valid and ready, right for bug 0 and wrong in a known way for each other:
// the harness must notice. The bug travels with the data, so one model serves all tests.

module handshake (
  input  logic         clk_i,
  input  logic         rst_ni,

  input  logic         in_valid_i,
  output logic         in_ready_o,
  input  logic         in_last_i,
  input  logic [18:0]  in_data_i,  // signed a [9:1], unsigned b [18:12]
  input  logic [3:0]   in_bug_i,

  output logic         out_valid_o,
  input  logic         out_ready_i,
  output logic         out_last_o,
  output logic [129:0] out_data_o  // signed a+b [10:0], a*b [29:13], (a << 80) + b [129:30]
);

  localparam logic [3:0] Drop = 1, Change = 2, Hang = 3, Last = 4, Retract = 5, Repeat = 6,
                         Crash = 7, Unwritten = 8;

  wire signed [8:0] a = in_data_i[9:1];
  wire signed [7:0] b = {1'b0, in_data_i[18:12]};

  logic         valid1_q, valid2_q, last1_q, last2_q, waited_q, repeated_q;
  logic [3:0]   bug1_q, bug2_q;
  logic [129:0] data1_q, data2_q;
  logic [7:0]   accepted_q, delivered_q;
  logic [129:0] never_written;

  wire repeats = bug2_q == Repeat && delivered_q == 7 && !repeated_q;
  wire en      = (out_ready_i && !repeats) || !valid2_q;
  wire hangs   = in_bug_i == Hang && accepted_q >= 10;

  assign in_ready_o  = en && !hangs;
  assign out_valid_o = valid2_q && !(bug2_q == Retract && waited_q);
  assign out_last_o  = last2_q ^ (bug2_q == Last && delivered_q == 6);
  assign out_data_o  = data2_q ^ 130'(bug2_q == Change && waited_q)
                     ^ (bug2_q == Unwritten ? never_written : '0);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      {valid1_q, valid2_q, waited_q, repeated_q} <= '0;
      {accepted_q, delivered_q} <= '0;
    end else begin
      if (en) begin
        valid1_q <= in_valid_i && in_ready_o && !(in_bug_i == Drop && accepted_q == 5);
        valid2_q <= valid1_q;
      end
      if (in_valid_i && in_ready_o) accepted_q <= accepted_q + 1;
      if (out_valid_o && out_ready_i) begin
        delivered_q <= delivered_q + !repeats;
        repeated_q  <= repeated_q || repeats;
      end
      waited_q <= valid2_q && !out_ready_i;
      assert (!(valid1_q && bug1_q == Crash)) else $error("bug seven");
    end
    if (en) begin
      bug1_q  <= in_bug_i;
      bug2_q  <= bug1_q;
      last1_q <= in_last_i;
      last2_q <= last1_q;
      data1_q <= {(100'(a) <<< 80) + 100'(b), 17'(a) * 17'(b), 2'b00, 11'(a) + 11'(b)};
      data2_q <= data1_q;
    end
  end

endmodule
