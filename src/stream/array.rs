//! Folded products with a constant matrix: `nn_mac_array`.
//!
//! A token is cut into blocks, one for each step. Of a plain matrix every output reads all of a block, and
//! the token turns around once for each group of outputs. Of a matrix of groups of channels (a depthwise
//! convolution) an output reads its own group's share of the block, and the outputs of a step have
//! blocks of their own.
//!
//! A token may come in [`Packs`]: words of some channels of each of its pixels. The sums of a plain matrix go
//! on from pack to pack, its **parts**; of a matrix of groups every pack gives the outputs of its own
//! groups, the array **turning** from some matrices to the next.

use super::packs::Packs;
use crate::fixed::{Cast, Format, Type, Word, bits_of};
use crate::units::{Loaded, Mac};

/// Of so many cycles an array may wait for one to save a FIFO.
const WAIT: usize = 32;

/// Multipliers that take a token block by block.
#[derive(Clone, Debug)]
pub struct Array {
    /// The matrices, one for each group of channels: alike but for weights and biases.
    pub(super) macs: Vec<Mac>,
    /// For every matrix the elements of the whole token that are its rows.
    pub(super) reads: Vec<Vec<usize>>,
    /// An element of a token.
    pub input: Format,
    /// Elements of a whole token.
    pub(super) whole: usize,
    /// How a token comes.
    pub(super) packs: Packs,
    /// Elements that an output reads in a step.
    pub fan: usize,
    /// Matrices of a step.
    pub(super) matrices: usize,
    /// Outputs of a matrix in a step.
    pub share: usize,
}

impl Array {
    /// The product of a token with matrices, all at once; `None` for sums that depend on their order.
    pub fn new(macs: Vec<Mac>, reads: Vec<Vec<usize>>, token: &Type) -> Option<Array> {
        let input = token.common()?;
        let first = macs.first()?;
        let own = Type::uniform(crate::nn::Shape(vec![first.n_in]), input);
        let alike = |it: &Mac| {
            let formats = |it: &Mac| {
                let sizes = (it.n_in, it.n_out, it.loaded);
                (sizes, it.weight, it.bias, it.accum, it.result)
            };
            formats(it) == formats(first) && it.is_exact(&own)
        };
        if !macs.iter().all(alike) {
            return None;
        }
        let (fan, matrices, share) = (first.n_in, macs.len(), first.n_out);
        let packs = Packs::whole(&reads, first.n_in);
        Some(Array { macs, reads, input, whole: token.elements(), packs, fan, matrices, share })
    }

    /// The sums' format.
    pub fn accum(&self) -> Format {
        self.macs[0].accum
    }

    /// The result's format.
    pub fn result(&self) -> Format {
        self.macs[0].result
    }

    /// What of the matrices can be loaded.
    pub fn loaded(&self) -> Loaded {
        self.macs[0].loaded
    }

    /// A weight's format.
    pub fn weight_format(&self) -> Format {
        self.macs[0].weight
    }

    /// A bias's format.
    pub fn bias_format(&self) -> Format {
        self.macs[0].bias
    }

    /// Products of a token.
    pub fn products(&self) -> usize {
        self.macs[0].n_in * self.macs[0].n_out * self.macs.len()
    }

    /// Terms of a sum.
    pub fn rows(&self) -> usize {
        self.macs[0].n_in
    }

    /// Packs of a token.
    pub fn packs(&self) -> usize {
        self.packs.count
    }

    /// Packs over which a sum goes.
    pub fn parts(&self) -> usize {
        if self.macs.len() == 1 { self.packs.count } else { 1 }
    }

    /// Packs that have matrices of their own.
    pub fn turns(&self) -> usize {
        self.packs.count / self.parts()
    }

    /// Elements of a pack.
    pub fn elements(&self) -> usize {
        self.whole / self.packs.count
    }

    /// Outputs given at once.
    pub fn outputs(&self) -> usize {
        self.macs.len() * self.macs[0].n_out / self.turns()
    }

    /// Elements of a block.
    pub fn block(&self) -> usize {
        self.matrices * self.fan
    }

    /// Outputs of a step.
    pub fn columns(&self) -> usize {
        self.matrices * self.share
    }

    /// Steps of a pack for one group of outputs.
    pub fn inner(&self) -> usize {
        (self.rows() / self.parts()).div_ceil(self.fan)
    }

    /// Groups of outputs.
    pub fn groups(&self) -> usize {
        match self.macs.len() {
            1 => self.macs[0].n_out.div_ceil(self.share),
            count => (count / self.turns()).div_ceil(self.matrices),
        }
    }

    /// Blocks of a pack.
    pub fn blocks(&self) -> usize {
        if self.macs.len() == 1 { self.inner() } else { self.steps() }
    }

    /// Cycles a pack.
    pub fn steps(&self) -> usize {
        self.inner() * self.groups()
    }

    /// Cycles a token.
    pub fn cycles(&self) -> usize {
        self.steps() * self.packs.count
    }

    /// Multipliers.
    pub fn multipliers(&self) -> usize {
        self.columns() * self.fan
    }

    /// Ranks of registers from operands to the sum.
    pub fn ranks(&self) -> usize {
        2 + self.fan.next_power_of_two().ilog2() as usize
    }

    /// Cycles from a token's last step to its sums being complete.
    pub fn behind(&self) -> usize {
        self.ranks() + 1
    }

    /// Cycles from a token's last pack in to its sums out.
    pub fn latency(&self) -> usize {
        self.steps() + self.behind() + usize::from(self.keeps())
    }

    /// Whether the sums of one token are kept until they are taken, and the next one's first complete
    /// group waits for that, if it must for no more than one cycle in `WAIT`; or a FIFO has room for all.
    pub fn keeps(&self) -> bool {
        let cycles = self.parts() * self.steps();
        cycles - self.steps() + self.inner() + cycles / WAIT >= self.ranks() + 3
    }

    /// Tokens that may be inside, with a FIFO.
    pub fn credits(&self) -> usize {
        2 + (self.ranks() + 2).div_ceil(self.steps() * self.parts())
    }

    /// Bits of a weight.
    pub fn weight_width(&self) -> u32 {
        if !self.loaded().is_nothing() {
            let format = self.weight_format();
            return format.width + u32::from(!format.signed);
        }
        let weights = self.macs.iter().flat_map(|it| it.weights.iter());
        let (lo, hi) = weights.fold((0, 0), |it, w| (it.0.min(*w), it.1.max(*w)));
        // One more than the magnitude: signed, whatever the weights are.
        bits_of(lo, hi) + u32::from(lo >= 0)
    }

    /// By how much products are shifted up to the sums' grid.
    pub fn shift(&self) -> u32 {
        (self.accum().frac() - self.input.frac() - self.macs[0].weight.frac()).max(0) as u32
    }

    /// By how much biases that are loaded are shifted up to the sums' grid.
    pub fn bias_shift(&self) -> u32 {
        (self.accum().frac() - self.bias_format().frac()).max(0) as u32
    }

    /// The biases as they are written, in their own format.
    pub fn biases(&self) -> impl Iterator<Item = i128> + '_ {
        self.macs.iter().flat_map(|it| it.biases.iter().copied())
    }

    /// Matrix and column of an output; `None` are those that fill up the last group of a turn.
    fn output(&self, turn: usize, at: usize) -> Option<(&Mac, usize)> {
        let n_out = self.macs[0].n_out;
        let output = (at < self.outputs()).then_some(turn * self.outputs() + at)?;
        Some((self.macs.get(output / n_out)?, output % n_out))
    }

    /// What an output of a turn begins with.
    pub fn bias(&self, turn: usize, output: usize) -> i128 {
        self.output(turn, output).map_or(0, |(mac, j)| {
            Cast { from_frac: mac.bias.frac(), to: mac.accum }.apply(mac.biases[j])
        })
    }

    /// The element of a pack at a place of a block; `None` is padding.
    pub fn lane(&self, block: usize, at: usize) -> Option<usize> {
        let (group, inner) = (block / self.inner(), block % self.inner());
        let lanes = self.packs.lanes.get(group * self.matrices + at / self.fan)?;
        lanes.get(inner * self.fan + at % self.fan).copied()
    }

    /// The weights of a step of all packs, as `nn_mac_array` reads them: output after output, the lowest
    /// first.
    pub fn weights(&self, step: usize) -> Vec<i128> {
        let (pack, step) = (step / self.steps(), step % self.steps());
        let (group, inner) = (step / self.inner(), step % self.inner());
        let (part, turn) = if self.macs.len() == 1 { (pack, 0) } else { (0, pack) };
        let rows = &self.packs.rows[part];
        let weight = |column: usize, at: usize| {
            let row = rows.get(inner * self.fan + at)?;
            let (mac, j) = self.output(turn, group * self.columns() + column)?;
            Some(mac.at(*row, j))
        };
        let column = |it: usize| (0..self.fan).map(move |at| weight(it, at).unwrap_or(0));
        (0..self.columns()).flat_map(column).collect()
    }

    /// Products of a step that come two and two from one multiplier with the same element.
    pub fn pairs(&self) -> usize {
        self.matrices * (self.share / 2) * self.fan
    }

    /// Bits of two weights one on top of the other, with room for the lower product.
    pub fn pair_width(&self) -> u32 {
        self.input.width + 2 * self.weight_width() + 1
    }

    /// As [`Array::weights`], for pairs: the upper one takes what the lower one, if negative, needs.
    pub fn paired_weights(&self, step: usize) -> Vec<i128> {
        let weights = self.weights(step);
        let own = |at: usize| {
            let is_upper = at / self.fan % self.share % 2 == 1;
            weights[at] - i128::from(is_upper && weights[at - self.fan] < 0)
        };
        (0..weights.len()).map(own).collect()
    }

    /// The sums of the packs of a token, step by step; those of all turns one after the other.
    pub fn sums(&self, packs: &[Vec<i128>]) -> Vec<Vec<i128>> {
        let (accum, columns) = (self.accum(), self.columns());
        let begin = |turn: usize| (0..self.groups() * columns).map(move |it| self.bias(turn, it));
        let mut sums: Vec<Vec<i128>> = (0..self.turns()).map(|it| begin(it).collect()).collect();
        for (pack, elements) in packs.iter().enumerate() {
            let own = &mut sums[pack / self.parts()];
            for step in 0..self.steps() {
                let (block, first) = (step % self.blocks(), step / self.inner() * columns);
                let weights = self.weights(pack * self.steps() + step);
                for (at, weight) in weights.into_iter().enumerate() {
                    let (column, i) = (at / self.fan, at % self.fan);
                    let lane = self.lane(block, column / self.share * self.fan + i);
                    let product = lane.map_or(0, |it| elements[it].wrapping_mul(weight));
                    let sum = &mut own[first + column];
                    *sum = sum.wrapping_add(product << self.shift());
                }
            }
        }
        let outputs = |own: &Vec<i128>| {
            let own = own.iter().take(self.outputs());
            own.map(|it| Word::wrap(*it, accum.width, accum.signed)).collect()
        };
        sums.iter().map(outputs).collect()
    }
}
