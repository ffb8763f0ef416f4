// Folds four beats of an AXI4-Stream into two: the sum of a, then the largest b. Takes nothing while it gives.

module fold (
  input  logic        aclk,
  input  logic        aresetn,
  input  logic [23:0] s_axis_tdata,  // signed a [8:0], unsigned b [23:16]
  input  logic        s_axis_tvalid,
  output logic        s_axis_tready,
  input  logic        s_axis_tlast,
  output logic [15:0] m_axis_tdata,
  output logic        m_axis_tvalid,
  input  logic        m_axis_tready,
  output logic        m_axis_tlast
);

  logic               giving_q, second_q, fresh_q;
  logic signed [10:0] sum_q;
  logic        [7:0]  most_q;
  wire  signed [8:0]  a = s_axis_tdata[8:0];
  wire         [7:0]  b = s_axis_tdata[23:16];

  assign s_axis_tready = !giving_q;
  assign m_axis_tvalid = giving_q;
  assign m_axis_tlast  = second_q;
  assign m_axis_tdata  = second_q ? 16'(most_q) : 16'(sum_q);

  always_ff @(posedge aclk) begin
    if (!aresetn) begin
      {giving_q, second_q} <= '0;
      fresh_q <= 1'b1;
    end else if (giving_q) begin
      if (m_axis_tready) begin
        second_q <= !second_q;
        giving_q <= !second_q;
      end
    end else if (s_axis_tvalid) begin
      fresh_q  <= s_axis_tlast;
      giving_q <= s_axis_tlast;
    end
    if (s_axis_tvalid && s_axis_tready) begin
      sum_q  <= fresh_q ? 11'(a) : sum_q + 11'(a);
      most_q <= fresh_q || b > most_q ? b : most_q;
    end
  end

endmodule
