//! Table lookups, softmax and element-wise operations.

use super::schedule::{depth, schedule};
use super::{BASIS, DSP_DATA_BITS, HlsClock, HlsEstimate, MERGED, Operation};
use crate::device::{Device, Resources, adder_luts, compare_luts, multiplier_luts};

/// Size and widest word of a block RAM as HLS counts them.
const BLOCK_BITS: u64 = 18 << 10;
const BLOCK_WIDTH: u64 = 18;

/// Sizes of softmax's tables.
#[derive(Clone, Copy)]
pub(super) struct Tables {
    pub(super) exp_entries: u64,
    pub(super) inv_entries: u64,
    pub(super) table_bits: u32,
}

pub(super) fn activation(
    elements: u64,
    entries: u64,
    table_bits: u32,
    device: &Device,
) -> HlsEstimate {
    let bits = u64::from(table_bits);
    // Saturation of the index, and the output's register.
    let each =
        Resources { lut: compare_luts(16, device.lut_inputs()), ff: bits, ..Resources::default() };
    let resources = each.times(elements) + memory(elements, entries, bits);
    HlsEstimate { latency_cycles: 1, interval: 1, resources, basis: BASIS }
}

/// Maximum and differences if `stable` (the width of the data), exponentials, sum, reciprocal,
/// products.
pub(super) fn softmax(
    elements: u64,
    stable: Option<u32>,
    tables: Tables,
    device: &Device,
    clock: HlsClock,
) -> HlsEstimate {
    let bits = u64::from(tables.table_bits);
    let delay = device.delay();
    let levels = depth(elements);
    let sum = vec![delay.adder(tables.table_bits); levels];
    let mut cycles = 3 + schedule(clock.budget_ns(), &sum).cycles;
    let pairs = elements.saturating_sub(1);
    let mut lut = (pairs.saturating_mul(bits) as f64 * MERGED).ceil() as u64;
    if let Some(width) = stable {
        let mut ops = vec![delay.compare(width) + delay.mux(2); levels];
        ops.push(delay.adder(width));
        cycles += schedule(clock.budget_ns(), &ops).cycles;
        let compares = compare_luts(width, device.lut_inputs()) + u64::from(width).div_ceil(2);
        let differences = adder_luts(width, delay.carry_cell_bits);
        lut = lut
            .saturating_add(pairs.saturating_mul(compares))
            .saturating_add(elements.saturating_mul(differences));
    }
    let products = product(tables.table_bits, device).times(elements);
    // Exponentials wait for the reciprocal, and every stage has a register of its own.
    let ff = elements.saturating_mul(bits).saturating_mul(cycles);
    HlsEstimate {
        latency_cycles: cycles,
        interval: 1,
        resources: Resources { lut, ff, ..Resources::default() }
            + products
            + memory(elements, tables.exp_entries, bits)
            + memory(1, tables.inv_entries, bits),
        basis: BASIS,
    }
}

pub(super) fn elementwise(
    elements: u64,
    bits: u32,
    operation: Operation,
    device: &Device,
    clock: HlsClock,
) -> HlsEstimate {
    let k = device.lut_inputs();
    let half = u64::from(bits).div_ceil(2);
    let delay = device.delay();
    let (each, delay_ns) = match operation {
        Operation::Relu => (Resources::luts(half), 0.0),
        Operation::Add => {
            (Resources::luts(adder_luts(bits, delay.carry_cell_bits)), delay.adder(bits))
        }
        Operation::Max => {
            (Resources::luts(compare_luts(bits, k) + half), delay.compare(bits) + delay.mux(2))
        }
        Operation::Multiply => (product(bits, device), delay.multiplier(bits, bits)),
    };
    // A rectifier disappears into the cycle of the sum before it.
    let cycles = if delay_ns > 0.0 { schedule(clock.budget_ns(), &[delay_ns]).cycles } else { 0 };
    let ff = u64::from(bits) * cycles;
    let resources = (each + Resources { ff, ..Resources::default() }).times(elements);
    HlsEstimate { latency_cycles: cycles, interval: 1, resources, basis: BASIS }
}

/// A product of two words of the same width.
fn product(bits: u32, device: &Device) -> Resources {
    let dsp = if bits >= DSP_DATA_BITS { device.dsps(1, bits, bits) } else { 0 };
    match dsp {
        0 => Resources::luts(multiplier_luts(bits, bits, device.lut_inputs())),
        _ => Resources { dsp, ..Resources::default() },
    }
}

/// Block RAM of a table read by `readers` at once, two to a copy.
fn memory(readers: u64, entries: u64, bits: u64) -> Resources {
    let deep = entries.saturating_mul(bits.min(BLOCK_WIDTH)).div_ceil(BLOCK_BITS);
    let blocks = deep.saturating_mul(bits.div_ceil(BLOCK_WIDTH));
    let kbit = readers.div_ceil(2).saturating_mul(blocks).saturating_mul(18);
    Resources { bram_kbit: kbit, ..Resources::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::find;

    const TABLES: Tables = Tables { exp_entries: 1024, inv_entries: 1024, table_bits: 18 };

    #[test]
    fn softmax_of_five_takes_four_blocks_and_five_dsp() {
        let device = find("xcvu9p").unwrap();
        let clock = HlsClock::vivado(5.0);
        let latency = softmax(5, None, TABLES, device, clock);
        assert_eq!((latency.resources.bram_kbit, latency.resources.dsp), (4 * 18, 5));
        assert_eq!(latency.latency_cycles, 4);
        let stable = softmax(5, Some(16), TABLES, device, clock);
        assert!(stable.latency_cycles > latency.latency_cycles);
        assert!(stable.resources.lut > latency.resources.lut);
    }

    #[test]
    fn tables_are_shared_by_two() {
        assert_eq!(memory(1, 1024, 18).bram_kbit, 18);
        assert_eq!(memory(3, 1024, 18).bram_kbit, 36);
        assert_eq!(memory(2, 2048, 18).bram_kbit, 36);
        assert_eq!(memory(2, 1024, 19).bram_kbit, 36);
        assert_eq!(memory(2, 0, 18).bram_kbit, 0);
    }

    #[test]
    fn elementwise_costs() {
        let device = find("xcvu9p").unwrap();
        let run = |operation| elementwise(8, 16, operation, device, HlsClock::vitis(5.0));
        assert_eq!(run(Operation::Relu).latency_cycles, 0);
        assert_eq!(run(Operation::Add).resources.lut, 128);
        assert_eq!(run(Operation::Multiply).resources.dsp, 8);
        assert_eq!(run(Operation::Max).latency_cycles, 1);
    }
}
