//! Activations that PyTorch itself writes as several operators.
//!
//! `softsign(x)` is always exported as `x / (abs(x) + 1)`.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Packed, RawNode};

/// Replaces the operators by one node of the name of the activation; returns what is left.
pub(super) fn recognize(
    mut nodes: Vec<RawNode>,
    mut constants: BTreeMap<String, Packed>,
    outputs: &[String],
) -> (Vec<RawNode>, BTreeMap<String, Packed>) {
    for at in 0..nodes.len() {
        if let Some(x) = softsign(&nodes, at, &constants) {
            "softsign".clone_into(&mut nodes[at].op);
            nodes[at].inputs = vec![Some(x)];
        }
    }
    let mut needed: BTreeSet<String> = outputs.iter().cloned().collect();
    let mut kept = Vec::with_capacity(nodes.len());
    for node in nodes.into_iter().rev() {
        if node.outputs.iter().any(|it| needed.contains(it)) {
            needed.extend(node.inputs.iter().flatten().cloned());
            kept.push(node);
        }
    }
    kept.reverse();
    constants.retain(|name, _| needed.contains(name));
    (kept, constants)
}

/// What a division is the softsign of.
fn softsign(nodes: &[RawNode], at: usize, constants: &BTreeMap<String, Packed>) -> Option<String> {
    let maker = |tensor: &str, op: &str| {
        let found = nodes[..at].iter().rev().find(|it| it.outputs.iter().any(|out| out == tensor));
        found.filter(|it| it.op == op)
    };
    let [Some(x), Some(divisor)] = &nodes[at].inputs[..] else { return None };
    if nodes[at].op != "div" {
        return None;
    }
    let [Some(magnitude), Some(one)] = &maker(divisor, "add")?.inputs[..] else { return None };
    let [Some(source)] = &maker(magnitude, "abs")?.inputs[..] else { return None };
    let one = constants.get(one)?;
    (source == x && one.len() == 1 && one.first() == Some(&1.0)).then(|| x.clone())
}
