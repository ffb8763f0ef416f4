//! Text of Vivado's `report_utilization -hierarchical`: what every instance takes.
//!
//! Names are indented by two blanks a level. A row `(name)` is what `name` has itself, which is counted
//! from the other rows here; counts may have a share behind them.

use super::instances::{Listed, own};
use super::text::{cells, number};
use super::{ReportError, Reported, vivado};
use crate::device::Resources;

/// kbit of the two kinds of block RAM.
const RAMB36: u64 = 36;
const RAMB18: u64 = 18;

/// Reads the text of a hierarchical utilization report.
pub fn parse(text: &str) -> Result<Reported, ReportError> {
    let mut heading: Option<Vec<&str>> = None;
    let mut listed = Vec::new();
    for line in text.lines() {
        let Some(row) = cells(line) else { continue };
        if row[0] == "Instance" {
            heading = Some(row);
            continue;
        }
        let Some(heading) = heading.as_ref().filter(|it| it.len() == row.len()) else { continue };
        // What an instance has itself follows from the rest.
        if row[0].starts_with('(') || row[0].is_empty() {
            continue;
        }
        let count = |name: &str| {
            let at = heading.iter().position(|it| it.starts_with(name));
            let cell = at.and_then(|at| row[at].split('(').next());
            cell.and_then(number::<u64>).unwrap_or(0)
        };
        let inside = line.trim_start().trim_start_matches('|');
        let blanks = inside.len() - inside.trim_start().len();
        listed.push(Listed {
            depth: blanks.saturating_sub(1) / 2,
            name: row[0],
            all: Resources {
                lut: count("Total LUTs"),
                ff: count("FFs"),
                dsp: count("DSP"),
                bram_kbit: count("RAMB36")
                    .saturating_mul(RAMB36)
                    .saturating_add(count("RAMB18").saturating_mul(RAMB18)),
                uram: count("URAM"),
            },
        });
    }
    if listed.is_empty() {
        let report = "Vivado hierarchical utilization";
        return Err(ReportError::Missing { report, missing: "row for an instance" });
    }
    Ok(Reported { instances: own(listed), ..vivado::begin(text) })
}

#[cfg(test)]
mod tests {
    use super::super::Step;
    use super::*;

    const NEW: &str = "\
| Tool Version : Vivado v.2023.2 (lin64)
| Design State : Routed

1. Utilization by Hierarchy
---------------------------
+--------------+----------+------------+------------+---------+------+-----+--------+--------+------+------------+
|   Instance   |  Module  | Total LUTs | Logic LUTs | LUTRAMs | SRLs | FFs | RAMB36 | RAMB18 | URAM | DSP Blocks |
+--------------+----------+------------+------------+---------+------+-----+--------+--------+------+------------+
| net          |    (top) |        100 |        100 |       0 |    0 | 200 |      1 |      1 |    0 |          3 |
|   (net)      |    (top) |         10 |         10 |       0 |    0 |  20 |      0 |      0 |    0 |          0 |
|   i_core     | net_core |         90 |         90 |       0 |    0 | 180 |      1 |      1 |    0 |          3 |
|     (i_core) | net_core |          0 |          0 |       0 |    0 |  30 |      0 |      0 |    0 |          0 |
|     i_dense  |    dense |         90 |         90 |       0 |    0 | 150 |      1 |      1 |    0 |          3 |
+--------------+----------+------------+------------+---------+------+-----+--------+--------+------+------------+
";

    #[test]
    fn instances_by_path() {
        let dense = Resources { lut: 90, ff: 150, dsp: 3, bram_kbit: 54, uram: 0 };
        let expected = [
            (String::new(), Resources { lut: 10, ff: 20, ..Resources::default() }),
            ("i_core".to_owned(), Resources { ff: 30, ..Resources::default() }),
            ("i_core.i_dense".to_owned(), dense),
        ];
        // Older versions name the block, and counts may have their share of the device behind them.
        let old = NEW.replace("DSP Blocks", "DSP48 Blocks").replace(" 150 |", " 150(0.1%) |");
        for text in [NEW, &old] {
            let read = parse(text).unwrap();
            assert_eq!(read.instances, expected);
            assert_eq!((read.step, read.resources), (Step::Routed, None));
        }
    }

    #[test]
    fn damaged_and_other_files() {
        let error = parse("").unwrap_err().to_string();
        assert_eq!(error, "no row for an instance in this Vivado hierarchical utilization report");
        assert!(parse("| Site Type | Used |\n| CLB LUTs | 6 |").is_err());
        assert!(parse(&NEW[..NEW.find("| net ").unwrap()]).is_err());
        (0..NEW.len()).for_each(|at| drop(parse(&NEW[..at])));
    }
}
