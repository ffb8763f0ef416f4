//! Nexus (Project Oxide).
//!
//! The router is nextpnr's older one: the default one finds no way from the pin to the clock network.

use super::super::harness::{Family, PINS};
use super::super::{Result, Synthesis};
use super::harnessed::{Flow, place as placed};
use super::{Job, Router};

/// Carry chains begin with an open pin; Yosys ties it to zero, which nextpnr refuses (YosysHQ/yosys#5639).
pub(in crate::synth) const FAMILY: Family =
    Family { synth: "synth_lattice -family lifcl", probes: &[], open: &[("CCU2", "CIN")] };

/// Where the pins of the harness are (package BG400); the first is the clock of the evaluation board.
const PLACES: [&str; PINS.len()] = ["L13", "G19", "F16", "E17"];

/// nextpnr takes multipliers without registers for ones that have some.
const UNTIMED: [&str; 1] = ["MULT"];

pub(super) fn place(job: &Job<'_>, synthesised: Synthesis) -> Result<Synthesis> {
    let part = &job.device.part;
    let flow = Flow {
        program: "nexus",
        part,
        family: FAMILY,
        pins: pins(),
        router: Some(Router::One),
        options: &["--device", part, "--pdc", ""],
        untimed: &UNTIMED,
        chain: None,
    };
    placed(job, synthesised, flow)
}

/// The pins of the harness.
fn pins() -> String {
    let pins = PINS.iter().zip(PLACES);
    pins.map(|(pin, place)| format!("ldc_set_location -site {{{place}}} [get_ports {pin}]\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pin_has_a_place() {
        let text = pins();
        assert_eq!(text.lines().count(), PINS.len());
        assert!(text.starts_with("ldc_set_location -site {L13} [get_ports clk_i]\n"), "{text}");
    }
}
