//! Tokens of arrays in packs: some channels of every pixel of a window at a time.
//!
//! A window of `t` pixels of `c` channels is `t * c` elements at once, all of which a line buffer holds at its
//! taps, pads and hands over, though few multipliers take few of them in a cycle. With a pixel's
//! channels in packs of `p`, one pack after the other, the same line holds the same elements, but gives
//! `t * p` of them. A plain matrix sums up over the packs of a window; of groups of channels each pack is
//! whole groups. (The channel interleaving of streaming accelerators such as FINN: Umuroglu et al., FPGA
//! 2017.)
//!
//! [`Array::folded`] chooses the packs with the multipliers, [`divide`] brings them about.

use super::narrow::looped;
use super::{Array, Dataflow, Kind, Process, ProcessId, Reuse, StreamId};
use crate::fixed::Type;
use crate::nn::Shape;

/// How the elements of a token come.
#[derive(Clone, Debug)]
pub(super) struct Packs {
    /// Channels of a pixel, if they may come in packs.
    pixel: Option<usize>,
    /// How the line of the window in front moves ([`Window::moves`]).
    moves: Vec<(usize, usize)>,
    /// Packs of a token.
    pub(super) count: usize,
    /// For every part of a sum the rows of the matrix that it has.
    pub(super) rows: Vec<Vec<usize>>,
    /// For every matrix of a pack the elements of the pack that are its rows.
    pub(super) lanes: Vec<Vec<usize>>,
}

impl Packs {
    /// Everything at once.
    pub(super) fn whole(reads: &[Vec<usize>], rows: usize) -> Packs {
        let (pixel, moves) = (None, Vec::new());
        Packs { pixel, moves, count: 1, rows: vec![(0..rows).collect()], lanes: reads.to_vec() }
    }

    /// Pixels of `pixel` channels in so many packs, if every pack is as the others but for its weights.
    fn new(reads: &[Vec<usize>], pixel: usize, count: usize) -> Option<Packs> {
        let channels = pixel / count;
        let pack = |it: &usize| it % pixel / channels;
        let lane = |it: &usize| it / pixel * channels + it % channels;
        let mut packs = (0..count).map(|own| {
            let within = |read: &Vec<usize>| {
                let rows = (0..read.len()).filter(|it| pack(&read[*it]) == own);
                let rows: Vec<usize> = rows.collect();
                let lanes: Vec<usize> = rows.iter().map(|it| lane(&read[*it])).collect();
                (rows, lanes)
            };
            match reads {
                [one] => {
                    let (rows, lanes) = within(one);
                    Some((rows, vec![lanes]))
                }
                several => {
                    let share = several.len() / count;
                    let own = &several[own * share..(own + 1) * share];
                    let own = own.iter().map(within);
                    let whole = |it: &(Vec<usize>, _)| it.0.len() == several[0].len();
                    let all: Option<Vec<_>> = own.map(|it| whole(&it).then_some(it.1)).collect();
                    Some(((0..several[0].len()).collect(), all?))
                }
            }
        });
        let (rows, lanes) = packs.next()??;
        let mut all = vec![rows];
        for other in packs {
            let (rows, same) = other?;
            if same != lanes {
                return None;
            }
            all.push(rows);
        }
        if reads.len() > 1 {
            all.truncate(1);
        }
        Some(Packs { pixel: Some(pixel), moves: Vec::new(), count, rows: all, lanes })
    }
}

impl Array {
    /// The same on so many times fewer multipliers than there are products.
    pub fn folded(self, reuse: usize) -> Array {
        let reuse = reuse.clamp(1, self.products());
        match self.packs.pixel {
            None => self.turned(reuse),
            Some(pixel) => self.packed(pixel, reuse),
        }
    }

    /// A token at once, which turns in front of the multipliers.
    ///
    /// Up to the number of inputs of a sum the inputs are divided, beyond also the outputs.
    fn turned(self, reuse: usize) -> Array {
        let (n_in, n_out) = (self.rows(), self.macs[0].n_out);
        let groups = reuse.div_ceil(n_in);
        let (matrices, share) = match self.macs.len() {
            1 => (1, n_out.div_ceil(groups.min(n_out))),
            count => (count.div_ceil(groups.min(count)), n_out),
        };
        Array { fan: n_in.div_ceil(reuse), matrices, share, ..self }
    }

    /// Of all packs, with which a token takes no more than so many cycles, those that cost least.
    fn packed(self, pixel: usize, reuse: usize) -> Array {
        let weight = u64::from(self.weight_width());
        let counts = (1..=pixel.min(reuse)).filter(|it| {
            pixel.is_multiple_of(*it)
                && (self.macs.len() == 1 || self.macs.len().is_multiple_of(*it))
        });
        let moves = &self.packs.moves;
        let packs = counts.filter_map(|it| Packs::new(&self.reads, pixel, it));
        let packs = packs.map(|it| Packs { moves: moves.clone(), ..it });
        // A line moves a token a cycle, whatever the array is.
        let least = moves.iter().map(|(times, tokens)| times * reuse.max(*tokens)).sum();
        let foldings = packs.flat_map(|packs| {
            let (count, own) = (packs.count, Array { packs, ..self.clone() });
            let rows = self.rows() / own.parts();
            let mut fans: Vec<usize> =
                (1..=rows.min(reuse / count)).map(|it| rows.div_ceil(it)).collect();
            fans.dedup();
            fans.into_iter().map(move |fan| own.clone().of(fan, reuse))
        });
        let foldings = foldings.filter(|it| it.sample() <= least);
        let best = foldings.min_by_key(|it| it.price(weight));
        best.unwrap_or(self)
    }

    /// As many outputs at once as are needed for a token in so many cycles.
    fn of(self, fan: usize, reuse: usize) -> Array {
        let inner = (self.rows() / self.parts()).div_ceil(fan);
        let groups = (reuse / (inner * self.packs.count)).max(1);
        let n_out = self.macs[0].n_out;
        let (matrices, share) = match self.macs.len() {
            1 => (1, n_out.div_ceil(groups.min(n_out))),
            count => ((count / self.turns()).div_ceil(groups), n_out),
        };
        Array { fan, matrices, share, ..self }
    }

    /// Cycles of a sample behind a window: an array works at a pack while the line moves on to the next one,
    /// but beyond the packs of a pixel that may take longer.
    fn sample(&self) -> usize {
        let (packs, steps) = (self.packs.count, self.steps());
        let moved = |tokens: usize| packs * tokens.saturating_sub(1) + 1;
        let cycles = |(times, tokens): &(usize, usize)| {
            times * ((packs - 1) * steps + steps.max(moved(*tokens)))
        };
        self.packs.moves.iter().map(cycles).sum()
    }

    /// About what a folding costs, in lookup tables: multipliers, the elements that come at once, sums.
    fn price(&self, weight: u64) -> u64 {
        let (input, sum) = (u64::from(self.input.width), u64::from(self.accum().width));
        let products = self.multipliers() as u64 * input * weight;
        let turns = 1 + u64::from(self.blocks() > 1);
        let token = self.elements() as u64 * input * turns;
        let kept = u64::from(self.groups() > 1 || self.turns() > 1);
        let sums = self.columns() as u64 * sum * (self.fan as u64 + kept);
        products + token + sums
    }

    /// The largest reuse factor with which a token takes no more than so many cycles.
    pub fn reuse_in(&self, cycles: usize) -> usize {
        let most = cycles.clamp(1, self.products());
        let rows = self.rows();
        // Beyond the rows whole groups of outputs follow each other, and the last may be short of some.
        let choices = [most, most / rows * rows, most.min(rows)];
        let fits = |it: &usize| *it > 0 && self.clone().folded(*it).cycles() <= cycles;
        choices.into_iter().find(fits).unwrap_or(1)
    }
}

/// Brings tokens to arrays in packs where that costs less. In a loop every step waits for the one before: there a
/// token comes at once.
pub(super) fn divide(flow: &mut Dataflow, reuse: &dyn Fn(&str) -> Reuse) {
    let looped = looped(flow);
    for at in 0..flow.processes.len() {
        let process = &flow.processes[at];
        let Kind::Array(array) = &process.kind else { continue };
        if !array.loaded().is_nothing() || looped.contains(&ProcessId(at)) {
            continue;
        }
        let stream = process.inputs[0];
        let window = window(flow, stream);
        let source = window.map_or(stream, |it| flow.processes[it.0].inputs[0]);
        let pixel = flow.stream(source).ty.elements();
        let moves = match window.map(|it| &flow.processes[it.0].kind) {
            Some(Kind::Window(it)) => it.moves(),
            _ => Vec::new(),
        };
        let packs = Packs { pixel: Some(pixel), moves, ..array.packs.clone() };
        let array = Array { packs, ..array.clone() }.folded(reuse(&process.layer).matrix);
        let (packs, turns) = (array.packs(), array.turns());
        flow.processes[at].kind = Kind::Array(array);
        if packs == 1 {
            continue;
        }
        let into = repack(flow, ProcessId(at), source, packs);
        match window {
            None => flow.processes[at].inputs = vec![into],
            Some(window) => {
                let own = &mut flow.processes[window.0];
                own.inputs = vec![into];
                if let Kind::Window(it) = &mut own.kind {
                    *it = it.packed(packs);
                }
                shorten(flow, stream, packs);
            }
        }
        if turns > 1 {
            collect(flow, ProcessId(at), turns, |_| false);
        }
    }
}

/// The window in front of an array, if no other reads it.
fn window(flow: &Dataflow, stream: StreamId) -> Option<ProcessId> {
    let from = flow.stream(stream).from;
    let is_window = matches!(flow.processes[from.0].kind, Kind::Window(_));
    (is_window && flow.readers(stream).len() == 1).then_some(from)
}

/// Makes so many tokens of each token of a stream.
pub(super) fn shorten(flow: &mut Dataflow, stream: StreamId, ratio: usize) {
    let it = &mut flow.streams[stream.0];
    let format = it.ty.format(0);
    let elements = it.ty.elements() / ratio;
    debug_assert!(it.ty.common().is_some(), "all elements of a divided token are alike");
    it.ty = Type::uniform(Shape(vec![elements]), format);
    it.tokens *= ratio;
}

/// The tokens of a stream in packs.
pub(super) fn repack(
    flow: &mut Dataflow,
    on_behalf: ProcessId,
    from: StreamId,
    packs: usize,
) -> StreamId {
    let (name, layer) = called(flow, on_behalf, "packs");
    let process = flow.add(&name, &layer, Kind::Repack, vec![from]);
    let own = flow.stream(from).clone();
    let made = flow.output(process, &own.name, own.tokens, own.ty);
    shorten(flow, made, packs);
    made
}

/// A process gives parts of its tokens, which are put side by side but for those that stay `apart`.
pub(super) fn collect(
    flow: &mut Dataflow,
    process: ProcessId,
    parts: usize,
    apart: impl Fn(StreamId) -> bool,
) {
    for whole in std::mem::take(&mut flow.processes[process.0].outputs) {
        if apart(whole) {
            flow.processes[process.0].outputs.push(whole);
            continue;
        }
        let own = flow.stream(whole).clone();
        let made = flow.output(process, &own.name, own.tokens, own.ty);
        shorten(flow, made, parts);
        let (name, layer) = called(flow, process, "pixels");
        let collect = flow.add(&name, &layer, Kind::Repack, vec![made]);
        flow.processes[collect.0].outputs = vec![whole];
        flow.streams[whole.0].from = collect;
    }
}

/// The tokens of a stream, to be had again when its process gives parts of them.
pub(super) fn whole(flow: &mut Dataflow, stream: StreamId) -> StreamId {
    let own = flow.stream(stream).clone();
    let (name, layer) = called(flow, own.from, "pixels");
    let collect = flow.add(&name, &layer, Kind::Repack, vec![stream]);
    flow.output(collect, &own.name, own.tokens, own.ty)
}

/// Name and layer of a process that stands beside another one.
fn called(flow: &Dataflow, process: ProcessId, what: &str) -> (String, String) {
    let Process { name, layer, .. } = &flow.processes[process.0];
    (flow.unique(&format!("{name}_{what}")), layer.clone())
}
