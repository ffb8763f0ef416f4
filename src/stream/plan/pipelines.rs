//! Pipelines between two clock edges: kernels, arrays, loops.

use std::collections::VecDeque;

use super::{Timing, whole_room};
use crate::stream::Array;

/// A pipeline that is a loop: first values are read at the first step, and not every step gives a token.
#[derive(Clone, Debug)]
pub(super) struct Steps {
    pub(super) pipeline: Kernel,
    pub(super) sequences: usize,
    /// By step of a loop.
    pub(super) gives: Vec<bool>,
    pub(super) at: usize,
}

/// `nn_mac_array` where a pack that completes a token waits before the last step of its first group until
/// the sums of the token before have been taken.
#[derive(Clone, Debug)]
pub(super) struct Keeper {
    /// Steps of a group and of a pack.
    inner: usize,
    steps: usize,
    /// Packs of a token that are summed up, and the present one.
    parts: usize,
    part: usize,
    /// Cycles from a token's last step to its sums.
    behind: usize,
    at: Present,
    /// When the sums of tokens are complete, the oldest first.
    pipe: VecDeque<u64>,
    /// Of a token that has not been taken all steps have been made.
    owed: bool,
    pub(super) full: bool,
}

/// The pack that a [`Keeper`] works at.
#[derive(Clone, Copy, Debug)]
enum Present {
    None,
    /// In its first group, whose last step is due then and may have to wait.
    First(u64),
    /// Its last step is due then.
    Rest(u64),
}

/// A pipeline with credits and a FIFO behind it: `top.sv.tera`, and `nn_mac_array`, which is busy with a
/// token for several cycles.
#[derive(Clone, Debug)]
pub(super) struct Kernel {
    latency: usize,
    /// Cycles a token.
    pub(super) steps: usize,
    /// From when on the next token may be taken.
    free: u64,
    /// When what was taken comes out, the oldest first.
    pipe: VecDeque<u64>,
    pub(super) stored: usize,
    flying: usize,
    pub(super) most: usize,
    credits: usize,
    ready: bool,
}

impl Steps {
    /// Whether the present step reads an input.
    pub(super) fn reads(&self, port: usize) -> bool {
        self.at == 0 || port < self.sequences
    }

    /// Whether all is there that the present step reads.
    pub(super) fn there(&self, there: &[bool]) -> bool {
        there.iter().enumerate().all(|(port, it)| *it || !self.reads(port))
    }

    pub(super) fn step(&mut self, now: u64, takes: bool, out_ready: bool) -> bool {
        let changed = self.pipeline.step(now, takes, takes && self.gives[self.at], out_ready);
        if takes {
            self.at = (self.at + 1) % self.gives.len();
        }
        changed
    }
}

impl Keeper {
    pub(super) fn new(array: &Array) -> Keeper {
        let (inner, steps, behind) = (array.inner(), array.steps(), array.behind());
        let (parts, at, pipe) = (array.parts(), Present::None, VecDeque::new());
        Keeper { inner, steps, parts, part: 0, behind, at, pipe, owed: false, full: false }
    }

    /// Whether the present pack completes a token.
    fn closes(&self) -> bool {
        self.part + 1 == self.parts
    }

    /// Whether the last step of a pack is made.
    fn ends(&self, now: u64) -> bool {
        match self.at {
            Present::None => false,
            Present::First(due) => self.inner == self.steps && now >= due && !self.owed,
            Present::Rest(due) => now == due,
        }
    }

    pub(super) fn takes(&self, now: u64) -> bool {
        matches!(self.at, Present::None) || self.ends(now)
    }

    pub(super) fn next(&self, now: u64) -> Option<u64> {
        let due = match self.at {
            Present::First(due) | Present::Rest(due) => Some(due),
            Present::None => None,
        };
        let all = due.into_iter().chain(self.pipe.front().copied());
        all.filter(|it| *it > now).min()
    }

    pub(super) fn step(&mut self, now: u64, take: bool, out_ready: bool) -> bool {
        let (ends, gives) = (self.ends(now), self.full && out_ready);
        let completes = ends && self.closes();
        if completes {
            self.pipe.push_back(now + self.behind as u64);
        }
        if ends {
            self.part = (self.part + 1) % self.parts;
        }
        let arrives = self.pipe.front() == Some(&now);
        if arrives {
            self.pipe.pop_front();
        }
        let changes = ends || arrives || self.owed && gives;
        let turns = match self.at {
            Present::First(due) if now >= due && !self.owed && !ends => Some(due),
            _ => None,
        };
        self.full = arrives || self.full && !gives;
        self.at = match self.at {
            _ if take && self.closes() => Present::First(now + self.inner as u64),
            _ if take => Present::Rest(now + self.steps as u64),
            _ if ends => Present::None,
            _ if turns.is_some() => Present::Rest(now + (self.steps - self.inner) as u64),
            at => at,
        };
        self.owed = completes || self.owed && !gives;
        changes || turns.is_some()
    }
}

impl Kernel {
    pub(super) fn of(timing: Timing, room: Option<usize>) -> Kernel {
        let Timing { latency, interval } = timing;
        let credits = room.unwrap_or(whole_room(latency));
        Kernel::new(latency as usize, credits, interval.max(1) as usize)
    }

    pub(super) fn new(latency: usize, credits: usize, steps: usize) -> Kernel {
        let (pipe, free) = (VecDeque::new(), 0);
        let (stored, flying, most) = (0, 0, 0);
        Kernel { latency, steps, free, pipe, stored, flying, most, credits, ready: false }
    }

    pub(super) fn takes(&self, now: u64) -> bool {
        self.ready && now >= self.free
    }

    /// Whether the pipeline gives a token; without registers the one that comes in.
    pub(super) fn arrives(&self, now: u64, inputs: bool) -> bool {
        match self.latency {
            0 => inputs && self.takes(now),
            _ => self.pipe.front() == Some(&now),
        }
    }

    pub(super) fn next(&self, now: u64) -> Option<u64> {
        let all = self.pipe.front().copied().into_iter().chain([self.free]);
        all.filter(|it| *it > now).min()
    }

    /// The clock edge: whether a token is taken, and whether one will be given for it.
    pub(super) fn step(&mut self, now: u64, take: bool, counts: bool, out_ready: bool) -> bool {
        let arrives = self.arrives(now, counts);
        let gives = out_ready && (self.stored > 0 || arrives);
        self.stored = self.stored + usize::from(arrives) - usize::from(gives);
        self.flying = self.flying + usize::from(counts) - usize::from(gives);
        self.most = self.most.max(self.flying);
        if self.latency > 0 {
            if arrives {
                self.pipe.pop_front();
            }
            if counts {
                self.pipe.push_back(now + self.latency as u64);
            }
        }
        let ready = self.flying < self.credits;
        let changes = arrives || ready != self.ready;
        self.ready = ready;
        if take {
            self.free = now + self.steps as u64;
        }
        changes
    }
}
