//! Is this Verilator right? A small known design is simulated once for each installation.
//!
//! Old releases (5.006 in Debian 12) compute wrong results in some cases. The verdict is kept in
//! the cache under the hash of the program, of the compiler and of the check itself.

use std::fs;

use super::verilate::verilate_with;
use super::{CosimError, Dut, Options, Slot, Stimulus};
use crate::tools::{Key, Result, ToolError, Tools, Verilator};

const DESIGN: &str = include_str!("../../sim/selfcheck.sv");
const SAMPLES: usize = 2000;
const RIGHT: &[u8] = b"right";
const WRONG: &[u8] = b"wrong";

/// An error unless this Verilator simulates the known design as SystemVerilog says.
pub(crate) fn check(tools: &Tools, verilator: &Verilator) -> Result<()> {
    let compiler = tools.cxx()?.id();
    let program = include_str!("selfcheck.rs");
    let key = Key::new("selfcheck").parts([verilator.id(), compiler, DESIGN, program]).hex();
    let verdict = tools.cache().get_or_build(&key, |out| {
        let path = out.join("verdict");
        let right = simulate(tools, verilator)?;
        fs::write(&path, if right { RIGHT } else { WRONG }).map_err(ToolError::io(&path))?;
        Ok(path)
    })?;
    match fs::read(&verdict).map_err(ToolError::io(&verdict))? == RIGHT {
        true => Ok(()),
        false => Err(ToolError::WrongResults { at: verilator.path().to_owned() }),
    }
}

/// Simulates the design with bubbles and stalls, and compares every bit.
fn simulate(tools: &Tools, verilator: &Verilator) -> Result<bool> {
    let scratch = tools.cache().scratch()?;
    let source = scratch.path().join("selfcheck.sv");
    fs::write(&source, DESIGN).map_err(ToolError::io(&source))?;
    let mut dut = Dut::new("nn_selfcheck", vec![source]);
    dut = dut.input("in_data_i", slots(&INPUTS)).output("out_data_o", slots(&OUTPUTS));
    let inputs = dut.random_inputs(SAMPLES, 5);
    let expected: Vec<i128> = inputs[0].chunks_exact(INPUTS.len()).flat_map(expect).collect();
    let stimulus = Stimulus { bubble: 0.3, stall: 0.3, ..Stimulus::default() };
    let run = verilate_with(tools, verilator, &dut, Options::default())
        .and_then(|model| model.run(tools, &inputs, &stimulus));
    match run {
        Ok(run) => Ok(run.outputs[0] == expected),
        // A tool that is absent or broken is another matter than wrong results.
        Err(CosimError::Tool(error)) => Err(error),
        Err(_) => Ok(false),
    }
}

/// Width and sign of the elements, from bit 0 on.
const INPUTS: [(u32, bool); 4] = [(13, true), (13, true), (8, false), (5, false)];
const OUTPUTS: [(u32, bool); 8] = [
    (26, true),
    (20, true),
    (8, true),
    (100, true),
    (128, true),
    (26, true),
    (3, false),
    (1, false),
];

fn slots(fields: &[(u32, bool)]) -> Vec<Slot> {
    let mut offset = 0;
    let slot = |&(width, signed): &(u32, bool)| {
        offset += width;
        Slot { offset: offset - width, width, signed }
    };
    fields.iter().map(slot).collect()
}

/// What `sim/selfcheck.sv` computes.
fn expect(input: &[i128]) -> [i128; 8] {
    let (a, b, index, shift) = (input[0], input[1], input[2], input[3]);
    let sum = a - (b >> 1);
    let product = a * b;
    let slope = wrap(index * 37 - 200, 9);
    let offset = (index ^ 85) & 127;
    let line = slope * wrap(a, 7) + offset;
    let wide = wrap((a << 80) + b * 1_000_000_007 - index, 100);
    let tap = [-32, 31, -1, 7][(shift & 3) as usize];
    [
        product,
        line,
        sum.clamp(-128, 127),
        wide >> shift,
        wide * tap,
        product >> shift,
        5,
        i128::from(product < line),
    ]
}

fn wrap(value: i128, width: u32) -> i128 {
    value << (128 - width) >> (128 - width)
}
