//! Mantissas to bits and back, and the file that carries them to the harness.
//!
//! Values are given for each port as one flat list: beat after beat, in a beat the port's slots in
//! their order. The file's layout is written down at the top of `sim/harness.cpp`.

use super::pins::{Lane, row_words};
use super::prng::Prng;
use super::{CosimError, Dut, Port, Result, Slot};

/// "NNV1", little-endian.
const MAGIC: u32 = 0x3156_4e4e;

/// Writes the low bits of a mantissa at a slot; the bits there are 0 before.
pub fn pack(words: &mut [u32], slot: Slot, value: i128) {
    let bits = value as u128 & mask(slot.width);
    let (word, shift) = ((slot.offset / 32) as usize, slot.offset % 32);
    // Up to 31 + 128 bits: the part in the first word, then the rest.
    words[word] |= (bits << shift) as u32;
    let mut rest = bits >> (32 - shift);
    for word in &mut words[word + 1..] {
        if rest == 0 {
            break;
        }
        *word |= rest as u32;
        rest >>= 32;
    }
}

/// Reads the mantissa at a slot.
pub fn unpack(words: &[u32], slot: Slot) -> i128 {
    let (word, shift) = ((slot.offset / 32) as usize, slot.offset % 32);
    let count = ((shift + slot.width).div_ceil(32)) as usize;
    let mut bits = u128::from(words[word] >> shift);
    let mut at = 32 - shift;
    for &word in &words[word + 1..word + count] {
        bits |= u128::from(word) << at;
        at += 32;
    }
    bits &= mask(slot.width);
    let unused = 128 - slot.width;
    match slot.signed {
        true => ((bits << unused) as i128) >> unused,
        false => bits as i128,
    }
}

fn mask(width: u32) -> u128 {
    u128::MAX >> (128 - width)
}

/// The smallest and the largest mantissa of a slot.
pub fn limits(slot: Slot) -> (i128, i128) {
    match slot.signed {
        true => (i128::MIN >> (128 - slot.width), i128::MAX >> (128 - slot.width)),
        false => (0, mask(slot.width) as i128),
    }
}

impl Dut {
    /// Random inputs: uniform, with the ends of the range and 0 more often than chance has them.
    pub fn random_inputs(&self, samples: usize, seed: u64) -> Vec<Vec<i128>> {
        let mut prng = Prng::new(seed);
        let beats = samples * self.in_beats as usize;
        let mut value = |slot: Slot| {
            let (min, max) = limits(slot);
            match prng.below(16) {
                0 => min,
                1 => max,
                2 => 0,
                // The sign extension of random bits is uniform.
                _ => {
                    let bits = prng.next_u128() & mask(slot.width);
                    let unused = if slot.signed { 128 - slot.width } else { 0 };
                    ((bits << unused) as i128) >> unused
                }
            }
        };
        let mut port = |port: &Port| {
            (0..beats).flat_map(|_| port.slots.iter()).map(|&slot| value(slot)).collect()
        };
        self.inputs.iter().map(&mut port).collect()
    }

    /// The vector file of some inputs, and how many samples it has.
    pub(super) fn encode(&self, inputs: &[Vec<i128>]) -> Result<(Vec<u8>, usize)> {
        if inputs.len() != self.inputs.len() {
            return Err(CosimError::Ports { found: inputs.len(), expected: self.inputs.len() });
        }
        let per_sample = |port: &Port| port.slots.len() * self.in_beats as usize;
        let samples = inputs[0].len() / per_sample(&self.inputs[0]);
        for (port, values) in self.inputs.iter().zip(inputs) {
            let expected = samples.max(1) * per_sample(port);
            if values.len() != expected {
                let (port, found) = (port.name.clone(), values.len());
                return Err(CosimError::Count { port, found, expected });
            }
        }
        let lanes = self.in_lanes();
        let width = row_words(&lanes) as usize;
        let beats = samples * self.in_beats as usize;
        let mut rows = vec![0_u32; width * (beats + 1)];
        let (mask_row, data) = rows.split_at_mut(width);
        for (port_idx, slot_idx, slot) in self.slots(&self.inputs, &lanes) {
            pack(mask_row, slot, -1);
            let (port, values) = (&self.inputs[port_idx], &inputs[port_idx]);
            let (min, max) = limits(slot);
            for (beat, row) in data.chunks_exact_mut(width).enumerate() {
                let index = beat * port.slots.len() + slot_idx;
                let value = values[index];
                if value < min || value > max {
                    let (port, width) = (port.name.clone(), slot.width);
                    return Err(CosimError::Wide { port, index, value, width });
                }
                pack(row, slot, value);
            }
        }
        let out_words = row_words(&self.out_lanes());
        let head = [MAGIC, samples as u32, self.in_beats, self.out_beats, width as u32, out_words];
        let bytes = head.iter().chain(&rows).flat_map(|word| word.to_le_bytes()).collect();
        Ok((bytes, samples))
    }

    /// The outputs in the file that the harness has written.
    pub(super) fn decode(&self, bytes: &[u8]) -> Vec<Vec<i128>> {
        let word = |bytes: &[u8]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let words: Vec<u32> = bytes.chunks_exact(4).map(word).collect();
        let lanes = self.out_lanes();
        let width = row_words(&lanes) as usize;
        let beats = words.len() / width;
        let empty = |port: &Port| vec![0; port.slots.len() * beats];
        let mut outputs: Vec<Vec<i128>> = self.outputs.iter().map(empty).collect();
        for (port, slot_idx, slot) in self.slots(&self.outputs, &lanes) {
            let slots = self.outputs[port].slots.len();
            for (beat, row) in words.chunks_exact(width).enumerate() {
                outputs[port][beat * slots + slot_idx] = unpack(row, slot);
            }
        }
        outputs
    }

    /// Every slot with its port, its position there, and its offset in the whole row.
    fn slots(&self, ports: &[Port], lanes: &[Lane]) -> Vec<(usize, usize, Slot)> {
        let bases = self.bases(ports, lanes);
        let mut all = Vec::new();
        for (port_idx, (port, base)) in ports.iter().zip(bases).enumerate() {
            for (slot_idx, slot) in port.slots.iter().enumerate() {
                all.push((port_idx, slot_idx, Slot { offset: slot.offset + base, ..*slot }));
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cosim::{Protocol, packed};

    /// Slots of random width and sign, in random order, with gaps between them.
    fn random_slots(prng: &mut Prng, count: u32) -> Vec<Slot> {
        let mut offset = prng.below(40);
        let mut slots: Vec<Slot> = (0..count)
            .map(|_| {
                let signed = prng.below(2) == 1;
                let width = 1 + prng.below(127 + u32::from(signed));
                let slot = Slot { offset, width, signed };
                offset += width + prng.below(3);
                slot
            })
            .collect();
        for idx in (1..slots.len()).rev() {
            slots.swap(idx, prng.below(idx as u32 + 1) as usize);
        }
        slots
    }

    #[test]
    fn packing_round_trips_at_all_widths() {
        for seed in 0..300 {
            let mut prng = Prng::new(seed);
            let count = 1 + prng.below(12);
            let slots = random_slots(&mut prng, count);
            let dut = Dut::new("t", Vec::new()).input("a", slots.clone());
            let values = &dut.random_inputs(1, seed)[0];
            let bits = slots.iter().map(|slot| slot.offset + slot.width).max().unwrap();
            let mut words = vec![0; bits.div_ceil(32) as usize];
            for (slot, &value) in slots.iter().zip(values) {
                pack(&mut words, *slot, value);
            }
            let found: Vec<i128> = slots.iter().map(|slot| unpack(&words, *slot)).collect();
            assert_eq!(&found, values, "seed {seed}: {slots:?}");
        }
    }

    #[test]
    fn packing_is_little_endian_twos_complement() {
        let mut words = [0; 3];
        pack(&mut words, Slot { offset: 28, width: 40, signed: true }, -2);
        assert_eq!(words, [0xe000_0000, 0xffff_ffff, 0xf]);
        pack(&mut words, Slot { offset: 0, width: 28, signed: false }, 0x123_4567);
        assert_eq!(words[0], 0xe123_4567);
    }

    #[test]
    fn limits_are_those_of_the_width() {
        let slot = |width, signed| Slot { offset: 0, width, signed };
        assert_eq!(limits(slot(1, true)), (-1, 0));
        assert_eq!(limits(slot(8, true)), (-128, 127));
        assert_eq!(limits(slot(8, false)), (0, 255));
        assert_eq!(limits(slot(127, false)), (0, i128::MAX));
        assert_eq!(limits(slot(128, true)), (i128::MIN, i128::MAX));
    }

    /// Reads the inputs of a vector file back, as if they were outputs.
    fn read_back(dut: &Dut, inputs: &[Vec<i128>]) -> Vec<Vec<i128>> {
        let (bytes, _) = dut.encode(inputs).unwrap();
        let words = row_words(&dut.in_lanes()) as usize;
        let mirror = Dut { outputs: dut.inputs.clone(), ..dut.clone() };
        mirror.decode(&bytes[4 * (6 + words)..])
    }

    #[test]
    fn files_round_trip_for_both_protocols() {
        for seed in 0..40 {
            let mut prng = Prng::new(seed);
            let [a, b] = [3, 2].map(|count| random_slots(&mut prng, count));
            let beats = 1 + prng.below(3);
            let two =
                Dut { in_beats: beats, ..Dut::new("t", Vec::new()).input("a", a).input("b", b) };
            let axi = Dut {
                protocol: Protocol::AxiStream,
                in_beats: beats,
                ..Dut::new("t", Vec::new())
                    .input("a", packed(3, 9, true))
                    .input("b", vec![Slot { offset: 27, width: 70, signed: false }])
            };
            for dut in [two, axi] {
                let inputs = dut.random_inputs(5, seed);
                assert_eq!(read_back(&dut, &inputs), inputs, "seed {seed}");
            }
        }
    }

    #[test]
    fn wrong_values_are_refused() {
        let dut = Dut::new("t", Vec::new())
            .input("a", packed(2, 4, true))
            .output("y", packed(1, 4, true));
        let error = |inputs: &[Vec<i128>]| dut.encode(inputs).unwrap_err().to_string();
        assert_eq!(error(&[]), "values for 0 ports, expected 1");
        assert_eq!(error(&[vec![1, 2, 3]]), "port `a`: 3 values, expected 2");
        assert_eq!(error(&[vec![]]), "port `a`: 0 values, expected 2");
        assert_eq!(error(&[vec![7, 8]]), "port `a`, value 1: 8 needs more than 4 bits");
        assert_eq!(error(&[vec![-9, 0]]), "port `a`, value 0: -9 needs more than 4 bits");
    }
}
