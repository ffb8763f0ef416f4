//! The division into modules checked against its definition.

use std::collections::BTreeMap;

use super::*;
use crate::rtl::pipeline::schedule;
use crate::rtl::testing::{self, Figures, Random};

/// Every signal that something reads is there, made in one way, and no register is built twice.
#[test]
fn modules_are_complete_and_registers_unique() {
    for seed in 0..40 {
        let mut random = Random(seed);
        let (layers, ops) = (1 + random.below(6), 10 + random.below(40));
        let datapath = testing::program(&mut random, layers, ops);
        for clock in [2.0, 3.0, 100.0] {
            let schedule = schedule(&datapath, &Figures, clock).unwrap();
            let netlist = Netlist::new(&datapath, &schedule, "dut");
            check(&netlist).unwrap_or_else(|why| panic!("seed {seed}, clock {clock}: {why}"));
        }
    }
}

/// The same around modules with registers inside, whole and in slices, within a layer and across.
#[test]
fn modules_of_the_users_have_what_they_read() {
    for seed in 0..60 {
        let mut random = Random(seed);
        let mut datapath = testing::program(&mut random, 1, 12);
        let mut pool: Vec<ValueId> = datapath.values().rev().take(8).collect();
        for layer in 0..3 {
            let origin = crate::error::Origin::new("m", layer.to_string());
            let (name, about) = (format!("own_{layer}"), String::new());
            datapath.enter(crate::rtl::datapath::Scope { name, about, origin });
            for _ in 0..6 {
                let of = pool[random.below(pool.len())];
                let made = match random.below(3) {
                    0 => datapath.slice(of, random.below(3) as u32, 2, random.flip()),
                    _ => testing::module_of(&mut random, &mut datapath, of),
                };
                pool.push(made);
            }
        }
        let elements = pool.split_off(pool.len() - 6);
        let slots = elements.iter().map(|it| (datapath.width(*it), true)).collect();
        let name = "own".to_owned();
        datapath.outputs.push(crate::rtl::datapath::Port { name, elements, slots });
        for clock in [2.0, 100.0] {
            let schedule = schedule(&datapath, &Figures, clock).unwrap();
            let netlist = Netlist::new(&datapath, &schedule, "dut");
            check(&netlist).unwrap_or_else(|why| panic!("seed {seed}, clock {clock}: {why}"));
        }
    }
}

fn check(netlist: &Netlist<'_>) -> Result<(), String> {
    let mut exported = BTreeMap::new();
    let mut registers = BTreeMap::new();
    let mut bits = 0u64;
    for module in netlist.layers.iter().chain([&netlist.core]) {
        for signal in &module.outputs {
            if exported.insert(*signal, module.scope).is_some() {
                return Err(format!("{signal:?} leaves two modules"));
            }
        }
        for (signal, source) in &module.signals {
            let input = matches!(netlist.datapath.op(signal.value), Op::Input(..));
            if *source == Source::Registered || input {
                let kept = netlist.bits(*signal);
                bits += u64::from(kept.high - kept.low);
                if registers.insert(*signal, module.scope).is_some() {
                    return Err(format!("{signal:?} is registered twice"));
                }
            }
        }
    }
    // Between bits that are read there may be some that are not; a copied sign is written twice.
    if bits < netlist.schedule.register_bits || bits > netlist.schedule.register_bits * 5 / 4 {
        return Err(format!("{bits} bits of registers, not {}", netlist.schedule.register_bits));
    }
    for module in netlist.layers.iter().chain([&netlist.core]) {
        complete(netlist, module)?;
        if module.inputs.iter().any(|it| !exported.contains_key(it)) {
            return Err(format!("{:?} reads what nobody gives", module.scope));
        }
    }
    Ok(())
}

/// Whether the bits that a value takes of another one are there.
fn held(
    netlist: &Netlist<'_>,
    value: ValueId,
    stage: u32,
    find: &dyn Fn(u32, ValueId) -> Result<(), String>,
) -> Result<(), String> {
    let lifetimes = &netlist.schedule.lifetimes;
    let part = lifetimes.taken(netlist.datapath, value).unwrap_or(lifetimes.part(value));
    let holder = lifetimes.holder(value, stage);
    let there = netlist.bits(Signal { stage, value: holder });
    let own = lifetimes.part(holder);
    let low = part.low.checked_sub(own.low).ok_or("a holder that does not hold")?;
    match part.root == own.root && there.low <= low && low + part.bits() <= there.high {
        true => find(stage, holder),
        false => Err(format!("{value} is not in {holder} in stage {stage}: {there:?}")),
    }
}

fn complete(netlist: &Netlist<'_>, module: &Module) -> Result<(), String> {
    let datapath = netlist.datapath;
    let mut there: Vec<Signal> = module.inputs.clone();
    there.extend(module.signals.iter().map(|it| it.0));
    there.sort_unstable();
    if there.windows(2).any(|it| it[0] == it[1]) {
        return Err(format!("{:?} has a signal twice", module.scope));
    }
    let find = |stage: u32, value: ValueId| {
        let is_const = matches!(datapath.op(value), Op::Const(_));
        match is_const || there.binary_search(&Signal { stage, value }).is_ok() {
            true => Ok(()),
            false => Err(format!("{:?} misses {value} in stage {stage}", module.scope)),
        }
    };
    for (signal, source) in &module.signals {
        let Signal { stage, value } = *signal;
        match source {
            Source::Registered => find(stage - 1, value)?,
            Source::Sliced => held(netlist, value, stage, &find)?,
            Source::Computed => {
                if stage != netlist.schedule.stage(value) {
                    return Err(format!("{value} is computed in stage {stage}"));
                }
                match netlist.schedule.lifetimes.taken(datapath, value) {
                    Some(_) => held(netlist, value, stage, &find)?,
                    None => {
                        let stage = netlist.schedule.read_at(datapath, value);
                        datapath.op(value).operands().try_for_each(|it| find(stage, it))?;
                    }
                }
            }
        }
    }
    module.outputs.iter().try_for_each(|it| find(it.stage, it.value))?;
    if module.scope.is_none() {
        let outputs = datapath.outputs.iter().flat_map(|port| &port.elements);
        outputs.copied().try_for_each(|it| find(netlist.schedule.stages, it))?;
    }
    Ok(())
}

#[test]
fn names_are_legal_and_unique() {
    for (name, want) in [
        ("Dense__1", "dense_1"),
        ("3x3", "n3x3"),
        ("a/b:c d.", "a_b_c_d"),
        ("module", "module"),
        ("__é", "x"),
    ] {
        assert_eq!(sanitize(name), want);
    }
    let datapath = testing::program(&mut Random(3), 6, 30);
    for (design, want) in [("table", "table_v2"), ("nn_fifo", "net_nn_fifo"), ("Jets", "jets")] {
        let schedule = schedule(&datapath, &Figures, 3.0).unwrap();
        assert_eq!(Netlist::new(&datapath, &schedule, design).names.design, want);
    }
    let schedule = schedule(&datapath, &Figures, 3.0).unwrap();
    let netlist = Netlist::new(&datapath, &schedule, "dut");
    let mut seen = BTreeMap::new();
    for module in netlist.layers.iter().chain([&netlist.core]) {
        for (signal, _) in &module.signals {
            let name = netlist.name(*signal);
            assert!(!name.contains("__"), "{name}");
            assert_eq!(*seen.entry(name).or_insert(*signal), *signal);
        }
    }
}
