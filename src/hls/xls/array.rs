//! A matrix on few multipliers as a DSLX proc: `nn_array.x`.

use super::process::{ChannelView, ProcessView, constant};
use super::text::{array as array_of, element};
use super::view::Builder;
use crate::stream::{Array, index_bits};

/// The proc, with its weights turn by turn.
pub(super) fn array(own: &Array, builder: &mut Builder) -> ProcessView {
    let (inner, groups, packs) = (own.inner(), own.groups(), own.packs());
    let (block, columns, turns) = (own.block(), own.columns(), own.turns());
    // Groups of a plain matrix read the same blocks.
    let blocks = own.blocks() / inner;
    let lane = |at: usize, k: usize| own.lane(at, k).unwrap_or(0).to_string();
    let lanes = nest(&format!("u32[{block}]"), &[blocks, inner], &|at: &[usize]| {
        list((0..block).map(|k| lane(at[0] * inner + at[1], k)))
    });
    let weights = Weights::of(own);
    let sum = element(own.accum());
    let row = format!("{sum}[{columns}]");
    let biases = nest(&row, &[turns, groups], &|at: &[usize]| {
        list((0..columns).map(|j| own.bias(at[0], at[1] * columns + j).to_string()))
    });
    let [lanes, rows, biases] = [("LANES", lanes), ("WEIGHTS", weights.rows), ("BIASES", biases)]
        .map(|(name, (ty, rows))| constant(builder, name, ty, rows));
    let word = array_of(own.input, own.elements());
    let counters =
        [inner, groups, packs, weights.counted].map(|it| format!("u{}", index_bits(it))).join(", ");
    let state = format!("({counters}, {word}, {sum}[{columns}][{groups}])");
    let (parts, fan, share, shift, outputs) =
        (own.parts(), own.fan, own.share, own.shift(), own.outputs());
    let bits = own.elements() as u32 * own.input.width;
    let mut channel = ChannelView::of(0, word, bits);
    let zero = |count: usize| format!("u{}:0", index_bits(count));
    channel.when = Some(format!("state.0 == {} && state.1 == {}", zero(inner), zero(groups)));
    let Weights { counted, index, .. } = weights;
    ProcessView {
        channels: vec![channel],
        made: array_of(own.accum(), outputs),
        state: Some(state),
        call: format!(
            "nn_array::step<u32:{packs}, u32:{counted}, u32:{parts}, u32:{fan}, u32:{share}, u32:{shift}, u32:{outputs}>(state, word0, {lanes}, {rows}{index}, {biases})"
        ),
    }
}

/// Turns from which on weights have one index, so that synthesis may put them into a memory; of fewer rows it makes
/// better logic where every counter has its own.
const DEEP: usize = 128;

/// The weights of an array, turn by turn.
struct Weights {
    /// Their type and rows.
    rows: (String, Vec<String>),
    /// Which row is due, by the state of the proc.
    index: String,
    /// Turns that the state counts for it.
    counted: usize,
}

impl Weights {
    fn of(own: &Array) -> Self {
        let extents @ [packs, groups, inner] = [own.packs(), own.groups(), own.inner()];
        let steps = packs * groups * inner;
        let multipliers = own.multipliers();
        let ty = format!("{}[{multipliers}]", element(own.weight_format()));
        let row = |step: usize| match step < steps {
            true => list(own.weights(step).iter().map(i128::to_string)),
            false => list((0..multipliers).map(|_| "0".to_owned())),
        };
        if steps >= DEEP {
            // As many rows as the index can count: XLS has nothing to compare it with.
            let rows = nest(&ty, &[steps.next_power_of_two()], &|at: &[usize]| row(at[0]));
            return Self { rows, index: "[state.3]".to_owned(), counted: steps };
        }
        let rows =
            nest(&ty, &extents, &|at: &[usize]| row((at[0] * groups + at[1]) * inner + at[2]));
        // What counts to one is always zero, which nobody else would know.
        let of = |(extent, at): (usize, usize)| match extent {
            1 => "[u32:0]".to_owned(),
            _ => format!("[state.{at}]"),
        };
        let index = extents.into_iter().zip([2, 1, 0]).map(of).collect();
        Self { rows, index, counted: 1 }
    }
}

/// Numbers between brackets.
fn list(numbers: impl Iterator<Item = String>) -> String {
    format!("[{}]", numbers.collect::<Vec<_>>().join(", "))
}

/// Type and rows of an array of arrays, the outermost extent first; `row` is its innermost one.
fn nest(ty: &str, extents: &[usize], row: &dyn Fn(&[usize]) -> String) -> (String, Vec<String>) {
    let types = (0..extents.len()).map(|from| {
        let own = extents[from..].iter().rev().map(|it| format!("[{it}]"));
        format!("{ty}{}", own.collect::<String>())
    });
    let types: Vec<String> = types.chain([ty.to_owned()]).collect();
    fn items(
        types: &[String],
        extents: &[usize],
        at: &[usize],
        row: &dyn Fn(&[usize]) -> String,
    ) -> Vec<String> {
        let depth = at.len();
        let item = |k: usize| {
            let at = [at, &[k]].concat();
            let own = match depth + 1 < extents.len() {
                true => format!("[{}]", items(types, extents, &at, row).join(" ")),
                false => row(&at),
            };
            format!("{}:{own},", types[depth + 1])
        };
        (0..extents[depth]).map(item).collect()
    }
    (types[0].clone(), items(&types, extents, &[], row))
}
