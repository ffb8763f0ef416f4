//! Folded products with a constant matrix: `nn_mac_array`.

use crate::fixed::{Cast, Format, Type, Word, bits_of};
use crate::units::Mac;

/// Multipliers that take a token block by block.
#[derive(Clone, Debug)]
pub struct Array {
    /// The matrix; its rows are the elements of a token.
    pub mac: Mac,
    /// An element of a token.
    pub input: Format,
    /// Elements of a step.
    pub block: usize,
    /// Outputs of a step.
    pub columns: usize,
}

impl Array {
    /// The product of a token with a matrix on so many times fewer multipliers; `None` for sums that
    /// depend on their order.
    ///
    /// Up to the number of inputs the inputs are divided, beyond also the outputs.
    pub fn new(mac: Mac, token: &Type, reuse: usize) -> Option<Array> {
        let input = token.common()?;
        if !mac.is_exact(token) || token.elements() != mac.n_in {
            return None;
        }
        let reuse = reuse.clamp(1, mac.n_in * mac.n_out);
        let block = mac.n_in.div_ceil(reuse);
        let groups = reuse.div_ceil(mac.n_in).min(mac.n_out);
        let columns = mac.n_out.div_ceil(groups);
        Some(Array { mac, input, block, columns })
    }

    /// Steps for one group of outputs.
    pub fn inner(&self) -> usize {
        self.mac.n_in.div_ceil(self.block)
    }

    /// Groups of outputs.
    pub fn groups(&self) -> usize {
        self.mac.n_out.div_ceil(self.columns)
    }

    /// Cycles a token.
    pub fn steps(&self) -> usize {
        self.inner() * self.groups()
    }

    /// Ranks of registers from operands to the sum.
    fn ranks(&self) -> usize {
        2 + self.block.next_power_of_two().ilog2() as usize
    }

    /// Cycles from a token in to its sums out.
    pub fn latency(&self) -> usize {
        self.steps() + self.ranks() + 1
    }

    /// Tokens that may be inside.
    pub fn credits(&self) -> usize {
        2 + (self.ranks() + 2).div_ceil(self.steps())
    }

    /// Bits of a weight.
    pub fn weight_width(&self) -> u32 {
        let weights = self.mac.weights.iter();
        let (lo, hi) = weights.fold((0, 0), |it, w| (it.0.min(*w), it.1.max(*w)));
        // One more than the magnitude: signed, whatever the weights are.
        bits_of(lo, hi) + u32::from(lo >= 0)
    }

    /// By how much products are shifted up to the sums' grid.
    pub fn shift(&self) -> u32 {
        (self.mac.accum.frac() - self.input.frac() - self.mac.weight.frac()).max(0) as u32
    }

    /// What an output begins with.
    pub fn bias(&self, output: usize) -> i128 {
        Cast { from_frac: self.mac.bias.frac(), to: self.mac.accum }.apply(self.mac.biases[output])
    }

    /// The weights of a step, as `nn_mac_array` reads them: output after output, the lowest first.
    pub fn weights(&self, step: usize) -> Vec<i128> {
        let (group, inner) = (step / self.inner(), step % self.inner());
        let weight = |column: usize, element: usize| {
            let (j, i) = (group * self.columns + column, inner * self.block + element);
            let inside = i < self.mac.n_in && j < self.mac.n_out;
            if inside { self.mac.at(i, j) } else { 0 }
        };
        let column = |it: usize| (0..self.block).map(move |element| weight(it, element));
        (0..self.columns).flat_map(column).collect()
    }

    /// The sums of a token.
    pub fn sums(&self, token: &[i128]) -> Vec<i128> {
        let Mac { n_out, accum, .. } = self.mac;
        let sum = |j: usize| {
            let products = token.iter().enumerate().map(|(i, x)| x.wrapping_mul(self.mac.at(i, j)));
            let sum = products.fold(0_i128, |sum, it| sum.wrapping_add(it << self.shift()));
            Word::wrap(sum.wrapping_add(self.bias(j)), accum.width, accum.signed)
        };
        (0..n_out).map(sum).collect()
    }
}
