//! What Quartus's fitter used: `*.fit.rpt`, or `*.fit.summary`, which is its first table.
//!
//! Logic is counted in adaptive logic modules (in Quartus II and Prime, Standard and Pro), or in
//! logic elements on families of four-input tables. A module has two ALUTs, and devices are counted
//! in ALUTs here: the report's own count of them where it gives one, else two to a module.

use super::instances::{Listed, own};
use super::quartus::{Row, begin, rows, share, value};
use super::text::leading;
use super::{ReportError, Reported};
use crate::device::Resources;

/// Rows for adaptive logic modules.
const ALMS: [&str; 3] = [
    "Logic utilization (in ALMs)",
    "Logic utilization (ALMs needed / total ALMs on device)",
    "ALMs needed [=A-B+C]",
];
/// Rows for ALUTs that compute.
const ALUTS: [&str; 3] =
    ["Combinational ALUT usage for logic", "Combinational ALUTs", "ALUTs Used"];
/// Rows for four-input tables, and for elements of which each has one.
const ELEMENTS: [&str; 2] = ["Total combinational functions", "Total logic elements"];
const REGISTERS: [&str; 3] =
    ["Total registers", "Total dedicated logic registers", "Dedicated logic registers"];
/// Rows for blocks of memory, and their size in kbit.
const BLOCKS: [(&[&str], u64); 3] = [
    (&["M20K blocks", "M20Ks"], 20),
    (&["M10K blocks", "M10Ks"], 10),
    (&["M9K blocks", "M9Ks"], 9),
];
/// Beginnings of the families' names, with the kbit of a block where a report has no row for blocks
/// of one size. What is not named here has M20K.
const FAMILIES: [(&str, u64); 8] = [
    ("Cyclone 10 GX", 20),
    ("Cyclone 10", 9),
    ("Cyclone V", 10),
    ("Arria V GZ", 20),
    ("Arria V", 10),
    ("Cyclone IV", 9),
    ("MAX 10", 9),
    ("Stratix IV", 9),
];
/// kbit of a block of the families that are not in the list.
const M20K: u64 = 20;

/// Reads the text of a `.fit.rpt` or a `.fit.summary`.
pub fn parse(text: &str) -> Result<Reported, ReportError> {
    let rows = rows(text);
    if let Some(status) = value(&rows, &["Fitter Status"])
        && !status.starts_with("Successful")
    {
        return Err(ReportError::Failed { report: "Quartus fitter", status: status.to_owned() });
    }
    let counts = |names: &[&str]| value(&rows, names).map(share).unwrap_or_default();
    let (alms, all_alms) = counts(&ALMS);
    let (elements, all_elements) = counts(&ELEMENTS);
    let lut =
        counts(&ALUTS).0.map(|it| it.saturating_add(counts(&["Memory ALUT usage"]).0.unwrap_or(0)));
    let lut = lut.or(alms.map(|it| it.saturating_mul(2))).or(elements);
    let missing = ReportError::Missing { report: "Quartus fitter", missing: "count of logic" };
    let lut = lut.ok_or(missing)?;
    let family = value(&rows, &["Family"]).unwrap_or_default();
    let (dsp, all_dsp) = dsps(&counts);
    let (bram_kbit, all_kbit) = memory(&counts, family);
    let available = all_alms.map(|it| it.saturating_mul(2)).or(all_elements).map(|lut| Resources {
        lut,
        // A module has four registers, an element one.
        ff: if all_alms.is_some() { lut.saturating_mul(2) } else { lut },
        dsp: all_dsp,
        bram_kbit: all_kbit,
        uram: 0,
    });
    let ff = counts(&REGISTERS).0.unwrap_or(0);
    Ok(Reported {
        alms,
        resources: Some(Resources { lut, ff, dsp, bram_kbit, uram: 0 }),
        available,
        instances: own(entities(&rows)),
        ..begin(&rows)
    })
}

/// The rows of the table of entities, which has paths like `|net|net_core:i_core`, or like `i_core` where
/// a version leaves out top and entities. A count has that of the entity by itself behind it in some
/// columns only.
fn entities<'a>(rows: &[Row<'a>]) -> Vec<Listed<'a>> {
    let mut heading: &[&str] = &[];
    let mut found = Vec::new();
    for row in rows.iter().filter(|it| it.title.ends_with("Utilization by Entity")) {
        if row.first {
            heading = &row.cells;
            continue;
        }
        let cell = |names: &[&str]| {
            let at = heading.iter().position(|it| names.contains(it))?;
            row.cells.get(at).copied()
        };
        let count = |names: &[&str]| cell(names).and_then(leading::<f64>).map(|it| it as u64);
        let Some(path) = cell(&["Full Hierarchy Name"]) else { continue };
        let (path, below) = match path.strip_prefix('|') {
            Some(path) => (path, 0),
            None => (path, usize::from(!path.is_empty())),
        };
        let last = path.rsplit('|').next().unwrap_or_default();
        let blocks = BLOCKS.iter().find_map(|(names, size)| Some((count(names)?, size)));
        found.push(Listed {
            depth: path.matches('|').count() + below,
            name: last.rsplit_once(':').map_or(last, |it| it.1),
            all: Resources {
                lut: count(&["Combinational ALUTs", "Logic Cells"]).unwrap_or(0),
                ff: count(&["Dedicated Logic Registers"]).unwrap_or(0),
                dsp: count(&["DSP Blocks"]).unwrap_or(0),
                bram_kbit: blocks.map_or(0, |(count, size)| count.saturating_mul(*size)),
                uram: 0,
            },
        });
    }
    found
}

/// DSP blocks, used and available; of multipliers counted in 9-bit halves, whole ones.
fn dsps(counts: &impl Fn(&[&str]) -> (Option<u64>, Option<u64>)) -> (u64, u64) {
    let whole = |it: (Option<u64>, Option<u64>)| (it.0.unwrap_or(0), it.1.unwrap_or(0));
    match counts(&["Total DSP Blocks"]) {
        (None, None) => {
            let (used, all) = whole(counts(&["Embedded Multiplier 9-bit elements"]));
            (used.div_ceil(2), all / 2)
        }
        it => whole(it),
    }
}

/// kbit of the blocks that are used, and of all; of bits alone, what they fill at least.
fn memory(counts: &impl Fn(&[&str]) -> (Option<u64>, Option<u64>), family: &str) -> (u64, u64) {
    let kbit = |(used, all): (Option<u64>, Option<u64>), size: u64| {
        Some((used?.saturating_mul(size), all.unwrap_or(0).saturating_mul(size)))
    };
    let by_kind = BLOCKS.iter().find_map(|(names, size)| kbit(counts(names), *size));
    let size = FAMILIES.iter().find(|it| family.starts_with(it.0)).map_or(M20K, |it| it.1);
    let by_family = || kbit(counts(&["Total RAM Blocks"]), size).filter(|_| !family.is_empty());
    let bits = || {
        let (used, all) = counts(&["Total block memory bits", "Total memory bits"]);
        (used.unwrap_or(0).div_ceil(1024), all.unwrap_or(0) / 1024)
    };
    by_kind.or_else(by_family).unwrap_or_else(bits)
}

#[cfg(test)]
mod tests {
    use super::super::{Step, Tool};
    use super::*;

    const SUMMARY: &str = "\
Fitter Status : Successful - Thu Oct 28 15:23:19 2021
Quartus Prime Version : 20.1.1 Build 720 11/11/2020 SJ Lite Edition
Revision Name : net
Top-level Entity Name : net
Family : Cyclone V
Device : 5CSEMA5F31C6
Timing Models : Final
Logic utilization (in ALMs) : 6,280 / 32,070 ( 20 % )
Total registers : 14006
Total pins : 1 / 457 ( < 1 % )
Total virtual pins : 300
Total block memory bits : 40,960 / 4,065,280 ( 1 % )
Total RAM Blocks : 5 / 397 ( 1 % )
Total DSP Blocks : 8 / 87 ( 9 % )
";

    const PRO: &str = "\
Fitter report for net
Quartus Prime Version 23.4.0 Build 79 11/22/2023 SC Pro Edition

+--------------------------------------------------------------------------------+
; Fitter Summary                                                                 ;
+---------------------------------+----------------------------------------------+
; Fitter Status                   ; Successful - Mon Jan  8 10:00:00 2024        ;
; Quartus Prime Version           ; 23.4.0 Build 79 11/22/2023 SC Pro Edition    ;
; Revision Name                   ; net                                          ;
; Top-level Entity Name           ; net                                          ;
; Family                          ; Agilex 7                                     ;
; Device                          ; AGFB014R24A2E2V                              ;
; Logic utilization (in ALMs)     ; 10,000 / 487,200 ( 2 % )                     ;
; Total dedicated logic registers ; 21000                                        ;
; Total block memory bits         ; 30,720 / 145,612,800 ( < 1 % )               ;
; Total RAM Blocks                ; 3 / 7,110 ( < 1 % )                          ;
; Total DSP Blocks                ; 12 / 4,510 ( < 1 % )                         ;
+---------------------------------+----------------------------------------------+

+--------------------------------------------------------------------------------+
; Fitter Resource Usage Summary                                                  ;
+-------------------------------------------------------------+------------------+
; Resource                                                    ; Usage            ;
+-------------------------------------------------------------+------------------+
; Logic utilization (ALMs needed / total ALMs on device)      ; 10,000 / 487,200 ;
; ALMs needed [=A-B+C]                                        ; 10,000           ;
; Combinational ALUT usage for logic                          ; 15,500           ;
; Memory ALUT usage                                           ; 100              ;
; M20K blocks                                                 ; 3 / 7,110        ;
+-------------------------------------------------------------+------------------+
";

    #[test]
    fn a_summary_counts_two_aluts_to_a_module() {
        let read = parse(SUMMARY).unwrap();
        let used = Resources { lut: 12_560, ff: 14_006, dsp: 8, bram_kbit: 50, uram: 0 };
        assert_eq!((read.resources, read.alms), (Some(used), Some(6280)));
        assert_eq!((read.tool, read.step), (Tool::Quartus, Step::Routed));
        assert_eq!(read.part.as_deref(), Some("5CSEMA5F31C6"));
        assert_eq!(read.version.as_deref(), Some("20.1.1 Build 720 11/11/2020 SJ Lite Edition"));
        let device = crate::device::find("5csema5").unwrap().total;
        let all = read.available.unwrap();
        let named = (device.lut, device.dsp, device.bram_kbit);
        assert_eq!((all.lut, all.dsp, all.bram_kbit), named);
    }

    #[test]
    fn a_report_of_pro_has_its_own_count_of_aluts() {
        let read = parse(PRO).unwrap();
        let used = Resources { lut: 15_600, ff: 21_000, dsp: 12, bram_kbit: 60, uram: 0 };
        assert_eq!((read.resources, read.alms), (Some(used), Some(10_000)));
        assert_eq!(read.available, Some(crate::device::find("agilex7").unwrap().total));
        // Without the row for blocks, the family says what a block holds.
        let less = PRO.replace("M20K blocks", "Some blocks");
        assert_eq!(parse(&less).unwrap().resources, Some(used));
    }

    #[test]
    fn entities_by_path() {
        let table = "
; Fitter Resource Utilization by Entity ;
; Compilation Hierarchy Node ; ALMs needed [=A-B+C] ; Combinational ALUTs ; Dedicated Logic Registers ; M20Ks ; DSP Blocks ; Full Hierarchy Name ; Entity Name ;
; |net ; 60.5 (0.5) ; 100 (10) ; 200 (20) ; 2 ; 3 ; |net ; net ;
;    |net_core:i_core| ; 60.0 (0.0) ; 90 (0) ; 180 (30) ; 2 ; 3 ; |net|net_core:i_core ; net_core ;
;       |dense:g_a[0].i_dense| ; 60.0 (60.0) ; 90 (90) ; 150 (150) ; 2 ; 3 ; |net|net_core:i_core|dense:g_a[0].i_dense ; dense ;
";
        let read = parse(&format!("{PRO}{table}")).unwrap();
        let dense = Resources { lut: 90, ff: 150, dsp: 3, bram_kbit: 40, uram: 0 };
        let expected = [
            (String::new(), Resources { lut: 10, ff: 20, ..Resources::default() }),
            ("i_core".to_owned(), Resources { ff: 30, ..Resources::default() }),
            ("i_core.g_a[0].i_dense".to_owned(), dense),
        ];
        assert_eq!(read.instances, expected);
        let bare = table.replace("; |net ; net ;", "; | ; net ;").replace("; |net|net_core:", "; ");
        let bare = bare.replace("|dense:g", "|g");
        assert!(bare.contains("; i_core ;") && bare.contains("; i_core|g_a[0].i_dense ;"));
        assert_eq!(parse(&format!("{PRO}{bare}")).unwrap().instances, expected);
        assert!(parse(PRO).unwrap().instances.is_empty());
    }

    #[test]
    fn families_of_logic_elements() {
        let text = "\
; Fitter Status                      ; Successful - now         ;
; Quartus II 64-Bit Version          ; 13.1.0 Build 162         ;
; Family                             ; Cyclone IV E             ;
; Device                             ; EP4CE115F29C7            ;
; Total logic elements               ; 2,173 / 114,480 ( 2 % )  ;
;     Total combinational functions  ; 2,000 / 114,480 ( 2 % )  ;
;     Dedicated logic registers      ; 900 / 114,480 ( < 1 % )  ;
; Total registers                    ; 901                      ;
; Total memory bits                  ; 5,000 / 3,981,312 ( 0 % );
; Embedded Multiplier 9-bit elements ; 5 / 532 ( < 1 % )        ;
";
        let read = parse(text).unwrap();
        let used = Resources { lut: 2000, ff: 901, dsp: 3, bram_kbit: 5, uram: 0 };
        assert_eq!((read.resources, read.alms), (Some(used), None));
        assert_eq!(read.version.as_deref(), Some("13.1.0 Build 162"));
        let all = Resources { lut: 114_480, ff: 114_480, dsp: 266, bram_kbit: 3888, uram: 0 };
        assert_eq!(read.available, Some(all));
    }

    #[test]
    fn a_design_that_does_not_fit_is_no_result() {
        let error = parse(&SUMMARY.replace("Successful", "Failed")).unwrap_err().to_string();
        assert!(error.starts_with("the Quartus fitter did not succeed: Failed - "), "{error}");
    }

    #[test]
    fn damaged_and_other_files() {
        let error = parse(&SUMMARY[..SUMMARY.find("Logic").unwrap()]).unwrap_err();
        assert_eq!(error.to_string(), "no count of logic in this Quartus fitter report");
        assert!(parse("").is_err());
        assert!(parse("; Fmax ; Restricted Fmax ;\n; 1 MHz ; 1 MHz ;").is_err());
        let cut = parse(&SUMMARY[..SUMMARY.find("Total registers").unwrap()]).unwrap();
        assert_eq!(cut.resources.unwrap().ff, 0);
        let large =
            SUMMARY.replace("6,280 / 32,070", "18446744073709551615 / 18446744073709551615");
        assert_eq!(parse(&large).unwrap().resources.unwrap().lut, u64::MAX);
        (0..PRO.len()).for_each(|at| drop(parse(&PRO[..at])));
    }
}
