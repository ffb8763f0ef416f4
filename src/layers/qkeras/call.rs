//! Quantizers as QKeras writes them: an object of a class and a configuration, or Python's call of the
//! class as a string, `quantized_bits(8, 0, 1, alpha='auto')`.

use std::collections::BTreeMap;

use super::super::{Import, LayerError};
use crate::source::Attr;

/// Every class, with its parameters in the order of Python's positional arguments.
///
/// The two versions of QKeras differ in the third of `binary`; both mean nothing at inference.
const CLASSES: [(&str, &[&str]); 12] = [
    ("quantized_bits", LINEAR),
    ("quantized_linear", LINEAR),
    ("quantized_relu", RELU),
    ("quantized_tanh", &["bits", "use_stochastic_rounding", "symmetric", "use_real_tanh"]),
    ("quantized_sigmoid", &["bits", "symmetric", "use_real_sigmoid", "use_stochastic_rounding"]),
    ("ternary", &["alpha", "threshold", "use_stochastic_rounding", "number_of_unrolls"]),
    ("stochastic_ternary", &["alpha", "threshold"]),
    ("binary", &["use_01", "alpha", "use_stochastic_rounding"]),
    ("stochastic_binary", &["alpha"]),
    ("quantized_po2", PO2),
    ("quantized_relu_po2", RELU_PO2),
    ("bernoulli", &["alpha"]),
];

const LINEAR: &[&str] =
    &["bits", "integer", "symmetric", "keep_negative", "alpha", "use_stochastic_rounding"];
const RELU: &[&str] = &[
    "bits",
    "integer",
    "use_sigmoid",
    "negative_slope",
    "use_stochastic_rounding",
    "relu_upper_bound",
    "is_quantized_clip",
];
const PO2: &[&str] =
    &["bits", "max_value", "use_stochastic_rounding", "quadratic_approximation", "log2_rounding"];
const RELU_PO2: &[&str] = &[
    "bits",
    "max_value",
    "negative_slope",
    "use_stochastic_rounding",
    "quadratic_approximation",
    "log2_rounding",
];

/// What is supported, for errors.
pub(super) const SUPPORTED: &str = "quantized_bits, quantized_linear, quantized_relu, \
     quantized_tanh, quantized_sigmoid, ternary, binary, quantized_po2, quantized_relu_po2 and \
     stochastic_ternary, stochastic_binary as they are at inference";

/// A quantizer by its class and parameters.
#[derive(Debug, PartialEq)]
pub(super) struct Call {
    /// The class, without a package.
    pub(super) class: String,
    /// What is given, by name.
    pub(super) parameters: BTreeMap<String, Attr>,
    /// Whether it was a string: an object tells what the layer has made of the parameters.
    pub(super) is_text: bool,
}

/// Whether a value names a quantizer of QKeras.
pub(in crate::layers) fn is_quantizer(value: &Attr) -> bool {
    let class = match value {
        Attr::Str(text) => text.split('(').next().unwrap_or(text).trim(),
        Attr::Map(object) => match object.get("class_name") {
            Some(Attr::Str(class)) => bare(class),
            _ => return false,
        },
        _ => return false,
    };
    CLASSES.iter().any(|it| it.0 == class)
}

/// Reads a quantizer; `name` is the attribute that it stands in.
pub(super) fn read(cx: &Import<'_>, name: &'static str, value: &Attr) -> Result<Call, LayerError> {
    let wrong = || cx.value_error(name, told(value), SUPPORTED);
    match value {
        Attr::Str(text) => parse(text).ok_or_else(wrong),
        Attr::Map(object) => match (object.get("class_name"), object.get("config")) {
            (Some(Attr::Str(class)), Some(Attr::Map(config))) if is_quantizer(value) => Ok(Call {
                class: bare(class).to_owned(),
                parameters: config.clone(),
                is_text: false,
            }),
            _ => Err(wrong()),
        },
        _ => Err(wrong()),
    }
}

/// A value in few words.
fn told(value: &Attr) -> String {
    match value {
        Attr::Str(text) => text.clone(),
        Attr::Map(object) => match object.get("class_name") {
            Some(Attr::Str(class)) => class.clone(),
            _ => "an object without class_name".to_owned(),
        },
        other => format!("{other:?}"),
    }
}

fn bare(class: &str) -> &str {
    class.rsplit('>').next().unwrap_or(class)
}

/// Parses a call; `None` if it is not one of a known class with arguments that are constants.
fn parse(text: &str) -> Option<Call> {
    let text = text.trim();
    let (class, arguments) = match text.split_once('(') {
        Some((class, rest)) => (class.trim(), rest.strip_suffix(')')?),
        None => (text, ""),
    };
    let (_, order) = CLASSES.iter().find(|it| it.0 == class)?;
    let mut parameters = BTreeMap::new();
    let mut positions = order.iter();
    let mut by_name = false;
    // No string that a quantizer takes has a comma or an equals sign in it.
    let mut arguments: Vec<&str> = arguments.split(',').map(str::trim).collect();
    if arguments.last().is_some_and(|it| it.is_empty()) {
        arguments.pop();
    }
    for argument in arguments {
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => {
                by_name = true;
                (name.trim(), value.trim())
            }
            None if by_name => return None,
            None => (*positions.next()?, argument),
        };
        if parameters.insert(name.to_owned(), constant(value)?).is_some() {
            return None;
        }
    }
    Some(Call { class: class.to_owned(), parameters, is_text: true })
}

/// A constant of Python.
fn constant(text: &str) -> Option<Attr> {
    match text {
        "None" => return Some(Attr::Null),
        "True" => return Some(Attr::Bool(true)),
        "False" => return Some(Attr::Bool(false)),
        _ => {}
    }
    for quote in ['\'', '"'] {
        if let Some(inner) = text.strip_prefix(quote) {
            let inner = inner.strip_suffix(quote)?;
            return (!inner.contains(quote)).then(|| Attr::Str(inner.to_owned()));
        }
    }
    if let Ok(whole) = text.parse::<i64>() {
        return Some(Attr::Int(whole));
    }
    let is_number = text.starts_with(|it: char| it.is_ascii_digit() || "+-.".contains(it));
    text.parse::<f64>().ok().filter(|it| is_number && it.is_finite()).map(Attr::Float)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(text: &str) -> Option<Vec<(String, Attr)>> {
        Some(parse(text)?.parameters.into_iter().collect())
    }

    #[test]
    fn arguments_by_position_and_by_name() {
        let own = |it: &[(&str, Attr)]| {
            it.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect::<Vec<_>>()
        };
        let expected = [
            ("alpha", Attr::Float(1.0)),
            ("bits", Attr::Int(8)),
            ("integer", Attr::Int(0)),
            ("symmetric", Attr::Int(1)),
        ];
        assert_eq!(parameters("quantized_bits(8,0,1,alpha=1.0)"), Some(own(&expected)));
        let expected = [("alpha", Attr::Str("auto_po2".into())), ("threshold", Attr::Null)];
        assert_eq!(parameters(" ternary( 'auto_po2' , None )"), Some(own(&expected)));
        assert_eq!(parameters("binary(alpha=\"auto\",)").unwrap().len(), 1);
        assert_eq!(parameters("quantized_tanh"), Some(vec![]));
        assert_eq!(parameters("quantized_tanh()"), Some(vec![]));
        let expected = [("bits", Attr::Int(4)), ("max_value", Attr::Float(-5e-1))];
        assert_eq!(parameters("quantized_po2(4, -5e-1)"), Some(own(&expected)));
        let symmetric = [("bits", Attr::Int(4)), ("symmetric", Attr::Bool(true))];
        assert_eq!(parameters("quantized_sigmoid(4, True)"), Some(own(&symmetric)));
    }

    #[test]
    fn what_is_not_such_a_call_is_nothing() {
        for text in [
            "",
            "relu",
            "quantized_bits(8",
            "quantized_bits(8))",
            "quantized_bits(bits=8, 1)",
            "quantized_bits(8, bits=8)",
            "quantized_bits(f(1))",
            "quantized_bits(,)",
            "quantized_tanh(1,2,3,4,5)",
            "quantized_bits(nan)",
            "ternary('auto)",
            "open('x')",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
