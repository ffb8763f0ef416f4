//! Constants: `TensorProto` to an exact array of doubles.
//!
//! The extents' product is checked against the stored data before anything is allocated, so memory
//! is bounded by a small multiple of the file.

use super::dtype::{self, DataType};
use super::error::TensorError;
use super::proto;
use crate::frontend::number::{exact, nibbles};

pub(super) use crate::frontend::number::Value;

/// More axes than any tensor of a network has.
pub(super) const MAX_RANK: usize = 16;

/// `TensorProto.DataLocation.EXTERNAL`.
const EXTERNAL: i32 = 1;

/// Reads a tensor.
pub(super) fn decode(tensor: &proto::Tensor) -> Result<Value, TensorError> {
    let dtype = DataType::from_id(tensor.data_type)?;
    if tensor.data_location == EXTERNAL || !tensor.external_data.is_empty() {
        return Err(TensorError::External { file: location(tensor) });
    }
    let (shape, elements) = extents(&tensor.dims)?;
    let typed = Typed::of(tensor, dtype);
    let data = match (tensor.raw_data.is_empty(), typed.len()) {
        (true, _) => typed.values(dtype, elements)?,
        (false, 0) => dtype.read(&tensor.raw_data, elements)?,
        (false, _) => return Err(TensorError::Twice),
    };
    Value::new(dtype, &shape, data)
        .ok_or_else(|| TensorError::TooLarge { dims: tensor.dims.clone() })
}

/// The file that holds the data.
fn location(tensor: &proto::Tensor) -> String {
    let entry = tensor.external_data.iter().find(|it| it.key == "location");
    entry.map_or_else(String::new, |it| it.value.clone())
}

/// The shape and its number of elements.
fn extents(dims: &[i64]) -> Result<(Vec<usize>, usize), TensorError> {
    if dims.len() > MAX_RANK {
        return Err(TensorError::Rank { rank: dims.len(), limit: MAX_RANK });
    }
    if dims.iter().any(|it| *it < 0) {
        return Err(TensorError::Negative { dims: dims.to_vec() });
    }
    let too_large = || TensorError::TooLarge { dims: dims.to_vec() };
    let shape: Vec<usize> = dims
        .iter()
        .map(|it| usize::try_from(*it))
        .collect::<Result<_, _>>()
        .map_err(|_| too_large())?;
    let elements = shape.iter().try_fold(1usize, |all, it| all.checked_mul(*it));
    Ok((shape, elements.ok_or_else(too_large)?))
}

/// The field that holds the elements if they are not raw.
enum Typed<'a> {
    Floats(&'a [f32]),
    Doubles(&'a [f64]),
    Ints(&'a [i32]),
    Longs(&'a [i64]),
    Unsigned(&'a [u64]),
}

impl<'a> Typed<'a> {
    fn of(tensor: &'a proto::Tensor, dtype: DataType) -> Typed<'a> {
        match dtype {
            DataType::F32 => Typed::Floats(&tensor.float_data),
            DataType::F64 => Typed::Doubles(&tensor.double_data),
            DataType::Int(64) => Typed::Longs(&tensor.int64_data),
            DataType::Uint(32 | 64) => Typed::Unsigned(&tensor.uint64_data),
            _ => Typed::Ints(&tensor.int32_data),
        }
    }

    fn len(&self) -> usize {
        match self {
            Typed::Floats(it) => it.len(),
            Typed::Doubles(it) => it.len(),
            Typed::Ints(it) => it.len(),
            Typed::Longs(it) => it.len(),
            Typed::Unsigned(it) => it.len(),
        }
    }

    fn values(&self, dtype: DataType, elements: usize) -> Result<Vec<f64>, TensorError> {
        let expected = if dtype.bits() == 4 { elements.div_ceil(2) } else { elements };
        if self.len() != expected {
            return Err(TensorError::Count { expected, found: self.len() });
        }
        match self {
            Typed::Floats(it) => Ok(it.iter().map(|v| f64::from(*v)).collect()),
            Typed::Doubles(it) => Ok(it.to_vec()),
            Typed::Longs(it) => it.iter().map(|v| Ok(exact(*v)?)).collect(),
            Typed::Unsigned(it) => it
                .iter()
                .map(|v| match dtype == DataType::Uint(32) && *v > u64::from(u32::MAX) {
                    true => {
                        Err(TensorError::Range { value: i64::try_from(*v).unwrap_or(i64::MAX) })
                    }
                    false => Ok(exact(*v)?),
                })
                .collect(),
            Typed::Ints(it) => ints(it, dtype, elements),
        }
    }
}

/// Elements of the small types, one (or two halves of a byte) per stored 32-bit integer.
fn ints(stored: &[i32], dtype: DataType, elements: usize) -> Result<Vec<f64>, TensorError> {
    let range = |v: i32| TensorError::Range { value: i64::from(v) };
    let word = |v: &i32| u16::try_from(*v).map_err(|_| range(*v));
    match dtype {
        DataType::F16 => stored.iter().map(|v| word(v).map(dtype::from_f16)).collect(),
        DataType::Bf16 => stored.iter().map(|v| word(v).map(dtype::from_bf16)).collect(),
        DataType::Int(4) | DataType::Uint(4) => {
            // Some writers store the byte sign extended.
            let byte = |v: &i32| match *v {
                v @ -128..=255 => Ok(v as u8),
                v => Err(range(v)),
            };
            let bytes: Vec<u8> = stored.iter().map(byte).collect::<Result<_, _>>()?;
            Ok(nibbles(bytes.into_iter(), elements, dtype == DataType::Int(4)))
        }
        DataType::Bool => stored
            .iter()
            .map(|v| if matches!(v, 0 | 1) { Ok(f64::from(*v)) } else { Err(range(*v)) })
            .collect(),
        _ => stored.iter().map(|v| dtype.round(f64::from(*v)).ok_or_else(|| range(*v))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(data_type: i32, dims: &[i64], raw_data: &[u8]) -> proto::Tensor {
        proto::Tensor {
            data_type,
            dims: dims.to_vec(),
            raw_data: raw_data.to_vec(),
            ..Default::default()
        }
    }

    fn elements(tensor: &proto::Tensor) -> Vec<f64> {
        decode(tensor).unwrap().data.into_tensor().into_raw_vec_and_offset().0
    }

    #[test]
    fn raw_data_of_every_type() {
        let cases: [(i32, &[u8], &[f64]); 15] = [
            (1, &[0, 0, 0xc0, 0x3f, 0, 0, 0x80, 0xff], &[1.5, f64::NEG_INFINITY]),
            (2, &[255, 1], &[255.0, 1.0]),
            (3, &[255, 1], &[-1.0, 1.0]),
            (4, &[0, 255, 1, 0], &[65280.0, 1.0]),
            (5, &[0, 255, 1, 0], &[-256.0, 1.0]),
            (6, &[254, 255, 255, 255, 1, 0, 0, 0], &[-2.0, 1.0]),
            (7, &[254, 255, 255, 255, 255, 255, 255, 255, 1, 0, 0, 0, 0, 0, 0, 0], &[-2.0, 1.0]),
            (9, &[1, 0], &[1.0, 0.0]),
            (10, &[0, 0x3c, 1, 0], &[1.0, 2f64.powi(-24)]),
            (11, &[0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0xc0], &[1.0, -2.0]),
            (12, &[254, 255, 255, 255, 1, 0, 0, 0], &[4294967294.0, 1.0]),
            (
                13,
                &[255, 255, 255, 255, 255, 255, 255, 255, 1, 0, 0, 0, 0, 0, 0, 0],
                &[2f64.powi(64), 1.0],
            ),
            (16, &[0x80, 0x3f, 0, 0xc0], &[1.0, -2.0]),
            (21, &[0x1f], &[15.0, 1.0]),
            (22, &[0x1f], &[-1.0, 1.0]),
        ];
        for (id, raw, expected) in cases {
            assert_eq!(elements(&tensor(id, &[2], raw)), expected, "type {id}");
            let short = tensor(id, &[2], &raw[1..]);
            assert!(decode(&short).is_err(), "type {id}");
        }
    }

    #[test]
    fn typed_data_of_every_type() {
        let empty = |id| tensor(id, &[3], &[]);
        for id in [2, 3, 4, 5, 6, 9] {
            let int32_data = vec![1, 0, 1];
            assert_eq!(elements(&proto::Tensor { int32_data, ..empty(id) }), [1.0, 0.0, 1.0]);
        }
        let stored = proto::Tensor { int32_data: vec![0x3c00, 0xc000, 1], ..empty(10) };
        assert_eq!(elements(&stored), [1.0, -2.0, 2f64.powi(-24)]);
        let stored = proto::Tensor { int32_data: vec![0x3f80, 0xc000, 0], ..empty(16) };
        assert_eq!(elements(&stored), [1.0, -2.0, 0.0]);
        let stored = proto::Tensor { int32_data: vec![0x1f, 0x08], ..empty(22) };
        assert_eq!(elements(&stored), [-1.0, 1.0, -8.0]);
        let stored = proto::Tensor { int32_data: vec![0x1f, 0x08], ..empty(21) };
        assert_eq!(elements(&stored), [15.0, 1.0, 8.0]);
        let stored = proto::Tensor { float_data: vec![0.1, -1.0, 2.0], ..empty(1) };
        assert_eq!(elements(&stored), [f64::from(0.1f32), -1.0, 2.0]);
        let stored = proto::Tensor { double_data: vec![0.1, -1.0, 2.0], ..empty(11) };
        assert_eq!(elements(&stored), [0.1, -1.0, 2.0]);
        let stored = proto::Tensor { int64_data: vec![i64::MAX, i64::MIN, -7], ..empty(7) };
        assert_eq!(decode(&stored).unwrap().ints(), [i64::MAX, i64::MIN, -7]);
        for id in [12, 13] {
            let stored = proto::Tensor { uint64_data: vec![1, 2, 3], ..empty(id) };
            assert_eq!(elements(&stored), [1.0, 2.0, 3.0]);
        }
    }

    #[test]
    fn shapes_are_kept() {
        let scalar = decode(&tensor(3, &[], &[7])).unwrap();
        assert_eq!((scalar.data.ndim(), scalar.data.len()), (0, 1));
        let none = decode(&tensor(1, &[0, 3], &[])).unwrap();
        assert_eq!(none.data.shape(), [0, 3]);
        let matrix = decode(&tensor(3, &[2, 3], &[1, 2, 3, 4, 5, 6])).unwrap();
        assert_eq!(matrix.data[[1, 0]], 4.0);
    }
}
