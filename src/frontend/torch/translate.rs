//! From calls of operators to raw nodes: each call with complete arguments, axes counted in a sample.
//!
//! Calls whose operands are all known become constants ([`super::fold`]); for the others the rule of
//! the operator says where the batch goes ([`super::rules`]). An operator that is not known becomes a
//! node of its own name ([`super::own`]), to be refused with all the others unless the user has described it.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use ndarray::Axis;

use super::error::{CallError, TorchError};
use super::form::{Extents, Form, Place};
use super::ops::{Bound, Operand, Ops};
use super::program::{Call, Program, push};
use super::{fold, own, rules, weights};
use crate::error::Problems;
use crate::frontend::number::{DataType, Value};
use crate::source::{Attr, Attrs, Dialect, Packed, RawNode, Tensor};

/// What is known of a tensor.
#[derive(Clone, Debug)]
pub(super) enum Known {
    /// An activation.
    Data(Form),
    /// A constant.
    Constant(Rc<Value>),
    /// Nothing: it comes from an operator that is not known.
    Lost,
}

/// The translation of one program.
pub(super) struct Translator<'a> {
    pub(super) program: &'a Program,
    ops: &'a Ops,
    known: BTreeMap<String, Known>,
    /// The nodes, under their names in the graph.
    pub(super) nodes: Vec<RawNode>,
    /// How many constants were made here: numbers, and weights whose batch axis is gone.
    made: usize,
    /// Elements that folded constants may still have.
    pub(super) budget: usize,
}

impl<'a> Translator<'a> {
    /// A translation that knows the inputs and stored tensors.
    pub(super) fn new(
        program: &'a Program,
        ops: &'a Ops,
        stored: BTreeMap<String, Value>,
        budget: usize,
    ) -> Translator<'a> {
        let mut known = BTreeMap::new();
        for input in &program.inputs {
            let sizes = [&[1], &input.shape[..]].concat();
            let form = Form { sizes, place: Place::own(0) };
            known.insert(input.tensor.clone(), Known::Data(form));
        }
        for (tensor, value) in stored {
            known.insert(tensor, Known::Constant(Rc::new(value)));
        }
        Translator { program, ops, known, nodes: Vec::new(), made: 0, budget }
    }

    /// Translates the calls, in order; all that is wrong is noted.
    pub(super) fn run(&mut self, file: &str, calls: &[&Call], problems: &mut Problems) {
        for call in calls {
            if let Err(what) = self.call(call) {
                push(problems, file, &call.node, what);
                self.lose(call);
            }
        }
    }

    fn call(&mut self, call: &Call) -> Result<(), TorchError> {
        let Some(op) = self.ops.find(&call.target) else {
            self.lose(call);
            own::translate(self, call);
            return Ok(());
        };
        let bound = op.bind(call)?;
        if let Some(values) = fold::fold(self, op.rule, &bound, call)? {
            for (output, value) in call.outputs.iter().zip(values) {
                self.known.insert(output.clone(), Known::Constant(Rc::new(value)));
            }
            return Ok(());
        }
        self.check_precision(call)?;
        // Outputs that the rule says nothing of are known no better than those of unknown operators.
        self.lose(call);
        if bound.operands().flatten().any(|it| matches!(self.known(it), Some(Known::Lost))) {
            let inputs = bound.operands().cloned().collect();
            self.emit(call, &bound.op.clone(), inputs, bound.attrs);
            return Ok(());
        }
        rules::apply(self, op.rule, call, bound)
    }

    /// Nothing is known of what a call makes.
    fn lose(&mut self, call: &Call) {
        for output in &call.outputs {
            self.known.insert(output.clone(), Known::Lost);
        }
    }

    /// Half precision rounds where our arithmetic does not.
    fn check_precision(&self, call: &Call) -> Result<(), CallError> {
        let code = call.outputs.first().and_then(|it| self.program.metas.get(it));
        let dtype = match code.and_then(|it| weights::dtype(it.dtype)) {
            Some(DataType::F16) => "half precision",
            Some(DataType::Bf16) => "bfloat16",
            _ => return Ok(()),
        };
        Err(CallError::Half { op: call.target.clone(), dtype })
    }

    fn known(&self, operand: &Operand) -> Option<&Known> {
        match operand {
            Operand::Tensor(name) => self.known.get(name),
            Operand::Number(_) => None,
        }
    }

    /// The form of an operand that is data.
    pub(super) fn form(&self, operand: &Operand) -> Option<&Form> {
        match self.known(operand)? {
            Known::Data(form) => Some(form),
            _ => None,
        }
    }

    /// The value of an operand that is a constant.
    pub(super) fn value(&self, operand: &Operand) -> Option<Rc<Value>> {
        match self.known(operand) {
            Some(Known::Constant(value)) => Some(value.clone()),
            Some(_) => None,
            None => match operand {
                Operand::Number(number) => {
                    Value::new(DataType::F64, &[], vec![*number]).map(Rc::new)
                }
                Operand::Tensor(_) => None,
            },
        }
    }

    /// The shape of a result as the file has it.
    pub(super) fn extents(&self, call: &Call, output: usize) -> Result<Extents, TorchError> {
        let tensor = call.outputs.get(output).map_or("", String::as_str);
        self.program.extents(tensor)
    }

    /// The element type of a result.
    pub(super) fn dtype(&self, tensor: &str) -> Option<DataType> {
        weights::dtype(self.program.metas.get(tensor)?.dtype)
    }

    /// Notes where the batch is in a result.
    pub(super) fn place(
        &mut self,
        call: &Call,
        output: usize,
        place: Place,
    ) -> Result<Form, TorchError> {
        let extents = self.extents(call, output)?;
        let form = extents.form(place).ok_or_else(|| rules::misfit(call, &extents.sizes))?;
        self.set(call, output, form.clone());
        Ok(form)
    }

    /// Notes the form of a result.
    pub(super) fn set(&mut self, call: &Call, output: usize, form: Form) {
        if let Some(tensor) = call.outputs.get(output) {
            self.known.insert(tensor.clone(), Known::Data(form));
        }
    }

    /// Notes the form of a tensor that is no result of a call.
    pub(super) fn know(&mut self, tensor: &str, form: Form) {
        self.known.insert(tensor.to_owned(), Known::Data(form));
    }

    /// A constant under a name of its own.
    pub(super) fn constant(&mut self, call: &Call, value: Tensor) -> Operand {
        // Names of the graph have no dots.
        let name = format!("{}.{}", call.node, self.made);
        self.made += 1;
        let value = Value::of(DataType::F64, value);
        self.known.insert(name.clone(), Known::Constant(Rc::new(value)));
        Operand::Tensor(name)
    }

    /// A constant as it broadcasts to samples of `form`: without the axis that meets the batch.
    pub(super) fn adapt(
        &mut self,
        call: &Call,
        operand: &Operand,
        form: &Form,
    ) -> Result<Operand, CallError> {
        let Some(value) = self.value(operand).filter(|_| !form.place.is_nowhere()) else {
            return Ok(operand.clone());
        };
        let mixes = || CallError::Mixes { op: call.target.clone() };
        let behind = form.rank() - form.place.axis;
        let Some(axis) = value.data.ndim().checked_sub(behind) else { return Ok(operand.clone()) };
        let mut slices = value.data.axis_iter(Axis(axis));
        let first = slices.next().ok_or_else(mixes)?;
        // A constant with a row per sample of the export, all of them the same, is the row.
        if slices.any(|it| it != first) || (!form.is_own() && value.data.len_of(Axis(axis)) != 1) {
            return Err(mixes());
        }
        match form.is_own() {
            true => Ok(self.constant(call, first.to_owned())),
            false => Ok(operand.clone()),
        }
    }

    /// Adds the node of a call.
    pub(super) fn emit(
        &mut self,
        call: &Call,
        op: &str,
        inputs: Vec<Option<Operand>>,
        attrs: BTreeMap<String, Attr>,
    ) {
        self.emit_as(call, &call.node, op, inputs, call.outputs.clone(), attrs);
    }

    /// Adds a node of another name and other outputs.
    pub(super) fn emit_as(
        &mut self,
        call: &Call,
        name: &str,
        op: &str,
        inputs: Vec<Option<Operand>>,
        outputs: Vec<String>,
        attrs: BTreeMap<String, Attr>,
    ) {
        let inputs = inputs.into_iter().map(|operand| {
            Some(match operand? {
                Operand::Tensor(name) => name,
                Operand::Number(number) => {
                    let value = ndarray::arr0(number).into_dyn();
                    match self.constant(call, value) {
                        Operand::Tensor(name) => name,
                        Operand::Number(_) => return None,
                    }
                }
            })
        });
        let inputs = inputs.collect();
        self.nodes.push(RawNode {
            name: name.to_owned(),
            dialect: Dialect::Torch,
            op: op.to_owned(),
            version: 0,
            inputs,
            outputs,
            attrs: Attrs::new(attrs),
            weights: BTreeMap::new(),
        });
    }

    /// The nodes, and the constants that they and the outputs read.
    pub(super) fn finish(self, outputs: &[String]) -> (Vec<RawNode>, BTreeMap<String, Packed>) {
        let Translator { nodes, known, .. } = self;
        let mut made = BTreeMap::new();
        let read: BTreeSet<&String> =
            nodes.iter().flat_map(|it| it.inputs.iter().flatten()).chain(outputs).collect();
        for (name, known) in known {
            if let (true, Known::Constant(value)) = (read.contains(&name), known) {
                let data = Value::take(value);
                made.insert(name, data);
            }
        }
        (nodes, made)
    }
}

/// Attributes of integers.
pub(super) fn ints(values: impl IntoIterator<Item = usize>) -> Attr {
    Attr::List(values.into_iter().map(|it| Attr::Int(it as i64)).collect())
}

/// The error for what works across samples.
pub(super) fn mixes(bound: &Bound) -> TorchError {
    CallError::Mixes { op: bound.op.clone() }.into()
}
