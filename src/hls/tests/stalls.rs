//! Tasks as pipelines that keep what they have while no input comes, the worst that the vendor's
//! compiler may make of them, with FIFOs of the depths that are printed.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

use super::super::{Depths, schedule};
use crate::compile;
use crate::config::Config;
use crate::stream::plan::Timing;
use crate::stream::{Dataflow, Kind, Loops, Ports, ProcessId, StreamId, Window, cut};

/// Samples that go through.
const SAMPLES: usize = 4;

/// A loop over a sample.
struct Task {
    /// FIFOs that are read and written.
    inputs: Vec<usize>,
    outputs: Vec<usize>,
    iterations: Vec<Iteration>,
    interval: usize,
    /// Iterations inside, the oldest first: whether they write.
    pipe: VecDeque<bool>,
    next: usize,
    /// Cycles until the next iteration may begin.
    wait: usize,
    samples: usize,
}

/// How many of the inputs an iteration reads, and whether it writes.
type Iteration = (usize, bool);

/// A FIFO: words in it, and its depth.
type Fifo = (usize, usize);

impl Task {
    fn new(
        inputs: Vec<usize>,
        outputs: Vec<usize>,
        iterations: Vec<Iteration>,
        timing: Timing,
    ) -> Task {
        let pipe = vec![false; timing.latency.max(1) as usize].into();
        let interval = timing.interval.max(1) as usize;
        Task { inputs, outputs, iterations, interval, pipe, next: 0, wait: 0, samples: 0 }
    }

    /// A cycle; whether anything moved.
    fn cycle(&mut self, fifos: &mut [Fifo]) -> bool {
        let gives = self.pipe[0];
        if self.samples == SAMPLES
            || gives && self.outputs.iter().any(|it| fifos[*it].0 == fifos[*it].1)
        {
            return false;
        }
        let ended = self.next == self.iterations.len();
        let begins = !ended && self.wait == 0;
        let (reads, writes) = if begins { self.iterations[self.next] } else { (0, false) };
        let inputs = &self.inputs[..reads];
        if inputs.iter().any(|it| fifos[*it].0 == 0) {
            // All stages wait with the first one.
            return false;
        }
        inputs.iter().for_each(|it| fifos[*it].0 -= 1);
        if gives {
            self.outputs.iter().for_each(|it| fifos[*it].0 += 1);
        }
        self.pipe.pop_front();
        self.pipe.push_back(writes);
        self.next += usize::from(begins);
        self.wait = if begins { self.interval - 1 } else { self.wait.saturating_sub(1) };
        if ended && !self.pipe.contains(&true) {
            (self.next, self.wait, self.samples) = (0, 0, self.samples + 1);
        }
        true
    }
}

/// What `nn_window.h` does in every iteration.
fn window(window: &Window) -> Vec<Iteration> {
    let (mut head, mut need, mut place) = (0, window.first + 1, 0);
    let (mut again, mut made) = (false, Vec::new());
    while head < window.tokens + window.flush() || again {
        let reads = !again && head < window.tokens;
        head += usize::from(!again);
        again = false;
        let writes = place < window.places() && head == need;
        if writes {
            place += 1;
            let index = |it: usize| -> usize {
                let along = window.index(it).into_iter().zip(&window.strides);
                along.map(|(at, stride)| at * stride).sum()
            };
            if place < window.places() {
                let step = index(place) - index(place - 1);
                again = step == 0;
                need += step;
            }
        }
        made.push((usize::from(reads), writes));
    }
    made
}

/// Iterations of a process.
fn iterations(flow: &Dataflow, id: usize) -> Vec<Iteration> {
    let process = &flow.processes[id];
    let tokens = |it: Option<&StreamId>| it.map_or(0, |it| flow.stream(*it).tokens);
    let (from, to) = (tokens(process.inputs.first()), tokens(process.outputs.first()));
    let (longer, taken, given) = (from.max(to), from.max(1), to.max(1));
    let all = process.inputs.len();
    match &process.kind {
        Kind::Window(it) => window(it),
        Kind::Loop(it) => (0..it.count * it.steps)
            .map(|at| at % it.steps)
            .map(|step| (if step == 0 { all } else { it.sequences() }, it.gives(step)))
            .collect(),
        Kind::Permute(it) if it.is_selection() => {
            (0..it.tokens).map(|at| (all, it.order.contains(&at))).collect()
        }
        Kind::Permute(it) => {
            let read = std::iter::repeat_n((all, false), it.tokens);
            read.chain(std::iter::repeat_n((0, true), it.order.len())).collect()
        }
        // Of several tokens the last makes the long one, of a long one the first needs it.
        _ => (0..longer)
            .map(|it| {
                let reads = from > 0 && it % (longer / taken) == 0;
                (if reads { all } else { 0 }, to > 0 && (it + 1) % (longer / given) == 0)
            })
            .collect(),
    }
}

/// Whether all samples come out.
fn runs(flow: &Dataflow, depths: &Depths, timing: impl Fn(usize) -> Timing) -> bool {
    let mut fifos: Vec<Fifo> = Vec::new();
    let mut fifo = |depth: usize| {
        fifos.push((0, depth));
        fifos.len() - 1
    };
    let simple = Timing { latency: 3, interval: 1 };
    let (mut tasks, mut ends, mut heads) = (Vec::new(), BTreeMap::new(), Vec::new());
    for at in 0..flow.streams.len() {
        let readers = flow.readers(StreamId(at));
        let own = readers.iter().map(|it| fifo(depths.get(it).copied().unwrap_or(2)));
        let own: Vec<usize> = own.collect();
        ends.extend(readers.iter().copied().zip(own.iter().copied()));
        if let [only] = own[..] {
            heads.push(only);
            continue;
        }
        let trunk = fifo(2);
        heads.push(trunk);
        let copies = vec![(1, true); flow.streams[at].tokens];
        tasks.push(Task::new(vec![trunk], own, copies, simple));
    }
    for (at, process) in flow.processes.iter().enumerate() {
        let inputs = (0..process.inputs.len()).map(|port| ends[&(ProcessId(at), port)]).collect();
        let outputs = process.outputs.iter().map(|it| heads[it.0]).collect();
        let own = if matches!(process.kind, Kind::Kernel(_) | Kind::Loop(_)) {
            timing(at)
        } else {
            simple
        };
        tasks.push(Task::new(inputs, outputs, iterations(flow, at), own));
    }
    while tasks.iter().any(|it| it.samples < SAMPLES) {
        let mut moved = false;
        for task in &mut tasks {
            moved |= task.cycle(&mut fifos);
        }
        if !moved {
            return false;
        }
    }
    true
}

#[test]
fn stalled_pipelines_do_not_halt() {
    let mut halted = [0; 2];
    for file in [
        "layers_conv.keras",
        "layers_pool.keras",
        "hgq2_conv.keras",
        "hls4ml_wires.keras",
        "graph.onnx",
        "onnx_norms.onnx",
        "t_more.pt2",
        "hgq2_recurrent.keras",
    ] {
        let path = format!("{}/tests/models/{file}", env!("CARGO_MANIFEST_DIR"));
        let loaded = compile::load(Path::new(&path), None, &Default::default()).unwrap();
        let compiled = compile::compile(loaded, &Config::default(), &[], Vec::new()).unwrap();
        let (flow, _) = cut(&compiled.design.graph, Loops::Inside, Ports::Pixels, |_| 1.into());
        for (least, interval) in [(0, 1), (2, 1), (9, 1), (9, 4), (40, 1)] {
            // Kernels of different latencies, and twice of it: as far off as the estimate may be.
            let cycles = |it: usize| least + (it as u32 * 7) % (least + 1);
            let schedule = schedule(&flow, |it| Timing { latency: cycles(it.0), interval });
            let slower = |it: usize| Timing { latency: 2 * cycles(it), interval };
            assert!(runs(&flow, &schedule.depths, slower), "{file}, latency {least}");
            let depths = schedule.plan.fifos.iter().map(|it| (*it.0, (*it.1).max(2)));
            for (halted, depths) in halted.iter_mut().zip([Depths::new(), depths.collect()]) {
                *halted += usize::from(!runs(&flow, &depths, slower));
            }
        }
    }
    // Neither are two words enough, nor those that pipelines need which keep nothing.
    assert!(halted[0] > 5 && halted[1] > 0, "{halted:?} halted");
}
