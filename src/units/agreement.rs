//! The emulator and the scalar program agree on every unit: random configurations, random inputs,
//! and the ends of every range.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::*;
use crate::emulate::Emulator;
use crate::error::Origin;
use crate::fixed::{Builder, Format, Overflow, Rounding, verify};
use crate::graph::NodeId;
use crate::nn::Shape;
use crate::rtl::cmvm::{Budget, Effort};
use crate::rtl::datapath::{self, Datapath, Port};

/// A random format of up to `width` bits.
pub(crate) fn format(width: u32) -> impl Strategy<Value = Format> {
    (any::<bool>(), 1..=width, -6i32..10, 0usize..7, 0usize..4).prop_map(
        |(signed, width, int_bits, rounding, overflow)| Format {
            signed,
            width: width.max(1),
            int_bits,
            rounding: Rounding::ALL[rounding],
            overflow: Overflow::ALL[overflow],
        },
    )
}

fn constants(format: Format, raw: &[i64], count: usize) -> crate::fixed::Mantissas {
    (0..count).map(|it| i128::from(raw[it % raw.len()]).wrap(format.width, format.signed)).collect()
}

/// What a random unit is made from.
type Recipe = (usize, Vec<Format>, Vec<i64>, usize, usize);

fn recipe() -> impl Strategy<Value = Recipe> {
    (
        0usize..19,
        prop::collection::vec(format(14), 6),
        prop::collection::vec(-4000i64..4000, 24),
        1usize..5,
        1usize..5,
    )
}

/// A graph with one unit of interest.
fn graph(recipe: &Recipe) -> crate::fixed::Graph {
    let (kind, formats, raw, n, m) = recipe;
    let (kind, n, m) = (*kind, *n, *m);
    let mut builder = Builder::new();
    builder.enter(Origin::new("test", "x"));
    let port = |builder: &mut Builder, name: &str, format: Format| {
        builder.enter(Origin::new("test", name));
        let ty = Type::uniform(Shape(vec![n]), format);
        let id = builder.add("", Input { ty }, &[]);
        builder.graph.inputs.push(id);
        id
    };
    let x = port(&mut builder, "x", formats[0]);
    builder.enter(Origin::new("test", "unit"));
    let result = formats[1];
    let unit: NodeId = match kind {
        0 => builder.add("", Requantize::uniform(result), &[x]),
        1 | 2 => builder.add("", mac(formats, raw, n, m), &[x]),
        3 => {
            let scale = formats[2];
            let affine = Affine {
                scales: constants(scale, raw, n),
                scale,
                biases: constants(formats[3], &raw[n..], n),
                bias: formats[3],
                result,
            };
            builder.add("", affine, &[x])
        }
        4 => builder.add("", Rectify::relu(result), &[x]),
        5 => {
            let rectify = Rectify {
                threshold: constants(formats[3], raw, 1)[0],
                threshold_format: formats[3],
                slopes: constants(formats[2], &raw[1..], m),
                slope: formats[2],
                result,
            };
            builder.add("", rectify, &[x])
        }
        6 => {
            let a = port(&mut builder, "a", formats[2]);
            let b = port(&mut builder, "b", formats[3]);
            builder.enter(Origin::new("test", "unit"));
            let compare = if m % 2 == 0 { Compare::Greater } else { Compare::GreaterEqual };
            let threshold = constants(formats[4], raw, 1)[0];
            let select = Select { compare, threshold, threshold_format: formats[4], result };
            builder.add("", select, &[x, a, b])
        }
        7 => {
            let limit = formats[2];
            let ends = constants(limit, raw, 2);
            let (lo, hi) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
            builder.add("", Clamp { lo, hi, limit, result }, &[x])
        }
        8 | 9 => builder.add("", lut(formats, raw, m), &[x]),
        10 => {
            let b = port(&mut builder, "b", formats[2]);
            builder.enter(Origin::new("test", "unit"));
            let op = [Binary::Add, Binary::Sub, Binary::Mul, Binary::Max, Binary::Min];
            let op = op[raw[0].unsigned_abs() as usize % 5];
            let read = [Read::Same, if m % 2 == 0 { Read::Every(n) } else { Read::Cycle(n) }];
            builder.add("", Eltwise { op, read, shape: Shape(vec![n]), result }, &[x, b])
        }
        11 => {
            let reduction =
                [Reduction::SumTree, Reduction::SumInOrder, Reduction::Max, Reduction::Min];
            let reduction = reduction[m % 4];
            builder.add("", Reduce { reduction, group: n, accum: formats[2], result }, &[x])
        }
        12 => builder.add("", Argmax { group: n, result }, &[x]),
        13 | 14 => {
            let b = port(&mut builder, "b", formats[2]);
            builder.enter(Origin::new("test", "unit"));
            // The operands have `n` elements each: one or two matrices, rows or columns of them.
            let sum = if m % 2 == 0 { n } else { 1 };
            let batch = if m == 3 { n / sum } else { 1 };
            let (rows, columns) = (n / sum / batch, n / sum / batch);
            let shape = Shape(vec![batch, rows, columns]);
            let (products, accum) = (raw[0] % 2 == 0, formats[4]);
            let unit = Matmul { batch, rows, columns, sum, products, accum, result, shape };
            builder.add("", unit, &[x, b])
        }
        16 | 17 => {
            let ranking = Ranking { least: raw[0] % 2 == 0, last: raw[1] % 2 == 0 };
            let (count, place) = (m.min(n), kind == 16);
            builder.add("", Best { ranking, group: n, count, place, result }, &[x])
        }
        15 => builder.add("", threshold(formats, raw, m), &[x]),
        _ => {
            let b = port(&mut builder, "b", formats[2]);
            builder.enter(Origin::new("test", "unit"));
            let map = (0..m).map(|it| ((it % 2) as u32, (it % n) as u32)).collect();
            builder.add("", Reorder { map, shape: Shape(vec![m]) }, &[x, b])
        }
    };
    builder.graph.outputs.push(unit);
    builder.graph
}

fn mac(formats: &[Format], raw: &[i64], n_in: usize, n_out: usize) -> Mac {
    Mac {
        n_in,
        n_out,
        weights: constants(formats[2], raw, n_in * n_out),
        weight: formats[2],
        biases: constants(formats[3], &raw[3..], n_out),
        bias: formats[3],
        accum: formats[4],
        result: formats[1],
        loaded: Loaded::Nothing,
    }
}

fn threshold(formats: &[Format], raw: &[i64], count: usize) -> Threshold {
    let (threshold, result) = (formats[2], formats[1]);
    let mut thresholds = constants(threshold, raw, 2 * count).to_vec();
    thresholds.chunks_mut(count).for_each(<[i128]>::sort_unstable);
    let values = constants(result, &raw[7..], 2 * (count + 1));
    Threshold { count, thresholds: thresholds.into(), threshold, values, result }
}

fn lut(formats: &[Format], raw: &[i64], m: usize) -> Lut {
    let input = formats[0];
    let (index, len) = match raw[0].rem_euclid(4) {
        0 => (Index::Raw, 1usize << input.width.min(8)),
        1 => (Index::TopBits, 1 << input.width.min(m as u32)),
        3 => {
            let largest = u128::MAX >> (128 - input.width);
            (Index::Float { bits: m as u32 }, float_code(largest, m as u32) + 1)
        }
        _ => {
            let negative = raw[1] % 2 == 0;
            (
                Index::Range {
                    log2_range: m as u32,
                    offset: if negative { 0 } else { 8 },
                    negative,
                },
                16,
            )
        }
    };
    // A raw table has an entry for every code; inputs wider than the test likes use the top bits.
    let index = if index == Index::Raw && input.width > 8 { Index::TopBits } else { index };
    Lut { index, table: constants(formats[2], raw, len), entry: formats[2], result: formats[1] }
}

/// Inputs that reach the corners: both ends, zero, one unit, and random codes.
pub(crate) fn samples(graph: &crate::fixed::Graph, seed: u64) -> Vec<Vec<i128>> {
    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed as u8; 32]);
    let formats: Vec<Format> = graph
        .inputs
        .iter()
        .flat_map(|id| {
            let ty = &graph.node(*id).ty;
            (0..ty.elements()).map(|it| ty.format(it)).collect::<Vec<_>>()
        })
        .collect();
    let all = |f: &dyn Fn(Format) -> i128| formats.iter().map(|it| f(*it)).collect::<Vec<_>>();
    let mut samples = vec![all(&|it| it.min()), all(&|it| it.max()), all(&|_| 0)];
    samples.push(
        formats
            .iter()
            .enumerate()
            .map(|(k, it)| if k % 2 == 0 { Format::min(*it) } else { Format::max(*it) })
            .collect(),
    );
    for _ in 0..40 {
        let random = |it: &Format| {
            let bits = (i128::from(rng.next_u64()) << 64) | i128::from(rng.next_u64());
            bits.wrap(it.width, it.signed)
        };
        samples.push(formats.iter().map(random).collect());
    }
    samples
}

/// The first output of a program for one sample, all ports one after another.
fn run(datapath: &Datapath, sample: &[i128]) -> Vec<i128> {
    let mut rest = sample;
    let port = |port: &Port| {
        let (now, later) = rest.split_at(port.elements.len());
        rest = later;
        now.to_vec()
    };
    let ports: Vec<Vec<i128>> = datapath.inputs.iter().map(port).collect();
    let values = datapath::evaluate(datapath, &ports);
    datapath.outputs[0].elements.iter().map(|id| values[id.index()]).collect()
}

#[test]
fn datapath_equals_emulator() {
    let config = Config { cases: 1500, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let outcome = runner.run(&recipe(), |recipe| {
        let graph = graph(&recipe);
        if verify(&graph).is_err() {
            return Ok(());
        }
        let samples = samples(&graph, 1);
        let want = Emulator::new(&graph).run(&samples);
        // Additions only, and narrow inputs packed into tables.
        let packing = Budget { effort: Effort::Normal, lut_inputs: 6, ..Budget::QUICK };
        for budget in [Budget::QUICK, packing] {
            let lowered = datapath::lower(&graph, budget);
            for (sample, want) in samples.iter().zip(&want) {
                let got = run(&lowered.datapath, sample);
                prop_assert_eq!(&got, want, "input {:?} of {:?}", sample, graph);
            }
        }
        Ok(())
    });
    outcome.unwrap();
}
