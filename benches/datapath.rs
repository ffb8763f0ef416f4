//! Runs the scalar program of a project on a file of samples as often as asked; `benches/datapath.py`
//! times it from outside beside alkaid's interpreter.
//!
//! `cargo bench --bench datapath -- DIR X.npy Y.npy REPEATS`

use std::path::{Path, PathBuf};

use nn2rtl::data::{self, Batch};
use nn2rtl::design::Design;
use nn2rtl::predictor::Scalars;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Cargo adds an option of its own, and runs all benches without arguments.
    let args: Vec<String> = std::env::args().skip(1).filter(|it| it != "--bench").collect();
    let [project, input, output, repeats] = args.as_slice() else {
        return Ok(());
    };
    let design = Design::of_project(Path::new(project)).map_err(|_| "not a project")?;
    let samples = data::read_inputs(&[PathBuf::from(input)], &design.inputs());
    let samples = samples.map_err(|_| "the samples do not fit")?;
    let scalars = Scalars::new(&design.graph).map_err(|_| "too wide")?;
    let mut values = Vec::new();
    for _ in 0..repeats.parse::<usize>()? {
        values = scalars.predict(&samples.values);
    }
    let count = samples.rows().len();
    let shape = vec![count, values.len() / count];
    data::write(Path::new(output), &[Batch { shape, values }]).map_err(|_| "cannot write")?;
    Ok(())
}
