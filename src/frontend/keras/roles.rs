//! Roles of weights from what the file calls them: `sequential/dense/kernel` is `kernel`.
//!
//! The two ways of filing weights must give the same roles; the spellings here are the common ones:
//! `kernel`, `forward/kernel`, `query/kernel`, `iq/f` (the variables of an HGQ2 quantizer), `iq/0/f`
//! (those of the first of several).

use super::table;

/// Variables that are state of the training or of a random generator.
pub(super) fn is_bookkeeping(path: &str) -> bool {
    path.split('/').any(|it| it.starts_with("seed_generator") || it == "top_level_model_weights")
        || plain(path.rsplit('/').next().unwrap_or(path)) == "iteration"
}

/// Whether a name passes through these layers, in this order, before its last part.
pub(super) fn is_within(name: &str, layers: &[&str]) -> bool {
    let mut parts = name.split('/').rev().skip(1);
    layers.iter().rev().all(|layer| parts.any(|part| part == *layer))
}

/// Whether a part of a layer holds the variables of an HGQ2 quantizer.
pub(super) fn is_quantizer(part: &str) -> bool {
    part == "quantizer" || part.ends_with("/quantizer")
}

/// Variables of an HGQ2 quantizer: trainable first, so the place of the byte `k` tells which are.
pub(super) fn quantizer(kind: &str, byte_1: bool, byte_2: bool) -> Option<[&'static str; 4]> {
    let kif = kind.contains("kif");
    if !kif && !kind.contains("kbi") {
        return None;
    }
    match (byte_1, byte_2, kif) {
        (true, false, true) => Some(["f", "k", "i", "i_decay_speed"]),
        (true, false, false) => Some(["b", "k", "i", "i_decay_speed"]),
        (false, true, true) => Some(["i", "f", "k", "i_decay_speed"]),
        (false, true, false) => Some(["b", "i", "k", "i_decay_speed"]),
        _ => None,
    }
}

/// The part of a layer with its underscores off: attributes are private in Keras 2.
pub(super) fn without_underscores(part: &str) -> String {
    let parts: Vec<_> = part.split('/').map(|it| it.trim_start_matches('_')).collect();
    parts.join("/")
}

/// The role of a variable (`vars/0` or a name) of a part of a layer, for weights filed by path.
pub(super) fn of_path(part: &str, key: &str) -> String {
    let key = key.trim_start_matches("vars/");
    let part = without_underscores(part);
    let mut role = Vec::new();
    let mut several = false;
    let last = if is_quantizer(&part) { "quantizer" } else { "" };
    let whole = part.strip_suffix(last).unwrap_or(&part);
    for part in whole.split('/').filter(|it| !it.is_empty()) {
        let number = part.strip_prefix("quantizer").map(|it| it.trim_start_matches('_'));
        match (part, number) {
            ("quantizers", _) => several = true,
            (_, Some(number)) if several => role.push(if number.is_empty() { "0" } else { number }),
            ("cell" | "layer" | "batchnorm", _) => {}
            ("forward_layer", _) => role.push("forward"),
            ("backward_layer", _) => role.push("backward"),
            ("output_dense", _) => role.push("attention_output"),
            (part, _) => role.push(part.strip_suffix("_dense").unwrap_or(part)),
        }
    }
    role.push(key);
    role.join("/")
}

/// The role of a weight of a layer, for weights filed by name: `dense/dense/kernel:0`; `inner` is
/// the name of the layer it wraps, if it is a TimeDistributed.
pub(super) fn of_name(class: &str, layer: &str, inner: Option<&str>, name: &str) -> String {
    let parts: Vec<&str> = name.split('/').collect();
    let (last, groups) = parts.split_last().map_or((name, &[][..]), |(last, it)| (*last, it));
    let start = groups.iter().rposition(|it| *it == layer).map_or(groups.len(), |it| it + 1);
    let both = table::unquantized(class) == "Bidirectional";
    let wraps = table::is_recurrent(class) || both || class == "TimeDistributed";
    let start = start + usize::from(inner.is_some() && groups.get(start).copied() == inner);
    let mut role = Vec::new();
    let mut owner = layer;
    for group in &groups[start..] {
        let part = group.strip_prefix(owner).and_then(|it| it.strip_prefix('_')).unwrap_or(group);
        owner = group;
        let skipped = part.starts_with("fixed_point_quantizer")
            || (wraps && is_cell(part))
            || (class.ends_with("Batchnorm") && part.starts_with("batch_normalization"));
        match part {
            _ if skipped => {}
            _ if both && part.starts_with("forward_") => role.push("forward"),
            _ if both && part.starts_with("backward_") => role.push("backward"),
            part => role.push(part),
        }
    }
    role.push(plain(last));
    role.join("/")
}

/// Whether a part is a cell, and not something in it, which has the cell's name in its own.
fn is_cell(part: &str) -> bool {
    part == "cell" || part.starts_with("cell_") || part.contains("_cell")
}

/// A variable's name without the `:0` of TensorFlow.
fn plain(name: &str) -> &str {
    match name.rsplit_once(':') {
        Some((plain, number)) if number.bytes().all(|it| it.is_ascii_digit()) => plain,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_filing_give_the_same_roles() {
        for (class, name, part, key, role) in [
            ("Dense", "m/l/kernel", "", "vars/0", "kernel"),
            ("Dense", "l/kernel:0", "", "vars/0", "kernel"),
            ("GRU", "l/gru_cell_3/kernel", "cell", "vars/0", "kernel"),
            (
                "Bidirectional",
                "l/forward_gru/gru_cell/bias:0",
                "forward_layer/cell",
                "",
                "forward/bias",
            ),
            ("QGRU", "l/qgru_cell/qgru_cell_rkq/fixed_point_quantizer_kif/k", "", "", "rkq/k"),
            ("QSimpleRNN", "l/simple_rnn_cell/paq/fixed_point_quantizer_kif/k", "", "", "paq/k"),
            ("TimeDistributed", "l/bias:0", "layer", "", "bias"),
            ("TimeDistributed", "l/inner/bias", "layer", "", "bias"),
            ("MultiHeadAttention", "l/query/kernel", "_query_dense", "", "query/kernel"),
            (
                "MultiHeadAttention",
                "l/attention_output/bias",
                "output_dense",
                "",
                "attention_output/bias",
            ),
            ("QConv2DBatchnorm", "l/batch_normalization_2/gamma:0", "batchnorm", "", "gamma"),
            ("QDense", "m/l/l_iq/fixed_point_quantizer_kif_3/f", "iq/quantizer", "f", "iq/f"),
        ] {
            assert_eq!(of_name(class, "l", Some("inner"), name), role);
            if part.is_empty() && role.contains('/') {
                continue;
            }
            let key = if key.is_empty() { role.rsplit('/').next().unwrap() } else { key };
            if key.starts_with("vars/") {
                continue;
            }
            assert_eq!(of_path(part, key), role);
        }
    }

    #[test]
    fn several_quantizers_are_numbered() {
        assert_eq!(of_path("iq/quantizers/quantizer/quantizer", "k"), "iq/0/k");
        assert_eq!(of_path("iq/quantizers/quantizer_12/quantizer", "k"), "iq/12/k");
        assert_eq!(of_path("_softmax/exp_table/oq/quantizer", "b"), "softmax/exp_table/oq/b");
        assert_eq!(of_path("key_dense/iq/quantizer", "f"), "key/iq/f");
    }

    #[test]
    fn order_of_a_quantizers_variables() {
        let kif = "fixed_point_quantizer_kif_7";
        assert_eq!(quantizer(kif, true, false), Some(["f", "k", "i", "i_decay_speed"]));
        assert_eq!(quantizer(kif, false, true).map(|it| it[0]), Some("i"));
        assert_eq!(
            quantizer("kbi", false, true).map(|it| it[..3].to_vec()),
            Some(vec!["b", "i", "k"])
        );
        assert_eq!(quantizer("kif", false, false), None);
        assert_eq!(quantizer("float", true, false), None);
    }

    #[test]
    fn nested_names_are_found_by_whole_parts() {
        assert!(is_within("inn/dense/kernel:0", &["dense"]));
        assert!(is_within("outer/inn/dense/kernel:0", &["outer", "inn", "dense"]));
        assert!(!is_within("inn/dense_1/kernel:0", &["dense"]));
        assert!(!is_within("dense/inn/kernel:0", &["inn", "dense"]));
        assert!(is_bookkeeping("c/iteration:0") && is_bookkeeping("d/seed_generator/vars/0"));
        assert!(!is_bookkeeping("c/kernel:0"));
    }
}
