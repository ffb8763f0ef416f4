//! Damage to files, from seeds: bytes that are wrong, and JSON that is right but says something else.

use serde_json::Value;

/// A small generator of numbers (splitmix64), so that a seed says it all.
pub(in crate::frontend) struct Random(pub(in crate::frontend) u64);

impl Random {
    pub(in crate::frontend) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(in crate::frontend) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// Cuts the file off, changes bytes, or copies, moves or drops a chunk.
pub(in crate::frontend) fn damage(random: &mut Random, file: &[u8]) -> Vec<u8> {
    let mut bytes = file.to_vec();
    for _ in 0..=random.below(3) {
        if bytes.is_empty() {
            break;
        }
        let at = random.below(bytes.len());
        let end = (at + 1 + random.below(64)).min(bytes.len());
        match random.below(8) {
            0 => bytes.truncate(at),
            1..=3 => bytes[at] ^= 1 << random.below(8),
            4 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
            5 => bytes[at..end].fill(0xff),
            6 => {
                let chunk = bytes[at..end].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, chunk);
            }
            _ => drop(bytes.drain(at..end)),
        }
    }
    bytes
}

/// Replaces one value somewhere in the tree.
pub(in crate::frontend) fn exchange(random: &mut Random, value: &mut Value) {
    let inside = random.below(10) > 0;
    match value {
        Value::Array(items) if inside && !items.is_empty() => {
            let at = random.below(items.len());
            match random.below(12) {
                0 => drop(items.remove(at)),
                1 => items.push(items[at].clone()),
                _ => exchange(random, &mut items[at]),
            }
        }
        Value::Object(map) if inside && !map.is_empty() => {
            let key = map.keys().nth(random.below(map.len())).unwrap().clone();
            match random.below(12) {
                0 => drop(map.remove(&key)),
                _ => exchange(random, &mut map[&key]),
            }
        }
        _ => {
            let texts = ["", "dense", "/", "..", "Sequential", "InputLayer", "float16", "a", "é>x"];
            *value = match random.below(8) {
                0 => Value::Null,
                1 => Value::from(random.next()),
                2 => Value::from(-1),
                3 => Value::from(0),
                4 => Value::Array(Vec::new()),
                5 => Value::Object(serde_json::Map::new()),
                6 => Value::from(1e300),
                _ => Value::from(texts[random.below(texts.len())]),
            };
        }
    }
}
