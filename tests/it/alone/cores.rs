//! Modules around cores: `tests/rtl/alone_eltwise.sv` gives them cores that take three times their first operand plus
//! the others.

use super::{Channel, Engine};

/// Bits of a word.
const WIDTH: u32 = 8;

/// All of them.
pub(super) fn all() -> Vec<Engine> {
    [eltwise(), normalizations()].into_iter().flatten().collect()
}

/// What a core gives.
fn core(operands: &[i128]) -> i128 {
    (2 * operands[0] + operands.iter().sum::<i128>()) & 0xff
}

/// Operands of which some are broadcast, room for full rate and for less.
fn eltwise() -> Vec<Engine> {
    let engine = |(operands, times, latency, depth): (usize, usize, u32, u32)| {
        let words = Channel::new(1, WIDTH, 4 * times as u32);
        let engine = Engine::new("alone_eltwise", words, words)
            .with("Operands", operands)
            .with("Times", times)
            .with("Latency", latency)
            .with("Depth", depth);
        engine.gives(move |words| {
            let all = |group: &[i128]| {
                let one = |it: &i128| core(&[&[*it][..], &vec![group[0]; operands - 1]].concat());
                group.iter().map(one).collect::<Vec<_>>()
            };
            words.chunks(times).flat_map(all).collect()
        })
    };
    [(1, 1, 2, 4), (2, 1, 3, 5), (2, 3, 3, 5), (3, 4, 2, 1), (2, 2, 6, 3), (4, 5, 1, 3)]
        .map(engine)
        .into()
}

/// Sums, largest and smallest words with cores in front and behind, further operands, no more room than it takes.
fn normalizations() -> Vec<Engine> {
    let engine = |(steps, parts, kind, [before, after], latency, held, others): (
        usize,
        u32,
        u32,
        [bool; 2],
        u32,
        u32,
        u32,
    )| {
        let bit = |it: bool| if it { "1'b1" } else { "1'b0" };
        let input = Channel::new(others + 1, WIDTH, 3 * steps as u32);
        let engine =
            Engine::new("alone_normalize", input, Channel::new(1, WIDTH, 3 * steps as u32))
                .with("Steps", steps * parts as usize)
                .with("Parts", parts)
                .with("Kind", kind)
                .with("Before", bit(before))
                .with("After", bit(after))
                .with("Latency", latency)
                .with("HeldDepth", held)
                .with("Others", others);
        let operands = others as usize + 1;
        engine.gives(move |words| {
            let vector = |vector: &[i128]| {
                let bits = WIDTH / parts;
                let part = |it: i128| {
                    let it = it & ((1 << bits) - 1);
                    if before { core(&[it]) & ((1 << bits) - 1) } else { it }
                };
                let words = vector.chunks(operands).map(|it| it[0]);
                let words = words.flat_map(|it| (0..parts).map(move |at| part(it >> (at * bits))));
                let statistic = match kind {
                    0 => words.sum::<i128>() & 0xff,
                    1 => words.max().unwrap(),
                    _ => words.min().unwrap(),
                };
                let statistic = if after { core(&[statistic]) } else { statistic };
                let result = |it: &[i128]| core(&[&[statistic], it].concat());
                vector.chunks(operands).map(result).collect::<Vec<_>>()
            };
            words.chunks(steps * operands).flat_map(vector).collect()
        })
    };
    [
        (4, 1, 0, [false, false], 2, 3, 0),
        (4, 1, 1, [false, false], 3, 8, 0),
        (5, 1, 2, [false, true], 2, 4, 1),
        (3, 1, 0, [true, false], 3, 2, 0),
        (6, 1, 0, [true, true], 2, 16, 2),
        (1, 1, 1, [false, true], 1, 0, 0),
        (1, 1, 0, [true, true], 2, 1, 1),
        (4, 2, 0, [true, true], 2, 4, 1),
        (3, 4, 1, [false, false], 2, 3, 0),
    ]
    .map(engine)
    .into()
}
