//! Every kind of unit with random settings, many to a compile, equal to its meaning.

use super::super::{Folding, HlsOptions, Strategy, Tool};
use super::{Random, agree, builder, compiler_for, input};
use crate::fixed::{Builder, ElementFormats, Format, Mantissas, Overflow, Rounding, Type};
use crate::graph::NodeId;
use crate::nn::Shape;
use crate::units::*;

/// Formats of a batch: g++ needs a third of a second for every new pair of types, so they are few.
pub(super) struct Pool(Vec<Format>);

impl Pool {
    pub(super) fn new(random: &mut Random) -> Pool {
        Pool((0..16).map(|_| format(random)).collect())
    }

    /// A format of at most `widest` bits.
    fn format(&self, random: &mut Random, widest: u32) -> Format {
        let fit: Vec<Format> = self.0.iter().copied().filter(|it| it.width <= widest).collect();
        random.pick(&fit)
    }
}

/// A format: mostly of everyday size, sometimes tiny or wide, its binary point anywhere near.
fn format(random: &mut Random) -> Format {
    loop {
        let width = match random.below(8) {
            0 => random.range(1, 3) as u32,
            1..=4 => random.range(4, 18) as u32,
            5 | 6 => random.range(19, 64) as u32,
            _ => random.range(50, 128) as u32,
        };
        let int_bits = match random.below(4) {
            0 => random.range(-6, 0) as i32,
            1 => width as i32 + random.range(0, 6) as i32,
            _ => random.range(0, i64::from(width)) as i32,
        };
        let rounding = random.pick(&Rounding::ALL);
        let overflow = random.pick(&Overflow::ALL);
        let signed = random.below(3) != 0;
        let format = Format { signed, width, int_bits, rounding, overflow };
        if format.is_legal() {
            return format;
        }
    }
}

fn ty(pool: &Pool, random: &mut Random, n: usize, widest: u32, mixed: bool) -> Type {
    let shape = Shape(vec![n]);
    if !mixed || random.below(4) != 0 {
        return Type::uniform(shape, pool.format(random, widest));
    }
    Type::each(shape, (0..n).map(|_| pool.format(random, widest.min(40))).collect())
}

/// A mantissa of a format, often at its ends.
fn mantissa(random: &mut Random, format: Format) -> i128 {
    let (lo, hi) = (format.min(), format.max());
    match random.below(6) {
        0 => random.pick(&[lo, hi, 0]),
        1 => (random.range(-3, 3) as i128).clamp(lo, hi),
        _ => random.wide() >> (128 - format.width) & if format.signed { -1 } else { hi },
    }
}

fn mantissas(random: &mut Random, format: Format, n: usize) -> Mantissas {
    (0..n).map(|_| mantissa(random, format)).collect()
}

/// Adds `unit` unless it would need too wide a word; it becomes an output.
fn add(builder: &mut Builder, name: &str, unit: impl Into<Unit>, operands: &[NodeId]) -> bool {
    let unit = unit.into();
    let types: Vec<&Type> = operands.iter().map(|it| builder.ty(*it)).collect();
    let output = unit.spec().output(&types);
    let bits = unit.spec().working_bits(&types, &output);
    let fits = bits <= 128 && output.union().width <= 128;
    if fits {
        builder.enter(crate::error::Origin::new("test", name));
        let id = builder.add("", unit, operands);
        builder.graph.outputs.push(id);
    }
    fits
}

/// A unit of the kind `kind`, on inputs of its own; false if the dice gave too wide a one.
pub(super) fn unit(
    builder: &mut Builder,
    pool: &Pool,
    random: &mut Random,
    kind: usize,
    name: &str,
) -> bool {
    let n = random.range(1, 7) as usize;
    // Chosen before the unit exists, so an input may stay unread: that must compile, too.
    let operand = |builder: &mut Builder, random: &mut Random, part: &str, n, widest, mixed| {
        let ty = ty(pool, random, n, widest, mixed);
        if ty.union().width > 128 {
            None
        } else {
            Some(input(builder, &format!("{name}{part}"), ty))
        }
    };
    let Some(x) = operand(builder, random, "x", n, 128, true) else { return false };
    let result = pool.format(random, 128);
    match kind {
        0 => {
            let to = match random.below(2) {
                0 => ElementFormats::Uniform(result),
                _ => ElementFormats::Each((0..n).map(|_| pool.format(random, 60)).collect()),
            };
            add(builder, name, Requantize { to }, &[x])
        }
        1 => mac(builder, pool, random, name, x, result),
        2 => affine(builder, pool, random, name, (x, n), result),
        3 => rectify(builder, pool, random, name, (x, n), result),
        4 => {
            let a = operand(builder, random, "a", n, 128, true);
            let b = operand(builder, random, "b", n, 128, true);
            let (Some(a), Some(b)) = (a, b) else { return false };
            let threshold_format = pool.format(random, 60);
            let threshold =
                if random.below(2) == 0 { 0 } else { mantissa(random, threshold_format) };
            let compare = random.pick(&[Compare::Greater, Compare::GreaterEqual]);
            let unit = Select { compare, threshold, threshold_format, result };
            add(builder, name, unit, &[x, a, b])
        }
        5 => {
            let limit = pool.format(random, 128);
            let (a, b) = (mantissa(random, limit), mantissa(random, limit));
            add(builder, name, Clamp { lo: a.min(b), hi: a.max(b), limit, result }, &[x])
        }
        6 => lut(builder, pool, random, name, x, result),
        7 => {
            let groups = random.range(1, 3) as usize;
            let Some(b) = operand(builder, random, "b", groups, 128, true) else { return false };
            let Some(a) = operand(builder, random, "a", groups * n, 128, true) else {
                return false;
            };
            let op =
                random.pick(&[Binary::Add, Binary::Sub, Binary::Mul, Binary::Max, Binary::Min]);
            let shape = Shape(vec![groups * n]);
            let (read, operands) = match random.below(3) {
                0 => ([Read::Same, Read::Every(n)], [a, b]),
                1 => ([Read::Cycle(n), Read::Same], [x, a]),
                _ => ([Read::Same, Read::Cycle(n)], [a, x]),
            };
            add(builder, name, Eltwise { op, read, shape, result }, &operands)
        }
        8 => {
            let reduction = random.pick(&[
                Reduction::SumTree,
                Reduction::SumInOrder,
                Reduction::Max,
                Reduction::Min,
            ]);
            let accum = pool.format(random, 100);
            let groups = if n.is_multiple_of(3) { 3 } else { 1 };
            let shape = Shape(vec![groups, n / groups]);
            let rows = builder.add("groups", Reorder::reshape(shape), &[x]);
            add(builder, name, Reduce { reduction, group: n / groups, accum, result }, &[rows])
        }
        9 => {
            let groups = if n.is_multiple_of(2) { 2 } else { 1 };
            add(builder, name, Argmax { group: n / groups, result }, &[x])
        }
        10 => {
            let [batch, rows, columns] = [0, 1, 2].map(|_| random.range(1, 2) as usize);
            let a = operand(builder, random, "a", batch * rows * n, 60, true);
            let b = operand(builder, random, "b", batch * columns * n, 60, true);
            let (Some(a), Some(b)) = (a, b) else { return false };
            let (products, accum) = (random.below(2) == 0, pool.format(random, 100));
            let shape = Shape(vec![batch, rows, columns]);
            let unit = Matmul { batch, rows, columns, sum: n, products, accum, result, shape };
            add(builder, name, unit, &[a, b])
        }
        11 => best(builder, random, name, (x, n), result),
        12 => threshold(builder, pool, random, name, (x, n), result),
        _ => {
            let Some(b) = operand(builder, random, "b", 3, 128, true) else { return false };
            let count = random.range(1, 6) as usize;
            let two = random.below(2) == 0;
            let map = (0..count).map(|_| match two && random.below(2) == 0 {
                true => (1, random.below(3) as u32),
                false => (0, random.below(n) as u32),
            });
            let map = map.collect::<Vec<_>>().into();
            let operands = if two { vec![x, b] } else { vec![x] };
            add(builder, name, Reorder { map, shape: Shape(vec![count]) }, &operands)
        }
    }
}

fn best(
    builder: &mut Builder,
    random: &mut Random,
    name: &str,
    (x, n): (NodeId, usize),
    result: Format,
) -> bool {
    let ranking = Ranking { least: random.below(2) == 0, last: random.below(2) == 0 };
    let group = if n.is_multiple_of(2) { n / 2 } else { n };
    let shape = Shape(vec![n / group, group]);
    let rows = builder.add("groups", Reorder::reshape(shape), &[x]);
    let (count, place) = (random.range(1, group as i64) as usize, random.below(2) == 0);
    add(builder, name, Best { ranking, group, count, place, result }, &[rows])
}

fn affine(
    builder: &mut Builder,
    pool: &Pool,
    random: &mut Random,
    name: &str,
    (x, n): (NodeId, usize),
    result: Format,
) -> bool {
    let (scale, bias) = (pool.format(random, 60), pool.format(random, 60));
    let count = random.pick(&[1, n]);
    let (scales, biases) = (mantissas(random, scale, count), mantissas(random, bias, count));
    add(builder, name, Affine { scales, scale, biases, bias, result }, &[x])
}

fn rectify(
    builder: &mut Builder,
    pool: &Pool,
    random: &mut Random,
    name: &str,
    (x, n): (NodeId, usize),
    result: Format,
) -> bool {
    let (threshold_format, slope) = (pool.format(random, 60), pool.format(random, 60));
    let threshold = if random.below(2) == 0 { 0 } else { mantissa(random, threshold_format) };
    let count = random.pick(&[0, 1, n]);
    let slopes = mantissas(random, slope, count);
    let unit = Rectify { threshold, threshold_format, slopes, slope, result };
    add(builder, name, unit, &[x])
}

fn threshold(
    builder: &mut Builder,
    pool: &Pool,
    random: &mut Random,
    name: &str,
    (x, n): (NodeId, usize),
    result: Format,
) -> bool {
    let (count, channels) = (random.range(1, 5) as usize, random.pick(&[1, n]));
    let threshold = pool.format(random, 60);
    let mut thresholds = mantissas(random, threshold, channels * count).to_vec();
    thresholds.chunks_mut(count).for_each(<[i128]>::sort_unstable);
    // What a symmetric type does not hold is no value of it.
    let least = if result.overflow == Overflow::SatSym { -result.max() } else { result.min() };
    let values = mantissas(random, result, channels * (count + 1));
    let values = values.iter().map(|it| (*it).max(least)).collect();
    let thresholds = thresholds.into();
    add(builder, name, Threshold { count, thresholds, threshold, values, result }, &[x])
}

fn mac(
    builder: &mut Builder,
    pool: &Pool,
    random: &mut Random,
    name: &str,
    x: NodeId,
    result: Format,
) -> bool {
    let n = builder.ty(x).elements();

    let n_out = random.range(1, 4) as usize;
    let n_in = if random.below(3) == 0 && n.is_multiple_of(2) { n / 2 } else { n };
    let (weight, bias, accum) =
        (pool.format(random, 40), pool.format(random, 40), pool.format(random, 100));
    let weights = mantissas(random, weight, n_in * n_out);
    let biases = mantissas(random, bias, n_out);
    let reshaped = match n_in == n {
        true => x,
        false => {
            let shape = Shape(vec![n / n_in, n_in]);
            builder.add("rows", Reorder::reshape(shape), &[x])
        }
    };
    let mac =
        Mac { n_in, n_out, weights, weight, biases, bias, accum, result, loaded: Loaded::Nothing };
    add(builder, name, mac, &[reshaped])
}

fn lut(
    builder: &mut Builder,
    pool: &Pool,
    random: &mut Random,
    name: &str,
    x: NodeId,
    result: Format,
) -> bool {
    let entry = pool.format(random, 128);
    let ty = builder.ty(x).clone();
    let widths = || (0..ty.elements()).map(|it| ty.format(it).width);
    let (narrowest, widest) = (widths().min().unwrap_or(1), widths().max().unwrap_or(1));
    let (index, entries) = match random.below(4) {
        0 => {
            let entries = random.pick(&[16, 64, 100, 1]);
            let log2_range = random.range(0, 6) as u32;
            let offset = random.pick(&[0, 8, entries as i64 / 2, -3, 1000]);
            let negative = random.below(2) == 0;
            (Index::Range { log2_range, offset, negative }, entries)
        }
        2 if narrowest == widest => {
            let bits = random.below(4) as u32;
            (Index::Float { bits }, float_code(u128::MAX >> (128 - widest), bits) + 1)
        }
        1 => (Index::TopBits, 1 << random.below(narrowest.min(7) as usize + 1)),
        _ if widest <= 8 => (Index::Raw, 1 << widest),
        _ => return false,
    };
    let table = mantissas(random, entry, entries);
    add(builder, name, Lut { index, table, entry, result }, &[x])
}

pub(super) const KINDS: usize = 14;

#[test]
fn every_unit_means_in_cpp_what_it_means() {
    units("every_unit_means_in_cpp_what_it_means", Tool::Vitis);
}

#[test]
fn every_unit_means_the_same_in_ac_types() {
    units("every_unit_means_the_same_in_ac_types", Tool::Catapult);
}

fn units(test: &str, tool: Tool) {
    let Some(compiler) = compiler_for(tool, test) else { return };
    for seed in seeds() {
        let (mut builder, mut random) = (builder(), Random(seed));
        let pool = Pool::new(&mut random);
        for k in 0..KINDS * 4 {
            while !unit(&mut builder, &pool, &mut random, k % KINDS, &format!("u{k}")) {}
        }
        let strategy =
            [Strategy::Latency, Strategy::Resource, Strategy::Unrolled][seed as usize % 3];
        let folding = Folding { strategy, reuse: 1 + seed, parallel: (seed > 1).then_some(seed) };
        let options = HlsOptions { folding, ..HlsOptions::new(tool, "units") };
        agree(&compiler, &builder.graph, &options, seed);
    }
}

/// Three batches, or as many as `NN2RTL_HLS_SEEDS=first..last` says, for a long run.
fn seeds() -> std::ops::Range<u64> {
    let asked = std::env::var("NN2RTL_HLS_SEEDS").ok();
    let range = asked.as_deref().and_then(|it| it.split_once(".."));
    let parsed = range.and_then(|(a, b)| Some(a.parse().ok()?..b.parse().ok()?));
    parsed.unwrap_or(0..3)
}

/// Every rounding with every overflow, over all values of small formats: to fewer bits at both ends, to bits
/// all above the operand's, and to the same format.
#[test]
fn every_pair_of_modes_casts_as_it_should() {
    for tool in [Tool::Vitis, Tool::Catapult] {
        let test = "every_pair_of_modes_casts_as_it_should";
        let Some(compiler) = compiler_for(tool, test) else { return };
        let mut builder = builder();
        let sources = [Format::signed(7, 3), Format::unsigned(6, 2)];
        let mut inputs = Vec::new();
        for (at, format) in sources.into_iter().enumerate() {
            let ty = Type::uniform(Shape(vec![1 << format.width]), format);
            inputs.push((format.min()..=format.max()).collect::<Vec<i128>>());
            let x = input(&mut builder, &format!("x{at}"), ty);
            for (rounding, overflow) in pairs() {
                let targets = [Format::signed(4, 2), Format::unsigned(3, 5), format];
                for (to, target) in targets.into_iter().enumerate() {
                    let name = format!("cast{at}_{to}_{}_{}", rounding.name(), overflow.name());
                    let to = ElementFormats::Uniform(target.with(rounding, overflow));
                    add(&mut builder, &name, Requantize { to }, &[x]);
                }
            }
        }
        let graph = &builder.graph;
        let dir = tempfile::tempdir().unwrap();
        let csim = super::build(&compiler, graph, &HlsOptions::new(tool, "casts"), dir.path());
        let found = csim.run(&inputs, 1, false, dir.path()).unwrap_or_else(|it| panic!("{it}"));
        let expected = super::emulate(graph, &inputs, 1);
        for (output, id) in found.outputs.iter().zip(&graph.outputs) {
            assert_eq!(*output, expected[id], "{tool:?}: {}", graph.node(*id).name);
        }
    }
}

fn pairs() -> impl Iterator<Item = (Rounding, Overflow)> {
    Rounding::ALL.into_iter().flat_map(|it| Overflow::ALL.map(|overflow| (it, overflow)))
}
