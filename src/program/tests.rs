//! A compiled program gives what the scalar program gives: random programs, random and extreme inputs.

use proptest::prelude::*;

use super::*;
use crate::error::Origin;
use crate::rtl::datapath::{Interval, MAX_BITS, Op, Port, Relation, Scope, Term, ValueId};
use crate::rtl::testing::{Random, expected, program, sample};

/// Compares on as many samples as leave the last block partly empty.
fn agree(datapath: &Datapath, random: &mut Random, case: u64) {
    let compiled = Program::new(datapath);
    let count = compiled.lanes + 1 + random.below(compiled.lanes);
    let samples: Vec<Vec<Vec<i128>>> = (0..count).map(|_| sample(random, datapath)).collect();
    let flat: Vec<Vec<i128>> = samples.iter().map(|it| it.concat()).collect();
    for (inputs, made) in samples.iter().zip(compiled.run(&flat)) {
        assert_eq!(made, expected(datapath, inputs).concat(), "case {case}: for {inputs:?}");
    }
}

/// Inputs of any width, for programs at the limits of every word.
fn ports(widths: &[(u32, bool)]) -> (Datapath, Vec<ValueId>) {
    let mut datapath = Datapath::default();
    let origin = Origin::new("test", "x");
    datapath.enter(Scope { name: "x".to_owned(), about: String::new(), origin });
    let element = |(at, (width, signed)): (usize, &(u32, bool))| {
        let format = if *signed { Format::signed(*width, 1) } else { Format::unsigned(*width, 1) };
        let interval = Interval::new(format.min(), format.max());
        datapath.push(Op::Input(0, at as u32), interval)
    };
    let elements: Vec<ValueId> = widths.iter().enumerate().map(element).collect();
    let name = "x".to_owned();
    datapath.inputs.push(Port { name, elements: elements.clone(), slots: widths.to_vec() });
    (datapath, elements)
}

fn outputs(datapath: &mut Datapath, elements: Vec<ValueId>) {
    let slots = elements.iter().map(|it| (datapath.width(*it), true)).collect();
    datapath.outputs.push(Port { name: "y".to_owned(), elements, slots });
}

#[test]
fn random_programs() {
    for seed in 0..300 {
        let mut random = Random(seed);
        let (layers, ops) = (1 + random.below(4), 4 + random.below(40));
        let datapath = program(&mut random, layers, ops);
        agree(&datapath, &mut random, seed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    /// Every operation on operands of every width, up to the widest there are.
    #[test]
    fn every_width(
        (wide_a, wide_b) in (1..=MAX_BITS, 1..=MAX_BITS),
        (signed_a, signed_b, signed) in any::<(bool, bool, bool)>(),
        (shift, low, width) in (0u32..126, 0u32..130, 1u32..127),
        (negate_a, negate_b) in any::<(bool, bool)>(),
        seed in any::<u64>(),
    ) {
        let (mut datapath, x) = ports(&[(wide_a, signed_a), (wide_b, signed_b), (1, false)]);
        let (a, b, c) = (x[0], x[1], x[2]);
        let dp = &mut datapath;
        let mut made = vec![a, dp.slice(a, low, width, signed), dp.any(a, width)];
        if wide_a.max(wide_b + shift) < MAX_BITS {
            let (p, q) = (Term { value: a, shift: 0, negate: negate_a }, Term { value: b, shift, negate: negate_b });
            let sum = dp.add(p, q);
            made.extend([sum, dp.slice(sum, low, width, signed)]);
            // Sums of sums, of which a slice takes the low bits.
            if dp.width(sum) + 3 < MAX_BITS {
                let third = dp.add(Term { value: sum, shift: 1, negate: negate_b }, Term::plain(a));
                let k = dp.constant(i128::from(seed as i32) % (1 << wide_a.min(30)));
                let fourth = dp.add(Term::plain(third), Term { value: k, shift: 0, negate: negate_a });
                made.extend([dp.slice(third, 0, width, signed), dp.slice(fourth, 0, width, signed), fourth]);
            }
        }
        if wide_a + wide_b < MAX_BITS {
            let product = dp.mul(a, b);
            made.extend([product, dp.slice(product, 0, width, signed)]);
        }
        for relation in [Relation::Less, Relation::LessEqual, Relation::Equal] {
            let holds = dp.compare(relation, a, b);
            made.extend([holds, dp.mux(holds, b, a), dp.not(holds)]);
            let kept = dp.slice(a, 0, width, signed);
            made.push(dp.mux(holds, kept, b));
        }
        let zero = dp.constant(0);
        let negative = dp.is_negative(a);
        let low_bits = dp.slice(a, low.min(wide_a - 1), width, false);
        let mut choices = vec![dp.mux(c, a, b), dp.mux(negative, zero, low_bits)];
        let positive = dp.not(negative);
        choices.push(dp.mux(positive, low_bits, zero));
        let edge = Format::signed(width, 1);
        let range = Interval::new(edge.min().max(-(1 << 125)), edge.max().min(1 << 125));
        choices.extend([dp.clamp(a, range), dp.max(a, b), dp.min(a, b)]);
        let above = Interval::new(0, range.hi);
        choices.push(dp.clamp(a, above));
        made.extend(choices);
        outputs(dp, made);
        agree(&datapath, &mut Random(seed), seed);
    }
}

/// The pattern of a rectifier and the one of a saturation take one instruction.
#[test]
fn patterns_are_recognized() {
    let (mut datapath, x) = ports(&[(12, true)]);
    let saturated = datapath.clamp(x[0], Interval::new(-8, 7));
    outputs(&mut datapath, vec![saturated]);
    let code = Program::new(&datapath).code;
    let kinds: Vec<Kind> = code.iter().map(|it| it.kind).collect();
    assert_eq!(kinds, [Kind::Load, Kind::Clamp, Kind::Store]);
}

/// Wrapping to 16 bits makes a sum of 40 bits one of 16.
#[test]
fn only_bits_that_are_read_are_computed() {
    let (mut datapath, x) = ports(&[(16, true), (12, true)]);
    let sum = datapath.add(Term::plain(x[0]), Term { value: x[1], shift: 24, negate: false });
    let low = datapath.slice(sum, 0, 16, true);
    outputs(&mut datapath, vec![low]);
    let program = Program::new(&datapath);
    assert!(program.code.iter().all(|it| it.width == code::Width::W16), "{:?}", program.code);
}

#[test]
fn floats_go_through_formats() {
    let (mut datapath, x) = ports(&[(8, true), (8, false)]);
    let sum = datapath.add(Term::plain(x[0]), Term::plain(x[1]));
    outputs(&mut datapath, vec![sum, x[0]]);
    let from = [Format::signed(8, 4), Format::unsigned(8, 4)];
    let to = [Format::signed(10, 6), Format::signed(8, 4)];
    let made = Program::new(&datapath).predict(&[-1.5, 2.03125, 100.0, 3.0], &from, &to);
    assert_eq!(made, [0.5, -1.5, 7.0, 4.0]);
}
