//! Operators that PyTorch does not have: the user's own (`torch.library.custom_op`).
//!
//! Whoever describes one ([`crate::layers::OwnLayers`]) says what it makes of elements. So its operands, in
//! the order of the declaration, broadcast as those of a sum do; numbers and text are attributes. A call
//! that cannot be meant so has the attribute [`RESULT`], which no description has: it is refused, and what
//! depends on it is not looked into.

use super::error::TorchError;
use super::ops::{Bound, Operand};
use super::program::{Arg, Call};
use super::rules;
use super::translate::Translator;
use crate::source::Attr;

/// The attribute of calls whose result is not made element by element.
const RESULT: &str = "result";

/// Adds the node of a call.
pub(super) fn translate(cx: &mut Translator<'_>, call: &Call) {
    let op = call.target.strip_suffix(".default").unwrap_or(&call.target).to_owned();
    let bound =
        Bound { op: op.clone(), tensors: Vec::new(), attrs: Default::default(), dtype: None };
    match elementwise(cx, call, bound) {
        Ok((operands, attrs)) => cx.emit(call, &op, operands, attrs),
        Err(_) => {
            let reads = call.reads().map(|it| Some(Operand::Tensor(it.clone()))).collect();
            let attr = Attr::Str("not one that is made element by element".to_owned());
            cx.emit(call, &op, reads, [(RESULT.to_owned(), attr)].into());
        }
    }
}

type Read = (Vec<Option<Operand>>, std::collections::BTreeMap<String, Attr>);

fn elementwise(cx: &mut Translator<'_>, call: &Call, mut bound: Bound) -> Result<Read, TorchError> {
    let mut operands = Vec::new();
    for name in &call.order {
        match &call.args[name] {
            Arg::Tensor(tensor) => operands.push(Operand::Tensor(tensor.clone())),
            Arg::Plain(attr) => {
                bound.attrs.insert(name.clone(), attr.clone());
            }
            Arg::Place => {}
            Arg::Nothing => {
                bound.attrs.insert(name.clone(), Attr::Null);
            }
            Arg::Tensors(_) | Arg::Dtype(_) => return Err(super::translate::mixes(&bound)),
        }
    }
    if call.outputs.len() != 1 {
        return Err(super::translate::mixes(&bound));
    }
    let operands = rules::elementwise(cx, call, &bound, &operands)?;
    Ok((operands, bound.attrs))
}
