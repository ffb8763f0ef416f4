//! Whether bytes look like an ONNX model.

/// Top-level fields of `ModelProto` and their wire types.
const FIELDS: [(u64, u64); 11] = [
    (1, VARINT),
    (2, BYTES),
    (3, BYTES),
    (4, BYTES),
    (5, VARINT),
    (6, BYTES),
    (GRAPH, BYTES),
    (8, BYTES),
    (14, BYTES),
    (20, BYTES),
    (25, BYTES),
];
const VARINT: u64 = 0;
const BYTES: u64 = 2;
const IR_VERSION: u64 = 1;
const GRAPH: u64 = 7;

/// Whether the bytes look like an ONNX model: known top-level fields, a believable IR version and a
/// graph. Only the headers of these fields are read, so it is cheap; a model cut short still is one.
pub fn is_onnx(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    let (mut version, mut graph) = (false, false);
    while !rest.is_empty() {
        let Some(key) = varint(&mut rest) else { break };
        let (field, wire) = (key >> 3, key & 7);
        let known = FIELDS.contains(&(field, wire)) || (field > 25 && wire == BYTES);
        if !known {
            return false;
        }
        let Some(value) = varint(&mut rest) else { break };
        match (field, wire) {
            (IR_VERSION, _) if !(1..=20).contains(&value) => return false,
            (IR_VERSION, _) => version = true,
            (GRAPH, _) => graph = true,
            _ => {}
        }
        if wire == BYTES {
            match usize::try_from(value).ok().and_then(|it| rest.get(it..)) {
                Some(after) => rest = after,
                None => break,
            }
        }
    }
    version && graph
}

/// Takes a variable-length integer off the front.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_formats_are_told_apart() {
        for bytes in [
            &b""[..],
            b"PK\x03\x04zip",
            b"\x89HDF\r\n\x1a\n",
            b"{\"class_name\": 1}",
            b"\x08\x07",
            b"\x08\x1f\x3a\x00",
            b"\x93NUMPY\x01\x00",
        ] {
            assert!(!is_onnx(bytes), "{bytes:?}");
        }
        assert!(is_onnx(b"\x08\x07\x3a\x00"));
        assert!(is_onnx(b"\x08\x07\x3a\x7fcut short"));
        assert!(is_onnx(b"\x3a\x00\x08\x07"));
    }
}
