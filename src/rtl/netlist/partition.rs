//! Which module holds which signals.

use super::{Module, Signal, Source};
use crate::rtl::datapath::{Datapath, Op, ScopeId, ValueId};
use crate::rtl::pipeline::Schedule;

/// A module, as an index: the layers, then the core.
type Home = u32;

/// Modules of all layers, also empty ones, then the core.
pub(super) fn partition(datapath: &Datapath, schedule: &Schedule) -> Vec<Module> {
    let core = datapath.scopes.len() as Home;
    let scopes = (0..core).map(|it| Some(ScopeId::new(it))).chain([None]);
    let empty = |scope| Module { scope, inputs: vec![], outputs: vec![], signals: vec![] };
    let mut plan = Plan {
        datapath,
        schedule,
        core,
        demands: vec![Vec::new(); datapath.len()],
        modules: scopes.map(empty).collect(),
    };
    for id in datapath.outputs.iter().flat_map(|port| &port.elements) {
        plan.demand(*id, core, schedule.stages);
    }
    let slices = slices(datapath, schedule);
    let mut rest = slices.as_slice();
    for id in datapath.values().rev() {
        // Whoever reads a slice comes after what it is a part of.
        let own = rest.partition_point(|it| it.0 >= id);
        rest[..own].iter().for_each(|it| plan.settle(it.2));
        rest = &rest[own..];
        if !matches!(datapath.op(id), Op::Slice { .. }) {
            plan.settle(id);
        }
    }
    for module in &mut plan.modules {
        for list in [&mut module.inputs, &mut module.outputs] {
            list.sort_unstable();
            list.dedup();
        }
        module.signals.sort_unstable();
    }
    plan.modules
}

/// All slices: those of the last value first, and of one value the narrowest, because they may be
/// taken from wider ones. Among equals the one without registers of its own comes first.
fn slices(datapath: &Datapath, schedule: &Schedule) -> Vec<(ValueId, u32, ValueId)> {
    let lifetimes = &schedule.lifetimes;
    let all = datapath.values().filter(|it| matches!(datapath.op(*it), Op::Slice { .. }));
    let mut slices: Vec<(ValueId, u32, ValueId)> =
        all.map(|id| (lifetimes.part(id).root, lifetimes.part(id).bits(), id)).collect();
    let keeps = |id: ValueId| lifetimes.until(id) > lifetimes.from(id);
    slices.sort_unstable_by_key(|it| (std::cmp::Reverse(it.0), it.1, keeps(it.2), it.2));
    slices
}

struct Plan<'a> {
    datapath: &'a Datapath,
    schedule: &'a Schedule,
    core: Home,
    /// Who reads each value in which stage, known once all its users are settled.
    demands: Vec<Vec<(Home, u32)>>,
    modules: Vec<Module>,
}

impl Plan<'_> {
    fn home(&self, id: ValueId) -> Home {
        match self.datapath.op(id) {
            Op::Input(..) => self.core,
            _ => self.datapath.scope_of(id).index() as Home,
        }
    }

    fn demand(&mut self, id: ValueId, home: Home, stage: u32) {
        if !matches!(self.datapath.op(id), Op::Const(_)) {
            self.demands[id.index()].push((home, stage));
        }
    }

    /// Gives the signals of a value to modules and asks for those they are made of.
    fn settle(&mut self, id: ValueId) {
        let mut demands = std::mem::take(&mut self.demands[id.index()]);
        if demands.is_empty() {
            return;
        }
        demands.sort_unstable();
        demands.dedup();
        let home = self.home(id);
        let end = self.end_at_home(id, home, &demands);
        let mut needed: Vec<u32> = Vec::new();
        for readers in demands.chunk_by(|a, b| a.0 == b.0) {
            let (reader, last) = (readers[0].0, readers[readers.len() - 1].1);
            needed.extend(readers.iter().map(|it| it.1.min(end)));
            if reader != home {
                for (_, stage) in readers {
                    let signal = Signal { stage: end.min(*stage), value: id };
                    self.modules[reader as usize].inputs.push(signal);
                    self.modules[home as usize].outputs.push(signal);
                }
                self.registers(id, reader, end, last);
            }
        }
        needed.sort_unstable();
        needed.dedup();
        self.define(id, home, &needed);
    }

    /// The last stage for which the home of a value has registers.
    fn end_at_home(&self, id: ValueId, home: Home, demands: &[(Home, u32)]) -> u32 {
        // Up to `end`, every reader has been given what it begins with; of those that read on, only
        // one may do so by itself.
        let (mut end, mut longest, mut second) = (0, 0, 0);
        for readers in demands.chunk_by(|a, b| a.0 == b.0) {
            let (first, last) = (readers[0].1, readers[readers.len() - 1].1);
            if readers[0].0 == home {
                end = last.max(end);
                continue;
            }
            end = first.max(end);
            second = second.max(longest.min(last));
            longest = longest.max(last);
        }
        // A slice has no registers before this stage, so nobody can have them instead.
        let free = self.schedule.lifetimes.from(id).min(longest);
        end.max(second).max(free)
    }

    /// Registers behind `from`, up to `until`.
    fn registers(&mut self, id: ValueId, home: Home, from: u32, until: u32) {
        let registers =
            (from + 1..=until).map(|stage| (Signal { stage, value: id }, Source::Registered));
        self.modules[home as usize].signals.extend(registers);
    }

    /// The signals of a value in its own module, of which others need the stages `needed`.
    fn define(&mut self, id: ValueId, home: Home, needed: &[u32]) {
        let last = needed.last().copied().unwrap_or(0);
        let signals = home as usize;
        let lifetimes = &self.schedule.lifetimes;
        if let Op::Slice { .. } = self.datapath.op(id) {
            let from = lifetimes.from(id);
            let mut taken: Vec<u32> = needed.iter().copied().filter(|it| *it <= from).collect();
            // The registers start from the slice itself.
            if last > from && taken.last() != Some(&from) {
                taken.push(from);
            }
            for stage in taken {
                self.modules[signals].signals.push((Signal { stage, value: id }, Source::Sliced));
                self.demand(lifetimes.holder(id, stage), home, stage);
            }
            self.registers(id, home, from, last);
            return;
        }
        let stage = self.schedule.stage(id);
        self.modules[signals].signals.push((Signal { stage, value: id }, Source::Computed));
        self.registers(id, home, stage, last);
        if lifetimes.taken(self.datapath, id).is_some() {
            return self.demand(lifetimes.holder(id, stage), home, stage);
        }
        let stage = self.schedule.read_at(self.datapath, id);
        for operand in self.datapath.op(id).operands() {
            self.demand(operand, home, stage);
        }
    }
}
