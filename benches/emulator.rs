//! Samples per second of the emulator on one core: an MLP 16-64-32-32-5 of 16-bit formats.
//!
//! The side-by-side measurement against hls4ml's compiled library is `benches/predict.py`.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use nn2rtl::emulate::Emulator;
use nn2rtl::error::Origin;
use nn2rtl::fixed::{Builder, Format, Graph, Type};
use nn2rtl::nn::Shape;
use nn2rtl::units::{Input, Mac, Rectify};

/// Dense layers with exact accumulators and 16-bit activations, as the defaults size them.
fn mlp(widths: &[usize]) -> Graph {
    let mut builder = Builder::new();
    let format = Format::signed(16, 6);
    builder.enter(Origin::new("bench", "input"));
    let ty = Type::uniform(Shape(vec![widths[0]]), format);
    let mut value = builder.add("", Input { ty }, &[]);
    builder.graph.inputs.push(value);
    let mut state = 1u64;
    let mut random = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        i128::from((state >> 48) as i16)
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
        };
        let sum = builder.add("", mac, &[value]);
        value = builder.add("relu", Rectify::relu(format.rounded()), &[sum]);
    }
    builder.graph.outputs.push(value);
    builder.graph
}

fn bench(c: &mut Criterion) {
    let graph = mlp(&[16, 64, 32, 32, 5]);
    let emulator = Emulator::new(&graph);
    let samples: Vec<f64> = (0..16 * 4096).map(|it| f64::from(it % 977) / 61.0 - 8.0).collect();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    let mut group = c.benchmark_group("emulator");
    group.throughput(Throughput::Elements(4096));
    group.bench_function("mlp 16-64-32-32-5, one core", |b| {
        pool.install(|| b.iter(|| emulator.predict(&samples)));
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
