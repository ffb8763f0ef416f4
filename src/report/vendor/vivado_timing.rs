//! Text of Vivado's `report_timing_summary`: worst and total slacks, and the clock's period.

use super::text::number;
use super::{ReportError, Reported, vivado};

/// Reads the text of a timing summary.
pub fn parse(text: &str) -> Result<Reported, ReportError> {
    let mut lines = text.lines();
    let heading = lines
        .find(|it| it.trim_start().starts_with("WNS(ns)"))
        .ok_or(ReportError::Missing { report: "Vivado timing", missing: "row of slacks" })?;
    let values: Vec<&str> = lines
        .find(|it| !it.trim().is_empty() && !it.trim_start().starts_with('-') || is_negative(it))
        .map(|it| it.split_whitespace().collect())
        .unwrap_or_default();
    let slack = |name: &str| {
        let at = columns(heading).position(|it| it == name)?;
        values.get(at).and_then(|it| number(it))
    };
    Ok(Reported {
        clock_target_ns: period(text),
        wns_ns: slack("WNS(ns)"),
        tns_ns: slack("TNS(ns)"),
        whs_ns: slack("WHS(ns)"),
        ths_ns: slack("THS(ns)"),
        wpws_ns: slack("WPWS(ns)"),
        tpws_ns: slack("TPWS(ns)"),
        ..vivado::begin(text)
    })
}

/// Headings, which are two or more blanks apart and may have single blanks within.
fn columns(heading: &str) -> impl Iterator<Item = &str> {
    heading.split("  ").map(str::trim).filter(|it| !it.is_empty())
}

/// Whether a line that starts with `-` is a row of numbers and not a rule.
fn is_negative(line: &str) -> bool {
    line.split_whitespace().next().and_then(number::<f64>).is_some()
}

/// The period of the first clock of the clock summary: `clk  {0.000 2.500}  5.000  200.000`.
fn period(text: &str) -> Option<f64> {
    let (_, summary) = text.split_once("Waveform(ns)")?;
    let row = summary.lines().find(|it| it.contains('{') && it.contains('}'))?;
    row.split('}').nth(1)?.split_whitespace().next().and_then(number)
}

#[cfg(test)]
mod tests {
    use super::super::{Step, Tool};
    use super::*;

    fn summary(values: &str) -> String {
        format!(
            "| Design       : net\n| Device       : xcvu13p-flga2577\n| Design State : Routed\n\n\
             | Design Timing Summary\n| ---------------------\n\n\
             \x20   WNS(ns)      TNS(ns)  TNS Failing Endpoints  TNS Total Endpoints      WHS(ns)      \
             THS(ns)  THS Failing Endpoints  THS Total Endpoints     WPWS(ns)     TPWS(ns)  \
             TPWS Failing Endpoints  TPWS Total Endpoints\n\
             \x20   -------      -------  ---------------------  -------------------      -------\n\
             {values}\n\n\
             | Clock Summary\nClock  Waveform(ns)       Period(ns)      Frequency(MHz)\n\
             -----  ------------       ----------      --------------\n\
             clk    {{0.000 2.500}}        5.000           200.000\n"
        )
    }

    #[test]
    fn met() {
        let read =
            parse(&summary("  0.123  0.000  0  500  0.040  0.000  0  500  2.225  0.000  0  90"));
        let read = read.unwrap();
        assert_eq!((read.wns_ns, read.tns_ns), (Some(0.123), Some(0.0)));
        assert_eq!((read.whs_ns, read.ths_ns), (Some(0.04), Some(0.0)));
        assert_eq!((read.wpws_ns, read.tpws_ns), (Some(2.225), Some(0.0)));
        assert_eq!(read.clock_target_ns, Some(5.0));
        assert_eq!((read.tool, read.step), (Tool::Vivado, Step::Routed));
        assert!((read.clock_reached_ns().unwrap() - 4.877).abs() < 1e-9);
    }

    #[test]
    fn missed_timing_starts_with_a_minus() {
        let read = parse(&summary("-0.250  -3.000  12  500  0.040  0.000  0  500")).unwrap();
        assert_eq!((read.wns_ns, read.tns_ns), (Some(-0.25), Some(-3.0)));
        assert_eq!(read.wpws_ns, None);
        assert_eq!(read.clock_reached_ns(), Some(5.25));
    }

    #[test]
    fn unconstrained_and_other_files() {
        assert_eq!(parse(&summary("NA NA NA NA NA NA NA NA")).unwrap().wns_ns, None);
        assert_eq!(parse("WNS(ns)").unwrap().wns_ns, None);
        let error = parse("nothing").unwrap_err();
        assert_eq!(error.to_string(), "no row of slacks in this Vivado timing report");
    }
}
