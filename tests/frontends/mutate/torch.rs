//! Exported programs whose graph stays readable: numbers become others, operators and operands those
//! of another node.

use serde_json::{Value, json};

use super::Random;

const EDGES: [i64; 12] = [-2, -1, 0, 1, 2, 3, 7, 64, 1 << 20, 1 << 40, i64::MAX, i64::MIN];

/// The program with a few changes; `None` if it is none.
pub(super) fn rewired(program: &Value, random: &mut Random) -> Option<Value> {
    program.get("graph_module")?;
    let mut program = program.clone();
    for _ in 0..=random.below(3) {
        rewire(random, &mut program["graph_module"]["graph"])?;
    }
    Some(program)
}

fn rewire(random: &mut Random, graph: &mut Value) -> Option<()> {
    let edge = Value::from(EDGES[random.below(EDGES.len())]);
    let nodes = graph["nodes"].as_array_mut()?;
    let (at, other) = (random.below(nodes.len()), random.below(nodes.len()));
    let (target, inputs) = (nodes[other]["target"].clone(), nodes[other]["inputs"].clone());
    match random.below(5) {
        0 => nodes[at]["target"] = target,
        1 => nodes[at]["inputs"] = inputs,
        2 | 3 => {
            let inputs = nodes[at]["inputs"].as_array_mut()?;
            let argument = inputs.iter_mut().rev().nth(random.below(3));
            let argument = argument.and_then(|it| it["arg"].as_object_mut());
            match argument.and_then(|it| it.iter_mut().next()) {
                Some((_, Value::Array(items))) if !items.is_empty() => {
                    let place = random.below(items.len());
                    items[place] = edge;
                }
                Some((_, value)) if value.is_number() => *value = edge,
                _ => {}
            }
        }
        _ => {
            let values = graph["tensor_values"].as_object_mut()?;
            let at = random.below(values.len());
            let sizes = values.values_mut().nth(at)?["sizes"].as_array_mut()?;
            let place = random.below(sizes.len());
            if let Some(size) = sizes.get_mut(place) {
                *size = json!({ "as_int": edge });
            }
        }
    }
    Some(())
}
