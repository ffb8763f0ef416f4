//! Counts of what a design takes, and what single operations take of lookup tables.
//!
//! The counts of operations are for unpartnered operations before the synthesis tool shares
//! anything between them. Measured against Yosys: adders take 1.0 (iCE40) to 1.25 (ECP5) tables a
//! bit; ROMs with random contents of 256 words 1.3 to 1.5 times [`table_luts`] (smooth functions
//! less than 1); on four-input tables multipliers 2.6 (iCE40) to 4.9 (ECP5) a product of bits.

use std::iter::Sum;
use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

use super::delay::ways;

/// What a design takes of a device, or what a device has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resources {
    /// Lookup tables (on Altera: ALUTs).
    pub lut: u64,
    /// Flip-flops.
    pub ff: u64,
    /// DSP blocks.
    pub dsp: u64,
    /// Block RAM, kbit (1024 bits), whole blocks.
    pub bram_kbit: u64,
    /// UltraRAM blocks of 288 kbit.
    pub uram: u64,
}

/// Shares of a device, percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Percent {
    /// Lookup tables.
    pub lut: f64,
    /// Flip-flops.
    pub ff: f64,
    /// DSP blocks.
    pub dsp: f64,
    /// Block RAM.
    pub bram: f64,
    /// UltraRAM.
    pub uram: f64,
}

impl Resources {
    /// Lookup tables only.
    pub fn luts(lut: u64) -> Resources {
        Resources { lut, ..Resources::default() }
    }

    /// The share of `all`; of something that is not there at all, nothing is 0 % and anything
    /// infinitely much.
    pub fn percent_of(&self, all: &Resources) -> Percent {
        Percent {
            lut: percent(self.lut, all.lut),
            ff: percent(self.ff, all.ff),
            dsp: percent(self.dsp, all.dsp),
            bram: percent(self.bram_kbit, all.bram_kbit),
            uram: percent(self.uram, all.uram),
        }
    }

    /// Whether there is at least as much of everything as in `used`.
    pub fn covers(&self, used: &Resources) -> bool {
        used.lut <= self.lut
            && used.ff <= self.ff
            && used.dsp <= self.dsp
            && used.bram_kbit <= self.bram_kbit
            && used.uram <= self.uram
    }

    /// The same thing `count` times.
    pub fn times(&self, count: u64) -> Resources {
        Resources {
            lut: self.lut.saturating_mul(count),
            ff: self.ff.saturating_mul(count),
            dsp: self.dsp.saturating_mul(count),
            bram_kbit: self.bram_kbit.saturating_mul(count),
            uram: self.uram.saturating_mul(count),
        }
    }
}

impl Add for Resources {
    type Output = Resources;

    fn add(self, other: Resources) -> Resources {
        Resources {
            lut: self.lut.saturating_add(other.lut),
            ff: self.ff.saturating_add(other.ff),
            dsp: self.dsp.saturating_add(other.dsp),
            bram_kbit: self.bram_kbit.saturating_add(other.bram_kbit),
            uram: self.uram.saturating_add(other.uram),
        }
    }
}

impl AddAssign for Resources {
    fn add_assign(&mut self, other: Resources) {
        *self = *self + other;
    }
}

impl Sum for Resources {
    fn sum<I: Iterator<Item = Resources>>(parts: I) -> Resources {
        parts.fold(Resources::default(), Add::add)
    }
}

fn percent(used: u64, all: u64) -> f64 {
    match (used, all) {
        (0, 0) => 0.0,
        (_, 0) => f64::INFINITY,
        _ => 100.0 * used as f64 / all as f64,
    }
}

/// Lookup tables of an addition or subtraction of `bits` bits, where a carry cell has so many.
pub fn adder_luts(bits: u32, cell: u32) -> u64 {
    u64::from(bits.next_multiple_of(cell))
}

/// Lookup tables of an ordering or equality of two words of `bits` bits.
pub fn compare_luts(bits: u32, lut_inputs: u32) -> u64 {
    u64::from(if lut_inputs >= 6 { bits.div_ceil(2) } else { bits })
}

/// Lookup tables of a choice among `choices` words of `bits` bits.
pub fn mux_luts(choices: u32, bits: u32, lut_inputs: u32) -> u64 {
    let joins = choices.saturating_sub(1).div_ceil(ways(lut_inputs) - 1);
    u64::from(joins) * u64::from(bits)
}

/// Lookup tables of a ROM with arbitrary contents. Two words' bits share a six-input table when the
/// address leaves one of its inputs free; dedicated multiplexers cost nothing.
pub fn table_luts(address_bits: u32, data_bits: u32, lut_inputs: u32) -> u64 {
    let data = u64::from(data_bits);
    if address_bits == 0 {
        return 0;
    }
    if lut_inputs >= 6 && address_bits < lut_inputs {
        return data.div_ceil(2);
    }
    let beyond = address_bits.saturating_sub(lut_inputs);
    let leaves = 1u64.checked_shl(beyond).unwrap_or(u64::MAX);
    let free = if lut_inputs >= 6 { 4 } else { 8 };
    let joined = (leaves / free).saturating_sub(1).div_ceil(u64::from(ways(lut_inputs) - 1));
    data.saturating_mul(leaves.saturating_add(joined))
}

/// Lookup tables of a product of `a` by `b` bits without DSP blocks.
pub fn multiplier_luts(a: u32, b: u32, lut_inputs: u32) -> u64 {
    let (a, b) = (u64::from(a), u64::from(b));
    // Yosys for ECP5: rows of full adders, two tables each, and their partial products; 4 x 4 to 16 x 8 bits within a tenth.
    if lut_inputs >= 6 {
        (a * b * 11).div_ceil(10)
    } else {
        (5 * a * b).saturating_sub(2 * (a + b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_shares() {
        let one = Resources { lut: 10, ff: 20, dsp: 1, bram_kbit: 18, uram: 0 };
        let three: Resources = [one, one, one].into_iter().sum();
        assert_eq!(three, one.times(3));
        let all = Resources { lut: 300, ff: 600, dsp: 6, bram_kbit: 180, uram: 0 };
        let share = three.percent_of(&all);
        assert_eq!((share.lut, share.ff, share.dsp), (10.0, 10.0, 50.0));
        assert_eq!((share.bram, share.uram), (30.0, 0.0));
        let ram = Resources { uram: 1, ..Resources::default() };
        assert_eq!(ram.percent_of(&all).uram, f64::INFINITY);
        assert!(all.covers(&three) && !all.covers(&ram));
    }

    #[test]
    fn counts_of_operations() {
        assert_eq!([adder_luts(15, 1), adder_luts(15, 2)], [15, 16]);
        assert_eq!([compare_luts(16, 6), compare_luts(16, 4)], [8, 16]);
        assert_eq!([mux_luts(4, 8, 6), mux_luts(5, 8, 6), mux_luts(4, 8, 4)], [8, 16, 24]);
        assert_eq!([mux_luts(1, 8, 6), mux_luts(0, 8, 6)], [0, 0]);
        assert_eq!([table_luts(5, 8, 6), table_luts(6, 8, 6), table_luts(8, 8, 6)], [4, 8, 32]);
        assert_eq!([table_luts(10, 1, 6), table_luts(4, 8, 4), table_luts(0, 8, 6)], [17, 8, 0]);
        assert_eq!([multiplier_luts(8, 8, 6), multiplier_luts(8, 8, 4)], [71, 288]);
        assert_eq!(table_luts(90, 8, 6), u64::MAX, "saturates");
    }

    #[test]
    fn counts_grow() {
        for k in [4, 6] {
            for bits in 1..24 {
                assert!(table_luts(bits + 1, 8, k) >= table_luts(bits, 8, k));
                assert!(mux_luts(bits + 1, 8, k) >= mux_luts(bits, 8, k));
                assert!(compare_luts(bits + 1, k) >= compare_luts(bits, k));
                assert!(multiplier_luts(bits + 1, 8, k) > multiplier_luts(bits, 8, k));
            }
        }
    }
}
