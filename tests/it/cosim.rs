//! The simulator driver against designs that are known to be right, and wrong in known ways.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nn2rtl::cosim::{
    CosimError, Dut, FaultKind, Model, Options, Protocol, Run, Slot, Span, Stimulus, packed,
    verilate,
};
use nn2rtl::tools::{ToolError, Tools};

/// The tools, or `None` where Verilator is not installed; `make test` demands it.
#[expect(clippy::print_stderr, reason = "a test that was skipped must say so")]
fn tools() -> Option<&'static Tools> {
    static TOOLS: OnceLock<Option<Tools>> = OnceLock::new();
    let find = || {
        let tools = Tools::find().unwrap();
        match tools.verilator() {
            Ok(_) => Some(tools),
            Err(error @ ToolError::Missing { .. }) => {
                assert!(std::env::var_os("NN2RTL_REQUIRE_TOOLS").is_none(), "{error}");
                eprintln!("\n*** SKIPPED, nothing was simulated: {error} ***\n");
                None
            }
            Err(error) => panic!("{error}"),
        }
    };
    TOOLS.get_or_init(find).as_ref()
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rtl").join(name)
}

fn slot(offset: u32, width: u32, signed: bool) -> Slot {
    Slot { offset, width, signed }
}

fn handshake() -> Dut {
    let dut = Dut::new("handshake", vec![source("handshake.sv")])
        .input("in_data_i", vec![slot(1, 9, true), slot(12, 7, false)])
        .input("in_bug_i", packed(1, 4, false))
        .output("out_data_o", vec![slot(0, 11, true), slot(13, 17, true), slot(30, 100, true)]);
    Dut { has_last: true, ..dut }
}

/// The model of `handshake.sv`, compiled once for all tests.
fn model(tools: &Tools) -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(|| verilate(tools, &handshake(), Options::default()).unwrap())
}

const SAMPLES: usize = 40;

fn inputs(bug: i128) -> Vec<Vec<i128>> {
    let data = handshake().random_inputs(SAMPLES, 3).swap_remove(0);
    vec![data, vec![bug; SAMPLES]]
}

fn expected() -> Vec<i128> {
    let outputs = |ab: &[i128]| [ab[0] + ab[1], ab[0] * ab[1], (ab[0] << 80) + ab[1]];
    inputs(0)[0].chunks_exact(2).flat_map(outputs).collect()
}

fn run(bug: i128, stimulus: &Stimulus) -> Option<Result<Run, CosimError>> {
    let tools = tools()?;
    Some(model(tools).run(tools, &inputs(bug), stimulus))
}

/// Runs a broken design and checks what is found wrong; gives the sample where.
fn fault(bug: i128, stimulus: &Stimulus, kind: FaultKind) -> Option<u64> {
    match run(bug, stimulus)? {
        Err(CosimError::Fault(fault)) => {
            assert_eq!(fault.kind, kind, "{fault}");
            Some(fault.sample)
        }
        other => panic!("expected {kind:?}: {other:?}"),
    }
}

fn stalling() -> Stimulus {
    Stimulus { stall: 0.5, bubble: 0.25, watchdog: 1000, ..Stimulus::default() }
}

#[test]
fn a_right_design_at_full_rate() {
    let Some(run) = run(0, &Stimulus::default()) else { return };
    let run = run.unwrap();
    assert_eq!(run.outputs, [expected()]);
    let constant = |value: u64| Span { min: value, mean: value as f64, max: value };
    assert_eq!((run.report.samples, run.report.cycles), (40, 42));
    assert_eq!((run.report.first, run.report.latency), (2, constant(2)));
    assert_eq!((run.report.tail, run.report.interval), (constant(2), Some(constant(1))));
}

#[test]
fn a_right_design_under_bubbles_and_stalls() {
    for seed in 0..10 {
        let Some(run) = run(0, &Stimulus { seed, ..stalling() }) else { return };
        let run = run.unwrap();
        assert_eq!(run.outputs, [expected()], "seed {seed}");
        assert!(run.report.latency.max > 2 && run.report.cycles > 60, "seed {seed}");
        assert!(run.report.interval.is_none_or(|it| it.min == 1), "seed {seed}");
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let all = |seed| run(0, &Stimulus { seed, ..stalling() }).map(Result::unwrap);
    let Some(once) = all(5) else { return };
    assert_eq!(Some(&once), all(5).as_ref());
    assert_ne!(Some(once.report), all(6).map(|run| run.report));
}

#[test]
fn a_dropped_sample_is_missing() {
    let Some(sample) = fault(1, &stalling(), FaultKind::Missing) else { return };
    assert_eq!(sample, SAMPLES as u64 - 1);
}

#[test]
fn data_that_changes_under_stall_is_noticed() {
    let Some(sample) = fault(2, &stalling(), FaultKind::Unstable) else { return };
    assert!(sample < 20);
    // Without stalls the bug does not show.
    assert_eq!(run(2, &Stimulus::default()).unwrap().unwrap().outputs, [expected()]);
}

#[test]
fn a_hang_is_noticed_where_it_is() {
    let Some(sample) = fault(3, &stalling(), FaultKind::Hang) else { return };
    assert_eq!(sample, 10);
}

#[test]
fn a_wrong_last_is_noticed() {
    let Some(sample) = fault(4, &stalling(), FaultKind::Last) else { return };
    assert_eq!(sample, 6);
}

#[test]
fn a_withdrawn_output_is_noticed() {
    fault(5, &stalling(), FaultKind::Retracted);
}

#[test]
fn a_repeated_output_is_extra_or_early() {
    fault(6, &Stimulus { watchdog: 1000, ..Stimulus::default() }, FaultKind::Extra);
    // Where inputs are rare the repetition comes before the input that it seems to answer.
    fault(6, &Stimulus { bubble: 0.99, ..Stimulus::default() }, FaultKind::Early);
}

#[test]
fn a_failed_assertion_is_quoted() {
    match run(7, &Stimulus::default()) {
        None => {}
        Some(Err(CosimError::Tool(error @ ToolError::Failed { .. }))) => {
            assert!(error.to_string().contains("bug seven"), "{error}");
        }
        Some(other) => panic!("{other:?}"),
    }
}

#[test]
fn registers_never_written_are_not_zero() {
    let Some(run) = run(8, &Stimulus::default()) else { return };
    assert_ne!(run.unwrap().outputs, [expected()]);
}

#[test]
fn an_axi_stream_of_several_beats() {
    let Some(tools) = tools() else { return };
    let dut = Dut {
        in_beats: 4,
        out_beats: 2,
        has_last: true,
        protocol: Protocol::AxiStream,
        ..Dut::new("fold", vec![source("fold.sv")])
            .input("a", vec![slot(0, 9, true)])
            .input("b", vec![slot(16, 8, false)])
            .output("y", vec![slot(0, 16, true)])
    };
    let inputs = dut.random_inputs(50, 9);
    let fold = |(a, b): (&[i128], &[i128])| [a.iter().sum(), *b.iter().max().unwrap()];
    let expected: Vec<i128> = inputs[0].chunks(4).zip(inputs[1].chunks(4)).flat_map(fold).collect();
    let model = verilate(tools, &dut, Options::default()).unwrap();

    let run = model.run(tools, &inputs, &Stimulus::default()).unwrap();
    assert_eq!(run.outputs, [expected.clone()]);
    let report = &run.report;
    assert_eq!((report.first, report.latency.max, report.tail.max), (4, 5, 2));
    assert_eq!(report.interval.unwrap().max, 6);

    let run = model.run(tools, &inputs, &stalling()).unwrap();
    assert_eq!(run.outputs, [expected]);
}

#[test]
fn a_second_build_comes_from_the_cache() {
    let Some(tools) = tools() else { return };
    let first = model(tools).executable();
    let inode = fs::metadata(first).unwrap().ino();
    let second = verilate(tools, &handshake(), Options::default()).unwrap();
    assert_eq!(second.executable(), first);
    assert_eq!(fs::metadata(first).unwrap().ino(), inode, "compiled again");
}

#[test]
fn waves_are_written_where_asked() {
    let Some(tools) = tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let wave = dir.path().join("out.fst");
    let stimulus = Stimulus { wave: Some(wave.clone()), ..Stimulus::default() };
    let without = model(tools).run(tools, &inputs(0), &stimulus);
    assert!(matches!(without, Err(CosimError::NoWave)), "{without:?}");

    let options = Options { wave: true, ..Options::default() };
    let model = verilate(tools, &handshake(), options).unwrap();
    let run = model.run(tools, &inputs(0), &stimulus).unwrap();
    assert_eq!(run.outputs, [expected()]);
    // A block of type 0, the FST header, comes first.
    let bytes = fs::read(wave).unwrap();
    assert!(bytes.len() > 300 && bytes[0] == 0, "{} bytes", bytes.len());
}

#[test]
fn an_error_in_the_source_is_quoted() {
    let Some(tools) = tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("bad.sv");
    fs::write(&file, "module bad (input logic clk_i); assign nothing = ; endmodule\n").unwrap();
    let dut = Dut::new("bad", vec![file])
        .input("in_data_i", packed(1, 4, true))
        .output("out_data_o", packed(1, 4, true));
    let error = verilate(tools, &dut, Options::default()).unwrap_err().to_string();
    assert!(error.contains("bad.sv:1:") && error.contains("syntax error"), "{error}");
}

#[test]
fn ports_that_cannot_be_driven_are_refused() {
    let Some(tools) = tools() else { return };
    let refuse = |dut: Dut| verilate(tools, &dut, Options::default()).unwrap_err().to_string();
    let dut = || Dut::new("t", Vec::new()).output("y_o", packed(1, 4, true));
    assert_eq!(refuse(dut()), "a design needs an input and an output");
    assert!(refuse(dut().input("a__b", packed(1, 4, true))).starts_with("port name `a__b`"));
    assert!(refuse(dut().input("y_o", packed(1, 4, true))).starts_with("port name `y_o`"));
    let wide = refuse(dut().input("a_i", packed(1, 128, false)));
    assert_eq!(wide, "port `a_i`: 128 bits in an element (1 to 128, or 127 unsigned)");
}

#[test]
fn a_simulator_that_computes_wrong_results_is_refused() {
    let Some(tools) = tools() else { return };
    let include = tools.verilator().unwrap().include();
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("verilator");
    fs::create_dir_all(root.join("bin")).unwrap();
    symlink(&include, root.join("include")).unwrap();
    symlink(include.parent().unwrap(), root.join("real")).unwrap();
    symlink(source("wrong_verilator"), root.join("bin/verilator_bin")).unwrap();

    let bad = Tools::at(Some(dir.path().to_owned()), tools.cache().clone());
    let error = bad.verilator().unwrap_err();
    assert!(matches!(error, ToolError::WrongResults { .. }), "{error}");
}
