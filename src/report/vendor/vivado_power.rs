//! Text of Vivado's `report_power`: the summary at its top.
//!
//! Devices with memory in the package add rows for it, and a value may have a remark behind it;
//! the rows wanted here have the same names in all versions but the one for what the device takes
//! at rest.

use super::text::{cells, leading};
use super::{Power, ReportError, Reported, vivado};

/// mW in a W.
const MILLI: f64 = 1000.0;

/// Reads the text of a power report.
pub fn parse(text: &str) -> Result<Reported, ReportError> {
    let rows: Vec<Vec<&str>> = text.lines().filter_map(cells).collect();
    let value = |name: &str| rows.iter().find(|it| it.len() > 1 && it[0] == name).map(|it| it[1]);
    let watts = |name| value(name).and_then(leading::<f64>).map(|it| it * MILLI);
    let total_mw = watts("Total On-Chip Power (W)")
        .ok_or(ReportError::Missing { report: "Vivado power", missing: "total on-chip power" })?;
    let power = Power {
        total_mw,
        dynamic_mw: watts("Dynamic (W)"),
        static_mw: watts("Device Static (W)").or_else(|| watts("Static (W)")),
        confidence: value("Confidence Level").filter(|it| !it.is_empty()).map(str::to_owned),
    };
    Ok(Reported { power: Some(power), ..vivado::begin(text) })
}

#[cfg(test)]
mod tests {
    use super::super::Step;
    use super::*;

    const NEW: &str = "\
| Tool Version     : Vivado v.2022.2 (lin64)
| Design           : net
| Device           : xcvu9p-flgb2104-2-e
| Design State     : routed

1. Summary
----------

+--------------------------+--------------------------------+
| Total On-Chip Power (W)  | 2.875 (Junction temp exceeded!)|
| Design Power Budget (W)  | Unspecified*                   |
| Dynamic (W)              | 0.375                          |
| Device Static (W)        | 2.500                          |
| Confidence Level         | Low                            |
+--------------------------+--------------------------------+

1.1 On-Chip Components
| Clocks         |     0.070 |       20 |       --- |             --- |
| Dynamic (W)    |     9.000 |
";

    #[test]
    fn a_summary_with_remarks() {
        let read = parse(NEW).unwrap();
        let power = read.power.unwrap();
        assert_eq!((power.total_mw, power.dynamic_mw), (2875.0, Some(375.0)));
        assert_eq!((power.static_mw, power.confidence.as_deref()), (Some(2500.0), Some("Low")));
        assert_eq!((read.step, read.top.as_deref()), (Step::Routed, Some("net")));
    }

    #[test]
    fn an_old_summary_says_less() {
        let read = parse(
            "| Design State : Synthesized\n| Total On-Chip Power (W) | 0.123 |\n| Static (W) | 0.1 |",
        );
        let read = read.unwrap();
        let power =
            Power { total_mw: 123.0, dynamic_mw: None, static_mw: Some(100.0), confidence: None };
        assert_eq!((read.power, read.step), (Some(power), Step::Synthesized));
    }

    #[test]
    fn damaged_and_other_files() {
        let cut = &NEW[..NEW.find("2.875").unwrap()];
        let error = parse(cut).unwrap_err();
        assert_eq!(error.to_string(), "no total on-chip power in this Vivado power report");
        assert!(parse("").is_err());
        assert!(parse("| Site Type | Used |\n| CLB LUTs | 6 |").is_err());
        assert!(parse("| Total On-Chip Power (W) | NA |").is_err());
        let cut = &NEW[..NEW.find("Device Static").unwrap()];
        assert_eq!(parse(cut).unwrap().power.unwrap().static_mw, None);
        (0..NEW.len()).for_each(|at| drop(parse(&NEW[..at])));
    }
}
