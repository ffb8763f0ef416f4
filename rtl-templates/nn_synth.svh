// Hints that only one synthesis tool wants.
//
// NN_ADDER: in front of a sum that another sum reads. Yosys joins chained additions into carry-save
// trees, which take up to a third more four-input tables than adders that stay apart. Vivado and
// Quartus choose well by themselves and see nothing. yosys-slang does not say that it is Yosys,
// only that it is slang.

//
// NN_DSP: in front of a product, with or without an addition, that belongs into a DSP block, and
// NN_NO_DSP: in front of one that does not. Vivado reads the first attribute, Quartus the second;
// Yosys neither: it has `-nodsp`.

//
// NN_BLOCK_ROM and NN_TABLE_ROM: in front of a memory that is never written, and lies in block RAM
// or in lookup tables; Yosys has no distributed memory with contents, and takes logic.

`ifndef NN_SYNTH_SVH
`define NN_SYNTH_SVH

`ifdef YOSYS
`define NN_ADDER (* keep *)
`define NN_TABLE_ROM (* rom_style = "logic" *)
`elsif __slang__
`define NN_ADDER (* keep *)
`define NN_TABLE_ROM (* rom_style = "logic" *)
`else
`define NN_ADDER
`define NN_TABLE_ROM (* rom_style = "distributed", romstyle = "logic" *)
`endif

`define NN_DSP (* use_dsp = "yes", multstyle = "dsp" *)
`define NN_NO_DSP (* use_dsp = "no", multstyle = "logic" *)

`define NN_BLOCK_ROM (* rom_style = "block" *)

`endif
