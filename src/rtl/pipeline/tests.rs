//! Schedules checked against definitions that do not share code with them.

use super::*;
use crate::rtl::datapath::{Interval, Port, Term};
use crate::rtl::testing::{self, Figures, Random};

/// Every path within a stage, walked one by one from its end.
fn longest(timing: &Timing<'_>, stage: &[u32], id: ValueId) -> f64 {
    let before = timing
        .operands(id)
        .filter(|it| stage[it.index()] == stage[id.index()])
        .map(|it| longest(timing, stage, it))
        .fold(0.0, f64::max);
    before + timing.delay[id.index()]
}

fn check(datapath: &Datapath, clock_ns: f64) -> Schedule {
    let schedule = schedule(datapath, &Figures, clock_ns).expect("the clock is long enough");
    let timing = Timing::new(datapath, &Figures, clock_ns - Figures.register());
    let mut worst: f64 = 0.0;
    for id in timing.signals() {
        let alone = schedule.violations.is_empty();
        let path = longest(&timing, &schedule.stage, id);
        worst = worst.max(path);
        assert!(!alone || timing.fits(path), "{id} ends a path of {path} ns");
        // A path is only ever too long by an operation of its own.
        assert!(timing.fits(path) || path <= timing.delay.iter().copied().fold(0.0, f64::max));
        for operand in timing.operands(id) {
            assert!(schedule.stage(operand) <= schedule.stage(id), "{operand} comes after {id}");
            assert!(schedule.lifetimes.until(operand) >= schedule.stage(id), "{operand} is gone");
        }
        match datapath.op(id) {
            Op::Input(..) => assert_eq!(schedule.stage(id), 0),
            Op::Slice { value, .. } => assert_eq!(schedule.stage(id), schedule.stage(value)),
            _ => {}
        }
        assert!(schedule.stage(id) < schedule.stages);
    }
    assert!((schedule.worst_slack_ns - (timing.budget - worst)).abs() < 1e-6);
    schedule
}

#[test]
fn no_path_exceeds_the_clock() {
    for seed in 0..60 {
        let mut random = Random(seed);
        let (layers, ops) = (1 + random.below(6), 5 + random.below(40));
        let datapath = testing::program(&mut random, layers, ops);
        let mut before = u32::MAX;
        for clock_ns in [1.5, 2.5, 3.5, 5.0, 9.0, 1000.0] {
            let schedule = check(&datapath, clock_ns);
            assert!(schedule.stages <= before, "seed {seed}: a slower clock needs more stages");
            before = schedule.stages;
        }
        assert_eq!(before, 1, "seed {seed}");
    }
}

/// All assignments of few operations to few stages.
fn fewest(timing: &Timing<'_>, ids: &[ValueId], most: u32) -> u32 {
    let mut stage = vec![0; timing.datapath.len()];
    let ok = |stage: &[u32]| {
        ids.iter().all(|id| {
            let late = timing.operands(*id).any(|it| stage[it.index()] > stage[id.index()]);
            !late && timing.fits(longest(timing, stage, *id))
        })
    };
    for stages in 1..=most {
        for mut code in 0..u64::from(stages).pow(ids.len() as u32) {
            for id in ids {
                stage[id.index()] = (code % u64::from(stages)) as u32;
                code /= u64::from(stages);
            }
            if ok(&stage) {
                return stages;
            }
        }
    }
    most + 1
}

#[test]
fn as_few_stages_as_possible() {
    for seed in 0..40 {
        let mut random = Random(seed);
        let mut datapath = Datapath::default();
        let x = |it| (Op::Input(0, it), Interval::new(-9, 9));
        let mut pool: Vec<ValueId> = (0..3).map(x).map(|(op, i)| datapath.push(op, i)).collect();
        while datapath.len() < 9 {
            let (a, b) = (pool[random.below(pool.len())], pool[random.below(pool.len())]);
            let shift = random.below(3) as u32;
            let b = Term { value: b, shift, negate: random.flip() };
            pool.push(datapath.add(Term::plain(a), b));
        }
        let slots = vec![(40, true); pool.len()];
        let port = Port { name: "y".to_owned(), elements: pool.clone(), slots };
        datapath.outputs.push(port);
        let clock = 2.0 + random.below(30) as f64 * 0.1;
        let schedule = check(&datapath, clock);
        let timing = Timing::new(&datapath, &Figures, clock - Figures.register());
        let ids: Vec<ValueId> =
            timing.signals().filter(|it| !datapath.op(*it).is_wiring()).collect();
        let best = fewest(&timing, &ids, schedule.stages);
        assert_eq!(schedule.stages, best, "seed {seed}");
    }
}

#[test]
fn moving_operations_saves_registers() {
    for seed in 0..30 {
        let datapath = testing::program(&mut Random(seed), 5, 60);
        let timing = Timing::new(&datapath, &Figures, 2.2);
        let early = asap::stages(&timing);
        let before = Schedule::of(&timing, 2.45, early.clone());
        let after = Schedule::of(&timing, 2.45, mobility::settle(&timing, early));
        assert_eq!(before.stages, after.stages);
        assert!(after.register_bits <= before.register_bits);
    }
}

#[test]
fn many_sums_of_few_operands_are_built_late() {
    let mut datapath = Datapath::default();
    let byte = Interval::new(0, 255);
    let x: Vec<ValueId> = (0..2).map(|it| datapath.push(Op::Input(0, it), byte)).collect();
    let mut late = x[0];
    for _ in 0..4 {
        late = datapath.add(Term::plain(late), Term { value: late, shift: 1, negate: false });
    }
    // Six sums of the same two operands: 16 bits for the operands against 6 * 10 for the sums.
    let mut y = late;
    for shift in 0..6 {
        let sum = datapath.add(Term::plain(x[0]), Term { value: x[1], shift, negate: false });
        let product = datapath.mul(sum, late);
        y = datapath.add(Term::plain(y), Term::plain(product));
    }
    let slots = vec![(datapath.width(y), false)];
    datapath.outputs.push(Port { name: "y".to_owned(), elements: vec![y], slots });
    let schedule = check(&datapath, 4.0);
    let sums = datapath.values().filter(|it| match datapath.op(*it) {
        Op::Add(a, b) => a.value == x[0] && b.value == x[1],
        _ => false,
    });
    let stages: Vec<u32> = sums.map(|it| schedule.stage(it)).collect();
    assert!(stages.len() == 6 && stages.iter().all(|it| *it > 0), "{stages:?}");
}

#[test]
fn what_is_too_slow_is_named() {
    let mut datapath = Datapath::default();
    let wide = Interval::new(0, (1 << 30) - 1);
    let x: Vec<ValueId> = (0..2).map(|it| datapath.push(Op::Input(0, it), wide)).collect();
    let y = datapath.mul(x[0], x[1]);
    datapath.outputs.push(Port {
        name: "y".to_owned(),
        elements: vec![y],
        slots: vec![(60, false)],
    });
    let slow = check(&datapath, 2.0);
    let [violation] = slow.violations.as_slice() else { panic!("{:?}", slow.violations) };
    assert_eq!((violation.value, violation.op, violation.count), (y, "multiplication", 1));
    assert!(slow.worst_slack_ns < 0.0);
    let enough = check(&datapath, violation.needed_ns);
    assert!(enough.violations.is_empty() && enough.worst_slack_ns.abs() < 1e-6);
    assert_eq!(
        schedule(&datapath, &Figures, 0.2).unwrap_err().to_string(),
        "a clock of 0.2 ns leaves no time for logic: registers alone take 0.25 ns"
    );
}

/// The device tables as delays: everything but wiring takes time, and a real clock can be met.
#[test]
fn devices_have_delays_for_every_operation() {
    let datapath = testing::program(&mut Random(9), 4, 60);
    for device in crate::device::all() {
        let delays = device.delay();
        let free = |id: &ValueId| match datapath.op(*id) {
            // Operands that do not overlap are joined by wires.
            Op::Add(..) => false,
            op => !op.is_wiring() && delays.delay(&datapath, *id) <= 0.0,
        };
        assert!(!datapath.values().any(|id| free(&id)), "{}", device.name);
        let schedule = schedule(&datapath, delays, 1000.0).unwrap();
        assert!(schedule.violations.is_empty() && schedule.stages == 1, "{}", device.name);
    }
}

#[test]
fn a_million_operations_take_seconds() {
    let mut datapath = Datapath::default();
    let byte = Interval::new(-128, 127);
    let mut pool: Vec<ValueId> =
        (0..1000).map(|it| datapath.push(Op::Input(0, it), byte)).collect();
    let mut random = Random(7);
    while datapath.len() < 1_000_000 {
        let (a, b) = (pool[random.below(1000)], pool[random.below(1000)]);
        let sum = datapath.add(Term::plain(a), Term { value: b, shift: 1, negate: true });
        let at = random.below(1000);
        pool[at] = datapath.slice(sum, 1, 8, true);
    }
    let slots = vec![(8, true); 1000];
    datapath.outputs.push(Port { name: "y".to_owned(), elements: pool, slots });
    let start = std::time::Instant::now();
    let schedule = schedule(&datapath, &Figures, 5.0).unwrap();
    let time = start.elapsed();
    assert!(schedule.stages > 100 && time.as_secs() < 20, "{} stages, {time:?}", schedule.stages);
}
