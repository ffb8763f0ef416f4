//! The two paths from one model, side by side, with the source of every number.
//!
//! Data only: whoever knows a figure offers it, [`Comparison::settle`] draws the plain conclusions
//! (ns from cycles, totals from layers), and the tables, the page and the JSON are views of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use super::figure::{Figure, Figures, Metric, Source};
use super::vendor::Reported;
use crate::device::Resources;

/// Which way the hardware was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// C++ for an HLS compiler.
    Hls,
    /// SystemVerilog of our own.
    Rtl,
}

impl Side {
    /// Both, in the order of reports.
    pub const ALL: [Side; 2] = [Side::Hls, Side::Rtl];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Side::Hls => "HLS",
            Side::Rtl => "RTL",
        }
    }
}

/// The figures of both paths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sides {
    /// What the HLS path gives.
    pub hls: Figures,
    /// What the direct path gives.
    pub rtl: Figures,
}

impl Sides {
    /// One side.
    pub fn of(&self, side: Side) -> &Figures {
        match side {
            Side::Hls => &self.hls,
            Side::Rtl => &self.rtl,
        }
    }

    /// One side, to change it.
    pub fn of_mut(&mut self, side: Side) -> &mut Figures {
        match side {
            Side::Hls => &mut self.hls,
            Side::Rtl => &mut self.rtl,
        }
    }

    /// How many times the RTL's figure the HLS's is, if both are known and the RTL's is not zero.
    pub fn ratio(&self, metric: Metric) -> Option<f64> {
        let (hls, rtl) = (self.hls.get(metric)?, self.rtl.get(metric)?);
        (rtl.value != 0.0).then(|| hls.value / rtl.value)
    }
}

/// Where a layer is in the pipeline: its inputs arrive at register stage `from`, its results leave
/// at `to`. Equal when the layer only adds logic to a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stages {
    /// Stage of the inputs.
    pub from: u32,
    /// Stage of the results.
    pub to: u32,
}

/// One layer. Also what the listing and the picture of a network are made from; there the figures
/// may be missing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LayerRow {
    /// Name in the model.
    pub name: String,
    /// What it is: `Dense`, `Conv2D`; [`LayerRow::INPUT`] for an input of the network.
    pub kind: String,
    /// Shape of its result.
    pub shape: String,
    /// Names of the layers that feed it, which come earlier in the list.
    pub inputs: Vec<String>,
    /// Its result is an output of the network.
    pub output: bool,
    /// Trained numbers it holds.
    pub parameters: u64,
    /// Why it cannot be built, if it cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsupported: Option<String>,
    /// Its types, by role: `result`, `weight`, `bias`, `accum` ...
    pub formats: BTreeMap<String, String>,
    /// Where it is in the RTL pipeline, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stages: Option<Stages>,
    /// What it takes, on both paths.
    pub figures: Sides,
}

impl LayerRow {
    /// [`LayerRow::kind`] of an input of the network.
    pub const INPUT: &'static str = "Input";

    /// Whether it is an input of the network, which is no hardware.
    pub fn is_input(&self) -> bool {
        self.kind == LayerRow::INPUT
    }
}

/// One type of one layer, and why it is so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormatRow {
    /// Name of the layer.
    pub layer: String,
    /// Which of its types: `result`, `weight` ...
    pub role: String,
    /// The type.
    pub format: String,
    /// One phrase.
    pub reason: String,
}

/// What a cosimulation found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cosim {
    /// Samples that went through every engine.
    pub samples: u64,
    /// Output values that differ from the emulator's.
    pub mismatches: u64,
    /// What ran beside the emulator: `RTL (Verilator 5.006)`, `HLS C++ (g++)`.
    pub engines: Vec<String>,
    /// The first difference, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_difference: Option<String>,
}

/// Both paths of one model for one device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Comparison {
    /// Name of the model.
    pub model: String,
    /// Full part string.
    pub part: String,
    /// Clock period that was asked for, ns.
    pub clock_ns: f64,
    /// Other choices worth a line: `io` → `parallel`.
    pub settings: BTreeMap<String, String>,
    /// Everything on the device, for percentages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<Resources>,
    /// The whole design.
    pub total: Sides,
    /// The longest path of logic in each stage of the RTL pipeline by the delay model, ns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rtl_stage_ns: Vec<f64>,
    /// The layers, each after those that feed it.
    pub layers: Vec<LayerRow>,
    /// Whether the paths agree bit for bit, if that was tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cosim: Option<Cosim>,
    /// On what the estimates rest, with their error, and whatever else a reader must know.
    pub notes: Vec<String>,
}

impl Comparison {
    /// Takes what a vendor's tool says of a whole design.
    pub fn report(&mut self, side: Side, report: &Reported) {
        self.total.of_mut(side).merge(&Figures::reported(report));
    }

    /// Takes figures of a layer; false if there is no such layer.
    pub fn layer(&mut self, name: &str, side: Side, figures: &Figures) -> bool {
        let row = self.layers.iter_mut().find(|it| it.name == name);
        row.map(|it| it.figures.of_mut(side).merge(figures)).is_some()
    }

    /// Draws the conclusions, once all figures are in: the RTL latency of a layer from its stages,
    /// totals that are missing from the layers' (if all have one), ns from cycles.
    pub fn settle(&mut self) {
        let clock_ns = self.clock_ns;
        let source = self.total.rtl.latency_cycles.map_or(Source::Estimated, |it| it.source);
        for row in &mut self.layers {
            if let (Some(stages), None) = (row.stages, row.figures.rtl.latency_cycles) {
                let cycles = f64::from(stages.to.saturating_sub(stages.from));
                row.figures.rtl.offer(Metric::LatencyCycles, Figure::new(cycles, source));
            }
        }
        for side in Side::ALL {
            for metric in Metric::RESOURCES {
                if self.total.of(side).get(metric).is_none()
                    && let Some(sum) = self.sum(side, metric)
                {
                    self.total.of_mut(side).offer(metric, sum);
                }
            }
            in_ns(self.total.of_mut(side), clock_ns);
            for row in &mut self.layers {
                in_ns(row.figures.of_mut(side), clock_ns);
            }
        }
    }

    /// The layers' figures added up, as good as the worst of them.
    fn sum(&self, side: Side, metric: Metric) -> Option<Figure> {
        let rows = self.layers.iter().filter(|it| !it.is_input());
        let parts: Vec<Figure> =
            rows.map(|it| it.figures.of(side).get(metric)).collect::<Option<_>>()?;
        let source = parts.iter().map(|it| it.source).max()?;
        Some(Figure::new(parts.iter().map(|it| it.value).sum(), source))
    }

    /// Share of the device that a figure is, percent.
    pub fn percent(&self, metric: Metric, value: f64) -> Option<f64> {
        let all = self.device.as_ref()?;
        let all = match metric {
            Metric::Lut => all.lut,
            Metric::Ff => all.ff,
            Metric::Dsp => all.dsp,
            Metric::BramKbit => all.bram_kbit,
            _ => return None,
        };
        (all > 0).then(|| 100.0 * value / all as f64)
    }
}

/// The latency in ns follows from the cycles, whatever was said before, so that they always agree.
fn in_ns(figures: &mut Figures, clock_ns: f64) {
    if let Some(cycles) = figures.latency_cycles {
        figures.latency_ns = Some(Figure::new(cycles.value * clock_ns, cycles.source));
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::super::vendor::{Step, Tool};
    use super::*;

    #[test]
    fn reports_replace_estimates_and_simulation_replaces_reports() {
        let mut all = Comparison { clock_ns: 5.0, ..Comparison::default() };
        all.total.hls = Figures::of(Source::Estimated, [(Metric::LatencyCycles, 30.0)]);
        let synthesis = Reported {
            latency_cycles: Some((20, 24)),
            ..Reported::new(Tool::VitisHls, Step::Scheduled)
        };
        all.report(Side::Hls, &synthesis);
        assert_eq!(all.total.hls.latency_cycles, Some(Figure::new(24.0, Source::Reported)));
        let simulated = Reported {
            latency_cycles: Some((23, 23)),
            ..Reported::new(Tool::VitisHls, Step::Simulated)
        };
        all.report(Side::Hls, &simulated);
        all.report(Side::Hls, &synthesis);
        all.settle();
        assert_eq!(all.total.hls.latency_cycles, Some(Figure::new(23.0, Source::Simulated)));
        assert_eq!(all.total.hls.latency_ns, Some(Figure::new(115.0, Source::Simulated)));
    }

    #[test]
    fn totals_follow_from_layers_when_all_are_known() {
        let mut all = sample::comparison();
        all.total = Sides::default();
        all.settle();
        let sum: f64 =
            all.layers.iter().filter_map(|it| it.figures.rtl.lut).map(|it| it.value).sum();
        assert_eq!(all.total.rtl.lut, Some(Figure::new(sum, Source::Estimated)));
        assert_eq!(all.total.rtl.latency_cycles, None, "latencies of branches do not add up");
        let mut all = sample::comparison();
        all.total = Sides::default();
        all.layers[1].figures.rtl.lut = None;
        all.settle();
        assert_eq!(all.total.rtl.lut, None);
        assert_eq!(Comparison::default().sum(Side::Rtl, Metric::Lut), None);
    }

    #[test]
    fn stages_give_the_latency_of_layers() {
        let mut all = sample::comparison();
        all.settle();
        let conv = all.layers.iter().find(|it| it.name == "conv1").unwrap();
        assert_eq!(conv.figures.rtl.latency_cycles, Some(Figure::new(4.0, Source::Simulated)));
        assert_eq!(conv.figures.rtl.latency_ns, Some(Figure::new(20.0, Source::Simulated)));
        let before = all.clone();
        all.settle();
        assert_eq!(all, before, "settling twice changes nothing");
    }

    #[test]
    fn shares_and_ratios() {
        let all = sample::comparison();
        assert_eq!(all.percent(Metric::Lut, 11_822.4), Some(1.0));
        assert_eq!(all.percent(Metric::LatencyNs, 1.0), None);
        assert_eq!(Comparison::default().percent(Metric::Lut, 1.0), None);
        assert_eq!(all.total.ratio(Metric::Ii), Some(2.0));
        assert_eq!(all.total.ratio(Metric::Dsp), None, "a ratio to zero says nothing");
    }

    #[test]
    fn figures_of_layers_that_do_not_exist_are_refused() {
        let mut all = sample::comparison();
        let figures = Figures::of(Source::Synthesized, [(Metric::Lut, 5.0)]);
        assert!(all.layer("dense", Side::Rtl, &figures));
        assert!(!all.layer("absent", Side::Rtl, &figures));
    }

    #[test]
    fn json_is_read_back_as_it_was() {
        let mut all = sample::comparison();
        all.settle();
        let text = serde_json::to_string(&all).unwrap();
        assert!(text.contains(r#""latency_cycles":{"value":9.0,"source":"simulated"}"#), "{text}");
        assert_eq!(serde_json::from_str::<Comparison>(&text).unwrap(), all);
    }
}
