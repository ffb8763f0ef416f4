//! JSON that stays JSON: values replaced, moved, repeated and dropped.

use std::ops::Range;

use serde_json::{Map, Value};

use super::Random;

const NUMBERS: [i64; 14] =
    [-2, -1, 0, 1, 2, 3, 7, 64, 1000, 1 << 20, 1 << 31, 1 << 40, i64::MAX, i64::MIN];
const TEXTS: [&str; 12] = [
    "",
    "dense",
    "/",
    "..",
    "Sequential",
    "InputLayer",
    "float16",
    "a",
    "é>x",
    "same",
    "relu",
    "ab,bc->ac",
];

/// Python's JSON: its bare infinities become large numbers.
pub(super) fn parse(bytes: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(bytes).ok()?;
    let text = text.replace("Infinity", "1e308").replace("NaN", "0");
    serde_json::from_str(&text).ok()
}

/// The largest JSON object in a file, and where it is.
pub(super) fn find(bytes: &[u8]) -> Option<(Range<usize>, Value)> {
    let starts = bytes.windows(2).enumerate().filter(|it| it.1 == b"{\"").map(|it| it.0);
    let mut best: Option<(Range<usize>, Value)> = None;
    for start in starts {
        if best.as_ref().is_some_and(|it| start < it.0.end) {
            continue;
        }
        let mut texts = serde_json::Deserializer::from_slice(&bytes[start..]).into_iter();
        let Some(Ok(value)) = texts.next() else { continue };
        let found = start..start + texts.byte_offset();
        if best.as_ref().is_none_or(|it| it.0.len() < found.len()) {
            best = Some((found, value));
        }
    }
    best
}

/// The file with another object in that place, if it is not longer.
pub(super) fn replaced(
    file: &[u8],
    place: &Range<usize>,
    value: &Value,
    random: &mut Random,
) -> Vec<u8> {
    let mut bytes = file.to_vec();
    let mut text = mutated(value, random).to_string().into_bytes();
    if text.len() <= place.len() {
        text.resize(place.len(), b' ');
        bytes[place.clone()].copy_from_slice(&text);
    }
    bytes
}

/// The value with a few changes.
pub(super) fn mutated(value: &Value, random: &mut Random) -> Value {
    let mut changed = value.clone();
    for _ in 0..=random.below(3) {
        match random.below(4) {
            0 => *below(random, &mut changed) = pick(random, value).clone(),
            _ => exchange(random, &mut changed),
        }
    }
    changed
}

/// Some value of the tree.
fn pick<'v>(random: &mut Random, value: &'v Value) -> &'v Value {
    let inside = random.below(6) > 0;
    match value {
        Value::Array(items) if inside && !items.is_empty() => {
            let at = random.below(items.len());
            pick(random, &items[at])
        }
        Value::Object(map) if inside && !map.is_empty() => {
            let at = random.below(map.len());
            map.values().nth(at).map_or(value, |it| pick(random, it))
        }
        _ => value,
    }
}

/// Some place in the tree.
fn below<'v>(random: &mut Random, value: &'v mut Value) -> &'v mut Value {
    if random.below(10) == 0 {
        return value;
    }
    let count = match value {
        Value::Array(items) => items.len(),
        Value::Object(map) => map.len(),
        _ => 0,
    };
    if count == 0 {
        return value;
    }
    let at = random.below(count);
    let inner = match value {
        Value::Array(items) => items.get_mut(at),
        Value::Object(map) => map.values_mut().nth(at),
        _ => None,
    };
    below(random, inner.expect("it has so many"))
}

/// Replaces, repeats or drops one value somewhere in the tree.
fn exchange(random: &mut Random, value: &mut Value) {
    let inside = random.below(10) > 0;
    match value {
        Value::Array(items) if inside && !items.is_empty() => {
            let at = random.below(items.len());
            match random.below(12) {
                0 => drop(items.remove(at)),
                1 => items.push(items[at].clone()),
                2 => {
                    let other = random.below(items.len());
                    items.swap(at, other);
                }
                _ => exchange(random, &mut items[at]),
            }
        }
        Value::Object(map) if inside && !map.is_empty() => {
            let key = map.keys().nth(random.below(map.len())).expect("it has so many").clone();
            match random.below(12) {
                0 => drop(map.remove(&key)),
                _ => exchange(random, &mut map[&key]),
            }
        }
        // Mostly another value of the same kind: one of another is refused early.
        Value::Number(_) if random.below(3) > 0 => {
            *value = Value::from(NUMBERS[random.below(NUMBERS.len())]);
        }
        Value::Bool(it) if random.below(3) > 0 => *it = !*it,
        _ => *value = anything(random),
    }
}

fn anything(random: &mut Random) -> Value {
    match random.below(9) {
        0 => Value::Null,
        1 => Value::from(random.next()),
        2 => Value::from(NUMBERS[random.below(NUMBERS.len())]),
        3 => Value::from(-0.5),
        4 => Value::Array(Vec::new()),
        5 => Value::Object(Map::new()),
        6 => Value::from(1e300),
        7 => Value::Bool(random.below(2) == 0),
        _ => Value::from(TEXTS[random.below(TEXTS.len())]),
    }
}
