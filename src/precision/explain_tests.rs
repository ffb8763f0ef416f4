//! What `nn2rtl config` prints decides the same formats when it is read back, at every granularity.

use serde_json::Value;

use super::fixtures::{Net, noise};
use super::*;
use crate::config::Config;
use crate::nn;

const ALL: [Granularity; 3] = [Granularity::Model, Granularity::Type, Granularity::Name];

fn net() -> nn::Graph {
    let mut net = Net::new("x", &[4]);
    for (seed, name) in ["a", "b", "c"].into_iter().enumerate() {
        let weights = noise(seed as u64 + 1, 16, 1.5);
        let rows: Vec<&[f64]> = weights.chunks(4).collect();
        let bias = noise(seed as u64 + 50, 4, 0.3);
        net.dense(name, &rows, (name != "b").then_some(bias.as_slice()));
        net.identity(&format!("act_{name}"));
    }
    net.batch_norm("bn", &[0.5, 1.5, -2.0, 1.0], &[0.0, 0.25, -0.5, 3.0]);
    net.finish()
}

/// Everything decided, without the reasons.
fn decided(formats: &Formats) -> Vec<(Vec<(Role, Format)>, Settings)> {
    let types = |it: &LayerFormats| it.types.iter().map(|(role, it)| (*role, it.format)).collect();
    formats.layers.iter().flatten().map(|it| (types(it), it.settings.clone())).collect()
}

fn round_trip(text: &str, ranges: Option<&Calibration>) {
    let graph = net();
    let (config, _) = Config::read("c.yml", text).unwrap();
    let formats = assign(&graph, &config, ranges).unwrap();
    for granularity in ALL {
        let tree = resolved(&graph, &formats, &config, granularity);
        let yaml = serde_saphyr::to_string(&tree).unwrap();
        for written in [tree.to_string(), yaml] {
            let (again, warnings) =
                Config::read("again", &written).unwrap_or_else(|it| panic!("{it}\n{written}"));
            assert!(warnings.is_empty(), "{}\n{written}", warnings[0]);
            let warnings = check(&graph, &again, &[]).unwrap();
            assert!(warnings.is_empty(), "{}\n{written}", warnings[0]);
            let found = assign(&graph, &again, None).unwrap();
            assert_eq!(decided(&found), decided(&formats), "{granularity:?}\n{written}");
            assert_eq!(resolved(&graph, &found, &again, granularity), tree);
            for id in graph.topo() {
                let (name, kind) = (&graph.node(id).name, graph.node(id).op.spec().kind());
                assert_eq!(again.reuse_factor(name, kind), config.reuse_factor(name, kind));
                assert_eq!(again.strategy(name, kind), config.strategy(name, kind));
            }
        }
    }
}

#[test]
fn what_is_printed_decides_the_same() {
    let rest = "LayerType: {Dense: {Precision: {weight: 'fixed<9,3>'}, ReuseFactor: 2}}\n\
        LayerName: {b: {Precision: {accum: auto, result: 'fixed<12,5,RND,SAT>'}, Strategy: Resource}}\n\
        Part: xcvu9p\nClockPeriod: 2.5\nClockUncertainty: 12.5%\nIOType: io_stream\nBackend: oneAPI\n";
    for text in [
        String::new(),
        "Compat: hls4ml".to_owned(),
        "Model: {Precision: 'fixed<18,7>', ReuseFactor: 4, Width: 12}".to_owned(),
        format!("Model: {{Precision: {{default: 'fixed<14,5>', maximum: 'fixed<20,9>'}}}}\n{rest}"),
        format!("Compat: hls4ml\nModel: {{Precision: 'fixed<14,5>', Strategy: da}}\n{rest}"),
        rest.to_owned(),
    ] {
        round_trip(&text, None);
    }
}

#[test]
fn calibrated_formats_are_kept_without_the_data() {
    let samples: Vec<Vec<crate::source::Tensor>> =
        (0..20).map(|it| vec![ndarray::Array1::from(noise(it, 4, 0.9)).into_dyn()]).collect();
    let ranges = calibrate(&net(), &samples).unwrap();
    round_trip("", Some(&ranges));
}

#[test]
fn coarser_is_shorter() {
    let graph = net();
    let (config, _) = Config::read("c.yml", "Model: {Precision: 'fixed<16,6>'}").unwrap();
    let formats = assign(&graph, &config, None).unwrap();
    let tree = resolved(&graph, &formats, &config, Granularity::Model);
    let expected: Value = serde_json::json!({
        "IOType": "io_parallel",
        "Model": {
            "Precision": {
                "default": "fixed<16,6>",
                "weight": "fixed<16,6>",
                "bias": "fixed<16,6>",
                "scale": "fixed<16,6>",
                "accum": "fixed<16,6>",
                "result": "fixed<16,6>",
            },
            "ReuseFactor": 1,
            "Strategy": "Latency",
        },
    });
    assert_eq!(tree, expected);
    let tree = resolved(&graph, &formats, &config, Granularity::Type);
    assert!(tree.get("LayerName").is_none());
    assert_eq!(tree["LayerType"]["Input"]["Precision"]["result"], "fixed<16,6>");
    let tree = resolved(&graph, &formats, &config, Granularity::Name);
    assert!(tree.get("LayerType").is_none());
    assert!(tree["LayerName"]["b"]["Precision"].get("bias").is_none());
}

#[test]
fn the_table_gives_every_type_its_reason() {
    let graph = net();
    let (config, _) =
        Config::read("c.yml", "LayerName: {a: {Precision: {accum: 'fixed<20,9>'}}}").unwrap();
    let formats = assign(&graph, &config, None).unwrap();
    let rows = rows(&graph, &formats);
    assert_eq!(rows.len(), 1 + 3 * (4 + 1) + 3);
    let table = Table(&rows).to_string();
    let line = table.lines().find(|it| it.contains("accum")).unwrap();
    assert_eq!(line, "a      Dense               accum   fixed<20,9>           user: LayerName a");
    assert!(table.starts_with("layer  class               type    format"));
}
