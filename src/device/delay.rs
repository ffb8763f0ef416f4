//! How long a word-level operation takes on a fabric.
//!
//! Every operation is charged the net that brings its operands, so that a path is the sum of its
//! operations plus [`DelayModel::register_overhead`]. Nets grow with the design they cross:
//! [`DelayModel::at_size`]. Chained adders really overlap their carries,
//! so such a sum is an upper bound. Against nextpnr on ECP5 and iCE40 UltraPlus (the two fabrics we
//! can route) single adders, comparators, tables and multipliers of 6 to 32 bits come out within
//! 25 %; a chain of four 16-bit adders 23 % too slow on ECP5 and twice too slow on iCE40, whose
//! carries are long.

use serde::{Deserialize, Serialize};

use super::tiles;

/// The size up to which `net_ns` holds, lookup tables.
const NET_LUTS: f64 = 2000.0;

/// How the lookup tables in front of a carry chain take in a third operand: they compress three bits
/// to a sum and a carry, which goes to the table of the next bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ternary {
    /// They cannot: they have too few inputs or outputs.
    #[default]
    None,
    /// Over general routing (AMD from Virtex-5 on: two outputs of a six-input table).
    Routed,
    /// Over a wire made for it (Altera's shared arithmetic mode, up to Arria 10 and Cyclone V).
    Dedicated,
}

/// Delays of a fabric in ns, and the shape of its logic that they depend on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DelayModel {
    /// Inputs of a lookup table: 4 or 6.
    pub lut_inputs: u32,
    /// Levels of dedicated multiplexers behind the lookup tables that a ROM can use (F7, F8 ...).
    pub table_mux_levels: u32,
    /// Operand widths of a hard multiplier, bits, signed; `[0, 0]` if there is none.
    pub dsp_widths: [u32; 2],
    /// Through a lookup table.
    pub lut_ns: f64,
    /// Routing in front of each logic level.
    pub net_ns: f64,
    /// What every doubling of the design beyond 2000 lookup tables adds to `net_ns`: more cells are
    /// further apart and share wires, and the worst of more paths is worse. 0 where nobody measured.
    #[serde(default)]
    pub net_growth_ns: f64,
    /// What every such doubling adds to `register_ns`: the nets from registers are those that cross the
    /// design, and what follows in a stage is placed near by. 0 where nobody measured.
    #[serde(default)]
    pub register_growth_ns: f64,
    /// Into a carry chain (first lookup table included) and out of it again.
    pub carry_ns: f64,
    /// Along the carry chain, a bit.
    pub carry_bit_ns: f64,
    /// Bits of a carry cell, of which a chain takes whole ones.
    #[serde(default = "one")]
    pub carry_cell_bits: u32,
    /// Whether a carry chain adds three operands with one lookup table a bit.
    #[serde(default)]
    pub ternary: Ternary,
    /// Through a dedicated multiplexer behind the lookup tables; 0 if there are none.
    pub mux_ns: f64,
    /// Clock to output, setup and the last hop: what a pipeline stage loses.
    pub register_ns: f64,
    /// Through a hard multiplier without its pipeline registers; 0 if there is none.
    pub dsp_ns: f64,
    /// Width of the adder behind a hard multiplier, where tools are known to put `a * b + c` into one
    /// block (Vivado: UG901, multiply-add; UG479 and UG579, 48 bits); 0 where that is not relied on:
    /// Yosys puts the product there and the addition beside it.
    #[serde(default)]
    pub dsp_add_bits: u32,
    /// Clock to output of a block RAM without output register.
    pub bram_ns: f64,
}

fn one() -> u32 {
    1
}

impl DelayModel {
    /// The delays inside a design of `luts` lookup tables.
    #[must_use]
    pub fn at_size(&self, luts: u64) -> DelayModel {
        // Far below 2^52, where the conversion would round.
        let doublings = (luts as f64 / NET_LUTS).log2().max(0.0);
        DelayModel {
            net_ns: self.net_ns + doublings * self.net_growth_ns,
            register_ns: self.register_ns + doublings * self.register_growth_ns,
            ..self.clone()
        }
    }

    /// Addition or subtraction of `bits` bits.
    pub fn adder(&self, bits: u32) -> f64 {
        match bits {
            0 => 0.0,
            _ => self.net_ns + self.carry_ns + f64::from(bits) * self.carry_bit_ns,
        }
    }

    /// Addition of three operands, `bits` bits, of which at most one is subtracted; two additions
    /// where the fabric has no such chain.
    ///
    /// A guess from the structure: one more level of lookup tables, of which the second output is
    /// taken for twice as slow where it is routed, and that net. On UltraScale+ 16 bits come out at
    /// 0.65 of the speed of two operands, register to register; Kumm and Zipf (2014) call it about
    /// half on Virtex-6 and little slower on Altera's.
    pub fn ternary_adder(&self, bits: u32) -> f64 {
        match (bits, self.ternary) {
            (0, _) => 0.0,
            (_, Ternary::None) => 2.0 * self.adder(bits),
            (_, Ternary::Routed) => self.adder(bits) + self.net_ns + 2.0 * self.lut_ns,
            (_, Ternary::Dedicated) => self.adder(bits) + self.lut_ns,
        }
    }

    /// A tree of AND, OR or XOR over `inputs` bits; nothing for one bit, which is a wire.
    pub fn lut(&self, inputs: u32) -> f64 {
        f64::from(levels(inputs, self.lut_inputs)) * (self.net_ns + self.lut_ns)
    }

    /// A choice among `choices` words; nothing for one.
    pub fn mux(&self, choices: u32) -> f64 {
        f64::from(levels(choices, ways(self.lut_inputs))) * (self.net_ns + self.lut_ns)
    }

    /// An ordering or equality of two words of `bits` bits.
    pub fn compare(&self, bits: u32) -> f64 {
        match self.lut_inputs >= 6 {
            // Two bits of each word share a lookup table, and the carry drives its reader.
            true => self.adder(bits.div_ceil(2)),
            // The carry leaves its chain through one more table next to it.
            false => self.adder(bits) + self.lut_ns + self.net_ns / 2.0,
        }
    }

    /// A product of `a` by `b` bits in hard multipliers, or in logic where there are none.
    pub fn multiplier(&self, a: u32, b: u32) -> f64 {
        let [wide, narrow] = self.dsp_widths;
        if narrow < 2 || a.min(b) == 0 {
            return self.logic_multiplier(a, b);
        }
        let blocks = tiles(a.max(b), wide) * tiles(a.min(b), narrow);
        let joins = u64::BITS - (blocks - 1).leading_zeros();
        self.net_ns + self.dsp_ns + f64::from(joins) * self.adder(a + b)
    }

    /// A product of `a` by `b` bits in lookup tables and carry chains.
    pub fn logic_multiplier(&self, a: u32, b: u32) -> f64 {
        if a.min(b) == 0 {
            return 0.0;
        }
        // Six-input tables form two partial products in front of the adder that joins them.
        let products = if self.lut_inputs >= 6 { 0.0 } else { self.net_ns + self.lut_ns };
        let rows = f64::from(levels(a.min(b), 2).max(1));
        products + rows * (self.net_ns + self.carry_ns) + f64::from(a + b) * self.carry_bit_ns
    }

    /// A ROM in lookup tables, of `2^address_bits` words of `data_bits` bits. The word's width only
    /// matters in that a table without any is nothing.
    pub fn table(&self, address_bits: u32, data_bits: u32) -> f64 {
        if address_bits == 0 || data_bits == 0 {
            return 0.0;
        }
        let beyond = address_bits.saturating_sub(self.lut_inputs);
        let dedicated = beyond.min(self.table_mux_levels);
        let choices = 1u32.checked_shl(beyond - dedicated).unwrap_or(u32::MAX);
        self.net_ns + self.lut_ns + f64::from(dedicated) * self.mux_ns + self.mux(choices)
    }

    /// What a pipeline stage loses to its registers.
    pub fn register_overhead(&self) -> f64 {
        self.register_ns
    }
}

/// Words a lookup table can choose among, its select inputs included.
pub(super) fn ways(lut_inputs: u32) -> u32 {
    if lut_inputs >= 6 { 4 } else { 2 }
}

/// Depth of a tree of `fan_in`-input nodes over `inputs` leaves.
pub(super) fn levels(inputs: u32, fan_in: u32) -> u32 {
    let mut reach = 1u64;
    let mut depth = 0;
    while reach < u64::from(inputs) {
        reach *= u64::from(fan_in.max(2));
        depth += 1;
    }
    depth
}

#[cfg(test)]
mod tests {
    use super::super::{all, find};
    use super::*;

    #[test]
    fn every_delay_is_positive_and_grows_with_the_operands() {
        for device in all() {
            let model = device.delay();
            let ops: [(&str, &dyn Fn(u32) -> f64); 8] = [
                ("adder", &|bits| model.adder(bits)),
                ("ternary_adder", &|bits| model.ternary_adder(bits)),
                ("lut", &|bits| model.lut(bits)),
                ("mux", &|bits| model.mux(bits)),
                ("compare", &|bits| model.compare(bits)),
                ("multiplier", &|bits| model.multiplier(bits, bits)),
                ("logic_multiplier", &|bits| model.logic_multiplier(bits, bits)),
                ("table", &|bits| model.table(bits, 8)),
            ];
            for (name, op) in ops {
                for bits in 1..40 {
                    assert!(op(bits + 1) >= op(bits), "{} {name} at {bits}", device.name);
                }
                assert!(op(8) > 0.0 && op(8) < op(64), "{} {name}", device.name);
            }
            assert!(model.adder(17) > model.adder(16), "{}", device.name);
            assert!(model.register_overhead() > 0.0 && model.bram_ns > 0.0);
            assert_eq!(model.dsp_ns > 0.0, model.dsp_widths[1] > 0);
            assert_eq!(model.mux_ns > 0.0, model.table_mux_levels > 0);
        }
    }

    /// Routed register-to-register periods, ns: median of three seeds of nextpnr 0.11 with the
    /// designs described in the device file.
    #[test]
    fn agrees_with_routed_designs() {
        type Op = fn(&DelayModel) -> f64;
        let routed: [(&str, f64, Op); 20] = [
            ("lfe5u-25", 2.15, |m| m.adder(8)),
            ("lfe5u-25", 2.36, |m| m.adder(16)),
            ("lfe5u-25", 2.79, |m| m.adder(32)),
            ("lfe5u-25", 1.60, |m| m.lut(4)),
            ("lfe5u-25", 4.54, |m| 4.0 * m.lut(4)),
            ("lfe5u-25", 2.74, |m| m.compare(8)),
            ("lfe5u-25", 3.21, |m| m.compare(32)),
            ("lfe5u-25", 3.26, |m| m.table(8, 4)),
            ("lfe5u-25", 4.65, |m| m.table(10, 4)),
            ("lfe5u-25", 6.13, |m| m.logic_multiplier(8, 8)),
            ("lfe5u-25", 5.54, |m| m.multiplier(16, 16)),
            ("lfe5u-25", 2.23, |m| m.table(6, 4)),
            ("lfe5u-25", 3.77, |m| m.mux(16)),
            ("lfe5u-25", 7.93, |m| m.logic_multiplier(12, 12)),
            ("ice40up5k", 10.38, |m| m.compare(8)),
            ("ice40up5k", 6.98, |m| m.adder(8)),
            ("ice40up5k", 15.32, |m| m.adder(32)),
            ("ice40up5k", 15.30, |m| 4.0 * m.lut(4)),
            ("ice40up5k", 18.00, |m| m.table(8, 4)),
            ("ice40up5k", 30.56, |m| m.logic_multiplier(12, 12)),
        ];
        for (name, period, op) in routed {
            let model = find(name).unwrap().delay();
            let ratio = (op(model) + model.register_overhead()) / period;
            assert!((0.8..1.25).contains(&ratio), "{name} {period} ns: model/routed {ratio:.2}");
        }
    }

    #[test]
    fn nets_grow_with_the_design() {
        let model = find("lfe5u-85").unwrap().delay();
        assert_eq!(model.at_size(0), *model);
        assert_eq!(model.at_size(2000), *model);
        let grown = |luts| model.at_size(luts).net_ns - model.net_ns;
        assert!((grown(4000) - model.net_growth_ns).abs() < 1e-12);
        assert!((grown(16000) - 3.0 * model.net_growth_ns).abs() < 1e-12);
        assert!(model.net_growth_ns > 0.0);
        let unmeasured = find("xcvu13p").unwrap().delay();
        assert_eq!(unmeasured.at_size(1_000_000), *unmeasured);
    }

    /// alkaid's surrogate, 1.094 + 0.0254 per bit, is not calibrated to a device; ours is a
    /// structural sum. They must not be worlds apart.
    #[test]
    fn ultrascale_plus_adders_are_between_half_and_all_of_the_peers_model() {
        let model = find("xcvu13p").unwrap().delay();
        for bits in [6, 8, 12, 16, 20] {
            let ratio = model.adder(bits) / (1.094 + 0.0254 * f64::from(bits));
            assert!((0.5..1.0).contains(&ratio), "{bits} bits: {ratio:.2}");
        }
    }

    #[test]
    fn shapes() {
        assert_eq!([1, 2, 6, 7, 36, 37].map(|n| levels(n, 6)), [0, 1, 1, 2, 2, 3]);
        let model = find("xcvu13p").unwrap().delay();
        assert_eq!(model.table(6, 1), model.lut(6));
        assert!(model.table(8, 1) < model.lut(7), "F7 and F8 are faster than a second level");
        assert!(model.table(9, 1) > 1.9 * model.lut(6));
        assert!(model.multiplier(40, 40) > model.multiplier(18, 18) + model.adder(36));
    }
}
