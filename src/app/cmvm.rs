//! `cmvm`: an adder graph for one constant matrix, as JSON for benchmarks.

use std::time::Instant;

use serde_json::{Value, json};

use super::Outcome;
use crate::cli::Cmvm;
use crate::data;
use crate::error::{Located, Origin, Result};
use crate::precision::{Precision, parse_precision};
use crate::rtl::cmvm::{Add, AdderGraph, Output, Problem, Source, solve};
use crate::rtl::datapath::{Interval, MAX_BITS};

/// Why a matrix cannot be solved.
#[derive(Debug, thiserror::Error)]
enum MatrixError {
    #[error("shape {found:?} is not a matrix (inputs by outputs)")]
    Shape { found: Vec<usize> },
    #[error("{value} at [{row}, {column}] is not an integer below 2^53")]
    Integer { value: f64, row: usize, column: usize },
    #[error("inputs of type auto have no range (supported: fixed<..>, ufixed<..>, int<..>)")]
    Auto,
    #[error("no inputs or no outputs")]
    Empty,
    #[error("an output needs {bits} bits; the RTL path supports {MAX_BITS}")]
    Wide { bits: u32 },
}

/// The command.
pub(super) fn run(args: &Cmvm) -> Result<Outcome> {
    let at = Origin::new(args.matrix.display().to_string(), "");
    let Precision::Fixed(format) = parse_precision(&args.input).anywhere()? else {
        return Err(MatrixError::Auto).anywhere();
    };
    let batch = data::read(&args.matrix, 0)?;
    let [n_in, n_out] = batch.shape[..] else {
        return Err(MatrixError::Shape { found: batch.shape }).locate(&at);
    };
    let integer =
        |(idx, value): (usize, &f64)| match value.fract() == 0.0 && value.abs() < 2f64.powi(53) {
            true => Ok(*value as i128),
            false => {
                let (row, column) = (idx / n_out, idx % n_out);
                Err(MatrixError::Integer { value: *value, row, column })
            }
        };
    let matrix: Vec<i128> = batch
        .values
        .iter()
        .enumerate()
        .map(integer)
        .collect::<std::result::Result<_, _>>()
        .locate(&at)?;
    if matrix.is_empty() {
        return Err(MatrixError::Empty).locate(&at);
    }
    let inputs =
        vec![Source { interval: Interval::new(format.min(), format.max()), depth: 0 }; n_in];
    let problem = Problem {
        matrix: &matrix,
        n_in,
        n_out,
        inputs: &inputs,
        limit: args.delay_limit,
        effort: args.effort,
        lut_inputs: 0,
    };
    // Weights have 53 bits at most, so the sums of their products can be checked without overflow.
    let largest: i128 = matrix.iter().map(|it| it.abs()).sum();
    let bits = format.width + (128 - largest.leading_zeros());
    if bits > MAX_BITS {
        return Err(MatrixError::Wide { bits }).locate(&at);
    }
    let (mut graph, mut seconds) = (AdderGraph::default(), f64::INFINITY);
    for _ in 0..args.repeat {
        let start = Instant::now();
        graph = solve(&problem);
        seconds = seconds.min(start.elapsed().as_secs_f64());
    }
    let op = |it: &Add| {
        json!([it.a, it.shift_a, u8::from(it.negate_a), it.b, it.shift_b, u8::from(it.negate_b)])
    };
    let output = |it: &Option<Output>| match it {
        None => Value::Null,
        Some(it) => json!([it.value, it.shift, u8::from(it.negate)]),
    };
    let json = json!({
        "seconds": seconds,
        "inputs": n_in,
        "ops": graph.adds.iter().map(op).collect::<Vec<_>>(),
        "outputs": graph.outputs.iter().map(output).collect::<Vec<_>>(),
        "adder_bits": graph.carry_bits(&problem),
        "depth": graph.depth(),
    });
    let text = format!(
        "{n_in} inputs, {n_out} outputs: {} additions of {} bits in total, depth {}\n",
        graph.adds.len(),
        graph.carry_bits(&problem),
        graph.depth()
    );
    Ok(Outcome { text, json, ..Outcome::default() })
}
