//! The model against published hls4ml builds.
//!
//! All are multilayer perceptrons with 16 inputs and 5 outputs, ReLU, softmax, 200 MHz. The trained
//! weights are not published, so they are replaced by normal ones of standard deviation 0.25
//! truncated to the weight's format; pruned models keep that spread over fewer weights.
//!
//! Sources: Duarte et al., JINST 13 P07027 (2018), KU115, figures of Vivado HLS; Coelho et al.,
//! Nature Machine Intelligence 3 (2021), as the HGQ paper quotes it, VU9P, after routing; Fahim et
//! al. (2021), as the KANELÉ paper quotes it; a third party's builds for an Artix-7 35T. The figures
//! of the first two are recalled and were not read again.

use super::*;
use crate::device::find;

/// A published build. `None`: not published, or left out for the reason given with the row.
struct Anchor {
    name: &'static str,
    device: &'static str,
    hidden: [u64; 3],
    /// Width of weights, of their fraction, of the inputs, of hidden activations and of sums.
    bits: [u32; 5],
    /// Share of weights left by pruning.
    kept: f64,
    reuse: u64,
    strategy: Strategy,
    cycles: Option<u64>,
    dsp: Option<u64>,
    lut: Option<u64>,
    ff: Option<u64>,
}

const TAGGER: Anchor = Anchor {
    name: "",
    device: "xcvu9p",
    hidden: [64, 32, 32],
    bits: [16, 10, 16, 16, 16],
    kept: 1.0,
    reuse: 1,
    strategy: Strategy::Latency,
    cycles: None,
    dsp: None,
    lut: None,
    ff: None,
};

fn anchors() -> Vec<Anchor> {
    let folded = Anchor { device: "xc7a35t", strategy: Strategy::Resource, ..TAGGER };
    vec![
        // Logic is HLS's own estimate of LUT + FF, several times the result of synthesis.
        Anchor {
            name: "2018 <16,6>",
            device: "xcku115",
            cycles: Some(15),
            dsp: Some(3329),
            ..TAGGER
        },
        Anchor {
            name: "2018 pruned",
            device: "xcku115",
            kept: 1338.0 / 4389.0,
            cycles: Some(15),
            dsp: Some(954),
            ..TAGGER
        },
        // The slow end of the published 75 to 150 ns over reuse factors 1 to 6.
        Anchor {
            name: "2018 pruned RF6",
            device: "xcku115",
            kept: 1338.0 / 4389.0,
            reuse: 6,
            cycles: Some(30),
            ..TAGGER
        },
        Anchor {
            name: "BF 14 bit",
            bits: [14, 8, 14, 14, 14],
            cycles: Some(9),
            dsp: Some(1826),
            lut: Some(48_321),
            ..TAGGER
        },
        Anchor {
            name: "BP 14 bit pruned",
            bits: [14, 8, 14, 14, 14],
            kept: 0.3,
            cycles: Some(14),
            dsp: Some(526),
            lut: Some(17_577),
            ..TAGGER
        },
        Anchor {
            name: "Q6 6 bit",
            bits: [6, 5, 16, 6, 16],
            cycles: Some(11),
            dsp: Some(124),
            lut: Some(39_782),
            ..TAGGER
        },
        // Its 38 DSP are left out (we predict 88): the widths of inputs and weights are not given.
        Anchor {
            name: "Fahim QAT",
            bits: [6, 5, 16, 6, 16],
            cycles: Some(9),
            lut: Some(63_251),
            ff: Some(4394),
            ..TAGGER
        },
        // LUT of these rows exceed the part, so they are HLS's own estimates and are left out.
        Anchor { name: "Artix RF16", reuse: 16, dsp: Some(266), ..folded },
        // Its 53 DSP are left out: 488 weights at reuse 4 need 122 multipliers, and the next row
        // of the same source at the same widths has exactly the 340 that reuse 4 gives.
        Anchor {
            name: "Artix 16/8/8 RF4",
            hidden: [16, 8, 8],
            bits: [12, 6, 12, 12, 12],
            reuse: 4,
            cycles: Some(34),
            ..folded
        },
        Anchor {
            name: "Artix 32/16/16 RF4",
            hidden: [32, 16, 16],
            bits: [12, 6, 12, 12, 12],
            reuse: 4,
            dsp: Some(340),
            ..folded
        },
    ]
}

/// Normal distribution function, Abramowitz and Stegun 26.2.17.
fn normal_cdf(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * x.abs());
    let poly = t
        * (0.319_381_530
            + t * (-0.356_563_782
                + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    let tail = (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt() * poly;
    if x < 0.0 { tail } else { 1.0 - tail }
}

/// `count` weights spread as evenly as a normal distribution allows, in a fixed shuffled order.
fn weights(count: u64, kept: f64, fraction: u32) -> Vec<i64> {
    let count = count as usize;
    let nonzero = (count as f64 * kept).round() as usize;
    let quantile = |p: f64| {
        let (mut low, mut high) = (-8.0, 8.0);
        for _ in 0..60 {
            let middle = (low + high) / 2.0;
            if normal_cdf(middle) < p { low = middle } else { high = middle }
        }
        low
    };
    let mut weights = vec![0; count];
    for (idx, weight) in weights.iter_mut().take(nonzero).enumerate() {
        let value = 0.25 * quantile((idx as f64 + 0.5) / nonzero as f64);
        *weight = (value * f64::from(1u32 << fraction)).floor() as i64;
    }
    let order = |idx: usize| (idx * 7919 + 13) % count;
    (0..count).map(|idx| weights[order(idx)]).collect()
}

fn predict(anchor: &Anchor) -> HlsEstimate {
    let [weight_bits, fraction, input_bits, hidden_bits, accum_bits] = anchor.bits;
    let sizes: Vec<u64> = [16].into_iter().chain(anchor.hidden).chain([5]).collect();
    let mut kernels = Vec::new();
    for (layer, pair) in sizes.windows(2).enumerate() {
        let (inputs, outputs) = (pair[0], pair[1]);
        kernels.push(HlsKernel::Dense(Dense {
            inputs,
            outputs,
            data_bits: if layer == 0 { input_bits } else { hidden_bits },
            weight_bits,
            accum_bits,
            weights: Constants::of(
                &weights(inputs * outputs, anchor.kept, fraction),
                outputs as usize,
            ),
            strategy: anchor.strategy,
            reuse: anchor.reuse,
            positions: 1,
            copies: 1,
        }));
        let operation = Operation::Relu;
        if layer + 2 < sizes.len() {
            kernels.push(HlsKernel::Elementwise {
                elements: outputs,
                bits: hidden_bits,
                operation,
            });
        }
    }
    kernels.push(HlsKernel::Softmax {
        elements: 5,
        data_bits: accum_bits,
        exp_entries: 1024,
        inv_entries: 1024,
        table_bits: 18,
        stable: false,
    });
    network(&kernels, find(anchor.device).unwrap(), HlsClock::vivado(5.0))
}

#[test]
#[expect(clippy::print_stdout, reason = "the table is what one runs this test for")]
fn published_builds_are_met() {
    let mut worst = [(f64::INFINITY, 0.0f64); 4];
    let mut failures = Vec::new();
    // The factors of `BASIS`.
    println!(
        "{:20} {:>22} {:>22} {:>22} {:>22}",
        "predicted/published", "cycles", "DSP", "LUT", "FF"
    );
    for anchor in anchors() {
        let it = predict(&anchor);
        let rows = [
            (it.latency_cycles, anchor.cycles, 1.4),
            (it.resources.dsp, anchor.dsp, 1.5),
            (it.resources.lut, anchor.lut, 1.3),
            (it.resources.ff, anchor.ff, 2.0),
        ];
        let mut line = format!("{:20}", anchor.name);
        for (kind, (predicted, published, factor)) in rows.into_iter().enumerate() {
            let Some(published) = published else {
                line += &format!(" {:>22}", format!("{predicted}/-"));
                continue;
            };
            let ratio = predicted as f64 / published as f64;
            line += &format!(" {:>22}", format!("{predicted}/{published} = {ratio:.2}"));
            worst[kind] = (worst[kind].0.min(ratio), worst[kind].1.max(ratio));
            if !(1.0 / factor..=factor).contains(&ratio) {
                failures.push(format!("{} {ratio:.2}", anchor.name));
            }
        }
        println!("{line}");
    }
    println!("worst ratios, cycles DSP LUT FF: {worst:.2?}");
    assert!(failures.is_empty(), "{failures:?}");
}
