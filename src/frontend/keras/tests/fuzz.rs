//! Damaged files give errors: never a panic, never a long wait.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::Value;

use super::*;
use crate::frontend::mutation::{Random, damage, exchange};

const MUTATIONS: u64 = 2000;

fn survives(what: &str, seed: u64, file: &[u8], weights: Option<&[u8]>) {
    let weights = weights.map(|it| ("weights", it));
    let run = AssertUnwindSafe(|| load(what, file, weights).map_err(|it| it.to_string()));
    assert!(catch_unwind(run).is_ok(), "{what}: panic with seed {seed}");
}

#[test]
fn damaged_archives() {
    for file in ["k3_mlp.keras", "k2_mlp.keras", "k3_nested.keras"] {
        let whole = bytes(file);
        for seed in 0..MUTATIONS {
            survives(file, seed, &damage(&mut Random(seed), &whole), None);
        }
    }
}

#[test]
fn damaged_hdf5() {
    for file in ["k3_mlp.h5", "k2_mlp.h5"] {
        let whole = bytes(file);
        for seed in 0..MUTATIONS {
            survives(file, seed, &damage(&mut Random(seed), &whole), None);
        }
    }
}

#[test]
fn damaged_json_and_damaged_weights() {
    for (file, weights) in
        [("k3_mlp.json", "k3_mlp.weights.h5"), ("k2_mlp.json", "k2_mlp_weights.h5")]
    {
        let (json, h5) = (bytes(file), bytes(weights));
        for seed in 0..MUTATIONS / 2 {
            survives(file, seed, &damage(&mut Random(seed), &json), Some(&h5));
            survives(weights, seed, &json, Some(&damage(&mut Random(seed), &h5)));
        }
    }
}

/// Valid JSON with wrong content goes deeper than damaged text.
#[test]
fn configurations_with_values_exchanged() {
    let mut configs = Vec::new();
    for (file, weights) in [
        ("k3_mlp.json", "k3_mlp.weights.h5"),
        ("k2_mlp.json", "k2_mlp_weights.h5"),
        ("k3_nested.keras", "k3_nested.h5"),
        ("k2_nested.keras", "k2_nested.h5"),
        ("k3_zoo.keras", "k3_zoo.h5"),
        ("k2_ops.keras", "k2_ops.h5"),
    ] {
        let text = match file.ends_with(".json") {
            true => bytes(file),
            false => crate::frontend::keras::archive::unpack(&bytes(file)).unwrap().config,
        };
        configs.push((file, serde_json::from_slice::<Value>(&text).unwrap(), bytes(weights)));
    }
    for seed in 0..MUTATIONS {
        let random = &mut Random(seed);
        let (file, config, weights) = &configs[random.below(configs.len())];
        let mut config = config.clone();
        for _ in 0..=random.below(2) {
            exchange(random, &mut config);
        }
        survives(file, seed, config.to_string().as_bytes(), Some(weights));
    }
}
