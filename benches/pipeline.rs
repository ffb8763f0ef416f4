//! Operations per second from the scalar program to SystemVerilog: the passes, the pipeline scheduler,
//! the files. The programs are layers of random sums of few operands each, as adder graphs are, with
//! casts between the layers.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use nn2rtl::device;
use nn2rtl::rtl::datapath::{Datapath, Interval, Op, Port, Term, ValueId};
use nn2rtl::rtl::emit::{self, Family, RtlOptions};
use nn2rtl::rtl::passes;
use nn2rtl::rtl::pipeline::schedule;

/// Sums at every depth of a layer, and how many layers follow each other.
const DEPTH: usize = 6;
const LAYERS: usize = 5;

fn datapath(operations: usize) -> Datapath {
    let mut state = 1u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize % below
    };
    let mut datapath = Datapath::default();
    let width = operations / (LAYERS * DEPTH);
    let byte = Interval::new(-128, 127);
    let mut pool: Vec<ValueId> =
        (0..width as u32).map(|it| datapath.push(Op::Input(0, it), byte)).collect();
    let slots = vec![(8, true); pool.len()];
    datapath.inputs.push(Port { name: "x".to_owned(), elements: pool.clone(), slots });
    for _ in 0..LAYERS {
        let mut all = pool.clone();
        for _ in 0..DEPTH {
            // Operands are near by, mostly of the level before, some older.
            let mut level = Vec::with_capacity(width);
            for at in 0..width {
                let mut near = |old: usize| {
                    let span = old.min(400);
                    let first = at.saturating_sub(span / 2).min(old - span);
                    first + random(span)
                };
                let a = pool[near(pool.len())];
                let b = if at % 3 == 0 { all[near(all.len())] } else { pool[near(pool.len())] };
                let b = Term { value: b, shift: (at % 4) as u32, negate: at % 2 == 0 };
                level.push(datapath.add(Term::plain(a), b));
            }
            all.clone_from(&pool);
            pool = level;
        }
        for value in &mut pool {
            *value = datapath.slice(*value, 4, 8, true);
        }
    }
    let slots = vec![(8, true); pool.len()];
    datapath.outputs.push(Port { name: "y".to_owned(), elements: pool, slots });
    datapath
}

fn bench(c: &mut Criterion) {
    let device = device::find("xcvu9p").expect("a device of the tables");
    let mut group = c.benchmark_group("pipeline");
    group.sample_size(10);
    for operations in [10_000, 100_000, 1_000_000] {
        let datapath = datapath(operations);
        let it = schedule(&datapath, device.delay(), 2.5).expect("a clock that is long enough");
        let name = format!("{} stages, exact: {}", it.stages, it.exact);
        group.throughput(Throughput::Elements(operations as u64));
        group.bench_function(BenchmarkId::new(name, operations), |b| {
            b.iter(|| schedule(&datapath, device.delay(), 2.5));
        });
    }
}

/// Every stage of the direct path by itself.
fn stages(c: &mut Criterion) {
    let device = device::find("xcvu9p").expect("a device of the tables");
    let options = RtlOptions {
        name: "bench".to_owned(),
        part: device.part.clone(),
        clock_ns: 5.0,
        family: Family::Vivado,
        fixed_blocks: false,
    };
    let mut group = c.benchmark_group("stages");
    group.sample_size(10);
    for operations in [100_000, 1_000_000] {
        let program = datapath(operations);
        let optimized = passes::optimize(&program);
        let clock = schedule(&optimized, device.delay(), 5.0);
        let pipeline = clock.expect("a clock that is long enough");
        group.throughput(Throughput::Elements(operations as u64));
        group.bench_function(BenchmarkId::new("passes", operations), |b| {
            b.iter(|| passes::optimize(&program));
        });
        group.bench_function(BenchmarkId::new("schedule", operations), |b| {
            b.iter(|| schedule(&optimized, device.delay(), 5.0));
        });
        group.bench_function(BenchmarkId::new("emit", operations), |b| {
            b.iter(|| emit::project(&optimized, &pipeline, &options));
        });
    }
}

criterion_group!(benches, bench, stages);
criterion_main!(benches);
