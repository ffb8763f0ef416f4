//! Models that are expressions, as symbolic regression finds them: each gives an element of the
//! output from the elements `x0`, `x1` ... of the input.

use std::collections::BTreeMap;

use super::expression::{Value, build};
use super::{
    Concatenate, Expression, Identity, Import, Imported, LayerError, Lowering, Operand, OwnError,
    Spelling, Take,
};
use crate::nn::Shape;
use crate::source::Dialect;

const fn spelling(op: &'static str, import: super::ImportFn) -> Spelling {
    Spelling { dialects: &[Dialect::Symbolic], op, import }
}

/// The operations of a file of expressions.
pub(super) const SPELLINGS: &[Spelling] = &[
    spelling("Expression", import),
    spelling("Outputs", |cx| Ok(Imported::of(Concatenate { axis: 0 }, 0..cx.node.inputs.len()))),
];

/// One element from those of the input.
fn import(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let elements = cx.shape(0)?.elements();
    let expression = Expression::parse(cx.attrs().str("function", "")?).map_err(OwnError::from)?;
    let names = expression.names();
    let mut made = Imported::default();
    let mut values = BTreeMap::new();
    let mut data = vec![None; elements];
    for (index, place) in data.iter_mut().enumerate() {
        let name = format!("x{index}");
        if names.contains(name.as_str()) {
            let take = Take { kind: "Slice", places: vec![(0, vec![index])] };
            *place = Some((made.add(ELEMENT, take, &[Operand::Input(0)]), Shape(vec![1])));
            values.insert(name, Value::Data(index));
        }
    }
    let bound = expression.bind(&values).map_err(OwnError::from)?;
    let output = build(&bound, Lowering::Auto, &data, &mut made)?;
    let output = match output {
        Operand::Part(at) if made.parts[at].name != ELEMENT => {
            // The last layer has the name of the output.
            made.parts[at].name = "";
            output
        }
        _ => made.add("", Identity, &[output]),
    };
    Ok(made.with_outputs([output]))
}

/// What an element of the input is called.
const ELEMENT: &str = "element";
