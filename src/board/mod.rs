//! Boards: a design's AXI4-Stream wrapper behind a serial line, with the pins that it needs there.
//!
//! A beat goes in and out as the bytes of its word, the low ones first; the samples' own protocol is in
//! `rtl-templates/board.sv.tera`. Boards are data (`constraints/boards.json`); who has another one gives a file of
//! the same fields.

use serde::{Deserialize, Serialize};
use tera::{Context, Tera};

const KNOWN: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/constraints/boards.json"));

macro_rules! template {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $path))
    };
}

/// The modules that a board needs besides.
const MODULES: [(&str, &str); 4] = [
    ("nn_uart_rx.sv", template!("rtl-templates/nn_uart_rx.sv")),
    ("nn_uart_tx.sv", template!("rtl-templates/nn_uart_tx.sv")),
    ("nn_bytes_in.sv", template!("rtl-templates/nn_bytes_in.sv")),
    ("nn_bytes_out.sv", template!("rtl-templates/nn_bytes_out.sv")),
];

/// A board.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Board {
    /// Its name.
    pub name: String,
    /// The device, by the name that `targets` lists.
    pub device: String,
    /// Its package, as nextpnr calls it.
    pub package: String,
    /// Its speed grade.
    pub speed: u32,
    /// The clock at the pin, MHz.
    pub clock_mhz: f64,
    /// Standard of the pins.
    pub io_type: String,
    /// Pin of the clock.
    pub clock: String,
    /// Pin that receives.
    pub rx: String,
    /// Pin that sends.
    pub tx: String,
    /// Pins of two lights: on, and a byte was lost.
    pub leds: [String; 2],
    /// A pin that must stay high.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<String>,
}

/// A name that no board has, and that is no file.
#[derive(Debug, thiserror::Error)]
#[error("unknown board `{name}`; known: {known}, or a JSON file like constraints/boards.json")]
pub struct UnknownBoard {
    name: String,
    known: String,
}

/// All boards.
pub fn all() -> Vec<Board> {
    serde_json::from_str(KNOWN).expect("the table is part of the program and is tested")
}

/// A board by its name.
///
/// # Errors
/// [`UnknownBoard`].
pub fn find(name: &str) -> Result<Board, UnknownBoard> {
    let boards = all();
    let known: Vec<String> = boards.iter().map(|it| it.name.clone()).collect();
    let found = boards.into_iter().find(|it| it.name.eq_ignore_ascii_case(name));
    found.ok_or_else(|| UnknownBoard { name: name.to_owned(), known: known.join(", ") })
}

/// What of a design its wrapper depends on: one word at each side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// The design's top module.
    pub top: String,
    /// Its AXI4-Stream wrapper.
    pub axis: String,
    /// Bytes of a beat, in and out.
    pub bytes: [usize; 2],
    /// Beats of a sample, in and out.
    pub beats: [usize; 2],
    /// It streams: its wrapper has TKEEP.
    pub stream: bool,
    /// Bits a second.
    pub baud: u32,
    /// Cycles of the board's clock in a bit.
    pub bit_cycles: u32,
}

impl Link {
    /// The module of the whole board.
    pub fn module(&self) -> String {
        format!("{}_board", self.top)
    }

    /// Bytes of a sample and of its result.
    pub fn sample(&self) -> [usize; 2] {
        [0, 1].map(|it| self.bytes[it] * self.beats[it])
    }
}

/// Cycles of a clock in a bit of the line; `None` if that is no clock for it: fewer than four, or off by more
/// than a hundredth.
pub fn bit_cycles(clock_mhz: f64, baud: u32) -> Option<u32> {
    let exact = 1e6 * clock_mhz / f64::from(baud.max(1));
    let cycles = exact.round();
    let near = (cycles - exact).abs() < 0.01 * exact;
    (near && (4.0..1e6).contains(&cycles)).then_some(cycles as u32)
}

/// The files of a board: SystemVerilog in the order of compilation, then the pins.
pub fn files(board: &Board, link: &Link) -> Vec<(String, String)> {
    let mut context = Context::from_serialize(link).expect("a struct of plain fields serializes");
    context.insert("board", board);
    let sides = [("in", 0), ("out", 1)];
    for (side, at) in sides {
        context.insert(format!("bytes_{side}"), &link.bytes[at]);
        context.insert(format!("beats_{side}"), &link.beats[at]);
    }
    context.insert("in_msb", &(8 * link.bytes[0] - 1));
    context.insert("out_msb", &(8 * link.bytes[1] - 1));
    context.insert("keep_msb", &(link.bytes[1] - 1));
    let mut pins = vec![
        ("clk_i", &board.clock),
        ("rx_i", &board.rx),
        ("tx_o", &board.tx),
        ("led_o[0]", &board.leds[0]),
        ("led_o[1]", &board.leds[1]),
    ];
    pins.extend(board.keep.iter().map(|it| ("keep_o", it)));
    context.insert("pins", &pins);
    let print = |template: &str| {
        Tera::one_off(template, &context, false)
            .expect("the template is part of the program and prints every field it names")
    };
    let mut files: Vec<(String, String)> =
        MODULES.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    files.push((format!("{}.sv", link.module()), print(template!("rtl-templates/board.sv.tera"))));
    files.push(("board.lpf".to_owned(), print(template!("constraints/board.lpf.tera"))));
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boards_have_devices_and_pins_of_their_own() {
        for board in all() {
            crate::device::find(&board.device).unwrap();
            let mut pins = vec![&board.clock, &board.rx, &board.tx, &board.leds[0], &board.leds[1]];
            pins.extend(board.keep.iter());
            let count = pins.len();
            pins.sort();
            pins.dedup();
            assert_eq!(pins.len(), count, "{}", board.name);
            assert_eq!(find(&board.name.to_uppercase()).unwrap(), board);
        }
        assert!(find("none").unwrap_err().to_string().contains("ulx3s-85f"));
    }

    #[test]
    fn bits_last_whole_cycles() {
        assert_eq!(bit_cycles(25.0, 115_200), Some(217));
        assert_eq!(bit_cycles(12.0, 1_000_000), Some(12));
        // 4.34 cycles, and 2: no clock for such a line.
        assert_eq!(bit_cycles(5.0, 1_152_000), None);
        assert_eq!(bit_cycles(2.0, 1_000_000), None);
    }
}
