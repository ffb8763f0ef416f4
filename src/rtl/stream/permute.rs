//! The module of an order of tokens: its list, and an `nn_permute`.

use super::address_bits;
use super::array::word;
use crate::rtl::emit::File;
use crate::stream::Permutation;

/// The module; tokens have `width` bits.
pub(super) fn module(own: &Permutation, width: u32, name: &str) -> File {
    let Permutation { tokens, order, capacity } = own;
    let reads = order.len();
    let (number, slot) = (address_bits(*tokens), address_bits(*capacity));
    let entry = 2 * number + slot;
    let row = |(need, oldest): (&usize, usize)| {
        let slot_of = (need % capacity) as i128;
        let entry_of = (*need as i128) << (number + slot) | (oldest as i128) << slot | slot_of;
        format!("    {}", word(&[entry_of], entry))
    };
    let rows: Vec<String> = order.iter().zip(own.oldest()).map(row).collect();
    let rows = rows.join(",\n");
    let (data_msb, entry_msb, index_msb) = (width - 1, entry - 1, address_bits(reads) - 1);
    let text = format!(
        "// {name}: {tokens} words of {width} bits give {reads} in another order; {capacity} are held.

module {name} (
  input  logic clk_i,
  input  logic rst_ni,

  input  logic in_valid_i,
  output logic in_ready_o,
  input  logic [{data_msb}:0] in_data_i,

  output logic out_valid_o,
  input  logic out_ready_i,
  output logic [{data_msb}:0] out_data_o
);

  // Which word is due, the oldest that is still needed, and where in the ring the due one lies.
  localparam logic [{entry_msb}:0] List [{reads}] = '{{
{rows}
  }};

  logic fetch;
  logic [{index_msb}:0] index;
  logic [{entry_msb}:0] entry_q;

  always_ff @(posedge clk_i) begin
    if (fetch) begin
      entry_q <= List[index];
    end
  end

  nn_permute #(
    .Width    ({width}),
    .Tokens   ({tokens}),
    .Reads    ({reads}),
    .Capacity ({capacity})
  ) i_permute (
    .clk_i,
    .rst_ni,
    .in_valid_i,
    .in_ready_o,
    .in_data_i,
    .out_valid_o,
    .out_ready_i,
    .out_data_o,
    .fetch_o (fetch),
    .index_o (index),
    .entry_i (entry_q)
  );

endmodule
"
    );
    (format!("rtl/{name}.sv"), text)
}
