//! What expressions say, what they become, and how close the tables are.

use std::collections::BTreeMap;

use super::*;
use crate::fixed::Format;
use crate::layers::testing::Bench;
use crate::layers::{Imported, Layer, Operand};
use crate::nn::Shape;
use crate::source::Tensor;

fn number(text: &str, x: f64) -> f64 {
    fn at(expr: &Expr, x: f64) -> f64 {
        match expr {
            Expr::Number(value) => *value,
            Expr::Name(_) => x,
            Expr::Apply(op, operands) => {
                (op.at)(&operands.iter().map(|it| at(it, x)).collect::<Vec<_>>())
            }
            Expr::Call(name, _) => panic!("{name} is no operation"),
        }
    }
    at(&Expression::parse(text).unwrap_or_else(|it| panic!("{text}: {it}")).expr, x)
}

#[test]
fn operators_bind_as_in_mathematics() {
    for (text, x, y) in [
        ("1 + 2 * 3", 0.0, 7.0),
        ("2 * 3 ^ 2 ** 1", 0.0, 18.0),
        ("-x ^ 2", 3.0, -9.0),
        ("2 ^ -1", 0.0, 0.5),
        ("10 - 4 - 3", 0.0, 3.0),
        ("12 / 3 / 2", 0.0, 2.0),
        ("- - x", 2.0, 2.0),
        ("(1 + x) * 1.5e1", 1.0, 30.0),
        ("where(x >= 0, x, 0.5 * x)", -4.0, -2.0),
        ("Max(x, 2, -1) + Min(x, 2)", 1.0, 3.0),
        ("clip(x, -1, 1)", 7.0, 1.0),
        (".5 * x", 3.0, 1.5),
    ] {
        assert_eq!(number(text, x), y, "{text}");
    }
}

#[test]
fn faults_are_told_with_their_place() {
    let told = |text: &str| Expression::parse(text).unwrap_err().to_string();
    assert_eq!(
        told("x +"),
        "expected a number, a name or a parenthesis at character 4, found the end"
    );
    assert_eq!(told("x y"), "expected an operator or the end at character 3, found \"y\"");
    assert_eq!(told("(x"), "expected a closing parenthesis at character 3, found the end");
    assert_eq!(told("tanhh(x)"), "there is no function \"tanhh\", is tanh meant?");
    assert_eq!(told("max(x)"), "max has 1 operands, expected 2 to 8");
    assert_eq!(told("x = 1"), "expected an operator or the end at character 3, found \"=\"");
    assert_eq!(told("1.2.3"), "expected an operator or the end at character 4, found 0.3");
    assert_eq!(told("x § 1"), "expected a number, a name or an operator at character 3, found '§'");
    assert_eq!(told("1e999"), "expected a number at character 1, found \"1e999\"");
    for deep in ["(".repeat(100_000), "-".repeat(4000), "exp(".repeat(1000), "2^".repeat(2000)] {
        assert_eq!(Expression::parse(&deep).unwrap_err(), ParseError::TooLarge);
    }
}

/// What an expression of `x` and `y` (four elements each) and per-channel constants `c` becomes.
fn layers(text: &str, lowering: Lowering) -> Result<Vec<&'static str>, String> {
    let c = Tensor::from_shape_vec(vec![4], vec![0.5, 1.0, 2.0, -1.0]).unwrap();
    let values = BTreeMap::from([
        ("x".to_owned(), Value::Data(0)),
        ("y".to_owned(), Value::Data(1)),
        ("c".to_owned(), Value::Constant(c)),
    ]);
    let operand = |at: usize| Some((Operand::Input(at), Shape(vec![4])));
    let data = [operand(0), operand(1)];
    let bound = Expression::parse(text).unwrap().bind(&values).map_err(|it| it.to_string())?;
    let mut made = Imported::default();
    build(&bound, lowering, &data, &mut made).map_err(|it| it.to_string())?;
    let name = |layer: &Layer| match layer {
        Layer::Formula(_) => "table",
        Layer::Merge(_) => "merge",
        Layer::BatchNorm(_) => "affine",
        Layer::Table(_) | Layer::Scalar(_) => "function",
        Layer::Relu(_) | Layer::Clip(_) | Layer::LeakyRelu(_) => "limit",
        Layer::Constant(_) => "constant",
        other => panic!("{other:?}"),
    };
    Ok(made.parts.iter().map(|it| name(&it.layer)).collect())
}

#[test]
fn one_value_makes_a_table_and_arithmetic_makes_units() {
    for (text, expected) in [
        ("x * sigmoid(1.5 * x)", &["table"][..]),
        ("2 * x - 3", &["affine"]),
        ("c * (x - c) / 2", &["affine"]),
        ("tanh(x)", &["function"]),
        ("1 / x", &["function"]),
        ("3 / x", &["function", "affine"]),
        ("2.5 * sin(3 * x) + 1", &["affine", "function", "affine"]),
        ("1 / (1.5 + cos(x))", &["function", "affine", "function"]),
        ("sqrt(x ^ 2 + 1)", &["merge", "affine", "function"]),
        ("where(x > 0, sin(x), x)", &["table"]),
        ("max(x, 0)", &["limit"]),
        ("max(x, 0.1 * x)", &["affine", "merge"]),
        ("x * tanh(y) + c", &["function", "merge", "affine"]),
        ("exp(-(x + y) ^ 2)", &["merge", "table"]),
        ("2 * relu(tanh(x) + y)", &["function", "merge", "limit", "affine"]),
        ("(x + y) * sigmoid(x + y)", &["merge", "function", "merge"]),
        ("x / (1 + exp(y))", &["table", "merge"]),
        ("x * sigmoid(c * x)", &["affine", "function", "merge"]),
        ("clip(x, c, 2)", &["constant", "merge", "limit"]),
        ("max(1, y, x)", &["limit", "merge"]),
        ("x", &[]),
    ] {
        assert_eq!(layers(text, Lowering::Auto).unwrap(), expected, "{text}");
    }
    let units = layers("x * sigmoid(1.5 * x)", Lowering::Units).unwrap();
    assert_eq!(units, ["affine", "function", "merge"]);
    assert_eq!(layers("max(x, 0.1 * x)", Lowering::Table).unwrap(), ["table"]);
}

#[test]
fn what_has_no_hardware_or_value_is_refused() {
    for (text, lowering, told) in [
        ("where(x > y, x, y)", Lowering::Auto, "where of several operands has no hardware"),
        ("pow(x, y)", Lowering::Auto, "pow of several operands has no hardware"),
        (
            "x + y",
            Lowering::Table,
            "lowering: table is for a function of one operand and numbers only",
        ),
        ("x + 1 / (2 - 2)", Lowering::Auto, "div of constants is not a finite number"),
        ("x + a + b", Lowering::Auto, "nothing is called a, b"),
        ("c + 1", Lowering::Auto, "the function has no data in it"),
    ] {
        assert_eq!(layers(text, lowering).unwrap_err(), told, "{text}");
    }
}

/// The largest error of a table for inputs of a format.
fn error(text: &str, input: Format, range: [f64; 2]) -> f64 {
    let values = BTreeMap::from([("x".to_owned(), Value::Data(0))]);
    let bound = Expression::parse(text).unwrap().bind(&values).unwrap();
    let (mut made, x) = (Imported::default(), (Operand::Input(0), Shape(vec![1])));
    build(&bound, Lowering::Table, &[Some(x)], &mut made).unwrap();
    let [part] = &made.parts[..] else { panic!("one table") };
    let bench = Bench::new(part.layer.clone(), input, &[1]);
    let points = (input.min()..=input.max()).step_by(7).map(|it| input.value(it));
    let points: Vec<f64> = points.filter(|it| (range[0]..=range[1]).contains(it)).collect();
    let samples: Vec<Vec<f64>> = points.iter().map(|it| vec![*it]).collect();
    // Every value lies in its span, and the scalar program agrees.
    bench.checked_error(&samples)
}

#[test]
fn tables_are_close_for_wide_and_exact_for_narrow_inputs() {
    let wide = Format::signed(16, 6);
    for (text, limit) in [
        ("x * sigmoid(1.5 * x)", 0.01),
        ("exp(-x ^ 2)", 0.004),
        ("where(x > 0, x, 0.3 * (exp(x) - 1))", 0.008),
        ("atan(x)", 0.04),
        ("x - sin(x) / (1 + x ^ 2)", 0.03),
    ] {
        let found = error(text, wide, [-32.0, 32.0]);
        assert!(found < limit, "{text}: {found}");
        // Rounded to 16 bits, with no more than 4 of them in front of the point.
        let found = error(text, Format::signed(8, 3), [-4.0, 4.0]);
        assert!(found < 2f64.powi(-12), "{text} of few bits: {found}");
    }
}

#[test]
fn where_there_is_no_value_the_nearest_one_stands() {
    let input = Format::signed(6, 3);
    let values = BTreeMap::from([("x".to_owned(), Value::Data(0))]);
    let bound = Expression::parse("log10(x) + 1").unwrap().bind(&values).unwrap();
    let (mut made, x) = (Imported::default(), (Operand::Input(0), Shape(vec![3])));
    build(&bound, Lowering::Auto, &[Some(x)], &mut made).unwrap();
    let bench = Bench::new(made.parts[0].layer.clone(), input, &[3]);
    let found = bench.floats(&[vec![-3.0, 0.0, input.value(1)]]).remove(0);
    assert!(found[0] == found[2] && found[1] == found[2], "{found:?}");
}
