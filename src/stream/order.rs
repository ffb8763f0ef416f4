//! Processes in order: every one behind those that it reads, without those that nobody reads.

use super::{Dataflow, Kind, Process, ProcessId, Stream, StreamId};

/// Puts processes behind those that they read, and leaves out what nobody reads.
pub(super) fn sorted(mut flow: Dataflow) -> Dataflow {
    let count = flow.processes.len();
    let dead = unread(&flow);
    let mut order: Vec<usize> = Vec::with_capacity(count);
    let mut placed = vec![false; count];
    let live = dead.iter().filter(|it| !**it).count();
    while order.len() < live {
        let before = order.len();
        for at in (0..count).filter(|it| !dead[*it]) {
            let ready = |it: &StreamId| placed[flow.stream(*it).from.0];
            if !placed[at] && flow.processes[at].ahead().iter().all(ready) {
                placed[at] = true;
                order.push(at);
            }
        }
        assert!(order.len() > before, "only states of loops read what comes behind");
    }
    let mut position = vec![0; count];
    order.iter().enumerate().for_each(|(to, from)| position[*from] = to);
    let kept = |it: &Stream| !dead[it.from.0];
    let mut streams = Vec::with_capacity(flow.streams.len());
    let mut renamed = vec![StreamId(0); flow.streams.len()];
    for (at, stream) in flow.streams.drain(..).enumerate().filter(|it| kept(&it.1)) {
        renamed[at] = StreamId(streams.len());
        streams.push(Stream { from: ProcessId(position[stream.from.0]), ..stream });
    }
    let mut old: Vec<Option<Process>> = flow.processes.into_iter().map(Some).collect();
    let processes = order.iter().filter_map(|it| old[*it].take()).map(|it| {
        let ids = |ids: Vec<StreamId>| ids.into_iter().map(|it| renamed[it.0]).collect();
        Process { inputs: ids(it.inputs), outputs: ids(it.outputs), ..it }
    });
    let processes = processes.collect();
    let mut computed = flow.computed;
    computed.retain(|_, it| !dead[it.0.0]);
    computed.values_mut().for_each(|it| it.0 = ProcessId(position[it.0.0]));
    Dataflow { processes, streams, computed, ..flow }
}

/// By process: it computes or repacks, and nobody reads that.
fn unread(flow: &Dataflow) -> Vec<bool> {
    let mut readers = vec![0_usize; flow.streams.len()];
    flow.processes.iter().flat_map(|it| &it.inputs).for_each(|it| readers[it.0] += 1);
    let mut dead = vec![false; flow.processes.len()];
    let is_unread = |readers: &[usize], it: &Process| {
        let is_inside = matches!(it.kind, Kind::Repack | Kind::Kernel(_));
        is_inside && !it.outputs.is_empty() && it.outputs.iter().all(|it| readers[it.0] == 0)
    };
    while let Some(at) =
        (0..dead.len()).find(|at| !dead[*at] && is_unread(&readers, &flow.processes[*at]))
    {
        dead[at] = true;
        flow.processes[at].inputs.iter().for_each(|it| readers[it.0] -= 1);
    }
    dead
}
