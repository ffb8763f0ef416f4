//! How the HLS path is folded: strategies, reuse and parallelization factors change no bit.

use serde_json::{Value, json};

use crate::cosim::{K3, Project, config, tools};
use crate::support::{own, text};

#[test]
fn folded_hls_computes_the_same() {
    let Some(_) = tools() else { return };
    let shown = ["--samples", "200", "--engines", "hls"];
    for (strategy, reuse) in
        [("resource", "4"), ("resource_unrolled", "4"), ("distributed_arithmetic", "1")]
    {
        let project = Project::build(&own(K3), &["--strategy", strategy, "--reuse", reuse]);
        assert_eq!(project.json("nn2rtl.json")["hls"]["interval"].to_string(), reuse);
        project.cosim(&shown);
    }
}

/// Convolutions whose positions share multipliers or adders.
#[test]
fn positions_of_convolutions_in_turn_compute_the_same() {
    let Some(_) = tools() else { return };
    let scratch = tempfile::tempdir().unwrap();
    for (strategy, parallel) in [("Latency", 2), ("distributed_arithmetic", 1), ("Resource", 4)] {
        let types = ["Conv1D", "Conv2D", "SeparableConv2D", "DepthwiseConv2D"];
        let types = types.map(|it| (it.to_owned(), json!({ "ParallelizationFactor": parallel })));
        let all = json!({
            "Model": {
                "Precision": { "default": "fixed<8,4>", "accum": "auto" },
                "Strategy": strategy,
            },
            "LayerType": Value::Object(types.into_iter().collect()),
        });
        let file = config(scratch.path(), &all);
        let model = own("tests/models/layers_conv.keras");
        let project = Project::build(&model, &["--config", text(&file)]);
        assert!(project.json("nn2rtl.json")["hls"]["interval"].as_u64().unwrap() > 1);
        project.cosim(&["--samples", "30", "--engines", "hls"]);
    }
}
