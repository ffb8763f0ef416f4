// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A small design that uses what generated designs use, for checking a simulator before it is
// trusted: signed arithmetic and shifts, vectors of more than 64 bits, a ROM filled by an initial
// loop and one that is a parameter, part selects, and a pipeline with back-pressure.
//
// src/cosim/selfcheck.rs computes the same in Rust.

module nn_selfcheck (
  input  logic         clk_i,
  input  logic         rst_ni,

  input  logic         in_valid_i,
  output logic         in_ready_o,
  input  logic [39:0]  in_data_i,   // signed a [12:0], signed b [25:13], index [33:26], shift [38:34]

  output logic         out_valid_o,
  input  logic         out_ready_i,
  output logic [311:0] out_data_o
);

  typedef struct packed {
    logic signed [8:0] slope;
    logic        [6:0] offset;
  } entry_t;

  // entry[i] = {i * 37 - 200, i ^ 85}, wrapped to its fields.
  entry_t rom [256];
  initial begin
    for (int i = 0; i < 256; i++) begin
      rom[i].slope  = 9'(i * 37 - 200);
      rom[i].offset = 7'(i ^ 85);
    end
  end

  localparam logic signed [5:0] Taps [4] = '{-6'sd32, 6'sd31, -6'sd1, 6'sd7};

  wire signed [12:0] a     = in_data_i[12:0];
  wire signed [12:0] b     = in_data_i[25:13];
  wire        [7:0]  index = in_data_i[33:26];
  wire        [4:0]  shift = in_data_i[38:34];

  wire en = out_ready_i || !out_valid_o;
  assign in_ready_o = en;

  // Stage 1: sums, products, the ROM, a wide concatenation.
  logic               valid1_q;
  logic signed [13:0] sum_q;
  logic signed [25:0] product_q;
  logic signed [19:0] line_q;
  logic signed [99:0] wide_q;
  logic        [4:0]  shift_q;
  entry_t             entry;
  assign entry = rom[index];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid1_q    <= 1'b0;
      out_valid_o <= 1'b0;
    end else if (en) begin
      valid1_q    <= in_valid_i;
      out_valid_o <= valid1_q;
    end
  end

  always_ff @(posedge clk_i) begin
    if (en) begin
      sum_q     <= 14'(a) - (14'(b) >>> 1);
      product_q <= 26'(a) * 26'(b);
      line_q    <= 20'(entry.slope) * 20'($signed(a[6:0])) + 20'($signed({1'b0, entry.offset}));
      wide_q    <= (100'(a) <<< 80) + 100'(b) * 100'sd1_000_000_007 - 100'(index);
      shift_q   <= shift;
    end
  end

  // Stage 2: 100-bit shifts and products, a saturation, a signed comparison.
  logic signed [127:0] scaled;
  logic signed [7:0]   clipped;
  always_comb begin
    scaled  = 128'(wide_q) * 128'(Taps[shift_q[1:0]]);
    clipped = sum_q > 14'sd127 ? 8'sd127 : sum_q < -14'sd128 ? -8'sd128 : sum_q[7:0];
  end

  always_ff @(posedge clk_i) begin
    if (en) begin
      out_data_o <= {
        product_q < 26'(line_q),       // [311]
        3'b101,                        // [310:308]
        26'(product_q >>> shift_q),    // [307:282]
        scaled,                        // [281:154]
        100'(wide_q >>> shift_q),      // [153:54]
        clipped,                       // [53:46]
        line_q,                        // [45:26]
        product_q                      // [25:0]
      };
    end
  end

endmodule
