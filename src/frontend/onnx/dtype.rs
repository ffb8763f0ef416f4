//! Element types by their numbers in ONNX.

use super::error::TensorError;

pub(super) use crate::frontend::number::{DataType, from_bf16, from_f16};

/// Types by their `TensorProto.DataType` number.
const TYPES: [(i32, DataType); 15] = [
    (1, DataType::F32),
    (2, DataType::Uint(8)),
    (3, DataType::Int(8)),
    (4, DataType::Uint(16)),
    (5, DataType::Int(16)),
    (6, DataType::Int(32)),
    (7, DataType::Int(64)),
    (9, DataType::Bool),
    (10, DataType::F16),
    (11, DataType::F64),
    (12, DataType::Uint(32)),
    (13, DataType::Uint(64)),
    (16, DataType::Bf16),
    (21, DataType::Uint(4)),
    (22, DataType::Int(4)),
];

impl DataType {
    /// The type of `TensorProto.DataType` number `id`.
    pub(super) fn from_id(id: i32) -> Result<DataType, TensorError> {
        match id {
            8 => Err(TensorError::Strings),
            14 | 15 => Err(TensorError::Complex),
            _ => TYPES
                .iter()
                .find_map(|(known, it)| (*known == id).then_some(*it))
                .ok_or(TensorError::Type { id }),
        }
    }

    /// Its `TensorProto.DataType` number.
    pub(super) fn id(self) -> i32 {
        let undefined = 0;
        TYPES.iter().find_map(|(id, it)| (*it == self).then_some(*id)).unwrap_or(undefined)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_round_trip() {
        for id in (1..=22).filter(|id| ![8, 14, 15, 17, 18, 19, 20].contains(id)) {
            assert_eq!(DataType::from_id(id).unwrap().id(), id);
        }
    }
}
