//! How a product with a constant matrix is laid out: which kernel, what its config holds, and what
//! becomes of the weights.

use serde::Serialize;

use super::numbers::type_text;
use super::reuse::{ParallelChanged, ReuseChanged, Unfit};
use super::view::Builder;
use super::{Library, Strategy};
use crate::error::{Origin, Problem};
use crate::fixed::Format;
use crate::units::adders::{Adders, Sum, Term};
use crate::units::hls::{HlsCall, HlsConstant, HlsMatrix, HlsNumbers};

/// A member of a config struct: C++ type, name, value.
pub(super) type Member = (&'static str, &'static str, String);

/// A call that has been folded.
pub(super) struct Folded {
    /// What the kernel's name ends in.
    pub(super) suffix: &'static str,
    /// Members of the config.
    pub(super) members: Vec<Member>,
    /// The arguments that are constants.
    pub(super) constants: Vec<HlsConstant>,
    /// Additions in place of the weights, and further types of the config.
    pub(super) adders: Option<AddersView>,
}

/// A function that multiplies by a matrix.
#[derive(Debug, Serialize)]
pub(super) struct AddersView {
    /// C++ type of all sums.
    pub(super) sum: String,
    /// The same bits, read as products with the weights.
    pub(super) product: String,
    /// Its lines.
    pub(super) lines: Vec<String>,
}

impl Builder<'_> {
    /// Folds a call of a kernel that multiplies by a matrix.
    pub(super) fn fold(&mut self, call: &HlsCall, matrix: HlsMatrix, origin: &Origin) -> Folded {
        let HlsMatrix { n_in, n_out, positions, .. } = matrix;
        let folding = self.options.folding(&origin.node);
        let nonzero = Sparse::of(call, n_out);
        let (asked, products) = (folding.reuse, nonzero.len());
        let reuse = folding.reuse(n_in, n_out, products);
        if reuse != asked {
            let why = match folding.strategy {
                Strategy::Latency | Strategy::Unrolled => Unfit::Few(products),
                Strategy::Resource => Unfit::Uneven { n_in, n_out },
                Strategy::Distributed => Unfit::Additions,
            };
            self.warnings.push(Problem::at(origin, ReuseChanged { asked, used: reuse, why }));
        }
        let parallel = folding.parallel(positions);
        if let Some(asked) = folding.parallel.filter(|it| *it != parallel) {
            let what = ParallelChanged { positions, asked, used: parallel };
            self.warnings.push(Problem::at(origin, what));
        }
        let mut members = vec![
            ("unsigned", "n_in", n_in.to_string()),
            ("unsigned", "n_out", n_out.to_string()),
            ("unsigned", "positions", positions.to_string()),
            ("unsigned", "parallel", parallel.to_string()),
            ("unsigned", "reuse_factor", reuse.to_string()),
        ];
        let (mut constants, mut adders) = (call.constants.clone(), None);
        let in_turn = parallel < positions;
        let suffix = match folding.strategy {
            Strategy::Latency => {
                let limit = (parallel * n_in * n_out).div_ceil(reuse);
                members.push(("unsigned", "multiplier_limit", limit.to_string()));
                if in_turn { "_latency_in_turn" } else { "_latency" }
            }
            Strategy::Resource => {
                let block = n_in * n_out / reuse;
                members.push(("unsigned", "block_factor", block.to_string()));
                "_resource"
            }
            Strategy::Unrolled => {
                let block = nonzero.len().div_ceil(reuse).max(1);
                members.push(("unsigned", "block_factor", block.to_string()));
                constants.splice(..1, nonzero.constants(block * reuse));
                "_unrolled"
            }
            Strategy::Distributed => {
                adders = Some(AddersView::of(self.library(), call, matrix));
                constants.remove(0);
                if in_turn { "_distributed_in_turn" } else { "_distributed" }
            }
        };
        let cycles = reuse * (positions / parallel.max(1));
        // Without tasks, loops run one after another.
        self.view.interval = match self.rolled && !self.options.tool.has_tasks() {
            true => self.view.interval + cycles,
            false => self.view.interval.max(cycles),
        };
        Folded { suffix, members, constants, adders }
    }
}

/// The weights of a matrix that are not zero, rows in order: the first argument of the kernel.
#[derive(Default)]
struct Sparse {
    weights: Vec<i128>,
    inputs: Vec<u32>,
    outputs: Vec<u32>,
}

impl Sparse {
    fn of(call: &HlsCall, n_out: u64) -> Sparse {
        let mut sparse = Sparse::default();
        for (at, weight) in weights(call).iter().enumerate().filter(|it| *it.1 != 0) {
            sparse.weights.push(*weight);
            sparse.inputs.push((at as u64 / n_out) as u32);
            sparse.outputs.push((at as u64 % n_out) as u32);
        }
        sparse
    }

    fn len(&self) -> u64 {
        self.weights.len() as u64
    }

    /// As arguments of the kernel, filled up with products with zero.
    fn constants(mut self, length: u64) -> [HlsConstant; 3] {
        let length = length as usize;
        self.weights.resize(length, 0);
        self.inputs.resize(length, 0);
        self.outputs.resize(length, 0);
        let values = HlsNumbers::Array { ty: "weight", values: self.weights.into() };
        [
            HlsConstant { name: "weights", numbers: values },
            HlsConstant { name: "inputs", numbers: HlsNumbers::Indices(self.inputs) },
            HlsConstant { name: "outputs", numbers: HlsNumbers::Indices(self.outputs) },
        ]
    }
}

/// The matrix of a kernel that has one: its first constant.
fn weights(call: &HlsCall) -> &[i128] {
    match call.constants.first().map(|it| &it.numbers) {
        Some(HlsNumbers::Array { values, .. }) => values,
        _ => &[],
    }
}

impl AddersView {
    /// Sums are on the inputs' grid: the weights are whole numbers until the end.
    fn of(library: Library, call: &HlsCall, matrix: HlsMatrix) -> AddersView {
        let adders = Adders::of(weights(call), matrix.n_in as usize, matrix.input);
        let frac = matrix.input.frac();
        let ty =
            |bits: u32, frac: i32| type_text(library, Format::signed(bits, bits as i32 - frac));
        let term = |it: &Term, ty: &str| {
            let name = match it.value.checked_sub(adders.n_in) {
                Some(sum) => format!("s{sum}"),
                None => format!("x[{}]", it.value),
            };
            match it.shift {
                0 => name,
                // A shift keeps the width of what is shifted.
                right @ ..0 => format!("({ty}({name}) >> {})", -right),
                left => format!("({ty}({name}) << {left})"),
            }
        };
        let mut lines = Vec::new();
        for (at, Sum { terms, bits }) in adders.sums.iter().enumerate() {
            let ty = ty(*bits, frac);
            let [a, b] = terms.map(|it| (if it.negate { "-" } else { "+" }, term(&it, &ty)));
            let first = if a.0 == "-" { format!("-{ty}({})", a.1) } else { a.1 };
            lines.push(format!("const {ty} s{at} = {first} {} {};", b.0, b.1));
        }
        let widest =
            adders.sums.iter().map(|it| it.bits).chain([adders.bits, matrix.input.width + 1]);
        let widest = ty(widest.max().unwrap_or(1), frac);
        for (j, output) in adders.outputs.iter().enumerate() {
            let value = match output {
                None => "0".to_owned(),
                Some(it) if it.negate => format!("-{widest}({})", term(it, &widest)),
                Some(it) => term(it, &widest),
            };
            lines.push(format!("y[{j}] = {value};"));
        }
        let sum = ty(adders.bits, frac);
        let product = ty(adders.bits, frac + matrix.weight.frac());
        AddersView { sum, product, lines }
    }
}

/// The distributed strategy adds exact products, so an accumulator that rounds or saturates single ones
/// would not be the one that was asked for.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "strategy distributed_arithmetic needs an accumulator that neither rounds nor saturates products; \
     {found} does (`accum: auto` fits)"
)]
pub struct LossyAccumulator {
    /// The accumulator.
    pub found: Format,
}
