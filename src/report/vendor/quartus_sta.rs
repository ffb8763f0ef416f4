//! Timing by Quartus: `*.sta.rpt`, or `*.sta.summary`, which has the slacks alone.
//!
//! A report has a table of each kind for every corner (speed, voltage, temperature); the worst
//! corner counts. Newer versions of Pro have one table for all corners, and columns of its own.

use std::collections::BTreeMap;

use super::quartus::{Row, begin, rows};
use super::text::leading;
use super::{ReportError, Reported};

/// Reads the text of a `.sta.rpt` or a `.sta.summary`.
pub fn parse(text: &str) -> Result<Reported, ReportError> {
    let rows = rows(text);
    let mut found = Found::default();
    let mut heading: &[&str] = &[];
    // The kind that a summary speaks of, and its corner.
    let mut kind = None;
    for row in &rows {
        if row.title.is_empty() {
            found.line(row, &mut kind);
        } else if row.first {
            heading = &row.cells;
        } else {
            found.row(row, heading);
        }
    }
    if found.setup.is_none() && found.fmax_mhz.is_none() {
        return Err(ReportError::Missing {
            report: "Quartus timing",
            missing: "setup slack or highest clock",
        });
    }
    Ok(Reported {
        clock_target_ns: found.period_ns,
        fmax_mhz: found.fmax_mhz,
        wns_ns: found.setup,
        tns_ns: worst(&found.setup_tns),
        whs_ns: found.hold,
        ths_ns: worst(&found.hold_tns),
        wpws_ns: found.pulse,
        ..begin(&rows)
    })
}

/// The least of what was found; sums of negative slacks are by corner.
#[derive(Default)]
struct Found<'a> {
    period_ns: Option<f64>,
    fmax_mhz: Option<f64>,
    setup: Option<f64>,
    hold: Option<f64>,
    pulse: Option<f64>,
    setup_tns: BTreeMap<&'a str, f64>,
    hold_tns: BTreeMap<&'a str, f64>,
}

/// What a slack is about.
#[derive(Clone, Copy)]
enum Kind {
    Setup,
    Hold,
    Pulse,
}

const KINDS: [(&str, Kind); 3] =
    [("Setup", Kind::Setup), ("Hold", Kind::Hold), ("Minimum Pulse Width", Kind::Pulse)];

impl<'a> Found<'a> {
    /// A row of a table.
    fn row(&mut self, row: &Row<'a>, heading: &[&str]) {
        let cell = |name: &str| {
            let at = heading.iter().position(|it| it.eq_ignore_ascii_case(name))?;
            row.cells.get(at).and_then(|it| leading::<f64>(it))
        };
        if row.title == "Clocks" {
            least(&mut self.period_ns, cell("Period"));
        } else if row.title.ends_with("Fmax Summary") {
            // Restricted: what the widths of pulses allow, too.
            least(&mut self.fmax_mhz, cell("Restricted Fmax").or_else(|| cell("Fmax")));
        } else if row.title.contains("Multicorner Timing Analysis") {
            if row.cells[0] == "Worst-case Slack" {
                least(&mut self.setup, cell("Setup"));
                least(&mut self.hold, cell("Hold"));
                least(&mut self.pulse, cell("Minimum Pulse Width"));
            }
        } else if let Some((_, kind)) = KINDS.iter().find(|it| is_summary(row.title, it.0)) {
            self.slack(*kind, cell("Slack"));
            self.sum(*kind, row.title, cell("End Point TNS").or_else(|| cell("TNS")));
        }
    }

    /// A line of a summary: `Type`, then `Slack` and `TNS` of that type.
    fn line(&mut self, row: &Row<'a>, about: &mut Option<(Kind, &'a str)>) {
        let [name, value] = row.cells[..] else { return };
        match (name, *about) {
            ("Type", _) => {
                let corner = |it: &str| value.find(it).map(|at| &value[..at]);
                let mut kinds = KINDS.iter();
                *about = kinds.find_map(|it| Some((it.1, corner(&format!(" {} ", it.0))?)));
            }
            ("Slack", Some((kind, _))) => self.slack(kind, leading(value)),
            ("TNS", Some((kind, corner))) => self.sum(kind, corner, leading(value)),
            _ => {}
        }
    }

    fn slack(&mut self, kind: Kind, slack: Option<f64>) {
        let known = match kind {
            Kind::Setup => &mut self.setup,
            Kind::Hold => &mut self.hold,
            Kind::Pulse => &mut self.pulse,
        };
        least(known, slack);
    }

    /// Adds a clock's sum to that of its corner.
    fn sum(&mut self, kind: Kind, corner: &'a str, tns: Option<f64>) {
        let known = match kind {
            Kind::Setup => &mut self.setup_tns,
            Kind::Hold => &mut self.hold_tns,
            Kind::Pulse => return,
        };
        if let Some(tns) = tns {
            *known.entry(corner).or_default() += tns;
        }
    }
}

/// Whether a title is `Setup Summary` or ends with it behind a corner.
fn is_summary(title: &str, kind: &str) -> bool {
    let corner = title.strip_suffix(" Summary").and_then(|it| it.strip_suffix(kind));
    corner.is_some_and(|it| it.is_empty() || it.ends_with(' '))
}

fn least(known: &mut Option<f64>, value: Option<f64>) {
    *known = [*known, value].into_iter().flatten().reduce(f64::min);
}

fn worst(corners: &BTreeMap<&str, f64>) -> Option<f64> {
    corners.values().copied().reduce(f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANDARD: &str = "\
TimeQuest Timing Analyzer report for net

+---------------------------------------------------------+
; TimeQuest Timing Analyzer Summary                       ;
+-----------------------+---------------------------------+
; Quartus Prime Version ; Version 17.0.2 Build 602 SJ Lite ;
; Revision Name         ; net                             ;
; Device Name           ; 5CSEMA5F31C6                    ;
+-----------------------+---------------------------------+

+------------------------------------------------------------------------------+
; Clocks                                                                       ;
+------------+------+--------+-----------+-------+-------+
; Clock Name ; Type ; Period ; Frequency ; Rise  ; Fall  ;
+------------+------+--------+-----------+-------+-------+
; clk        ; Base ; 8.000  ; 125.0 MHz ; 0.000 ; 4.000 ;
+------------+------+--------+-----------+-------+-------+

+--------------------------------------------------+
; Slow 1100mV 85C Model Fmax Summary               ;
+------------+-----------------+------------+------+
; Fmax       ; Restricted Fmax ; Clock Name ; Note ;
+------------+-----------------+------------+------+
; 137.76 MHz ; 130.01 MHz      ; clk        ;      ;
+------------+-----------------+------------+------+
This panel reports FMAX for every clock in the design.

; Slow 1100mV 85C Model Setup Summary ;
; Clock ; Slack  ; End Point TNS ;
; clk   ; -0.250 ; -3.000        ;
; io    ; 0.100  ; -0.500        ;

; Slow 1100mV 85C Model Hold Summary ;
; Clock ; Slack ; End Point TNS ;
; clk   ; 0.300 ; 0.000         ;

; Slow 1100mV 0C Model Fmax Summary ;
; Fmax       ; Restricted Fmax ; Clock Name ; Note ;
; 141.00 MHz ; 141.00 MHz      ; clk        ;      ;

; Slow 1100mV 0C Model Setup Summary ;
; Clock ; Slack ; End Point TNS ;
; clk   ; 0.100 ; -1.000        ;

; Fast 1100mV 0C Model Hold Summary ;
; Clock ; Slack ; End Point TNS ;
; clk   ; 0.140 ; 0.000         ;

; Slow 1100mV 85C Model Minimum Pulse Width Summary ;
; Clock ; Slack ; End Point TNS ;
; clk   ; 3.100 ; 0.000         ;
";

    const PRO: &str = "\
; Timing Analyzer Summary ;
; Quartus Prime Version ; Version 23.4.0 Build 79 SC Pro Edition ;
; Device Name           ; AGFB014R24A2E2V                        ;

; Clocks ;
; Clock Name ; Type ; Period ; Frequency  ;
; clk        ; Base ; 2.500  ; 400.00 MHz ;

; Fmax Summary ;
; Fmax       ; Restricted Fmax ; Clock Name ; Note ; Worst-Case Operating Conditions ;
; 512.30 MHz ; 500.00 MHz      ; clk        ;      ; Slow vid2 100C Model            ;

; Setup Summary ;
; Clock ; Slack ; End Point TNS ; Failing End Points ; Worst-Case Operating Conditions ;
; clk   ; 0.548 ; 0.000         ; 0                  ; Slow vid2 100C Model            ;

; Hold Summary ;
; Clock ; Slack ; End Point TNS ; Failing End Points ; Worst-Case Operating Conditions ;
; clk   ; 0.021 ; 0.000         ; 0                  ; Fast vid2 0C Model              ;
";

    const SUMMARY: &str = "\
------------------------------------------------------------
Timing Analyzer Summary
------------------------------------------------------------

Type  : Slow 1100mV 85C Model Setup 'clk'
Slack : 0.516
TNS   : 0.000

Type  : Slow 1100mV 85C Model Recovery 'clk'
Slack : -9.000
TNS   : -9.000

Type  : Fast 1100mV 0C Model Hold 'clk'
Slack : -0.144
TNS   : -1.250

Type  : Slow 1100mV 85C Model Minimum Pulse Width 'clk'
Slack : 3.000
TNS   : 0.000
";

    #[test]
    fn the_worst_corner_counts() {
        let read = parse(STANDARD).unwrap();
        assert_eq!((read.clock_target_ns, read.fmax_mhz), (Some(8.0), Some(130.01)));
        assert_eq!((read.wns_ns, read.tns_ns), (Some(-0.25), Some(-3.5)));
        assert_eq!((read.whs_ns, read.ths_ns), (Some(0.14), Some(0.0)));
        assert_eq!(read.wpws_ns, Some(3.1));
        assert_eq!(read.clock_reached_ns(), Some(8.25));
        assert_eq!(
            (read.part.as_deref(), read.top.as_deref()),
            (Some("5CSEMA5F31C6"), Some("net"))
        );
    }

    #[test]
    fn one_table_for_all_corners() {
        let read = parse(PRO).unwrap();
        assert_eq!((read.clock_target_ns, read.fmax_mhz), (Some(2.5), Some(500.0)));
        assert_eq!((read.wns_ns, read.whs_ns), (Some(0.548), Some(0.021)));
        assert_eq!(read.clock_reached_ns(), Some(2.0), "as wide as pulses must be");
    }

    #[test]
    fn the_multicorner_table_alone() {
        let text = "\
; Multicorner Timing Analysis Summary ;
; Clock            ; Setup  ; Hold  ; Recovery ; Removal ; Minimum Pulse Width ;
; Worst-case Slack ; -0.300 ; 0.100 ; N/A      ; N/A     ; 2.000               ;
;  clk             ; -0.300 ; 0.100 ; N/A      ; N/A     ; 2.000               ;
";
        let read = parse(text).unwrap();
        assert_eq!((read.wns_ns, read.whs_ns, read.wpws_ns), (Some(-0.3), Some(0.1), Some(2.0)));
    }

    #[test]
    fn slacks_of_a_summary() {
        let read = parse(SUMMARY).unwrap();
        assert_eq!((read.wns_ns, read.tns_ns), (Some(0.516), Some(0.0)));
        assert_eq!((read.whs_ns, read.ths_ns), (Some(-0.144), Some(-1.25)));
        assert_eq!((read.wpws_ns, read.clock_reached_ns()), (Some(3.0), None));
    }

    #[test]
    fn damaged_and_other_files() {
        let error = parse("").unwrap_err().to_string();
        assert_eq!(error, "no setup slack or highest clock in this Quartus timing report");
        assert!(parse(&STANDARD[..STANDARD.find("137.76").unwrap()]).is_err());
        let cut = parse(&STANDARD[..STANDARD.find("; Slow 1100mV 85C Model Setup").unwrap()]);
        assert_eq!(cut.unwrap().wns_ns, None);
        assert!(parse("; Fitter Summary ;\n; Fitter Status ; Successful ;").is_err());
        let no_paths = STANDARD.replace("MHz", "").replace("130.01", "N/A").replace("137.76", "-");
        assert_eq!(parse(&no_paths).unwrap().fmax_mhz, Some(141.0));
        (0..STANDARD.len()).for_each(|at| drop(parse(&STANDARD[..at])));
    }
}
