//! Constants that take as few bytes as hold them exactly: the weights of a quantized network one each,
//! those of a float network four, whatever the type that they are computed in.

use std::fmt;
use std::ops::{Deref, DerefMut, Range};
use std::sync::OnceLock;

use ndarray::{ArrayD, ArrayViewD, IxDyn};

use super::Tensor;

/// Shorter constants are kept as they are.
const LEAST: usize = 64;

/// A constant, which is unpacked when somebody looks at its values, and stays so.
///
/// It reads like the [`Tensor`] it was made from: every bit of every value is the same. The extents are
/// known without unpacking.
pub struct Packed {
    shape: Vec<usize>,
    bytes: Option<Store>,
    /// Set from the beginning if there are no `bytes`.
    values: OnceLock<Tensor>,
}

/// Elements in standard order.
#[derive(Clone)]
enum Store {
    /// Places in a list of all values that there are.
    Codes(Vec<u8>, Vec<f64>),
    /// Values that are exact in single precision.
    Singles(Vec<f32>),
}

impl Packed {
    /// Packs the elements of a view, in its order.
    pub fn of(view: ArrayViewD<'_, f64>) -> Packed {
        match Store::collect(view.len(), view.iter().copied()) {
            Some(bytes) => Packed::closed(view.shape().to_vec(), bytes),
            None => Packed::open(view.as_standard_layout().into_owned()),
        }
    }

    fn open(values: Tensor) -> Packed {
        Packed { shape: values.shape().to_vec(), bytes: None, values: values.into() }
    }

    fn closed(shape: Vec<usize>, bytes: Store) -> Packed {
        Packed { shape, bytes: Some(bytes), values: OnceLock::new() }
    }

    /// The extents.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Number of axes.
    pub fn ndim(&self) -> usize {
        self.shape.len()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values, and nothing else.
    pub fn into_tensor(mut self) -> Tensor {
        self.values.take().unwrap_or_else(|| self.unpacked())
    }

    /// The axes in another order, without unpacking.
    pub fn permuted(&self, axes: &[usize]) -> Packed {
        let shape: Vec<usize> = axes.iter().map(|axis| self.shape[*axis]).collect();
        match &self.bytes {
            Some(Store::Codes(codes, values)) => {
                let codes = turned(codes, &self.shape, axes);
                Packed::closed(shape, Store::Codes(codes, values.clone()))
            }
            Some(Store::Singles(singles)) => {
                Packed::closed(shape, Store::Singles(turned(singles, &self.shape, axes)))
            }
            None => Packed::of(self.view().permuted_axes(IxDyn(axes))),
        }
    }

    /// Changes the elements, if there are many one index of the first axis after the other, so that they
    /// are not all unpacked at a time. `change` is told which; `None`: all of them.
    pub fn map_parts(self, change: impl Fn(Option<usize>, &mut Tensor)) -> Packed {
        let whole = |it: Packed| {
            let mut all = it.into_tensor();
            change(None, &mut all);
            Packed::from(all)
        };
        let Some((parts, inner)) = self.shape.split_first().map(|(n, it)| (*n, it.to_vec())) else {
            return whole(self);
        };
        let size: usize = inner.iter().product();
        if size < LEAST || self.bytes.is_none() {
            return whole(self);
        }
        let part = |at: usize| {
            let mut part = self.unpack(at * size..(at + 1) * size, &inner);
            change(Some(at), &mut part);
            part.into_iter()
        };
        match Store::collect(self.len(), (0..parts).flat_map(part)) {
            Some(bytes) => Packed::closed(self.shape.clone(), bytes),
            None => whole(self),
        }
    }

    /// Number of values that are infinite or no numbers.
    pub fn not_finite(&self) -> usize {
        match &self.bytes {
            Some(Store::Codes(codes, values)) => {
                codes.iter().filter(|it| !values[usize::from(**it)].is_finite()).count()
            }
            Some(Store::Singles(singles)) => singles.iter().filter(|it| !it.is_finite()).count(),
            None => self.iter().filter(|it| !it.is_finite()).count(),
        }
    }

    /// All of the elements, which are packed.
    fn unpacked(&self) -> Tensor {
        self.unpack(0..self.len(), &self.shape)
    }

    /// Some of them.
    fn unpack(&self, range: Range<usize>, shape: &[usize]) -> Tensor {
        let values = match &self.bytes {
            Some(Store::Codes(codes, values)) => {
                codes[range].iter().map(|it| values[usize::from(*it)]).collect()
            }
            Some(Store::Singles(singles)) => {
                singles[range].iter().map(|it| f64::from(*it)).collect()
            }
            None => unreachable!("what is not packed has its values"),
        };
        ArrayD::from_shape_vec(IxDyn(shape), values).expect("packed from this shape")
    }
}

/// Elements in the order that they have with their axes in another.
fn turned<T: Copy>(items: &[T], shape: &[usize], axes: &[usize]) -> Vec<T> {
    let view = ArrayViewD::from_shape(IxDyn(shape), items).expect("packed from this shape");
    view.permuted_axes(IxDyn(axes)).iter().copied().collect()
}

impl Store {
    /// The elements in few bytes, unless there are few elements, or some that need eight bytes.
    fn collect(len: usize, mut values: impl Iterator<Item = f64>) -> Option<Store> {
        if len < LEAST {
            return None;
        }
        let mut palette = Palette::default();
        let mut codes = Vec::with_capacity(len);
        while let Some(value) = values.next() {
            if let Some(code) = palette.code(value) {
                codes.push(code);
                continue;
            }
            let before = codes.iter().map(|it| palette.values[usize::from(*it)]);
            let mut singles = Vec::with_capacity(len);
            for value in before.chain([value]).chain(values) {
                let single = value as f32;
                if f64::from(single).to_bits() != value.to_bits() {
                    return None;
                }
                singles.push(single);
            }
            return Some(Store::Singles(singles));
        }
        Some(Store::Codes(codes, palette.values))
    }
}

/// All values that there are, zeros of both signs apart.
#[derive(Default)]
struct Palette {
    values: Vec<f64>,
    /// Their bits in order, and where they are in `values`.
    known: Vec<(u64, u8)>,
}

impl Palette {
    /// A value's place, unless a byte cannot tell it.
    fn code(&mut self, value: f64) -> Option<u8> {
        let bits = value.to_bits();
        match self.known.binary_search_by_key(&bits, |it| it.0) {
            Ok(at) => Some(self.known[at].1),
            Err(at) => {
                let code = u8::try_from(self.values.len()).ok()?;
                self.known.insert(at, (bits, code));
                self.values.push(value);
                Some(code)
            }
        }
    }
}

impl From<Tensor> for Packed {
    fn from(values: Tensor) -> Packed {
        match Store::collect(values.len(), values.iter().copied()) {
            Some(bytes) => Packed::closed(values.shape().to_vec(), bytes),
            None if values.is_standard_layout() => Packed::open(values),
            None => Packed::open(values.as_standard_layout().into_owned()),
        }
    }
}

impl Deref for Packed {
    type Target = Tensor;

    fn deref(&self) -> &Tensor {
        self.values.get_or_init(|| self.unpacked())
    }
}

impl DerefMut for Packed {
    /// What changes is not packed again.
    fn deref_mut(&mut self) -> &mut Tensor {
        let values = self.values.take();
        let values = values.unwrap_or_else(|| self.unpacked());
        self.bytes = None;
        self.values.get_or_init(|| values);
        self.values.get_mut().expect("just set")
    }
}

impl Clone for Packed {
    /// Packed again, whether somebody has looked at it or not.
    fn clone(&self) -> Packed {
        let values = match &self.bytes {
            Some(_) => OnceLock::new(),
            None => self.values.clone(),
        };
        Packed { shape: self.shape.clone(), bytes: self.bytes.clone(), values }
    }
}

impl PartialEq for Packed {
    fn eq(&self, other: &Packed) -> bool {
        **self == **other
    }
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayD, IxDyn};
    use proptest::prelude::*;

    use super::{LEAST, Packed, Store};
    use crate::source::Tensor;

    fn bits(values: &Tensor) -> Vec<u64> {
        values.iter().map(|it| it.to_bits()).collect()
    }

    fn tensor(shape: &[usize], value: impl Fn(usize) -> f64) -> Tensor {
        let values = (0..shape.iter().product()).map(value).collect();
        ArrayD::from_shape_vec(IxDyn(shape), values).unwrap()
    }

    /// The bytes of the elements.
    fn bytes(packed: &Packed) -> usize {
        match &packed.bytes {
            Some(Store::Codes(codes, values)) => codes.capacity() + 8 * values.len(),
            Some(Store::Singles(singles)) => 4 * singles.capacity(),
            None => 8 * packed.len(),
        }
    }

    #[test]
    fn takes_the_bytes_that_the_values_need() {
        let shape = [40, 100];
        let cases: [(&dyn Fn(usize) -> f64, usize); 5] = [
            (&|at| (at % 256) as f64 / 7.0, 4000 + 8 * 256),
            (&|at| (at % 257) as f64 / 8.0, 4 * 4000),
            (&|at| f64::from(at as f32 / 7.0), 4 * 4000),
            (&|at| at as f64 / 7.0, 8 * 4000),
            (&|at| if at == 3999 { 0.1 } else { at as f64 }, 8 * 4000),
        ];
        for (value, expected) in cases {
            let values = tensor(&shape, value);
            let packed = Packed::from(values.clone());
            assert_eq!((bytes(&packed), packed.shape()), (expected, &shape[..]));
            assert_eq!(bits(&packed), bits(&values));
            assert_eq!(bits(&packed.into_tensor()), bits(&values));
        }
    }

    #[test]
    fn keeps_signs_of_zeros_and_what_is_no_number() {
        let odd = [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, f64::MIN_POSITIVE];
        for spread in [1.0, 1e-3] {
            let value = |at: usize| odd.get(at).copied().unwrap_or(at as f64 * spread);
            let values = tensor(&[LEAST * 10], value);
            let packed = Packed::from(values.clone());
            assert_eq!(packed.not_finite(), 3);
            assert_eq!(bits(&packed), bits(&values));
        }
    }

    #[test]
    fn what_is_changed_stays_changed() {
        let mut packed = Packed::from(tensor(&[8, 16], |at| at as f64));
        packed[[1, 2]] = 0.1;
        let copy = packed.clone();
        assert_eq!((copy[[1, 2]], copy[[1, 3]], bytes(&copy)), (0.1, 19.0, 8 * 128));
    }

    #[test]
    fn scalars_and_nothing_at_all() {
        let scalar = Packed::from(tensor(&[], |_| 0.3));
        assert_eq!((scalar.ndim(), scalar.len(), scalar[[]]), (0, 1, 0.3));
        let none = Packed::from(tensor(&[0, 3], |_| 0.0));
        assert!(none.is_empty() && none.shape() == [0, 3] && none.iter().count() == 0);
    }

    proptest! {
        #[test]
        fn any_view_is_kept_in_its_order(
            extents in prop::collection::vec(1..9_usize, 3),
            order in Just(vec![0, 1, 2]).prop_shuffle(),
            values in 1..400_usize,
            single: bool,
        ) {
            let value = |at: usize| {
                let value = (at % values) as f64 / 3.0;
                if single { f64::from(value as f32) } else { value }
            };
            let whole = tensor(&extents, value);
            let view = whole.view().permuted_axes(order.clone());
            let packed = Packed::of(view.clone());
            prop_assert_eq!(packed.clone().into_tensor(), view.to_owned());
            prop_assert_eq!(&Packed::from(whole.clone().permuted_axes(order.clone())), &packed);
            prop_assert_eq!(&Packed::from(whole.clone()).permuted(&order), &packed);
            let halved = Packed::from(whole.clone()).map_parts(|_, part| *part /= 2.0);
            prop_assert_eq!(halved.into_tensor(), whole / 2.0);
        }
    }
}
