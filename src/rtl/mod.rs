//! The direct path: scalar programs, adder graphs, pipelines, SystemVerilog.

pub mod cmvm;
pub mod cost;
pub mod datapath;
pub mod dsp;
pub mod emit;
pub mod netlist;
pub mod passes;
pub mod pipeline;
pub mod stream;
#[cfg(test)]
pub(crate) mod testing;
mod truth;
