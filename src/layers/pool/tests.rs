//! Products of groups: exact where they are short, close where they are long.

use super::{Reduce, Reduction};
use crate::fixed::Format;
use crate::layers::testing::{Bench, Noise};
use crate::precision::Role;

#[test]
fn products_of_groups() {
    let reduce =
        |axes: &[usize]| Reduce { reduction: Reduction::Product, axes: axes.to_vec(), keep: false };
    let input = Format::signed(6, 2);
    for (shape, axes) in
        [(&[2, 3][..], &[1][..]), (&[3, 2, 2], &[0, 2]), (&[5], &[0]), (&[1, 4], &[0])]
    {
        let mut bench = Bench::new(reduce(axes), input, shape);
        let samples = Noise::new(9).samples(50, shape.iter().product(), 2.0, input);
        bench.given.insert(Role::Result, Format::signed(40, 16));
        let limit = if bench.formats().format(Role::Accum).width < 32 { 0.0 } else { 1e-4 };
        let error = bench.checked_error(&samples);
        assert!(error <= limit, "{shape:?}: {error}");
    }
}
