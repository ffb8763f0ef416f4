//! Damaged archives give errors: never a panic, never a long wait. What loads goes on to import.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::frontend::mutation::{Random, damage, exchange};
use crate::layers;

const MUTATIONS: u64 = 1000;

/// Whether the file loaded, and the layers took it.
fn survives(what: &str, seed: u64, bytes: &[u8]) -> bool {
    let run = AssertUnwindSafe(|| {
        let raw = load(what, bytes).map_err(|it| it.to_string())?;
        layers::import(&raw).map(drop).map_err(|it| it.to_string())
    });
    let done = catch_unwind(run);
    done.unwrap_or_else(|_| panic!("{what}: panic with seed {seed}")).is_ok()
}

/// Small programs of every kind.
fn programs() -> Vec<(&'static str, Members)> {
    const NAMES: [&str; 6] =
        ["t_mlp.pt2", "t_zoo.pt2", "t_strides.pt2", "t_image.pt2", "t_steps.pt2", "t_single.pt2"];
    NAMES.into_iter().map(|it| (it, unpack(&own(it)))).collect()
}

#[test]
fn damaged_files() {
    let whole = own("t_mlp.pt2");
    for seed in 0..MUTATIONS {
        survives("t_mlp.pt2", seed, &damage(&mut Random(seed), &whole));
    }
}

/// The archive is whole, one member is not.
#[test]
fn damaged_members() {
    let programs = programs();
    for seed in 0..MUTATIONS {
        let random = &mut Random(seed);
        let (name, members) = &programs[random.below(programs.len())];
        let mut members = members.clone();
        let at = random.below(members.len());
        let member = members.values_mut().nth(at).unwrap();
        *member = damage(random, member);
        survives(name, seed, &pack(&members, CompressionMethod::Stored));
    }
}

/// Valid JSON with wrong content goes deeper than damaged text.
#[test]
fn programs_with_values_exchanged() {
    let programs = programs();
    let jsons: Vec<Value> = programs.iter().map(|it| program(&it.1)).collect();
    let mut good = 0;
    for seed in 0..MUTATIONS {
        let random = &mut Random(seed);
        let at = random.below(programs.len());
        let (name, members) = &programs[at];
        let (mut members, mut json) = (members.clone(), jsons[at].clone());
        let kind = random.below(3);
        for _ in 0..=random.below(3) {
            match kind {
                0 => exchange(random, &mut json),
                1 => exchange(random, &mut json["graph_module"]["graph"]["nodes"]),
                _ => rewire(random, &mut json),
            }
        }
        members.insert("models/model.json".to_owned(), json.to_string().into_bytes());
        good += usize::from(survives(name, seed, &pack(&members, CompressionMethod::Stored)));
    }
    assert!(good > 30, "changes are too rough to reach anything: {good} programs imported");
}

/// Numbers become others, and operators and operands those of another node.
fn rewire(random: &mut Random, program: &mut Value) {
    const EDGES: [i64; 12] = [-2, -1, 0, 1, 2, 3, 7, 64, 1 << 20, 1 << 40, i64::MAX, i64::MIN];
    let graph = &mut program["graph_module"]["graph"];
    let edge = Value::from(EDGES[random.below(EDGES.len())]);
    let nodes = graph["nodes"].as_array_mut().unwrap();
    let (at, other) = (random.below(nodes.len()), random.below(nodes.len()));
    let (target, inputs) = (nodes[other]["target"].clone(), nodes[other]["inputs"].clone());
    match random.below(5) {
        0 => nodes[at]["target"] = target,
        1 => nodes[at]["inputs"] = inputs,
        2 | 3 => {
            let inputs = nodes[at]["inputs"].as_array_mut().unwrap();
            let Some(input) = inputs.iter_mut().rev().nth(random.below(3)) else { return };
            let Some(argument) = input["arg"].as_object_mut() else { return };
            match argument.iter_mut().next() {
                Some((_, Value::Array(items))) if !items.is_empty() => {
                    let place = random.below(items.len());
                    items[place] = edge;
                }
                Some((_, value)) if value.is_number() => *value = edge,
                _ => {}
            }
        }
        _ => {
            let values = graph["tensor_values"].as_object_mut().unwrap();
            let at = random.below(values.len());
            let Some(sizes) = values.values_mut().nth(at).unwrap()["sizes"].as_array_mut() else {
                return;
            };
            let place = random.below(sizes.len());
            if let Some(size) = sizes.get_mut(place) {
                *size = serde_json::json!({ "as_int": edge });
            }
        }
    }
}
