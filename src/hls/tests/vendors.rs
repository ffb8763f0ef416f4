//! Projects for the compilers of `ac_fixed`: their test benches, which go through the component or the
//! kernel, and their scripts. None of the compilers is here; stand-ins of a few lines know what the
//! projects say to them, so that every file is compiled and run.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::{
    Folding, HlsOptions, HlsProject, Strategy, Tool, WideConstant, project, test_data,
};
use super::projects::{mlp, samples, scripted, tclsh, text, write};
use super::{agree, builder, compiler_for, input};
use crate::fixed::{Format, Type};
use crate::nn::Shape;
use crate::units::{Clamp, Rectify};

const I_PLUS_PLUS: &[(&str, &str)] = &[
    ("HLS/ac_fixed.h", "#include <ac_fixed.h>\n"),
    ("HLS/ac_int.h", "#include <ac_int.h>\n"),
    (
        "HLS/hls.h",
        "#pragma once\n#define component\n#define hls_register\n#define hls_max_concurrency(n)\n\
         #define hls_component_ii(n)\n#define hls_scheduler_target_fmax_mhz(n)\n\
         template <class R, class F, class... A> void ihc_hls_enqueue(R *r, F *f, A... a) { *r = f(a...); }\n\
         template <class F> void ihc_hls_component_run_all(F) {}\n",
    ),
];

const SYCL: &[(&str, &str)] = &[
    ("sycl/ext/intel/ac_types/ac_fixed.hpp", "#include <ac_fixed.h>\n"),
    ("sycl/ext/intel/ac_types/ac_int.hpp", "#include <ac_int.h>\n"),
    ("sycl/ext/intel/fpga_extensions.hpp", ""),
    (
        "sycl/sycl.hpp",
        "#pragma once\n#include <deque>\n#define SYCL_EXTERNAL\nnamespace sycl {\nstruct queue {\n\
         explicit queue(int) {}\n\
         template <class Id, class K> void single_task(K k) { k.get({}); k(); }\nvoid wait() {}\n};\n\
         namespace ext::oneapi::experimental {\nstruct properties_tag {};\n\
         template <class... P> struct properties { properties(P...) {} };\n}\n\
         namespace ext::intel {\ninline constexpr int fpga_emulator_selector_v = 0;\n\
         namespace experimental {\ntemplate <int N> struct property {};\n\
         template <int N> inline constexpr property<N> ready_latency{};\n\
         template <int N = 0> inline constexpr property<N> streaming_interface{};\n\
         template <int N = -1> inline constexpr property<N> pipelined{};\n\
         template <class Id, class T, int N, class P> struct pipe {\n\
         static std::deque<T> &all() { static std::deque<T> it; return it; }\n\
         static void write(const T &it) { all().push_back(it); }\n\
         static void write(queue &, const T &it) { write(it); }\n\
         static T read() { T it = all().front(); all().pop_front(); return it; }\n\
         static T read(queue &) { return read(); }\n};\n}\n}\n}\n",
    ),
];

fn options(tool: Tool, strategy: Strategy, reuse: u64) -> HlsOptions {
    let folding = Folding { strategy, reuse, parallel: None };
    HlsOptions { folding, ..HlsOptions::new(tool, "net") }
}

fn sources(project: &HlsProject) -> Vec<&PathBuf> {
    let is_source = |it: &&PathBuf| it.extension().is_some_and(|it| it == "cpp");
    project.files.iter().map(|it| &it.0).filter(is_source).collect()
}

#[test]
fn test_benches_go_through_components_and_kernels() {
    let host: &[(&str, &str)] = &[];
    let vendor = ["-D__INTELFPGA_COMPILER__", "-DSYCL_LANGUAGE_VERSION=202001"];
    let cases = [
        (Tool::Catapult, host, ""),
        (Tool::Quartus, host, ""),
        (Tool::Quartus, I_PLUS_PLUS, vendor[0]),
        (Tool::Oneapi, SYCL, vendor[1]),
    ];
    let graph = mlp([8, 12, 5]);
    for (tool, stand_in, define) in cases {
        let Some(compiler) = compiler_for(tool, "test_benches") else { return };
        let project = project(&graph, &options(tool, Strategy::Latency, 2)).unwrap();
        let dir = tempfile::tempdir().unwrap();
        write(&project, dir.path());
        let [inputs, outputs] = samples(&graph);
        for (file, text) in test_data(&inputs, &outputs) {
            std::fs::create_dir_all(dir.path().join("tb_data")).unwrap();
            std::fs::write(dir.path().join(file), text).unwrap();
        }
        for (file, text) in stand_in {
            let path = dir.path().join("stand_in").join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let mut command = Command::new(&compiler.path);
        command.args(&compiler.flags).arg("-isystem").arg(&compiler.headers).current_dir(&dir);
        command.args(["-O0", "-isystem", "stand_in", "-o", "bench"]);
        if !define.is_empty() {
            // Types that are no constants while g++ compiles.
            command.args([define, "-DNN_CONSTANT=const", "-std=c++17", "-Wno-pedantic"]);
        }
        // The kernel of oneAPI holds the network.
        let is_part = |it: &&PathBuf| tool != Tool::Oneapi || !it.starts_with("firmware");
        command.args(sources(&project).into_iter().filter(is_part));
        let output = command.output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{tool:?}: {}", text(&output));
        let output = Command::new(dir.path().join("bench")).current_dir(&dir).output().unwrap();
        let said = text(&output);
        assert!(
            output.status.success() && said.contains("20 samples, 0 differ"),
            "{tool:?}: {said}"
        );
    }
}

#[test]
fn loops_mean_the_same_for_every_compiler() {
    let graph = mlp([8, 12, 5]);
    for tool in [Tool::Catapult, Tool::Quartus, Tool::Oneapi] {
        let Some(compiler) = compiler_for(tool, "loops_mean_the_same") else { return };
        let options = options(tool, Strategy::Resource, 24);
        agree(&compiler, &graph, &options, 1);
        // One loop after the other: 24 cycles for 96 products, 12 for 60.
        assert_eq!(project(&graph, &options).unwrap().interval, 1 + 24 + 12);
    }
}

#[test]
fn pragmas_are_those_of_the_compiler() {
    let graph = mlp([2, 4, 2]);
    for tool in [Tool::Catapult, Tool::Quartus, Tool::Oneapi] {
        for strategy in [Strategy::Latency, Strategy::Resource] {
            let project = project(&graph, &options(tool, strategy, 2)).unwrap();
            for (path, text) in &project.files {
                assert!(!text.contains("#pragma HLS"), "{}: {text}", path.display());
                assert!(!text.contains("ap_fixed<"), "{}: {text}", path.display());
            }
            let file = |name: &str| {
                let found = project.files.iter().find(|it| it.0 == Path::new(name)).unwrap();
                found.1.clone()
            };
            let whole = strategy == Strategy::Latency;
            let (name, says) = match tool {
                Tool::Catapult => {
                    ("firmware/net.cpp", "#pragma hls_pipeline_init_interval 2\nvoid")
                }
                Tool::Quartus => ("net_component.cpp", "hls_component_ii(2)\n"),
                _ => ("net_kernel.h", "pipelined<2>"),
            };
            assert_eq!(file(name).contains(says), whole, "{}", file(name));
        }
    }
}

#[test]
fn constants_that_no_double_holds_are_refused_for_oneapi_only() {
    let wide = Format::signed(100, 50);
    let mut builder = builder();
    let x = input(&mut builder, "x", Type::uniform(Shape(vec![2]), wide));
    builder.enter(crate::error::Origin::new("net", "clamp"));
    let clamp = Clamp { lo: -(1 << 80) - 1, hi: (1 << 80) + 1, limit: wide, result: wide };
    let y = builder.add("", clamp, &[x]);
    let z = builder.add("relu", Rectify::relu(wide), &[y]);
    builder.graph.outputs.push(z);
    assert!(project(&builder.graph, &HlsOptions::new(Tool::Quartus, "net")).is_ok());
    let error = project(&builder.graph, &HlsOptions::new(Tool::Oneapi, "net")).unwrap_err();
    let said = error.to_string();
    assert_eq!(said.matches("more than the 53 significant bits").count(), 2, "{said}");
    let is_wide = |it: &crate::error::Problem| it.what.downcast_ref::<WideConstant>().is_some();
    assert!(error.0.iter().all(is_wide), "{said}");
}

/// Catapult's commands, as far as the script goes: they say that they were called.
const STUBS: &str = "foreach it {project go options flow directive} { proc $it args \
    \"puts \\\"$it \\$args\\\"\" }\n\
    proc solution args { puts \"solution $args\" }\n\
    proc library {get names args} {\n\
    set parts /CONFIG/PARAMETERS/Vivado/PARAMETERS/Xilinx/PARAMETERS/KINTEX-u/PARAMETERS/-2/PARAMETERS\n\
    if {[lindex $args end] eq \"p\"} { return [list $parts/the-part/LIBRARIES/x/NAME] }\n\
    return mgc_Xilinx-KINTEX-u-2_beh\n}\n\
    set argv [list [lindex $argv 0]]\nsource build_prj.tcl\n";

#[test]
fn the_script_for_catapult_runs_the_steps_that_are_switched_on() {
    if !tclsh("the_script_for_catapult_runs_the_steps_that_are_switched_on") {
        return;
    }
    let options =
        HlsOptions { part: "the-part".to_owned(), ..HlsOptions::new(Tool::Catapult, "net") };
    let run = scripted(&options, STUBS);
    let output = run("csim=0 cosim=1");
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    for line in [
        "project new -name net_prj",
        "solution file add firmware/net.cpp",
        "solution library add mgc_Xilinx-KINTEX-u-2_beh -- -rtlsyntool Vivado -manufacturer Xilinx -family \
         KINTEX-u -speed -2 -part the-part",
        "go extract",
        "flow run /SCVerify/launch_make ./scverify/Verify_rtl_v_msim.mk",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert!(said.contains("-CLOCK_PERIOD 5.0") && !said.contains("Verify_orig"), "{said}");
    let output = run("wrong=1");
    assert!(!output.status.success() && text(&output).contains("unknown switch wrong"));
}
