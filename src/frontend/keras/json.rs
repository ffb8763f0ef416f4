//! JSON as Keras writes it: Python's, with bare `Infinity` and `NaN`.
//!
//! `serde_json` bounds the nesting (128), so everything that recurses over a value is bounded too.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::error::{Brief, KerasError};
use crate::source::Attr;

/// Larger configurations do not occur: an HGQ2 transformer has 50 kB.
pub(super) const MAX_JSON: usize = 16 << 20;

/// Bare tokens of Python's JSON and the strings that stand for them after the first pass; the
/// private-use character keeps them apart from any string of a model.
const TOKENS: [(&str, &str, f64); 3] = [
    ("-Infinity", "\u{E000}-inf", f64::NEG_INFINITY),
    ("Infinity", "\u{E000}inf", f64::INFINITY),
    ("NaN", "\u{E000}nan", f64::NAN),
];

/// Parses a model configuration.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, KerasError> {
    if bytes.len() > MAX_JSON {
        return Err(KerasError::TooLarge { what: "JSON", limit: MAX_JSON as u64, unit: "bytes" });
    }
    let text = std::str::from_utf8(bytes).map_err(KerasError::Utf8)?;
    serde_json::from_str(&quote_tokens(text)).map_err(KerasError::Json)
}

/// Replaces `Infinity`, `-Infinity` and `NaN` outside strings by strings.
fn quote_tokens(text: &str) -> Cow<'_, str> {
    if !text.contains("Infinity") && !text.contains("NaN") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 64);
    let (mut rest, mut in_string) = (text, false);
    while let Some(first) = rest.chars().next() {
        let mut taken = first.len_utf8();
        let token = TOKENS.iter().find(|(token, ..)| !in_string && rest.starts_with(token));
        if let Some((token, stand_in, _)) = token {
            out.extend(["\"", stand_in, "\""]);
            taken = token.len();
        } else {
            if in_string && first == '\\' {
                // The escaped character cannot end the string.
                taken += rest[taken..].chars().next().map_or(0, char::len_utf8);
            } else if first == '"' {
                in_string = !in_string;
            }
            out.push_str(&rest[..taken]);
        }
        rest = &rest[taken..];
    }
    Cow::Owned(out)
}

/// A JSON value as an attribute.
pub(super) fn attr(value: &Value) -> Attr {
    match value {
        Value::Null => Attr::Null,
        Value::Bool(v) => Attr::Bool(*v),
        Value::Number(v) => match (v.as_i64(), v.as_f64()) {
            (Some(int), _) => Attr::Int(int),
            (None, float) => Attr::Float(float.unwrap_or(f64::NAN)),
        },
        Value::String(v) => match TOKENS.iter().find(|(_, stand_in, _)| v == stand_in) {
            Some((_, _, float)) => Attr::Float(*float),
            None => Attr::Str(v.clone()),
        },
        Value::Array(items) => Attr::List(items.iter().map(attr).collect()),
        Value::Object(map) => Attr::Map(attrs(map)),
    }
}

/// Marks that serializing leaves in objects; they mean nothing.
const MARKS: [&str; 2] = ["shared_object_id", "__passive_serialization__"];

/// A JSON object as attributes.
pub(super) fn attrs(map: &Map<String, Value>) -> BTreeMap<String, Attr> {
    map.iter()
        .filter(|(key, _)| !MARKS.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), attr(value)))
        .collect()
}

/// A string entry of an object.
pub(super) fn text<'a>(map: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    map.get(key).and_then(Value::as_str)
}

/// A truth value of an object, `default` if absent.
pub(super) fn flag(map: &Map<String, Value>, key: &str, default: bool) -> bool {
    map.get(key).and_then(Value::as_bool).unwrap_or(default)
}

/// An entry of an object that must be an object itself.
pub(super) fn object<'a>(
    map: &'a Map<String, Value>,
    key: &'static str,
) -> Result<&'a Map<String, Value>, KerasError> {
    let found = map.get(key);
    found.and_then(Value::as_object).ok_or_else(|| wrong(key, "an object", found))
}

/// An entry of an object that must be a string.
pub(super) fn string<'a>(
    map: &'a Map<String, Value>,
    key: &'static str,
) -> Result<&'a str, KerasError> {
    let found = map.get(key);
    found.and_then(Value::as_str).ok_or_else(|| wrong(key, "a string", found))
}

/// The error for an entry of the wrong kind.
pub(super) fn wrong(
    key: &'static str,
    expected: &'static str,
    found: Option<&Value>,
) -> KerasError {
    KerasError::Config { key, expected, found: Brief::new(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn float(text: &str) -> f64 {
        match attr(&parse(text.as_bytes()).unwrap()) {
            Attr::Float(v) => v,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn python_tokens_are_floats_outside_strings_only() {
        assert_eq!(float("Infinity"), f64::INFINITY);
        assert_eq!(float(" -Infinity "), f64::NEG_INFINITY);
        assert!(float("NaN").is_nan());
        let value = parse(br#"{"a": ["Infinity \" NaN", Infinity], "NaN\\": NaN}"#).unwrap();
        let Attr::Map(map) = attr(&value) else { panic!() };
        let list = vec![Attr::Str("Infinity \" NaN".to_owned()), Attr::Float(f64::INFINITY)];
        assert_eq!(map["a"], Attr::List(list));
        assert!(matches!(map["NaN\\"], Attr::Float(v) if v.is_nan()));
    }

    #[test]
    fn numbers_keep_their_kind() {
        let value = parse(b"[1, 1.0, -3, 1e400, 18446744073709551615]");
        assert!(matches!(value, Err(KerasError::Json(_))), "1e400 is no number");
        let Attr::List(items) = attr(&parse(b"[1, 1.0, -3, 18446744073709551615]").unwrap()) else {
            panic!()
        };
        let expected =
            [Attr::Int(1), Attr::Float(1.0), Attr::Int(-3), Attr::Float(18446744073709551615.0)];
        assert_eq!(items, expected);
    }

    #[test]
    fn bad_text_is_an_error() {
        assert!(matches!(parse(b"{\"a\": \xff}"), Err(KerasError::Utf8(_))));
        assert!(matches!(parse(b"{\"a\": "), Err(KerasError::Json(_))));
        let deep = "[".repeat(100_000);
        assert!(matches!(parse(deep.as_bytes()), Err(KerasError::Json(_))));
        assert!(matches!(parse(&vec![b' '; MAX_JSON + 1]), Err(KerasError::TooLarge { .. })));
    }
}
