//! `input -> quantizer`: the port carries what the quantizer leaves, so that no bit is wasted there.
//!
//! Several quantizers get a port from which each can make what it would have made of the float: they
//! must round by looking at one bit more at most, and wrap. Only where nothing but quantizers reads
//! the input, perhaps behind wires, and the user gave it no type of its own.

use super::{Options, Pass};
use crate::fixed::{Format, Overflow, Rounding};
use crate::graph::NodeId;
use crate::layers::Layer;
use crate::nn::Graph;
use crate::nn::Tensor;

/// Gives inputs the formats of the quantizers behind them.
pub(super) const PASS: Pass = Pass {
    name: "quantize_ports",
    about: "give an input the formats of the quantizers that alone read it",
    run,
};

fn run(graph: &mut Graph, options: &Options) -> bool {
    let mut changed = false;
    for id in graph.inputs.clone() {
        if options.pinned.contains(&graph.node(id).name) {
            continue;
        }
        let shape = graph.node(id).ty.0.clone();
        let count = shape.iter().product();
        // Elements by number, from one on: zero is padding.
        let numbers = (1..=count).map(|it| it as f64).collect();
        let numbers = Tensor::from_shape_vec(shape, numbers).expect("as many as elements");
        let mut readers = vec![Vec::new(); count];
        let alone = reads(graph, id, &numbers, &mut readers);
        let lanes = if alone { port(&readers) } else { None };
        if let (Some(lanes), Layer::Input(input)) = (lanes, &mut graph.node_mut(id).op)
            && input.lanes.is_none()
        {
            input.lanes = Some(lanes);
            changed = true;
        }
    }
    changed
}

/// Collects what quantizers make of each element, behind whatever only moves elements; false if
/// anything else reads one.
fn reads(graph: &Graph, id: NodeId, numbers: &Tensor, readers: &mut [Vec<Option<Format>>]) -> bool {
    let users = graph.users(id);
    !graph.outputs.contains(&id)
        && !users.is_empty()
        && users.into_iter().all(|user| match &graph.node(user).op {
            Layer::Quantizer(quantizer) => {
                for (number, lane) in numbers.iter().zip(&quantizer.lanes) {
                    if let Some(at) = (*number as usize).checked_sub(1) {
                        readers[at].push(*lane);
                    }
                }
                true
            }
            wires @ (Layer::Reshape(_) | Layer::Permute(_) | Layer::Take(_) | Layer::Pad(_)) => {
                reads(graph, user, &wires.spec().eval(&[numbers]), readers)
            }
            _ => false,
        })
}

/// Formats of a port that serves all who read an element.
fn port(readers: &[Vec<Option<Format>>]) -> Option<Vec<Format>> {
    let all = readers.iter().flatten().flatten().copied();
    let union = all.reduce(Format::union).unwrap_or(Format::unsigned(1, 1));
    // One bit is the least; where no quantizer leaves anything, it is never read.
    let idle = Format::unsigned(1, 1 - union.frac());
    let shared = |lanes: &Vec<Option<Format>>| {
        let mut lanes: Vec<Format> = lanes.iter().flatten().copied().collect();
        lanes.sort_unstable();
        lanes.dedup();
        match lanes[..] {
            [] => Some(idle),
            [one] => Some(one),
            _ => lanes
                .into_iter()
                .map(open)
                .try_fold(None, |sum, it| Some(Some(joined(sum, it?))))?,
        }
    };
    readers.iter().map(shared).collect()
}

/// A truncating, wrapping format from which a cast to `of` gives what it gives from the float.
fn open(of: Format) -> Option<Format> {
    let more = match (of.rounding, of.overflow) {
        (Rounding::Trn, Overflow::Wrap) => 0,
        (Rounding::Rnd, Overflow::Wrap) => 1,
        _ => return None,
    };
    Some(Format { width: of.width + more, ..of }.with(Rounding::Trn, Overflow::Wrap))
}

/// Both formats' bits at once.
fn joined(sum: Option<Format>, other: Format) -> Format {
    let Some(sum) = sum else { return other };
    let int_bits = sum.int_bits.max(other.int_bits);
    let width = (int_bits + sum.frac().max(other.frac())).max(1) as u32;
    Format { signed: sum.signed || other.signed, width, int_bits, ..sum }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Origin;
    use crate::graph::Node;
    use crate::layers::Input;
    use crate::layers::{Quantizer, Take};
    use crate::nn::Shape;

    fn lane(signed: bool, width: u32, int_bits: i32, rounding: Rounding) -> Option<Format> {
        let format = Format { signed, ..Format::signed(width, int_bits) };
        Some(format.with(rounding, Overflow::Wrap))
    }

    /// Layers behind an input of two elements.
    fn chain(layers: Vec<Layer>) -> Graph {
        let mut graph = Graph::default();
        let shape = Shape(vec![2]);
        let input = Layer::from(Input { shape: shape.clone(), lanes: None });
        let mut last = None;
        for op in std::iter::once(input).chain(layers) {
            let shapes: Vec<&Shape> = last.iter().map(|it| &graph.node(*it).ty).collect();
            let ty = op.spec().infer(&shapes).unwrap();
            let (name, origin) = (format!("l{}", graph.len()), Origin::new("m", "l"));
            let operands: Vec<NodeId> = last.into_iter().collect();
            last = Some(graph.add(Node { name, op, ty, origin }, &operands));
            graph.inputs = vec![graph.inputs.first().copied().or(last).unwrap()];
        }
        graph.outputs = last.into_iter().collect();
        graph
    }

    #[test]
    fn one_port_serves_quantizers_that_differ() {
        let all = [
            lane(true, 6, 3, Rounding::Rnd),
            lane(false, 4, 4, Rounding::Trn),
            None,
            lane(true, 3, 1, Rounding::Trn),
        ];
        let port = port(&[all.to_vec(), vec![None; 2]]).unwrap();
        assert_eq!(port, [Format::signed(8, 4), Format::unsigned(1, -2)]);
        for step in -4000..4000 {
            let x = f64::from(step) / 96.0;
            let carried = port[0].value(port[0].quantize(x));
            for format in all.into_iter().flatten() {
                assert_eq!(format.quantize(carried), format.quantize(x), "{x} to {format}");
            }
        }
    }

    #[test]
    fn quantizers_that_look_further_are_not_served_together() {
        let even = lane(true, 6, 3, Rounding::RndConv);
        let other = lane(true, 5, 3, Rounding::Trn);
        assert_eq!(port(&[vec![even, other]]), None);
        assert_eq!(port(&[vec![even, even, None]]), Some(vec![even.unwrap()]));
    }

    #[test]
    fn quantizers_are_found_behind_wires() {
        let format = |width| lane(true, width, 1, Rounding::Rnd);
        let take = Take::along("Flip", 0, vec![1, 0, 1]);
        let quantizer = Quantizer { lanes: vec![format(4), None, format(4)] };
        let mut graph = chain(vec![take.clone().into(), quantizer.into()]);
        assert!(run(&mut graph, &Options::default()));
        let Layer::Input(input) = &graph.node(graph.inputs[0]).op else { panic!() };
        assert_eq!(input.lanes, Some(vec![Format::unsigned(1, -2), format(4).unwrap()]));
        // An output needs the values themselves.
        assert!(!run(&mut chain(vec![take.into()]), &Options::default()));
    }
}
