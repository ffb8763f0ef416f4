//! Nexus (Project Oxide).
//!
//! The clock comes from the oscillator inside: from most pins nextpnr finds no way to the clock network.

use super::super::harness::{Clock, Family, PINS};
use super::super::{Result, Synthesis};
use super::Job;
use super::harnessed::{Flow, place as placed};

/// Carry chains begin with an open pin; Yosys ties it to zero, which nextpnr refuses (YosysHQ/yosys#5639).
pub(in crate::synth) const FAMILY: Family =
    Family { synth: "synth_lattice -family lifcl", probes: &[], open: &[("CCU2", "CIN")] };

/// Where the pins of the harness are (package BG400), without the clock's.
const PLACES: [&str; PINS.len() - 1] = ["G19", "F16", "E17"];

/// nextpnr takes multipliers without registers for ones that have some.
const UNTIMED: [&str; 1] = ["MULT"];

/// The oscillator's clock as nextpnr sees it, MHz, before it is divided.
const OSCILLATOR_MHZ: f64 = 481.58;

pub(super) fn place(job: &Job<'_>, synthesised: Synthesis) -> Result<Synthesis> {
    let part = &job.device.part;
    let flow = Flow {
        program: "nexus",
        part,
        family: FAMILY,
        clock: Clock::Oscillator { divider: divider(job.sources.clock_ns) },
        pins: pins(),
        options: &["--device", part, "--pdc", ""],
        untimed: &UNTIMED,
        chain: None,
    };
    placed(job, synthesised, flow)
}

/// The divider for the slowest clock that is not slower than the period, which is what nextpnr works for.
fn divider(clock_ns: f64) -> u32 {
    let times = (OSCILLATOR_MHZ * clock_ns / 1000.0).floor();
    // The divider is one less than what it divides by.
    (times as u32).clamp(2, 256) - 1
}

/// The pins of the harness.
fn pins() -> String {
    let pins = PINS[1..].iter().zip(PLACES);
    pins.map(|(pin, place)| format!("ldc_set_location -site {{{place}}} [get_ports {pin}]\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pin_has_a_place() {
        let text = pins();
        assert_eq!(text.lines().count(), PINS.len() - 1);
        assert!(text.starts_with("ldc_set_location -site {G19} [get_ports rst_ni]\n"), "{text}");
    }

    #[test]
    fn the_oscillator_is_not_slower_than_the_clock() {
        assert_eq!([10.0, 5.0, 1.0, 1e9].map(divider), [3, 1, 1, 255]);
    }
}
