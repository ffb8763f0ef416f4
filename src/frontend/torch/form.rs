//! Where the batch is in a tensor.
//!
//! Hardware sees one sample at a time, PyTorch a batch of them, and the batch is an axis like any
//! other: attention turns it to the second place, and folds the heads into it. As long as no operator
//! mixes samples, a sample is what is left when the batch is 1 and its axis, if it is one of its own,
//! is taken away: the elements keep their order. A program exported for one sample may lose that axis
//! and find it again; in between the whole tensor is the sample.

use super::error::SymbolError;
use super::inputs::{Batch, MAX_ELEMENTS};
use super::schema::SymInt;
use super::symbol::{self, Dim};
use super::weights::MAX_RANK;

/// The sizes of a tensor as the file has them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Extents {
    /// Sizes for a batch of 1 if the batch is dynamic, else for that of the export.
    pub(super) sizes: Vec<usize>,
    /// Axes that grow with the batch; unknown (all of them false) if it is not dynamic.
    batch: Vec<bool>,
    /// The batch of the export; 1 if it is dynamic.
    samples: usize,
    /// Whether that is one sample: then an axis of the batch need not be there at all.
    single: bool,
}

/// The place of the batch: axis `axis` is `outer * batch * inner`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) axis: usize,
    pub(super) outer: usize,
    pub(super) inner: usize,
}

impl Place {
    /// No axis at all, in a program of one sample: what is left of it is the sample.
    pub(super) const NOWHERE: Place = Place { axis: usize::MAX, outer: 1, inner: 1 };

    /// Whether the batch has no axis.
    pub(super) fn is_nowhere(self) -> bool {
        self == Place::NOWHERE
    }

    /// The place after axes were added in front of it.
    pub(super) fn behind(self, added: usize) -> Place {
        if self.is_nowhere() { self } else { Place { axis: self.axis + added, ..self } }
    }

    /// The place after an axis is gone.
    pub(super) fn without(self, axis: usize) -> Place {
        match self.is_nowhere() || axis >= self.axis {
            true => self,
            false => Place { axis: self.axis - 1, ..self },
        }
    }

    /// An axis of its own.
    pub(super) fn own(axis: usize) -> Place {
        Place { axis, outer: 1, inner: 1 }
    }
}

/// The shape of an activation.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Form {
    /// Sizes for a batch of 1.
    pub(super) sizes: Vec<usize>,
    /// Where the batch is.
    pub(super) place: Place,
}

impl Extents {
    /// Reads sizes.
    pub(super) fn of(sizes: &[SymInt], batch: &Batch) -> Result<Extents, SymbolError> {
        let symbols = batch.symbols();
        let dims: Vec<Dim> =
            sizes.iter().map(|it| symbol::dim(it, &symbols)).collect::<Result<_, _>>()?;
        let shape = || dims.iter().map(|it| it.size).collect();
        let impossible = || SymbolError::Size { shape: shape() };
        let sizes: Vec<usize> = dims
            .iter()
            .map(|it| usize::try_from(it.size).ok())
            .collect::<Option<_>>()
            .ok_or_else(impossible)?;
        let elements = sizes.iter().try_fold(1usize, |all, it| all.checked_mul(*it));
        if sizes.len() > MAX_RANK || elements.is_none_or(|it| it > MAX_ELEMENTS) {
            return Err(impossible());
        }
        let single = *batch == Batch::Fixed(1);
        let samples = match batch {
            Batch::Symbols(_) => 1,
            Batch::Fixed(samples) => usize::try_from(*samples).map_err(|_| impossible())?,
        };
        Ok(Extents { sizes, batch: dims.iter().map(|it| it.batch).collect(), samples, single })
    }

    /// The form with the batch at a place, if the sizes agree with that.
    pub(super) fn form(&self, place: Place) -> Option<Form> {
        if place.is_nowhere() {
            return self.single.then(|| Form { sizes: self.sizes.clone(), place });
        }
        let size = place.outer.checked_mul(place.inner)?;
        let dynamic = self.batch.contains(&true);
        let others = (0..self.batch.len()).any(|it| it != place.axis && self.batch[it]);
        let here = *self.batch.get(place.axis)?;
        if others || dynamic != here || self.sizes[place.axis] != size.checked_mul(self.samples)? {
            return None;
        }
        let mut sizes = self.sizes.clone();
        sizes[place.axis] = size;
        Some(Form { sizes, place })
    }

    /// The form of what has the elements of `from` in their order.
    pub(super) fn reshaped(&self, from: &Form) -> Option<Form> {
        if self.single {
            // Any axis of 1 may be the one of the batch; the elements are the same.
            let axis = self.sizes.iter().position(|it| *it == 1);
            return self.form(axis.map_or(Place::NOWHERE, Place::own));
        }
        let product = |part: &[usize]| part.iter().product::<usize>();
        let Place { axis, outer, inner } = from.place;
        let before = product(&from.sizes[..axis]).checked_mul(outer)?;
        let after = product(&from.sizes[axis + 1..]).checked_mul(inner)?;
        let at = |axis: usize| {
            let (left, right) = (product(&self.sizes[..axis]), product(&self.sizes[axis + 1..]));
            let fits = left > 0 && right > 0;
            if !fits || !before.is_multiple_of(left) || !after.is_multiple_of(right) {
                return None;
            }
            self.form(Place { axis, outer: before / left, inner: after / right })
        };
        let places = || (0..self.sizes.len()).filter_map(at);
        places().find(|it| it.is_own()).or_else(|| places().next())
    }
}

impl Form {
    /// Whether the batch has an axis of its own.
    pub(super) fn is_own(&self) -> bool {
        self.place.outer == 1 && self.place.inner == 1
    }

    /// Axes, the batch included.
    pub(super) fn rank(&self) -> usize {
        self.sizes.len()
    }

    /// The shape of one sample.
    pub(super) fn sample(&self) -> Vec<usize> {
        let own = self.is_own();
        let kept =
            |(axis, size): (usize, &usize)| (!own || axis != self.place.axis).then_some(*size);
        self.sizes.iter().enumerate().filter_map(kept).collect()
    }

    /// An axis as the file counts it, from the front.
    pub(super) fn axis(&self, dim: i64) -> Option<usize> {
        axis(dim, self.rank())
    }

    /// The same axis in a sample; `None` for the one with the batch.
    pub(super) fn in_sample(&self, axis: usize) -> Option<usize> {
        let behind = self.is_own() && axis > self.place.axis;
        (axis != self.place.axis).then_some(axis - usize::from(behind))
    }
}

/// An axis, from the front or, negative, from the end.
pub(super) fn axis(dim: i64, rank: usize) -> Option<usize> {
    let dim = if dim < 0 { dim.checked_add(rank as i64)? } else { dim };
    usize::try_from(dim).ok().filter(|it| *it < rank)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extents(sizes: &[i64], batch: Option<usize>) -> Extents {
        let mut all: Vec<SymInt> = sizes.iter().map(|it| SymInt::Int(*it)).collect();
        let known = match batch {
            None => Batch::Fixed(4),
            Some(axis) => {
                let expr_str = format!("Mul(Integer({}), Symbol('s0'))", sizes[axis]);
                all[axis] = SymInt::Expr(super::super::schema::SymExpr { expr_str });
                Batch::Symbols(["s0".to_owned()].into())
            }
        };
        Extents::of(&all, &known).unwrap()
    }

    #[test]
    fn heads_fold_into_the_batch_and_out_again() {
        // [8, B, 16] -> [8, 2 B, 8] -> [2 B, 8, 8] -> [B, 2, 8, 8]
        for dynamic in [true, false] {
            let sizes = |sizes: &[i64], axis: usize| match dynamic {
                true => extents(sizes, Some(axis)),
                false => {
                    let mut sizes = sizes.to_vec();
                    sizes[axis] *= 4;
                    extents(&sizes, None)
                }
            };
            let form = sizes(&[8, 1, 16], 1).form(Place::own(1)).unwrap();
            assert_eq!(form.sample(), [8, 16]);
            let form = sizes(&[8, 2, 8], 1).reshaped(&form).unwrap();
            assert_eq!(form.place, Place { axis: 1, outer: 1, inner: 2 });
            assert_eq!(form.sample(), [8, 2, 8]);
            let turned = sizes(&[2, 8, 8], 0).form(Place { axis: 0, ..form.place }).unwrap();
            let form = sizes(&[1, 2, 8, 8], 0).reshaped(&turned).unwrap();
            assert_eq!((form.place, form.sample()), (Place::own(0), vec![2, 8, 8]));
        }
    }

    /// Exported for one sample, no axis tells where the batch would be.
    #[test]
    fn one_sample_needs_no_axis() {
        let sizes = |sizes: &[i64]| {
            let sizes: Vec<SymInt> = sizes.iter().map(|it| SymInt::Int(*it)).collect();
            Extents::of(&sizes, &Batch::Fixed(1)).unwrap()
        };
        let form = sizes(&[8, 1, 16]).form(Place::own(1)).unwrap();
        let folded = sizes(&[8, 2, 8]).reshaped(&form).unwrap();
        assert_eq!((folded.place, folded.sample()), (Place::NOWHERE, vec![8, 2, 8]));
        assert_eq!((folded.in_sample(0), folded.in_sample(2)), (Some(0), Some(2)));
        assert_eq!(
            (folded.place.behind(1), folded.place.without(0)),
            (Place::NOWHERE, Place::NOWHERE)
        );
        let again = sizes(&[1, 2, 8, 8]).reshaped(&folded).unwrap();
        assert_eq!((again.place, again.sample()), (Place::own(0), vec![2, 8, 8]));
        assert!(extents(&[4, 6], None).form(Place::NOWHERE).is_none());
    }

    #[test]
    fn samples_that_mix_are_found() {
        let form = extents(&[4, 6], None).form(Place::own(0)).unwrap();
        assert_eq!(extents(&[6, 4], None).reshaped(&form), None);
        assert_eq!(extents(&[2, 12], None).reshaped(&form), None);
        assert_eq!(extents(&[24], None).reshaped(&form).unwrap().sample(), [6]);
        assert_eq!(extents(&[4, 3, 2], None).reshaped(&form).unwrap().sample(), [3, 2]);
        assert_eq!(extents(&[8, 3], None).reshaped(&form).unwrap().sample(), [2, 3]);
        assert!(extents(&[5, 6], None).form(Place::own(0)).is_none());
        assert!(extents(&[1, 6], Some(0)).form(Place::own(1)).is_none());
    }
}
