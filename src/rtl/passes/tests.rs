//! Every pass keeps every output of every program.

use super::*;
use crate::device;
use crate::rtl::cmvm::Budget;
use crate::rtl::cost;
use crate::rtl::datapath::{Op, lower};
use crate::rtl::testing::{self, Random};

/// Outputs of both programs for random and extreme inputs.
fn agree(name: &str, seed: u64, old: &Datapath, new: &Datapath) {
    let mut random = Random(seed ^ 0x5eed);
    for _ in 0..60 {
        let sample = testing::sample(&mut random, old);
        let (want, got) = (testing::expected(old, &sample), testing::expected(new, &sample));
        assert_eq!(want, got, "seed {seed}: {name} changes the outputs for {sample:?}");
    }
    for (old, new) in old.outputs.iter().zip(&new.outputs) {
        assert_eq!((&old.name, &old.slots), (&new.name, &new.slots));
    }
    for (port, slots) in new.outputs.iter().flat_map(|it| it.elements.iter().zip(&it.slots)) {
        let range = new.interval(*port);
        let room = range.width() + u32::from(slots.1 && !range.signed());
        assert!(room <= slots.0 && (slots.1 || !range.signed()), "seed {seed}: {name} widens");
    }
    // Tensors that are still there are those of the old program.
    for (before, after) in old.tensors.iter().zip(&new.tensors) {
        assert_eq!((&before.name, before.elements.len()), (&after.name, after.elements.len()));
        let sample = testing::sample(&mut random, old);
        let values = [old, new].map(|it| crate::rtl::datapath::evaluate(it, &sample));
        for (old, new) in before.elements.iter().zip(&after.elements) {
            if let (Some(old), Some(new)) = (old, new) {
                assert_eq!(values[0][old.index()], values[1][new.index()], "seed {seed}: {name}");
            }
        }
    }
}

/// Layers never read what a later layer computes.
fn ordered(name: &str, datapath: &Datapath) {
    for id in datapath.values() {
        for operand in datapath.op(id).operands() {
            let constant = matches!(datapath.op(operand), Op::Const(_));
            let before = datapath.scope_of(operand) <= datapath.scope_of(id);
            assert!(constant || before, "{name}: {id} reads {operand} of a later layer");
        }
    }
}

fn every_pass(seed: u64, datapath: Datapath) {
    let whole = optimize(&datapath);
    agree("all", seed, &datapath, &whole);
    let mut now = datapath;
    for (name, pass) in PASSES {
        let next = pass(&now);
        agree(name, seed, &now, &next);
        ordered(name, &next);
        now = next;
    }
}

#[test]
fn random_programs_stay_what_they_are() {
    for seed in 0..300 {
        let mut random = Random(seed);
        let (layers, ops) = (1 + random.below(5), 5 + random.below(60));
        every_pass(seed, testing::program(&mut random, layers, ops));
    }
}

fn luts(datapath: &Datapath, device: &str) -> u64 {
    let fabric = device::find(device).unwrap().delay();
    cost::luts_by_scope(datapath, fabric).iter().map(|it| it.lut).sum()
}

#[test]
fn networks_stay_what_they_are_and_shrink() {
    for seed in 0..6 {
        let graph = testing::network(&mut Random(seed), &[9, 12, 8, 3], 7);
        let datapath = lower(&graph, Budget::QUICK).datapath;
        let small = optimize(&datapath);
        let luts = |it: &Datapath| luts(it, "xcvu9p");
        assert!(luts(&small) < luts(&datapath), "{} of {}", luts(&small), luts(&datapath));
        every_pass(seed, datapath);
    }
}

#[test]
fn split_tables_stay_what_they_are_and_shrink() {
    for (bits, width) in [(10, 8), (10, 12), (11, 8)] {
        for device in ["lfe5u-85", "xcvu9p"] {
            let whole = testing::tables(bits, width);
            let forms = TableForms::new(device::find(device).unwrap().lut_inputs());
            let split = split_tables(&whole, &forms).expect("some are smooth");
            agree("split", u64::from(bits), &whole, &split);
            ordered("split", &split);
            let luts = |it: &Datapath| luts(it, device);
            assert!(luts(&split) < luts(&whole), "{bits}x{width}, {device}");
            let again = split_tables(&whole, &forms).expect("known by now");
            assert_eq!(again.len(), split.len());
        }
    }
}

#[test]
fn programs_without_large_tables_are_left_alone() {
    let graph = testing::network(&mut Random(1), &[4, 3], 5);
    let datapath = optimize(&lower(&graph, Budget::QUICK).datapath);
    assert!(split_tables(&datapath, &TableForms::new(6)).is_none());
}

#[test]
fn products_become_as_fast_as_the_clock() {
    let model = crate::device::find("xc7a100t").unwrap().delay();
    let mut cut = 0;
    for seed in 0..300 {
        let mut random = Random(seed);
        let program = testing::program(&mut random, 3, 40);
        for clock in [4.0, 5.5, 8.0] {
            let Some(made) = products::split(&program, model, clock) else { continue };
            cut += 1;
            agree("products", seed, &program, &made);
            ordered("products", &made);
            assert!(products::split(&made, model, clock).is_none(), "seed {seed}: at {clock} ns");
        }
    }
    assert!(cut > 100, "only {cut} programs had a slow product");
}
