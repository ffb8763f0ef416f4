// What scripts/prove.py proves of the modules of streams: `good_o` is high in every cycle if `fine_o`,
// what the surroundings must keep to, is.
//
// Words are numbered as they enter, so whatever comes out can be compared with the one number that is
// due: no word is lost, made up, changed, given twice or too early. The modules do nothing with data but
// move them; so what holds for numbers holds for all data, as long as fewer words are inside than there
// are numbers. Where a proof by induction needs to know what is stored, it looks into the module.

// A stream into a module and one out of it: what is offered stays, what comes is what is due, and
// nothing stands still. A reset comes first.
module prove_stream #(
  parameter int unsigned Width = 4,
  // Cycles after which a word has left if words come and all are taken.
  parameter int unsigned Idle = 1
) (
  input  logic             clk_i,
  output logic             rst_no,

  input  logic             in_valid_i,
  input  logic             in_ready_i,
  input  logic             out_valid_i,
  input  logic             out_ready_i,
  input  logic [Width-1:0] out_data_i,
  input  logic [Width-1:0] due_i,
  // Nothing outside holds up a word.
  input  logic             free_i,

  // What else is known of the inside.
  input  logic             known_i,
  // Cycles in which a word could have left and none has.
  output logic [7:0]       idle_o,

  output logic             fine_o,
  output logic             good_o
);

  logic       rst_nq = 1'b0;
  logic       in_held_q;
  logic       out_held_q;
  logic [7:0] idle_q;

  assign rst_no = rst_nq;
  assign idle_o = idle_q;

  always_ff @(posedge clk_i) begin
    rst_nq     <= 1'b1;
    in_held_q  <= rst_nq && in_valid_i && !in_ready_i;
    out_held_q <= rst_nq && out_valid_i && !out_ready_i;
    if (!rst_nq || !in_valid_i || !free_i || out_valid_i) begin
      idle_q <= '0;
    end else begin
      idle_q <= idle_q + 1'b1;
    end
  end

  assign fine_o = !rst_nq || !in_held_q || in_valid_i;
  assign good_o = !rst_nq || (known_i && (!out_held_q || out_valid_i)
      && (!out_valid_i || out_data_i == due_i) && idle_q < Idle);

endmodule

// Where in a ring something lies: a sum of two places.
module prove_ring #(
  parameter int unsigned Size = 3
) (
  input  logic [3:0] a_i,
  input  logic [3:0] b_i,
  output logic [3:0] sum_o
);

  logic [4:0] sum;

  assign sum   = 5'(a_i) + 5'(b_i);
  assign sum_o = 4'(sum >= 5'(Size) ? sum - 5'(Size) : sum);

endmodule

// What a ring of memory holds: from the word it reads, `count_i` numbers from `first_i` on.
module prove_memory #(
  parameter int unsigned Size = 3,
  parameter int unsigned Width = 4
) (
  input  logic [3:0]                  read_i,
  input  logic [3:0]                  write_i,
  input  logic [3:0]                  count_i,
  input  logic [Width-1:0]            first_i,
  input  logic [Size-1:0][Width-1:0]  memory_i,
  output logic                        right_o
);

  logic [3:0]      back;
  logic [3:0]      write;
  logic [Size-1:0] right;

  assign back = read_i == 0 ? '0 : 4'(Size) - read_i;

  for (genvar i = 0; i < Size; i++) begin : gen_word
    logic [3:0] behind;

    prove_ring #(
      .Size (Size)
    ) i_behind (
      .a_i   (4'(i)),
      .b_i   (back),
      .sum_o (behind)
    );

    assign right[i] = count_i <= behind || memory_i[i] == first_i + Width'(behind);
  end

  prove_ring #(
    .Size (Size)
  ) i_write (
    .a_i   (read_i),
    .b_i   (count_i),
    .sum_o (write)
  );

  assign right_o = &right && read_i < 4'(Size) && count_i <= 4'(Size) && write_i == write;

endmodule

module prove_fifo #(
  parameter int unsigned Depth = 3,
  parameter int unsigned Storage = 0
) (
  input  logic clk_i,
  input  logic in_valid_i,
  input  logic out_ready_i,
  output logic fine_o,
  output logic good_o
);

  localparam int unsigned Width = 4;
  localparam int unsigned CountWidth = $clog2(Depth + 1);

  logic                  rst_n;
  logic                  in_ready;
  logic                  out_valid;
  logic [Width-1:0]      out_data;
  logic [CountWidth-1:0] level;
  logic                  known;
  logic [7:0]            unused_idle;

  // Words that have entered and left.
  logic [Width-1:0] in_q;
  logic [Width-1:0] out_q;

  always_ff @(posedge clk_i) begin
    if (!rst_n) begin
      in_q  <= '0;
      out_q <= '0;
    end else begin
      in_q  <= in_q + Width'(in_valid_i && in_ready);
      out_q <= out_q + Width'(out_valid && out_ready_i);
    end
  end

  nn_fifo #(
    .Width   (Width),
    .Depth   (Depth),
    .Storage (Storage)
  ) i_dut (
    .clk_i,
    .rst_ni      (rst_n),
    .in_valid_i,
    .in_ready_o  (in_ready),
    .in_data_i   (in_q),
    .out_valid_o (out_valid),
    .out_ready_i,
    .out_data_o  (out_data),
    .level_o     (level)
  );

  // Behind the oldest word lie the next ones.
  logic stored;

  if (Storage == 0) begin : gen_registers
    logic [Depth-1:0] right;
    for (genvar i = 0; i < Depth; i++) begin : gen_word
      assign right[i] = level <= i || i_dut.gen_registers.word_q[i] == out_q + Width'(i);
    end
    assign stored = &right;
  end else if (Storage == 1) begin : gen_tables
    logic [Depth-1:0][Width-1:0] memory;
    for (genvar i = 0; i < Depth; i++) begin : gen_word
      assign memory[i] = i_dut.gen_tables.memory_q[i];
    end
    prove_memory #(
      .Size  (Depth),
      .Width (Width)
    ) i_memory (
      .read_i   (4'(i_dut.gen_tables.read_q)),
      .write_i  (4'(i_dut.gen_tables.write_q)),
      .count_i  (4'(level)),
      .first_i  (out_q),
      .memory_i (memory),
      .right_o  (stored)
    );
  end else begin : gen_block
    localparam int unsigned Words = Depth - 2;
    logic [Words-1:0][Width-1:0] memory;
    logic [Width-1:0]            second;
    logic                        kept;
    for (genvar i = 0; i < Words; i++) begin : gen_word
      assign memory[i] = i_dut.gen_block.memory_q[i];
    end
    prove_memory #(
      .Size  (Words),
      .Width (Width)
    ) i_memory (
      .read_i   (4'(i_dut.gen_block.read_q)),
      .write_i  (4'(i_dut.gen_block.write_q)),
      .count_i  (level > 2 ? 4'(level) - 4'd2 : 4'd0),
      .first_i  (out_q + Width'(2)),
      .memory_i (memory),
      .right_o  (kept)
    );
    assign second = i_dut.gen_block.fetched_valid_q ? i_dut.gen_block.fetched_q
                                                    : i_dut.gen_block.second_q;
    assign stored = kept && (level < 1 || i_dut.gen_block.first_q == out_q)
        && (level < 2 || second == out_q + 1'b1);
  end

  assign known = stored && Width'(level) == in_q - out_q && 32'(level) <= Depth
      && in_ready == (32'(level) < Depth) && out_valid == (level != 0 || in_valid_i);

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
    .known_i    (known),
    .idle_o      (unused_idle),
    .fine_o,
    .good_o
  );

endmodule

module prove_skid (
  input  logic clk_i,
  input  logic in_valid_i,
  input  logic out_ready_i,
  output logic fine_o,
  output logic good_o
);

  localparam int unsigned Width = 3;

  logic             rst_n;
  logic             in_ready;
  logic             out_valid;
  logic [Width-1:0] out_data;
  logic             known;
  logic [7:0]       idle;
  logic [Width-1:0] in_q;
  logic [Width-1:0] out_q;
  // The first cycle after the reset, and the second.
  logic             early_q;
  logic             late_q;

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
    late_q <= rst_n && early_q;
  end

  nn_skid #(
    .Width (Width)
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

  // Without a word at the output there is room, and then one comes: only behind a reset it takes longer.
  assign known = Width'(out_valid) + Width'(i_dut.held_q) == in_q - out_q
      && (!i_dut.held_q || (out_valid && i_dut.held_data_q == out_q + 1'b1))
      && in_ready == (!i_dut.held_q && !early_q) && (!early_q || in_q == out_q)
      && (idle == 0 || out_valid || (idle == 1 && late_q)) && !(early_q && late_q);

  prove_stream #(
    .Width (Width),
    .Idle  (3)
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
    .known_i    (known),
    .idle_o      (idle),
    .fine_o,
    .good_o
  );

endmodule

// Every reader takes every word once, and a word goes when all have it.
module prove_fork #(
  parameter int unsigned Readers = 3
) (
  input  logic               clk_i,
  input  logic               in_valid_i,
  input  logic [Readers-1:0] out_ready_i,
  output logic               fine_o,
  output logic               good_o
);

  localparam int unsigned Width = 3;

  logic               rst_n;
  logic               in_ready;
  logic [Readers-1:0] out_valid;
  logic [Readers-1:0] fine;
  logic [Readers-1:0] good;
  logic [Width-1:0]   in_q;

  always_ff @(posedge clk_i) begin
    in_q <= rst_n ? in_q + Width'(in_valid_i && in_ready) : '0;
  end

  nn_fork #(
    .Readers (Readers)
  ) i_dut (
    .clk_i,
    .rst_ni      (rst_n),
    .in_valid_i,
    .in_ready_o  (in_ready),
    .out_valid_o (out_valid),
    .out_ready_i
  );

  logic [Readers-1:0] rst_ns;

  assign rst_n  = rst_ns[0];
  assign fine_o = &fine && rst_ns == {Readers{rst_n}};
  assign good_o = &good;

  for (genvar i = 0; i < Readers; i++) begin : gen_reader
    logic [Width-1:0] out_q;
    logic [7:0]       idle;

    always_ff @(posedge clk_i) begin
      out_q <= rst_n ? out_q + Width'(out_valid[i] && out_ready_i[i]) : '0;
    end

    // If all are ready nobody waits, but for what the others still have to take.
    prove_stream #(
      .Width (Width),
      .Idle  (2)
    ) i_stream (
      .clk_i,
      .rst_no      (rst_ns[i]),
      .in_valid_i,
      .in_ready_i  (in_ready),
      .out_valid_i (out_valid[i]),
      .out_ready_i (out_ready_i[i]),
      .out_data_i  (in_q),
      .due_i       (out_q),
      .free_i      (&out_ready_i),
      .known_i     (out_q == in_q + Width'(i_dut.done_q[i]) && (in_valid_i || !i_dut.done_q[i])
          && !(&i_dut.done_q) && (idle == 0 || !i_dut.done_q[i])),
      .idle_o      (idle),
      .fine_o      (fine[i]),
      .good_o      (good[i])
    );
  end

endmodule
