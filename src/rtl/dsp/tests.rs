//! What is moved is exact, fits, and is what saves most.

use super::*;
use crate::device;
use crate::program::Program;
use crate::rtl::cmvm::Budget;
use crate::rtl::datapath::{Interval, Port, Scope, Term, lower};
use crate::rtl::testing::{self, Random};

/// A device with as many lookup tables and DSP blocks as a test wants.
fn device(name: &str, lut: u64, dsp: u64) -> Device {
    let mut device = device::find(name).unwrap().clone();
    (device.total.lut, device.total.dsp) = (lut, dsp);
    device
}

fn plan(blocks: Blocks) -> DspPlan {
    DspPlan { blocks, ..DspPlan::default() }
}

fn network(seed: u64) -> Datapath {
    let graph = testing::network(&mut Random(seed), &[12, 10, 4], 8);
    passes::optimize(&lower(&graph, Budget::QUICK).datapath)
}

/// Products of two variables, each wider than the one before, and a sum of them all.
fn products(count: u32) -> Datapath {
    let mut datapath = Datapath::default();
    let origin = crate::error::Origin::new("test", "x");
    datapath.enter(Scope { name: "x".to_owned(), about: String::new(), origin });
    let input = |it: u32| Interval::new(-(1 << (it / 2 + 3)), (1 << (it / 2 + 3)) - 1);
    let x: Vec<ValueId> =
        (0..2 * count).map(|it| datapath.push(Op::Input(0, it), input(it))).collect();
    let slots = x.iter().map(|it| (datapath.width(*it), true)).collect();
    datapath.inputs.push(Port { name: "x".to_owned(), elements: x.clone(), slots });
    let products: Vec<ValueId> = x.chunks(2).map(|it| datapath.mul(it[0], it[1])).collect();
    let sum = datapath.sum(products.into_iter().map(Term::plain));
    let slots = vec![(datapath.width(sum), true)];
    datapath.outputs.push(Port { name: "y".to_owned(), elements: vec![sum], slots });
    datapath
}

fn blocks(datapath: &Datapath, device: &Device) -> u64 {
    blocks_by_scope(datapath, device).iter().sum()
}

/// Equal outputs, also as vectorized software.
fn agree(seed: u64, old: &Datapath, new: &Datapath) {
    let mut random = Random(seed ^ 0xd5b);
    let samples: Vec<_> = (0..40).map(|_| testing::sample(&mut random, old)).collect();
    let flat: Vec<Vec<i128>> = samples.iter().map(|it| it.concat()).collect();
    for (sample, made) in samples.iter().zip(Program::new(new).run(&flat)) {
        let want = testing::expected(old, sample);
        assert_eq!(want, testing::expected(new, sample), "seed {seed}: for {sample:?}");
        assert_eq!(want.concat(), made, "seed {seed}: software for {sample:?}");
    }
}

#[test]
fn what_is_too_large_fits_afterwards() {
    for (seed, share) in [(1, 90), (2, 60), (3, 40)] {
        let old = network(seed);
        let limit = luts(&old, &device("xcvu9p", 1, 1)) * share / 100;
        let device = device("xcvu9p", limit * 10 / 7 + 1, 10_000);
        let Offload { datapath, moved } =
            offload(&old, &device, &plan(Blocks::Auto), Some(5.0)).unwrap();
        assert!(luts(&datapath, &device) <= limit, "{} of {limit}", luts(&datapath, &device));
        let used = blocks(&datapath, &device);
        let operations: u64 = moved.iter().map(|it| it.operations).sum();
        assert!(0 < used && used == operations, "{used} of {operations}");
        agree(seed, &old, &datapath);
        // The same again, to the last operation.
        let again = offload(&old, &device, &plan(Blocks::Auto), Some(5.0)).unwrap().datapath;
        assert!(datapath.values().all(|it| datapath.op(it) == again.op(it)));
    }
}

#[test]
fn nothing_is_moved_without_need_or_against_the_users_will() {
    let old = network(4);
    let roomy = device("xcvu9p", 1_000_000, 1000);
    assert!(offload(&old, &roomy, &plan(Blocks::Auto), Some(5.0)).is_none());
    let tiny = device("xcvu9p", 100, 1000);
    assert!(offload(&old, &tiny, &plan(Blocks::None), Some(5.0)).is_none());
    assert!(offload(&old, &device("xcvu9p", 100, 0), &plan(Blocks::Auto), None).is_none());
    // No block is as fast as this clock.
    assert!(offload(&old, &tiny, &plan(Blocks::Auto), Some(1.0)).is_none());
}

#[test]
fn no_more_blocks_than_there_are_and_the_best_first() {
    let old = products(6);
    let device = device("xcvu9p", 100, 1000);
    for count in 1..8 {
        let made = offload(&old, &device, &plan(Blocks::Count(count)), None).unwrap().datapath;
        assert_eq!(blocks(&made, &device), u64::from(count.min(6)));
        agree(u64::from(count), &old, &made);
        // The widest products are those that save most.
        let logic = made.values().filter_map(|it| match made.op(it) {
            Op::Mul(a, _) => Some(made.width(a)),
            _ => None,
        });
        assert_eq!(logic.max(), (count < 6).then(|| 9 - count));
    }
    let Err(few) = plan(Blocks::Count(1001)).check(&device) else { panic!("checked") };
    assert_eq!(few.to_string(), "xcvu9p has 1000 DSP blocks, 1001 are asked for");
    assert!(plan(Blocks::Count(1000)).check(&device).is_ok());
}

#[test]
fn two_small_products_share_a_block_where_they_can() {
    let old = products(6);
    let device = device("arria10", 100, 1000);
    let made = offload(&old, &device, &plan(Blocks::Count(3)), None).unwrap();
    assert_eq!((blocks(&made.datapath, &device), made.moved[0].products), (3, 6));
    agree(7, &old, &made.datapath);
}

#[test]
fn random_programs_stay_what_they_are() {
    let mut moved = 0;
    for seed in 0..60 {
        let old = testing::program(&mut Random(seed), 4, 50);
        for (name, count) in
            [("xcvu9p", 4), ("xcvu9p", 500), ("lfe5u-25", 20), ("arria10", 3), ("arria10", 50)]
        {
            let device = device(name, 1000, 500);
            let plan = plan(Blocks::Count(count));
            let Some(made) = offload(&old, &device, &plan, None) else { continue };
            assert!(blocks(&made.datapath, &device) <= u64::from(count), "seed {seed}");
            assert!(luts(&made.datapath, &device) <= luts(&old, &device), "seed {seed}: {name}");
            agree(seed, &old, &made.datapath);
            moved += made.moved.len();
        }
    }
    assert!(moved > 50, "{moved}");
}

#[test]
fn numbers_of_blocks_are_read() {
    assert_eq!(Blocks::parse("Auto"), Some(Blocks::Auto));
    assert_eq!(["none", "0"].map(Blocks::parse), [Some(Blocks::None); 2]);
    assert_eq!(Blocks::parse("12"), Some(Blocks::Count(12)));
    assert_eq!(["-1", "some", ""].map(Blocks::parse), [None; 3]);
}
