//! Random scalar programs and inputs for them; a seed says everything.

use std::sync::Arc;

use super::datapath::{
    Datapath, Interval, Logic, Op, Port, Relation, Scope, Tensor, Term, ValueId, evaluate,
};
use crate::error::Origin;
use crate::fixed::{self, Format, Overflow, Rounding, Type};
use crate::nn::Shape;
use crate::rtl::pipeline::Delays;
use crate::units::{Input, Kernel, Loaded, Mac, Rectify, SourceFile};

/// SplitMix64.
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub(crate) fn flip(&mut self) -> bool {
        self.next() & 1 == 1
    }

    pub(crate) fn within(&mut self, lo: i128, hi: i128) -> i128 {
        let span = (hi - lo) as u128 + 1;
        let wide = (u128::from(self.next()) << 64) | u128::from(self.next());
        lo + (wide % span) as i128
    }
}

/// No value gets wider than this.
const WIDEST: u32 = 100;

/// A program of `layers` layers of about `ops` operations each, every kind among them.
pub(crate) fn program(random: &mut Random, layers: usize, ops: usize) -> Datapath {
    let mut datapath = Datapath::default();
    enter(&mut datapath, "input");
    let mut pool = inputs(random, &mut datapath);
    for layer in 0..layers {
        // The name of a keyword, doubled underscores and strange characters must not get through.
        let name = ["module", "Dense__1", "a/b:c d", "3x3"][layer % 4];
        let name = if layer < 4 { name.to_owned() } else { format!("l{layer}") };
        enter(&mut datapath, &name);
        let mut fresh = Vec::new();
        for _ in 0..ops {
            if let Some(value) = operation(random, &mut datapath, &pool)
                && datapath.width(value) <= WIDEST
            {
                pool.push(value);
                fresh.push(value);
            }
        }
        let elements: Vec<ValueId> = fresh.into_iter().rev().take(6).collect();
        output(random, &mut datapath, &name, elements);
        // Later layers mostly see young values.
        let keep = pool.len().saturating_sub(3 * ops);
        pool.drain(..keep);
    }
    datapath
}

fn enter(datapath: &mut Datapath, name: &str) {
    let origin = Origin::new("net \"x\".onnx", name);
    datapath.enter(Scope { name: name.to_owned(), about: "random".to_owned(), origin });
}

fn inputs(random: &mut Random, datapath: &mut Datapath) -> Vec<ValueId> {
    let mut pool = Vec::new();
    for (port, name) in ["x", "wide in"].into_iter().enumerate() {
        let mut elements = Vec::new();
        let mut slots = Vec::new();
        for element in 0..6 {
            let width = [1, 3, 8, 13, 33, 70][element] + random.below(4) as u32;
            let signed = random.flip();
            let format = if signed { Format::signed(width, 1) } else { Format::unsigned(width, 1) };
            // Some values do not use the whole slot.
            let interval = match random.below(3) {
                0 if width > 2 => Interval::new(format.min() / 2, format.max() / 2 - 1),
                _ => Interval::new(format.min(), format.max()),
            };
            let op = Op::Input(port as u32, element as u32);
            elements.push(datapath.push(op, interval));
            slots.push((width, signed));
        }
        pool.extend(&elements);
        datapath.inputs.push(Port { name: name.to_owned(), elements, slots });
    }
    datapath.tensors = datapath.inputs.iter().map(tensor).collect();
    pool
}

fn tensor(port: &Port) -> Tensor {
    let elements = port.elements.iter().map(|it| Some(*it)).collect();
    Tensor { name: port.name.clone(), elements }
}

fn output(random: &mut Random, datapath: &mut Datapath, name: &str, elements: Vec<ValueId>) {
    let slot = |it: &ValueId| {
        let interval = datapath.interval(*it);
        (interval.width() + random.below(3) as u32, interval.signed())
    };
    let slots = elements.iter().map(slot).collect();
    let port = Port { name: name.to_owned(), elements, slots };
    if random.flip() {
        datapath.tensors.push(tensor(&port));
    }
    datapath.outputs.push(port);
}

fn operation(random: &mut Random, datapath: &mut Datapath, pool: &[ValueId]) -> Option<ValueId> {
    let a = pool[random.below(pool.len())];
    let b = pool[random.below(pool.len())];
    let (wide_a, wide_b) = (datapath.width(a), datapath.width(b));
    let term = |random: &mut Random, value| Term {
        value,
        shift: if random.flip() { 0 } else { random.below(7) as u32 },
        negate: random.below(3) == 0,
    };
    Some(match random.below(17) {
        0..5 => {
            let (a, b) = (term(random, a), term(random, b));
            // "The first is only negated if both are", as the builder of sums has it.
            datapath.add(a, b)
        }
        5 => {
            let c = datapath.constant(random.within(-300, 300));
            let a = term(random, a);
            datapath.add(a, Term::plain(c))
        }
        6 if wide_a + wide_b <= 80 => datapath.mul(a, b),
        7 => {
            let low = random.below(wide_a as usize + 3) as u32;
            let width = 1 + random.below(wide_a as usize + 2) as u32;
            datapath.slice(a, low, width, random.flip())
        }
        8 => datapath.any(a, 1 + random.below(wide_a as usize) as u32),
        9 => {
            let condition = condition(random, datapath, a);
            datapath.mux(condition, a, b)
        }
        10 => {
            let c = datapath.constant(random.within(-40, 40));
            let condition = condition(random, datapath, b);
            datapath.mux(condition, c, a)
        }
        11 => relation(random, datapath, a, b),
        12 => {
            let (a, b) = (condition(random, datapath, a), condition(random, datapath, b));
            let logic = [Logic::And, Logic::Or, Logic::Xor][random.below(3)];
            let value = datapath.logic(logic, a, b);
            if random.flip() { datapath.not(value) } else { value }
        }
        13 => table(random, datapath, a),
        14 => {
            if random.flip() {
                datapath.max(a, b)
            } else {
                datapath.min(a, b)
            }
        }
        15 => {
            let rounding = Rounding::ALL[random.below(7)];
            let overflow = Overflow::ALL[random.below(4)];
            let width = 2 + random.below(12) as u32;
            let format =
                if random.flip() { Format::signed(width, 1) } else { Format::unsigned(width, 1) };
            let from = format.frac() + random.below(5) as i32 - 1;
            datapath.cast(a, from, format.with(rounding, overflow))
        }
        16 => {
            // A choice of a slice inside a wider choice.
            let kept = datapath.slice(a, 0, 1 + random.below(9) as u32, true);
            let c = datapath.constant(random.within(-5, 5));
            let inner = condition(random, datapath, a);
            let inner = datapath.mux(inner, c, kept);
            let outer = condition(random, datapath, b);
            datapath.mux(outer, b, inner)
        }
        _ => return None,
    })
}

fn condition(random: &mut Random, datapath: &mut Datapath, value: ValueId) -> ValueId {
    let at = random.below(datapath.width(value) as usize) as u32;
    datapath.bit(value, at)
}

fn relation(random: &mut Random, datapath: &mut Datapath, a: ValueId, b: ValueId) -> ValueId {
    let relation = [Relation::Less, Relation::LessEqual, Relation::Equal][random.below(3)];
    if random.flip() {
        return datapath.compare(relation, a, b);
    }
    let interval = datapath.interval(a);
    let c = datapath.constant(random.within(interval.lo, interval.hi));
    if random.flip() { datapath.compare(relation, a, c) } else { datapath.compare(relation, c, a) }
}

fn table(random: &mut Random, datapath: &mut Datapath, value: ValueId) -> ValueId {
    let bits = datapath.width(value).min(1 + random.below(6) as u32);
    let index = datapath.slice(value, 0, bits, false);
    let last = datapath.interval(index).hi;
    let magnitude = [1i128, 90, 1 << 40, 1 << 70][random.below(4)];
    let lo = if random.flip() { 0 } else { -magnitude };
    let contents: Vec<i128> = (0..=last).map(|_| random.within(lo, magnitude)).collect();
    datapath.lookup(contents.into(), index)
}

/// Tables of `2^bits` entries: a name, and what is in it.
pub(crate) fn kinds(bits: u32, width: u32) -> Vec<(&'static str, Arc<[i128]>)> {
    let count = 1i128 << bits;
    let most = f64::from(u32::MAX >> (32 - width));
    let of = |f: &dyn Fn(f64) -> f64| -> Arc<[i128]> {
        (0..count).map(|it| (most * f(it as f64 / count as f64)).round() as i128).collect()
    };
    let mut random = Random(u64::from(bits * 100 + width));
    let mut draw = |lo, hi| -> Vec<i128> { (0..count).map(|_| random.within(lo, hi)).collect() };
    let noise = draw(-(1 << width), (1 << width) - 1);
    let mut sorted = draw(0, (1 << width) - 1);
    sorted.sort_unstable();
    let sparse = draw(0, 40).into_iter().map(|it| if it == 0 { 1 << (width - 1) } else { 0 });
    vec![
        ("sigmoid", of(&|x| 1.0 / (1.0 + (8.0 - 16.0 * x).exp()))),
        ("tanh", of(&|x| (16.0 * x - 8.0).tanh())),
        ("exp", of(&|x| (-8.0 * x).exp())),
        ("inverse", of(&|x| 1.0 / (1.0 + 63.0 * x))),
        ("sqrt", of(&f64::sqrt)),
        ("sine", of(&|x| (6.0 * x).sin())),
        ("random", noise.into()),
        ("monotone", sorted.into()),
        ("sparse", sparse.collect()),
        ("constant", vec![-5; count as usize].into()),
        ("wires", (0..count).map(|it| it >> 1).collect()),
    ]
}

/// A program that reads every kind of table, also in part and with what two inputs add up to.
pub(crate) fn tables(bits: u32, width: u32) -> Datapath {
    let mut datapath = Datapath::default();
    enter(&mut datapath, "table");
    let last = (1i128 << bits) - 1;
    let whole = Interval::new(0, last);
    let part = Interval::new(last / 5, last / 2);
    let inputs = [whole, part, Interval::new(0, last / 2)];
    let elements: Vec<_> =
        (0..).zip(inputs).map(|(at, it)| datapath.push(Op::Input(0, at), it)).collect();
    let sum = datapath.add(Term::plain(elements[1]), Term::plain(elements[2]));
    let slots = inputs.iter().map(|it| (it.width(), false)).collect();
    let mut read = Vec::new();
    for (_, contents) in kinds(bits, width) {
        for index in [elements[0], elements[1], sum] {
            read.push(datapath.lookup(contents.clone(), index));
        }
    }
    datapath.inputs.push(Port { name: "x".to_owned(), elements, slots });
    let slot = |it: &_| (datapath.interval(*it).width(), datapath.interval(*it).signed());
    let slots = read.iter().map(slot).collect();
    datapath.outputs.push(Port { name: "y".to_owned(), elements: read, slots });
    datapath
}

/// Mantissas for every input: random, or an end of the range.
pub(crate) fn sample(random: &mut Random, datapath: &Datapath) -> Vec<Vec<i128>> {
    let extreme = random.below(4);
    let port = |port: &Port| {
        let mut one = |id: &ValueId| {
            let Interval { lo, hi } = datapath.interval(*id);
            match (extreme, random.below(4)) {
                (0, _) | (3, 0) => lo,
                (1, _) | (3, 1) => hi,
                (3, 2) => 0i128.clamp(lo, hi),
                _ => random.within(lo, hi),
            }
        };
        port.elements.iter().map(&mut one).collect()
    };
    datapath.inputs.iter().map(port).collect()
}

/// What the outputs are for a sample, port by port.
pub(crate) fn expected(datapath: &Datapath, inputs: &[Vec<i128>]) -> Vec<Vec<i128>> {
    let values = evaluate(datapath, inputs);
    let port = |port: &Port| port.elements.iter().map(|it| values[it.index()]).collect();
    datapath.outputs.iter().map(port).collect()
}

/// A dense network with rectifiers between its layers; `sizes` counts the elements of each tensor.
/// Inputs and activations are `fixed<16,6>`, weights use all their bits.
pub(crate) fn network(random: &mut Random, sizes: &[usize], weight_bits: u32) -> fixed::Graph {
    let format = Format::signed(16, 6);
    let weight = Format::signed(weight_bits, 1);
    let accum = Format::signed(48, 48 - format.frac() - weight.frac());
    let mut builder = fixed::Builder::new();
    builder.enter(Origin::new("net.onnx", "x"));
    let ty = Type::uniform(Shape(vec![sizes[0]]), format);
    let mut value = builder.add("", Input { ty }, &[]);
    builder.graph.inputs.push(value);
    for (layer, size) in sizes.windows(2).enumerate() {
        let (n_in, n_out) = (size[0], size[1]);
        let mut draw = |count: usize| -> fixed::Mantissas {
            (0..count).map(|_| random.within(weight.min(), weight.max())).collect()
        };
        builder.enter(Origin::new("net.onnx", format!("fc{}", layer + 1)));
        let (weights, biases) = (draw(n_in * n_out), draw(n_out));
        let result = format.with(Rounding::Rnd, Overflow::Sat);
        let mac = Mac {
            n_in,
            n_out,
            weights,
            weight,
            biases,
            bias: weight,
            accum,
            result,
            loaded: Loaded::Nothing,
        };
        value = builder.add("", mac, &[value]);
        if layer + 2 < sizes.len() {
            builder.enter(Origin::new("net.onnx", format!("relu{}", layer + 1)));
            value = builder.add("", Rectify::relu(Format::unsigned(15, 5)), &[value]);
        }
    }
    builder.graph.outputs.push(value);
    builder.graph
}

/// A function of the user's that there is only the description of: from a format to itself.
pub(crate) fn kernel(format: Format, latency: u32) -> Kernel {
    let file = |name: &str| SourceFile { name: name.to_owned(), text: String::new() };
    Kernel {
        cpp: file("f.h"),
        function: "own::f".to_owned(),
        typed: false,
        sv: file("f.sv"),
        module: format!("f_{latency}"),
        latency,
        delay_ps: 700,
        operand: format,
        result: format,
    }
}

/// An instance of a module with up to three ranks of registers, or a table in block RAM, of a few bits of a value.
pub(crate) fn module_of(random: &mut Random, datapath: &mut Datapath, of: ValueId) -> ValueId {
    let x = datapath.slice(of, 0, datapath.width(of).min(5), true);
    let format = Format::signed(5, 5);
    if random.below(4) == 0 {
        let index = datapath.slice(x, 0, datapath.width(x), false);
        let contents: Vec<i128> = (0..32).map(|it| it * 11 % 23 - 7).collect();
        return datapath.block(&contents, index);
    }
    let kernel = kernel(format, 1 + random.below(3) as u32);
    let factor = 1 + 2 * i128::from(kernel.latency);
    let result = |code| fixed::Word::wrap(code * factor + 3, 5, true);
    let results: Arc<[i128]> = (0..1i128 << format.width).map(result).collect();
    datapath.external(&Arc::new(kernel), &results, x)
}

/// Round figures like those of an UltraScale+ part, which do not change when the device tables do.
pub(crate) struct Figures;

impl Delays for Figures {
    fn delay(&self, datapath: &Datapath, id: ValueId) -> f64 {
        let width = |it: ValueId| datapath.width(it);
        let adder = |bits: u32| 1.09 + 0.025 * f64::from(bits);
        match datapath.op(id) {
            Op::Input(..) | Op::Const(_) | Op::Slice { .. } => 0.0,
            Op::Add(..) => adder(width(id)),
            Op::Add3(..) => 0.5 + adder(width(id)),
            Op::Mul(a, b) => 2.0 + 0.05 * f64::from(width(a) + width(b)),
            Op::Dsp(..) => 2.5,
            Op::Compare(_, a, b) => adder(width(a).max(width(b))),
            Op::Any { width, .. } => 0.5 * f64::from(1 + width / 7),
            Op::Mux(..) | Op::Logic(..) => 0.5,
            Op::Table(_, index) => 0.5 + 0.35 * f64::from(width(index).saturating_sub(6)),
            Op::External(external, _) => datapath.externals[external.index()].delay_ns(),
        }
    }

    fn register(&self) -> f64 {
        0.25
    }
}
