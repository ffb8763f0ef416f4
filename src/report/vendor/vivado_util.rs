//! Text of Vivado's `report_utilization`, after synthesis or after routing.
//!
//! Seven-series reports say `Slice LUTs` where UltraScale says `CLB LUTs`, a `*` marks counts that
//! may still shrink, and newer versions have a column `Prohibited`; columns are found by heading.

use super::text::{cells, number};
use super::{ReportError, Reported, vivado};
use crate::device::Resources;

/// kbit of a block RAM tile, of which halves are counted.
const TILE_KBIT: f64 = 36.0;

/// Reads the text of a utilization report.
pub fn parse(text: &str) -> Result<Reported, ReportError> {
    let used = column(text, "Used");
    if used.lut.is_none() {
        return Err(ReportError::Missing { report: "Vivado utilization", missing: "row for LUTs" });
    }
    let available = column(text, "Available");
    Ok(Reported {
        resources: Some(used.counts()),
        available: available.lut.is_some().then(|| available.counts()),
        ..vivado::begin(text)
    })
}

/// A column of the tables of sites.
#[derive(Default)]
struct Column {
    lut: Option<f64>,
    ff: Option<f64>,
    dsp: Option<f64>,
    tiles: Option<f64>,
    uram: Option<f64>,
}

impl Column {
    fn counts(&self) -> Resources {
        let count = |it: Option<f64>| it.unwrap_or(0.0).max(0.0) as u64;
        Resources {
            lut: count(self.lut),
            ff: count(self.ff),
            dsp: count(self.dsp),
            bram_kbit: count(self.tiles.map(|it| it * TILE_KBIT)),
            uram: count(self.uram),
        }
    }
}

fn column(text: &str, heading: &str) -> Column {
    let mut column = Column::default();
    let mut at = None;
    for row in text.lines().filter_map(cells) {
        let Some(name) = row.first().map(|it| it.trim_end_matches('*').trim_end()) else {
            continue;
        };
        if name == "Site Type" {
            at = row.iter().position(|it| *it == heading);
            continue;
        }
        let field = match name {
            "CLB LUTs" | "Slice LUTs" => &mut column.lut,
            "CLB Registers" | "Slice Registers" | "Registers" => &mut column.ff,
            "DSPs" | "DSP Slices" => &mut column.dsp,
            "Block RAM Tile" => &mut column.tiles,
            "URAM" => &mut column.uram,
            _ => continue,
        };
        let value = at.and_then(|at| row.get(at)).and_then(|it| number(it));
        *field = field.or(value);
    }
    column
}

#[cfg(test)]
mod tests {
    use super::super::Step;
    use super::*;

    const SEVEN: &str = "\
| Tool Version : Vivado v.2020.1 (lin64)
| Design       : net
| Device       : 7z020clg400-1
| Design State : Synthesized

1. Slice Logic
+-----------------+------+-------+-----------+-------+
|    Site Type    | Used | Fixed | Available | Util% |
+-----------------+------+-------+-----------+-------+
| Slice LUTs*     | 1500 |     0 |     53200 |  2.82 |
|   LUT as Logic  | 1480 |     0 |     53200 |  2.78 |
| Slice Registers | 2400 |     0 |    106400 |  2.26 |
+-----------------+------+-------+-----------+-------+
| Block RAM Tile  |  2.5 |     0 |       140 |  1.79 |
|   RAMB18        |    5 |     0 |       280 |  1.79 |
| DSPs            |   66 |     0 |       220 | 30.00 |

7. Primitives
| Ref Name | Used | Functional Category |
| DSPs     |    1 | not this one |
";

    #[test]
    fn seven_series() {
        let read = parse(SEVEN).unwrap();
        let used = Resources { lut: 1500, ff: 2400, dsp: 66, bram_kbit: 90, uram: 0 };
        assert_eq!(read.resources, Some(used));
        assert_eq!(read.available, Some(crate::device::find("xc7z020").unwrap().total));
        assert_eq!(read.step, Step::Synthesized);
        assert_eq!(read.part.as_deref(), Some("7z020clg400-1"));
        assert_eq!(read.top.as_deref(), Some("net"));
    }

    #[test]
    fn ultrascale_with_prohibited_column_after_routing() {
        let text = "\
| Design State : Routed
|     Site Type    |  Used | Fixed | Prohibited | Available | Util% |
| CLB LUTs         | 12345 |     0 |          0 |   1182240 |  1.04 |
| CLB Registers    |  2345 |     0 |          0 |   2364480 |  0.10 |
| Block RAM Tile   |     0 |     0 |          0 |      2160 |  0.00 |
| URAM             |     1 |     0 |          0 |       960 |  0.10 |
| DSPs             |     5 |     0 |          0 |      6840 | <0.01 |
";
        let read = parse(text).unwrap();
        assert_eq!(read.step, Step::Routed);
        let used = Resources { lut: 12345, ff: 2345, dsp: 5, bram_kbit: 0, uram: 1 };
        assert_eq!(read.resources, Some(used));
        assert_eq!(read.available, Some(crate::device::find("xcvu9p").unwrap().total));
    }

    #[test]
    fn other_files_are_errors() {
        assert!(parse("").is_err());
        assert!(parse("| CLB LUTs | 5 |").is_err(), "no heading, so no column to trust");
    }
}
