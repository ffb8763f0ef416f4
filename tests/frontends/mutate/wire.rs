//! Protobuf messages without their schema: fields change, lengths stay right.

use super::{Random, damage};

/// Deeper nesting is left as bytes.
const MAX_DEPTH: usize = 12;

/// A field: its number and its value.
#[derive(Clone, Debug)]
pub(super) struct Field {
    number: u64,
    value: Wire,
}

#[derive(Clone, Debug)]
enum Wire {
    Varint(u64),
    Fixed64(Vec<u8>),
    Fixed32(Vec<u8>),
    Bytes(Vec<u8>),
    /// Bytes that can be read as fields. Texts can by chance: it does no harm.
    Message(Vec<Field>),
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn take(bytes: &mut &[u8], count: usize) -> Option<Vec<u8>> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken.to_vec())
}

/// The fields of a message.
pub(super) fn parse(mut bytes: &[u8], depth: usize) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        if !(1..1 << 20).contains(&(key >> 3)) {
            return None;
        }
        let value = match key & 7 {
            0 => Wire::Varint(varint(&mut bytes)?),
            1 => Wire::Fixed64(take(&mut bytes, 8)?),
            5 => Wire::Fixed32(take(&mut bytes, 4)?),
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                let inner = take(&mut bytes, length)?;
                let message =
                    if depth < MAX_DEPTH && length > 1 { parse(&inner, depth + 1) } else { None };
                message.map_or(Wire::Bytes(inner), Wire::Message)
            }
            _ => return None,
        };
        fields.push(Field { number: key >> 3, value });
    }
    Some(fields)
}

fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn encode(fields: &[Field]) -> Vec<u8> {
    let mut out = Vec::new();
    for Field { number, value } in fields {
        let mut put = |kind: u64, length: Option<usize>, bytes: &[u8]| {
            push_varint(&mut out, number << 3 | kind);
            length.into_iter().for_each(|it| push_varint(&mut out, it as u64));
            out.extend(bytes);
        };
        match value {
            Wire::Varint(value) => {
                let mut bytes = Vec::new();
                push_varint(&mut bytes, *value);
                put(0, None, &bytes);
            }
            Wire::Fixed64(bytes) => put(1, None, bytes),
            Wire::Fixed32(bytes) => put(5, None, bytes),
            Wire::Bytes(bytes) => put(2, Some(bytes.len()), bytes),
            Wire::Message(fields) => {
                let bytes = encode(fields);
                put(2, Some(bytes.len()), &bytes);
            }
        }
    }
    out
}

/// A message with a few changes.
pub(super) fn mutated(fields: &[Field], random: &mut Random) -> Vec<u8> {
    let mut changed = fields.to_vec();
    for _ in 0..=random.below(4) {
        let other = pick(random, fields).map(|it| it.value.clone());
        change(random, &mut changed, other);
    }
    encode(&changed)
}

/// Where to go on: mostly into a message.
fn choose(random: &mut Random, fields: &[Field]) -> usize {
    for _ in 0..4 {
        let at = random.below(fields.len());
        if matches!(fields[at].value, Wire::Message(_)) || random.below(3) == 0 {
            return at;
        }
    }
    random.below(fields.len())
}

/// Some field at any depth.
fn pick<'f>(random: &mut Random, fields: &'f [Field]) -> Option<&'f Field> {
    let field = fields.get(choose(random, fields))?;
    match &field.value {
        Wire::Message(inner) if random.below(6) > 0 => pick(random, inner).or(Some(field)),
        _ => Some(field),
    }
}

fn change(random: &mut Random, fields: &mut Vec<Field>, other: Option<Wire>) {
    if fields.is_empty() {
        return;
    }
    let at = choose(random, fields);
    if random.below(14) == 0 {
        match random.below(4) {
            0 => drop(fields.remove(at)),
            1 => fields.push(fields[at].clone()),
            2 => {
                let with = random.below(fields.len());
                fields.swap(at, with);
            }
            _ => fields[at].number = 1 + random.below(24) as u64,
        }
        return;
    }
    match &mut fields[at].value {
        Wire::Message(inner) if random.below(12) > 0 => change(random, inner, other),
        value if random.below(3) == 0 => {
            if let Some(other) = other {
                *value = other;
            }
        }
        Wire::Message(inner) => {
            let bytes = damage(random, &encode(inner));
            fields[at].value = Wire::Bytes(bytes);
        }
        Wire::Varint(value) => {
            let edges = [0, 1, 2, 3, 5, 7, 11, 64, 1 << 20, 1 << 31, 1 << 40, 1 << 62, 1 << 63];
            *value = match random.below(3) {
                0 => (random.below(4) as u64).wrapping_neg(),
                1 => value.wrapping_add(random.below(3) as u64).wrapping_sub(1),
                _ => edges[random.below(edges.len())],
            };
        }
        Wire::Fixed64(bytes) | Wire::Fixed32(bytes) => {
            let floats = [0.0, -1.0, 1e30, f32::NAN, f32::INFINITY, 0.5];
            bytes[..4].copy_from_slice(&floats[random.below(6)].to_le_bytes());
        }
        Wire::Bytes(bytes) => *bytes = damage(random, bytes),
    }
}
