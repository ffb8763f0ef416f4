//! Recurrent layers in hardware: against hls4ml's C simulation bit by bit, against floats, and in all
//! engines but RTL text, which whole projects simulate.

use ndarray::{Axis, Slice, concatenate};
use serde_json::Value;

use super::{Cell, Recurrent};
use crate::fixed::{Builder, Format};
use crate::layers::golden_tests::{Golden, role};
use crate::layers::testing::{Bench, Noise, check_datapath, format, run};
use crate::layers::{
    Function, HardSigmoid, HardTanh, Identity, Layer, Relu, Table, TimeDistributed,
};
use crate::nn::Shape;
use crate::precision::{Role, Settings};
use crate::source::Tensor;
use crate::units::agreement::samples;

fn activation(name: &str) -> Layer {
    match name {
        "sigmoid" => Table { function: Function::Sigmoid }.into(),
        "tanh" => Table { function: Function::Tanh }.into(),
        "relu" => Relu { max: None }.into(),
        other => panic!("no activation {other}"),
    }
}

/// The layer of a golden case in one direction; `prefix` is that of its weights.
fn layer(golden: &mut Golden, case: &Value, class: &str, prefix: &str) -> Recurrent {
    let (name, attrs) = (case["name"].as_str().unwrap(), &case["attrs"]);
    let pytorch = attrs["pytorch"].as_bool().unwrap_or(false);
    let mut weights = |role: &str| golden.floats(&format!("{prefix}{role}_{name}")).unwrap();
    let gru = class == "GRU";
    // PyTorch's GRU has the reset gate first.
    let order = |it: Tensor| match gru && pytorch {
        false => it,
        true => {
            let axis = Axis(it.ndim() - 1);
            let gate = |k: usize| it.slice_axis(axis, Slice::from(2 * k..2 * k + 2));
            concatenate(axis, &[gate(1), gate(0), gate(2)]).unwrap()
        }
    };
    let [kernel, recurrent, bias, again] = ["w", "r", "b", "rb"].map(|it| order(weights(it)));
    let text = |key: &str| activation(attrs[key].as_str().unwrap());
    Recurrent {
        cell: if gru { Cell::Gru { reset_after: true } } else { Cell::Lstm },
        kernel,
        recurrent,
        bias: Some(bias),
        // Of a Keras LSTM hls4ml drops the second bias.
        recurrent_bias: (gru || pytorch).then_some(again),
        activation: Box::new(text("activation")),
        gate_activation: Box::new(text("recurrent_activation")),
        backwards: prefix == "b_",
        sequences: attrs["return_sequences"].as_bool().unwrap(),
        cells: false,
    }
}

/// One direction of a golden case on its inputs.
fn outputs(golden: &mut Golden, case: &Value, layer: Recurrent, way: &str) -> Vec<Vec<i128>> {
    let index = |at: &Value| at.as_u64().unwrap() as usize;
    let operands: Vec<usize> = std::iter::once(&case["input"])
        .chain(case["states"].as_array().unwrap())
        .map(index)
        .collect();
    let mut columns = Vec::new();
    let mut ports = Vec::new();
    for at in operands {
        let from = format(golden.meta["inputs"][at]["format"].as_str().unwrap());
        let (extents, values) = golden.ints(&format!("x{at}"));
        let n: usize = extents[1..].iter().product();
        columns.push(values.chunks(n).map(<[i128]>::to_vec).collect::<Vec<_>>());
        ports.push((from, Shape(extents[1..].to_vec())));
    }
    let mut bench = Bench::new(layer, ports[0].0, &ports[0].1.0);
    bench.others = ports[1..].to_vec();
    bench.compat = true;
    let entries = case["config"]["TableSize"].as_u64().unwrap_or(1024) as u32;
    bench.settings = Settings { table_size: entries, ..Settings::default() };
    let types = case["types"].as_object().unwrap();
    for (name, text) in types {
        let name = name.strip_prefix(way).unwrap_or(name);
        if !name.contains("ward_") {
            bench.given.insert(role(name), format(text.as_str().unwrap()));
        }
    }
    bench.given.insert(Role::State, bench.given[&Role::Result]);
    let graph = bench.graph(&bench.formats());
    let samples: Vec<Vec<i128>> = (0..columns[0].len())
        .map(|at| columns.iter().flat_map(|it| it[at].clone()).collect())
        .collect();
    let found = run(&graph, &samples);
    check_datapath(&graph, &samples[0], &found[0]);
    check_datapath(&graph, &samples[5], &found[5]);
    found
}

#[test]
fn hls4mls_bits() {
    let mut golden = Golden::open("recurrent");
    let cases = golden.meta["cases"].as_array().unwrap().clone();
    let mut wrong = Vec::new();
    for case in &cases {
        let class = case["cls"].as_str().unwrap();
        let (_, expected) = golden.ints(&format!("y_{}", case["name"].as_str().unwrap()));
        let found: Vec<Vec<i128>> = match case["both"].as_str() {
            None => {
                let layer = layer(&mut golden, case, class, "");
                outputs(&mut golden, case, layer, "none")
            }
            Some(other) => {
                let forward = layer(&mut golden, case, class, "f_");
                let backward = layer(&mut golden, case, other, "b_");
                let there = outputs(&mut golden, case, forward, "forward_");
                let back = outputs(&mut golden, case, backward, "backward_");
                // Rows side by side, those of the second in the order of time.
                let join = |(there, back): (&Vec<i128>, &Vec<i128>)| {
                    let rows = there.chunks(2).zip(back.chunks(2).rev());
                    rows.flat_map(|(a, b)| [a, b].concat()).collect()
                };
                there.iter().zip(&back).map(join).collect()
            }
        };
        let expected: Vec<&[i128]> = expected.chunks(found[0].len()).collect();
        assert_eq!(expected.len(), found.len());
        let differs = (0..found.len()).find(|it| found[*it] != expected[*it]);
        if let Some(at) = differs {
            wrong.push(format!("{case}: sample {at}: {:?}, hls4ml {:?}", found[at], expected[at]));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert_eq!(cases.len(), 35);
}

/// Random small numbers.
struct Dice(Noise);

impl Dice {
    /// From `lo` to `hi`.
    fn roll(&mut self, lo: usize, hi: usize) -> usize {
        lo + (self.0.next() * (hi - lo + 1) as f64) as usize
    }

    fn flip(&mut self) -> bool {
        self.0.next() < 0.5
    }

    fn tensor(&mut self, shape: &[usize], scale: f64) -> Tensor {
        let count = shape.iter().product();
        let values = (0..count).map(|_| (2.0 * self.0.next() - 1.0) * scale).collect();
        Tensor::from_shape_vec(shape, values).unwrap()
    }

    fn activation(&mut self, gate: bool) -> Layer {
        match (self.roll(0, 5), gate) {
            (0, false) => Relu { max: None }.into(),
            (1, false) => Identity.into(),
            (2, false) => Table { function: Function::Softsign }.into(),
            (3, false) => HardTanh { slope: 0.5, shift: 0.5 }.into(),
            (_, false) => Table { function: Function::Tanh }.into(),
            (0 | 1, true) => HardSigmoid { slope: 0.2, shift: 0.5 }.into(),
            (_, true) => Table { function: Function::Sigmoid }.into(),
        }
    }

    fn layer(&mut self) -> (Recurrent, usize) {
        let cell = [
            Cell::Simple,
            Cell::Lstm,
            Cell::Gru { reset_after: true },
            Cell::Gru { reset_after: false },
        ][self.roll(0, 3)];
        let (inputs, units) = (self.roll(1, 3), 2);
        let columns = cell.gates() * units;
        let bias = self.flip().then(|| self.tensor(&[columns], 1.0));
        let again = cell == Cell::Gru { reset_after: true } || (cell == Cell::Lstm && self.flip());
        let layer = Recurrent {
            cell,
            kernel: self.tensor(&[inputs, columns], 1.0),
            recurrent: self.tensor(&[units, columns], 0.8),
            recurrent_bias: (again && bias.is_some()).then(|| self.tensor(&[columns], 1.0)),
            bias,
            activation: Box::new(self.activation(false)),
            gate_activation: Box::new(self.activation(true)),
            backwards: self.flip(),
            sequences: self.flip(),
            cells: cell == Cell::Lstm && self.flip(),
        };
        (layer, inputs)
    }

    /// A layer on a sequence, sometimes with first states, sometimes at several steps of another.
    fn bench(&mut self) -> Bench {
        let (layer, inputs) = self.layer();
        let input = format(["fixed<8,3>", "ufixed<6,2>", "fixed<12,3>"][self.roll(0, 2)]);
        let (steps, states) = (self.roll(1, 4), if layer.cell == Cell::Lstm { 2 } else { 1 });
        let with_states = self.flip();
        let nested = !with_states && self.roll(0, 3) == 0;
        let mut bench = match nested {
            true => Bench::new(TimeDistributed::over(layer.into()), input, &[2, steps, inputs]),
            false => Bench::new(layer, input, &[steps, inputs]),
        };
        if with_states {
            bench.others = vec![(format("fixed<10,2>"), Shape(vec![2])); states];
        }
        bench
    }
}

/// The scalar program gives the emulator's bits, also where types of the user's overflow.
fn check_engines(bench: &Bench, seed: u64) {
    let graph = bench.graph(&bench.formats());
    let samples = samples(&graph, seed as u8 as u64);
    let found = run(&graph, &samples);
    for at in [0, 1, 3, 7] {
        check_datapath(&graph, &samples[at], &found[at]);
    }
}

/// Coarse types that overflow.
fn narrow(mut bench: Bench, dice: &mut Dice) -> Bench {
    let modes = ["TRN,WRAP", "RND,SAT", "RND_CONV,SAT_SYM", "TRN_ZERO,WRAP"];
    for role in [Role::Accum, Role::Result, Role::State, Role::RecurrentWeight, Role::Table] {
        let text =
            format!("fixed<{},{},{}>", dice.roll(6, 11), dice.roll(2, 4), modes[dice.roll(0, 3)]);
        bench.given.insert(role, format(&text));
    }
    bench.compat = dice.flip();
    bench
}

#[test]
fn engines_agree_and_are_close_to_floats() {
    let mut worst: f64 = 0.0;
    for seed in 0..60 {
        let mut dice = Dice(Noise::new(seed));
        let bench = dice.bench();
        check_engines(&bench, seed);
        let floats = samples_of(&bench, seed);
        let error = bench.error(&floats);
        let formats = bench.formats();
        // A table's half step is 2^-8; what grows is coarse in proportion to its range.
        let largest = formats.spans.iter().map(|it| it.hi.max(-it.lo)).fold(1.0, f64::max);
        assert!(error <= 0.03 * largest, "seed {seed}: {error}, {largest}: {:?}", bench.layer);
        if largest <= 1.0 {
            worst = worst.max(error);
        }
        check_engines(&narrow(dice.bench(), &mut dice), seed);
    }
    assert!(worst < 0.02 && worst > 0.0, "{worst}");
}

fn samples_of(bench: &Bench, seed: u64) -> Vec<Vec<f64>> {
    let graph = bench.graph(&bench.formats());
    let formats: Vec<Format> = graph
        .inputs
        .iter()
        .flat_map(|id| (0..graph.node(*id).ty.elements()).map(|it| graph.node(*id).ty.format(it)))
        .collect();
    let floats = |it: Vec<i128>| it.iter().zip(&formats).map(|(v, f)| f.value(*v)).collect();
    samples(&graph, seed).into_iter().map(floats).collect()
}

/// Several layers to a compile: g++ is slow.
#[test]
fn cpp_computes_the_same() {
    let Some(compiler) = crate::hls::tests::compiler("cpp_computes_the_same") else { return };
    for seed in 0..2 {
        let (mut builder, mut dice) = (Builder::new(), Dice(Noise::new(500 + seed)));
        for k in 0..6 {
            let bench = dice.bench();
            let bench = if k < 3 { bench } else { narrow(bench, &mut dice) };
            bench.add(&mut builder, &k.to_string(), &bench.formats());
        }
        let mut options = crate::hls::tests::vitis("recurrent");
        if seed == 1 {
            options.folding = crate::hls::Folding {
                strategy: crate::hls::Strategy::Resource,
                reuse: 2,
                parallel: None,
            };
        }
        crate::hls::tests::agree(&compiler, &builder.graph, &options, seed);
    }
}
