//! What the command line prints: the network, its types, the comparison.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::compare::{Comparison, Cosim, Figure, FormatRow, LayerRow, Metric, Side, Source};
use super::number::{self, UNKNOWN, clean, readable};
use super::table::{Table, WIDTH, wrap};

/// Figures of a layer that the comparison lists.
const OF_LAYERS: [Metric; 6] =
    [Metric::LatencyCycles, Metric::Ii, Metric::Lut, Metric::Ff, Metric::Dsp, Metric::BramKbit];

/// The layers of a network, one a row, and the sum of their parameters; layers that cannot be built
/// have a mark, and the reason below.
pub fn network(layers: &[LayerRow]) -> String {
    let mut table = Table::new().text("layer").whole("kind").whole("shape").number("parameters");
    table = table.whole("result type").text("inputs, if not\nthe row above");
    let mut above = "";
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    for row in layers {
        let result = row.formats.get("result").map_or(UNKNOWN, String::as_str);
        let result = if row.unsupported.is_some() { "not built" } else { result };
        *reasons.entry(row.unsupported.as_deref().unwrap_or_default()).or_default() += 1;
        let parameters = readable(row.parameters as f64);
        let chain = row.inputs == [above];
        let inputs = if chain { String::new() } else { row.inputs.join(", ") };
        table.row([&row.name, &row.kind, &row.shape, &parameters, result, &inputs]);
        above = &row.name;
    }
    let parameters = layers.iter().fold(0u64, |sum, it| sum.saturating_add(it.parameters));
    let mut out = format!("{table}{} parameters\n", readable(parameters as f64));
    for (reason, count) in reasons.into_iter().filter(|it| !it.0.is_empty()) {
        let layers = if count == 1 { "1 layer is" } else { &format!("{count} layers are") };
        let _ = writeln!(out, "{layers} not built: {}", clean(reason));
    }
    out
}

/// Every type of every layer, with its reason.
pub fn formats(rows: &[FormatRow]) -> String {
    let mut table = Table::new().text("layer").whole("type").whole("format").text("reason");
    let mut before = "";
    for row in rows {
        let layer = if row.layer == before { "" } else { &row.layer };
        table.row([layer, &row.role, &row.format, &row.reason]);
        before = &row.layer;
    }
    table.to_string()
}

/// The whole comparison.
pub fn comparison(all: &Comparison) -> String {
    let mut out = String::new();
    let head =
        [clean(&all.model), clean(&all.part), format!("{} ns clock", readable(all.clock_ns))];
    let settings = all.settings.iter().map(|(key, value)| clean(&format!("{key} {value}")));
    paragraph(&mut out, &head.into_iter().chain(settings).collect::<Vec<_>>().join(", "), "");
    out.push('\n');
    for table in [totals(all), layers(all)].iter().filter(|it| !it.is_empty()) {
        let _ = writeln!(out, "{table}");
    }
    if let Some(cosim) = &all.cosim {
        paragraph(&mut out, &format!("cosimulation: {}", verdict(cosim)), "  ");
    }
    for note in &all.notes {
        paragraph(&mut out, &format!("note: {}", clean(note)), "  ");
    }
    out
}

/// The outcome of a cosimulation in a sentence.
pub fn verdict(cosim: &Cosim) -> String {
    let engines = cosim.engines.join(" and ");
    let samples = readable(cosim.samples as f64);
    let text = match cosim.mismatches {
        0 => format!("{samples} samples, {engines} equal to the emulator in every bit"),
        count => {
            let count = readable(count as f64);
            format!("{samples} samples, {count} values of {engines} differ from the emulator")
        }
    };
    let first = cosim.first_difference.as_ref().map(|it| format!("; first difference: {it}"));
    clean(&(text + &first.unwrap_or_default()))
}

fn totals(all: &Comparison) -> Table {
    let mut table = Table::new().text("").text("unit").number("HLS").number("RTL");
    table = table.number("HLS/RTL").text("source HLS").text("source RTL");
    for metric in Metric::ALL {
        let [hls, rtl] = Side::ALL.map(|it| all.total.of(it).get(metric));
        if hls.is_none() && rtl.is_none() {
            continue;
        }
        let source = |it: Option<Figure>| it.map_or("", |it| it.source.name());
        let [left, right] = [number::figure(hls), number::figure(rtl)];
        let ratio = number::ratio(all.total.ratio(metric));
        table.row([metric.name(), metric.unit(), &left, &right, &ratio, source(hls), source(rtl)]);
    }
    table
}

/// A column of the layers' figures.
pub(super) struct Column {
    pub(super) metric: Metric,
    pub(super) side: Side,
    /// The source, if the whole column shares it; else it stands with each number.
    pub(super) source: Option<Source>,
}

impl Column {
    /// The number in a row, and its source unless the heading says it.
    pub(super) fn cell(&self, row: &LayerRow) -> (String, &'static str) {
        let figure = row.figures.of(self.side).get(self.metric);
        let mark = figure.filter(|_| self.source.is_none()).map_or("", |it| it.source.short());
        (number::figure(figure), mark)
    }
}

/// The columns worth showing: metrics that some layer has, and not zero; sides that know them.
pub(super) fn columns(layers: &[LayerRow]) -> Vec<Column> {
    let mut columns = Vec::new();
    for metric in OF_LAYERS {
        let known = |side| layers.iter().filter_map(move |it| it.figures.of(side).get(metric));
        if !Side::ALL.into_iter().flat_map(known).any(|it| it.value != 0.0) {
            continue;
        }
        for side in Side::ALL {
            let sources: BTreeSet<Source> = known(side).map(|it| it.source).collect();
            if let Some(&first) = sources.first() {
                let source = (sources.len() == 1).then_some(first);
                columns.push(Column { metric, side, source });
            }
        }
    }
    columns
}

/// What heads the figures of layers.
pub(super) fn heading(metric: Metric) -> &'static str {
    if metric == Metric::LatencyCycles { "cycles" } else { metric.name() }
}

fn layers(all: &Comparison) -> Table {
    let columns = columns(&all.layers);
    let mut table = Table::new().text("layer").number("stages");
    for it in &columns {
        let source = it.source.map_or("", Source::short);
        table = table.number(&format!("{}\n{}\n{source}", heading(it.metric), it.side.name()));
    }
    for row in all.layers.iter().filter(|it| !it.is_input()) {
        let stages = row.stages.map(|it| format!("{}..{}", it.from, it.to));
        let figures = columns.iter().map(|it| match it.cell(row) {
            (number, "") => number,
            (number, mark) => format!("{number} {mark}"),
        });
        let first = [row.name.clone(), stages.unwrap_or(UNKNOWN.into())];
        table.row(first.into_iter().chain(figures));
    }
    table
}

pub(super) fn paragraph(out: &mut String, text: &str, indent: &str) {
    for (idx, line) in wrap(text, WIDTH - indent.len()).iter().enumerate() {
        let _ = writeln!(out, "{}{line}", if idx > 0 { indent } else { "" });
    }
}

#[cfg(test)]
mod tests {
    use super::super::compare::Figures;
    use super::super::sample;
    use super::*;
    use expect_test::expect;

    #[test]
    fn networks() {
        expect![[r#"
                                                                          inputs, if not
            layer    kind     shape      parameters  result type          the row above
            -------  -------  ---------  ----------  -------------------  --------------
            image    Input    [8, 8, 1]           0  ufixed<8,0>
            conv1    Conv2D   [6, 6, 4]          40  fixed<16,6,RND,SAT>
            conv2    Conv2D   [6, 6, 4]         148  fixed<16,6,RND,SAT>
            add      Add      [6, 6, 4]           0  fixed<16,6,RND,SAT>  conv1, conv2
            dense    Dense    [10]            1,450  fixed<16,6,RND,SAT>
            softmax  Softmax  [10]                0  fixed<16,6,RND,SAT>
            1,638 parameters
        "#]]
        .assert_eq(&network(&sample::layers()));
    }

    #[test]
    fn types() {
        expect![[r#"
            layer  type    format               reason
            -----  ------  -------------------  ----------------------------------------------------------------
            image  result  ufixed<8,0>          user: LayerName
            conv1  weight  fixed<8,2>           largest weight is 1.73
                   accum   fixed<21,6>          sum of 9 products of ufixed<8,0> by fixed<8,2>, so that no sum
                                                can overflow
                   result  fixed<16,6,RND,SAT>  user: Model
        "#]].assert_eq(&formats(&sample::formats()));
    }

    #[test]
    fn comparisons() {
        let mut all = sample::comparison();
        all.settle();
        let text = comparison(&all);
        expect![[r#"
            digits.onnx, xcvu9p-flgb2104-2-e, 5 ns clock, io parallel, strategy latency

                     unit       HLS     RTL  HLS/RTL  source HLS  source RTL
            -------  ------  ------  ------  -------  ----------  -----------
            latency  cycles      33       9     3.67  reported    simulated
            latency  ns         165      45     3.67  reported    simulated
            II       cycles       2       1     2.00  reported    simulated
            Fmax     MHz      231.4       –        –  reported
            LUT              38,764  22,410     1.73  reported    synthesized
            FF               30,115  13,240     2.27  reported    synthesized
            DSP                 210       0        –  reported    synthesized
            BRAM     kbit        36       –        –  reported

                             cycles  cycles     LUT    LUT      FF     FF  DSP
                                HLS     RTL     HLS    RTL     HLS    RTL  HLS
            layer    stages     est     sim     est    est     est    est  est
            -------  ------  ------  ------  ------  -----  ------  -----  ---
            conv1      0..4       9       4   8,210  5,020   6,120  4,100   36
            conv2      4..7      11       3  14,870  9,310  11,350  7,044  144
            add        7..7       1       0   2,304  2,016   1,152      0    0
            dense      7..8       6       1   9,433  6,120   8,021  1,480   20
            softmax    8..9       8       1   1,990    880   2,210    510   10

            cosimulation: 360 samples, RTL (Verilator 5.006) and HLS C++ (g++) equal to the emulator in every
              bit
            note: HLS latency of layers: our model, within 20 % on 12 designs.
        "#]].assert_eq(&text);
        assert!(text.lines().all(|it| it.chars().count() <= WIDTH));
    }

    #[test]
    fn mixed_sources_stand_with_the_numbers() {
        let mut all = sample::comparison();
        all.layers.truncate(3);
        all.layers[1].figures.hls = Default::default();
        all.layers[1].figures.rtl.lut = None;
        let better = Figures::of(Source::Synthesized, [(Metric::Lut, 4711.0)]);
        assert!(all.layer("conv1", Side::Rtl, &better));
        expect![[r#"
                           cycles     LUT                   FF     FF  DSP
                              HLS     HLS          LUT     HLS    RTL  HLS
            layer  stages     est     est          RTL     est    est  est
            -----  ------  ------  ------  -----------  ------  -----  ---
            conv1    0..4       –       –  4,711 synth       –  4,100    –
            conv2    4..7      11  14,870    9,310 est  11,350  7,044  144
        "#]]
        .assert_eq(&layers(&all).to_string());
    }

    #[test]
    fn nothing_known_is_still_a_text() {
        let mut all = Comparison { model: "m".into(), clock_ns: 2.5, ..Comparison::default() };
        all.part = "p\u{1b}[31m".into();
        all.cosim = Some(Cosim {
            samples: 1000,
            mismatches: 2,
            engines: vec!["RTL".into()],
            first_difference: Some("sample 3, y[1]: 5 against 6".into()),
        });
        expect![[r#"
            m, p\u{1b}[31m, 2.5 ns clock

            cosimulation: 1,000 samples, 2 values of RTL differ from the emulator; first difference: sample 3,
              y[1]: 5 against 6
        "#]].assert_eq(&comparison(&all));
    }
}
