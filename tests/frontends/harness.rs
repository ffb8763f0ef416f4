//! Reads mutated models and watches what it costs: no panic, no long wait, no memory beyond the cap.

#![allow(clippy::print_stderr, reason = "progress of a long run, and its end by the watchdog")]

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nn2rtl::source::Tensor;
use nn2rtl::{frontend, layers, nn, passes};
use peak_alloc::PeakAlloc;

use super::models::ModelFile;
use super::mutate::{Input, Random, Seed};

/// Time that one input may take.
const MAX_TIME: Duration = Duration::from_secs(10);

/// Bytes that may be allocated at once for one input: about a format for each of as many elements as
/// an activation may have.
pub(crate) const MAX_BYTES: usize = 128 << 20;

/// Larger models are not mutated: they would only be slower.
const MAX_SEED: usize = 200_000;

/// Models with more elements in all tensors together are not run.
const SMALL: usize = 20_000;

/// How far an input came.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) inputs: u64,
    /// Read by the frontend.
    pub(crate) read: u64,
    /// Understood by the layers.
    pub(crate) imported: u64,
    /// Run on the float engine.
    pub(crate) run: u64,
    pub(crate) slowest: Duration,
    pub(crate) most_bytes: usize,
}

/// The outcome of many inputs.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// By container.
    pub(crate) counts: BTreeMap<&'static str, Counts>,
    /// What must not happen, each with its model and seed.
    pub(crate) faults: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| container | inputs | read | imported | run | slowest ms | most MiB |")?;
        writeln!(f, "|---|---:|---:|---:|---:|---:|---:|")?;
        for (container, it) in &self.counts {
            let Counts { inputs, read, imported, run, .. } = it;
            let (time, bytes) = (it.slowest.as_millis(), it.most_bytes as f64 / f64::from(1 << 20));
            writeln!(
                f,
                "| {container} | {inputs} | {read} | {imported} | {run} | {time} | {bytes:.1} |"
            )?;
        }
        Ok(())
    }
}

/// The models small enough to be mutated.
pub(crate) fn seeds(models: &[ModelFile]) -> Vec<Seed> {
    let small = models.iter().filter(|it| it.size() <= MAX_SEED);
    small.map(Seed::read).collect()
}

/// Ends the program if an input takes too long: there is no other way out of a loop.
struct Watchdog {
    /// Milliseconds since the start of the run, and the input that began then.
    began: Arc<AtomicU64>,
    seed: Arc<AtomicU64>,
    done: Arc<AtomicBool>,
    start: Instant,
}

impl Watchdog {
    fn new() -> Watchdog {
        let start = Instant::now();
        let (began, seed, done) = (Arc::default(), Arc::default(), Arc::default());
        let dog = Watchdog { began, seed, done, start };
        let (began, seed, done) = (dog.began.clone(), dog.seed.clone(), dog.done.clone());
        std::thread::spawn(move || {
            while !done.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(250));
                let since = start.elapsed().as_millis() as u64 - began.load(Ordering::Relaxed);
                if since > MAX_TIME.as_millis() as u64 && !done.load(Ordering::Relaxed) {
                    let seed = seed.load(Ordering::Relaxed);
                    eprintln!("the input of seed {seed} takes more than {MAX_TIME:?}: hangs");
                    std::process::exit(3);
                }
            }
        });
        dog
    }

    fn begin(&self, seed: u64) {
        self.seed.store(seed, Ordering::Relaxed);
        self.began.store(self.start.elapsed().as_millis() as u64, Ordering::Relaxed);
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
    }
}

/// Runs one input per number; the number says everything about it. Alone in its process, since
/// memory is counted for the process.
pub(crate) fn run(
    seeds: &[Seed],
    numbers: impl Iterator<Item = u64>,
    memory: &PeakAlloc,
    mut progress: impl FnMut(u64, &Report),
) -> Report {
    let mut report = Report::default();
    let dog = Watchdog::new();
    for number in numbers {
        let random = &mut Random(number);
        let seed = &seeds[random.below(seeds.len())];
        let input = seed.mutated(random);
        let counts = report.counts.entry(seed.container()).or_default();
        let before = memory.current_usage();
        memory.reset_peak_usage();
        dog.begin(number);
        let start = Instant::now();
        let mut reached = Reached::default();
        let outcome = catch_unwind(AssertUnwindSafe(|| attempt(&seed.name, input, &mut reached)));
        let time = start.elapsed();
        let bytes = memory.peak_usage().saturating_sub(before);
        counts.inputs += 1;
        counts.read += u64::from(reached.read);
        counts.imported += u64::from(reached.imported);
        counts.run += u64::from(reached.run);
        counts.slowest = counts.slowest.max(time);
        counts.most_bytes = counts.most_bytes.max(bytes);
        let name = &seed.name;
        if outcome.is_err() {
            report.faults.push(format!("{number}: {name}: panic, {reached:?}"));
        }
        if bytes > MAX_BYTES {
            report.faults.push(format!("{number}: {name}: {bytes} bytes, {reached:?}"));
        }
        if time > MAX_TIME {
            report.faults.push(format!("{number}: {name}: {time:?}, {reached:?}"));
        }
        progress(number, &report);
    }
    report
}

#[derive(Debug, Default)]
struct Reached {
    read: bool,
    imported: bool,
    run: bool,
}

/// Reads, imports and runs a model as far as it goes; what is refused must be said in words.
fn attempt(name: &str, input: Input, reached: &mut Reached) {
    let weights = input.weights.map(|it| ("weights", it));
    let raw = match frontend::decode(name, input.bytes, weights, None, &Default::default()) {
        Ok(raw) => raw,
        Err(problems) => return assert!(!problems.to_string().is_empty()),
    };
    reached.read = true;
    let mut graph = match layers::import(raw) {
        Ok(graph) => graph,
        Err(problems) => return assert!(!problems.to_string().is_empty()),
    };
    reached.imported = true;
    passes::run(&mut graph, &passes::Options::default());
    let elements = graph.topo().into_iter().map(|it| graph.node(it).ty.elements());
    if elements.fold(0usize, usize::saturating_add) > SMALL {
        return;
    }
    let input = |id: &nn2rtl::graph::NodeId| Tensor::ones(graph.node(*id).ty.0.clone());
    let inputs: Vec<Tensor> = graph.inputs.iter().map(input).collect();
    nn::evaluate(&graph, &inputs, |id, value| {
        assert_eq!(value.shape(), graph.node(id).ty.0, "{}", graph.node(id).name);
    });
    reached.run = true;
}
