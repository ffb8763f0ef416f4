//! Which variables a layer has, in the order Keras stores them: trainable first.
//!
//! A layer may consist of objects with variables of their own (the cell of an LSTM, the two
//! directions of a Bidirectional layer); each is an [`Object`] here.

use serde_json::{Map, Value};

use super::json::{flag, text};
use super::model::bare;

/// Variables of a layer or of a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Object {
    /// Path of the part below the layer's group, without leading underscores; empty for the layer.
    pub(super) path: String,
    /// Prefix of the roles: `forward/`.
    pub(super) prefix: String,
    /// Names of the variables in order.
    pub(super) names: Vec<&'static str>,
    /// How many of them must be there.
    pub(super) required: usize,
}

impl Object {
    fn new(path: &str, names: Vec<&'static str>) -> Object {
        let required = names.len();
        Object { path: path.to_owned(), prefix: String::new(), names, required }
    }

    fn inside(self, path: &str, prefix: &str) -> Object {
        let path = match self.path.is_empty() {
            true => path.to_owned(),
            false => format!("{path}/{}", self.path),
        };
        Object { path, prefix: format!("{prefix}{}", self.prefix), ..self }
    }
}

/// The class that a quantized class stands for: `QDense` is `Dense`.
pub(super) fn unquantized(class: &str) -> &str {
    match class.strip_prefix('Q') {
        Some(rest) if rest.starts_with(|it: char| it.is_ascii_uppercase()) => rest,
        _ => class,
    }
}

/// Whether the class is a recurrent layer of Keras.
pub(super) fn is_recurrent(class: &str) -> bool {
    matches!(unquantized(class), "LSTM" | "GRU" | "SimpleRNN")
}

/// Whether the class is a layer of a single object whose `activation` comes last.
pub(super) fn ends_with_activation(class: &str) -> bool {
    let class = unquantized(class);
    let convolution = ["Conv", "DepthwiseConv", "SeparableConv", "LocallyConnected"]
        .iter()
        .any(|it| class.strip_prefix(it).is_some_and(|it| it.starts_with(['1', '2', '3'])));
    convolution
        || matches!(
            class,
            "Dense"
                | "BinaryDense"
                | "TernaryDense"
                | "BinaryConv2D"
                | "TernaryConv2D"
                | "EinsumDense"
                | "DenseBatchnorm"
                | "EinsumDenseBatchnorm"
                | "BatchNormDense"
                // QKeras' pools end with one, too.
                | "AveragePooling2D"
                | "GlobalAveragePooling2D"
        )
}

/// The variables of a layer; empty where the class is unknown or has none.
pub(super) fn objects(class: &str, config: &Map<String, Value>, version: i64) -> Vec<Object> {
    let inner = |key: &str| {
        let layer = config.get(key).and_then(Value::as_object)?;
        let class = bare(text(layer, "class_name")?);
        Some(objects(class, layer.get("config")?.as_object()?, version))
    };
    let within = |objects: Option<Vec<Object>>, path: &str, prefix: &str| -> Vec<Object> {
        objects.into_iter().flatten().map(|it| it.inside(path, prefix)).collect()
    };
    match unquantized(class) {
        "TimeDistributed" => within(inner("layer"), "layer", ""),
        "Bidirectional" => {
            let backward = inner("backward_layer").or_else(|| inner("layer"));
            let mut both = within(inner("layer"), "forward_layer", "forward/");
            both.extend(within(backward, "backward_layer", "backward/"));
            both
        }
        "MultiHeadAttention" | "GroupedQueryAttention" => attention(config),
        "LinformerAttention" => {
            let linear = [("lin_k_proj", "lin_k_proj/"), ("lin_v_proj", "lin_v_proj/")];
            let kernel = |(path, prefix): (&str, &str)| Object {
                required: 0,
                ..Object::new("", vec!["kernel"]).inside(path, prefix)
            };
            attention(config).into_iter().chain(linear.map(kernel)).collect()
        }
        "DenseT" | "EinsumDenseT" | "ConvT1D" | "ConvT2D" => learned(class, config),
        // QKeras keeps the batch normalization it folds as a layer of its own.
        "Conv2DBatchnorm" | "DepthwiseConv2DBatchnorm" | "DenseBatchnorm" => {
            let plain = class.trim_end_matches("Batchnorm");
            let mut all = vec![Object::new("", direct(plain, config, version))];
            all.push(Object::new("batchnorm", normalization(config)));
            all
        }
        _ if is_recurrent(class) => {
            let names = with_bias(vec!["kernel", "recurrent_kernel"], config);
            vec![Object::new("cell", names)]
        }
        _ => vec![Object::new("", direct(class, config, version))],
    }
}

/// Names of the variables of a layer of one object.
fn direct(class: &str, config: &Map<String, Value>, version: i64) -> Vec<&'static str> {
    let plain = unquantized(class);
    match plain {
        "BinaryDense" | "TernaryDense" | "BinaryConv2D" | "TernaryConv2D" | "Dense" | "Conv1D"
        | "Conv2D" | "Conv3D" | "Conv1DTranspose" | "Conv2DTranspose" | "Conv3DTranspose" => {
            with_bias(vec!["kernel"], config)
        }
        "EinsumDense" => einsum(config),
        "DepthwiseConv1D" | "DepthwiseConv2D" if version >= 3 && plain == class => {
            with_bias(vec!["kernel"], config)
        }
        "DepthwiseConv1D" | "DepthwiseConv2D" => with_bias(vec!["depthwise_kernel"], config),
        "SeparableConv1D" | "SeparableConv2D" => {
            with_bias(vec!["depthwise_kernel", "pointwise_kernel"], config)
        }
        "BatchNormalization" if !flag(config, "renorm", false) => normalization(config),
        "LayerNormalization" | "GroupNormalization" => scale_and_center(config),
        "RMSNormalization" => vec!["scale"],
        "PReLU" => vec!["alpha"],
        "AffinedUnaryFunctionLUT" => vec!["scale", "bias"],
        "Embedding" => vec!["embeddings"],
        "Normalization" if config.get("mean").is_none_or(Value::is_null) => {
            vec!["mean", "variance", "count"]
        }
        "BatchNormDense" => {
            let mut names = with_bias(vec!["kernel"], config);
            names.extend(flag(config, "scale", true).then_some("bn_gamma"));
            names.extend(["moving_mean", "moving_variance"]);
            names
        }
        "EinsumDenseBatchnorm" => {
            let mut names = einsum(config);
            names.extend(flag(config, "scale", true).then_some("bn_gamma"));
            names.extend(["moving_mean", "moving_variance"]);
            names
        }
        _ => Vec::new(),
    }
}

fn with_bias(mut names: Vec<&'static str>, config: &Map<String, Value>) -> Vec<&'static str> {
    names.extend(flag(config, "use_bias", true).then_some("bias"));
    names
}

fn einsum(config: &Map<String, Value>) -> Vec<&'static str> {
    let mut names = vec!["kernel"];
    names.extend(config.get("bias_axes").is_some_and(|it| !it.is_null()).then_some("bias"));
    names
}

fn scale_and_center(config: &Map<String, Value>) -> Vec<&'static str> {
    let rms = flag(config, "rms_scaling", false);
    let gamma = (flag(config, "scale", true) || rms).then_some("gamma");
    let beta = (flag(config, "center", true) && !rms).then_some("beta");
    gamma.into_iter().chain(beta).collect()
}

fn normalization(config: &Map<String, Value>) -> Vec<&'static str> {
    let mut names = scale_and_center(config);
    names.extend(["moving_mean", "moving_variance"]);
    names
}

/// The four projections; HGQ's key has no bias, so only the kernels are certain.
fn attention(config: &Map<String, Value>) -> Vec<Object> {
    let names = with_bias(vec!["kernel"], config);
    [("query_dense", "query/"), ("key_dense", "key/"), ("value_dense", "value/")]
        .into_iter()
        .chain([("output_dense", "attention_output/")])
        .map(|(path, prefix)| Object {
            required: 1,
            ..Object::new("", names.clone()).inside(path, prefix)
        })
        .collect()
}

/// HGQ2's layers of small networks: the network's layers, and a normalization that is a layer or not.
fn learned(class: &str, config: &Map<String, Value>) -> Vec<Object> {
    let hidden = config.get("n_hl").and_then(Value::as_u64).unwrap_or(1).min(64);
    let layer = |at: u64| {
        let number = if at == 0 { String::new() } else { format!("_{at}") };
        let path = format!("module/layers/einsum_dense{number}");
        let names = vec!["kernel", "bias"];
        Object { path, prefix: format!("module/{at}/"), names, required: 1 }
    };
    let mut all: Vec<Object> = (0..=hidden).map(layer).collect();
    if !flag(config, "batch_norm", false) {
        return all;
    }
    let own = unquantized(class) == "EinsumDenseT";
    let pair = if own { ["bn_gamma", "bn_beta"] } else { ["gamma", "beta"] };
    let mut names: Vec<&'static str> = Vec::new();
    names.extend(flag(config, "bn_scale", true).then_some(pair[0]));
    names.extend(flag(config, "bn_center", true).then_some(pair[1]));
    names.extend(["moving_mean", "moving_variance"]);
    let norm = Object::new("", names);
    all.push(if own { norm } else { norm.inside("bn_module", "bn_module/") });
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(class: &str, version: i64, config: &str) -> Vec<String> {
        let config = serde_json::from_str(config).unwrap();
        let objects = objects(class, &config, version);
        objects
            .iter()
            .flat_map(|it| it.names.iter().map(|name| format!("{}:{}{name}", it.path, it.prefix)))
            .collect()
    }

    #[test]
    fn options_shift_the_variables() {
        let plain = [":gamma", ":beta", ":moving_mean", ":moving_variance"];
        assert_eq!(names("BatchNormalization", 3, "{}"), plain);
        let bare = names("QBatchNormalization", 3, r#"{"scale": false, "center": false}"#);
        assert_eq!(bare, plain[2..]);
        assert_eq!(names("Dense", 2, r#"{"use_bias": false}"#), [":kernel"]);
        assert_eq!(names("DepthwiseConv2D", 2, "{}"), [":depthwise_kernel", ":bias"]);
        assert_eq!(names("DepthwiseConv2D", 3, "{}"), [":kernel", ":bias"]);
        assert_eq!(names("EinsumDense", 3, r#"{"bias_axes": null}"#), [":kernel"]);
        assert_eq!(names("LayerNormalization", 3, r#"{"rms_scaling": true}"#), [":gamma"]);
        assert_eq!(names("Flatten", 3, "{}"), [""; 0]);
    }

    #[test]
    fn wrappers_name_their_parts() {
        let inner = r#"{"layer": {"class_name": "keras>GRU", "config": {"use_bias": false}}}"#;
        let expected = [
            "forward_layer/cell:forward/kernel",
            "forward_layer/cell:forward/recurrent_kernel",
            "backward_layer/cell:backward/kernel",
            "backward_layer/cell:backward/recurrent_kernel",
        ];
        assert_eq!(names("Bidirectional", 3, inner), expected);
        let inner = r#"{"layer": {"class_name": "Dense", "config": {}}}"#;
        assert_eq!(names("TimeDistributed", 2, inner), ["layer:kernel", "layer:bias"]);
        let folded = names("QConv2DBatchnorm", 2, r#"{"scale": false}"#);
        assert_eq!(folded.len(), 5);
        assert_eq!(folded[2], "batchnorm:beta");
        assert_eq!(names("MultiHeadAttention", 3, "{}").len(), 8);
    }

    #[test]
    fn activation_is_last_in_plain_layers_only() {
        for class in ["Dense", "QDense", "Conv2D", "QConv2DBatchnorm", "Conv2DTranspose"] {
            assert!(ends_with_activation(class), "{class}");
        }
        for class in ["LSTM", "ConvLSTM2D", "Activation", "QActivation", "QConvT1D", "QDenseT"] {
            assert!(!ends_with_activation(class), "{class}");
        }
    }
}
