//! Whole PyTorch programs in floats against PyTorch itself.

use std::path::{Path, PathBuf};

use npyz::npz::NpzArchive;

use crate::layers::import;
use crate::nn;
use crate::source::Tensor;

fn own(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models").join(file)
}

/// A file of the shared samples, where they are.
#[expect(clippy::print_stderr)]
fn sample(file: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/samples").join(file);
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIPPED: {file} is not among the shared samples");
    None
}

fn array(golden: &Path, name: &str) -> Option<Tensor> {
    let mut archive = NpzArchive::open(golden).unwrap();
    let array = archive.by_name(name).unwrap()?;
    let shape: Vec<usize> = array.shape().iter().map(|it| *it as usize).collect();
    let values = array.data::<f32>().unwrap().map(|it| f64::from(it.unwrap()));
    Some(Tensor::from_shape_vec(shape, values.collect()).unwrap())
}

/// Every output of every sample is PyTorch's.
fn check(model: &Path, golden: &Path) {
    let raw = crate::frontend::load(model, None).unwrap_or_else(|it| panic!("{it}"));
    let graph = import(&raw).unwrap_or_else(|it| panic!("{it}"));
    let x = array(golden, "x0").unwrap();
    for (index, sample) in x.outer_iter().enumerate() {
        let outputs = nn::evaluate(&graph, &[sample.to_owned()], |_, _| {});
        for (number, output) in outputs.iter().enumerate() {
            let theirs = array(golden, &format!("y{number}")).unwrap();
            let theirs = theirs.index_axis(ndarray::Axis(0), index);
            assert_eq!(output.shape(), theirs.shape());
            let scale = theirs.iter().fold(0.0f64, |max, it| max.max(it.abs()));
            for (a, b) in output.iter().zip(theirs.iter()) {
                let what = format!("{}: sample {index}, output {number}", model.display());
                assert!((a - b).abs() <= 1e-5 * scale, "{what}: {a} instead of {b}");
            }
        }
    }
}

#[test]
fn own_programs_compute_what_pytorch_does() {
    check(&own("t_mlp.pt2"), &own("t_mlp.npz"));
    check(&own("t_zoo.pt2"), &own("t_zoo.npz"));
    check(&own("t_strides.pt2"), &own("t_strides.npz"));
}

#[test]
fn sample_programs_compute_what_pytorch_does() {
    for (model, golden) in [("t_cnn.pt2", "t_cnn.npz"), ("t_cnn_core.pt2", "t_cnn.npz")] {
        if let (Some(model), Some(golden)) = (sample(model), sample(golden)) {
            check(&model, &golden);
        }
    }
}
