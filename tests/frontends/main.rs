//! The frontends on whole files: what they allocate, and what damaged files do to them. A binary of
//! its own, because it counts allocations, and all in one test, because they are the process's.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests; a skipped one says so")]

mod harness;
mod memory;
mod models;
mod mutate;

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Inputs of the bounded run; `cargo bench --bench fuzz` takes a million.
const INPUTS: u64 = 6000;

#[test]
fn imports_are_thrifty_and_damaged_files_do_no_harm() {
    memory::imports_allocate_little(&MEMORY);
    let seeds = harness::seeds(&models::own());
    let report = harness::run(&seeds, 0..INPUTS, &MEMORY, |_, _| {});
    eprintln!("{report}");
    assert!(report.faults.is_empty(), "{}", report.faults.join("\n"));
    for (container, counts) in &report.counts {
        // Of text few changes leave a model: in the long run one in twenty-two.
        let one_in = if *container == "Expressions" { 50 } else { 20 };
        let reached = counts.imported * one_in > counts.inputs && counts.run > 0;
        assert!(reached, "{container}: changes are too rough to reach anything: {counts:?}");
    }
    assert_eq!(report.counts.len(), 6, "every container");
}
