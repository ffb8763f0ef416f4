// As prove.sv: modules that put words together, take them apart, drop and count them.

module prove_collect #(
  parameter int unsigned Ratio = 3
) (
  input  logic clk_i,
  input  logic in_valid_i,
  input  logic out_ready_i,
  output logic fine_o,
  output logic good_o
);

  localparam int unsigned Width = 4;

  logic                        rst_n;
  logic                        in_ready;
  logic                        out_valid;
  logic [Ratio-1:0][Width-1:0] out_data;
  logic [Ratio-1:0][Width-1:0] due;
  logic [Ratio-1:0]            stored;
  logic [7:0]                  idle;
  // Words that have entered, and those that have left in others.
  logic [Width-1:0]            in_q;
  logic [Width-1:0]            out_q;

  always_ff @(posedge clk_i) begin
    if (!rst_n) begin
      in_q  <= '0;
      out_q <= '0;
    end else begin
      in_q  <= in_q + Width'(in_valid_i && in_ready);
      out_q <= out_q + (out_valid && out_ready_i ? Width'(Ratio) : '0);
    end
  end

  nn_collect #(
    .Width (Width),
    .Ratio (Ratio)
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

  for (genvar i = 0; i < Ratio; i++) begin : gen_word
    assign due[i] = out_q + Width'(i);
    // The one that comes is not stored.
    if (i + 1 < Ratio) begin : gen_stored
      assign stored[i] = 32'(i_dut.count_q) + i + 1 < Ratio
          || i_dut.stored_q[i] == in_q - Width'(Ratio - 1 - i);
    end else begin : gen_none
      assign stored[i] = 1'b1;
    end
  end

  prove_stream #(
    .Width (Ratio * Width),
    .Idle  (Ratio)
  ) i_stream (
    .clk_i,
    .rst_no      (rst_n),
    .in_valid_i,
    .in_ready_i  (in_ready),
    .out_valid_i (out_valid),
    .out_ready_i,
    .out_data_i  (out_data),
    .due_i       (due),
    .free_i      (out_ready_i),
    .known_i     (&stored && Width'(i_dut.count_q) == in_q - out_q
        && 32'(i_dut.count_q) < Ratio && idle <= 8'(i_dut.count_q)),
    .idle_o      (idle),
    .fine_o,
    .good_o
  );

endmodule

module prove_spread #(
  parameter int unsigned Ratio = 3,
  parameter bit          Repeat = 1'b0
) (
  input  logic clk_i,
  input  logic in_valid_i,
  input  logic out_ready_i,
  output logic fine_o,
  output logic good_o
);

  localparam int unsigned Width = 4;
  localparam int unsigned Parts = Repeat ? 1 : Ratio;

  logic                        rst_n;
  logic                        in_ready;
  logic                        out_valid;
  logic [Width-1:0]            out_data;
  logic [Parts-1:0][Width-1:0] in_data;
  logic [7:0]                  unused_idle;
  // The number of a word, or of its first part; the part that is due, and its place in the word.
  logic [Width-1:0]            in_q;
  logic [Width-1:0]            out_q;
  logic [7:0]                  part_q;

  always_ff @(posedge clk_i) begin
    if (!rst_n) begin
      in_q   <= '0;
      out_q  <= '0;
      part_q <= '0;
    end else begin
      in_q <= in_q + (in_valid_i && in_ready ? Width'(Parts) : '0);
      if (out_valid && out_ready_i) begin
        part_q <= 32'(part_q) == Ratio - 1 ? '0 : part_q + 1'b1;
        out_q  <= out_q + Width'(!Repeat || 32'(part_q) == Ratio - 1);
      end
    end
  end

  for (genvar i = 0; i < Parts; i++) begin : gen_part
    assign in_data[i] = in_q + Width'(i);
  end

  nn_spread #(
    .Width  (Width),
    .Ratio  (Ratio),
    .Repeat (Repeat)
  ) i_dut (
    .clk_i,
    .rst_ni      (rst_n),
    .in_valid_i,
    .in_ready_o  (in_ready),
    .in_data_i   (in_data),
    .out_valid_o (out_valid),
    .out_ready_i,
    .out_data_o  (out_data)
  );

  prove_stream #(
    .Width (Width),
    .Idle  (1)
  ) i_stream (
    .clk_i,
    .rst_no      (rst_n),
    .in_valid_i,
    .in_ready_i  (in_ready),
    .out_valid_i (out_valid),
    .out_ready_i,
    .out_data_i  (out_data),
    .due_i       (out_q),
    .free_i      (out_ready_i),
    .known_i     (part_q == 8'(i_dut.count_q) && 32'(part_q) < Ratio
        && out_q == in_q + (Repeat ? '0 : Width'(part_q)) && (part_q == 0 || in_valid_i)),
    .idle_o      (unused_idle),
    .fine_o,
    .good_o
  );

endmodule

module prove_last #(
  parameter int unsigned Of = 4,
  parameter int unsigned Keep = 2
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
  logic [Width-1:0] in_q;
  // The word that is due, and which of those that are kept it is.
  logic [Width-1:0] due_q;
  logic [7:0]       kept_q;
  // Words that come in front of it.
  logic [7:0]       early;

  always_ff @(posedge clk_i) begin
    if (!rst_n) begin
      in_q   <= '0;
      due_q  <= Width'(Of - Keep);
      kept_q <= '0;
    end else begin
      in_q <= in_q + Width'(in_valid_i && in_ready);
      if (out_valid && out_ready_i) begin
        kept_q <= 32'(kept_q) == Keep - 1 ? '0 : kept_q + 1'b1;
        due_q  <= due_q + (32'(kept_q) == Keep - 1 ? Width'(Of - Keep + 1) : Width'(1));
      end
    end
  end

  nn_last #(
    .Width (Width),
    .Of    (Of),
    .Keep  (Keep)
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

  assign early = 32'(i_dut.count_q) < Of - Keep ? 8'(Of - Keep) - 8'(i_dut.count_q) : '0;

  prove_stream #(
    .Width (Width),
    .Idle  (Of - Keep + 1)
  ) i_stream (
    .clk_i,
    .rst_no      (rst_n),
    .in_valid_i,
    .in_ready_i  (in_ready),
    .out_valid_i (out_valid),
    .out_ready_i,
    .out_data_i  (out_data),
    .due_i       (due_q),
    .free_i      (out_ready_i),
    .known_i     (due_q == in_q + Width'(early) && 32'(i_dut.count_q) < Of
        && 32'(kept_q) + Of - Keep == 32'(i_dut.count_q) + 32'(early)
        && 32'(idle) + 32'(early) <= Of - Keep),
    .idle_o      (idle),
    .fine_o,
    .good_o
  );

endmodule

// A pipeline with credits never has more in it than fits; what comes out is what went in.
module prove_credit #(
  parameter int unsigned Latency = 2,
  // More than two: the FIFO behind is one of tables.
  parameter int unsigned Credits = 4
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
  logic [Width-1:0] in_q;
  logic [Width-1:0] out_q;
  // The first cycle after the reset.
  logic             early_q;

  always_ff @(posedge clk_i) begin
    if (!rst_n) begin
      in_q    <= '0;
      out_q   <= '0;
      early_q <= 1'b1;
    end else begin
      in_q    <= in_q + Width'(in_valid_i && in_ready);
      out_q   <= out_q + Width'(out_valid && out_ready_i);
      early_q <= 1'b0;
    end
  end

  alone_credit #(
    .Width   (Width),
    .Latency (Latency),
    .Credits (Credits)
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

  // Words in the pipeline, and how far the oldest has come.
  logic [7:0]                    inside_count;
  logic [7:0]                    oldest;
  logic [Latency-1:0]            moving;
  logic [Credits-1:0][Width-1:0] memory;
  logic                          stored;

  always_comb begin
    inside_count = '0;
    oldest       = '0;
    for (int unsigned i = 0; i < Latency; i++) begin
      inside_count += 8'(i_dut.valid_q[i]);
      moving[i] = !i_dut.valid_q[i] || i_dut.data_q[i] == in_q - Width'(inside_count);
      if (i_dut.valid_q[i]) begin
        oldest = 8'(i + 1);
      end
    end
  end

  for (genvar i = 0; i < Credits; i++) begin : gen_word
    assign memory[i] = i_dut.i_fifo.gen_tables.memory_q[i];
  end

  prove_memory #(
    .Size  (Credits),
    .Width (Width)
  ) i_memory (
    .read_i   (4'(i_dut.i_fifo.gen_tables.read_q)),
    .write_i  (4'(i_dut.i_fifo.gen_tables.write_q)),
    .count_i  (4'(i_dut.unused_level)),
    .first_i  (out_q),
    .memory_i (memory),
    .right_o  (stored)
  );

  logic [7:0] flying;
  logic       known;

  assign flying = inside_count + 8'(i_dut.unused_level);
  assign known  = &moving && stored && 32'(flying) <= Credits
      && flying == 8'(i_dut.i_credit.count_q) && Width'(flying) == in_q - out_q
      && in_ready == (32'(flying) < Credits && !early_q) && (!early_q || flying == 0)
      && (i_dut.unused_level == 0 || idle == 0)
      && (flying != 0 || in_ready || idle == 0) && idle <= oldest + 1'b1;

  prove_stream #(
    .Width (Width),
    .Idle  (Latency + 2)
  ) i_stream (
    .clk_i,
    .rst_no      (rst_n),
    .in_valid_i,
    .in_ready_i  (in_ready),
    .out_valid_i (out_valid),
    .out_ready_i,
    .out_data_i  (out_data),
    .due_i       (out_q),
    .free_i      (out_ready_i),
    .known_i     (known),
    .idle_o      (idle),
    .fine_o,
    .good_o
  );

endmodule

module prove_beats #(
  parameter int unsigned Beats = 3
) (
  input  logic clk_i,
  input  logic beat_i,
  output logic fine_o,
  output logic good_o
);

  logic       rst_nq = 1'b0;
  logic       last;
  logic [7:0] count_q;

  always_ff @(posedge clk_i) begin
    rst_nq <= 1'b1;
    if (!rst_nq) begin
      count_q <= '0;
    end else if (beat_i) begin
      count_q <= 32'(count_q) == Beats - 1 ? '0 : count_q + 1'b1;
    end
  end

  nn_beats #(
    .Beats (Beats)
  ) i_dut (
    .clk_i,
    .rst_ni (rst_nq),
    .beat_i,
    .last_o (last)
  );

  assign fine_o = 1'b1;
  assign good_o = !rst_nq || (32'(count_q) < Beats && last == (32'(count_q) == Beats - 1)
      && 8'(i_dut.gen_counter.count_q) == count_q);

endmodule
