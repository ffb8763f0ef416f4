//! Reading a model allocates no more than four times its file, archives unpacked.

#![allow(clippy::print_stderr, reason = "the measured figures")]

use nn2rtl::{frontend, layers};
use peak_alloc::PeakAlloc;

use super::models;

/// What files of any size may take besides.
const CONSTANT: usize = 256 << 10;

/// Checks every model file there is; only some may be refused, which allocates as well.
pub(crate) fn imports_allocate_little(memory: &PeakAlloc) {
    let mut faults = Vec::new();
    for file in models::own().into_iter().chain(models::shared()) {
        let before = memory.current_usage();
        memory.reset_peak_usage();
        let raw = frontend::load(&file.model, file.weights.as_deref());
        let read = memory.peak_usage() - before;
        let graph = raw.and_then(layers::import);
        let peak = memory.peak_usage() - before;
        drop(graph);
        let size = file.size();
        let factor = peak as f64 / size as f64;
        let name = file.name();
        eprintln!("{name}: {size} bytes, {read} to read, {peak} in all: {factor:.2}");
        if peak > 4 * size + CONSTANT {
            faults.push(format!("{name}: {peak} bytes for a file of {size}: {factor:.2} times"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
