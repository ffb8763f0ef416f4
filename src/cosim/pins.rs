//! Which pin of the design is which: channels, lanes of words for the vectors, and the header `pins.h`
//! that tells the harness.
//!
//! A *channel* is a handshake with the ports that go with it. A *lane* is one of its data pins with the
//! words that it takes in a row of the vector file: a port, or with an AXI4-Stream `tdata`, which all
//! ports of the channel share.

use std::fmt::Write as _;

use super::{Dut, Port, Protocol};

/// A data pin and its words in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lane {
    pub(super) pin: String,
    pub(super) first: u32,
    pub(super) words: u32,
}

/// A handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Channel {
    /// Its ports, by their positions among all of the side.
    pub(super) ports: std::ops::Range<usize>,
    /// Beats of a sample.
    pub(super) beats: u32,
    pub(super) lanes: Vec<Lane>,
    valid: String,
    ready: String,
    last: String,
    /// Which bytes are there, and how many there are.
    keep: Option<(String, u32)>,
}

impl Channel {
    /// Words of a row.
    pub(super) fn words(&self) -> u32 {
        self.lanes.iter().map(|lane| lane.words).sum()
    }

    /// The words of `tkeep` in the model, each with the bits that it has.
    fn keep(&self) -> impl Iterator<Item = (String, u64)> {
        let (pin, bytes) = self.keep.clone().unwrap_or_default();
        // A pin of more bits is an array of words.
        let word = if bytes > 64 { 32 } else { 64 };
        (0..bytes.div_ceil(word)).map(move |at| {
            let place = if bytes > 64 { format!("{pin}[{at}]") } else { pin.clone() };
            (place, u64::MAX >> (64 - (bytes - at * word).min(word)))
        })
    }
}

impl Dut {
    /// The handshakes of a side.
    pub(super) fn channels(&self, input: bool) -> Vec<Channel> {
        let (ports, beats) = match input {
            true => (&self.inputs, self.in_beats),
            false => (&self.outputs, self.out_beats),
        };
        let own = self.streams.as_ref().map(|it| &it[usize::from(!input)]);
        match own {
            Some(beats) if ports.len() > 1 => (0..ports.len())
                .map(|at| self.channel(input, at..at + 1, beats[at], Some(&ports[at].name)))
                .collect(),
            Some(beats) => vec![self.channel(input, 0..ports.len(), beats[0], None)],
            None => vec![self.channel(input, 0..ports.len(), beats, None)],
        }
    }

    /// A channel; `of` is the port that it has for itself among several.
    fn channel(
        &self,
        input: bool,
        ports: std::ops::Range<usize>,
        beats: u32,
        of: Option<&String>,
    ) -> Channel {
        let own = if input { &self.inputs } else { &self.outputs };
        let stem = of.map(|it| it.strip_suffix(if input { "_i" } else { "_o" }).unwrap_or(it));
        let names: [String; 5] = match self.protocol {
            Protocol::ValidReady => {
                let side = if input { "in" } else { "out" };
                let (to, from) = if input { ("i", "o") } else { ("o", "i") };
                let pin = |what: &str, to: &str| match stem {
                    Some(stem) => format!("{what}_{stem}_{to}"),
                    None => format!("{side}_{what}_{to}"),
                };
                [
                    pin("valid", to),
                    pin("ready", from),
                    pin("last", to),
                    String::new(),
                    String::new(),
                ]
            }
            Protocol::AxiStream => {
                let stem =
                    stem.map(|it| it.strip_prefix(if input { "in" } else { "out" }).unwrap_or(it));
                let side = if input { "s_axis" } else { "m_axis" };
                let stem = format!("{side}{}", stem.unwrap_or(""));
                ["tvalid", "tready", "tlast", "tdata", "tkeep"].map(|it| format!("{stem}_{it}"))
            }
        };
        let [valid, ready, last, data, keep] = names;
        let bits = own[ports.clone()].iter().map(bits).max().unwrap_or(0);
        let keep = self.has_keep.then(|| (keep, bits.div_ceil(8)));
        let lanes = lanes(&own[ports.clone()], self.protocol, &data);
        Channel { ports, beats, lanes, valid, ready, last, keep }
    }

    /// For each port of a channel the first bit of its lane in a row.
    pub(super) fn bases(&self, channel: &Channel) -> Vec<u32> {
        match self.protocol {
            Protocol::ValidReady => channel.lanes.iter().map(|lane| 32 * lane.first).collect(),
            Protocol::AxiStream => vec![0; channel.ports.len()],
        }
    }
}

/// Bits of a port.
fn bits(port: &Port) -> u32 {
    port.slots.iter().map(|it| it.offset + it.width).max().unwrap_or(0)
}

fn lanes(ports: &[Port], protocol: Protocol, tdata: &str) -> Vec<Lane> {
    let each: Vec<(&str, u32)> = match protocol {
        Protocol::ValidReady => ports.iter().map(|port| (port.name.as_str(), bits(port))).collect(),
        Protocol::AxiStream => vec![(tdata, ports.iter().map(bits).max().unwrap_or(0))],
    };
    let mut first = 0;
    let lane = |(pin, bits): (&str, u32)| {
        let lane = Lane { pin: pin.to_owned(), first, words: bits.div_ceil(32) };
        first += lane.words;
        lane
    };
    each.into_iter().map(lane).collect()
}

/// The header `pins.h` of a design whose Verilated class is `Vdut`.
pub(super) fn header(dut: &Dut, wave: bool) -> String {
    let (clock, reset) = match dut.protocol {
        Protocol::ValidReady => ("clk_i", "rst_ni"),
        Protocol::AxiStream => ("aclk", "aresetn"),
    };
    let (ins, outs) = (dut.channels(true), dut.channels(false));
    let mut text = format!(
        "// The pins of `{}` under the names that harness.cpp uses. Generated by nn2rtl.\n\n\
         #pragma once\n\n#include \"Vdut.h\"\n\n#define NN_WAVE {}\n\
         #define NN_LOAD {}\n#define NN_LOAD_BITS {}\n\nstruct Pins {{\n  \
         static constexpr bool kHasLast = {};\n  static constexpr uint32_t kIn = {};\n  \
         static constexpr uint32_t kOut = {};\n",
        dut.top,
        u8::from(wave),
        match (dut.load, dut.protocol) {
            (None, _) => 0,
            (Some(_), Protocol::ValidReady) => 1,
            (Some(_), Protocol::AxiStream) => 2,
        },
        dut.load.unwrap_or(0),
        dut.has_last,
        ins.len(),
        outs.len(),
    );
    for (function, pin) in [("clock", clock), ("reset", reset)] {
        let _ = writeln!(text, "  static CData& {function}(Vdut& dut) {{ return dut.{pin}; }}");
    }
    for (side, channels) in [("in", &ins), ("out", &outs)] {
        let words = |it: &Channel| format!("return {};", it.words());
        switch(&mut text, &format!("uint32_t {side}_words(uint32_t c)"), channels, words);
        let pin = |name: &str, present: bool| match present {
            true => format!("return dut.{name};"),
            // A pin that the design lacks can still be written and read.
            false => "(void)dut; static CData none = 0; return none;".to_owned(),
        };
        let mut control = |what: &str, body: &dyn Fn(&Channel) -> String| {
            let head = format!("CData& {side}_{what}(Vdut& dut, uint32_t c)");
            switch(&mut text, &head, channels, body);
        };
        control("valid", &|it| pin(&it.valid, true));
        control("ready", &|it| pin(&it.ready, true));
        control("last", &|it| pin(&it.last, dut.has_last));
    }
    text += "  // The bytes that noise lets stand, and whether all are there.\n";
    switch(&mut text, "void in_keep(Vdut& dut, uint32_t c, uint64_t noise)", &ins, |it| {
        let set = |(pin, mask): (String, u64)| format!("dut.{pin} = {mask:#x}u & noise; ");
        format!("(void)dut; (void)noise; {}return;", it.keep().map(set).collect::<String>())
    });
    switch(&mut text, "bool out_keep(Vdut& dut, uint32_t c)", &outs, |it| {
        let all = |(pin, mask): (String, u64)| format!(" && dut.{pin} == {mask:#x}u");
        format!("(void)dut; return true{};", it.keep().map(all).collect::<String>())
    });
    for (function, channels) in [("inputs", &ins), ("outputs", &outs)] {
        text += "  // Calls visit(pin, first word in the row, words).\n  template <class Visit>\n";
        let head = format!("void {function}(Vdut& dut, uint32_t c, Visit visit)");
        switch(&mut text, &head, channels, |channel: &Channel| {
            let mut body = String::new();
            for Lane { pin, first, words } in &channel.lanes {
                let _ = write!(
                    body,
                    "\n        static_assert(sizeof(dut.{pin}) * 8 > 32 * ({words} - 1), \"{pin} is narrower \
                     than its elements\");\n        visit(dut.{pin}, {first}, {words});"
                );
            }
            body + "\n        return;"
        });
    }
    text + "};\n"
}

/// A function that does something else for each channel.
fn switch(text: &mut String, head: &str, channels: &[Channel], body: impl Fn(&Channel) -> String) {
    let _ = writeln!(text, "  static {head} {{\n    switch (c) {{");
    for (at, channel) in channels.iter().enumerate() {
        let case =
            if at + 1 == channels.len() { "default".to_owned() } else { format!("case {at}") };
        let _ = writeln!(text, "      {case}: {{ {} }}", body(channel));
    }
    text.push_str("    }\n  }\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cosim::packed;

    #[test]
    fn lanes_start_at_whole_words() {
        let dut = Dut::new("t", Vec::new())
            .input("in_a_i", packed(3, 11, true))
            .input("in_b_i", packed(1, 1, false))
            .output("y_o", packed(4, 16, true));
        let lane = |pin: &str, first, words| Lane { pin: pin.to_owned(), first, words };
        let [inputs, outputs] = [true, false].map(|it| dut.channels(it).remove(0));
        assert_eq!(inputs.lanes, [lane("in_a_i", 0, 2), lane("in_b_i", 2, 1)]);
        assert_eq!(outputs.lanes, [lane("y_o", 0, 2)]);
        assert_eq!(dut.bases(&inputs), [0, 64]);

        let streams = Dut { streams: Some([vec![4, 6], vec![3]]), ..dut.clone() };
        let inputs = streams.channels(true);
        let beats = |it: &Channel| (it.valid.clone(), it.beats);
        let expected = [("valid_in_a_i".to_owned(), 4), ("valid_in_b_i".to_owned(), 6)];
        assert_eq!(inputs.iter().map(beats).collect::<Vec<_>>(), expected);
        assert_eq!(inputs[1].lanes, [lane("in_b_i", 0, 1)]);
        assert_eq!(streams.channels(false)[0].valid, "out_valid_o");
        // A tensor may be called like a direction.
        let named = Dut::new("t", Vec::new())
            .input("in_x_i", packed(1, 8, true))
            .input("in_x_o_i", packed(1, 8, true));
        let named = Dut { streams: Some([vec![1, 1], Vec::new()]), ..named };
        let valid: Vec<String> = named.channels(true).into_iter().map(|it| it.valid).collect();
        assert_eq!(valid, ["valid_in_x_i", "valid_in_x_o_i"]);

        let axi = Dut { protocol: Protocol::AxiStream, has_keep: true, ..dut };
        let inputs = axi.channels(true).remove(0);
        assert_eq!(inputs.lanes, [lane("s_axis_tdata", 0, 2)]);
        assert_eq!(inputs.keep().collect::<Vec<_>>(), [("s_axis_tkeep".to_owned(), 0x1f)]);
        let wide = Channel { keep: Some(("k".to_owned(), 67)), ..inputs.clone() };
        let words = [("k[0]", u64::from(u32::MAX)), ("k[1]", u64::from(u32::MAX)), ("k[2]", 7)];
        assert_eq!(wide.keep().collect::<Vec<_>>(), words.map(|(pin, it)| (pin.to_owned(), it)));
        assert_eq!(axi.bases(&inputs), [0, 0]);
    }

    #[test]
    fn the_header_names_every_pin_once() {
        let dut = Dut::new("t", Vec::new())
            .input("a_i", packed(3, 11, true))
            .output("y_o", packed(4, 16, true));
        let text = header(&dut, false);
        for pin in ["clk_i", "rst_ni", "in_valid_i", "in_ready_o", "out_valid_o", "out_ready_i"] {
            assert_eq!(text.matches(&format!("dut.{pin};")).count(), 1, "{pin}\n{text}");
        }
        assert!(!text.contains("in_last_i"));
        assert!(text.contains("visit(dut.a_i, 0, 2);"));
    }
}
