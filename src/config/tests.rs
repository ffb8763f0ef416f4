//! Tests of reading: hls4ml's own files, every kind of fault, and what is never silent.

use super::*;
use crate::error::Problems;
use crate::hls;

fn read(text: &str) -> (Config, Vec<String>) {
    let (config, warnings) = Config::read("c.yml", text).unwrap();
    (config, warnings.iter().map(ToString::to_string).collect())
}

fn faults(text: &str) -> String {
    Config::read("c.yml", text).map(|_| ()).unwrap_err().to_string()
}

fn format(text: &str) -> Precision {
    text.parse().unwrap()
}

#[test]
fn dsp_blocks() {
    let (config, warnings) = read("DSP: 12\nLutPercent: 55\n");
    assert_eq!(
        (config.dsp, config.lut_percent, warnings),
        (Some(Blocks::Count(12)), Some(55.0), vec![])
    );
    assert_eq!(read("dsp: none").0.dsp, Some(Blocks::None));
    assert_eq!(read("dsp: auto").0.dsp, Some(Blocks::Auto));
    assert!(faults("DSP: few").contains("auto, none or a number of DSP blocks"));
    assert!(faults("DSP: -1").contains("auto, none or a number of DSP blocks"));
    assert!(faults("LutPercent: 101").contains("up to 100"));
}

#[test]
fn shapes_of_inputs() {
    let (config, warnings) = read("Model: {InputShape: [3, 16, 16]}\n");
    assert_eq!((config.input_shapes.only, warnings), (Some(vec![3, 16, 16]), vec![]));
    let (config, _) = read("Model:\n  InputShape: {x: [4], y: [2, 2]}\n");
    let named = [("x".to_owned(), vec![4]), ("y".to_owned(), vec![2, 2])];
    assert_eq!(config.input_shapes.named, named.into());
    for wrong in ["16", "[]", "[0, 1]", "[null, 3]", "{x: 3}", "[1.5]"] {
        let told = faults(&format!("Model: {{InputShape: {wrong}}}\n"));
        assert!(told.contains("a list of extents such as [3, 16, 16]"), "{told}");
    }
    assert!(faults("LayerName: {x: {InputShape: [3]}}").contains("unknown key"));
}

const HLS4ML_FILE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/precision/hls4ml_config.yml");

#[test]
fn a_whole_file_that_hls4ml_wrote() {
    let (config, warnings) = read(&std::fs::read_to_string(HLS4ML_FILE).unwrap());
    assert_eq!(warnings, [""; 0]);
    assert_eq!(config.part.as_deref(), Some("xcvu13p-flga2577-2-e"));
    assert_eq!(config.clock_ns, Some(5.0));
    let uncertainty = config.clock_uncertainty.unwrap().nanoseconds(5.0);
    assert!((uncertainty - 1.35).abs() < 1e-12);
    assert_eq!(config.hls, Some(hls::Tool::Vitis));
    assert_eq!(config.source_model.as_deref(), Some("my-hls-test/keras_model.keras"));
    assert_eq!(config.project.as_deref(), Some("myproject"));
    assert_eq!(config.model.strategy, Some(Strategy::Latency));
    assert_eq!(config.default_precision(), Some(Format::signed(16, 6)));
    let fc2 = &config.layer_name["fc2"].precision;
    assert_eq!(fc2.roles[&Role::Accum], Precision::Auto);
    assert_eq!(fc2.roles[&Role::Bias], format("fixed<9,3>"));
}

#[test]
fn inner_dictionary_outer_file_json_and_both_key_styles_are_the_same() {
    let inner = "Model: {Precision: {default: 'fixed<12,4>', maximum: 'fixed<20,8>'}, ReuseFactor: 2, Compat: hls4ml}\n\
                 LayerName: {sm: {exp_table_t: 'fixed<9,3>', Implementation: Latency, TableSize: 64, Skip: false}}\n\
                 LayerType: {Dense: {Strategy: Resource_Unrolled, ParallelizationFactor: 3, ConvImplementation: LineBuffer}}";
    let expected = read(inner).0;
    assert!(expected.is_compat());
    assert_eq!(expected.maximum, Some(Format::signed(20, 8)));
    assert_eq!(expected.strategy("x", "Dense"), Strategy::Unrolled);
    let settings = expected.settings("sm", "Softmax");
    assert_eq!((settings.table_size, settings.softmax), (64, SoftmaxKind::Latency));
    let outer: String = std::iter::once("HLSConfig:\n".to_owned())
        .chain(inner.lines().map(|line| format!("  {line}\n")))
        .collect();
    assert_eq!(read(&outer).0, expected);
    let snake = inner
        .replace("ReuseFactor", "reuse_factor")
        .replace("exp_table_t", "ExpTable_t")
        .replace("TableSize", "table_size")
        .replace("Resource_Unrolled", "UNROLLED");
    assert_eq!(read(&snake).0, expected);
    let json = r#"{"Model": {"Precision": {"default": "ap_fixed<12,4,AP_TRN,AP_WRAP,0>", "maximum": "fixed<20,8>"},
        "ReuseFactor": 2.0, "Compat": "HLS4ML"},
        "LayerName": {"sm": {"exp_table_t": "fixed<9,3>", "Implementation": "latency", "TableSize": "64", "Skip": false}},
        "LayerType": {"Dense": {"Strategy": "unrolled", "ParallelizationFactor": 3, "ConvImplementation": "LineBuffer"}}}"#;
    assert_eq!(read(json).0, expected);
}

#[test]
fn all_faults_at_once_with_their_paths() {
    let text = "Model: {Precision: 'fixed<16>', ReuseFactor: 0}\n\
                LayerNmae: {}\n\
                LayerName:\n  fc1: {Precisoin: 'fixed<8,3>', Strategy: fast, exptable_t: auto}\n  fc2: 3\n  \
                fc3: {Precision: {wieght: 'fixed<8,3>', bias: float}}\n\
                IOType: io_serial\nClockPeriod: -1\nClockUncertainty: x%\nBackend: vitsi\n";
    let found = faults(text);
    let expected = [
        "c.yml:Model.Precision: \"fixed<16>\" has 1 arguments, expected W,I[,Q[,O[,N]]]",
        "c.yml:Model.ReuseFactor: is 0, expected a whole number from 1",
        "c.yml:LayerNmae: unknown key\n  help: did you mean LayerName?",
        "c.yml:LayerName.fc1.Precisoin: unknown key\n  help: did you mean Precision?",
        "c.yml:LayerName.fc1.Strategy: is \"fast\", expected Latency, Resource",
        "c.yml:LayerName.fc1.exptable_t: unknown key\n  help: did you mean exp_table?",
        "c.yml:LayerName.fc2: is 3, expected a map",
        "c.yml:LayerName.fc3.Precision.wieght: unknown key\n  help: did you mean weight?",
        "c.yml:LayerName.fc3.Precision.bias: \"float\" is a floating-point type",
        "c.yml:IOType: is \"io_serial\", expected io_parallel or io_stream",
        "c.yml:ClockPeriod: is -1, expected a clock period in nanoseconds",
        "c.yml:ClockUncertainty: is \"x%\", expected a share of the clock period",
        "c.yml:Backend: is \"vitsi\", expected Vitis, Vivado",
    ];
    for part in expected {
        assert!(found.contains(part), "{part}\nis not in\n{found}");
    }
    let Problems(all) = Config::read("c.yml", text).unwrap_err();
    assert_eq!(all.len(), expected.len());
}

#[test]
fn faults_of_the_file_as_a_whole() {
    assert!(faults("Model: [").contains("not valid YAML"));
    assert!(faults("{\"Model\": ]").contains("not valid JSON"));
    assert!(faults("- Model").contains("expected a map"));
    assert!(faults("HLSConfig: {}\nModel: {}").contains("beside HLSConfig"));
    assert!(faults("Model: {ReuseFactor: 1, reuse_factor: 2}").contains("given twice"));
    assert!(faults("Model: {Precision: {default: fixed<16,6>}}").contains("no closing >"));
    assert!(faults("Model: {Compat: hls4ml, Precision: auto}").contains("cannot be auto"));
    assert!(faults("Model: {Precision: {maximum: auto}}").contains("cannot be auto"));
}

#[test]
fn nothing_is_ignored_in_silence() {
    let (config, warnings) = read(
        "Backend: Libero\nInputData: x.npy\nBoard: pynq-z2\nWriterConfig: {Namespace: me, WriteTar: true}\n\
         HLSConfig:\n  Flows: ['vivado:ip']\n  Model: {BramFactor: 4096, PipelineStyle: dataflow, BitExact: false}\n  \
         LayerName: {lstm: {Precision: {depthwise: 'fixed<8,3>'}, static: false, TargetCycles: 4}}\n",
    );
    assert_eq!(config.hls, None);
    let places: Vec<&str> = warnings.iter().map(|it| it.split(": ").next().unwrap()).collect();
    assert_eq!(
        places,
        [
            "c.yml:Backend",
            "c.yml:InputData",
            "c.yml:Board",
            "c.yml:WriterConfig.Namespace",
            "c.yml:WriterConfig.WriteTar",
            "c.yml:HLSConfig.Flows",
            "c.yml:HLSConfig.Model.BramFactor",
            "c.yml:HLSConfig.Model.PipelineStyle",
            "c.yml:HLSConfig.Model.BitExact",
            "c.yml:HLSConfig.LayerName.lstm.Precision.depthwise",
            "c.yml:HLSConfig.LayerName.lstm.TargetCycles",
        ]
    );
    assert!(warnings[6].contains("4096 is ignored: weights are never moved"), "{}", warnings[6]);
}

#[test]
fn an_empty_file_asks_for_nothing() {
    let (config, warnings) = read("");
    assert_eq!(config, Config { file: "c.yml".into(), ..Config::default() });
    assert!(warnings.is_empty());
    assert_eq!(config.fallback(), Format::signed(16, 6));
}

#[test]
fn the_models_input_precision_is_the_result_of_inputs() {
    let (config, warnings) = read("Model: {Precision: {input: 'ufixed<8,0>'}}");
    assert!(warnings.is_empty());
    let found = config.precision("x", "Input", Role::Result).unwrap();
    assert_eq!(found.precision, format("ufixed<8,0>"));
    let (config, warnings) = read("Compat: hls4ml\nModel: {Precision: {input: 'ufixed<8,0>'}}");
    assert_eq!(warnings.len(), 1);
    assert_eq!(config.precision("x", "Input", Role::Result), None);
}

#[test]
fn deep_nesting_is_refused_not_followed() {
    assert!(Config::read("c.json", &"{\"a\":".repeat(100_000)).is_err());
    assert!(Config::read("c.yml", &"[".repeat(100_000)).is_err());
}
