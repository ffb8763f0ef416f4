//! What processes are called in the RTL.
//!
//! Signals, instances and modules of a process have its name in front of what they are, so that one called
//! `dense_core` could not be told from the core of `dense`. No name is another one with such an ending.

use std::collections::BTreeSet;

use crate::rtl::emit;
use crate::stream::{Dataflow, Kind};

/// What signals, instances and modules of a process have behind its name; of numbers, what stands in front of them.
const PARTS: [&str; 17] = [
    "after",
    "all",
    "axis",
    "before",
    "core",
    "data",
    "fork",
    "in",
    "join",
    "made",
    "ready",
    "statistic",
    "sum",
    "tables",
    "unused",
    "valid",
    "word",
];

/// Names of all processes, each different from all others and from what belongs to another one.
pub fn names(flow: &Dataflow) -> Vec<String> {
    let names = flow.processes.iter().map(|it| match it.kind {
        // Ports have their names already.
        Kind::Source(at) => format!("source_{at}"),
        Kind::Sink(at) => format!("sink_{at}"),
        _ => it.name.clone(),
    });
    let names = emit::unique(names, &[]);
    let layers = layers(flow);
    let all: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    let belongs = |name: &str| {
        let cuts = name.match_indices('_').map(|it| it.0);
        let mut owners = cuts.filter(|at| all.contains(&name[..*at]));
        owners.any(|at| is_part(&name[at + 1..], &layers))
    };
    let apart = names.iter().map(|it| if belongs(it) { format!("{it}_own") } else { it.clone() });
    emit::unique(apart.collect::<Vec<_>>(), &[])
}

/// Layers as they are called in kernels, which have a module for each.
fn layers(flow: &Dataflow) -> BTreeSet<String> {
    let kernels = flow.processes.iter().filter_map(|it| match &it.kind {
        Kind::Kernel(graph) => Some(graph),
        _ => None,
    });
    let nodes = kernels.flat_map(|it| it.topo().into_iter().map(|id| &it.node(id).origin.node));
    let different: BTreeSet<&str> = nodes.map(|it| &**it).collect();
    different.into_iter().flat_map(|it| emit::unique([it], &[])).collect()
}

/// Whether something of a process may be called so, behind its name.
fn is_part(rest: &str, layers: &BTreeSet<String>) -> bool {
    let first = rest.split('_').next().unwrap_or_default();
    let stem = first.trim_end_matches(|it: char| it.is_ascii_digit());
    let numbered = |layer: &str| rest.strip_prefix(layer).is_some_and(|it| it.starts_with("_v"));
    PARTS.contains(&stem) || layers.contains(rest) || layers.iter().any(|it| numbered(it))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Origin;
    use crate::fixed::{Format, Graph, Type};
    use crate::graph::Node;
    use crate::nn::Shape;
    use crate::units::Input;

    #[test]
    fn no_name_belongs_to_another_one() {
        let mut flow = Dataflow::default();
        let mut kernel = Graph::default();
        let ty = Type::uniform(Shape(vec![1]), Format::signed(8, 4));
        let origin = Origin::new("m.onnx", "relu");
        let op = Input { ty: ty.clone() }.into();
        kernel.add(Node { name: "x".to_owned(), op, ty, origin }, &[]);
        flow.add("dense", "relu", Kind::Kernel(kernel), Vec::new());
        for name in ["dense_core", "dense_in0", "dense_relu", "dense_2", "dense_repack", "core"] {
            flow.add(name, "dense", Kind::Repack, Vec::new());
        }
        let want = [
            "dense",
            "dense_core_own",
            "dense_in0_own",
            "dense_relu_own",
            "dense_2",
            "dense_repack",
            "core",
        ];
        assert_eq!(names(&flow), want);
    }
}
