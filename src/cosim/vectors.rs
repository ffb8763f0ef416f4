//! Mantissas to bits and back, and the file that carries them to the harness.
//!
//! Values are given for each port as one flat list: beat after beat, in a beat the port's slots in
//! their order. The file's layout is written down at the top of `sim/harness.cpp`.

use super::pins::Channel;
use super::prng::Prng;
use super::{CosimError, Dut, Port, Result, Slot};

/// "NNV2", little-endian.
const MAGIC: u32 = 0x3256_4e4e;

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
        let mut inputs = Vec::with_capacity(self.inputs.len());
        for channel in self.channels(true) {
            for port in &self.inputs[channel.ports] {
                let beats = 0..samples * channel.beats as usize;
                inputs.push(beats.flat_map(|_| &port.slots).map(|&slot| value(slot)).collect());
            }
        }
        inputs
    }

    /// The vector file of some inputs, and how many samples it has.
    pub(super) fn encode(&self, inputs: &[Vec<i128>]) -> Result<(Vec<u8>, usize)> {
        if inputs.len() != self.inputs.len() {
            return Err(CosimError::Ports { found: inputs.len(), expected: self.inputs.len() });
        }
        let channels = self.channels(true);
        let samples = self.samples(&channels, inputs)?;
        let mut words = vec![MAGIC, samples as u32];
        let outputs = self.channels(false);
        words.extend(channels.iter().chain(&outputs).flat_map(|it| [it.beats, it.words()]));
        for channel in &channels {
            let width = channel.words() as usize;
            let beats = samples * channel.beats as usize;
            let mut rows = vec![0_u32; width * (beats + 1)];
            let (mask_row, data) = rows.split_at_mut(width);
            for (port_idx, slot_idx, slot) in self.slots(&self.inputs, channel) {
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
            words.extend(rows);
        }
        Ok((words.iter().flat_map(|word| word.to_le_bytes()).collect(), samples))
    }

    /// How many samples there are; every port must have as many.
    fn samples(&self, channels: &[Channel], inputs: &[Vec<i128>]) -> Result<usize> {
        let mut samples = None;
        for channel in channels {
            for at in channel.ports.clone() {
                let (port, values) = (&self.inputs[at], &inputs[at]);
                let per_sample = port.slots.len() * channel.beats as usize;
                let expected = *samples.get_or_insert((values.len() / per_sample).max(1));
                if values.len() != expected * per_sample {
                    let (port, found) = (port.name.clone(), values.len());
                    let expected = expected * per_sample;
                    return Err(CosimError::Count { port, found, expected });
                }
            }
        }
        Ok(samples.unwrap_or(0))
    }

    /// The outputs in the file that the harness has written for so many samples.
    pub(super) fn decode(&self, bytes: &[u8], samples: usize) -> Vec<Vec<i128>> {
        let word = |bytes: &[u8]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let words: Vec<u32> = bytes.chunks_exact(4).map(word).collect();
        let mut rest = &words[..];
        let mut outputs: Vec<Vec<i128>> = vec![Vec::new(); self.outputs.len()];
        for channel in self.channels(false) {
            let width = channel.words() as usize;
            let beats = samples * channel.beats as usize;
            let (rows, others) = rest.split_at(width * beats);
            rest = others;
            for at in channel.ports.clone() {
                outputs[at] = vec![0; self.outputs[at].slots.len() * beats];
            }
            for (port, slot_idx, slot) in self.slots(&self.outputs, &channel) {
                let slots = self.outputs[port].slots.len();
                for (beat, row) in rows.chunks_exact(width).enumerate() {
                    outputs[port][beat * slots + slot_idx] = unpack(row, slot);
                }
            }
        }
        outputs
    }

    /// Every slot of a channel with its port, its position there, and its offset in the row.
    fn slots(&self, ports: &[Port], channel: &Channel) -> Vec<(usize, usize, Slot)> {
        let bases = self.bases(channel);
        let mut all = Vec::new();
        for (port_idx, base) in channel.ports.clone().zip(bases) {
            for (slot_idx, slot) in ports[port_idx].slots.iter().enumerate() {
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
        let (bytes, samples) = dut.encode(inputs).unwrap();
        let words = dut.channels(true)[0].words() as usize;
        let mirror = Dut { outputs: dut.inputs.clone(), out_beats: dut.in_beats, ..dut.clone() };
        // Magic, samples, and two numbers of each of the two channels.
        mirror.decode(&bytes[4 * (6 + words)..], samples)
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
