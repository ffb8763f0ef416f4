//! Figures of a design, each with its source; a better source replaces a worse one.

use serde::{Deserialize, Serialize};

use super::vendor::{Reported, Step};
use crate::device::Resources;

/// Where a figure comes from, the most trustworthy first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Counted in a simulation of the hardware.
    Simulated,
    /// From a placed (and routed) design.
    Placed,
    /// From logic synthesis.
    Synthesized,
    /// From an HLS compiler's own report.
    Reported,
    /// From our model; the notes of a comparison say how good it is.
    Estimated,
}

impl Source {
    /// Every source, the most trustworthy first.
    pub const ALL: [Source; 5] = [
        Source::Simulated,
        Source::Placed,
        Source::Synthesized,
        Source::Reported,
        Source::Estimated,
    ];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Source::Simulated => "simulated",
            Source::Placed => "placed",
            Source::Synthesized => "synthesized",
            Source::Reported => "reported",
            Source::Estimated => "estimated",
        }
    }

    /// The word, short enough for a table of many figures.
    pub fn short(self) -> &'static str {
        match self {
            Source::Simulated => "sim",
            Source::Placed => "placed",
            Source::Synthesized => "synth",
            Source::Reported => "rep",
            Source::Estimated => "est",
        }
    }

    /// What a report of a vendor's tool counts as.
    pub fn of(report: &Reported) -> Source {
        match report.step {
            Step::Simulated => Source::Simulated,
            Step::Placed | Step::Routed => Source::Placed,
            Step::Synthesized => Source::Synthesized,
            Step::Scheduled => Source::Reported,
        }
    }
}

/// A number and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The number, in the unit of its [`Metric`].
    pub value: f64,
    /// Where it comes from.
    pub source: Source,
}

impl Figure {
    /// A number with its source.
    pub fn new(value: f64, source: Source) -> Figure {
        Figure { value, source }
    }
}

/// What a figure is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Clock cycles from the first input to the last output, at worst.
    LatencyCycles,
    /// The same in ns, at the clock that was asked for.
    LatencyNs,
    /// Initiation interval: clock cycles from one sample to the next, at worst.
    Ii,
    /// Highest clock frequency, MHz.
    FmaxMhz,
    /// Lookup tables.
    Lut,
    /// Flip-flops.
    Ff,
    /// DSP blocks.
    Dsp,
    /// Block RAM, kbit.
    BramKbit,
    /// What the device consumes with the design in it, mW.
    PowerMw,
}

impl Metric {
    /// Every metric, in the order of reports.
    pub const ALL: [Metric; 9] = [
        Metric::LatencyCycles,
        Metric::LatencyNs,
        Metric::Ii,
        Metric::FmaxMhz,
        Metric::Lut,
        Metric::Ff,
        Metric::Dsp,
        Metric::BramKbit,
        Metric::PowerMw,
    ];
    /// What a design takes of a device.
    pub const RESOURCES: [Metric; 4] = [Metric::Lut, Metric::Ff, Metric::Dsp, Metric::BramKbit];

    /// Name without unit.
    pub fn name(self) -> &'static str {
        match self {
            Metric::LatencyCycles | Metric::LatencyNs => "latency",
            Metric::Ii => "II",
            Metric::FmaxMhz => "Fmax",
            Metric::Lut => "LUT",
            Metric::Ff => "FF",
            Metric::Dsp => "DSP",
            Metric::BramKbit => "BRAM",
            Metric::PowerMw => "power",
        }
    }

    /// Unit, empty for plain counts.
    pub fn unit(self) -> &'static str {
        match self {
            Metric::LatencyCycles | Metric::Ii => "cycles",
            Metric::LatencyNs => "ns",
            Metric::FmaxMhz => "MHz",
            Metric::BramKbit => "kbit",
            Metric::PowerMw => "mW",
            Metric::Lut | Metric::Ff | Metric::Dsp => "",
        }
    }
}

/// What is known of one side: of a whole design, or of a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Figures {
    /// See [`Metric::LatencyCycles`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_cycles: Option<Figure>,
    /// See [`Metric::LatencyNs`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ns: Option<Figure>,
    /// See [`Metric::Ii`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ii: Option<Figure>,
    /// See [`Metric::FmaxMhz`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fmax_mhz: Option<Figure>,
    /// See [`Metric::Lut`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lut: Option<Figure>,
    /// See [`Metric::Ff`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ff: Option<Figure>,
    /// See [`Metric::Dsp`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dsp: Option<Figure>,
    /// See [`Metric::BramKbit`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bram_kbit: Option<Figure>,
    /// See [`Metric::PowerMw`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power_mw: Option<Figure>,
}

impl Figures {
    /// Figures of one source.
    pub fn of(source: Source, values: impl IntoIterator<Item = (Metric, f64)>) -> Figures {
        let mut figures = Figures::default();
        for (metric, value) in values {
            figures.offer(metric, Figure::new(value, source));
        }
        figures
    }

    /// What a design, or a part of it, takes.
    pub fn taken(source: Source, taken: &Resources) -> Figures {
        let counts = [
            (Metric::Lut, taken.lut as f64),
            (Metric::Ff, taken.ff as f64),
            (Metric::Dsp, taken.dsp as f64),
            (Metric::BramKbit, taken.bram_kbit as f64),
        ];
        Figures::of(source, counts)
    }

    /// What a report of a vendor's tool says; of a range, the worst.
    pub fn reported(report: &Reported) -> Figures {
        let values = [
            (Metric::LatencyCycles, report.latency_cycles.map(|(_, most)| most as f64)),
            (Metric::Ii, report.interval.map(|(_, most)| most as f64)),
            (Metric::FmaxMhz, report.clock_reached_ns().map(|period| 1000.0 / period)),
            (Metric::PowerMw, report.power.as_ref().map(|it| it.total_mw)),
        ];
        let known = values.into_iter().filter_map(|(metric, it)| Some((metric, it?)));
        let source = Source::of(report);
        let mut figures = Figures::of(source, known);
        figures.merge(&report.resources.map(|it| Figures::taken(source, &it)).unwrap_or_default());
        figures
    }

    /// The figure of a metric.
    pub fn get(&self, metric: Metric) -> Option<Figure> {
        match metric {
            Metric::LatencyCycles => self.latency_cycles,
            Metric::LatencyNs => self.latency_ns,
            Metric::Ii => self.ii,
            Metric::FmaxMhz => self.fmax_mhz,
            Metric::Lut => self.lut,
            Metric::Ff => self.ff,
            Metric::Dsp => self.dsp,
            Metric::BramKbit => self.bram_kbit,
            Metric::PowerMw => self.power_mw,
        }
    }

    fn slot(&mut self, metric: Metric) -> &mut Option<Figure> {
        match metric {
            Metric::LatencyCycles => &mut self.latency_cycles,
            Metric::LatencyNs => &mut self.latency_ns,
            Metric::Ii => &mut self.ii,
            Metric::FmaxMhz => &mut self.fmax_mhz,
            Metric::Lut => &mut self.lut,
            Metric::Ff => &mut self.ff,
            Metric::Dsp => &mut self.dsp,
            Metric::BramKbit => &mut self.bram_kbit,
            Metric::PowerMw => &mut self.power_mw,
        }
    }

    /// Takes a figure unless a better source has spoken; of two equally good ones the later counts.
    /// A value that is no finite number is not a figure.
    pub fn offer(&mut self, metric: Metric, figure: Figure) {
        let slot = self.slot(metric);
        if figure.value.is_finite() && slot.is_none_or(|known| figure.source <= known.source) {
            *slot = Some(figure);
        }
    }

    /// Offers every figure of `other`.
    pub fn merge(&mut self, other: &Figures) {
        for metric in Metric::ALL {
            if let Some(figure) = other.get(metric) {
                self.offer(metric, figure);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::vendor::Tool;
    use super::*;

    #[test]
    fn a_better_source_replaces_a_worse_one_only() {
        for (a, first) in Source::ALL.into_iter().enumerate() {
            for (b, second) in Source::ALL.into_iter().enumerate() {
                let mut figures = Figures::of(first, [(Metric::Lut, 1.0)]);
                figures.merge(&Figures::of(second, [(Metric::Lut, 2.0)]));
                let expected = if b <= a { 2.0 } else { 1.0 };
                assert_eq!(figures.lut.unwrap().value, expected, "{first:?} then {second:?}");
            }
        }
    }

    #[test]
    fn what_is_no_number_is_no_figure() {
        let figures = Figures::of(Source::Placed, [(Metric::FmaxMhz, f64::INFINITY)]);
        assert_eq!(figures, Figures::default());
    }

    #[test]
    fn every_metric_has_its_own_place() {
        let all = Metric::ALL.into_iter().enumerate().map(|(idx, it)| (it, idx as f64));
        let figures = Figures::of(Source::Placed, all);
        for (idx, metric) in Metric::ALL.into_iter().enumerate() {
            assert_eq!(figures.get(metric).unwrap().value, idx as f64, "{metric:?}");
        }
    }

    #[test]
    fn reports_of_tools() {
        let report = Reported {
            latency_cycles: Some((10, 12)),
            interval: Some((1, 2)),
            clock_estimated_ns: Some(4.0),
            resources: Some(Resources { lut: 7, ..Resources::default() }),
            ..Reported::new(Tool::Catapult, Step::Scheduled)
        };
        let figures = Figures::reported(&report);
        assert_eq!(figures.latency_cycles, Some(Figure::new(12.0, Source::Reported)));
        assert_eq!(figures.ii, Some(Figure::new(2.0, Source::Reported)));
        assert_eq!(figures.fmax_mhz, Some(Figure::new(250.0, Source::Reported)));
        assert_eq!(figures.lut, Some(Figure::new(7.0, Source::Reported)));
        for (step, expected) in [
            (Step::Simulated, Source::Simulated),
            (Step::Routed, Source::Placed),
            (Step::Placed, Source::Placed),
            (Step::Synthesized, Source::Synthesized),
        ] {
            assert_eq!(Source::of(&Reported::new(Tool::Vivado, step)), expected, "{step:?}");
        }
    }
}
