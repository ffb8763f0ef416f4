//! What the reports of Quartus have in common: tables drawn with `;` under a title, or a summary of
//! `name : value` lines, and a head with version and device.

use super::text::{cells_between, number};
use super::{Reported, Step, Tool};

/// A row of a report.
pub(super) struct Row<'a> {
    /// Title of its table; empty in a summary.
    pub(super) title: &'a str,
    /// It is the first of its table.
    pub(super) first: bool,
    /// Its cells; name and value in a summary.
    pub(super) cells: Vec<&'a str>,
}

/// The rows of a report (`.rpt`) or of a summary (`.summary`), titles of tables left out.
pub(super) fn rows(text: &str) -> Vec<Row<'_>> {
    let mut found = Vec::new();
    let (mut title, mut first) = ("", false);
    for line in text.lines() {
        match cells_between(line, ';') {
            Some(cells) if cells.len() == 1 => (title, first) = (cells[0], true),
            Some(cells) => {
                found.push(Row { title, first, cells });
                first = false;
            }
            None => {
                let Some((name, value)) = line.split_once(" : ") else { continue };
                found.push(Row { title: "", first: false, cells: vec![name.trim(), value.trim()] });
            }
        }
    }
    found
}

/// The first value that is not empty of a row with one of these names, the better names first.
/// Footnote marks (`Total registers*`) and the dashes of what is part of another row are no part of a
/// name.
pub(super) fn value<'a>(rows: &[Row<'a>], names: &[&str]) -> Option<&'a str> {
    let is = |row: &Row<'_>, name: &str| {
        let found = row.cells[0].trim_start_matches("-- ").trim_end_matches('*').trim_end();
        found.eq_ignore_ascii_case(name) && row.cells.len() > 1
    };
    names.iter().find_map(|name| {
        rows.iter().filter(|it| is(it, name)).map(|it| it.cells[1]).find(|it| !it.is_empty())
    })
}

/// Used and available in `6,280 / 18,480 ( 34 % )`, or used alone.
pub(super) fn share(text: &str) -> (Option<u64>, Option<u64>) {
    let (used, rest) = text.split_once('/').unwrap_or((text, ""));
    let all = rest.split('(').next().unwrap_or_default();
    (number(used.split('(').next().unwrap_or_default()), number(all))
}

/// A report with what its head says: `Quartus Prime Version`, `Quartus II 64-Bit Version` ...
pub(super) fn begin(rows: &[Row<'_>]) -> Reported {
    let is_version = |it: &&Row<'_>| {
        it.cells[0].starts_with("Quartus") && it.cells[0].ends_with("Version") && it.cells.len() > 1
    };
    let text = |it: &str| it.to_owned();
    Reported {
        version: rows.iter().find(is_version).map(|it| it.cells[1].to_owned()),
        part: value(rows, &["Device", "Device Name"]).map(text),
        top: value(rows, &["Top-level Entity Name", "Revision Name"]).map(text),
        ..Reported::new(Tool::Quartus, Step::Routed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_and_summaries() {
        let text = "+---+\n; Title      ;\n+---+---+\n; a ; b ;\n+---+---+\n; 1 ; 2 ;\nx : y\n";
        let read: Vec<_> =
            rows(text).into_iter().map(|it| (it.title, it.first, it.cells.join(","))).collect();
        let expected = [("Title", true, "a,b"), ("Title", false, "1,2"), ("", false, "x,y")];
        assert_eq!(read, expected.map(|(a, b, c)| (a, b, c.to_owned())));
    }

    #[test]
    fn values() {
        let rows = rows("; T ;\n; Total registers* ;  ;\n; -- Total registers ; 7 ;\n; x ; 1 ;");
        assert_eq!(value(&rows, &["absent", "total Registers"]), Some("7"));
        assert_eq!(share("6,280 / 18,480 ( 34 % )"), (Some(6280), Some(18480)));
        assert_eq!(share("14006"), (Some(14006), None));
        assert_eq!(share("5 ( < 1 % )"), (Some(5), None));
        assert_eq!(share("N/A"), (None, None));
    }
}
