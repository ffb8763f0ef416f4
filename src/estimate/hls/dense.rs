//! Matrix times vector: multipliers, adder tree, weight memory.

use super::schedule::{depth, schedule};
use super::{BASIS, DSP_DATA_BITS, Dense, HlsClock, HlsEstimate, MERGED, Strategy};
use crate::device::{Device, Resources, multiplier_luts, mux_luts};

/// Width of a block RAM of 18 kbit as a memory of few words, bits.
const ROM_BITS: u64 = 36;

pub(super) fn estimate(it: &Dense, device: &Device, clock: HlsClock) -> HlsEstimate {
    let reuse = it.reuse.max(1);
    let copies = it.copies.clamp(1, it.positions.max(1));
    let products = it.positions.max(1).div_ceil(copies);
    let constant = it.strategy == Strategy::Latency && reuse == 1;
    let multipliers = if constant { constants(it, device) } else { shared(it, device) };

    let adder = device.delay().adder(sum_bits(it));
    let mut delays = vec![multipliers.delay_ns];
    delays.extend(std::iter::repeat_n(adder, depth(multipliers.fan_in.saturating_add(1))));
    let plan = schedule(clock.budget_ns(), &delays);

    let mut resources = multipliers.resources;
    resources.ff = registers(it, &multipliers, &plan.cuts);
    let interval = reuse.saturating_mul(products);
    HlsEstimate {
        latency_cycles: plan.cycles.saturating_add(interval - 1),
        interval,
        resources: resources.times(copies),
        basis: BASIS,
    }
}

/// The multipliers of a kernel, with the adders that sum their products.
struct Multipliers {
    delay_ns: f64,
    /// Products summed into one output in one go.
    fan_in: u64,
    /// Sums per register stage before the first addition.
    terms: u64,
    /// Products that leave a DSP block, whose registers are its own.
    in_dsp: u64,
    resources: Resources,
}

/// Weights as constants in the logic.
fn constants(it: &Dense, device: &Device) -> Multipliers {
    let weights = it.weights;
    let wide = match it.data_bits >= DSP_DATA_BITS {
        true => weights.wide,
        false => 0,
    };
    let dsp = device.dsps(wide, it.data_bits, it.weight_bits);
    let in_dsp = if dsp > 0 { wide } else { 0 };
    let digits = if in_dsp > 0 {
        weights.digits.saturating_sub(weights.wide_digits)
    } else {
        weights.digits
    };
    let shifted = weights.nonzero.saturating_sub(in_dsp);
    let product = it.data_bits.saturating_add(2);
    let shifts = digits.saturating_sub(shifted).saturating_mul(u64::from(product));
    let terms = weights.nonzero.saturating_add(it.outputs.min(weights.nonzero));
    let adders = terms.saturating_mul(u64::from(sum_bits(it))).saturating_add(shifts);
    let in_logic = device.delay().adder(product);
    let delay_ns = match (in_dsp > 0, weights.digits > weights.nonzero) {
        (true, _) => device.delay().multiplier(it.data_bits, it.weight_bits),
        (false, true) => in_logic,
        (false, false) => 0.0,
    };
    let resources = Resources { lut: merged(adders), dsp, ..Resources::default() };
    Multipliers { delay_ns, fan_in: weights.fan_in, terms: weights.nonzero, in_dsp, resources }
}

/// Multipliers used several times, or fed from memory.
fn shared(it: &Dense, device: &Device) -> Multipliers {
    let reuse = it.reuse.max(1);
    let all = match it.strategy {
        Strategy::Latency => it.weights.nonzero,
        Strategy::Resource => it.inputs.saturating_mul(it.outputs),
    };
    let count = all.div_ceil(reuse);
    let in_dsp = it.data_bits.min(it.weight_bits) >= DSP_DATA_BITS;
    let dsp = if in_dsp { device.dsps(count, it.data_bits, it.weight_bits) } else { 0 };
    let k = device.lut_inputs();
    let products = if dsp > 0 { 0 } else { multiplier_luts(it.data_bits, it.weight_bits, k) };
    let choices = u32::try_from(reuse).unwrap_or(u32::MAX);
    let inputs = mux_luts(choices, it.data_bits, k).saturating_mul(it.inputs.div_ceil(reuse));
    let sums = count.saturating_add(it.outputs).saturating_mul(u64::from(sum_bits(it)));
    let memory = match it.strategy {
        Strategy::Resource => count.saturating_mul(u64::from(it.weight_bits)).div_ceil(ROM_BITS),
        Strategy::Latency => 0,
    };
    let delay_ns = match dsp > 0 {
        true => device.delay().multiplier(it.data_bits, it.weight_bits),
        false => device.delay().logic_multiplier(it.data_bits, it.weight_bits),
    };
    let lut = merged(sums).saturating_add(products.saturating_mul(count)).saturating_add(inputs);
    Multipliers {
        delay_ns,
        fan_in: count.div_ceil(it.outputs.max(1)),
        terms: count,
        in_dsp: if dsp > 0 { count } else { 0 },
        resources: Resources { lut, dsp, bram_kbit: memory.saturating_mul(18), ff: 0, uram: 0 },
    }
}

/// Flip-flops: the partial sums that cross each cut, and the outputs.
fn registers(it: &Dense, multipliers: &Multipliers, cuts: &[usize]) -> u64 {
    let words = cuts.iter().map(|done| match *done {
        0 | 1 => multipliers.terms.saturating_sub(multipliers.in_dsp),
        done => multipliers.terms.div_ceil(1 << (done - 1).min(63)).max(it.outputs),
    });
    let words = words.fold(it.outputs, u64::saturating_add);
    words.saturating_mul(u64::from(sum_bits(it)))
}

/// Width of the additions: the sum's, unless no product is that wide.
fn sum_bits(it: &Dense) -> u32 {
    it.accum_bits.min(it.data_bits.saturating_add(it.weight_bits).saturating_add(1))
}

fn merged(adder_bits: u64) -> u64 {
    (adder_bits as f64 * MERGED).ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::super::tests::dense;
    use super::*;
    use crate::device::find;

    fn run(it: Dense) -> HlsEstimate {
        estimate(&it, find("xcvu13p").unwrap(), HlsClock::vitis(5.0))
    }

    #[test]
    fn narrow_data_take_no_dsp_and_zeros_take_nothing() {
        assert_eq!(run(dense(16, 8)).resources.dsp, 128);
        assert_eq!(run(Dense { data_bits: 8, ..dense(16, 8) }).resources.dsp, 0);
        let zeros = super::super::Constants::of(&[0; 128], 8);
        let none = run(Dense { weights: zeros, ..dense(16, 8) });
        assert_eq!((none.resources.dsp, none.resources.lut), (0, 0));
        let shifts = super::super::Constants::of(&[4; 128], 8);
        assert_eq!(run(Dense { weights: shifts, ..dense(16, 8) }).resources.dsp, 0);
    }

    #[test]
    fn reuse_trades_time_for_multipliers() {
        let folded = |reuse| run(Dense { reuse, strategy: Strategy::Resource, ..dense(32, 16) });
        let [one, four, sixteen] = [1, 4, 16].map(folded);
        assert_eq!([one, four, sixteen].map(|it| it.resources.dsp), [512, 128, 32]);
        assert_eq!([one, four, sixteen].map(|it| it.interval), [1, 4, 16]);
        assert!(sixteen.latency_cycles > four.latency_cycles);
        assert_eq!(four.resources.bram_kbit, (128 * 16_u64).div_ceil(36) * 18);
    }

    #[test]
    fn positions_share_a_kernel() {
        let one = run(dense(9, 4));
        let many = run(Dense { positions: 100, ..dense(9, 4) });
        assert_eq!((many.interval, many.resources), (100, one.resources));
        assert_eq!(many.latency_cycles, one.latency_cycles + 99);
        let wide = run(Dense { positions: 100, copies: 10, ..dense(9, 4) });
        assert_eq!((wide.interval, wide.resources), (10, one.resources.times(10)));
    }
}
