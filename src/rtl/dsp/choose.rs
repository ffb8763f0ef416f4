//! Which products and columns go into DSP blocks, by lookup tables saved a block.

use std::collections::{BTreeMap, BinaryHeap};

use super::columns::{Column, columns};
use super::{Moved, signed_width};
use crate::device::Device;
use crate::rtl::cost;
use crate::rtl::datapath::{Datapath, Interval, Op, ScopeId, Term, ValueId};
use crate::rtl::passes;

/// What is moved.
pub(super) struct Choice {
    /// Products, and columns by root.
    moved: BTreeMap<ValueId, Option<Column>>,
    /// Halves of blocks by layer; no two layers share a block.
    halves: BTreeMap<ScopeId, u64>,
    chain: usize,
}

/// Something that can be moved.
struct Candidate {
    root: ValueId,
    /// Position among all columns; `None` for a product.
    column: Option<usize>,
    /// Halves of blocks: on some devices two small products share one.
    halves: u64,
    /// Lookup tables that only this needs, so far.
    own: u64,
    /// Lookup tables that take the place of those.
    instead: u64,
}

impl Candidate {
    fn saved(&self) -> u64 {
        self.own.saturating_sub(self.instead)
    }

    /// What the greedy choice goes by: savings a block, then the older value.
    fn rank(&self, at: usize) -> (u64, std::cmp::Reverse<ValueId>, usize) {
        (self.saved() * 1024 / self.halves.max(1), std::cmp::Reverse(self.root), at)
    }
}

/// Chooses until no more than `limit` lookup tables are left or `blocks` are used up. A chain is of
/// `chain` blocks at most, and no block may be slower than `budget`.
pub(super) fn choose(
    datapath: &Datapath,
    device: &Device,
    (limit, blocks): (u64, u64),
    (chain, budget): (usize, f64),
) -> Choice {
    let columns = columns(datapath);
    let luts = |id: ValueId| cost::luts(datapath, id, device.delay());
    let mut owners: BTreeMap<ValueId, Vec<usize>> = BTreeMap::new();
    for (at, column) in columns.iter().enumerate() {
        column.cone.iter().for_each(|it| owners.entry(*it).or_default().push(at));
    }
    let price = Price { datapath, device, chain, budget };
    let mut candidates = price.products();
    let mut of_column: Vec<Option<usize>> = vec![None; columns.len()];
    for (at, column) in columns.iter().enumerate() {
        let Some(mut candidate) = price.column(column) else { continue };
        let alone = column.cone.iter().filter(|it| owners[it].len() == 1);
        candidate.own = alone.map(|it| luts(*it)).sum();
        candidate.column = Some(at);
        of_column[at] = Some(candidates.len());
        candidates.push(candidate);
    }
    let ranks = candidates.iter().enumerate().map(|(at, it)| it.rank(at));
    let mut heap: BinaryHeap<_> = ranks.collect();
    let mut choice = Choice { moved: BTreeMap::new(), halves: BTreeMap::new(), chain };
    let mut left = super::luts(datapath, device);
    while let Some(rank) = heap.pop() {
        let (at, candidate) = (rank.2, &candidates[rank.2]);
        let stale = rank != candidate.rank(at) || choice.moved.contains_key(&candidate.root);
        if left <= limit || rank.0 == 0 {
            break;
        }
        let scope = datapath.scope_of(candidate.root);
        let before = choice.halves.get(&scope).copied().unwrap_or(0);
        let more = (before + candidate.halves).div_ceil(2) - before.div_ceil(2);
        if stale || choice.blocks() + more > blocks {
            continue;
        }
        left = left.saturating_sub(candidate.saved());
        choice.halves.insert(scope, before + candidate.halves);
        let column = candidate.column.map(|it| columns[it].clone());
        for sum in column.iter().flat_map(|it| &it.cone) {
            let sharing = owners.entry(*sum).or_default();
            sharing.retain(|it| Some(*it) != candidates[at].column);
            // The last one that needs it would save it now.
            if let [last] = sharing.as_slice()
                && let Some(other) = of_column[*last]
            {
                candidates[other].own += luts(*sum);
                heap.push(candidates[other].rank(other));
            }
        }
        choice.moved.insert(candidates[at].root, column);
    }
    choice
}

/// What things cost in DSP blocks.
struct Price<'a> {
    datapath: &'a Datapath,
    device: &'a Device,
    chain: usize,
    budget: f64,
}

impl Price<'_> {
    /// Halves of blocks of a product, if one block does it in time.
    fn halves(&self, a: u32, b: u32) -> Option<u64> {
        let fits = self.device.dsps(1, a, b) == 1;
        let in_time = self.device.delay().multiplier(a, b) <= self.budget;
        (fits && in_time).then(|| self.device.dsps(2, a, b))
    }

    fn products(&self) -> Vec<Candidate> {
        let live = self.datapath.live();
        let product = |id: ValueId| {
            let Op::Mul(a, b) = self.datapath.op(id) else { return None };
            let [a, b] = [a, b].map(|it| signed_width(self.datapath, it));
            let halves = self.halves(a, b)?;
            let own = cost::luts(self.datapath, id, self.device.delay());
            Some(Candidate { root: id, column: None, halves, own, instead: 0 })
        };
        self.datapath.values().filter(|it| live[it.index()]).filter_map(product).collect()
    }

    fn column(&self, column: &Column) -> Option<Candidate> {
        let width = self.datapath.width(column.root).saturating_sub(column.shift).max(1);
        let (mut halves, mut heavy) = (0, 0);
        for (value, weight) in column.terms.iter().filter(|it| is_heavy(it.1)) {
            let weight = Interval::new(*weight, *weight);
            let weight = weight.width() + u32::from(!weight.signed());
            halves += self.halves(signed_width(self.datapath, *value), weight)?;
            heavy += 1;
        }
        let post = self.device.delay().dsp_add_bits;
        if heavy == 0 || (self.chain > 1 && width > post) {
            return None;
        }
        let light = column.terms.len() - heavy + usize::from(column.constant != 0);
        // Light terms meet in adders and enter the first chain; chains meet in adders.
        let additions = match self.chain {
            1 => heavy + light - 1,
            chain => light.saturating_sub(1) + heavy.div_ceil(chain) - 1,
        };
        let instead = additions as u64 * u64::from(width);
        Some(Candidate { root: column.root, column: None, halves, own: 0, instead })
    }
}

/// Whether a factor takes more than wires.
fn is_heavy(factor: i128) -> bool {
    !factor.unsigned_abs().is_power_of_two()
}

impl Choice {
    /// Whether no whole block is left.
    pub(super) fn takes_all(&self, blocks: u64) -> bool {
        self.blocks() >= blocks
    }

    fn blocks(&self) -> u64 {
        self.halves.values().map(|it| it.div_ceil(2)).sum()
    }

    /// The program with what was chosen in DSP blocks, and what that is by layer. What is not needed
    /// any more is still there.
    pub(super) fn build(&self, old: &Datapath) -> (Datapath, Vec<Moved>) {
        let mut by_scope: BTreeMap<usize, Moved> = BTreeMap::new();
        for (root, column) in &self.moved {
            let scope = old.scope_of(*root);
            let empty = Moved { scope, products: 0, sums: 0, operations: 0 };
            let moved = by_scope.entry(scope.index()).or_insert(empty);
            match column {
                None => {
                    moved.products += 1;
                    moved.operations += 1;
                }
                Some(column) => {
                    moved.sums += 1;
                    let heavy = column.terms.iter().filter(|it| is_heavy(it.1));
                    moved.operations += heavy.count() as u64;
                }
            }
        }
        let new = passes::replace(old, |new, get, id| {
            Some(match (self.moved.get(&id)?, old.op(id)) {
                (Some(column), _) => self.chain(new, get, column),
                (None, Op::Mul(a, b)) => {
                    let zero = new.constant(0);
                    new.dsp(get(a), get(b), Term::plain(zero))
                }
                (None, _) => return None,
            })
        });
        (new, by_scope.into_values().collect())
    }

    fn chain(
        &self,
        new: &mut Datapath,
        get: &dyn Fn(ValueId) -> ValueId,
        column: &Column,
    ) -> ValueId {
        let (heavy, light): (Vec<_>, Vec<_>) =
            column.terms.iter().copied().partition(|it| is_heavy(it.1));
        let mut light: Vec<Term> = light
            .into_iter()
            .map(|(value, factor)| Term {
                value: get(value),
                shift: factor.trailing_zeros(),
                negate: factor < 0,
            })
            .collect();
        if column.constant != 0 {
            light.push(Term::plain(new.constant(column.constant)));
        }
        let zero = Term::plain(new.constant(0));
        let mut parts = Vec::new();
        // Where a block adds nothing, everything meets in adders.
        let mut first = zero;
        match self.chain {
            1 => parts.append(&mut light),
            _ => first = Term::plain(new.sum(light)),
        }
        for chain in heavy.chunks(self.chain) {
            let mut sum = std::mem::replace(&mut first, zero);
            for (value, factor) in chain {
                let factor = new.constant(*factor);
                sum = Term::plain(new.dsp(get(*value), factor, sum));
            }
            parts.push(sum);
        }
        let sum = new.sum(parts);
        new.term(Term { value: sum, shift: column.shift, negate: false })
    }
}
