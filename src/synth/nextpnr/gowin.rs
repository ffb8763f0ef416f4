//! Gowin (Project Apicula).

use super::super::harness::{Family, PINS};
use super::super::{Result, Synthesis};
use super::Job;
use super::harnessed::{Flow, place as placed};

/// Data of memories in lookup tables: their pins are misspelled in nextpnr's table of delays.
pub(in crate::synth) const FAMILY: Family =
    Family { synth: "synth_gowin", probes: &[("RAM16SDP4", "DI")], open: &[] };

/// Where the pins of the harness are on the die, the same in every package; the first is one for clocks.
const PLACES: [&str; PINS.len()] = ["IOT27A", "IOT2A", "IOT4A", "IOT6A"];

/// There are no delays of multipliers in nextpnr's database, and those of the second port of block RAMs, which is
/// the one that is read, are at a port that does not exist (YosysHQ/nextpnr#1786).
const UNTIMED: [&str; 2] = ["MULT", "DP"];

pub(super) fn place(job: &Job<'_>, synthesised: Synthesis) -> Result<Synthesis> {
    let part = &job.device.part;
    let die = format!("family={}", job.device.name.to_uppercase());
    let flow = Flow {
        program: "himbaechel-gowin",
        part,
        family: FAMILY,
        pins: pins(),
        router: None,
        options: &["--device", part, "--vopt", &die, "--vopt", "cst="],
        untimed: &UNTIMED,
        chain: Some("ALU"),
    };
    placed(job, synthesised, flow)
}

/// The pins of the harness.
fn pins() -> String {
    let pins = PINS.iter().zip(PLACES);
    pins.map(|(pin, place)| format!("IO_LOC \"{pin}\" {place};\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pin_has_a_place() {
        let text = pins();
        assert_eq!(text.lines().count(), PINS.len());
        assert!(text.starts_with("IO_LOC \"clk_i\" IOT27A;\n"), "{text}");
    }
}
