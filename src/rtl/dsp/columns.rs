//! Sums of a layer as what they are of other values: weights, a constant, and the additions behind.

use std::collections::BTreeMap;

use crate::rtl::datapath::{Datapath, Op, ValueId};

/// Longest sum that is looked at.
const MOST_TERMS: usize = 4096;

/// A sum that something else than a sum of its layer reads.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// Its value.
    pub(super) root: ValueId,
    /// All is shifted left by this much.
    pub(super) shift: u32,
    /// What is added besides, before the shift.
    pub(super) constant: i128,
    /// Factors, before the shift, of what is no sum of this layer or is a column itself.
    pub(super) terms: Vec<(ValueId, i128)>,
    /// The sums that make it, itself among them.
    pub(super) cone: Vec<ValueId>,
}

/// All columns of the live values, in order.
pub(super) fn columns(datapath: &Datapath) -> Vec<Column> {
    let live = datapath.live();
    let mut is_root = vec![false; datapath.len()];
    for id in datapath.values().filter(|it| live[it.index()]) {
        for operand in datapath.op(id).operands() {
            let within =
                datapath.op(id).is_sum() && datapath.scope_of(id) == datapath.scope_of(operand);
            is_root[operand.index()] |= !within;
        }
    }
    for id in datapath.outputs.iter().flat_map(|it| &it.elements) {
        is_root[id.index()] = true;
    }
    let roots = datapath.values().filter(|it| live[it.index()] && is_root[it.index()]);
    let sums = roots.filter(|it| datapath.op(*it).is_sum());
    sums.map(|root| column(datapath, &is_root, root)).collect()
}

/// One column; without terms if it is too long or its numbers are too large.
fn column(datapath: &Datapath, is_root: &[bool], root: ValueId) -> Column {
    let mut column = Column { root, shift: 0, constant: 0, terms: vec![], cone: vec![] };
    let mut factors: BTreeMap<ValueId, i128> = BTreeMap::from([(root, 1)]);
    let mut exact = true;
    while let Some((id, factor)) = factors.pop_last() {
        let inside = id == root || (datapath.op(id).is_sum() && !is_root[id.index()]);
        match datapath.op(id) {
            Op::Const(value) => match value.checked_mul(factor) {
                Some(value) => column.constant += value,
                None => exact = false,
            },
            op if inside => {
                column.cone.push(id);
                for term in op.terms() {
                    let own = 1i128.checked_shl(term.shift).and_then(|it| it.checked_mul(factor));
                    let own = own.filter(|it| it.unsigned_abs() < 1 << 100);
                    exact &= own.is_some();
                    let own = own.unwrap_or(0);
                    *factors.entry(term.value).or_default() += if term.negate { -own } else { own };
                }
            }
            _ if factor == 0 => {}
            _ => column.terms.push((id, factor)),
        }
        exact &= column.terms.len() <= MOST_TERMS;
    }
    if !exact || column.constant.unsigned_abs() >= 1 << 100 {
        column.terms.clear();
        return column;
    }
    let factors = column.terms.iter().map(|it| it.1).chain([column.constant]);
    column.shift = factors.filter(|it| *it != 0).map(i128::trailing_zeros).min().unwrap_or(0);
    column.constant >>= column.shift;
    column.terms.iter_mut().for_each(|it| it.1 >>= column.shift);
    column.terms.reverse();
    column
}
