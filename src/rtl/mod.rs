//! The direct path: scalar programs, adder graphs, pipelines, SystemVerilog.

pub mod cmvm;
pub mod datapath;
