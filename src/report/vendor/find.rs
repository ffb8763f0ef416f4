//! Where the tools leave their reports in a project.
//!
//! `DIR` is a project of ours (C++ in `DIR/hls/TOOL`, reports of our scripts in `DIR/reports`), one that
//! hls4ml wrote (`DIR/net_prj/solution1/...`), the HLS project itself (`DIR/solution1/...`) or a
//! component of the unified Vitis (`DIR/hls/...`, `DIR/net/hls/...`). Besides, each tool's own places:
//! the runs of a Vivado project, `output_files` of Quartus, solutions of Catapult (`DIR/net_prj/net.v1`),
//! projects of oneAPI (`DIR/build/net.fpga.prj`) and of the Intel HLS compiler before it (`DIR/net.prj`).

use std::fs;
use std::path::{Path, PathBuf};

use super::{
    ReportError, Reported, catapult, oneapi, quartus_fit, quartus_sta, tags, vitis_cosim,
    vitis_csynth, vivado_hierarchy, vivado_power, vivado_timing, vivado_util,
};

/// Larger files are not reports.
const LIMIT: u64 = 64 << 20;

type Parse = fn(&str) -> Result<Reported, ReportError>;

/// Reports of Vivado that our scripts and hls4ml's write, in an RTL or an HLS project or behind
/// Catapult.
const VIVADO: [(&str, Parse); 11] = [
    ("vivado_synth.rpt", vivado_util::parse),
    ("vivado_timing.rpt", vivado_timing::parse),
    ("utilization_synth.rpt", vivado_util::parse),
    ("timing_summary_synth.rpt", vivado_timing::parse),
    ("reports/synthesis_utilization.rpt", vivado_util::parse),
    ("reports/synthesis_hierarchy.rpt", vivado_hierarchy::parse),
    ("reports/synthesis_timing.rpt", vivado_timing::parse),
    ("reports/utilization.rpt", vivado_util::parse),
    ("reports/hierarchy.rpt", vivado_hierarchy::parse),
    ("reports/timing.rpt", vivado_timing::parse),
    ("reports/power.rpt", vivado_power::parse),
];
/// Ends of the names of those that a Vivado project writes by itself.
const RUNS: [(&str, Parse); 5] = [
    ("_utilization_synth.rpt", vivado_util::parse),
    ("_utilization_placed.rpt", vivado_util::parse),
    ("_utilization_routed.rpt", vivado_util::parse),
    ("_timing_summary_routed.rpt", vivado_timing::parse),
    ("_power_routed.rpt", vivado_power::parse),
];
/// Reports of Quartus: the whole one, else its summary.
const QUARTUS: [([&str; 2], Parse); 2] = [
    ([".fit.rpt", ".fit.summary"], quartus_fit::parse),
    ([".sta.rpt", ".sta.summary"], quartus_sta::parse),
];
/// Folders of a project that Quartus writes to.
const OUTPUTS: [&str; 5] = ["", "output_files", "build", "build/output_files", "reports"];
/// Reports of oneAPI, in the old and the new file.
const ONEAPI: [(&[&str], Parse); 3] = [
    (&["summary.ndjson", "summary.json", "area.json"], oneapi::parse_summary),
    (&["loop_attr.ndjson", "loop_attr.json"], oneapi::parse_loops),
    (&["quartus.ndjson", "quartus.json"], oneapi::parse_quartus),
];

/// Every report in the usual places under `dir`, in a fixed order: first those that cannot be read,
/// which are errors, then from the earliest step of a design to the last, so that of two figures that
/// count the same the later one is of the step that is nearer to the hardware.
pub fn find_reports(dir: &Path) -> Vec<Result<Reported, ReportError>> {
    let mut found: Vec<(PathBuf, Parse)> = Vec::new();
    let bases: Vec<PathBuf> =
        [dir.to_owned()].into_iter().chain(folders(&dir.join("hls"))).collect();
    for base in &bases {
        found.extend(vitis(base));
        found.extend(catapults(base));
        found.extend(oneapis(base));
        found.extend(vivado(base));
        found.extend(quartus(base));
    }
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|it| seen.insert(it.0.clone()));
    let mut found: Vec<_> = found.into_iter().map(|(path, parse)| read(path, parse)).collect();
    found.sort_by_key(|it| it.as_ref().ok().map(|it| it.step));
    found
}

/// Schedules and simulations of Vitis HLS.
fn vitis(base: &Path) -> Vec<(PathBuf, Parse)> {
    let mut found: Vec<(PathBuf, Parse)> = Vec::new();
    for (project, solution) in solutions(base) {
        found.extend(csynth(&project, &solution).map(|it| (it, vitis_csynth::parse as Parse)));
        let reports = files(&solution.join("sim/report"), "_cosim.rpt");
        found.extend(reports.into_iter().map(|it| (it, vitis_cosim::parse as Parse)));
    }
    found
}

fn vivado(base: &Path) -> Vec<(PathBuf, Parse)> {
    let named = VIVADO.iter().map(|(name, parse)| (base.join(name), *parse));
    let mut found: Vec<(PathBuf, Parse)> = named.filter(|it| it.0.is_file()).collect();
    for run in runs(base) {
        for (end, parse) in RUNS {
            found.extend(files(&run, end).into_iter().map(|it| (it, parse)));
        }
    }
    found
}

fn quartus(base: &Path) -> Vec<(PathBuf, Parse)> {
    let mut found: Vec<(PathBuf, Parse)> = Vec::new();
    for place in OUTPUTS.map(|it| base.join(it)) {
        for ([whole, summary], parse) in QUARTUS {
            let reports = files(&place, whole);
            let has_whole = |it: &PathBuf| {
                let stem = name(it);
                let stem = stem.strip_suffix(summary).unwrap_or_default();
                place.join(format!("{stem}{whole}")).is_file()
            };
            let rest = files(&place, summary).into_iter().filter(|it| !has_whole(it));
            found.extend(reports.iter().cloned().chain(rest).map(|it| (it, parse)));
        }
    }
    found
}

/// Reports of Catapult, and of the Vivado that it ran. Of several solutions, which are of blocks or
/// were made one after the other, the last one named after the project, else the only one.
fn catapults(base: &Path) -> Vec<(PathBuf, Parse)> {
    let mut found: Vec<(PathBuf, Parse)> = Vec::new();
    for project in [base.to_owned()].into_iter().chain(folders(base)) {
        let version = |it: &PathBuf| {
            let name = name(it);
            let (stem, version) = name.rsplit_once(".v")?;
            Some((stem.to_owned(), version.parse::<u32>().ok()?))
        };
        let solutions: Vec<_> =
            folders(&project).into_iter().filter_map(|it| Some((version(&it)?, it))).collect();
        let stem = name(&project);
        let stem = stem.strip_suffix("_prj").unwrap_or(&stem);
        let named = solutions.iter().filter(|it| it.0.0 == stem).max_by_key(|it| it.0.1);
        let only = || solutions.first().filter(|_| solutions.len() == 1);
        let Some((_, solution)) = named.or_else(only) else { continue };
        let reports = ["rtl.rpt", "cycle.rpt"].map(|it| solution.join(it));
        let report = reports.into_iter().find(|it| it.is_file());
        found.extend(report.map(|it| (it, catapult::parse as Parse)));
        found.extend(vivado(&solution.join("vivado_concat_v")));
    }
    found
}

fn oneapis(base: &Path) -> Vec<(PathBuf, Parse)> {
    let mut found: Vec<(PathBuf, Parse)> = Vec::new();
    let projects = ["", "build"].map(|it| folders(&base.join(it))).concat();
    for project in projects.into_iter().filter(|it| name(it).ends_with(".prj")) {
        let places = ["reports/resources/json", "reports/lib/json"].map(|it| project.join(it));
        for (names, parse) in ONEAPI {
            let mut files = places.iter().flat_map(|it| names.iter().map(|name| it.join(name)));
            found.extend(files.find(|it| it.is_file()).map(|it| (it, parse)));
        }
    }
    found
}

/// HLS projects and their solutions.
fn solutions(dir: &Path) -> Vec<(PathBuf, PathBuf)> {
    let mut found = Vec::new();
    for project in [dir.to_owned()].into_iter().chain(folders(dir)) {
        let inside = folders(&project).into_iter().filter(|it| {
            let name = name(it);
            name.starts_with("solution") || name == "hls"
        });
        found.extend(inside.map(|it| (project.clone(), it)));
    }
    found
}

/// Folders of Vivado's runs: `DIR/*.runs/*`, `DIR/*/*.runs/*`.
fn runs(dir: &Path) -> Vec<PathBuf> {
    let projects = [dir.to_owned()].into_iter().chain(folders(dir));
    let runs = projects.flat_map(|it| folders(&it)).filter(|it| name(it).ends_with(".runs"));
    runs.flat_map(|it| folders(&it)).collect()
}

/// The report of the top function: `csynth.xml`, else the one named after the top or the project,
/// else the only one (each module has its own).
fn csynth(project: &Path, solution: &Path) -> Option<PathBuf> {
    let dir = solution.join("syn/report");
    let app = ["hls.app", "vivado_hls.app"].iter().find_map(|it| text(&project.join(it)).ok());
    let top = app.as_deref().and_then(|it| tags::attribute(it, "project", "top"));
    let stem = name(project);
    let stem = stem.strip_suffix("_prj").unwrap_or(&stem);
    let names = [Some("csynth.xml".to_owned()), top.map(report_of), Some(report_of(stem))];
    let named = names.into_iter().flatten().map(|it| dir.join(it)).find(|it| it.is_file());
    named.or_else(|| match files(&dir, "_csynth.xml").as_slice() {
        [only] => Some(only.clone()),
        _ => None,
    })
}

fn report_of(top: &str) -> String {
    format!("{top}_csynth.xml")
}

fn read(path: PathBuf, parse: Parse) -> Result<Reported, ReportError> {
    match parse(&text(&path)?) {
        Ok(report) => Ok(Reported { path: Some(path), ..report }),
        Err(source) => Err(ReportError::File { path, source: Box::new(source) }),
    }
}

/// A file's text; bytes that are not UTF-8 (a host's or a user's name) do no harm.
fn text(path: &Path) -> Result<String, ReportError> {
    let unreadable = |source| ReportError::Read { path: path.to_owned(), source };
    let size = fs::metadata(path).map_err(unreadable)?.len();
    if size > LIMIT {
        return Err(ReportError::TooLarge { path: path.to_owned(), size, limit: LIMIT });
    }
    Ok(String::from_utf8_lossy(&fs::read(path).map_err(unreadable)?).into_owned())
}

fn name(path: &Path) -> String {
    path.file_name().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default()
}

fn folders(dir: &Path) -> Vec<PathBuf> {
    entries(dir, |it| it.is_dir())
}

/// Files whose name ends so.
fn files(dir: &Path, end: &str) -> Vec<PathBuf> {
    entries(dir, |it| it.is_file() && name(it).ends_with(end))
}

/// Entries in the order of their names; a folder that cannot be read has none.
fn entries(dir: &Path, keep: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut kept: Vec<PathBuf> =
        entries.filter_map(|it| it.ok()).map(|it| it.path()).filter(|it| keep(it)).collect();
    kept.sort();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const CSYNTH: &str = "<PerformanceEstimates></PerformanceEstimates><AreaEstimates><Resources>\
                          <LUT>7</LUT></Resources></AreaEstimates>";
    const COSIM: &str = "| Verilog| Pass| 5| 5| 5| NA| NA| NA|";
    const UTILIZATION: &str = "| Site Type | Used |\n| CLB LUTs | 6 |";
    const TIMING: &str = "WNS(ns)  TNS(ns)\n-1.0 -2.0";

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn found(root: &Path) -> Vec<String> {
        let text = |it: Result<Reported, ReportError>| match it {
            Ok(report) => {
                let path = report.path.unwrap();
                let path = path.strip_prefix(root).unwrap().display().to_string();
                format!("{} {}: {path}", report.tool.name(), report.step.name())
            }
            Err(error) => {
                format!("error: {}", error.to_string().replace(&*root.to_string_lossy(), ""))
            }
        };
        find_reports(root).into_iter().map(text).collect()
    }

    #[test]
    fn a_vitis_project() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        write(root, "net_prj/solution1/syn/report/csynth.xml", CSYNTH);
        write(root, "net_prj/solution1/syn/report/net_csynth.xml", "not read");
        write(root, "net_prj/solution1/sim/report/net_cosim.rpt", COSIM);
        write(root, "vivado_synth.rpt", UTILIZATION);
        let routed = format!("| Design State : Routed\n{UTILIZATION}");
        write(root, "acc/project_1.runs/impl_1/top_utilization_routed.rpt", &routed);
        let placed = format!("| Design State : Fully Placed\n{UTILIZATION}");
        write(root, "acc/project_1.runs/impl_1/top_utilization_placed.rpt", &placed);
        write(root, "acc/project_1.runs/impl_1/top_timing_summary_routed.rpt", TIMING);
        assert_eq!(
            found(root),
            [
                "Vitis HLS scheduled: net_prj/solution1/syn/report/csynth.xml",
                "Vitis HLS simulated: net_prj/solution1/sim/report/net_cosim.rpt",
                "Vivado synthesized: vivado_synth.rpt",
                "Vivado synthesized: acc/project_1.runs/impl_1/top_timing_summary_routed.rpt",
                "Vivado placed: acc/project_1.runs/impl_1/top_utilization_placed.rpt",
                "Vivado routed: acc/project_1.runs/impl_1/top_utilization_routed.rpt",
            ]
        );
    }

    #[test]
    fn a_project_of_ours() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let routed = |it: &str| format!("| Design State : Routed\n{it}");
        write(root, "hls/vitis/net_prj/solution1/syn/report/csynth.xml", CSYNTH);
        write(root, "hls/vitis/vivado_synth.rpt", UTILIZATION);
        write(root, "reports/synthesis_utilization.rpt", UTILIZATION);
        write(root, "reports/synthesis_timing.rpt", TIMING);
        write(root, "reports/utilization.rpt", &routed(UTILIZATION));
        write(root, "reports/hierarchy.rpt", &routed("|Instance|FFs|\n|net|1|"));
        write(root, "reports/timing.rpt", &routed(TIMING));
        write(root, "reports/power.rpt", &routed("| Total On-Chip Power (W) | 3.1 |"));
        assert_eq!(
            found(root),
            [
                "Vitis HLS scheduled: hls/vitis/net_prj/solution1/syn/report/csynth.xml",
                "Vivado synthesized: reports/synthesis_utilization.rpt",
                "Vivado synthesized: reports/synthesis_timing.rpt",
                "Vivado synthesized: hls/vitis/vivado_synth.rpt",
                "Vivado routed: reports/utilization.rpt",
                "Vivado routed: reports/hierarchy.rpt",
                "Vivado routed: reports/timing.rpt",
                "Vivado routed: reports/power.rpt",
            ]
        );
    }

    #[test]
    fn an_old_project_names_its_top() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let app = r#"<project name="p" top="my_top"><solutions/></project>"#;
        write(root, "p/vivado_hls.app", app);
        write(root, "p/solution1/syn/report/my_top_csynth.xml", CSYNTH);
        write(root, "p/solution1/syn/report/dense_csynth.xml", CSYNTH);
        assert_eq!(found(root), ["Vitis HLS scheduled: p/solution1/syn/report/my_top_csynth.xml"]);
    }

    #[test]
    fn a_component_and_a_single_report() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "net/hls/syn/report/other_csynth.xml", CSYNTH);
        assert_eq!(
            found(root.path()),
            ["Vitis HLS scheduled: net/hls/syn/report/other_csynth.xml"]
        );
        assert!(find_reports(&root.path().join("absent")).is_empty());
    }

    #[test]
    fn a_quartus_project() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let fit = "; Logic utilization (in ALMs) ; 5 / 10 ;";
        let slack = "Type : Slow Model Setup 'clk'\nSlack : 0.5\n";
        write(root, "reports/net.fit.rpt", fit);
        write(root, "reports/net.fit.summary", "not read");
        write(root, "reports/net.sta.summary", slack);
        write(
            root,
            "output_files/other.fit.summary",
            &fit.replacen(';', "", 1).replace(" ;", " :"),
        );
        assert_eq!(
            found(root),
            [
                "Quartus routed: output_files/other.fit.summary",
                "Quartus routed: reports/net.fit.rpt",
                "Quartus routed: reports/net.sta.summary",
            ]
        );
    }

    #[test]
    fn catapult_and_oneapi() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let area = "  Total Area Score: 1.0 2.0 3.0";
        for solution in ["net.v2", "net.v10", "dense.v1", "net.version"] {
            write(root, &format!("hls/catapult/net_prj/{solution}/rtl.rpt"), area);
        }
        write(root, "hls/catapult/net_prj/net.v10/cycle.rpt", "not read");
        let concat = "hls/catapult/net_prj/net.v10/vivado_concat_v";
        write(root, &format!("{concat}/utilization_synth.rpt"), UTILIZATION);
        write(root, &format!("{concat}/timing_summary_synth.rpt"), TIMING);
        let json = "hls/oneapi/build/net.fpga.prj/reports/resources/json";
        write(root, &format!("{json}/summary.ndjson"), r#"{"name":"Total","data":[1,2,3,4,5]}"#);
        write(root, &format!("{json}/loop_attr.ndjson"), r#"{"ii":"1","lt":"2","af":"3"}"#);
        write(
            root,
            &format!("{json}/quartus.ndjson"),
            r#"{"quartusFitResourceUsageSummary":{"nodes":[{"alm":"TBD"}]}}"#,
        );
        assert_eq!(
            found(root),
            [
                "Catapult scheduled: hls/catapult/net_prj/net.v10/rtl.rpt".to_owned(),
                format!("oneAPI scheduled: {json}/summary.ndjson"),
                format!("oneAPI scheduled: {json}/loop_attr.ndjson"),
                format!("Vivado synthesized: {concat}/utilization_synth.rpt"),
                format!("Vivado synthesized: {concat}/timing_summary_synth.rpt"),
                format!("oneAPI routed: {json}/quartus.ndjson"),
            ]
        );
    }

    #[test]
    fn a_broken_report_is_an_error_that_names_the_file() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "vivado_synth.rpt", "synthesis failed");
        assert_eq!(found(root.path()), ["error: /vivado_synth.rpt"]);
    }
}
