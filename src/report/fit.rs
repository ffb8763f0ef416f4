//! Whether a design fits its device, resource by resource, and what changes of it would do.
//!
//! Data and their text; who changes designs and estimates them is elsewhere.

use std::fmt::Write;

use serde::Serialize;
use serde_json::Value;

use super::compare::{Comparison, Figures, Metric, Side};
use super::listing::paragraph;
use super::number::{self, UNKNOWN, clean, percent, readable};
use super::table::Table;
use crate::device::Resources;

/// How much of one resource a path takes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Share {
    /// The resource.
    pub metric: Metric,
    /// What is taken.
    pub used: f64,
    /// What there is.
    pub total: u64,
    /// What may be taken: of lookup tables a share.
    pub limit: u64,
    /// What is taken of what there is, percent; `None` if there is none of it.
    pub percent: Option<f64>,
    /// It is not more than may be taken.
    pub fits: bool,
}

/// Whether a path fits.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fit {
    /// The path.
    pub path: Side,
    /// Every resource of which is known what is taken.
    pub shares: Vec<Share>,
    /// All of them are enough.
    pub fits: bool,
}

impl Fit {
    /// Both paths of a comparison, those without figures left out; `limit` is what may be taken.
    pub fn of(all: &Comparison, limit: &Resources) -> Vec<Fit> {
        let total = all.device.unwrap_or_default();
        let path = |path: Side| Fit::path(path, all.total.of(path), &total, limit);
        [Side::Rtl, Side::Hls].into_iter().filter_map(path).collect()
    }

    fn path(path: Side, figures: &Figures, total: &Resources, limit: &Resources) -> Option<Fit> {
        let share = |metric: Metric| {
            let used = figures.get(metric)?.value;
            let (total, limit) = (count(total, metric), count(limit, metric));
            let fits = used <= limit as f64;
            let percent = (total > 0).then(|| 100.0 * used / total as f64);
            Some(Share { metric, used, total, limit, percent, fits })
        };
        let shares: Vec<Share> = Metric::RESOURCES.into_iter().filter_map(share).collect();
        let fits = shares.iter().all(|it| it.fits);
        (!shares.is_empty()).then_some(Fit { path, shares, fits })
    }

    /// What is too much, or what comes nearest to it.
    fn verdict(&self) -> String {
        let told = |it: &Share| match it.percent {
            Some(share) => format!("{} {}", it.metric.name(), percent(share)),
            None => format!("{} (there is none)", it.metric.name()),
        };
        if self.fits {
            let full =
                |it: &&Share| it.percent.unwrap_or(0.0) / it.limit.max(1) as f64 * it.total as f64;
            let most = self.shares.iter().max_by(|a, b| full(a).total_cmp(&full(b)));
            return format!("yes: {}", most.map(told).unwrap_or_default());
        }
        let over: Vec<String> = self.shares.iter().filter(|it| !it.fits).map(told).collect();
        format!("no: {}", over.join(", "))
    }
}

fn count(of: &Resources, metric: Metric) -> u64 {
    match metric {
        Metric::Lut => of.lut,
        Metric::Ff => of.ff,
        Metric::Dsp => of.dsp,
        Metric::BramKbit => of.bram_kbit,
        _ => 0,
    }
}

/// A change that was estimated.
#[derive(Clone, Debug, Serialize)]
pub struct Tried {
    /// What it is, for people.
    pub change: String,
    /// Options of the command line that make it.
    pub options: Vec<String>,
    /// What it is in a configuration, if the command line cannot say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<Value>,
    /// It changes what is computed.
    pub other_results: bool,
    /// The device, if it is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// What each path that changes would take, and whether it would fit.
    pub paths: Vec<Predicted>,
}

/// What a path would be.
#[derive(Clone, Debug, Serialize)]
pub struct Predicted {
    /// Its figures.
    pub figures: Figures,
    /// Whether it fits.
    #[serde(flatten)]
    pub fit: Fit,
}

/// A change that was not estimated, or does nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// What it is.
    pub change: String,
    /// Why.
    pub reason: String,
}

/// What can be changed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Advice {
    /// With their effects, in a fixed order.
    pub tried: Vec<Tried>,
    /// The others.
    pub left_out: Vec<LeftOut>,
}

impl Advice {
    /// Changes with which a path fits, the shortest latency first, then the fewest lookup tables.
    pub fn fitting(&self, path: Side) -> Vec<&Tried> {
        let own = |it: &&Tried| it.paths.iter().any(|it| it.fit.path == path && it.fit.fits);
        let key = |it: &&Tried| {
            let own = it.paths.iter().find(|it| it.fit.path == path).map(|it| it.figures);
            let value = |metric| own.and_then(|it| it.get(metric)).map_or(f64::MAX, |it| it.value);
            (value(Metric::LatencyNs), value(Metric::Lut))
        };
        let mut fitting: Vec<&Tried> = self.tried.iter().filter(own).collect();
        fitting.sort_by(|a, b| {
            let (a, b) = (key(a), key(b));
            a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
        });
        fitting
    }
}

/// The verdict as text.
pub fn verdict(fits: &[Fit], device: &str, lut_percent: f64) -> String {
    let mut table = Table::new().text("");
    for metric in Metric::RESOURCES {
        table = table.number(metric.name());
    }
    table = table.text("fits");
    for fit in fits {
        let share = |metric: Metric| {
            let share = fit.shares.iter().find(|it| it.metric == metric);
            share.map_or(UNKNOWN.into(), |it| it.percent.map_or("no such".into(), percent))
        };
        let shares = Metric::RESOURCES.map(share);
        let row = [fit.path.name().to_owned()].into_iter().chain(shares);
        table.row(row.chain([fit.verdict()]));
    }
    let limit = readable(lut_percent);
    format!(
        "share of {}, of which {limit} % of the LUT and all of the rest may be taken:\n{table}",
        clean(device)
    )
}

/// The advice as text, beside what there is.
pub fn listing(advice: &Advice, now: &[Predicted]) -> String {
    let mut table = Table::new().text("change").text("path").number("LUT").number("FF");
    table = table.number("DSP").number("BRAM\nkbit").number("latency\ncycles").number("ns");
    table = table.number("II").text("fits");
    let mut add = |change: &str, all: &[Predicted]| {
        for (idx, it) in all.iter().enumerate() {
            let number = |metric| number::figure(it.figures.get(metric));
            let change = if idx == 0 { change } else { "" };
            let [lut, ff, dsp, bram] = Metric::RESOURCES.map(number);
            let [cycles, ns, ii] =
                [Metric::LatencyCycles, Metric::LatencyNs, Metric::Ii].map(number);
            let (path, verdict) = (it.fit.path.name(), it.fit.verdict());
            table.row([change, path, &lut, &ff, &dsp, &bram, &cycles, &ns, &ii, &verdict]);
        }
    };
    add("as it is", now);
    for it in &advice.tried {
        let mark = if it.other_results { " *" } else { "" };
        add(&format!("{}{mark}", it.change), &it.paths);
    }
    let mut out = format!(
        "what can be changed, each estimated as `build` would (paths that stay as they are left out):\n{table}"
    );
    if advice.tried.iter().any(|it| it.other_results) {
        out.push_str("* changes results: see `predict --labels`, `predict --engine float`\n");
    }
    for it in &advice.tried {
        if let Some(config) = &it.config {
            paragraph(
                &mut out,
                &clean(&format!("{}: with {config} in the configuration", it.change)),
                "  ",
            );
        }
    }
    for path in [Side::Rtl, Side::Hls] {
        let fitting: Vec<&str> = advice.fitting(path).iter().map(|it| it.change.as_str()).collect();
        let text = match fitting.is_empty() {
            true => format!("{} fits with none of them", path.name()),
            false => format!("{} fits, fastest first, with: {}", path.name(), fitting.join("; ")),
        };
        paragraph(&mut out, &clean(&text), "  ");
    }
    for LeftOut { change, reason } in &advice.left_out {
        let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
        paragraph(&mut out, &clean(&format!("left out: {change}: {reason}")), "  ");
    }
    let _ = writeln!(out);
    out
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::sample;
    use super::*;

    fn limit() -> Resources {
        Resources { lut: 21_000, ff: 100_000, dsp: 100, bram_kbit: 36, uram: 0 }
    }

    fn fits() -> (Comparison, Vec<Fit>) {
        let mut all = sample::comparison();
        all.settle();
        all.device = Some(Resources { lut: 30_000, ..limit() });
        let fits = Fit::of(&all, &limit());
        (all, fits)
    }

    #[test]
    fn what_is_too_much_is_named() {
        let (_, fits) = fits();
        expect![[r#"
            share of xc7a35t, of which 70 % of the LUT and all of the rest may be taken:
                     LUT      FF      DSP     BRAM  fits
            ---  -------  ------  -------  -------  ----------------------------
            RTL   74.7 %  13.2 %      0 %        –  no: LUT 74.7 %
            HLS  129.2 %  30.1 %  210.0 %  100.0 %  no: LUT 129.2 %, DSP 210.0 %
        "#]]
        .assert_eq(&verdict(&fits, "xc7a35t", 70.0));
        assert!(fits.iter().all(|it| !it.fits));
    }

    #[test]
    fn of_what_is_not_there_nothing_fits() {
        let mut all = sample::comparison();
        all.total.rtl = Figures::of(super::super::compare::Source::Estimated, [(Metric::Dsp, 1.0)]);
        all.device = Some(Resources::default());
        let fit = &Fit::of(&all, &Resources::default())[0];
        assert_eq!((fit.fits, fit.shares[0].percent), (false, None));
        assert_eq!(fit.verdict(), "no: DSP (there is none)");
    }

    #[test]
    fn changes_beside_what_there_is() {
        let (all, fits) = fits();
        let predicted = |lut: f64, fit: &Fit| {
            let mut figures = *all.total.of(fit.path);
            figures.lut.as_mut().unwrap().value = lut;
            let total = all.device.unwrap();
            Predicted { figures, fit: Fit::path(fit.path, &figures, &total, &limit()).unwrap() }
        };
        let tried = |change: &str, luts: &[f64]| Tried {
            change: change.into(),
            options: vec![change.into()],
            config: change
                .contains("Width")
                .then(|| serde_json::json!({ "Model": { "Width": 12 } })),
            other_results: change.contains("Width"),
            part: None,
            paths: fits.iter().zip(luts).map(|(fit, lut)| predicted(*lut, fit)).collect(),
        };
        let advice = Advice {
            tried: vec![tried("Width 12", &[20_000.0, 30_000.0]), tried("--reuse 2", &[9000.0])],
            left_out: vec![LeftOut { change: "--fit".into(), reason: "does\nnot".into() }],
        };
        let now: Vec<Predicted> = fits
            .iter()
            .map(|fit| Predicted { figures: *all.total.of(fit.path), fit: fit.clone() })
            .collect();
        expect![[r#"
            what can be changed, each estimated as `build` would (paths that stay as they are left out):
                                                   BRAM  latency
            change      path     LUT      FF  DSP  kbit   cycles   ns  II  fits
            ----------  ----  ------  ------  ---  ----  -------  ---  --  ----------------------------
            as it is    RTL   22,410  13,240    0     –        9   45   1  no: LUT 74.7 %
                        HLS   38,764  30,115  210    36       33  165   2  no: LUT 129.2 %, DSP 210.0 %
            Width 12 *  RTL   20,000  13,240    0     –        9   45   1  yes: LUT 66.7 %
                        HLS   30,000  30,115  210    36       33  165   2  no: LUT 100.0 %, DSP 210.0 %
            --reuse 2   RTL    9,000  13,240    0     –        9   45   1  yes: LUT 30.0 %
            * changes results: see `predict --labels`, `predict --engine float`
            Width 12: with {"Model":{"Width":12}} in the configuration
            RTL fits, fastest first, with: --reuse 2; Width 12
            HLS fits with none of them
            left out: --fit: does not

        "#]].assert_eq(&listing(&advice, &now));
    }
}
