//! `synth` with vendors' tools. None of them is here: shell scripts on `PATH` stand for them and leave
//! reports that were written for the test. So what is tested is our side (what is called where, what is
//! kept, read and shown, which figure wins), and not that a tool takes the scripts. The Tcl is run by
//! `tclsh` with stubs for the tools' commands.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::cosim::{K3, Project};
use crate::support::{self, nn2rtl, own, stderr, text};

const UTILIZATION: &str = "\
| Tool Version : Vivado v.2023.2 (lin64)
| Device       : xcvu9p-flgb2104-2-e
| Design State : Routed
| Site Type     | Used | Fixed | Prohibited | Available | Util% |
| CLB LUTs      | 4321 |     0 |          0 |   1182240 |  0.37 |
| CLB Registers |  321 |     0 |          0 |   2364480 |  0.01 |
| Block RAM Tile |   0 |     0 |          0 |      2160 |  0.00 |
| DSPs          |    5 |     0 |          0 |      6840 |  0.07 |
";
const TIMING: &str = "\
| Design State : Routed
    WNS(ns)      TNS(ns)
    -------      -------
      1.000        0.000
Clock  Waveform(ns)       Period(ns)      Frequency(MHz)
clk    {0.000 2.500}        5.000           200.000
";
const POWER: &str = "\
| Design State : Routed
| Total On-Chip Power (W) | 2.875 |
| Dynamic (W)             | 0.375 |
| Device Static (W)       | 2.500 |
| Confidence Level        | Low   |
";
const FIT: &str = "\
; Fitter Summary ;
; Fitter Status               ; Successful - today      ;
; Quartus Prime Version       ; 23.4.0 SC Pro Edition   ;
; Family                      ; Agilex 7                ;
; Device                      ; AGFB014R24A2E2V         ;
; Logic utilization (in ALMs) ; 1,000 / 487,200 ( < 1 % ) ;
; Total registers             ; 700                     ;
; Total DSP Blocks            ; 3 / 4,510 ( < 1 % )     ;
";
const STA: &str = "\
; Clocks ;
; Clock Name ; Type ; Period ;
; clk        ; Base ; 5.000  ;
; Setup Summary ;
; Clock ; Slack ; End Point TNS ;
; clk   ; -3.0  ; -40.0         ;
";
const CSYNTH: &str = "<profile><PerformanceEstimates><SummaryOfTimingAnalysis><EstimatedClockPeriod>4.0\
    </EstimatedClockPeriod></SummaryOfTimingAnalysis><SummaryOfOverallLatency><Best-caseLatency>20\
    </Best-caseLatency><Worst-caseLatency>22</Worst-caseLatency><Interval-max>1</Interval-max>\
    </SummaryOfOverallLatency></PerformanceEstimates><AreaEstimates><Resources><LUT>7777</LUT><FF>1</FF>\
    <DSP>2</DSP></Resources></AreaEstimates></profile>";
const COSIM: &str = "| Verilog| Pass| 21| 21| 21| 1| 1| 1|";

/// A project of narrow numbers, which is made faster.
fn build(options: &[&str]) -> Project {
    Project::build(&own(K3), &[options, &["--precision", "fixed<4,2>"]].concat())
}

/// A folder with an executable that stands for a tool. It must be called with these arguments in a
/// folder that has the script (their last), and leaves files in folders below; or it fails as tools do.
pub(crate) struct StandIn {
    folder: tempfile::TempDir,
}

impl StandIn {
    pub(crate) fn new(name: &str, arguments: &str, leaves: &[(&str, &str)]) -> StandIn {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("leaves");
        for (path, content) in leaves {
            let path = at.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let script = arguments.split(' ').next_back().unwrap();
        let body = format!(
            "#!/bin/sh\n# No tool: it stands for one in a test.\necho \"called: $*\"\n\
             if [ \"$*\" != \"{arguments}\" ] || [ ! -f {script} ]; then exit 3; fi\n\
             if [ ! -d '{0}' ]; then echo 'ERROR: [Common 17-345] no license' >&2; exit 1; fi\n\
             cp -r '{0}'/. .\n",
            at.display()
        );
        let program = folder.path().join(name);
        std::fs::write(&program, body).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        StandIn { folder }
    }

    /// Another executable beside it, which nobody calls.
    pub(crate) fn beside(self, name: &str) -> StandIn {
        std::fs::write(self.folder.path().join(name), "").unwrap();
        self
    }

    /// `synth DIR --tool TOOL`, with the stand-in first on `PATH`.
    pub(crate) fn synth(&self, code: i32, project: &Project, tool: &str) -> Output {
        let path = format!("{}:/usr/bin:/bin", self.folder.path().display());
        synth(code, project, &["--tool", tool], &path)
    }
}

fn synth(code: i32, project: &Project, options: &[&str], path: &str) -> Output {
    let mut command = nn2rtl();
    command.args(["synth", text(&project.dir)]).args(options).env("PATH", path);
    let output = command.output().unwrap();
    let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
    assert_eq!(output.status.code(), Some(code), "{told}");
    output
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn write(project: &Project, path: &str, content: &str) {
    let path: PathBuf = project.dir.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

fn compare(project: &Project) -> Value {
    support::json(0, &["compare", text(&project.dir)])
}

fn figure(compared: &Value, side: &str, metric: &str) -> (f64, String) {
    let it = &compared["total"][side][metric];
    let source = it["source"].as_str().unwrap_or_default().to_owned();
    (it["value"].as_f64().unwrap_or(f64::NAN), source)
}

/// A hierarchical report of Vivado with a layer's instance, and the layer's name.
fn hierarchy(project: &Project) -> (String, String) {
    let (path, layer): (String, String) =
        serde_json::from_value(project.json("nn2rtl.json")["rtl"]["instances"][0].clone()).unwrap();
    let mut text = "| Design State : Routed\n| Instance | Module | Total LUTs | FFs | RAMB36 | \
                    RAMB18 | URAM | DSP Blocks |\n"
        .to_owned();
    for (depth, name) in std::iter::once("top").chain(path.split('.')).enumerate() {
        let indent = "  ".repeat(depth);
        text.push_str(&format!("| {indent}{name} | m | 40 | 30 | 0 | 0 | 0 | 2 |\n"));
    }
    (layer, text)
}

const VIVADO: &str = "-mode batch -nolog -nojournal -source scripts/vivado.tcl";

/// Vivado on the RTL, Vitis HLS on the C++ of one project: logs, tables, comparison.
#[test]
fn stand_ins_are_run_and_their_reports_read() {
    let project = build(&["--target", "xcvu9p", "--clock", "5"]);
    let (layer, hierarchy) = hierarchy(&project);
    let leaves = [
        ("reports/hierarchy.rpt", hierarchy.as_str()),
        ("reports/utilization.rpt", UTILIZATION),
        ("reports/timing.rpt", TIMING),
        ("reports/power.rpt", POWER),
    ];
    let told = stdout(&StandIn::new("vivado", VIVADO, &leaves).synth(0, &project, "vivado"));
    assert!(told.starts_with("Vivado v.2023.2 (lin64) for xcvu9p\n"), "{told}");
    let total = told.lines().find(|it| it.starts_with("total")).unwrap();
    let total: Vec<&str> = total.split_whitespace().collect();
    assert_eq!(total[..5], ["total", "4321", "321", "5", "0"], "{told}");
    let row = told.lines().find(|it| it.starts_with(&format!("{layer} "))).expect("a row for it");
    assert_eq!(row.split_whitespace().collect::<Vec<_>>()[1..4], ["40", "30", "2"], "{told}");
    assert!(told.contains("placed and routed: 250.0 MHz, 4.00 ns; meets the clock"), "{told}");
    assert!(told.contains("2875 mW on the chip, 375 of it by switching, 2500 at rest"), "{told}");
    let log = std::fs::read_to_string(project.dir.join("synth/vivado.log")).unwrap();
    assert_eq!(log, format!("called: {VIVADO}\n"));

    let leaves = [
        ("net_prj/solution1/syn/report/csynth.xml", CSYNTH),
        ("net_prj/solution1/sim/report/net_cosim.rpt", COSIM),
    ];
    let arguments = "--mode hls --tcl build_all.tcl";
    let told = stdout(&StandIn::new("vitis-run", arguments, &leaves).synth(0, &project, "vitis"));
    assert!(told.contains("7777"), "{told}");
    assert!(told.contains("simulated: 21 cycles from input to output, 1 from"), "{told}");
    assert!(told.contains("cosimulation passed"), "{told}");

    let compared = compare(&project);
    assert_eq!(figure(&compared, "rtl", "lut"), (4321.0, "placed".into()));
    let layers = compared["layers"].as_array().unwrap();
    let found = layers.iter().find(|it| it["name"] == layer.as_str()).unwrap();
    let lut = &found["figures"]["rtl"]["lut"];
    assert_eq!((lut["value"].as_f64(), &lut["source"]), (Some(40.0), &json!("placed")));
    assert_eq!(figure(&compared, "rtl", "fmax_mhz"), (250.0, "placed".into()));
    assert_eq!(figure(&compared, "rtl", "power_mw"), (2875.0, "placed".into()));
    assert_eq!(figure(&compared, "hls", "lut"), (7777.0, "reported".into()));
    assert_eq!(figure(&compared, "hls", "latency_cycles"), (21.0, "simulated".into()));
    let notes = compared["notes"].to_string();
    assert!(notes.contains("RTL, placed: Vivado v.2023.2 (lin64) (reports/"), "{notes}");
    assert!(notes.contains("HLS, simulated: Vitis HLS (hls/vitis/net_prj/"), "{notes}");

    which_figure_wins(&project);
    what_fails(&project);
}

/// Placed before synthesized before estimated; of the same step a vendor's tool before Yosys; what is of
/// another device counts for nothing.
fn which_figure_wins(project: &Project) {
    let rtl_lut = || {
        let compared = compare(project);
        (figure(&compared, "rtl", "lut"), compared["notes"].to_string())
    };
    let total = json!({ "lut": 99, "ff": 1, "dsp": 0, "bram_kbit": 0, "uram": 0 });
    let yosys = |device: &str| json!({ "device": device, "tool": "Yosys", "total": total });
    let open = |file: &str, device: &str| write(project, file, &yosys(device).to_string());
    std::fs::remove_dir_all(project.dir.join("reports")).unwrap();
    let (estimated, _) = rtl_lut();
    assert_eq!(estimated.1, "estimated");
    open("synth/yosys.json", "xcvu9p");
    assert_eq!(rtl_lut().0, (99.0, "synthesized".into()));
    let synthesized = UTILIZATION.replace("Routed", "Synthesized").replace("4321", "5000");
    write(project, "reports/synthesis_utilization.rpt", &synthesized);
    assert_eq!(rtl_lut().0, (5000.0, "synthesized".into()), "Vivado knows the device best");
    open("synth/nextpnr.json", "lfe5u-25");
    let (lut, notes) = rtl_lut();
    assert_eq!(lut, (5000.0, "synthesized".into()));
    assert!(notes.contains("synth/nextpnr.json is of lfe5u-25 and does not count"), "{notes}");
    write(project, "reports/utilization.rpt", UTILIZATION);
    assert_eq!(rtl_lut().0, (4321.0, "placed".into()));
    let other = UTILIZATION.replace("xcvu9p-flgb2104-2-e", "7z020clg400-1");
    write(project, "reports/utilization.rpt", &other);
    let (lut, notes) = rtl_lut();
    assert_eq!(lut, (5000.0, "synthesized".into()));
    assert!(notes.contains("reports/utilization.rpt is of xc7z020"), "{notes}");
    let broken = ["reports/utilization.rpt", "reports/power.rpt"];
    broken.iter().for_each(|it| write(project, it, "nothing"));
    let told = stderr(&support::run(2, &["compare", text(&project.dir)]));
    assert!(broken.iter().all(|it| told.contains(it)), "all of them: {told}");
    std::fs::remove_dir_all(project.dir.join("reports")).unwrap();
}

/// Tools that fail, leave nothing, or are not there; options and devices that are not theirs.
fn what_fails(project: &Project) {
    let mut failing = StandIn::new("vivado", VIVADO, &[]);
    let told = stderr(&failing.synth(2, project, "vivado"));
    assert!(told.contains("vivado failed") && told.contains("ERROR: [Common 17-345]"), "{told}");
    assert!(told.contains("synth/vivado.log"), "{told}");
    failing = StandIn::new("vivado", VIVADO, &[("other.txt", "")]);
    let told = stderr(&failing.synth(2, project, "vivado"));
    assert!(told.contains("Vivado ended well, but left no report"), "{told}");

    let absent = |options: &[&str]| stderr(&synth(2, project, options, ""));
    let told = absent(&["--tool", "vivado"]);
    assert!(told.contains("no vivado on PATH: source settings64.sh"), "{told}");
    let told = absent(&["--tool", "vitis"]);
    assert!(told.contains("no vitis-run, no vitis_hls on PATH"), "{told}");
    let told = absent(&[
        "--tool", "quartus", "--no-dsp", "--seed", "2", "--router", "router2", "--target", "xcvu9p",
    ]);
    for it in
        ["--no-dsp", "--seed", "--router", "--target", "no quartus_sh on PATH", "devices of Altera"]
    {
        assert!(told.contains(it), "{it} is missing: {told}");
    }
}

#[test]
fn a_stand_in_for_quartus() {
    let project = build(&["--flow", "rtl", "--target", "agilex7", "--clock", "5"]);
    let leaves = [("reports/net.fit.rpt", FIT), ("reports/net.sta.rpt", STA)];
    let quartus = StandIn::new("quartus_sh", "-t scripts/quartus.tcl", &leaves);
    let told = stdout(&quartus.synth(0, &project, "quartus"));
    assert!(told.contains("placed and routed: 125.0 MHz, 8.00 ns; misses the clock"), "{told}");
    assert!(told.contains("1000 adaptive logic modules"), "{told}");
    let compared = compare(&project);
    assert_eq!(figure(&compared, "rtl", "lut"), (2000.0, "placed".into()));
    assert_eq!(figure(&compared, "rtl", "fmax_mhz"), (125.0, "placed".into()));
    let told = stderr(&synth(2, &project, &["--tool", "vitis"], ""));
    assert!(told.contains("the project has no C++"), "{told}");
}

/// Commands of the tools as far as the scripts go: they say that they were called, and write a file
/// where they are told to.
const STUBS: &str = r#"
proc unknown args {
  puts "called: $args"
  set at [lsearch -exact $args -file]
  if {$at >= 0} { close [open [lindex $args [expr {$at + 1}]] w] }
}
foreach it {project flow} { package provide ::quartus::$it 1.0 }
proc project_new {name args} {
  puts "called: project_new $name $args"
  cd [file dirname $name]
}
proc execute_flow args {
  puts "called: execute_flow $args"
  file mkdir output_files
  foreach it {fit.rpt sta.rpt fit.summary sof} { close [open output_files/net.$it w] }
}
source [lindex $argv 0]
"#;

fn tcl(folder: &Path, script: &str) -> String {
    let stubs = folder.join("stubs.tcl");
    std::fs::write(&stubs, STUBS).unwrap();
    let output = Command::new("tclsh").arg("stubs.tcl").arg(script).current_dir(folder).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{script}: {}", stderr(&output));
    stdout(&output)
}

#[test]
fn scripts_are_whole_tcl() {
    if Command::new("tclsh").arg("/dev/null").output().is_err() {
        eprintln!("SKIPPED scripts_are_whole_tcl: no tclsh");
        return;
    }
    let vivado = build(&["--target", "xcvu9p"]);
    let stale = "reports/old.rpt";
    write(&vivado, stale, "of another run");
    let called = tcl(&vivado.dir, "scripts/vivado.tcl");
    assert!(!vivado.dir.join(stale).exists());
    let sources: Vec<&str> =
        called.lines().filter_map(|it| it.strip_prefix("called: read_verilog -sv ")).collect();
    assert!(sources.len() > 3, "{called}");
    assert!(sources.iter().all(|it| vivado.dir.join(it).is_file()), "{called}");
    let steps = ["synth_design", "opt_design", "place_design", "route_design"];
    let at = steps.map(|it| called.find(&format!("called: {it}")).expect(it));
    assert!(at.is_sorted(), "{called}");
    for report in ["synthesis_utilization", "synthesis_timing", "utilization", "timing", "power"] {
        assert!(vivado.dir.join(format!("reports/{report}.rpt")).is_file(), "{report}");
    }
    // The steps of an HLS project: those that `synth` asks for, whatever build_opt.tcl says.
    let hls = vivado.dir.join("hls/vitis");
    std::fs::copy(own("synth-templates/vitis.tcl"), hls.join("build_all.tcl")).unwrap();
    let called = tcl(&hls, "build_all.tcl");
    for step in
        ["open_project -reset", "csim_design", "csynth_design", "cosim_design", "export_design"]
    {
        assert!(called.contains(&format!("called: {step}")), "{step}: {called}");
    }

    let quartus = build(&["--flow", "rtl", "--target", "agilex7"]);
    write(&quartus, "reports/net.fit.summary", "of another run");
    let called = tcl(&quartus.dir, "scripts/quartus.tcl");
    let files = called.lines().filter(|it| it.contains("-name SYSTEMVERILOG_FILE "));
    let files: Vec<&str> = files.filter_map(|it| it.split(' ').next_back()).collect();
    assert!(files.len() > 3, "{called}");
    assert!(files.iter().all(|it| Path::new(it).is_file()), "{called}");
    assert!(called.contains("called: execute_flow -compile"), "{called}");
    assert!(quartus.dir.join("reports/net.sta.rpt").is_file(), "copied to where it is looked for");
    assert_eq!(std::fs::read(quartus.dir.join("reports/net.fit.summary")).unwrap(), b"");
    assert!(!quartus.dir.join("reports/net.sof").exists());
}
