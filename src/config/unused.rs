//! hls4ml's keys that change nothing here: which values are harmless, and why the others are ignored.
//!
//! A harmless value is the one that hls4ml's generators always write, or one that could not make a
//! difference; all others become warnings, so that nothing a user asks for is dropped in silence.

use super::tree::Tree;

/// A key that is read and not used.
pub(super) struct Unused {
    /// In snake case.
    pub(super) key: &'static str,
    /// Values that make no difference.
    pub(super) harmless: fn(&Tree) -> bool,
    /// Why another value is ignored.
    pub(super) why: &'static str,
}

const fn unused(key: &'static str, harmless: fn(&Tree) -> bool, why: &'static str) -> Unused {
    Unused { key, harmless, why }
}

fn always(_: &Tree) -> bool {
    true
}

/// Nothing is also what an empty list or text says.
fn nothing(tree: &Tree) -> bool {
    match tree {
        Tree::Null => true,
        Tree::Text(text) => text.is_empty() || text.eq_ignore_ascii_case("none"),
        Tree::List(items) => items.is_empty(),
        Tree::Map(entries) => entries.is_empty(),
        _ => false,
    }
}

fn off(tree: &Tree) -> bool {
    nothing(tree) || matches!(tree, Tree::Bool(false) | Tree::Int(0))
}

fn on(tree: &Tree) -> bool {
    nothing(tree) || *tree == Tree::Bool(true)
}

fn one(tree: &Tree) -> bool {
    nothing(tree) || *tree == Tree::Int(1)
}

/// A limit that no model of ours reaches.
fn billion(tree: &Tree) -> bool {
    match tree {
        Tree::Int(v) => *v >= 1_000_000_000,
        Tree::Float(v) => *v >= 1e9,
        _ => nothing(tree),
    }
}

fn text_is(tree: &Tree, value: &str) -> bool {
    nothing(tree) || matches!(tree, Tree::Text(text) if text.eq_ignore_ascii_case(value))
}

/// Keys of the file around `HLSConfig`.
pub(super) const FILE: &[Unused] = &[
    // These restate what the model itself says, or who wrote the file.
    unused("version", always, ""),
    unused("stamp", always, ""),
    unused("input_shape", always, ""),
    unused("input_shapes", always, ""),
    unused("output_shape", always, ""),
    unused("output_shapes", always, ""),
    unused("input_data", nothing, "test data are given with --input"),
    unused("output_predictions", nothing, "expected outputs are computed, not read"),
    unused("project_dir", nothing, "the output directory is given with -o"),
    unused("maximum_size", nothing, "no size limit is checked"),
    unused("board", nothing, "boards are given with --target"),
    unused("accelerator_config", nothing, "no board wrapper is made"),
];

/// Keys of `WriterConfig`.
pub(super) const WRITER: &[Unused] = &[
    unused("namespace", nothing, "the C++ code has no namespace of its own"),
    unused("write_weights_txt", always, ""),
    unused("write_tar", off, "no archive is written"),
    unused("tb_output_stream", always, ""),
    unused("write_emulation_constants", off, "no emulation constants are written"),
];

/// Keys of `HLSConfig`.
pub(super) const HLS_CONFIG: &[Unused] = &[
    unused("flows", nothing, "passes are not hls4ml's"),
    unused("optimizers", nothing, "passes are not hls4ml's"),
    unused("skip_optimizers", nothing, "passes are not hls4ml's"),
];

/// Keys of `Model`.
pub(super) const MODEL: &[Unused] = &[
    unused("bram_factor", billion, "weights are never moved to external ports"),
    unused("bit_exact", on, "models quantized in training are always exact"),
    unused("allow_da_fallback", always, ""),
    unused("allow_v2_fallback", always, ""),
    unused("pipeline_style", |it| text_is(it, "auto"), "the pipeline follows from io and reuse"),
    unused("pipeline_interval", nothing, "the interval follows from io and reuse"),
    unused("channels_last_conversion", |it| text_is(it, "full"), "conversion is always full"),
    unused("transpose_outputs", off, "outputs are channels last"),
    unused("compression", off, "zero weights cost nothing without it"),
    unused("target_cycles", nothing, "set ReuseFactor instead"),
];

/// Keys of a layer or a class.
pub(super) const LAYER: &[Unused] = &[
    unused("compression", off, "zero weights cost nothing without it"),
    unused("target_cycles", nothing, "set ReuseFactor instead"),
    unused("recurrent_reuse_factor", one, "set ReuseFactor: it holds for both matrices"),
    unused("depthwise_reuse_factor", one, "set ReuseFactor of the layer's parts"),
    unused("pointwise_reuse_factor", one, "set ReuseFactor of the layer's parts"),
    unused("forward_reuse_factor", one, "set ReuseFactor of the layer's parts"),
    unused("forward_recurrent_reuse_factor", one, "set ReuseFactor of the layer's parts"),
    unused("backward_reuse_factor", one, "set ReuseFactor of the layer's parts"),
    unused("backward_recurrent_reuse_factor", one, "set ReuseFactor of the layer's parts"),
    unused("exp_scale", nothing, "no layer uses it"),
    unused("exp_range", nothing, "no layer uses it"),
    unused("table_range_power2", off, "no layer uses it"),
    unused("time_step_loop_parallelism", |it| text_is(it, "off"), "time is always unrolled"),
    unused("algorithm", nothing, "the model says which"),
];

/// Types of hls4ml's layers that none of our layers has, without the `_t`.
pub(super) const TYPES: &[&str] = &[
    "depthwise",
    "pointwise",
    "depthwise_accum",
    "pointwise_accum",
    "depthwise_result",
    "dw_output",
    "forward_weight",
    "forward_bias",
    "forward_recurrent_weight",
    "forward_recurrent_bias",
    "backward_weight",
    "backward_bias",
    "backward_recurrent_weight",
    "backward_recurrent_bias",
    "expr",
    "threshold",
    "membrane",
    "beta",
    "index",
];
