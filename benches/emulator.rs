//! Samples per second of the emulator on one core: an MLP 16-64-32-32-5 of 16-bit formats, by tensors
//! and as a scalar program, and the same with few small weights, as quantized and pruned models have.
//!
//! Side-by-side measurements: `benches/predict.py` (hls4ml's compiled library), `benches/datapath.py`
//! (alkaid's interpreter).

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use nn2rtl::emulate::Emulator;
use nn2rtl::error::Origin;
use nn2rtl::fixed::{Builder, Format, Graph, Type};
use nn2rtl::nn::Shape;
use nn2rtl::predictor::Scalars;
use nn2rtl::units::{Input, Loaded, Mac, Rectify};

/// Dense layers with exact accumulators and 16-bit activations, as the defaults size them; if `sparse`,
/// one weight in 16 has 4 bits and the others are zero.
fn mlp(widths: &[usize], sparse: bool) -> Graph {
    let mut builder = Builder::new();
    let format = Format::signed(16, 6);
    builder.enter(Origin::new("bench", "input"));
    let ty = Type::uniform(Shape(vec![widths[0]]), format);
    let mut value = builder.add("", Input { ty }, &[]);
    builder.graph.inputs.push(value);
    let mut state = 1u64;
    let mut random = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let weight = i128::from((state >> 48) as i16);
        match sparse {
            true if state >> 40 & 15 != 0 => 0,
            true => weight >> 12 << 12,
            false => weight,
        }
    };
    for (layer, pair) in widths.windows(2).enumerate() {
        builder.enter(Origin::new("bench", format!("dense{layer}")));
        let accum = Format::signed(40, 15);
        let mac = Mac {
            n_in: pair[0],
            n_out: pair[1],
            weights: (0..pair[0] * pair[1]).map(|_| random()).collect(),
            weight: Format::signed(16, 1),
            biases: (0..pair[1]).map(|_| random()).collect(),
            bias: Format::signed(16, 1),
            accum,
            result: accum,
            loaded: Loaded::Nothing,
        };
        let sum = builder.add("", mac, &[value]);
        value = builder.add("relu", Rectify::relu(format.rounded()), &[sum]);
    }
    builder.graph.outputs.push(value);
    builder.graph
}

fn bench(c: &mut Criterion) {
    let samples: Vec<f64> = (0..16 * 4096).map(|it| f64::from(it % 977) / 61.0 - 8.0).collect();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    let mut group = c.benchmark_group("one core");
    group.throughput(Throughput::Elements(4096));
    for (name, sparse) in [("mlp 16-64-32-32-5", false), ("sparse mlp", true)] {
        let graph = mlp(&[16, 64, 32, 32, 5], sparse);
        let emulator = Emulator::new(&graph);
        let scalars = Scalars::new(&graph).expect("words are wide enough");
        group.bench_function(format!("{name}, tensors"), |b| {
            pool.install(|| b.iter(|| emulator.predict(&samples)));
        });
        group.bench_function(format!("{name}, scalars"), |b| {
            pool.install(|| b.iter(|| scalars.predict(&samples)));
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
