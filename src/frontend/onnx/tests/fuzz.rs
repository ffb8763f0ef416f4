//! No graph makes folding panic, hang or eat memory. Bytes are changed in `tests/frontends`.

use prost::Message;

use super::*;

/// A small generator of good quality (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// Every operator that folds, on small tensors.
fn soup() -> Vec<u8> {
    let ints = |name: &str, values: &[i64]| longs(name, &[values.len() as i64], values);
    let nodes = vec![
        node("Shape", &["x"], &["a"]),
        node("Gather", &["a", "i"], &["b"]).int("axis", 0),
        node("Unsqueeze", &["b", "zero"], &["c"]),
        node("Concat", &["c", "minus"], &["d"]).int("axis", 0),
        node("Slice", &["w", "from", "to", "zero", "step"], &["e"]),
        node("Transpose", &["e"], &["f"]).ints("perm", &[1, 0]),
        node("Expand", &["f", "wide"], &["g"]),
        node("Reshape", &["g", "flat"], &["h"]),
        node("Squeeze", &["h", "zero"], &["k"]),
        node("Cast", &["k"], &["l"]).int("to", 7),
        node("ConstantOfShape", &["rest"], &["m"]).tensor("value", longs("", &[1], &[3])),
        node("Mul", &["l", "m"], &["n"]),
        node("Div", &["n", "rest"], &["o"]),
        node("Flatten", &["o"], &["p"]).int("axis", 1),
        node("Cast", &["p"], &["q"]).int("to", 1),
        node("Conv", &["x", "kernel"], &["r"]).ints("pads", &[1, 1]),
        node("MaxPool", &["r"], &["s"]).ints("kernel_shape", &[2]).int("ceil_mode", 1),
        node("Reshape", &["s", "d"], &["t"]),
        node("Tile", &["t", "twice"], &["v"]),
        node("Pad", &["v", "pads"], &["z"]),
        node("Shape", &["z"], &["shape"]),
        node("MatMul", &["t", "q"], &["y"]),
    ];
    let initializers = vec![
        longs("i", &[], &[0]),
        ints("zero", &[0]),
        ints("rest", &[6]),
        ints("minus", &[-1]),
        floats("w", &[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
        ints("from", &[-1]),
        ints("to", &[i64::MIN]),
        ints("step", &[-1]),
        ints("wide", &[1, 2, 3]),
        ints("flat", &[1, -1]),
        floats("kernel", &[4, 2, 3], &[0.0; 24]),
        ints("twice", &[1, 2]),
        ints("pads", &[0, 1, 0, 1]),
    ];
    bytes(nodes, initializers, &["y", "shape"])
}

/// Changes numbers, operators and operands of a graph that stays a readable message.
fn rewire(model: &mut Model, random: &mut Random) {
    const EDGES: [i64; 10] = [-2, -1, 0, 1, 2, 5, 17, 1 << 40, i64::MAX, i64::MIN];
    let graph = model.graph.as_mut().unwrap();
    for _ in 0..1 + random.below(4) {
        let edge = EDGES[random.below(EDGES.len())];
        let other = random.below(graph.node.len());
        let [op, tensor] = {
            let other = &graph.node[other];
            [other.op_type.clone(), other.output[0].clone()]
        };
        let choice = random.below(graph.node.len());
        let node = &mut graph.node[choice];
        let choice = random.below(graph.initializer.len());
        let constant = &mut graph.initializer[choice];
        let place = random.below(4);
        let numbers = match random.below(6) {
            0 => {
                node.op_type = op;
                continue;
            }
            1 => {
                node.input.iter_mut().skip(place % 3).take(1).for_each(|it| *it = tensor.clone());
                continue;
            }
            2 => node.attribute.iter_mut().flat_map(|it| it.i.iter_mut()).collect::<Vec<_>>(),
            3 => node.attribute.iter_mut().flat_map(|it| it.ints.iter_mut()).collect(),
            4 => constant.dims.iter_mut().collect(),
            _ => constant.int64_data.iter_mut().collect(),
        };
        numbers.into_iter().skip(place).take(1).for_each(|it| *it = edge);
    }
}

#[test]
fn rewired_graphs_do_no_harm() {
    let original = Model::decode(&soup()[..]).unwrap();
    let mut loaded = 0;
    for seed in 0..6000 {
        let mut model = original.clone();
        rewire(&mut model, &mut Random(seed));
        let bytes = model.encode_to_vec();
        let run = std::panic::catch_unwind(|| {
            super::super::load("m.onnx", &bytes).map_err(|it| it.to_string()).is_ok()
        });
        loaded += usize::from(run.unwrap_or_else(|_| panic!("panicked with seed {seed}")));
    }
    assert!(loaded > 100, "changes are too rough to reach anything: {loaded} graphs loaded");
}
