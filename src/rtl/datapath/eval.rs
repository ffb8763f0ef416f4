//! Runs a scalar program in software: the check that lowering kept every bit.

use super::{Datapath, Logic, Op, Relation, ValueId};

/// All values for one sample; `inputs` holds a list of mantissas for every port.
pub fn evaluate(datapath: &Datapath, inputs: &[Vec<i128>]) -> Vec<i128> {
    let mut values: Vec<i128> = Vec::with_capacity(datapath.len());
    for id in datapath.values() {
        let get = |it: ValueId| values[it.index()];
        let value = match datapath.op(id) {
            Op::Input(port, element) => inputs[port as usize][element as usize],
            Op::Const(value) => value,
            op @ (Op::Add(..) | Op::Add3(..)) => op
                .terms()
                .map(|it| (get(it.value) << it.shift) * if it.negate { -1 } else { 1 })
                .sum(),
            Op::Mul(a, b) => get(a) * get(b),
            Op::Dsp(a, b, c) => get(a) * get(b) + (get(c.value) << c.shift),
            Op::Slice { value, low, width, signed } => slice(get(value), low, width, signed),
            Op::Any { value, width } => i128::from(slice(get(value), 0, width, false) != 0),
            Op::Mux(condition, a, b) => get(if get(condition) != 0 { a } else { b }),
            Op::Compare(relation, a, b) => i128::from(match relation {
                Relation::Less => get(a) < get(b),
                Relation::LessEqual => get(a) <= get(b),
                Relation::Equal => get(a) == get(b),
            }),
            Op::Logic(logic, a, b) => match logic {
                Logic::And => get(a) & get(b),
                Logic::Or => get(a) | get(b),
                Logic::Xor => get(a) ^ get(b),
            },
            Op::Table(table, index) => datapath.tables[table.index()][get(index) as usize],
            Op::External(external, x) => datapath.result(external, get(x)),
        };
        let interval = datapath.interval(id);
        debug_assert!(
            interval.lo <= value && value <= interval.hi,
            "{id} = {value} is outside {interval:?}: {:?}",
            datapath.op(id)
        );
        values.push(value);
    }
    values
}

/// Bits `low .. low + width` of a value.
pub(super) fn slice(value: i128, low: u32, width: u32, signed: bool) -> i128 {
    let bits = value >> low.min(127);
    if width >= 128 {
        bits
    } else if signed {
        bits << (128 - width) >> (128 - width)
    } else {
        bits & ((1 << width) - 1)
    }
}
