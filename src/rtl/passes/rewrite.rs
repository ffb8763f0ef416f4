//! A program made anew from another one, value by value.

use crate::rtl::datapath::{Datapath, Op, Port, Tensor, Term, ValueId};

/// The old program, the new one, and what became of each value.
pub(super) struct Rewrite<'a> {
    /// What is read.
    pub(super) old: &'a Datapath,
    /// What is built.
    pub(super) new: Datapath,
    /// The new value of each old one that has been made.
    map: Vec<Option<ValueId>>,
    /// Old values whose new one differs in bits that nobody reads.
    inexact: Vec<bool>,
}

impl Rewrite<'_> {
    /// Makes every value that has readers with `make`, in order, and then the ports.
    pub(super) fn run(
        old: &Datapath,
        readers: &[u32],
        mut make: impl FnMut(&mut Rewrite<'_>, ValueId) -> ValueId,
    ) -> Datapath {
        let mut new = Datapath::with_capacity(old.len());
        new.scopes.clone_from(&old.scopes);
        let (map, inexact) = (vec![None; old.len()], vec![false; old.len()]);
        let mut it = Rewrite { old, new, map, inexact };
        for id in old.values() {
            if readers[id.index()] > 0 || matches!(old.op(id), Op::Input(..)) {
                it.new.resume(old.scope_of(id));
                it.map[id.index()] = Some(make(&mut it, id));
            }
        }
        it.finish()
    }

    /// What became of a value.
    pub(super) fn get(&self, id: ValueId) -> ValueId {
        self.map[id.index()].expect("operands of live values are live and come first")
    }

    /// What became of a term.
    pub(super) fn term(&self, term: Term) -> Term {
        self.new.flat(Term { value: self.get(term.value), ..term })
    }

    /// Builds something of the new program from what became of old values.
    pub(super) fn with<T>(
        &mut self,
        build: impl FnOnce(&mut Datapath, &dyn Fn(ValueId) -> ValueId) -> T,
    ) -> T {
        let Rewrite { new, map, .. } = self;
        let get = |id: ValueId| map[id.index()].expect("what is asked for is live and older");
        build(new, &get)
    }

    /// The new value of this old one is not the same in all bits.
    pub(super) fn differs(&mut self, id: ValueId) {
        self.inexact[id.index()] = true;
    }

    /// The same operation again, on the new operands, with what was known of its range.
    pub(super) fn again(&mut self, id: ValueId) -> ValueId {
        let get = |it| self.get(it);
        let known = self.old.interval(id);
        let made = match self.old.op(id) {
            op @ (Op::Input(..) | Op::Const(_)) => return self.new.push(op, known),
            Op::Add(a, b) => {
                let (a, b) = (self.term(a), self.term(b));
                self.new.add(a, b)
            }
            Op::Add3(a, b, c) => {
                let [a, b, c] = [a, b, c].map(|it| self.term(it));
                self.new.add3(a, b, c)
            }
            Op::Mul(a, b) => {
                let (a, b) = (get(a), get(b));
                self.new.mul(a, b)
            }
            Op::Dsp(a, b, c) => {
                let (a, b, c) = (get(a), get(b), self.term(c));
                self.new.dsp(a, b, c)
            }
            Op::Slice { value, low, width, signed } => {
                let value = get(value);
                self.new.slice(value, low, width, signed)
            }
            Op::Any { value, width } => {
                let value = get(value);
                self.new.any(value, width)
            }
            Op::Mux(condition, a, b) => {
                let (condition, a, b) = (get(condition), get(a), get(b));
                self.new.mux(condition, a, b)
            }
            Op::Compare(relation, a, b) => {
                let (a, b) = (get(a), get(b));
                self.new.compare(relation, a, b)
            }
            Op::Logic(logic, a, b) => {
                let (a, b) = (get(a), get(b));
                self.new.logic(logic, a, b)
            }
            Op::Table(table, index) => {
                let index = get(index);
                self.new.lookup(self.old.tables[table.index()].clone(), index)
            }
            Op::External(external, x) => {
                let x = get(x);
                let external = &self.old.externals[external.index()];
                let results = &self.old.tables[external.table.index()];
                self.new.instance(&external.module, results, x)
            }
        };
        self.new.tighten(made, known);
        self.new.folded(made)
    }

    fn finish(self) -> Datapath {
        let Rewrite { old, mut new, map, inexact } = self;
        let get = |id: &ValueId| map[id.index()].expect("ports are live");
        let port = |it: &Port| Port {
            name: it.name.clone(),
            elements: it.elements.iter().map(get).collect(),
            slots: it.slots.clone(),
        };
        new.inputs = old.inputs.iter().map(port).collect();
        new.outputs = old.outputs.iter().map(port).collect();
        let exact = |id: ValueId| map[id.index()].filter(|_| !inexact[id.index()]);
        let tensor = |it: &Tensor| Tensor {
            name: it.name.clone(),
            elements: it.elements.iter().map(|it| it.and_then(exact)).collect(),
        };
        new.tensors = old.tensors.iter().map(tensor).collect();
        new
    }
}

/// How many times each value is read by live ones and by outputs: those that are not live, not at all.
pub(super) fn readers(datapath: &Datapath) -> Vec<u32> {
    let mut readers = vec![0; datapath.len()];
    let outputs = datapath.outputs.iter().flat_map(|it| &it.elements);
    outputs.for_each(|id| readers[id.index()] += 1);
    for id in datapath.values().rev() {
        if readers[id.index()] > 0 {
            datapath.op(id).operands().for_each(|it| readers[it.index()] += 1);
        }
    }
    readers
}
