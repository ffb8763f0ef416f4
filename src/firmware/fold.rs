//! How often multipliers are used, chosen for a rate or for a device.
//!
//! A layer that gives `t` tokens a sample, each in `s` cycles of its array, keeps up with a sample every
//! `t * s` cycles. For an interval every layer takes the largest reuse factor with which it keeps up, so that
//! none is faster than the slowest must be. No interval can be shorter than the longest stream has tokens.
//!
//! For a device the shortest interval is searched for with which the estimate fits.
//!
//! A design whose ports carry whole tensors may also stay one pipeline, which takes a sample a cycle: for a device
//! if it fits, for an interval that no folding reaches or that asks for none.

use std::collections::BTreeMap;

use serde::Serialize;

use super::shared::{self, Shared};
use super::strategy::given;
use super::stream::{Divided, Known, cut, divide};
use super::{Rtl, resources, unrolled};
use crate::config::Io;
use crate::design::Design;
use crate::device::{Device, Resources};
use crate::error::Result;
use crate::stream::plan::{Plan, whole_room};
use crate::stream::{Dataflow, Kind, ProcessId};

/// What a folding is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// A sample in no more than so many cycles, on as few multipliers as that takes.
    Interval(u64),
    /// The shortest interval that fits the device.
    Fit,
}

/// A layer that was folded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LayerFold {
    /// The layer.
    pub layer: String,
    /// Tokens of a sample.
    pub tokens: usize,
    /// Products of a token.
    pub products: usize,
    /// How often a multiplier is used for a token.
    pub reuse: usize,
    /// Multipliers that are left; none where adder graphs do without.
    pub multipliers: usize,
}

/// What was chosen, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// Tokens of the longest stream: cycles that a sample takes at least.
    pub least: u64,
    /// The layer that makes it.
    pub longest: String,
    /// Cycles that a layer may take for a sample.
    pub limit: u64,
    /// Cycles between samples.
    pub interval: u64,
    /// Everything.
    pub resources: Resources,
    /// Nothing is folded: one pipeline takes a sample a cycle.
    pub unrolled: bool,
    /// The layers.
    pub layers: Vec<LayerFold>,
}

/// No folding does it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Unmet {
    /// Too fast.
    #[error(
        "a sample every {wanted} cycles: {longest} alone has {least} tokens a sample, and the least that was reached is {reached} cycles"
    )]
    Interval {
        /// What was asked for.
        wanted: u64,
        /// What the longest stream takes.
        least: u64,
        /// The layer that makes it.
        longest: String,
        /// The least that was reached.
        reached: u64,
    },
    /// Too large.
    #[error(
        "does not fit: folded as far as it goes (a sample every {} cycles) it is estimated to take {}; \
         {device} has {}, of which {lut_percent} % of the lookup tables are used at most. Narrower \
         precision, or a larger device, would help most: {most}",
        .choice.interval, told(&.choice.resources), told(.total)
    )]
    Device {
        /// The smallest that there is.
        choice: Box<Choice>,
        /// The device's name.
        device: String,
        /// What it has.
        total: Resources,
        /// How full it may be.
        lut_percent: f64,
        /// Where the lookup tables go.
        most: String,
    },
}

/// Counts, for people.
pub fn told(it: &Resources) -> String {
    let Resources { lut, ff, dsp, bram_kbit, .. } = it;
    format!("{lut} LUT, {ff} FF, {dsp} DSP, {bram_kbit} kbit of block RAM")
}

/// Chooses the reuse factors of a design and builds its direct path.
///
/// # Errors
/// What [`super::rtl`] cannot build; inside, that no folding does it.
pub fn fold(
    design: &Design,
    device: &Device,
    goal: Goal,
) -> Result<std::result::Result<(Choice, Rtl), Unmet>> {
    let mut search = Search::new(design, device);
    if goal == Goal::Fit && search.may_unroll() {
        let (choice, rtl) = search.unrolled()?;
        if search.fits(&choice.resources) {
            return Ok(Ok((choice, rtl)));
        }
    }
    let found = match goal {
        Goal::Interval(cycles) => search.within(cycles)?,
        Goal::Fit => search.fitting()?,
    };
    let folds = |it: &Tried| !shared::all(&it.divided.flow).is_empty();
    if matches!(goal, Goal::Interval(_)) && !found.as_ref().is_ok_and(folds) && search.may_unroll()
    {
        return Ok(Ok(search.unrolled()?));
    }
    Ok(found.map(|it| {
        let choice = search.choice(&it);
        let Tried { divided, plan, .. } = it;
        (choice, divided.finish(plan, design, device))
    }))
}

/// A design folded for an interval.
struct Tried {
    limit: u64,
    divided: Divided,
    plan: Plan,
}

struct Search<'a> {
    design: &'a Design,
    device: &'a Device,
    known: Known,
    /// What can be folded, by layer, and how many tokens that takes.
    shared: BTreeMap<String, Vec<(usize, Shared)>>,
    least: u64,
    longest: String,
}

impl<'a> Search<'a> {
    fn new(design: &'a Design, device: &'a Device) -> Search<'a> {
        let all = |_: &str| usize::MAX;
        let (flow, _) = cut(design, &all);
        let mut shared: BTreeMap<String, Vec<(usize, Shared)>> = BTreeMap::new();
        for (layer, tokens, own) in shared::all(&flow) {
            shared.entry(layer).or_default().push((tokens, own));
        }
        // Packs of tokens are as many as there is time for.
        let (unfolded, _) = cut(design, &|_| 1);
        let longest = unfolded.streams.iter().max_by_key(|it| it.tokens);
        let (least, longest) = longest.map_or((1, String::new()), |it| {
            (it.tokens as u64, unfolded.processes[it.from.0].layer.clone())
        });
        Search { design, device, known: Known::default(), shared, least, longest }
    }

    /// Whether the design may be one pipeline, and is not too large for that anyway: a product takes about as
    /// many lookup tables as its shorter operand has bits, and some are zero or shared.
    fn may_unroll(&self) -> bool {
        let shared = self.shared.values().flatten();
        let products: u64 = shared.map(|(tokens, it)| (tokens * it.products()) as u64).sum();
        let free = self.shared.keys().all(|it| given(self.design, it) == 1);
        self.design.plan.io == Io::Parallel && free && products <= self.device.total.lut
    }

    /// The design as one pipeline.
    fn unrolled(&self) -> Result<(Choice, Rtl)> {
        let rtl = unrolled(self.design, self.device)?;
        let ff = rtl.register_bits();
        let parts = rtl.pipelines.iter().flat_map(|it| resources(it, self.device));
        let choice = Choice {
            least: self.least,
            longest: self.longest.clone(),
            limit: 1,
            interval: 1,
            resources: parts.chain([Resources { ff, ..Resources::default() }]).sum(),
            unrolled: true,
            layers: self
                .shared
                .iter()
                .map(|(layer, shared)| layer_fold(layer, shared, 1))
                .collect(),
        };
        Ok((choice, rtl))
    }

    /// The largest reuse factor with which a layer takes no more than so many cycles. One that the user
    /// gave is kept.
    fn reuse(&self, layer: &str, limit: u64) -> usize {
        let given = given(self.design, layer);
        if given > 1 {
            return given;
        }
        let shared = self.shared.get(layer).into_iter().flatten();
        let reuse = shared.map(|(tokens, own)| {
            let cycles = limit / *tokens as u64;
            own.reuse_in(usize::try_from(cycles).unwrap_or(usize::MAX))
        });
        reuse.min().unwrap_or(1)
    }

    fn divided(&mut self, limit: u64) -> Result<Divided> {
        let layers = self.shared.keys();
        let reuse: BTreeMap<String, usize> =
            layers.map(|it| (it.clone(), self.reuse(it, limit))).collect();
        let design = self.design;
        // What was asked of a layer that cannot be folded is warned of.
        let own = |layer: &str| reuse.get(layer).copied().unwrap_or_else(|| given(design, layer));
        divide(design, self.device, &own, &mut self.known)
    }

    fn tried(&mut self, limit: u64) -> Result<Tried> {
        let divided = self.divided(limit)?;
        let plan = divided.plan();
        Ok(Tried { limit, divided, plan })
    }

    /// A sample in so many cycles.
    fn within(&mut self, cycles: u64) -> Result<std::result::Result<Tried, Unmet>> {
        let mut limit = cycles;
        let mut reached = u64::MAX;
        // What a loop waits for, or a token more in a window, is in no layer's own cycles.
        for _ in 0..8 {
            let tried = self.tried(limit)?;
            reached = reached.min(tried.plan.interval);
            if reached <= cycles {
                return Ok(Ok(tried));
            }
            let next =
                (limit as u128 * u128::from(cycles) / u128::from(tried.plan.interval)) as u64;
            if limit == 1 {
                break;
            }
            limit = next.min(limit - 1).max(1);
        }
        let (least, longest) = (self.least, self.longest.clone());
        Ok(Err(Unmet::Interval { wanted: cycles, least, longest, reached }))
    }

    /// Limits worth a try, each about a fifth above the one before; with the last everything is folded as
    /// far as it goes.
    fn limits(&self) -> Vec<u64> {
        let shared = self.shared.values().flatten();
        let most = shared.map(|(tokens, own)| (tokens * own.products()) as u64).max();
        let most = most.unwrap_or(self.least).max(self.least);
        let next = |it: &u64| (*it < most).then(|| (it + it.div_ceil(5)).min(most));
        std::iter::successors(Some(self.least), next).collect()
    }

    fn fits(&self, resources: &Resources) -> bool {
        self.design.plan.dsp.room(&self.device.total).covers(resources)
    }

    /// The shortest interval that fits.
    fn fitting(&mut self) -> Result<std::result::Result<Tried, Unmet>> {
        let limits = self.limits();
        // The first one that fits; the more is folded, the less it takes.
        let (mut low, mut high) = (0, limits.len());
        while low < high {
            let at = (low + high) / 2;
            let divided = self.divided(limits[at])?;
            let plan = guessed(&divided, limits[at]);
            match self.fits(&divided.resources(&plan, self.device)) {
                true => high = at,
                false => low = at + 1,
            }
        }
        for limit in &limits[low..] {
            let tried = self.tried(*limit)?;
            if self.fits(&tried.divided.resources(&tried.plan, self.device)) {
                return Ok(Ok(tried));
            }
        }
        let smallest = self.tried(*limits.last().unwrap_or(&1))?;
        Ok(Err(Unmet::Device {
            device: self.device.name.clone(),
            total: self.device.total,
            lut_percent: self.design.plan.dsp.lut_percent,
            most: smallest.divided.largest(&smallest.plan, self.device),
            choice: Box::new(self.choice(&smallest)),
        }))
    }

    fn choice(&self, tried: &Tried) -> Choice {
        let layer = |(layer, shared): (&String, &Vec<(usize, Shared)>)| {
            layer_fold(layer, shared, self.reuse(layer, tried.limit))
        };
        Choice {
            least: self.least,
            longest: self.longest.clone(),
            limit: tried.limit,
            interval: tried.plan.interval,
            resources: tried.divided.resources(&tried.plan, self.device),
            unrolled: false,
            layers: self.shared.iter().map(layer).collect(),
        }
    }
}

/// A layer that takes so many tokens each.
fn layer_fold(layer: &str, shared: &[(usize, Shared)], reuse: usize) -> LayerFold {
    let folded = shared.iter().map(|it| it.1.multipliers(reuse));
    LayerFold {
        layer: layer.to_owned(),
        tokens: shared.iter().map(|it| it.0).max().unwrap_or(1),
        products: shared.iter().map(|it| it.1.products()).sum(),
        reuse,
        multipliers: if reuse > 1 { folded.sum() } else { 0 },
    }
}

/// A plan that was not run: kernels hold about as many tokens as come while one is inside.
fn guessed(divided: &Divided, limit: u64) -> Plan {
    let flow: &Dataflow = &divided.flow;
    let mut plan = Plan::default();
    for (at, process) in flow.processes.iter().enumerate() {
        let (Kind::Kernel(_), id) = (&process.kind, ProcessId(at)) else { continue };
        let tokens = process.outputs.iter().map(|it| flow.stream(*it).tokens).max().unwrap_or(1);
        let most = whole_room(divided.latency(id)) as u64;
        let come = 1 + (most * tokens as u64).div_ceil(limit.max(1));
        if come < most {
            plan.rooms.insert(id, come as usize);
        }
    }
    plan
}
