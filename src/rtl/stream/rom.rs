//! The module of a constant that comes in parts: its words, and an `nn_rom`.

use super::array::word;
use crate::fixed::Type;
use crate::rtl::emit::File;

/// The module; a part is of this type.
pub(super) fn module(values: &[i128], part: &Type, name: &str) -> File {
    let width = part.max_width();
    let words = values.chunks(part.elements());
    let (depth, bits) = (words.len(), part.elements() as u32 * width);
    let rows: Vec<String> = words.map(|it| format!("      {}", word(it, width))).collect();
    // The first word has the low bits, and stands last.
    let rows = rows.into_iter().rev().collect::<Vec<_>>().join(",\n");
    let msb = bits - 1;
    let text = format!(
        "// {name}: a constant in {depth} words of {bits} bits.

module {name} (
  input  logic clk_i,
  input  logic rst_ni,

  output logic out_valid_o,
  input  logic out_ready_i,
  output logic [{msb}:0] out_data_o
);

  nn_rom #(
    .Width ({bits}),
    .Depth ({depth}),
    .Words ({{
{rows}
    }})
  ) i_rom (
    .clk_i,
    .rst_ni,
    .out_valid_o,
    .out_ready_i,
    .out_data_o
  );

endmodule
"
    );
    (format!("rtl/{name}.sv"), text)
}
