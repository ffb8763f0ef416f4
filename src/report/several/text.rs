//! Several designs for a terminal: tables of as many columns as fit, one below the other.

use std::fmt::Write;
use std::ops::Range;

use super::super::compare::{Metric, Source};
use super::super::listing::{heading, paragraph, verdict};
use super::super::number::{self, UNKNOWN, change, clean, elide, readable};
use super::super::table::Table;
use super::{Cell, Column, OF_LAYERS, Several};

/// Longest name that heads a column, letters, unless shortened ones would be alike.
const LONGEST: usize = 20;

/// The whole comparison.
pub fn listing(all: &Several) -> String {
    let mut out = format!("{}\n", designs(all));
    for it in &all.unlike {
        let own = all
            .designs
            .iter()
            .zip(&it.values)
            .map(|(design, value)| clean(&format!("{} {value}", design.name)));
        let own: Vec<String> = own.collect();
        paragraph(&mut out, &format!("not the same {}: {}", it.what, own.join(", ")), "  ");
    }
    let sources =
        "sim: simulated, synth: synthesized, rep: reported by the HLS compiler, est: estimated";
    let base = all.columns.first().map_or(String::new(), |it| clean(&all.name(*it)));
    paragraph(&mut out, &format!("differences are from {base}; {sources}"), "  ");
    out.push('\n');
    for table in totals(all) {
        let _ = writeln!(out, "{table}");
    }
    for metric in OF_LAYERS {
        for table in layers(all, metric) {
            let _ = writeln!(out, "{table}");
        }
    }
    for picture in &all.pictures {
        let best = picture.points.iter().filter(|it| it.best);
        let best: Vec<String> = best.map(|it| clean(&all.name(all.columns[it.column]))).collect();
        let text =
            format!("on the front of {} against LUT: {}", picture.across.name(), best.join(", "));
        paragraph(&mut out, &text, "  ");
    }
    for design in &all.designs {
        if let Some(cosim) = &design.comparison.cosim {
            let text = format!("cosimulation of {}: {}", clean(&design.name), verdict(cosim));
            paragraph(&mut out, &text, "  ");
        }
    }
    for (whose, note) in notes(all) {
        let whose = if whose.is_empty() { whose } else { format!(" of {whose}") };
        paragraph(&mut out, &clean(&format!("note{whose}: {note}")), "  ");
    }
    out
}

fn designs(all: &Several) -> Table {
    let mut table = Table::new().text("design").text("folder").text("model").whole("part");
    table = table.number("clock ns").text("settings");
    for it in &all.designs {
        let all = &it.comparison;
        let settings = all.settings.iter().map(|(key, value)| format!("{key} {value}"));
        let settings = settings.collect::<Vec<_>>().join(", ");
        let clock = readable(all.clock_ns);
        table.row([&it.name, &it.folder, &all.model, &all.part, &clock, &settings]);
    }
    table
}

/// Every note once, with the names of the designs that it is of unless it is of all.
pub(super) fn notes(all: &Several) -> Vec<(String, String)> {
    let mut notes: Vec<(Vec<&str>, &String)> = Vec::new();
    for design in &all.designs {
        for note in &design.comparison.notes {
            match notes.iter_mut().find(|it| it.1 == note) {
                Some((whose, _)) if whose.contains(&design.name.as_str()) => {}
                Some((whose, _)) => whose.push(&design.name),
                None => notes.push((vec![&design.name], note)),
            }
        }
    }
    let said = |(whose, note): (Vec<&str>, &String)| {
        let whose = match whose.len() == all.designs.len() {
            true => String::new(),
            false => whose.join(", "),
        };
        (whose, note.clone())
    };
    notes.into_iter().map(said).collect()
}

fn totals(all: &Several) -> Vec<Table> {
    in_parts(all, |columns| {
        let mut table = heads(all, Table::new().text(""), columns, "");
        for row in &all.totals {
            let name = format!("{} {}", row.metric.name(), row.unit);
            let cells = columns.clone().map(|it| (row.cells[it], UNKNOWN));
            add(&mut table, name.trim_end(), cells, columns);
        }
        table
    })
}

fn layers(all: &Several, metric: Metric) -> Vec<Table> {
    let Some(rows) = all.layers_of(metric) else { return Vec::new() };
    in_parts(all, |columns| {
        let mut table = heads(all, Table::new().text("layer"), columns, heading(metric));
        for (layer, cells) in &rows {
            let cell = |it: usize| {
                let has = layer.designs[all.columns[it].design];
                (cells[it], if has { UNKNOWN } else { "" })
            };
            add(&mut table, &layer.name, columns.clone().map(cell), columns);
        }
        table
    })
}

/// A number and how it differs for each column; the first of all differs from nothing.
fn heads(all: &Several, table: Table, columns: &Range<usize>, what: &str) -> Table {
    let short = |it: &Column| elide(&all.designs[it.design].name, LONGEST);
    let alike = all
        .columns
        .iter()
        .any(|a| all.columns.iter().any(|b| a.design != b.design && short(a) == short(b)));
    let mut table = table;
    for at in columns.clone() {
        let it = &all.columns[at];
        let name = if alike { all.designs[it.design].name.clone() } else { short(it) };
        let head = [what, &name, it.path.name()].join("\n");
        table = table.number(head.trim_start());
        if at > 0 {
            table = table.number("");
        }
    }
    table
}

fn add(
    table: &mut Table,
    name: &str,
    cells: impl Iterator<Item = (Option<Cell>, &'static str)>,
    columns: &Range<usize>,
) {
    let mut row = vec![name.to_owned()];
    for (at, (cell, nothing)) in columns.clone().zip(cells) {
        row.push(cell.map_or(nothing.into(), |it| {
            format!("{} {}", number::figure(Some(it.figure)), Source::short(it.figure.source))
        }));
        if at > 0 {
            row.push(cell.and_then(|it| it.ratio).map_or(String::new(), change));
        }
    }
    table.row(row);
}

/// As many columns in a table as a terminal is wide, at least one.
fn in_parts(all: &Several, made: impl Fn(&Range<usize>) -> Table) -> Vec<Table> {
    let mut tables = Vec::new();
    let mut from = 0;
    while from < all.columns.len() {
        let fits = |it: &usize| made(&(from..*it)).fits();
        let to = (from + 2..=all.columns.len()).take_while(fits).last().unwrap_or(from + 1);
        tables.push(made(&(from..to)));
        from = to;
    }
    tables
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::super::table::WIDTH;
    use super::super::sample;
    use super::*;

    #[test]
    fn three_designs() {
        let text = listing(&Several::new(sample::designs()));
        expect![[r#"
            design  folder         model        part                 clock ns  settings
            ------  -------------  -----------  -------------------  --------  -----------------------------
            base    builds/base    digits.onnx  xcvu9p-flgb2104-2-e         5  io parallel, strategy latency
            folded  builds/folded  digits.onnx  xcvu9p-flgb2104-2-e       2.5  io parallel, strategy latency
            other   builds/other   digits.onnx  xc7k325tffg900-2            5  io stream, strategy latency

            not the same device: base xcvu9p-flgb2104-2-e, folded xcvu9p-flgb2104-2-e, other xc7k325tffg900-2
            not the same clock: base 5 ns, folded 2.5 ns, other 5 ns
            differences are from base RTL; sim: simulated, synth: synthesized, rep: reported by the HLS
              compiler, est: estimated

                                    base        base               folded                 other
                                     RTL         HLS                  RTL                   RTL
            --------------  ------------  ----------  -------  ----------  ------  ------------  -
            latency cycles         9 sim      33 rep    ×3.67      90 est   ×10.0         9 sim  =
            latency ns            45 sim     165 rep    ×3.67     225 est   ×5.00        45 sim  =
            II cycles              1 sim       2 rep    ×2.00       4 est   ×4.00         1 sim  =
            Fmax MHz                   –   231.4 rep                    –                     –
            LUT             22,410 synth  38,764 rep  +73.0 %   2,241 est   ×0.10  22,410 synth  =
            FF              13,240 synth  30,115 rep    ×2.27  13,134 est  -0.8 %  13,240 synth  =
            DSP                  0 synth     210 rep                8 est               0 synth
            BRAM kbit                  –      36 rep                    –                     –

                                 other
                                   HLS
            --------------  ----------  -------
            latency cycles      33 rep    ×3.67
            latency ns         165 rep    ×3.67
            II cycles            2 rep    ×2.00
            Fmax MHz         231.4 rep
            LUT             38,764 rep  +73.0 %
            FF              30,115 rep    ×2.27
            DSP                210 rep
            BRAM kbit           36 rep

                     cycles  cycles         cycles    cycles     cycles
                       base    base         folded     other      other
            layer       RTL     HLS            RTL       RTL        HLS
            -------  ------  ------  -----  ------    ------  -  ------  -----
            conv1     4 sim   9 est  ×2.25       –     4 sim  =   9 est  ×2.25
            conv2     3 sim  11 est  ×3.67       –     3 sim  =  11 est  ×3.67
            add       0 sim   1 est              –     0 sim      1 est
            dense     1 sim   6 est  ×6.00       –     1 sim  =   6 est  ×6.00
            argmax                               –
            softmax   1 sim   8 est  ×8.00             1 sim  =   8 est  ×8.00

                           LUT         LUT                 LUT           LUT            LUT
                          base        base              folded         other          other
            layer          RTL         HLS                 RTL           RTL            HLS
            -------  ---------  ----------  -------  ---------  -  ---------  -  ----------  -------
            conv1    5,020 est   8,210 est  +63.5 %  5,020 est  =  5,020 est  =   8,210 est  +63.5 %
            conv2    9,310 est  14,870 est  +59.7 %  9,310 est  =  9,310 est  =  14,870 est  +59.7 %
            add      2,016 est   2,304 est  +14.3 %  2,016 est  =  2,016 est  =   2,304 est  +14.3 %
            dense    6,120 est   9,433 est  +54.1 %  6,120 est  =  6,120 est  =   9,433 est  +54.1 %
            argmax                                     880 est
            softmax    880 est   1,990 est    ×2.26                  880 est  =   1,990 est    ×2.26

                            FF          FF                  FF            FF             FF
                          base        base              folded         other          other
            layer          RTL         HLS                 RTL           RTL            HLS
            -------  ---------  ----------  -------  ---------  -  ---------  -  ----------  -------
            conv1    4,100 est   6,120 est  +49.3 %  4,100 est  =  4,100 est  =   6,120 est  +49.3 %
            conv2    7,044 est  11,350 est  +61.1 %  7,044 est  =  7,044 est  =  11,350 est  +61.1 %
            add          0 est   1,152 est               0 est         0 est      1,152 est
            dense    1,480 est   8,021 est    ×5.42  1,480 est  =  1,480 est  =   8,021 est    ×5.42
            argmax                                     510 est
            softmax    510 est   2,210 est    ×4.33                  510 est  =   2,210 est    ×4.33

                      DSP      DSP       DSP      DSP        DSP
                     base     base    folded    other      other
            layer     RTL      HLS       RTL      RTL        HLS
            -------  ----  -------    ------    -----    -------
            conv1       –   36 est         –        –     36 est
            conv2       –  144 est         –        –    144 est
            add         –    0 est         –        –      0 est
            dense       –   20 est         –        –     20 est
            argmax                         –
            softmax     –   10 est                  –     10 est

            on the front of latency against LUT: base RTL, folded RTL, other RTL
            on the front of time from sample to sample against LUT: base RTL, folded RTL, other RTL
            cosimulation of base: 360 samples, RTL (Verilator 5.006) and HLS C++ (g++) equal to the emulator
              in every bit
            cosimulation of folded: 360 samples, RTL (Verilator 5.006) and HLS C++ (g++) equal to the emulator
              in every bit
            cosimulation of other: 360 samples, RTL (Verilator 5.006) and HLS C++ (g++) equal to the emulator
              in every bit
            note: HLS latency of layers: our model, within 20 % on 12 designs.
        "#]].assert_eq(&text);
        assert!(text.lines().all(|it| it.chars().count() <= WIDTH));
    }

    #[test]
    fn long_names_stay_apart() {
        let mut designs = sample::designs();
        for (design, end) in designs.iter_mut().zip(["x", "y", "z"]) {
            design.name = format!("{0}{end}{0}\u{1b}", "n".repeat(30));
        }
        let text = listing(&Several::new(designs));
        for end in ["x", "y", "z"] {
            let name = format!("{0}{end}{0}", "n".repeat(30));
            assert!(text.lines().any(|it| it.contains(&name)), "{text}");
        }
        assert!(!text.contains('\u{1b}'));
    }
}
