//! Schedules checked against definitions that do not share code with them.

use super::*;
use crate::rtl::datapath::{Interval, Port, Term};
use crate::rtl::testing::{self, Figures, Random};

/// Every path within a stage, walked one by one from its end.
fn longest(timing: &Timing<'_>, stage: &[u32], id: ValueId) -> f64 {
    let at = stage[id.index()] - timing.datapath.hold(id);
    let before = timing
        .operands(id)
        .filter(|it| stage[it.index()] == at)
        .map(|it| longest(timing, stage, it))
        .fold(0.0, f64::max);
    before + timing.delay[id.index()]
}

/// Whether a value reads what is there, and modules with registers stand alone between two ranks.
fn is_legal(timing: &Timing<'_>, stage: &[u32], id: ValueId) -> bool {
    let datapath = timing.datapath;
    let Some(at) = stage[id.index()].checked_sub(datapath.hold(id)) else { return false };
    let source = |mut it: ValueId| {
        while let Op::Slice { value, .. } = datapath.op(it) {
            it = value;
        }
        it
    };
    timing.operands(id).all(|it| {
        let there = stage[it.index()];
        let first = match datapath.op(id) {
            Op::Slice { .. } => there,
            _ => there + u32::from(datapath.latency(source(it)) > 0),
        };
        let alone = datapath.latency(id) == 0 || there < at || longest(timing, stage, it) == 0.0;
        first <= at && alone
    }) && timing.fits(longest(timing, stage, id))
}

fn check(datapath: &Datapath, clock_ns: f64) -> Schedule {
    let schedule = schedule(datapath, &Figures, clock_ns).expect("the clock is long enough");
    let program = Program::new(datapath, &Figures);
    let timing = program.timing(clock_ns).unwrap();
    let mut worst: f64 = 0.0;
    for id in timing.signals() {
        let alone = schedule.violations.is_empty();
        let path = longest(&timing, &schedule.stage, id);
        worst = worst.max(path);
        assert!(!alone || timing.fits(path), "{id} ends a path of {path} ns");
        // A path is only ever too long by an operation of its own.
        assert!(timing.fits(path) || path <= timing.delay.iter().copied().fold(0.0, f64::max));
        for operand in timing.operands(id) {
            let at = schedule.read_at(datapath, id);
            assert!(schedule.stage(operand) <= at, "{operand} comes after {id}");
            let part = schedule.lifetimes.taken(datapath, id);
            let gone = schedule.lifetimes.until(operand) < at;
            assert!(part.is_some() || !gone, "{operand} is gone");
        }
        match datapath.op(id) {
            Op::Input(..) => assert_eq!(schedule.stage(id), 0),
            Op::Slice { value, .. } => assert_eq!(schedule.stage(id), schedule.stage(value)),
            _ => {}
        }
        assert!(schedule.stage(id) < schedule.stages);
        assert!(!alone || is_legal(&timing, &schedule.stage, id), "{id}");
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
        let program = Program::new(&datapath, &Figures);
        let timing = program.timing(clock).unwrap();
        let ids: Vec<ValueId> =
            timing.signals().filter(|it| !datapath.op(*it).is_wiring()).collect();
        let best = fewest(&timing, &ids, schedule.stages);
        assert_eq!(schedule.stages, best, "seed {seed}");
    }
}

/// Register bits by their definition: every bit of what is computed lives until its last reader. A
/// slice is followed to its source bit by bit.
fn bits_of(datapath: &Datapath, stage: &[u32], stages: u32) -> u64 {
    let live = datapath.live();
    let mut last: Vec<Vec<Option<u32>>> =
        datapath.values().map(|id| vec![None; datapath.width(id) as usize]).collect();
    for id in datapath.outputs.iter().flat_map(|port| &port.elements) {
        last[id.index()].fill(Some(stages));
    }
    let mut bits = 0;
    for id in datapath.values().rev().filter(|id| live[id.index()]) {
        let read = std::mem::take(&mut last[id.index()]);
        let at = Some(stage[id.index()] - datapath.hold(id));
        match datapath.op(id) {
            Op::Const(_) => {}
            Op::Slice { value, low, .. } => {
                for (bit, until) in read.into_iter().enumerate() {
                    let source = &mut last[value.index()];
                    let top = source.len() - 1;
                    let bit = &mut source[(low as usize + bit).min(top)];
                    *bit = until.max(*bit);
                }
            }
            op => {
                for until in read.into_iter().flatten() {
                    bits += u64::from(until - stage[id.index()]);
                    bits += u64::from(matches!(op, Op::Input(..)));
                }
                for operand in op.operands() {
                    let all = last[operand.index()].len();
                    let taken = if let Op::Any { width, .. } = op { width as usize } else { all };
                    last[operand.index()][..taken.min(all)]
                        .iter_mut()
                        .for_each(|it| *it = at.max(*it));
                }
            }
        }
    }
    bits
}

#[test]
fn register_bits_are_those_that_somebody_reads() {
    for seed in 0..60 {
        let mut random = Random(seed);
        let (layers, ops) = (1 + random.below(6), 5 + random.below(40));
        let datapath = testing::program(&mut random, layers, ops);
        for clock_ns in [1.5, 2.5, 5.0, 1000.0] {
            let it = schedule(&datapath, &Figures, clock_ns).unwrap();
            assert!(it.exact);
            assert_eq!(it.register_bits, bits_of(&datapath, &it.stage, it.stages), "seed {seed}");
        }
    }
}

#[test]
fn descent_is_never_worse_than_the_guess_it_starts_from() {
    let (mut less, mut all) = (0, 0);
    for seed in 0..30 {
        let datapath = testing::program(&mut Random(seed), 5, 60);
        let graph = Program::new(&datapath, &Figures).graph;
        let clock = Clock { budget: 2_200_000 };
        let early = bounds::earliest(&graph, clock);
        let stages = bounds::count(&early);
        let guess = mobility::settle(&graph, clock, stages, early.clone());
        let before = graph.register_bits(&early, stages);
        let guessed = graph.register_bits(&guess, stages);
        let from_guess = descent::descend(&graph, clock, stages, guess);
        let from_early = descent::descend(&graph, clock, stages, early);
        assert!(from_guess.exact && from_early.exact);
        let best = graph.register_bits(&from_guess.stage, stages);
        // The best is the best, wherever the search comes from.
        assert_eq!(best, graph.register_bits(&from_early.stage, stages), "seed {seed}");
        assert!(best <= guessed && guessed <= before, "seed {seed}");
        (less, all) = (less + u32::from(best < guessed), all + 1);
    }
    assert!(less > all / 2, "the guess is best in {} of {all} cases", all - less);
}

/// Few operations of every kind that the scheduler treats differently, on few inputs.
fn small(random: &mut Random, modules: bool) -> Datapath {
    let mut datapath = Datapath::default();
    let mut pool = Vec::new();
    for it in 0..2 {
        pool.push(datapath.push(Op::Input(0, it), Interval::new(-9, 9 << random.below(5))));
    }
    let most = 9 + random.below(8);
    while datapath.len() < most {
        let (a, b) = (pool[random.below(pool.len())], pool[random.below(pool.len())]);
        let wide = datapath.width(a) as usize;
        pool.push(match random.below(if modules { 10 } else { 8 }) {
            8.. => testing::module_of(random, &mut datapath, a),
            0..3 => {
                let b = Term { value: b, shift: random.below(3) as u32, negate: random.flip() };
                datapath.add(Term::plain(a), b)
            }
            3..5 => {
                let (low, width) = (random.below(wide) as u32, 1 + random.below(wide) as u32);
                datapath.slice(a, low, width, random.flip())
            }
            5 => datapath.any(a, 1 + random.below(wide) as u32),
            6 => {
                let condition = datapath.bit(b, 0);
                datapath.mux(condition, a, b)
            }
            _ => datapath.compare(crate::rtl::datapath::Relation::Less, a, b),
        });
    }
    let mut elements: Vec<ValueId> = (0..3).map(|_| pool[random.below(pool.len())]).collect();
    elements.extend(pool.last());
    let slots = elements.iter().map(|it| (datapath.width(*it), true)).collect();
    datapath.outputs.push(Port { name: "y".to_owned(), elements, slots });
    datapath
}

/// The fewest register bits of all assignments to so many stages, by trying them.
fn fewest_bits(timing: &Timing<'_>, stages: u32) -> Option<u64> {
    let movable = |id: &ValueId| !timing.datapath.op(*id).is_wiring();
    let ids: Vec<ValueId> = timing.signals().filter(movable).collect();
    let mut stage = vec![0; timing.datapath.len()];
    let mut best = None;
    // Counts through all assignments, those that put an operand behind its reader left out early.
    let mut at = 0;
    let mut next = vec![0; ids.len() + 1];
    loop {
        if at == ids.len() {
            for id in timing.signals() {
                if let Op::Slice { value, .. } = timing.datapath.op(id) {
                    stage[id.index()] = stage[value.index()];
                }
            }
            let bits = bits_of(timing.datapath, &stage, stages);
            best = Some(best.map_or(bits, |best: u64| best.min(bits)));
        } else if next[at] < stages {
            let id = ids[at];
            stage[id.index()] = next[at];
            next[at] += 1;
            for slice in timing.signals().filter(|it| *it < id) {
                if let Op::Slice { value, .. } = timing.datapath.op(slice) {
                    stage[slice.index()] = stage[value.index()];
                }
            }
            if is_legal(timing, &stage, id) {
                at += 1;
                next[at] = 0;
            }
            continue;
        }
        if at == 0 {
            return best;
        }
        at -= 1;
    }
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config {
        failure_persistence: None,
        ..proptest::test_runner::Config::with_cases(300)
    })]

    /// The exact scheduler against all schedules.
    #[test]
    fn as_few_register_bits_as_possible(seed: u64, tenths in 17u32..60, more in 0u32..2) {
        let datapath = small(&mut Random(seed), false);
        let program = Program::new(&datapath, &Figures);
        let clock_ns = 0.25 + f64::from(tenths) * 0.1;
        let timing = program.timing(clock_ns).unwrap();
        let first = program.schedule(&timing, clock_ns, 1);
        // Slow operations have rules of their own; and trying all must end.
        if first.violations.is_empty() && first.stages + more <= 5 {
            let it = program.schedule(&timing, clock_ns, first.stages + more);
            proptest::prop_assert!(it.exact && it.worst_slack_ns > -1e-6);
            proptest::prop_assert_eq!(fewest_bits(&timing, it.stages), Some(it.register_bits));
            if first.stages > 1 {
                proptest::prop_assert_eq!(fewest_bits(&timing, first.stages - 1), None);
            }
        }
    }
}

/// The same with modules that have registers inside.
#[test]
fn modules_with_registers_are_where_they_cost_least() {
    let mut tried = 0;
    for seed in 0..600 {
        let mut random = Random(seed);
        let datapath = small(&mut random, true);
        let clock_ns = 1.95 + random.below(60) as f64 * 0.1;
        let program = Program::new(&datapath, &Figures);
        let timing = program.timing(clock_ns).unwrap();
        let first = program.schedule(&timing, clock_ns, 1);
        let stages = first.stages + random.below(2) as u32;
        let held = timing.signals().any(|it| datapath.hold(it) > 0);
        if !held || !first.violations.is_empty() || stages > 6 {
            continue;
        }
        check(&datapath, clock_ns);
        let it = program.schedule(&timing, clock_ns, stages);
        assert!(it.exact && it.worst_slack_ns > -1e-6, "seed {seed}");
        assert_eq!(fewest_bits(&timing, it.stages), Some(it.register_bits), "seed {seed}");
        if first.stages > 1 {
            assert_eq!(fewest_bits(&timing, first.stages - 1), None, "seed {seed}");
        }
        tried += 1;
    }
    assert!(tried > 100, "only {tried} programs were tried");
}

#[test]
fn registers_inside_of_modules_are_the_least_latency() {
    let mut datapath = Datapath::default();
    let x = datapath.push(Op::Input(0, 0), Interval::new(-9, 9));
    let kernel = std::sync::Arc::new(testing::kernel(crate::fixed::Format::signed(5, 5), 3));
    let results: std::sync::Arc<[i128]> = (0..32).map(|it| it % 16).collect();
    let y = datapath.external(&kernel, &results, x);
    datapath.outputs.push(Port { name: "y".to_owned(), elements: vec![y], slots: vec![(5, true)] });
    // The rank of the inputs and those of the module.
    let least = check(&datapath, 1000.0);
    assert_eq!((least.latency, least.stage(y), least.read_at(&datapath, y)), (4, 2, 0));
    for clock_ns in [None, Some(5.0)] {
        let error = schedule_in(&datapath, &Figures, 3, clock_ns).unwrap_err();
        assert_eq!(error, ScheduleError::Modules { found: 3, needed: 4 });
        assert_eq!(schedule_in(&datapath, &Figures, 6, clock_ns).unwrap().latency, 6);
    }
    let fastest = fastest(&datapath, &Figures, 4).unwrap();
    assert_eq!(fastest, 0.95, "the module's own path and a register");
    let slow = schedule(&datapath, &Figures, 0.9).unwrap();
    assert_eq!(slow.violations[0].op, "external module");
}

#[test]
fn a_latency_is_a_target() {
    for seed in 0..20 {
        let datapath = testing::program(&mut Random(seed), 5, 30);
        for latency in [2, 3, 5, 9, 60] {
            let free = schedule_in(&datapath, &Figures, latency, None).unwrap();
            assert_eq!(free.latency, latency);
            assert!(free.violations.is_empty() && free.worst_slack_ns > -1e-9, "seed {seed}");
            let clock_ns = fastest(&datapath, &Figures, latency).unwrap();
            assert_eq!(clock_ns, free.clock_ns);
            // A picosecond less is too little, if not for an operation then for the stages.
            let least = schedule(&datapath, &Figures, clock_ns - 0.001).unwrap();
            assert!(!least.violations.is_empty() || least.latency > latency, "seed {seed}");
            let both = schedule_in(&datapath, &Figures, latency, Some(clock_ns + 1.0)).unwrap();
            assert_eq!((both.latency, both.clock_ns), (latency, clock_ns + 1.0));
            let short = clock_ns * 0.6;
            let fewest = schedule(&datapath, &Figures, short).unwrap();
            match schedule_in(&datapath, &Figures, latency, Some(short)) {
                Ok(it) => assert!(fewest.latency <= latency && it.latency == latency),
                Err(ScheduleError::Missed(it)) => {
                    assert_eq!((it.needed_latency, it.needed_clock_ns), (fewest.latency, clock_ns));
                }
                Err(other) => panic!("{other}"),
            }
        }
    }
    let datapath = testing::program(&mut Random(1), 1, 3);
    let error = schedule_in(&datapath, &Figures, 1, None).unwrap_err();
    assert_eq!(error, ScheduleError::Latency { found: 1 });
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
