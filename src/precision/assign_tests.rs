//! Our own rules: nothing overflows unless asked for, the user's word counts, limits hold.

use super::fixtures::{Net, noise};
use super::*;
use crate::config::Config;
use crate::fixed::{Overflow, Rounding};
use crate::graph::NodeId;
use crate::nn;
use crate::source::Tensor;

struct Built {
    graph: nn::Graph,
    formats: Formats,
}

impl Built {
    fn new(graph: nn::Graph, text: &str) -> Built {
        Built::try_new(graph, text, None).unwrap_or_else(|it| panic!("{it}"))
    }

    fn try_new(
        graph: nn::Graph,
        text: &str,
        ranges: Option<&Calibration>,
    ) -> crate::error::Result<Built> {
        let (config, _) = Config::read("c.yml", text).unwrap();
        let formats = assign(&graph, &config, ranges)?;
        Ok(Built { graph, formats })
    }

    fn find(&self, layer: &str) -> NodeId {
        self.graph.topo().into_iter().find(|id| self.graph.node(*id).name == layer).unwrap()
    }

    fn format(&self, layer: &str, role: Role) -> String {
        self.formats.of(self.find(layer)).format(role).to_string()
    }

    fn reason(&self, layer: &str, role: Role) -> &str {
        &self.formats.of(self.find(layer)).types[&role].reason
    }
}

/// `fc` feeds an activation, `out` is the output.
fn net() -> nn::Graph {
    let mut net = Net::new("x", &[2]);
    net.dense("fc", &[&[1.0, -0.5], &[0.75, 1.5]], Some(&[0.25, -3.0]));
    net.identity("act");
    net.dense("out", &[&[1.0], &[1.0]], None);
    net.finish()
}

#[test]
fn nothing_given() {
    let built = Built::new(net(), "");
    assert_eq!(built.format("x", Role::Result), "fixed<16,6>");
    // The largest weight is 1.5, the smallest -0.5; the smallest bias -3.
    assert_eq!(built.format("fc", Role::Weight), "fixed<16,2,RND,SAT>");
    assert_eq!(built.format("fc", Role::Bias), "fixed<16,3,RND,SAT>");
    // Inputs in [-32, 32) with 10 fractional bits; sums within 67 and with 24.
    assert_eq!(built.format("fc", Role::Accum), "fixed<32,8>");
    assert_eq!(built.format("fc", Role::Result), built.format("fc", Role::Accum));
    assert_eq!(built.format("out", Role::Bias), "ufixed<1,1>");
    // The output is 16 bits, rounded and saturating.
    assert_eq!(built.format("out", Role::Result), "fixed<16,8,RND,SAT>");
    assert!(built.reason("out", Role::Result).starts_with("values in ["));
}

#[test]
fn the_users_default_reaches_everything_but_auto() {
    let text = "Model: {Precision: 'fixed<12,5>'}\nLayerName: {fc: {Precision: {accum: auto}}}";
    let built = Built::new(net(), text);
    for (layer, role) in
        [("x", Role::Result), ("fc", Role::Weight), ("fc", Role::Result), ("out", Role::Accum)]
    {
        assert_eq!(built.format(layer, role), "fixed<12,5>", "{layer} {role}");
        assert_eq!(built.reason(layer, role), "user: Model (default)");
    }
    assert_eq!(built.format("out", Role::Bias), "ufixed<1,1>");
    // Inputs in [-16, 16) and 7 fractional bits each.
    assert_eq!(built.format("fc", Role::Accum), "fixed<21,7>");
    assert!(built.reason("fc", Role::Accum).starts_with("exact: sums in"));
}

#[test]
fn the_width_of_what_is_inferred() {
    let built = Built::new(net(), "Model: {Width: 8}");
    assert_eq!(built.format("x", Role::Result), "fixed<16,6>");
    assert_eq!(built.format("fc", Role::Weight), "fixed<8,2,RND,SAT>");
    assert_eq!(built.format("out", Role::Result), "fixed<8,8,RND,SAT>");
}

#[test]
fn the_maximum_limits_width_and_integer_part_apart() {
    let text = "Model: {Precision: {maximum: 'fixed<20,7>'}}\n\
                LayerName: {out: {Precision: {accum: 'fixed<40,20>'}}}";
    let built = Built::new(net(), text);
    assert_eq!(built.format("fc", Role::Accum), "fixed<20,7>");
    assert!(built.reason("fc", Role::Accum).ends_with("limited by maximum fixed<20,7>"));
    assert_eq!(built.format("fc", Role::Weight), "fixed<16,2,RND,SAT>");
    // What the user gave is not inferred; a result is.
    assert_eq!(built.format("out", Role::Accum), "fixed<40,20>");
    assert_eq!(built.format("out", Role::Result), "fixed<16,7,RND,SAT>");
}

#[test]
fn calibrated_ranges_replace_intervals() {
    let samples: Vec<Vec<Tensor>> =
        [[1.0, 0.5], [0.0, 2.0]].map(|it| vec![ndarray::arr1(&it).into_dyn()]).into();
    let ranges = calibrate(&net(), &samples).unwrap();
    let built = Built::try_new(net(), "", Some(&ranges)).unwrap();
    // Inputs were in [0, 2], with margin below 4 and never negative.
    assert_eq!(built.format("x", Role::Result), "ufixed<16,2,RND,SAT>");
    assert!(built.reason("x", Role::Result).starts_with("calibrated in [0.0000, 2.2500]"));
    // Outputs were -1.125 and 1.75, and may be more in the interval analysis.
    assert_eq!(built.format("out", Role::Result), "fixed<16,3,RND,SAT>");
    // Sums stay exact whatever was measured.
    assert_eq!(built.formats.of(built.find("fc")).format(Role::Accum).overflow, Overflow::Wrap);
}

#[test]
fn a_type_that_cannot_exist_is_a_located_problem() {
    let text = "Model: {Precision: 'fixed<120,60>'}\nLayerName: {fc: {Precision: {accum: auto}}}";
    for (compat, reason) in [("", "exact"), ("Compat: hls4ml\n", "hls4ml: sum of 2 products")] {
        let text = format!("{compat}{text}");
        let problems = Built::try_new(net(), &text, None).map(|_| ()).unwrap_err();
        assert_eq!(problems.0.len(), 1);
        let shown = problems.to_string();
        assert!(shown.starts_with("test:fc: accum would be fixed<"), "{shown}");
        assert!(
            shown.contains(reason) && shown.contains("LayerName.fc.Precision.accum"),
            "{shown}"
        );
    }
}

#[test]
fn extreme_but_legal_configurations_do_not_panic() {
    for default in
        ["fixed<1,1>", "fixed<128,64>", "ufixed<127,0>", "fixed<8,1000>", "ufixed<1,-1000>"]
    {
        for compat in ["none", "hls4ml"] {
            for roles in ["", ", weight: auto", ", accum: auto, result: auto", ", result: auto"] {
                let text = format!(
                    "Compat: {compat}\nModel: {{Precision: {{default: '{default}', \
                     maximum: 'fixed<128,64>'}}}}\n\
                     LayerType: {{Dense: {{Precision: {{bias: '{default}'{roles}}}}}}}"
                );
                let _ = Built::try_new(net(), &text, None);
            }
        }
    }
}

#[test]
fn no_sum_leaves_its_accumulator_and_no_result_its_range() {
    for seed in 0..40u64 {
        let inputs = 1 + (seed as usize % 5);
        let mut net = Net::new("x", &[inputs]);
        let scale = 2f64.powi(seed as i32 % 9 - 4);
        let weights = noise(seed + 1, inputs * 3, scale);
        let rows: Vec<&[f64]> = weights.chunks(3).collect();
        let bias = noise(seed + 2, 3, 1.0);
        net.dense("fc", &rows, Some(&bias));
        let built = Built::new(net.finish(), "");
        let layer = built.formats.of(built.find("fc"));
        let input = built.formats.of(built.find("x")).format(Role::Result);
        let (weight, accum) = (layer.format(Role::Weight), layer.format(Role::Accum));
        let result = layer.format(Role::Result);
        let held = |it: &f64, format: Format| format.value(format.quantize(*it));
        for (trial, draw) in noise(seed + 3, 8 * inputs, 40.0).chunks(inputs).enumerate() {
            for at in 0..3 {
                let terms = draw.iter().enumerate().map(|(row, x)| {
                    // The first trial drives every term to the end of the input's range.
                    let w = held(&rows[row][at], weight);
                    let end = if w < 0.0 { input.min_value() } else { input.max_value() };
                    w * if trial == 0 { end } else { held(x, input) }
                });
                let sum: f64 = terms.sum::<f64>() + held(&bias[at], layer.format(Role::Bias));
                assert!(accum.min_value() <= sum && sum <= accum.max_value(), "seed {seed}: {sum}");
                let error = (held(&sum, result) - sum).abs();
                assert!(error <= result.value(1), "seed {seed}: {sum} as {result}");
            }
        }
        assert_eq!((result.rounding, result.overflow), (Rounding::Rnd, Overflow::Sat));
    }
}

/// What can be loaded says nothing about later: formats hold whatever the formats of weights and biases can.
#[test]
fn loaded_weights_can_be_any() {
    let text = "LayerName: {fc: {Weights: runtime}}";
    let samples: Vec<Vec<Tensor>> = vec![vec![ndarray::arr1(&[0.1, 0.2]).into_dyn()]];
    let ranges = calibrate(&net(), &samples).unwrap();
    for ranges in [None, Some(&ranges)] {
        let text = format!("{text}\nModel: {{Precision: {{input: 'fixed<16,6>'}}}}");
        let built = Built::try_new(net(), &text, ranges).unwrap_or_else(|it| panic!("{it}"));
        assert_eq!(built.format("fc", Role::Weight), "fixed<16,2,RND,SAT>");
        assert_eq!(built.format("fc", Role::Bias), "fixed<16,3,RND,SAT>");
        // Two products of 32 and 2, a bias of 4.
        assert_eq!(built.format("fc", Role::Accum), "fixed<33,9>");
        let fc = built.formats.of(built.find("fc"));
        assert!(fc.spans.iter().all(|it| it.hi > 131.9 && it.lo < -131.9), "{:?}", fc.spans);
        // Nor do measured values of what reads it.
        assert!(!built.reason("out", Role::Result).starts_with("calibrated"));
    }
    // A sign, and bits for biases that are zero now.
    let mut net = Net::new("x", &[2]);
    net.dense("fc", &[&[1.0], &[0.5]], Some(&[0.0]));
    let built = Built::new(net.finish(), text);
    assert_eq!(built.format("fc", Role::Weight), "fixed<16,2,RND,SAT>");
    assert_eq!(built.format("fc", Role::Bias), "fixed<16,6>");
}
