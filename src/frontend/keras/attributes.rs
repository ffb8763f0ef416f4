//! A layer's configuration as attributes: what cannot change inference is marked as read, a final
//! activation is split off, numbers other than float32 are refused.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::error::{Brief, KerasError};
use super::json;
use super::model::{bare, snake, versionless};
use super::table;
use crate::source::{Attr, Attrs};

/// Entries without an effect on inference, for every layer.
const IGNORED: [&str; 26] = [
    // Names, types and shapes, known from elsewhere.
    "name",
    "dtype",
    "batch_input_shape",
    "batch_shape",
    "build_config",
    "query_shape",
    "key_shape",
    "value_shape",
    // Training.
    "trainable",
    "momentum",
    "renorm_clipping",
    "renorm_momentum",
    "synchronized",
    "seed",
    "noise_shape",
    "dropout",
    "recurrent_dropout",
    "unit_forget_bias",
    "enable_ebops",
    "ebops_factor",
    "parallelization_factor",
    "beta0",
    "ema_freeze_delay",
    // How the framework computes, not what.
    "implementation",
    "unroll",
    "fused",
];

/// Endings of such entries: `kernel_initializer`.
const IGNORED_ENDINGS: [&str; 3] = ["_initializer", "_regularizer", "_constraint"];

/// Entries without an effect when they have this value.
const IGNORED_IF_FALSE: [&str; 6] =
    ["renorm", "stateful", "time_major", "zero_output_for_mask", "use_gate", "rms_scaling"];

/// Layers that do nothing at inference, whatever their numbers.
const TRAINING_ONLY: [(&str, &[&str]); 8] = [
    ("Dropout", &["rate"]),
    ("AlphaDropout", &["rate"]),
    ("GaussianDropout", &["rate"]),
    ("GaussianNoise", &["stddev"]),
    ("SpatialDropout1D", &["rate"]),
    ("SpatialDropout2D", &["rate", "data_format"]),
    ("SpatialDropout3D", &["rate", "data_format"]),
    ("ActivityRegularization", &["l1", "l2"]),
];

/// A layer's attributes, and the activation that follows it.
pub(super) struct Split {
    /// The layer's.
    pub(super) attrs: BTreeMap<String, Attr>,
    /// Name for the node and value of the activation.
    pub(super) activation: Option<(String, Attr)>,
}

/// Splits a layer's configuration.
pub(super) fn split(op: &str, config: &Map<String, Value>) -> Split {
    let mut attrs = json::attrs(config);
    let activation = match op {
        // The wrapper works at each position, as the activation does.
        "TimeDistributed" => {
            inner_layer(&mut attrs, "layer").and_then(|(op, inner)| take(&op, inner))
        }
        _ => take(op, &mut attrs),
    };
    Split { attrs, activation }
}

/// Attributes with the entries marked that cannot change inference; out of the configurations of
/// wrapped layers they are taken, which are read elsewhere.
pub(super) fn with_ignored(op: &str, mut attrs: BTreeMap<String, Attr>) -> Attrs {
    for wrapped in ["layer", "backward_layer"] {
        if let Some((op, config)) = inner_layer(&mut attrs, wrapped) {
            config.retain(|key, value| !is_ignored(&op, key, value));
        }
    }
    let ignored: Vec<String> = attrs
        .iter()
        .filter(|(key, value)| is_ignored(op, key, value))
        .map(|(key, _)| key.clone())
        .collect();
    let attrs = Attrs::new(attrs);
    attrs.ignore(&ignored.iter().map(String::as_str).collect::<Vec<_>>());
    attrs
}

/// Whether an entry of a layer's configuration cannot change inference.
fn is_ignored(op: &str, key: &str, value: &Attr) -> bool {
    let training = TRAINING_ONLY.iter().find(|(layer, _)| *layer == op).map_or(&[][..], |it| it.1);
    IGNORED.contains(&key)
        || training.contains(&key)
        || IGNORED_ENDINGS.iter().any(|it| key.ends_with(it))
        || (IGNORED_IF_FALSE.contains(&key) && *value == Attr::Bool(false))
        // The function of a TensorFlow operation is its `op` already.
        || (key == "function" && matches!(value, Attr::Str(it) if versionless(it) == op))
}

/// Refuses layers that do not compute in float32; wrapped layers are looked into.
pub(super) fn check_dtype(config: &Map<String, Value>) -> Result<(), KerasError> {
    let dtype = config.get("dtype");
    let name = match dtype {
        None | Some(Value::Null) => "float32",
        Some(Value::String(name)) => name,
        Some(Value::Object(policy)) => {
            let class = json::text(policy, "class_name").unwrap_or_default();
            let name = policy.get("config").and_then(|it| it.get("name")).and_then(Value::as_str);
            // `Policy` is the name in Keras 2.
            name.filter(|_| matches!(bare(class), "DTypePolicy" | "Policy" | "FloatDTypePolicy"))
                .unwrap_or_default()
        }
        Some(_) => "",
    };
    if !matches!(name, "float32" | "float") {
        return Err(KerasError::Dtype { found: Brief::new(dtype) });
    }
    for wrapped in ["layer", "backward_layer", "cell"] {
        let inner = config.get(wrapped).and_then(|it| it.get("config")).and_then(Value::as_object);
        inner.map_or(Ok(()), check_dtype)?;
    }
    Ok(())
}

/// The class and configuration of a wrapped layer.
fn inner_layer<'a>(
    attrs: &'a mut BTreeMap<String, Attr>,
    name: &str,
) -> Option<(String, &'a mut BTreeMap<String, Attr>)> {
    let Some(Attr::Map(layer)) = attrs.get_mut(name) else { return None };
    let Some(Attr::Str(class)) = layer.get("class_name") else { return None };
    let class = bare(class).to_owned();
    match layer.get_mut("config") {
        Some(Attr::Map(config)) => Some((class, config)),
        _ => None,
    }
}

/// Removes the activation of a layer that ends with it; linear ones just vanish.
fn take(op: &str, attrs: &mut BTreeMap<String, Attr>) -> Option<(String, Attr)> {
    if !table::ends_with_activation(op) {
        return None;
    }
    let activation = plain(attrs.remove("activation")?);
    let name = match &activation {
        Attr::Null => return None,
        Attr::Str(name) if name == "linear" => return None,
        // `quantized_relu(6,2)`
        Attr::Str(name) => name.split('(').next().unwrap_or(name).trim().to_owned(),
        Attr::Map(map) => match map.get("class_name") {
            Some(Attr::Str(class)) => snake(bare(class)),
            _ => "activation".to_owned(),
        },
        _ => "activation".to_owned(),
    };
    Some((name, activation))
}

/// A function of Keras given as an object is the function's name.
fn plain(activation: Attr) -> Attr {
    let Attr::Map(map) = &activation else { return activation };
    let is = |key: &str, value: &str| matches!(map.get(key), Some(Attr::Str(it)) if it == value);
    let own = matches!(map.get("module"), Some(Attr::Str(it)) if it.starts_with("keras") || it == "builtins");
    match map.get("config") {
        Some(Attr::Str(name)) if own && is("class_name", "function") => Attr::Str(name.clone()),
        _ => activation,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Map<String, Value> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn activation_is_cut_off() {
        let cut = |op: &str, text: &str| {
            let split = split(op, &config(text));
            (split.attrs.contains_key("activation"), split.activation.map(|it| it.0))
        };
        let name = |it: &str| (false, Some(it.to_owned()));
        assert_eq!(cut("Dense", r#"{"activation": "relu"}"#), name("relu"));
        assert_eq!(cut("Dense", r#"{"activation": "linear"}"#), (false, None));
        assert_eq!(cut("Dense", r#"{"activation": null}"#), (false, None));
        assert_eq!(cut("Dense", "{}"), (false, None));
        assert_eq!(cut("LSTM", r#"{"activation": "tanh"}"#), (true, None));
        assert_eq!(cut("Activation", r#"{"activation": "tanh"}"#), (true, None));
        let call = r#"{"activation": "quantized_relu(6, 2)"}"#;
        assert_eq!(cut("QDense", call), name("quantized_relu"));
        let object = r#"{"activation": {"class_name": "qkeras>LeakyReLU", "config": {}}}"#;
        assert_eq!(cut("Conv2D", object), name("leaky_re_lu"));
        let function = r#"{"activation": {"module": "builtins", "class_name": "function",
                            "config": "relu6"}}"#;
        assert_eq!(cut("Conv2D", function), name("relu6"));
        let quantized = r#"{"activation": "relu", "enable_oq": true}"#;
        assert_eq!(cut("QDense", quantized), name("relu"));
        let quantized = r#"{"activation": "linear", "enable_oq": true}"#;
        assert_eq!(cut("QDense", quantized), (false, None));
    }

    #[test]
    fn wrapped_layer_gives_its_activation_up() {
        let text =
            r#"{"layer": {"class_name": "Dense", "config": {"activation": "relu", "units": 2}}}"#;
        let split = split("TimeDistributed", &config(text));
        assert_eq!(split.activation, Some(("relu".to_owned(), Attr::Str("relu".to_owned()))));
        assert!(!format!("{:?}", split.attrs).contains("relu"));
    }

    #[test]
    fn what_matters_stays_unread() {
        let text = r#"{"name": "bn", "trainable": true, "gamma_initializer": {}, "renorm": false,
                       "stateful": true, "epsilon": 0.1, "rate": 0.5, "momentum": 0.9}"#;
        let unread = |op| {
            let attrs = with_ignored(op, json::attrs(&config(text)));
            let names: Vec<_> = attrs.unread().iter().map(|it| it.0.to_owned()).collect();
            names
        };
        assert_eq!(unread("BatchNormalization"), ["epsilon", "rate", "stateful"]);
        assert_eq!(unread("Dropout"), ["epsilon", "stateful"]);
    }

    #[test]
    fn only_float32_passes() {
        let policy = |class: &str, name: &str| {
            format!(r#"{{"dtype": {{"class_name": "{class}", "config": {{"name": "{name}"}}}}}}"#)
        };
        for good in ["{}".to_owned(), r#"{"dtype": "float32"}"#.to_owned()] {
            check_dtype(&config(&good)).unwrap();
        }
        check_dtype(&config(&policy("DTypePolicy", "float32"))).unwrap();
        let inner = r#"{"layer": {"class_name": "Dense", "config": {"dtype": "float16"}}}"#;
        for bad in [
            policy("DTypePolicy", "mixed_float16"),
            policy("QuantizedDTypePolicy", "int8_from_float32"),
            r#"{"dtype": "float16"}"#.to_owned(),
            r#"{"dtype": 3}"#.to_owned(),
            inner.to_owned(),
        ] {
            assert!(matches!(check_dtype(&config(&bad)), Err(KerasError::Dtype { .. })), "{bad}");
        }
    }
}
