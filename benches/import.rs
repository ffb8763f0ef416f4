//! Time from a file's bytes to the float graph, for every model of this repository and every public
//! one beside it.
//!
//! `cargo bench --bench import` measures each by itself; the last line names the slowest of all.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it prints its summary")]

#[path = "../tests/frontends/models.rs"]
mod models;

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use nn2rtl::{frontend, layers};

use self::models::ModelFile;

/// Reads and imports; a refusal takes its time, too.
fn import(file: &ModelFile) -> bool {
    let raw = frontend::load(&file.model, file.weights.as_deref());
    black_box(raw.and_then(layers::import)).is_ok()
}

fn imports(criterion: &mut Criterion) {
    let mut files = models::own();
    files.extend(models::shared());
    let mut slowest = (Duration::ZERO, String::new());
    let mut group = criterion.benchmark_group("import");
    group.sample_size(20).measurement_time(Duration::from_secs(1));
    for file in &files {
        let name = file.name();
        import(file);
        let start = Instant::now();
        let done = import(file);
        let refused = if done { "" } else { " (refused)" };
        slowest = slowest.max((start.elapsed(), format!("{name}{refused}, {} bytes", file.size())));
        group.bench_function(name.replace('/', "."), |it| it.iter(|| import(file)));
    }
    group.finish();
    assert!(slowest.0 < Duration::from_millis(100), "{slowest:?}");
    println!("slowest of {} models: {:.1?}, {}", files.len(), slowest.0, slowest.1);
}

criterion_group!(benches, imports);
criterion_main!(benches);
