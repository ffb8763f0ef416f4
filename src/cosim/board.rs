//! A design behind the serial line of a board, simulated from the line on: `sim/board.cpp` is the other end.

use std::path::PathBuf;
use std::process::Command;

use super::verilate::{self, Options};
use super::{Dut, Result};
use crate::tools::{self, ToolError, Tools};

const HARNESS: &str = include_str!("../../sim/board.cpp");

/// A board's top module: `clk_i, rx_i, tx_o`.
#[derive(Clone, Debug)]
pub struct BoardDut {
    /// The module.
    pub top: String,
    /// SystemVerilog in the order of compilation.
    pub sources: Vec<PathBuf>,
    /// Cycles in a bit of the line.
    pub bit_cycles: u32,
    /// Bytes of a sample and of its result.
    pub bytes: [usize; 2],
}

/// Sends samples one after the other, each when the result of the one before is there, and returns the
/// results. Bits of the sender are longer by a part, `skew`.
///
/// # Errors
/// Tools that are missing or fail; a result that does not come, or is no byte of a serial line.
pub fn run(tools: &Tools, dut: &BoardDut, samples: &[Vec<u8>], skew: f64) -> Result<Vec<Vec<u8>>> {
    let design = Dut::new(dut.top.clone(), dut.sources.clone());
    let texts = [("board.cpp", HARNESS)];
    let verilator = tools.verilator()?;
    let program = verilate::simulation(tools, verilator, &design, &texts, Options::default())?;
    let scratch = tools.cache().scratch()?;
    let (input, output) = (scratch.path().join("in"), scratch.path().join("out"));
    std::fs::write(&input, samples.concat()).map_err(ToolError::io(&input))?;
    let mut command = Command::new(program);
    command.arg(&input).arg(&output).arg(dut.bit_cycles.to_string());
    command.args(dut.bytes.map(|it| it.to_string())).arg(skew.to_string());
    tools::run(&mut command)?;
    let bytes = std::fs::read(&output).map_err(ToolError::io(&output))?;
    Ok(bytes.chunks(dut.bytes[1].max(1)).map(<[u8]>::to_vec).collect())
}
