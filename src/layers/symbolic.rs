//! Models that are expressions, as symbolic regression finds them: each gives an element of the
//! output from the elements `x0`, `x1` ... of the input. Functions that the file tabulates are [`RangeTable`]s.

use std::collections::{BTreeMap, BTreeSet};

use super::expression::{Value, build, find, functions};
use super::{
    Concatenate, Expression, Identity, Import, Imported, LayerError, Lowering, Operand, OwnError,
    RangeTable, Spelling, Take,
};
use crate::nn::Shape;
use crate::source::{Attr, Dialect};

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
    let tables = tables(cx)?;
    let known: Vec<&str> = tables.keys().map(String::as_str).collect();
    let text = cx.attrs().str("function", "")?;
    let mut expression = Expression::parse_with(text, &known).map_err(OwnError::from)?;
    let calls = expression.take_calls();
    let all = calls.iter().map(|it| &it.argument).chain([&expression]);
    let names: BTreeSet<String> = all.flat_map(Expression::names).map(str::to_owned).collect();
    let mut made = Imported::default();
    let mut values = BTreeMap::new();
    let mut data = vec![None; elements];
    for (index, place) in data.iter_mut().enumerate() {
        let name = format!("x{index}");
        if names.contains(&name) {
            let take = Take { kind: "Slice", places: vec![(0, vec![index])] };
            *place = Some((made.add(ELEMENT, take, &[Operand::Input(0)]), Shape(vec![1])));
            values.insert(name, Value::Data(index));
        }
    }
    for call in calls {
        let bound = call.argument.bind(&values).map_err(OwnError::from)?;
        let argument = build(&bound, Lowering::Auto, &data, &mut made)?;
        let output = made.add("lut", tables[&call.function].clone(), &[argument]);
        values.insert(call.name, Value::Data(data.len()));
        data.push(Some((output, Shape(vec![1]))));
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

/// The tables that the file describes, by name; the frontend has checked that they are descriptions.
fn tables(cx: &Import<'_>) -> Result<BTreeMap<String, RangeTable>, LayerError> {
    let Some(Attr::Map(described)) = cx.attrs().get("lut_functions") else {
        return Ok(BTreeMap::new());
    };
    let table = |(name, it): (&String, &Attr)| {
        let Attr::Map(it) = it else { return Ok(None) };
        let number = |key: &str| match it.get(key) {
            Some(Attr::Float(value)) => *value,
            _ => 0.0,
        };
        let Some(Attr::Str(function)) = it.get("math_func") else { return Ok(None) };
        let op = find(function).filter(|op| op.operands == [1, 1]).ok_or_else(|| {
            let known = functions().filter(|it| find(it).is_some_and(|op| op.operands == [1, 1]));
            let known = known.collect::<Vec<_>>().join(", ");
            LayerError::from(OwnError::NoTableOf { function: function.clone(), known })
        })?;
        let range = [number("range_start"), number("range_end")];
        let table = RangeTable::new(range, number("table_size") as usize, |x| (op.at)(&[x]));
        Ok(Some((name.clone(), table)))
    };
    described.iter().filter_map(|it| table(it).transpose()).collect()
}
