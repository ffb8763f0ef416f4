//! Moves operations to later stages where that saves register bits, the number of stages unchanged.
//!
//! One sweep from the outputs back looks at every operation once: how late it may be follows from
//! its users, which have moved already; the cost is piecewise linear and convex in the stage, so it
//! suffices to try the places where its slope changes. Operands that many operations read are worth
//! keeping only if most of those move: one kind of sweep asks each for its share of the cost, another
//! for all of it, and a sweep that does not pay is taken back. This is greedy, not optimal.

use super::super::datapath::{Op, ValueId};
use super::{Lifetimes, TOLERANCE_NS, Timing};

/// More sweeps than this rarely find anything.
const MAX_SWEEPS: usize = 4;

/// Improves an assignment of stages that meets the timing.
pub(super) fn settle(timing: &Timing<'_>, mut stage: Vec<u32>) -> Vec<u32> {
    let stages = timing.signals().map(|id| stage[id.index()] + 1).max().unwrap_or(1);
    let bits = |stage: &[u32]| {
        Lifetimes::new(timing.datapath, &timing.live, stage, stages).register_bits(timing.datapath)
    };
    let mut best = bits(&stage);
    for shared in [true, false] {
        for _ in 0..MAX_SWEEPS {
            let mut moved = stage.clone();
            Sweep::new(timing, &moved, stages, shared).run(&mut moved);
            let cost = bits(&moved);
            if cost >= best {
                break;
            }
            (stage, best) = (moved, cost);
        }
    }
    stage
}

/// What the users of a value that were already visited say about it.
struct Sweep<'a> {
    timing: &'a Timing<'a>,
    /// The first stage that reads the value.
    needed: Vec<u32>,
    /// When the value must be ready if it is computed in that stage.
    required: Vec<f64>,
    /// The last stage that reads the value.
    last_use: Vec<u32>,
    /// By how many the cost of keeping the value is shared.
    users: Vec<u32>,
}

impl<'a> Sweep<'a> {
    fn new(timing: &'a Timing<'a>, stage: &[u32], stages: u32, shared: bool) -> Sweep<'a> {
        let count = timing.datapath.len();
        let mut sweep = Sweep {
            timing,
            needed: vec![u32::MAX; count],
            required: vec![timing.budget; count],
            last_use: stage.to_vec(),
            users: vec![u32::from(!shared); count],
        };
        for id in timing.datapath.outputs.iter().flat_map(|port| &port.elements) {
            // The output rank is read after the last stage, in which nothing can be computed.
            sweep.last_use[id.index()] = stages;
            sweep.demand(*id, stages, f64::NEG_INFINITY);
        }
        for id in timing.signals().rev() {
            let wiring = matches!(timing.datapath.op(id), Op::Slice { .. });
            let at = if wiring { sweep.last_use[id.index()] } else { stage[id.index()] };
            for operand in timing.operands(id) {
                let last = &mut sweep.last_use[operand.index()];
                *last = at.max(*last);
                sweep.users[operand.index()] += u32::from(shared);
            }
        }
        sweep
    }

    fn demand(&mut self, id: ValueId, stage: u32, required: f64) {
        let (needed, due) = (&mut self.needed[id.index()], &mut self.required[id.index()]);
        if stage < *needed {
            (*needed, *due) = (stage, required);
        } else if stage == *needed {
            *due = due.min(required);
        }
    }

    fn run(&mut self, stage: &mut [u32]) {
        for id in self.timing.signals().rev() {
            let (needed, due) = (self.needed[id.index()], self.required[id.index()]);
            match self.timing.datapath.op(id) {
                Op::Input(..) => {}
                // Wires pass on what their users ask for; their stage is set below.
                Op::Slice { value, .. } => self.demand(value, needed, due),
                _ => self.place(id, stage),
            }
        }
        for id in self.timing.signals() {
            if let Op::Slice { value, .. } = self.timing.datapath.op(id) {
                stage[id.index()] = stage[value.index()];
            }
        }
    }

    fn place(&mut self, id: ValueId, stage: &mut [u32]) {
        let (needed, due) = (self.needed[id.index()], self.required[id.index()]);
        let (now, delay) = (stage[id.index()], self.timing.delay[id.index()]);
        let with_user = delay <= due + TOLERANCE_NS;
        let latest = if with_user { needed } else { needed.saturating_sub(1) };
        // What is too slow for a stage has one of its own and stays there.
        let to = match self.timing.fits(delay) && latest > now {
            true => self.cheapest(id, now, latest),
            false => now,
        };
        stage[id.index()] = to;
        let ready = if to == needed { due } else { self.timing.budget };
        for operand in self.timing.operands(id) {
            let last = &mut self.last_use[operand.index()];
            *last = to.max(*last);
            self.demand(operand, to, ready - delay);
        }
    }

    fn cheapest(&self, id: ValueId, now: u32, latest: u32) -> u32 {
        let share = |it: ValueId| {
            f64::from(self.timing.datapath.width(it)) / f64::from(self.users[it.index()])
        };
        let operands: Vec<(u32, f64)> =
            self.timing.operands(id).map(|it| (self.kept_until(it), share(it))).collect();
        let width = f64::from(self.timing.datapath.width(id));
        let cost = |to: u32| {
            let longer = |(until, bits): &(u32, f64)| bits * f64::from(to.saturating_sub(*until));
            operands.iter().map(longer).sum::<f64>() - width * f64::from(to - now)
        };
        let turns = operands.iter().map(|it| it.0).filter(|it| (now..latest).contains(it));
        let stages = turns.chain([now, latest]);
        // Among equals the later one: it gives the operands more room to follow.
        stages.min_by(|a, b| cost(*a).total_cmp(&cost(*b)).then(b.cmp(a))).unwrap_or(now)
    }

    /// How long an operand is there anyway, itself or what it is a part of.
    fn kept_until(&self, id: ValueId) -> u32 {
        let own = self.last_use[id.index()];
        match self.timing.datapath.op(id) {
            Op::Slice { value, .. } => own.max(self.last_use[value.index()]),
            _ => own,
        }
    }
}
