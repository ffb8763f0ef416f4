//! `input -> quantizer`: the port carries what the quantizer leaves, so that no bit is wasted there.
//!
//! Several quantizers get a port from which each can make what it would have made of the float: they
//! must round by looking at one bit more at most, and wrap. Only where nothing but quantizers reads
//! the input and the user gave it no type of its own.

use super::{Options, Pass};
use crate::fixed::{Format, Overflow, Rounding};
use crate::layers::{Layer, Quantizer};
use crate::nn::Graph;

/// Gives inputs the formats of the quantizers behind them.
pub(super) const PASS: Pass = Pass {
    name: "quantize_ports",
    about: "give an input the formats of the quantizers that alone read it",
    run,
};

fn run(graph: &mut Graph, options: &Options) -> bool {
    let mut changed = false;
    for id in graph.inputs.clone() {
        let free = !options.pinned.contains(&graph.node(id).name) && !graph.outputs.contains(&id);
        let quantizer = |id| match &graph.node(id).op {
            Layer::Quantizer(it) => Some(it),
            _ => None,
        };
        let users: Option<Vec<&Quantizer>> = graph.users(id).into_iter().map(quantizer).collect();
        let lanes = users.filter(|_| free).and_then(|it| port(&it));
        if let (Some(lanes), Layer::Input(input)) = (lanes, &mut graph.node_mut(id).op)
            && input.lanes.is_none()
        {
            input.lanes = Some(lanes);
            changed = true;
        }
    }
    changed
}

/// Formats of a port that serves all of them.
fn port(quantizers: &[&Quantizer]) -> Option<Vec<Format>> {
    let (first, others) = quantizers.split_first()?;
    if others.iter().all(|it| it.lanes == first.lanes) {
        return Some(first.port());
    }
    let shared = |at: usize| {
        let mut all = quantizers.iter().filter_map(|it| it.lanes[at]).map(open);
        // Where no quantizer leaves anything, any bit will do.
        all.try_fold(None, |sum: Option<Format>, it| Some(Some(joined(sum, it?))))
            .map(|it| it.unwrap_or(Format::unsigned(1, 1)))
    };
    (0..first.lanes.len()).map(shared).collect()
}

/// A truncating, wrapping format from which a cast to `of` gives what it gives from the float.
fn open(of: Format) -> Option<Format> {
    let more = match (of.rounding, of.overflow) {
        (Rounding::Trn, Overflow::Wrap) => 0,
        (Rounding::Rnd, Overflow::Wrap) => 1,
        _ => return None,
    };
    Some(Format { width: of.width + more, ..of }.with(Rounding::Trn, Overflow::Wrap))
}

/// Both formats' bits at once.
fn joined(sum: Option<Format>, other: Format) -> Format {
    let Some(sum) = sum else { return other };
    let int_bits = sum.int_bits.max(other.int_bits);
    let width = (int_bits + sum.frac().max(other.frac())).max(1) as u32;
    Format { signed: sum.signed || other.signed, width, int_bits, ..sum }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(signed: bool, width: u32, int_bits: i32, rounding: Rounding) -> Option<Format> {
        let format = Format { signed, ..Format::signed(width, int_bits) };
        Some(format.with(rounding, Overflow::Wrap))
    }

    #[test]
    fn one_port_serves_quantizers_that_differ() {
        let all = [
            Quantizer { lanes: vec![lane(true, 6, 3, Rounding::Rnd), None] },
            Quantizer { lanes: vec![lane(false, 4, 4, Rounding::Trn), None] },
            Quantizer { lanes: vec![lane(true, 3, 1, Rounding::Trn), None] },
        ];
        let all: Vec<&Quantizer> = all.iter().collect();
        let port = port(&all).unwrap();
        assert_eq!(port, [Format::signed(8, 4), Format::unsigned(1, 1)]);
        for step in -4000..4000 {
            let x = f64::from(step) / 96.0;
            let carried = port[0].value(port[0].quantize(x));
            for quantizer in &all {
                let format = quantizer.lanes[0].unwrap();
                assert_eq!(format.quantize(carried), format.quantize(x), "{x} to {format}");
            }
        }
    }

    #[test]
    fn quantizers_that_look_further_are_not_served_together() {
        let even = Quantizer { lanes: vec![lane(true, 6, 3, Rounding::RndConv)] };
        let other = Quantizer { lanes: vec![lane(true, 5, 3, Rounding::Trn)] };
        assert_eq!(port(&[&even, &other]), None);
        assert_eq!(port(&[&even, &even]), Some(even.port()));
        assert_eq!(port(&[]), None);
    }
}
