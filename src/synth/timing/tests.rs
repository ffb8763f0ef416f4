//! A small netlist by hand: its longest path is what one adds up on paper.

use super::*;
use crate::device::find;

/// A register, a table, a carry of two pieces, a register; a port in front.
const TEXT: &str = r#"{"modules": {"top": {"cells": {
  "a": {"type": "FDRE", "port_directions": {"C": "input", "D": "input", "Q": "output"},
        "connections": {"C": [2], "D": [3], "Q": [4]}},
  "b": {"type": "LUT2", "port_directions": {"I0": "input", "I1": "input", "O": "output"},
        "connections": {"I0": [4], "I1": [5], "O": [6]}},
  "c": {"type": "CARRY4", "port_directions": {"CI": "input", "S": "input", "CO": "output", "O": "output"},
        "connections": {"CI": ["0"], "S": [6, "0", "0", "0"], "CO": [7, 8, 9, 10], "O": [11, 12, 13, 14]}},
  "d": {"type": "CARRY4", "port_directions": {"CI": "input", "S": "input", "CO": "output", "O": "output"},
        "connections": {"CI": [10], "S": ["0", "0", "0", "0"], "CO": [15, 16, 17, 18], "O": [19, 20, 21, 22]}},
  "e": {"type": "FDRE", "port_directions": {"C": "input", "D": "input", "Q": "output"},
        "connections": {"C": [2], "D": [22], "Q": [23]}}
}}}}"#;

#[test]
fn the_longest_path_is_the_sum_of_its_parts() {
    let delays = find("xcvu9p").unwrap().delay();
    let timing = analyze(TEXT, "top", delays, 10).unwrap().unwrap();
    let kinds: Vec<&str> = timing.path.iter().map(|it| it.kind.as_str()).collect();
    assert_eq!(kinds, ["FDRE", "LUT2", "CARRY4", "CARRY4"]);
    let expected = delays.register_ns
        + 2.0 * NET_SHARE * delays.net_ns
        + delays.lut_ns
        + delays.carry_ns
        + 8.0 * delays.carry_bit_ns;
    assert!((timing.period_ns - expected).abs() < 1e-9, "{} {expected}", timing.period_ns);
}

#[test]
fn what_is_not_there_is_said() {
    let delays = find("xcvu9p").unwrap().delay();
    assert!(analyze(TEXT, "other", delays, 10).unwrap().is_none());
    assert!(analyze("{", "top", delays, 10).is_err());
    // Nothing but a register: what registers take.
    let alone = r#"{"modules": {"t": {"cells": {}}}}"#;
    let timing = analyze(alone, "t", delays, 1).unwrap().unwrap();
    assert_eq!(timing, Timing { period_ns: delays.register_ns, path: Vec::new() });
}
