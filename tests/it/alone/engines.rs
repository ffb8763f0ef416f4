//! The modules with their parameters, and what each gives.

use super::{Channel, Engine};

/// All of them.
pub(super) fn all() -> Vec<Engine> {
    [fifos(), flows(), counters(), orders(), windows(), arrays()].into_iter().flatten().collect()
}

/// FIFOs of all kinds and sizes, registers.
fn fifos() -> Vec<Engine> {
    let mut made = Vec::new();
    for (width, depth) in
        [(1, 1), (8, 1), (8, 2), (8, 3), (36, 4), (7, 5), (8, 8), (40, 64), (36, 65), (9, 513)]
    {
        let beats = if depth > 64 { 40 } else { 10 };
        let words = Channel::new(1, width, beats);
        // All kinds in step, each alone, and the one that is chosen.
        made.push(Engine::new("alone_fifo", words, words).with("Depth", depth));
        made.push(Engine::new("nn_fifo", words, words).with("Depth", depth));
        for storage in 0..if depth > 2 { 3 } else { 2 } {
            let fifo = Engine::new("nn_fifo", words, words).with("Depth", depth);
            made.push(fifo.with("Storage", storage));
        }
    }
    for width in [1, 9] {
        let words = Channel::new(1, width, 10);
        made.push(Engine::new("nn_skid", words, words));
    }
    for (latency, credits) in [(1, 1), (1, 3), (4, 3), (4, 6), (9, 11)] {
        let words = Channel::new(1, 12, 10);
        let pipeline = Engine::new("alone_credit", words, words);
        made.push(pipeline.with("Latency", latency).with("Credits", credits));
    }
    made
}

/// Words for several, of several, of parts.
fn flows() -> Vec<Engine> {
    let mut made = Vec::new();
    for readers in [1, 2, 3, 5] {
        let words = Channel::new(1, 8, 10);
        let fork = Engine::new("nn_fork", words, words);
        let parameters = vec![("Readers", readers.to_string())];
        made.push(Engine { parameters, readers: Some(readers), ..fork });
    }
    for sources in [1, 2, 5] {
        let words = Channel::new(1, 8, 10);
        made.push(Engine::new("alone_join", words, words).with("Sources", sources));
    }
    for (width, ratio) in [(8, 2), (5, 3), (16, 4), (3, 7)] {
        let (one, many) = (Channel::new(1, width, 2 * ratio), Channel::new(ratio, width, 2));
        made.push(Engine::new("nn_collect", one, many).with("Ratio", ratio));
        made.push(Engine::new("nn_spread", many, one).with("Ratio", ratio));
        let repeat = Engine::new("nn_spread", Channel::new(1, width, 2), one);
        let repeat = repeat.with("Ratio", ratio).with("Repeat", "1'b1");
        let times = ratio as usize;
        made.push(repeat.gives(move |words| {
            words.iter().flat_map(|it| std::iter::repeat_n(*it, times)).collect()
        }));
    }
    for (width, depth) in [(8, 2), (9, 5), (3, 8)] {
        let words = Channel::new(1, width, depth);
        let rom = Engine::new("alone_rom", words, words).with("Depth", depth);
        made.push(rom.gives(move |words| {
            let word = |at: usize| (at as i128 % i128::from(depth) + 1) % (1 << width);
            words.iter().enumerate().map(|(at, it)| it ^ word(at)).collect()
        }));
    }
    for (width, depth) in [(8, 2), (9, 5), (12, 64), (16, 1024)] {
        let words = Channel::new(1, width, 20);
        let table = Engine::new("alone_table", words, words).with("Depth", depth);
        made.push(table.gives(move |words| {
            words.iter().map(|it| (it % depth * 37 + 11) & ((1 << width) - 1)).collect()
        }));
    }
    for (of, keep) in [(2, 1), (4, 1), (5, 2), (8, 7)] {
        let last = Engine::new("nn_last", Channel::new(1, 9, 2 * of), Channel::new(1, 9, 2 * keep));
        let dropped = (of - keep) as usize;
        made.push(last.with("Of", of).with("Keep", keep).gives(move |words| {
            words.chunks(of as usize).flat_map(|it| it[dropped..].to_vec()).collect()
        }));
    }
    made
}

/// Places in frames, delays, loops.
fn counters() -> Vec<Engine> {
    let mut made = Vec::new();
    for beats in [1, 2, 5, 8] {
        let (bytes, marked) = (Channel::new(1, 8, 2 * beats), Channel::new(1, 9, 2 * beats));
        let engine = Engine::new("alone_beats", bytes, marked);
        let engine = Engine { parameters: vec![("Beats", beats.to_string())], ..engine };
        let last = move |at: usize| i128::from((at + 1).is_multiple_of(beats as usize));
        made.push(engine.gives(move |words| {
            words.iter().enumerate().map(|(at, it)| it | last(at) << 8).collect()
        }));
    }
    for length in [1_usize, 2, 5, 32, 33, 34, 50, 97] {
        let words = Channel::new(1, 11, 110);
        let engine = Engine::new("alone_delay", words, words);
        made.push(engine.with("Length", length).with("Frame", 110).gives(move |words| {
            let frame = |it: &[i128]| {
                let rest = &it[..it.len() - length];
                [vec![0; length], rest.to_vec()].concat()
            };
            words.chunks(110).flat_map(frame).collect()
        }));
    }
    made.extend(reductions());
    for (steps, packs) in [(1_u32, 1_u32), (2, 1), (4, 1), (7, 1), (1, 2), (3, 2), (4, 5)] {
        for later in 0..2 {
            let word = |count| Channel::new(1, 8, 2 * packs * count);
            let engine = Engine::new("alone_state", word(1), word(steps));
            let engine = engine.with("Steps", steps).with("Packs", packs).with("Later", later);
            made.push(engine.gives(move |words| {
                let next = |it: &Vec<i128>| Some(it.iter().map(|it| (it * 5 + 3) % 256).collect());
                let all = |first: &[i128]| {
                    let words = std::iter::successors(Some(first.to_vec()), next);
                    words.take(steps as usize).flatten().collect::<Vec<_>>()
                };
                words.chunks(packs as usize).flat_map(all).collect()
            }));
        }
    }
    made
}

/// Sums that wrap, largest and smallest elements, of packs and of several elements side by side.
fn reductions() -> Vec<Engine> {
    let mut made = Vec::new();
    for (steps, packs, lanes) in [(1_u32, 1_u32, 1_u32), (2, 1, 3), (5, 1, 1), (1, 3, 2), (3, 4, 2)]
    {
        for (kind, signed) in [(0, true), (0, false), (1, true), (1, false), (2, true), (2, false)]
        {
            let (from, shift) = (5, if kind == 0 { 1 } else { 0 });
            let to = if kind == 0 { 7 } else { from };
            let input = Channel::new(lanes, from, 2 * steps * packs);
            let output = Channel::new(lanes, to, 2 * packs);
            let engine = Engine::new("nn_reduce", input, output);
            let parameters = vec![("InWidth", from.to_string()), ("Width", to.to_string())];
            let engine = Engine { parameters, ..engine };
            let is_signed = if signed { "1'b1" } else { "1'b0" };
            let engine = engine.with("Shift", shift).with("IsSigned", is_signed).with("Kind", kind);
            let engine = engine.with("Lanes", lanes).with("Steps", steps).with("Packs", packs);
            let number = move |it: i128| if signed && it >= 16 { it - 32 } else { it };
            let token = (packs * lanes) as usize;
            made.push(engine.gives(move |words| {
                let element = |token_words: &[i128], at: usize| {
                    let own = token_words.iter().skip(at).step_by(token).map(|it| number(*it));
                    match kind {
                        0 => own.map(|it| it << shift).sum::<i128>() & 127,
                        1 => own.max().unwrap() & 31,
                        _ => own.min().unwrap() & 31,
                    }
                };
                let frames = words.chunks(steps as usize * token);
                frames
                    .flat_map(|it| (0..token).map(|at| element(it, at)).collect::<Vec<_>>())
                    .collect()
            }));
        }
    }
    made
}

/// Bits of numbers below `n`, at least one.
fn bits(n: usize) -> u32 {
    (usize::BITS - (n - 1).leading_zeros()).max(1)
}

/// Other orders of words: turned around, repeated, left out, with as much room as they need and more.
fn orders() -> Vec<Engine> {
    let transposed = |rows: usize, columns: usize| {
        (0..rows * columns).map(|it| it % rows * columns + it / rows).collect::<Vec<_>>()
    };
    let mut made = Vec::new();
    for (tokens, order, spare) in [
        (1, vec![0], 0),
        (4, vec![3, 2, 1, 0], 0),
        (4, vec![3, 2, 1, 0], 3),
        (6, transposed(2, 3), 0),
        (12, transposed(4, 3), 2),
        (5, vec![0, 0, 1, 1, 1, 4], 0),
        (7, vec![2, 1, 5], 1),
        (6, vec![1, 0, 3, 2, 5, 4], 0),
    ] {
        let mut oldest = order.clone();
        for at in (1..order.len()).rev() {
            oldest[at - 1] = oldest[at - 1].min(oldest[at]);
        }
        let held = order.iter().zip(&oldest).map(|(due, oldest)| due - oldest + 1);
        let capacity = held.max().unwrap() + spare;
        let (number, slot) = (bits(tokens), bits(capacity));
        let width = 2 * number + slot;
        let entry = |(due, oldest): (&usize, &usize)| {
            format!("{number}'d{due}, {number}'d{oldest}, {slot}'d{}", due % capacity)
        };
        let list: Vec<String> = order.iter().zip(&oldest).map(entry).rev().collect();
        let (into, out) =
            (Channel::new(1, 10, tokens as u32), Channel::new(1, 10, order.len() as u32));
        let engine = Engine::new("alone_permute", into, out)
            .with("Tokens", tokens)
            .with("Reads", order.len())
            .with("Capacity", capacity)
            .with("EntryWidth", width)
            .with("List", format!("{{{}}}", list.join(", ")));
        made.push(engine.gives(move |words| {
            words.chunks(tokens).flat_map(|it| order.iter().map(|at| it[*at])).collect()
        }));
    }
    made
}

/// A convolution's windows over an image.
#[derive(Clone, Copy)]
struct Image {
    /// Rows and columns of the image, the window, and the grid of places.
    image: [usize; 2],
    window: [usize; 2],
    places: [usize; 2],
    stride: usize,
    dilation: usize,
    /// Rows and columns of padding in front.
    front: [usize; 2],
}

/// The padding.
const PAD: i128 = 77;

impl Image {
    /// The pixel of a tap at a place along an axis, if it is inside.
    fn pixel(&self, axis: usize, place: usize, tap: usize) -> Option<usize> {
        let at = place * self.stride + tap * self.dilation;
        at.checked_sub(self.front[axis]).filter(|it| *it < self.image[axis])
    }

    /// All windows of an image, the newest pixel first.
    fn windows(&self, pixels: &[i128]) -> Vec<i128> {
        let mut made = Vec::new();
        for place in 0..self.places[0] * self.places[1] {
            let (y, x) = (place / self.places[1], place % self.places[1]);
            for tap in (0..self.window[0] * self.window[1]).rev() {
                let row = self.pixel(0, y, tap / self.window[1]);
                let column = self.pixel(1, x, tap % self.window[1]);
                let pixel =
                    row.zip(column).map(|(row, column)| pixels[row * self.image[1] + column]);
                made.push(pixel.unwrap_or(PAD));
            }
        }
        made
    }

    fn engine(self) -> Engine {
        let [rows, columns] = self.image;
        let tokens = rows * columns;
        let along = |axis: usize| (self.window[axis] - 1) * self.dilation - self.front[axis];
        let first = along(0) * columns + along(1);
        let across = (self.places[1] - 1) * self.stride;
        let step = [self.stride * columns - across, self.stride];
        let last = first + (self.places[0] - 1) * self.stride * columns + across;
        let flush = (last + 1).saturating_sub(tokens);
        let overlap = flush > 0 && flush <= first + 1;
        let taps: Vec<[usize; 2]> = (0..self.window[0] * self.window[1])
            .map(|it| [it / self.window[1], it % self.window[1]])
            .collect();
        let list = |values: Vec<usize>| {
            let values: Vec<String> = values.iter().rev().map(|it| format!("32'd{it}")).collect();
            format!("{{{}}}", values.join(", "))
        };
        // Tap 0 is the newest: the last of the window, and it stands last in a packed list.
        let lists = |of: &dyn Fn([usize; 2]) -> String| {
            format!("{{{}}}", taps.iter().map(|it| of(*it)).collect::<Vec<_>>().join(", "))
        };
        let newest = self.window.map(|it| it - 1);
        let distance =
            |it: [usize; 2]| ((newest[0] - it[0]) * columns + newest[1] - it[1]) * self.dilation;
        let ends = |it: [usize; 2], last: bool| {
            let inside = |axis: usize| {
                let mut places = (0..self.places[axis])
                    .filter(|place| self.pixel(axis, *place, it[axis]).is_some());
                if last { places.next_back() } else { places.next() }.expect("inside somewhere")
            };
            list(vec![inside(0), inside(1)])
        };
        let count = taps.len() as u32;
        let places = self.places[0] * self.places[1];
        let into = Channel::new(1, 8, tokens as u32);
        Engine::new("nn_window", into, Channel::new(count, 8, places as u32))
            .with("Tokens", tokens)
            .with("Axes", 2)
            .with("Taps", count)
            .with("First", first)
            .with("Last", last)
            .with("PlaceWidth", bits(*self.places.iter().max().unwrap()))
            .with("Overlap", u8::from(overlap))
            .with("Extent", list(self.places.to_vec()))
            .with("Step", list(step.to_vec()))
            .with("Distance", lists(&|it| format!("32'd{}", distance(it))))
            .with("Low", lists(&|it| ends(it, false)))
            .with("High", lists(&|it| ends(it, true)))
            .with("Pad", format!("8'd{PAD}"))
            .gives(move |words| words.chunks(tokens).flat_map(|it| self.windows(it)).collect())
    }
}

/// Strides, padding on some sides, dilation; windows that end with the image and behind it, with room for
/// the next one in the flush and without.
fn windows() -> Vec<Engine> {
    let image = |image, window, places, stride, dilation, front| {
        Image { image, window, places, stride, dilation, front }.engine()
    };
    vec![
        image([4, 5], [3, 3], [2, 3], 1, 1, [0, 0]),
        image([4, 5], [3, 3], [4, 5], 1, 1, [1, 1]),
        image([5, 5], [3, 3], [3, 3], 2, 1, [1, 1]),
        image([5, 7], [2, 3], [2, 3], 2, 1, [0, 0]),
        image([6, 6], [2, 2], [4, 4], 1, 2, [0, 0]),
        image([6, 7], [2, 3], [6, 7], 1, 2, [1, 2]),
        image([4, 4], [2, 2], [2, 2], 2, 1, [0, 0]),
        // The last window needs as much as the first one.
        image([3, 3], [3, 3], [3, 3], 1, 1, [1, 1]),
        image([3, 3], [2, 2], [3, 3], 1, 1, [0, 0]),
        image([1, 9], [1, 3], [1, 9], 1, 1, [0, 2]),
        image([1, 9], [1, 3], [1, 9], 1, 1, [0, 0]),
        // The flush completes the first window of the next image.
        image([1, 3], [1, 1], [1, 4], 1, 1, [0, 0]),
        image([2, 3], [1, 1], [2, 4], 1, 1, [0, 0]),
        image([3, 3], [2, 1], [4, 3], 1, 1, [1, 0]),
        // Pixels that no window reads.
        image([6, 6], [2, 2], [2, 2], 2, 1, [0, 0]),
    ]
}

/// Products on few multipliers.
#[derive(Clone, Copy)]
struct Array {
    blocks: usize,
    inner: usize,
    groups: usize,
    packs: usize,
    gathers: bool,
    columns: usize,
    fan: usize,
    share: usize,
    outputs: usize,
    signed: bool,
    shift: u32,
    pairs: bool,
}

impl Array {
    const IN: u32 = 6;
    const WEIGHT: u32 = 5;
    const SUM: u32 = 14;

    fn block(&self) -> usize {
        self.columns / self.share * self.fan
    }

    /// Packs of which each has outputs of its own.
    fn turns(&self) -> usize {
        if self.gathers { 1 } else { self.packs }
    }

    /// The outputs of all packs of a token.
    fn token(&self, token: &[i128]) -> Vec<i128> {
        let signed = |value: i128, width: u32| {
            let value = value & ((1 << width) - 1);
            if value >> (width - 1) == 1 { value - (1 << width) } else { value }
        };
        let (size, steps) = (self.blocks * self.block(), self.inner * self.groups);
        let output = |turn: usize, at: usize| {
            let (group, column) = (at / self.columns, at % self.columns);
            let mut sum = (turn * self.groups * self.columns + at) as i128 * 77 + 5;
            let packs = if self.gathers { 0..self.packs } else { turn..turn + 1 };
            for (pack, inner) in packs.flat_map(|it| (0..self.inner).map(move |at| (it, at))) {
                let step = group * self.inner + inner;
                for i in 0..self.fan {
                    let from = column / self.share * self.fan + i;
                    let x = token[pack * size + step % self.blocks * self.block() + from];
                    let x = if self.signed { signed(x, Array::IN) } else { x };
                    let row = pack * steps + step;
                    let weight = (row * 57 + (column * self.fan + i) * 23 + 11) * 41;
                    sum += (x * signed(weight as i128, Array::WEIGHT)) << self.shift;
                }
            }
            sum & ((1 << Array::SUM) - 1)
        };
        let outputs = |turn: usize| (0..self.outputs).map(move |it| output(turn, it));
        (0..self.turns()).flat_map(outputs).collect()
    }

    fn engine(self, keeps: bool) -> Engine {
        let elements = self.blocks * self.block();
        let into = Channel::new(elements as u32, Array::IN, 4 * self.packs as u32);
        let out = Channel::new(self.outputs as u32, Array::SUM, 4 * self.turns() as u32);
        let engine = Engine::new("alone_mac_array", into, out);
        Engine { parameters: Vec::new(), ..engine }
            .with("Blocks", self.blocks)
            .with("Block", self.block())
            .with("Inner", self.inner)
            .with("Groups", self.groups)
            .with("Packs", self.packs)
            .with("Gathers", u8::from(self.gathers))
            .with("Columns", self.columns)
            .with("Fan", self.fan)
            .with("Share", self.share)
            .with("Outputs", self.outputs)
            .with("InWidth", Array::IN)
            .with("InSigned", u8::from(self.signed))
            .with("WeightWidth", Array::WEIGHT)
            .with("SumWidth", Array::SUM)
            .with("Shift", self.shift)
            .with("Pairs", u8::from(self.pairs))
            .with("Keeps", u8::from(keeps))
            .gives(move |words| {
                words.chunks(elements * self.packs).flat_map(|it| self.token(it)).collect()
            })
    }
}

/// One matrix and several, inputs divided and outputs too, a step a token and many, tokens in packs.
fn arrays() -> Vec<Engine> {
    let base = Array {
        blocks: 4,
        inner: 4,
        groups: 1,
        packs: 1,
        gathers: false,
        columns: 3,
        fan: 1,
        share: 3,
        outputs: 3,
        signed: true,
        shift: 0,
        pairs: false,
    };
    let made = [
        base,
        Array { fan: 3, signed: false, ..base },
        Array { groups: 3, outputs: 8, ..base },
        Array { blocks: 1, inner: 1, fan: 5, shift: 2, ..base },
        // Two matrices, each with its own elements.
        Array { columns: 4, share: 2, outputs: 4, fan: 2, ..base },
        Array { blocks: 8, columns: 2, share: 1, groups: 2, outputs: 4, ..base },
        Array { blocks: 2, inner: 2, groups: 4, columns: 1, share: 1, outputs: 3, ..base },
        Array { packs: 3, ..base },
        Array { packs: 3, blocks: 1, inner: 1, fan: 3, ..base },
        Array { packs: 2, gathers: true, blocks: 2, inner: 2, ..base },
        Array { packs: 4, gathers: true, blocks: 1, inner: 1, groups: 3, outputs: 8, ..base },
        Array { packs: 3, gathers: true, blocks: 2, inner: 2, groups: 4, outputs: 11, ..base },
        Array { packs: 2, gathers: true, blocks: 1, inner: 1, fan: 4, ..base },
        // Two products in a block: of all outputs, of all but the last, of two matrices.
        Array { pairs: true, columns: 4, share: 4, outputs: 4, fan: 2, ..base },
        Array { pairs: true, signed: false, groups: 3, outputs: 8, ..base },
        Array { pairs: true, columns: 6, outputs: 6, fan: 3, ..base },
    ];
    made.into_iter().flat_map(|it| [false, true].map(|keeps| it.engine(keeps))).collect()
}
