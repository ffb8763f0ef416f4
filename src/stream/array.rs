//! Folded products with a constant matrix: `nn_mac_array`.
//!
//! A token is cut into blocks, one for each step. Of a plain matrix every output reads all of a block, and
//! the token turns around once for each group of outputs. Of a matrix of groups of channels (a depthwise
//! convolution) an output reads its own group's share of the block, and the outputs of a step have
//! blocks of their own.

use crate::fixed::{Cast, Format, Type, Word, bits_of};
use crate::units::{Loaded, Mac};

/// Multipliers that take a token block by block.
#[derive(Clone, Debug)]
pub struct Array {
    /// The matrices, one for each group of channels: alike but for weights and biases.
    macs: Vec<Mac>,
    /// For every matrix the elements of the token that are its rows.
    reads: Vec<Vec<usize>>,
    /// An element of a token.
    pub input: Format,
    /// Elements of a token.
    pub elements: usize,
    /// Elements that an output reads in a step.
    pub fan: usize,
    /// Matrices of a step.
    matrices: usize,
    /// Outputs of a matrix in a step.
    pub share: usize,
}

impl Array {
    /// The product of a token with matrices on so many times fewer multipliers; `None` for sums that
    /// depend on their order.
    ///
    /// Up to the number of inputs of a sum the inputs are divided, beyond also the outputs.
    pub fn new(
        macs: Vec<Mac>,
        reads: Vec<Vec<usize>>,
        token: &Type,
        reuse: usize,
    ) -> Option<Array> {
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
        let elements = token.elements();
        let whole = Array { macs, reads, input, elements, fan, matrices, share };
        Some(whole.folded(reuse))
    }

    /// The same on so many times fewer multipliers than there are products.
    pub fn folded(self, reuse: usize) -> Array {
        let reuse = reuse.clamp(1, self.products());
        let Mac { n_in, n_out, .. } = self.macs[0];
        let groups = reuse.div_ceil(n_in);
        let (matrices, share) = match self.macs.len() {
            1 => (1, n_out.div_ceil(groups.min(n_out))),
            count => (count.div_ceil(groups.min(count)), n_out),
        };
        Array { fan: n_in.div_ceil(reuse), matrices, share, ..self }
    }

    /// The largest reuse factor with which a token takes no more than so many cycles.
    pub fn reuse_in(&self, cycles: usize) -> usize {
        let most = cycles.clamp(1, self.products());
        let rows = self.macs[0].n_in;
        // Beyond the rows whole groups of outputs follow each other, and the last may be short of some.
        let choices = [most, most / rows * rows, most.min(rows)];
        let fits = |it: &usize| *it > 0 && self.clone().folded(*it).steps() <= cycles;
        choices.into_iter().find(fits).unwrap_or(1)
    }

    /// Products of a token.
    pub fn products(&self) -> usize {
        self.macs[0].n_in * self.macs[0].n_out * self.macs.len()
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

    /// Terms of a sum.
    pub fn rows(&self) -> usize {
        self.macs[0].n_in
    }

    /// Outputs of a token.
    pub fn outputs(&self) -> usize {
        self.macs.len() * self.macs[0].n_out
    }

    /// Elements of a block.
    pub fn block(&self) -> usize {
        self.matrices * self.fan
    }

    /// Outputs of a step.
    pub fn columns(&self) -> usize {
        self.matrices * self.share
    }

    /// Steps for one group of outputs.
    pub fn inner(&self) -> usize {
        self.macs[0].n_in.div_ceil(self.fan)
    }

    /// Groups of outputs.
    pub fn groups(&self) -> usize {
        match self.macs.len() {
            1 => self.macs[0].n_out.div_ceil(self.share),
            count => count.div_ceil(self.matrices),
        }
    }

    /// Blocks of a token.
    pub fn blocks(&self) -> usize {
        if self.macs.len() == 1 { self.inner() } else { self.steps() }
    }

    /// Cycles a token.
    pub fn steps(&self) -> usize {
        self.inner() * self.groups()
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

    /// Cycles from a token in to its sums out.
    pub fn latency(&self) -> usize {
        self.steps() + self.behind() + usize::from(self.keeps())
    }

    /// Whether the sums of one token are kept until they are taken, and the next one's first group waits
    /// for that; or a FIFO has room for all.
    pub fn keeps(&self) -> bool {
        self.inner() >= self.ranks() + 3
    }

    /// Tokens that may be inside, with a FIFO.
    pub fn credits(&self) -> usize {
        2 + (self.ranks() + 2).div_ceil(self.steps())
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

    /// Matrix and column of an output, counted with those that fill up the last group.
    fn output(&self, at: usize) -> Option<(&Mac, usize)> {
        let mac = self.macs.get(at / self.macs[0].n_out)?;
        Some((mac, at % mac.n_out))
    }

    /// What an output begins with.
    pub fn bias(&self, output: usize) -> i128 {
        self.output(output).map_or(0, |(mac, j)| {
            Cast { from_frac: mac.bias.frac(), to: mac.accum }.apply(mac.biases[j])
        })
    }

    /// The element of the token at a place of a block; `None` is padding.
    pub fn lane(&self, block: usize, at: usize) -> Option<usize> {
        let (group, inner) = (block / self.inner(), block % self.inner());
        let reads = self.reads.get(group * self.matrices + at / self.fan)?;
        reads.get(inner * self.fan + at % self.fan).copied()
    }

    /// The weights of a step, as `nn_mac_array` reads them: output after output, the lowest first.
    pub fn weights(&self, step: usize) -> Vec<i128> {
        let (group, inner) = (step / self.inner(), step % self.inner());
        let weight = |column: usize, at: usize| {
            let i = inner * self.fan + at;
            let output = self.output(group * self.columns() + column);
            output.filter(|(mac, _)| i < mac.n_in).map_or(0, |(mac, j)| mac.at(i, j))
        };
        let column = |it: usize| (0..self.fan).map(move |at| weight(it, at));
        (0..self.columns()).flat_map(column).collect()
    }

    /// The sums of a token.
    pub fn sums(&self, token: &[i128]) -> Vec<i128> {
        let accum = self.accum();
        let sum = |(at, reads, mac, j): (usize, &Vec<usize>, &Mac, usize)| {
            let products = reads.iter().enumerate();
            let products = products.map(|(i, it)| token[*it].wrapping_mul(mac.at(i, j)));
            let sum = products.fold(0_i128, |sum, it| sum.wrapping_add(it << self.shift()));
            Word::wrap(sum.wrapping_add(self.bias(at)), accum.width, accum.signed)
        };
        let all = self
            .macs
            .iter()
            .zip(&self.reads)
            .flat_map(|(mac, reads)| (0..mac.n_out).map(move |j| (reads, mac, j)));
        all.enumerate().map(|(at, (reads, mac, j))| sum((at, reads, mac, j))).collect()
    }
}
