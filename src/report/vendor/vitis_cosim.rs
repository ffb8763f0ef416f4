//! `*_cosim.rpt` of Vivado HLS and Vitis HLS: measured latency of the simulated RTL.
//!
//! A table with a row for each language: status, then least, average and most of latency and of
//! interval, and since 2020.2 the total of cycles. `NA` stands where a value was not measured.

use super::text::{cells, head, number};
use super::{ReportError, Reported, Step, Tool};

/// Reads the text of a `*_cosim.rpt`.
pub fn parse(text: &str) -> Result<Reported, ReportError> {
    let row = text
        .lines()
        .filter_map(cells)
        .filter(|it| it.len() >= 2 && matches!(it[0], "Verilog" | "VHDL" | "SystemC"))
        .find(|it| !matches!(it[1], "NA" | "" | "-"))
        .ok_or(ReportError::Missing {
            report: "HLS cosimulation",
            missing: "simulated language",
        })?;
    let bounds =
        |least: usize, most: usize| Some((number(row.get(least)?)?, number(row.get(most)?)?));
    Ok(Reported {
        version: head(text, "Version").map(str::to_owned),
        top: top(text).map(str::to_owned),
        latency_cycles: bounds(2, 4),
        interval: bounds(5, 7),
        passed: Some(row[1].eq_ignore_ascii_case("pass")),
        ..Reported::new(Tool::VitisHls, Step::Simulated)
    })
}

/// The function in `Cosimulation Report for 'net'`.
fn top(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("Report for '")?;
    rest.split('\'').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "
================================================================
== Vivado HLS Report for 'net'
================================================================
* Date:           now
* Version:        2019.2 (Build 1)

Simulation tool   : xsim.
+--------+--------+-----------------------------+-----------------------------+
|        |        |           Latency           |           Interval          |
+  RTL   + Status +-----------------------------+-----------------------------+
|        |        |   min   |   avg   |   max   |   min   |   avg   |   max   |
+--------+--------+-----------------------------+-----------------------------+
|    VHDL|      NA|       NA|       NA|       NA|       NA|       NA|       NA|
| Verilog|    Pass|       14|       15|       17|        1|        1|        2|
+--------+--------+-----------------------------+-----------------------------+
";

    #[test]
    fn old_table() {
        let read = parse(OLD).unwrap();
        assert_eq!((read.latency_cycles, read.interval), (Some((14, 17)), Some((1, 2))));
        assert_eq!((read.passed, read.top.as_deref()), (Some(true), Some("net")));
        assert_eq!(read.version.as_deref(), Some("2019.2 (Build 1)"));
    }

    #[test]
    fn new_table_with_the_total_and_one_transaction() {
        let row = "|  Verilog|  Pass|  9|  9|  9|  NA|  NA|  NA|  9|";
        let read = parse(row).unwrap();
        assert_eq!((read.latency_cycles, read.interval), (Some((9, 9)), None));
    }

    #[test]
    fn failure_and_no_run() {
        let read = parse("| Verilog | Fail | NA | NA | NA | NA | NA | NA |").unwrap();
        assert_eq!((read.passed, read.latency_cycles), (Some(false), None));
        assert_eq!(parse("| Verilog| Pass|").unwrap().latency_cycles, None);
        let none = parse("| VHDL| NA| NA|\n| Verilog| NA| NA|").unwrap_err();
        assert_eq!(none.to_string(), "no simulated language in this HLS cosimulation report");
    }
}
