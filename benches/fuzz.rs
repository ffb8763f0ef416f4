//! A million mutated models through every frontend, the layers and the float engine.
//!
//! `cargo bench --bench fuzz -- [COUNT [FIRST]]` takes the inputs FIRST .. FIRST + COUNT; a fault is
//! given with its number, and `-- 1 NUMBER` shows it again.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it prints its table and faults")]

#[path = "../tests/frontends/harness.rs"]
mod harness;
#[path = "../tests/frontends/models.rs"]
mod models;
#[path = "../tests/frontends/mutate/mod.rs"]
mod mutate;

use std::process::ExitCode;
use std::time::Instant;

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

fn main() -> ExitCode {
    let mut numbers = std::env::args().filter_map(|it| it.parse::<u64>().ok());
    let (count, first) = (numbers.next().unwrap_or(1_000_000), numbers.next().unwrap_or(0));
    let mut files = models::own();
    files.extend(models::shared());
    let seeds = harness::seeds(&files);
    let start = Instant::now();
    let mut told = 0;
    let report = harness::run(&seeds, first..first + count, &MEMORY, |number, report| {
        for fault in &report.faults[told..] {
            eprintln!("{fault}");
        }
        told = report.faults.len();
        if (number - first + 1) % 20_000 == 0 {
            eprintln!("{} inputs, {:.0?}\n{report}", number - first + 1, start.elapsed());
        }
    });
    println!("{} models, {count} inputs from {first} on, {:.0?}", seeds.len(), start.elapsed());
    println!("{report}\n{} faults", report.faults.len());
    match report.faults.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
