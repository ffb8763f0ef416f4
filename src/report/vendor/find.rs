//! Where the tools leave their reports in a project.
//!
//! `DIR` is what we or hls4ml wrote (`DIR/net_prj/solution1/...`), the HLS project itself
//! (`DIR/solution1/...`) or a component of the unified Vitis (`DIR/hls/...`, `DIR/net/hls/...`).
//! Reports of the logic synthesis lie in `DIR` itself or in the runs of a Vivado project below it.

use std::fs;
use std::path::{Path, PathBuf};

use super::{ReportError, Reported, tags, vitis_cosim, vitis_csynth, vivado_timing, vivado_util};

/// Larger files are not reports.
const LIMIT: u64 = 64 << 20;

type Parse = fn(&str) -> Result<Reported, ReportError>;

/// Every report in the usual places under `dir`, in a fixed order: HLS synthesis, cosimulation,
/// utilization, timing. A report that is there but cannot be read is an error among them.
pub fn find_reports(dir: &Path) -> Vec<Result<Reported, ReportError>> {
    let mut found: Vec<(PathBuf, Parse)> = Vec::new();
    let solutions = solutions(dir);
    for (project, solution) in &solutions {
        found.extend(csynth(project, solution).map(|it| (it, vitis_csynth::parse as Parse)));
    }
    for (_, solution) in &solutions {
        let reports = files(&solution.join("sim/report"), "_cosim.rpt");
        found.extend(reports.into_iter().map(|it| (it, vitis_cosim::parse as Parse)));
    }
    let runs = runs(dir);
    for place in [dir.to_owned()].iter().chain(&runs) {
        let utilization =
            ["vivado_synth.rpt", "_utilization_placed.rpt", "_utilization_routed.rpt"];
        let reports = utilization.iter().flat_map(|it| files(place, it));
        found.extend(reports.map(|it| (it, vivado_util::parse as Parse)));
    }
    for place in [dir.to_owned()].iter().chain(&runs) {
        let timing = ["vivado_timing.rpt", "_timing_summary_routed.rpt"];
        let reports = timing.iter().flat_map(|it| files(place, it));
        found.extend(reports.map(|it| (it, vivado_timing::parse as Parse)));
    }
    found.into_iter().map(|(path, parse)| read(path, parse)).collect()
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
                format!("{}: {}", report.source, path.strip_prefix(root).unwrap().display())
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
        write(root, "acc/project_1.runs/impl_1/top_utilization_placed.rpt", UTILIZATION);
        write(root, "acc/project_1.runs/impl_1/top_timing_summary_routed.rpt", TIMING);
        assert_eq!(
            found(root),
            [
                "HLS synthesis: net_prj/solution1/syn/report/csynth.xml",
                "HLS cosimulation: net_prj/solution1/sim/report/net_cosim.rpt",
                "Vivado synthesis: vivado_synth.rpt",
                "Vivado synthesis: acc/project_1.runs/impl_1/top_utilization_placed.rpt",
                "Vivado timing: acc/project_1.runs/impl_1/top_timing_summary_routed.rpt",
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
        assert_eq!(found(root), ["HLS synthesis: p/solution1/syn/report/my_top_csynth.xml"]);
    }

    #[test]
    fn a_component_and_a_single_report() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "net/hls/syn/report/other_csynth.xml", CSYNTH);
        assert_eq!(found(root.path()), ["HLS synthesis: net/hls/syn/report/other_csynth.xml"]);
        assert!(find_reports(&root.path().join("absent")).is_empty());
    }

    #[test]
    fn a_broken_report_is_an_error_that_names_the_file() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "vivado_synth.rpt", "synthesis failed");
        assert_eq!(found(root.path()), ["error: /vivado_synth.rpt"]);
    }
}
