//! Tables that take less as sums of smaller ones: see [`sums`](super::sums).
//!
//! A sum takes longer than a table, so this is not one of the passes that always run: whoever
//! pipelines the program chooses between both.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use super::rewrite::{Rewrite, readers};
use super::sums::{self, Form};
use crate::rtl::datapath::{Datapath, Interval, Op, Term, ValueId};

/// A table as it is read: its entries, and what its index can be.
type Read = (Arc<[i128]>, Interval);

/// What has been found out about tables, for several programs that read the same ones.
#[derive(Debug)]
pub struct TableForms {
    lut_inputs: u32,
    known: Mutex<BTreeMap<Read, Arc<Form>>>,
}

impl TableForms {
    /// Nothing yet, for lookup tables of so many inputs.
    pub fn new(lut_inputs: u32) -> TableForms {
        TableForms { lut_inputs, known: Mutex::default() }
    }

    /// The forms of some tables, each found once.
    fn of(&self, reads: Vec<Read>) -> BTreeMap<Read, Arc<Form>> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh: Vec<Read> = {
            let known = known();
            reads.iter().filter(|it| !known.contains_key(it)).cloned().collect()
        };
        let solve = |read: Read| {
            let form = sums::form(&read.0, read.1, self.lut_inputs);
            (read, Arc::new(form))
        };
        let found: Vec<_> = fresh.into_par_iter().map(solve).collect();
        let mut known = known();
        known.extend(found);
        reads.into_iter().filter_map(|it| Some((it.clone(), known.get(&it)?.clone()))).collect()
    }
}

/// The same program with sums in the place of tables that take more; nothing if there are none.
pub fn split_tables(old: &Datapath, forms: &TableForms) -> Option<Datapath> {
    let readers = readers(old);
    let read = |id: ValueId| match old.op(id) {
        Op::Table(table, index) if readers[id.index()] > 0 => {
            Some(((table, old.interval(index)), old.tables[table.index()].clone()))
        }
        _ => None,
    };
    let reads: BTreeMap<_, _> = old.values().filter_map(read).collect();
    let found = forms.of(reads.iter().map(|(key, it)| (it.clone(), key.1)).collect());
    let form = |it: (&(_, Interval), &Arc<[i128]>)| {
        let form = found.get(&(it.1.clone(), it.0.1))?;
        matches!(**form, Form::Sum(_)).then(|| (*it.0, form.clone()))
    };
    let forms: BTreeMap<_, _> = reads.iter().filter_map(form).collect();
    if forms.is_empty() {
        return None;
    }
    Some(Rewrite::run(old, &readers, |rewrite, id| {
        let Op::Table(table, index) = old.op(id) else { return rewrite.again(id) };
        let Some(form) = forms.get(&(table, old.interval(index))) else {
            return rewrite.again(id);
        };
        let index = rewrite.get(index);
        let made = place(&mut rewrite.new, form, index);
        rewrite.new.tighten(made, old.interval(id));
        made
    }))
}

/// Builds a form over an index.
fn place(new: &mut Datapath, form: &Form, index: ValueId) -> ValueId {
    let parts = match form {
        Form::Table(contents) => return new.lookup(contents.clone(), index),
        Form::Sum(parts) => parts,
    };
    let mut sum: Option<Term> = None;
    for part in parts {
        let top = new.shr(index, part.top);
        let index = match part.low {
            0 => top,
            low => {
                let below = new.slice(index, 0, low, false);
                new.add(Term::plain(below), Term { value: top, shift: low, negate: false })
            }
        };
        let value = place(new, &part.form, index);
        let term = Term { value, shift: part.shift, negate: false };
        sum = Some(match sum {
            None => term,
            Some(others) => Term::plain(new.add(others, term)),
        });
    }
    match sum {
        Some(sum) => new.term(sum),
        None => new.constant(0),
    }
}
