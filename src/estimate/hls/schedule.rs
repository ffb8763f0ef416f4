//! Packing a chain of operations into clock cycles, as an HLS scheduler does.

/// Cycles of a chain, and where its registers lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Schedule {
    /// Cycles, each ending in a register.
    pub(super) cycles: u64,
    /// Operations done before each register but the last.
    pub(super) cuts: Vec<usize>,
}

/// Packs greedily; an operation longer than a cycle is pipelined inside.
pub(super) fn schedule(budget_ns: f64, delays: &[f64]) -> Schedule {
    let budget = budget_ns.max(0.1);
    let mut it = Schedule { cycles: 1, cuts: Vec::new() };
    let mut used = 0.0;
    for (idx, delay) in delays.iter().enumerate() {
        if used > 0.0 && used + delay > budget {
            it.cycles += 1;
            it.cuts.push(idx);
            used = 0.0;
        }
        used += delay;
        while used > budget {
            it.cycles += 1;
            used -= budget;
        }
    }
    it
}

/// Levels of a binary tree over `leaves`.
pub(super) fn depth(leaves: u64) -> usize {
    (u64::BITS - leaves.saturating_sub(1).leading_zeros()) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_to_the_budget() {
        let cuts = |delays: &[f64]| schedule(4.0, delays);
        assert_eq!(cuts(&[]), Schedule { cycles: 1, cuts: vec![] });
        assert_eq!(cuts(&[2.0, 2.0]), Schedule { cycles: 1, cuts: vec![] });
        assert_eq!(cuts(&[2.0, 2.0, 1.0]), Schedule { cycles: 2, cuts: vec![2] });
        assert_eq!(cuts(&[3.0, 3.0, 3.0]), Schedule { cycles: 3, cuts: vec![1, 2] });
        assert_eq!(cuts(&[9.0, 1.0]), Schedule { cycles: 3, cuts: vec![] });
    }

    #[test]
    fn depths() {
        assert_eq!([0, 1, 2, 3, 16, 17].map(depth), [0, 0, 1, 2, 4, 5]);
    }
}
