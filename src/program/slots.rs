//! Which slot each register lives in: a linear scan that frees a slot after its last reader.
//!
//! The slot written is never one that the instruction reads, so that safe code can borrow them apart.

use super::code::{Instr, Kind, Width};

/// Number of slots of each word.
pub(super) type Counts = [u32; Width::ALL.len()];

/// Replaces registers by slots.
pub(super) fn allocate(mut code: Vec<Instr>) -> (Vec<Instr>, Counts) {
    let mut last = vec![0usize; code.len()];
    for (at, instr) in code.iter().enumerate() {
        instr.operands[..instr.reads()].iter().for_each(|it| last[*it as usize] = at);
    }
    let mut counts = Counts::default();
    let mut free: [Vec<u32>; Width::ALL.len()] = Default::default();
    let mut slots = vec![0u32; code.len()];
    for at in 0..code.len() {
        let instr = &mut code[at];
        if instr.kind != Kind::Store {
            let bank = instr.width.index();
            slots[at] = free[bank].pop().unwrap_or_else(|| {
                counts[bank] += 1;
                counts[bank] - 1
            });
            instr.d = slots[at];
        }
        let (reads, bank) = (instr.reads(), instr.read_width().index());
        for it in 0..reads {
            let register = instr.operands[it];
            let again = instr.operands[..it].contains(&register);
            if last[register as usize] == at && !again {
                free[bank].push(slots[register as usize]);
            }
        }
        instr.operands[..reads].iter_mut().for_each(|it| *it = slots[*it as usize]);
    }
    (code, counts)
}

/// Bytes that a sample takes in all slots.
pub(super) fn bytes(counts: &Counts) -> usize {
    Width::ALL.iter().zip(counts).map(|(it, n)| (it.bits() / 8 * n) as usize).sum()
}
