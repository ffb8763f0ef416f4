//! FPGAs that can be targeted: what they have, and how fast it is.
//!
//! The data are in `constraints/devices.json`, embedded in the binary; this module only looks them
//! up. Every fabric (a family at one speed grade) says in [`Fabric::source`] where its delays come
//! from and in [`Fabric::basis`] whether they were measured, published or estimated. Adding a device
//! is an entry in that file and no code.
//!
//! Totals were compared with published utilization reports (LUT and FF of all AMD parts but
//! `xczu9eg`, `xcu250`, `xcku115`; LUT, block RAM and DSP of Arria 10, Stratix 10 and Cyclone V; logic
//! modules of Agilex 7) or with nextpnr's databases (ECP5, iCE40, Nexus); the rest is from selection
//! guides.

mod delay;
mod lookup;
mod memory;
mod resources;

use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

pub use delay::{DelayModel, Ternary};
pub use lookup::{UnknownDevice, find};
pub use memory::Storage;
pub use resources::{
    Percent, Resources, adder_luts, compare_luts, multiplier_luts, mux_luts, table_luts,
};

/// The tool that turns a netlist into a bitstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tool {
    /// AMD Vivado (with Vitis HLS).
    Vivado,
    /// Altera Quartus Prime.
    Quartus,
    /// Lattice Diamond, or nextpnr with Project Trellis.
    Trellis,
    /// Lattice iCEcube2, or nextpnr with Project IceStorm.
    IceStorm,
    /// Gowin EDA, or nextpnr with Project Apicula.
    Gowin,
    /// Lattice Radiant, or nextpnr with Project Oxide.
    Oxide,
}

/// How far the delays of a fabric can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// Fitted to designs placed and routed by us.
    Measured,
    /// Taken from data sheets or from routed paths that others published.
    Published,
    /// Scaled from another fabric or set by experience.
    Estimated,
}

/// A family at one speed grade.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fabric {
    /// Family and speed grade: `ultrascale+ -2`.
    pub name: String,
    /// Place-and-route tool.
    pub tool: Tool,
    /// Maker of the device.
    pub vendor: String,
    /// Operand widths at which one DSP block holds two multipliers.
    pub dsp_pair: Option<[u32; 2]>,
    /// Size of a block RAM, kbit (1024 bits).
    pub bram_block_kbit: u32,
    /// Delays, and the building blocks they belong to.
    pub delay: DelayModel,
    /// How far the delays can be trusted.
    pub basis: Basis,
    /// Where the delays come from.
    pub source: String,
}

/// One FPGA.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// Short name, lower case: `xcvu9p`.
    pub name: String,
    /// Full part string that vendor tools take, used unless the user gives another.
    pub part: String,
    /// Other full part strings of the same device.
    pub parts: Vec<String>,
    /// Other short names.
    pub aliases: Vec<String>,
    /// Boards that carry it.
    pub boards: Vec<String>,
    /// Clock period used unless the user gives another, ns.
    pub clock_ns: f64,
    /// Everything on the device.
    pub total: Resources,
    /// Block RAMs on the device, of [`Fabric::bram_block_kbit`] each.
    pub bram_blocks: u32,
    /// What a reader of the totals should know; mostly empty.
    pub note: String,
    /// The family, its building blocks and their speed.
    pub fabric: Arc<Fabric>,
}

impl Device {
    /// Place-and-route tool.
    pub fn tool(&self) -> Tool {
        self.fabric.tool
    }

    /// Delays, ns.
    pub fn delay(&self) -> &DelayModel {
        &self.fabric.delay
    }

    /// Inputs of a lookup table.
    pub fn lut_inputs(&self) -> u32 {
        self.fabric.delay.lut_inputs
    }

    /// The part string to hand to vendor tools when the user asked for `name`: what the user wrote
    /// if it names a package and a speed grade, else the default part.
    pub fn part_for<'a>(&'a self, name: &'a str) -> &'a str {
        let short = |it: &&String| it.eq_ignore_ascii_case(name.trim());
        match self.aliases.iter().chain([&self.name]).find(short) {
            Some(_) => &self.part,
            None => name.trim(),
        }
    }

    /// DSP blocks that `count` products of `a` by `b` bits (signed) take; none if there are none.
    pub fn dsps(&self, count: u64, a: u32, b: u32) -> u64 {
        let (a, b) = (a.max(b), a.min(b));
        let [wide, narrow] = self.fabric.delay.dsp_widths;
        if count == 0 || narrow < 2 {
            return 0;
        }
        if self.fabric.dsp_pair.is_some_and(|[p, q]| b <= p.min(q) && a <= p.max(q)) {
            return count.div_ceil(2);
        }
        count.saturating_mul(tiles(a, wide)).saturating_mul(tiles(b, narrow))
    }

    /// Whether `used` fits, and clears no more than everything there is.
    pub fn fits(&self, used: &Resources) -> bool {
        self.total.covers(used)
    }
}

/// Pieces of `width` bits, sign included, over multipliers of `unit` bits: all but the top piece are
/// unsigned and so lose a bit.
fn tiles(width: u32, unit: u32) -> u64 {
    match width <= unit {
        true => 1,
        false => 1 + u64::from((width - unit).div_ceil(unit - 1)),
    }
}

/// Every device, in the order of the data file.
pub fn all() -> &'static [Device] {
    &DEVICES
}

static DEVICES: LazyLock<Vec<Device>> = LazyLock::new(|| {
    lookup::parse(include_str!("../../constraints/devices.json"))
        .expect("the embedded device file is checked by a test")
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_take_the_blocks_they_need() {
        let dsps = |name, a, b| find(name).unwrap().dsps(10, a, b);
        assert_eq!(dsps("xcvu13p", 16, 16), 10);
        assert_eq!(dsps("xcvu13p", 18, 27), 10);
        assert_eq!(dsps("xcvu13p", 19, 27), 20);
        assert_eq!(dsps("xcvu13p", 28, 19), 40);
        assert_eq!(dsps("arria10", 18, 19), 5);
        assert_eq!(dsps("arria10", 20, 20), 10);
        assert_eq!(dsps("ice40hx8k", 8, 8), 0);
        assert_eq!(find("xcvu13p").unwrap().dsps(0, 8, 8), 0);
    }

    #[test]
    fn part_is_the_users_when_it_is_a_full_one() {
        let device = find("xcvu9p").unwrap();
        assert_eq!(device.part_for("xcvu9p"), "xcvu9p-flgb2104-2-e");
        assert_eq!(device.part_for("VU9P"), "xcvu9p-flgb2104-2-e");
        assert_eq!(device.part_for("xcvu9p-fsgd2104-3-e"), "xcvu9p-fsgd2104-3-e");
    }

    #[test]
    fn fits_compares_every_kind() {
        let device = find("xc7z020").unwrap();
        assert!(device.fits(&device.total));
        assert!(!device.fits(&Resources { dsp: device.total.dsp + 1, ..Resources::default() }));
    }
}
