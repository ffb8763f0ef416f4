//! FIFOs have the words that they need and none more.

use super::*;
use crate::stream::tests::{graph, models};
use crate::stream::{Loops, Ports, cut};

/// Processes of the dataflows that are tried: others take long to plan.
const MOST: usize = 48;

/// Kernels of different lengths.
fn timing(it: ProcessId) -> Timing {
    Timing { latency: 2 + it.0 as u32 % 4, interval: 1 }
}

/// Interval and latency; `None` if it halts.
fn figures(flow: &Dataflow, fifos: &Fifos) -> Option<(u64, u64)> {
    Simulation::new(flow, timing, &Rooms::new(), fifos).run().ok().map(|it| it.figures())
}

/// With one word less in any FIFO of any model, everything halts or becomes slower.
#[test]
fn every_word_is_needed() {
    let (mut halt, mut slower, mut flows) = (0, 0, 0);
    for file in models() {
        let Some(graph) = graph(&file) else { continue };
        let ports = [(1, Ports::Pixels), (4, Ports::Pixels), (4, Ports::Tensors)];
        for (reuse, ports) in ports {
            let (flow, _) = cut(&graph, Loops::Around, ports, |_| reuse.into());
            if flow.processes.len() > if ports == Ports::Tensors { MOST / 2 } else { MOST } {
                continue;
            }
            flows += 1;
            let plan = paced(&flow, timing);
            let wanted = (plan.interval, plan.latency);
            assert_eq!(figures(&flow, &plan.fifos), Some(wanted), "{file}");
            let held = held(&flow);
            // A word of whole tensors that wait makes nothing faster.
            let needed = plan.fifos.iter().filter(|it| *it.1 > 1 || !held.contains(it.0));
            for (reader, depth) in needed {
                let less = with_depth(&plan.fifos, *reader, depth - 1);
                match figures(&flow, &less) {
                    None => halt += 1,
                    Some(worse) if worse > wanted => slower += 1,
                    Some(same) => panic!("{file}: {reader:?} has {depth} words: {same:?}"),
                }
            }
        }
    }
    assert!(
        halt > 0 && slower > 20 && flows > 20,
        "{halt} halt, {slower} are slower, {flows} flows"
    );
}
