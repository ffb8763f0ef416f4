//! Models whose attributes and shapes are changed at random are imported or refused, and what is
//! imported can be run; nothing panics.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::import;
use super::testing::Noise;
use crate::source::{Attr, Attrs, RawModel, Tensor};
use crate::{frontend, nn};

/// Changes of each model.
const ROUNDS: u64 = 200;
/// Models with larger tensors are not run.
const SMALL: usize = 20_000;

fn pick(noise: &mut Noise, count: usize) -> usize {
    (noise.next() * count as f64) as usize
}

/// Another value of some kind, mostly the same.
fn changed(noise: &mut Noise, value: &Attr) -> Attr {
    let ints = [0, 1, 2, 3, 7, -1, -2, 100, 1 << 20, 1 << 40, i64::MAX, i64::MIN];
    let other = [
        Attr::Null,
        Attr::Bool(true),
        Attr::Int(3),
        Attr::Float(-0.5),
        Attr::Float(f64::NAN),
        Attr::Str("same".into()),
        Attr::List(Vec::new()),
        Attr::List(vec![Attr::Int(1), Attr::Int(2)]),
    ];
    if pick(noise, 4) == 0 {
        return other[pick(noise, other.len())].clone();
    }
    match value {
        Attr::Int(_) => Attr::Int(ints[pick(noise, ints.len())]),
        Attr::Bool(v) => Attr::Bool(!v),
        Attr::Float(v) => Attr::Float([0.0, -v, v * 1e30, f64::INFINITY][pick(noise, 4)]),
        Attr::Str(v) => {
            let names = ["same", "valid", "relu", "", "ab,bc->ac", "concat", "...a,ab->...b"];
            let at = pick(noise, names.len() + 1);
            Attr::Str(names.get(at).map_or_else(|| v.to_uppercase(), |it| (*it).into()))
        }
        Attr::List(items) if !items.is_empty() => {
            let (mut items, at) = (items.clone(), pick(noise, items.len()));
            match pick(noise, 4) {
                0 => drop(items.remove(at)),
                1 => items.push(items[at].clone()),
                _ => items[at] = changed(noise, &items[at]),
            }
            Attr::List(items)
        }
        Attr::Map(map) if !map.is_empty() => {
            let mut map = map.clone();
            let key = map.keys().nth(pick(noise, map.len())).cloned().unwrap_or_default();
            let value = changed(noise, &map[&key]);
            map.insert(key, value);
            Attr::Map(map)
        }
        other => other.clone(),
    }
}

fn mutated(noise: &mut Noise, model: &RawModel) -> RawModel {
    let mut model = model.clone();
    for _ in 0..=pick(noise, 3) {
        let at = pick(noise, model.nodes.len());
        let node = &mut model.nodes[at];
        let attrs = node.attrs.unread().into_iter();
        let mut attrs: BTreeMap<String, Attr> =
            attrs.map(|(name, value)| (name.to_owned(), value.clone())).collect();
        match pick(noise, 8) {
            0 => drop(node.inputs.pop()),
            1 => node.inputs.extend(node.inputs.first().cloned()),
            2 => {
                let shape = &mut model.inputs[0].shape;
                let at = pick(noise, shape.len() + 1);
                match shape.get_mut(at) {
                    Some(extent) => *extent = [1, 2, 5, 1 << 14][pick(noise, 4)],
                    None => drop(shape.pop()),
                }
            }
            _ if attrs.is_empty() => {}
            _ => {
                let key = attrs.keys().nth(pick(noise, attrs.len())).cloned().unwrap_or_default();
                let value = changed(noise, &attrs[&key]);
                attrs.insert(key, value);
            }
        }
        let node = &mut model.nodes[at];
        node.attrs = Attrs::new(attrs);
    }
    model
}

#[test]
fn nothing_panics_and_what_is_imported_runs() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models");
    let (mut ran, mut refused, mut panics) = (0, 0, Vec::new());
    for name in ["conv", "pool", "shape", "rnn", "attention", "norm", "functions", "nested"] {
        let model = frontend::load(&folder.join(format!("layers_{name}.keras")), None).unwrap();
        for seed in 0..ROUNDS {
            let changed = mutated(&mut Noise::new(seed), &model);
            let result = catch_unwind(AssertUnwindSafe(|| {
                let mut graph = import(changed).ok()?;
                crate::passes::run(&mut graph, &crate::passes::Options::default());
                let elements = |id| graph.node(id).ty.elements();
                if graph.topo().into_iter().map(elements).max() > Some(SMALL) {
                    return None;
                }
                let input = |id: &crate::graph::NodeId| Tensor::ones(graph.node(*id).ty.0.clone());
                let inputs: Vec<Tensor> = graph.inputs.iter().map(input).collect();
                nn::evaluate(&graph, &inputs, |id, value| {
                    assert_eq!(value.shape(), graph.node(id).ty.0, "{}", graph.node(id).name);
                });
                Some(())
            }));
            match result {
                Ok(Some(())) => ran += 1,
                Ok(None) => refused += 1,
                Err(_) => panics.push(format!("layers_{name}.keras with seed {seed}")),
            }
        }
    }
    assert!(panics.is_empty(), "{}", panics.join("\n"));
    assert!(ran > 50 && refused > 50, "{ran} ran, {refused} refused");
}
