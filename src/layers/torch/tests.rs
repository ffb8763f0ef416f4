//! Whole PyTorch programs in floats against PyTorch itself.

use std::path::{Path, PathBuf};

use crate::layers::file_tests::{check, shared};

fn own(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models").join(file)
}

#[test]
fn own_programs_compute_what_pytorch_does() {
    check(&own("t_mlp.pt2"), None, &own("t_mlp.npz"));
    check(&own("t_zoo.pt2"), None, &own("t_zoo.npz"));
    check(&own("t_strides.pt2"), None, &own("t_strides.npz"));
    check(&own("t_image.pt2"), None, &own("t_image.npz"));
    check(&own("t_single.pt2"), None, &own("t_single.npz"));
    check(&own("t_steps.pt2"), None, &own("t_steps.npz"));
    check(&own("t_ranks.pt2"), None, &own("t_ranks.npz"));
}

#[test]
fn sample_programs_compute_what_pytorch_does() {
    for name in ["t_cnn", "t_cnn_core", "t_attn", "t_rnn"] {
        let golden = name.trim_end_matches("_core");
        let files = [format!("samples/{name}.pt2"), format!("samples/{golden}.npz")];
        if let [Some(model), Some(golden)] = files.map(|it| shared(&it)) {
            check(&model, None, &golden);
        }
    }
}
