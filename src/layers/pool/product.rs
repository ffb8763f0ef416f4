//! The product of a group's elements: neighbours first, then their products, each cast to the
//! accumulator; an element without a neighbour waits for the next round.

use super::group::Groups;
use crate::fixed::Format;
use crate::graph::NodeId;
use crate::layers::Lower;
use crate::nn::Shape;
use crate::precision::{Resolve, Role, Span, Typed, auto};
use crate::units::{Binary, Eltwise, Read, Reorder};

/// Range of everything in each round, group after group; the last one are the products.
pub(super) fn spans(groups: &Groups, cx: &Resolve<'_>, accum: Option<Format>) -> Vec<Vec<Span>> {
    let read = |it: &Option<u32>| it.map_or(Span::point(0.0), |it| cx.inputs[0].spans[it as usize]);
    let mut rounds = vec![groups.reads.iter().map(read).collect::<Vec<Span>>()];
    let mut size = groups.size;
    while size > 1 {
        let last = rounds.last().expect("there is a first round");
        let pair = |it: &[Span]| match it {
            [a, b] => accum.map_or(a.times(*b), |to| a.times(*b).cast(to)),
            _ => it[0],
        };
        let next = last.chunks(size).flat_map(|it| it.chunks(2).map(pair).collect::<Vec<_>>());
        rounds.push(next.collect());
        size = size.div_ceil(2);
    }
    rounds
}

/// The exact product if it is at most twice as wide as other results, else one so wide.
pub(super) fn accum(groups: &Groups, cx: &Resolve<'_>) -> Typed {
    let rounds = spans(groups, cx, None);
    let all = Span::hull(rounds.iter().skip(1).flatten());
    let frac = i64::from(cx.inputs[0].format.frac()) * groups.size as i64;
    let exact = auto::exact(all, frac.clamp(-1000, 1000) as i32);
    match exact.format.width <= 2 * cx.width {
        true => Typed { reason: format!("exact: product of {}", groups.size), ..exact },
        false => {
            let format = all.format(2 * cx.width).rounded();
            Typed::new(format, format!("products in [{:.4}, {:.4}]", all.lo, all.hi))
        }
    }
}

/// Multiplies the elements of rows of `size`.
pub(super) fn lower(cx: &mut Lower<'_>, rows: NodeId, size: usize) -> NodeId {
    let result = cx.format(Role::Accum);
    let count = cx.builder.ty(rows).elements() / size.max(1);
    let (mut value, mut size) = (rows, size);
    while size > 1 {
        let (pairs, odd) = (size / 2, size % 2);
        let shape = Shape(vec![count, pairs]);
        let side = |cx: &mut Lower<'_>, part: &str, first: usize| {
            let from = |at: usize| (0, (at / pairs * size + at % pairs * 2 + first) as u32);
            let map = (0..count * pairs).map(from).collect();
            let part = format!("{part}_{size}");
            cx.builder.add(&part, Reorder { map, shape: shape.clone() }, &[value])
        };
        let sides = [side(cx, "left", 0), side(cx, "right", 1)];
        let op = Binary::Mul;
        let product = Eltwise { op, read: [Read::Same; 2], shape: shape.clone(), result };
        let product = cx.builder.add(&format!("product_{size}"), product, &sides);
        value = match odd {
            0 => product,
            _ => {
                let from = |at: usize| match (at / (pairs + 1), at % (pairs + 1)) {
                    (row, it) if it < pairs => (0, (row * pairs + it) as u32),
                    (row, _) => (1, (row * size + size - 1) as u32),
                };
                let map = (0..count * (pairs + 1)).map(from).collect();
                let shape = Shape(vec![count, pairs + 1]);
                let part = format!("waiting_{size}");
                cx.builder.add(&part, Reorder { map, shape }, &[product, value])
            }
        };
        size = pairs + odd;
    }
    value
}
