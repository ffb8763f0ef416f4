//! The types that hls4ml 1.3 gave the layers of real models under real configurations, reproduced.
//!
//! The graphs are rebuilt from the layer lists with arbitrary weights: only shapes and formats count.

use std::collections::BTreeMap;
use std::io::Read;

use serde::Deserialize;
use serde_json::Value;

use super::fixtures::{Net, noise};
use super::*;
use crate::config::Config;
use crate::fixed::Format;
use crate::nn;

/// What hls4ml was told and what it made of it.
#[derive(Deserialize)]
struct Case {
    config: Value,
    layers: Vec<GoldenLayer>,
}

#[derive(Deserialize)]
struct GoldenLayer {
    name: String,
    class: String,
    types: BTreeMap<String, Precision>,
    /// Absent where the test knows it.
    #[serde(default)]
    shape: Vec<usize>,
}

impl Case {
    /// The layers as we have them; activations stand in as layers that pass their input on.
    fn graph(&self, shape: impl Fn(&GoldenLayer) -> Vec<usize>) -> nn::Graph {
        let (input, rest) = self.layers.split_first().unwrap();
        let mut net = Net::new(&input.name, &shape(input));
        for (seed, layer) in rest.iter().enumerate() {
            let (width, seed) = (net.width(), seed as u64);
            match layer.class.as_str() {
                "Dense" => {
                    let units = *shape(layer).last().unwrap();
                    let weights = noise(seed, width * units, 1.0);
                    let rows: Vec<&[f64]> = weights.chunks(units).collect();
                    let one_bit = layer.types["bias_t"] == "uint<1>".parse().unwrap();
                    let bias = (!one_bit).then(|| noise(seed + 100, units, 1.0));
                    net.dense(&layer.name, &rows, bias.as_deref());
                }
                "BatchNormalization" => {
                    let (scale, bias) = (noise(seed, width, 1.0), noise(seed + 100, width, 1.0));
                    net.batch_norm(&layer.name, &scale, &bias);
                }
                "Activation" | "ParametrizedActivation" | "Softmax" => {
                    net.identity(&layer.name);
                }
                other => panic!("no stand-in for {other}"),
            }
        }
        net.finish()
    }

    /// Compares every type with ours and returns how many there were.
    fn check(&self, what: &str, graph: &nn::Graph) -> usize {
        let text = self.config.to_string();
        let (mut config, _) = Config::read(what, &text).unwrap_or_else(|it| panic!("{it}"));
        config.compat = crate::config::Compat::Hls4ml;
        let formats = assign(graph, &config, None).unwrap_or_else(|it| panic!("{what}: {it}"));
        for softmax in self.layers.iter().filter(|it| it.class == "Softmax") {
            check_softmax(what, &config, softmax);
        }
        let mut compared = 0;
        for id in graph.topo() {
            let node = graph.node(id);
            let golden = self.layers.iter().find(|it| it.name == node.name).unwrap();
            let ours = &formats.of(id).types;
            for (name, expected) in &golden.types {
                let role = Role::ALL.into_iter().find(|it| *name == format!("{it}_t"));
                // Stand-ins have a result only, and a softmax's class is not an activation's.
                let ours = role.and_then(|it| ours.get(&it));
                let by_type = golden.class == "Softmax" && what.ends_with(":types");
                let stand_in = node.op.spec().kind() == "Activation";
                let Some(ours) = ours.filter(|_| !by_type) else {
                    assert!(name == "index_t" || stand_in, "{what}: {} has no {name}", node.name);
                    continue;
                };
                let found = Precision::Fixed(ours.format);
                // A missing bias is hls4ml's one-bit zero, for which rounding means nothing.
                let no_bias = *name == "bias_t" && *expected == "uint<1>".parse().unwrap();
                let zero = Precision::Fixed(Format::unsigned(1, 1));
                let expected = if no_bias { &zero } else { expected };
                assert_eq!(found, *expected, "{what}: {} {name}: {}", node.name, ours.reason);
                compared += 1;
            }
        }
        compared
    }
}

/// hls4ml's rule for a softmax: what the configuration says, else its own formats, else the default.
fn check_softmax(what: &str, config: &Config, softmax: &GoldenLayer) {
    for role in [Role::Table, Role::ExpTable, Role::InvTable, Role::InvInp, Role::Accum] {
        let own = match role {
            Role::Accum => config.fallback(),
            Role::Table => Format::signed(18, 8),
            _ => Format::signed(18, 8).rounded(),
        };
        let given = config.precision(&softmax.name, "Softmax", role).map(|it| it.precision);
        let found = given.unwrap_or(Precision::Fixed(own));
        assert_eq!(found, softmax.types[&format!("{role}_t")], "{what}: {role}");
    }
}

#[test]
fn types_of_a_small_model_under_many_configurations() {
    let path =
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/precision/hls4ml_1_3_0_types.json");
    let cases: BTreeMap<String, Case> =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(cases.len(), 20);
    let width = |name: &str| match name {
        "inp" => 6,
        "fc1" | "act" | "bn" => 5,
        _ => 4,
    };
    for (name, case) in &cases {
        let graph = case.graph(|it| vec![width(&it.name)]);
        let compared = case.check(&format!("hls4ml:{name}"), &graph);
        assert!(compared >= 13, "{name}: only {compared} types were compared");
    }
}

#[test]
#[allow(clippy::print_stderr, reason = "a skipped test must say so")]
fn types_of_shared_goldens() {
    let shared = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared");
    if !std::path::Path::new(shared).exists() {
        eprintln!("SKIPPED: no ../shared, the goldens of real models are not checked");
        return;
    }
    for (file, least) in [
        ("models/p02_jsc_mlp_keras2/hls4ml_vitis_parallel_model.npz", 21),
        ("models/p02_jsc_mlp_keras2/hls4ml_vitis_parallel_name.npz", 21),
        ("models/p02_jsc_mlp_keras2/hls4ml_vitis_stream_name.npz", 21),
        ("samples/k3_mlp.hls4ml_parallel.npz", 20),
    ] {
        let case: Case = serde_json::from_str(&meta(&format!("{shared}/{file}"))).unwrap();
        let graph = case.graph(|it| it.shape.clone());
        let compared = case.check(file, &graph);
        assert!(compared >= least, "{file}: only {compared} types were compared");
    }
}

/// The text array `meta` of an archive: version 1.0 of npy, UTF-32, one element.
fn meta(path: &str) -> String {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    let mut bytes = Vec::new();
    archive.by_name("meta.npy").unwrap().read_to_end(&mut bytes).unwrap();
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
    let start = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    bytes[start..]
        .chunks(4)
        .map(|it| u32::from_le_bytes(it.try_into().unwrap()))
        .take_while(|it| *it != 0)
        .map(|it| char::from_u32(it).unwrap())
        .collect()
}
