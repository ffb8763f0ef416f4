//! Work for DSP blocks where lookup tables are scarce.
//!
//! Two things can be moved: products of two variables, and sums that are columns of constant matrices,
//! as chains of `a * w + c`. What is moved first saves the most lookup tables a block, counted as what
//! only that sum needs of the adder graph that it shares with others; when it is gone, what it shared
//! with one other becomes that one's own. The additions of a column count as free only where tools are
//! known to put `a * b + c` into one block ([`crate::device::DelayModel::dsp_add_bits`]); elsewhere they are paid for
//! in lookup tables, so that few columns are worth it.
//!
//! Chains are short at first, because every block in a chain is a level of delay, and longer only if
//! that does not do.

mod choose;
mod columns;

use serde::{Deserialize, Serialize};

use self::choose::Choice;
use super::cost;
use super::datapath::{Datapath, Op, ScopeId, ValueId};
use super::passes;
use crate::device::{Device, Resources};
use crate::rtl::pipeline::Delays;

/// How many DSP blocks the direct path uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blocks {
    /// As many as it takes to get below a share of the lookup tables; products of two variables are
    /// left to synthesis while there is room.
    #[default]
    Auto,
    /// None; products of two variables are made of logic.
    None,
    /// So many, as far as anything is saved by them.
    Count(u32),
}

impl Blocks {
    /// `auto`, `none` or a number.
    pub fn parse(text: &str) -> Option<Blocks> {
        match text.trim().to_ascii_lowercase().as_str() {
            "auto" => Some(Blocks::Auto),
            "none" => Some(Blocks::None),
            number => match number.parse().ok()? {
                0 => Some(Blocks::None),
                count => Some(Blocks::Count(count)),
            },
        }
    }
}

impl Blocks {
    /// What is left when `used` of them are taken.
    pub fn without(self, used: u64) -> Blocks {
        match self {
            Blocks::Count(count) => match u64::from(count).saturating_sub(used) {
                0 => Blocks::None,
                left => Blocks::Count(left as u32),
            },
            it => it,
        }
    }
}

/// Share of the lookup tables above which work is moved, percent, unless the user says otherwise:
/// fuller devices are hard to route.
pub const LUT_PERCENT: f64 = 70.0;

/// What a user wants of DSP blocks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DspPlan {
    /// How many.
    pub blocks: Blocks,
    /// Share of the device's lookup tables above which [`Blocks::Auto`] moves work, percent.
    pub lut_percent: f64,
}

impl Default for DspPlan {
    fn default() -> DspPlan {
        DspPlan { blocks: Blocks::Auto, lut_percent: LUT_PERCENT }
    }
}

/// What a design leaves of the lookup tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fullness {
    /// It stays below the share at which work is moved.
    Roomy,
    /// It fits.
    Tight,
    /// It does not fit.
    Over,
}

/// More DSP blocks than there are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{device} has {there} DSP blocks, {asked} are asked for")]
pub struct TooFew {
    /// The device.
    pub device: String,
    /// What it has.
    pub there: u64,
    /// What the user wants.
    pub asked: u32,
}

impl DspPlan {
    /// Checks that a device can do it.
    ///
    /// # Errors
    /// A number of blocks that it does not have.
    pub fn check(&self, device: &Device) -> Result<(), TooFew> {
        match self.blocks {
            Blocks::Count(asked) if u64::from(asked) > device.total.dsp => {
                Err(TooFew { device: device.name.clone(), there: device.total.dsp, asked })
            }
            _ => Ok(()),
        }
    }

    /// What a design may take of a device: its share of the lookup tables, all of the rest.
    pub fn room(&self, total: &Resources) -> Resources {
        // A count of lookup tables is far below 2^52.
        Resources { lut: (total.lut as f64 * self.lut_percent / 100.0) as u64, ..*total }
    }

    /// Lookup tables that a design may take before work is moved; `None` if that is not asked for.
    pub fn limit(&self, device: &Device) -> Option<u64> {
        let wanted = self.blocks == Blocks::Auto && device.total.dsp > 0;
        wanted.then(|| self.room(&device.total).lut)
    }

    /// How full so many lookup tables make a device; `None` if that is no reason to move anything.
    pub fn fullness(&self, device: &Device, luts: u64) -> Option<Fullness> {
        let limit = self.limit(device)?;
        Some(match luts {
            _ if luts <= limit => Fullness::Roomy,
            _ if luts <= device.total.lut => Fullness::Tight,
            _ => Fullness::Over,
        })
    }
}

/// What was moved into DSP blocks, in one layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The layer.
    pub scope: ScopeId,
    /// Products of two variables.
    pub products: u64,
    /// Sums with constant weights.
    pub sums: u64,
    /// Operations in DSP blocks that came of it.
    pub operations: u64,
}

/// A program with work in DSP blocks.
#[derive(Debug)]
pub struct Offload {
    /// The program.
    pub datapath: Datapath,
    /// What was moved, by layer.
    pub moved: Vec<Moved>,
}

/// Lookup tables of a program.
pub fn luts(datapath: &Datapath, device: &Device) -> u64 {
    cost::luts_by_scope(datapath, device.delay()).iter().map(|it| it.lut).sum()
}

/// Bits of a signed multiplier that a value takes.
pub fn signed_width(datapath: &Datapath, id: ValueId) -> u32 {
    let interval = datapath.interval(id);
    interval.width() + u32::from(!interval.signed())
}

/// DSP blocks of every layer's live operations, by scope.
pub fn blocks_by_scope(datapath: &Datapath, device: &Device) -> Vec<u64> {
    let mut halves = vec![0u64; datapath.scopes.len().max(1)];
    let live = datapath.live();
    for id in datapath.values().filter(|id| live[id.index()]) {
        if let Op::Dsp(a, b, _) = datapath.op(id) {
            let [a, b] = [a, b].map(|it| signed_width(datapath, it));
            halves[datapath.scope_of(id).index()] += device.dsps(2, a, b);
        }
    }
    halves.iter().map(|it| it.div_ceil(2)).collect()
}

/// DSP blocks that synthesis may take by itself, for live products of two variables.
pub fn inferred(datapath: &Datapath, device: &Device) -> u64 {
    let live = datapath.live();
    let blocks = |id: ValueId| match datapath.op(id) {
        Op::Mul(a, b) => {
            let [a, b] = [a, b].map(|it| signed_width(datapath, it));
            device.dsps(1, a, b)
        }
        _ => 0,
    };
    datapath.values().filter(|id| live[id.index()]).map(blocks).sum()
}

/// How many blocks follow each other without an adder of lookup tables between.
const CHAINS: [usize; 3] = [4, 16, usize::MAX];

/// Moves what a plan asks for into DSP blocks, under a clock if one is given. `None` if that is
/// nothing, or would not make the design fit better.
pub fn offload(
    datapath: &Datapath,
    device: &Device,
    plan: &DspPlan,
    clock_ns: Option<f64>,
) -> Option<Offload> {
    let (limit, blocks) = match plan.blocks {
        Blocks::None => return None,
        Blocks::Auto => (plan.limit(device)?, device.total.dsp),
        Blocks::Count(count) => (0, u64::from(count)),
    };
    let before = luts(datapath, device);
    if before <= limit {
        return None;
    }
    let model = device.delay();
    let budget = clock_ns.map_or(f64::INFINITY, |it| it - model.register());
    let chains: &[usize] = if model.dsp_add_bits > 0 { &CHAINS } else { &[1] };
    let mut best: Option<(u64, Choice)> = None;
    for chain in chains {
        let choice = choose::choose(datapath, device, (limit, blocks), (*chain, budget));
        let made = choice.build(datapath);
        let (takes, all) = (luts(&made.0, device), choice.takes_all(blocks));
        let enough = if limit > 0 { takes <= limit } else { all };
        if best.as_ref().is_none_or(|it| takes < it.0) || enough {
            best = Some((takes, choice));
        }
        if enough {
            break;
        }
    }
    // Latency is not given away for nothing: the design must get below the share, or fit at all.
    let of_use = |takes: u64| match plan.fullness(device, takes) {
        Some(after) => Some(after) < plan.fullness(device, before),
        None => takes < before,
    };
    let (_, choice) = best.filter(|it| of_use(it.0))?;
    let (made, moved) = choice.build(datapath);
    let some = !moved.is_empty();
    some.then(|| Offload { datapath: passes::clean(&made), moved })
}

#[cfg(test)]
mod tests;
