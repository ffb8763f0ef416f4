//! Damaged files give errors: never a panic, never a long wait.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::Value;

use super::*;

const MUTATIONS: u64 = 2000;

/// A small generator of numbers (splitmix64), so that a seed says it all.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// Cuts the file off, changes bytes, or copies, moves or drops a chunk.
fn damage(random: &mut Random, file: &[u8]) -> Vec<u8> {
    let mut bytes = file.to_vec();
    for _ in 0..=random.below(3) {
        if bytes.is_empty() {
            break;
        }
        let at = random.below(bytes.len());
        let end = (at + 1 + random.below(64)).min(bytes.len());
        match random.below(8) {
            0 => bytes.truncate(at),
            1..=3 => bytes[at] ^= 1 << random.below(8),
            4 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
            5 => bytes[at..end].fill(0xff),
            6 => {
                let chunk = bytes[at..end].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, chunk);
            }
            _ => drop(bytes.drain(at..end)),
        }
    }
    bytes
}

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

/// Replaces one value somewhere in the tree.
fn exchange(random: &mut Random, value: &mut Value) {
    let inside = random.below(10) > 0;
    match value {
        Value::Array(items) if inside && !items.is_empty() => {
            let at = random.below(items.len());
            match random.below(12) {
                0 => drop(items.remove(at)),
                1 => items.push(items[at].clone()),
                _ => exchange(random, &mut items[at]),
            }
        }
        Value::Object(map) if inside && !map.is_empty() => {
            let key = map.keys().nth(random.below(map.len())).unwrap().clone();
            match random.below(12) {
                0 => drop(map.remove(&key)),
                _ => exchange(random, &mut map[&key]),
            }
        }
        _ => {
            let texts = ["", "dense", "/", "..", "Sequential", "InputLayer", "float16", "a", "é>x"];
            *value = match random.below(8) {
                0 => Value::Null,
                1 => Value::from(random.next()),
                2 => Value::from(-1),
                3 => Value::from(0),
                4 => Value::Array(Vec::new()),
                5 => Value::Object(serde_json::Map::new()),
                6 => Value::from(1e300),
                _ => Value::from(texts[random.below(texts.len())]),
            };
        }
    }
}
