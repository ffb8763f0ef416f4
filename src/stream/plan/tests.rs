//! FIFOs have the words that they need and none more.

use super::*;
use crate::stream::tests::{graph, models};
use crate::stream::{Loops, cut};

/// Kernels of different lengths.
fn timing(it: ProcessId) -> Timing {
    Timing { latency: 2 + it.0 as u32 % 4, interval: 1 }
}

/// Interval and latency; `None` if it halts.
fn figures(flow: &Dataflow, fifos: &Fifos) -> Option<(u64, u64)> {
    Simulation::new(flow, timing, fifos).run().ok().map(|it| it.figures())
}

/// With one word less in any FIFO of any model, everything halts or becomes slower.
#[test]
fn every_word_is_needed() {
    let (mut halts, mut slower) = (0, 0);
    for file in models() {
        let Some(graph) = graph(&file) else { continue };
        for reuse in [1, 4] {
            let (flow, _) = cut(&graph, Loops::Around, |_| reuse);
            eprintln!("{file} {reuse}: {} processes {}", flow.processes.len(), plan_words(&flow));
            if flow.processes.len() > 60 {
                continue;
            };
            let start = std::time::Instant::now();
            let plan = paced(&flow, timing);
            let planned = start.elapsed();
            let wanted = (plan.interval, plan.latency);
            assert_eq!(figures(&flow, &plan.fifos), Some(wanted), "{file}");
            for (reader, depth) in &plan.fifos {
                let less = with_depth(&plan.fifos, *reader, depth - 1);
                match figures(&flow, &less) {
                    None => halts += 1,
                    Some(worse) if worse > wanted => slower += 1,
                    Some(same) => panic!("{file}: {reader:?} has {depth} words: {same:?}"),
                }
            }
            eprintln!(
                "{file} {reuse} fifos {:?} {:?} {:?}",
                plan.fifos.values(),
                planned,
                start.elapsed()
            );
        }
    }
    eprintln!("{halts} {slower}");
    assert!(halts > 50 && slower > 50, "{halts} halt, {slower} are slower");
}

fn plan_words(flow: &Dataflow) -> usize {
    flow.streams.iter().map(|it| it.tokens).max().unwrap_or(0)
}
