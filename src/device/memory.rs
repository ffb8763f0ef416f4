//! Memories: what keeps words, by their number and size.

use super::{Device, Resources, Tool, mux_luts};

/// What keeps the words of a memory with one port to write and one to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// Lookup tables that can be written.
    Tables,
    /// Block RAM.
    Block,
}

/// Lookup tables that are worth a block RAM of 18 kbit: devices have some 130 that can store for each, and
/// half of that are left to other things. `nn_fifo.sv` and `nn_delay.sv` count alike.
const TABLES_OF_BLOCK: u64 = 64;

impl Storage {
    /// What a memory of `words` times `width` bits is made of.
    pub fn of(words: usize, width: u32) -> Storage {
        let (words, width) = (words as u64, u64::from(width));
        let tables = width * words.div_ceil(64);
        let blocks = width.div_ceil(36) * words.div_ceil(512);
        if tables < blocks * TABLES_OF_BLOCK { Storage::Tables } else { Storage::Block }
    }
}

impl Device {
    /// What a memory of `words` times `width` bits takes.
    pub fn memory(&self, words: usize, width: u32) -> Resources {
        match Storage::of(words, width) {
            Storage::Tables if self.lut_inputs() >= 6 => Resources::luts(tables(words, width)),
            Storage::Tables if self.has_small_memories() => Resources::luts(small(words, width)),
            _ => self.blocks(words, width),
        }
    }

    /// What a line that is read just before it is written takes: one address for both.
    pub fn line(&self, words: usize, width: u32) -> Resources {
        match Storage::of(words, width) {
            Storage::Tables if self.lut_inputs() >= 6 => {
                Resources::luts(u64::from(width) * (words as u64).div_ceil(64))
            }
            Storage::Tables if self.has_small_memories() => Resources::luts(small(words, width)),
            _ => self.blocks(words, width),
        }
    }

    /// Four tables of four inputs are a memory of 16 words of four bits.
    fn has_small_memories(&self) -> bool {
        matches!(self.tool(), Tool::Trellis | Tool::Gowin | Tool::Oxide)
    }

    /// A memory, written or not, in whole block RAMs.
    pub fn blocks(&self, words: usize, width: u32) -> Resources {
        // Blocks of 36 kbit can be used as two halves.
        let half = self.fabric.bram_block_kbit.min(18);
        let bits = u64::from(half) * 1024;
        // They are at most 36 bits wide with eight bits and a spare one for each byte.
        let widest = if half == 18 { 36 } else { u64::from(half) * 1024 / 256 };
        let (words, width) = (words as u64, u64::from(width));
        let shapes = (0..=9).map(|it| widest >> it).take_while(|it| *it > 0);
        let blocks = shapes.map(|it| width.div_ceil(it) * words.div_ceil(bits / it)).min();
        Resources { bram_kbit: u64::from(half) * blocks.unwrap_or(0), ..Resources::default() }
    }

    /// Lookup tables that are worth one of 18 kbit of block RAM here.
    pub fn luts_of_block(&self) -> u64 {
        match self.total.bram_kbit / 18 {
            0 => u64::MAX,
            blocks => self.total.lut * 3 / 5 / blocks,
        }
    }
}

/// Lookup tables of a memory, at 32 or 64 words each; four of them are one memory with a port to write
/// that reads six columns or three.
fn tables(words: usize, width: u32) -> u64 {
    let width = u64::from(width);
    match words {
        0..=32 => 4 * width.div_ceil(6),
        _ => 4 * width.div_ceil(3) * (words as u64).div_ceil(64),
    }
}

/// Lookup tables of a memory of such, with the choice of what is read.
fn small(words: usize, width: u32) -> u64 {
    let rows = words.div_ceil(16);
    4 * rows as u64 * u64::from(width.div_ceil(4)) + mux_luts(rows as u32, width, 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device;

    #[test]
    fn memories_take_what_suits_them() {
        let device = device::find("xc7a100t").unwrap();
        assert_eq!(device.memory(32, 12), Resources::luts(8));
        assert_eq!(device.memory(64, 12), Resources::luts(16));
        let block = |bram_kbit| Resources { bram_kbit, ..Resources::default() };
        let of_four = device::find("lfe5u-85").unwrap();
        assert_eq!(of_four.memory(12, 6), Resources::luts(8));
        assert_eq!(device.memory(512, 36), block(18));
        assert_eq!(device.memory(1024, 18), block(18));
        assert_eq!(device.memory(1024, 36), block(36));
        assert_eq!(device.blocks(2048, 9), block(18));
        assert_eq!(device.luts_of_block(), 63400 * 3 / 5 / 270);
    }
}
