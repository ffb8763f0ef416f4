//! Pools over windows, and reductions over axes.

use super::conv::{extents, padded};
use crate::layers::import::Operand;
use crate::layers::softmax::log::log_sum_exp;
use crate::layers::torch::on_axis;
use crate::layers::window::Window;
use crate::layers::{
    Divisor, Identity, Import, Imported, LayerError, LeakyRelu, Merge, Pool, Pooling, Reduce,
    Reduction, Reshape, Scalar, ScalarFunction, Spelling,
};
use crate::nn::Shape;
use crate::units::Binary;

pub(super) const POOL: &[Spelling] = &[
    Spelling::onnx("MaxPool", |cx| import(cx, 0, true)),
    Spelling::onnx("AveragePool", |cx| import(cx, 0, false)),
    Spelling::onnx("qonnx.custom_op.channels_last::MaxPool", |cx| {
        import(cx, cx.shape(0)?.0.len().saturating_sub(1), true)
    }),
    Spelling::onnx("qonnx.custom_op.channels_last::AveragePool", |cx| {
        import(cx, cx.shape(0)?.0.len().saturating_sub(1), false)
    }),
];

pub(super) const REDUCE: &[Spelling] = &[
    Spelling::onnx("GlobalAveragePool", |cx| global(cx, Reduction::Mean)),
    Spelling::onnx("GlobalMaxPool", |cx| global(cx, Reduction::Max)),
    Spelling::onnx("ReduceMean", |cx| import_reduce(cx, &[], Reduction::Mean, None)),
    Spelling::onnx("ReduceSum", |cx| import_reduce(cx, &[], Reduction::Sum, None)),
    Spelling::onnx("ReduceMax", |cx| import_reduce(cx, &[], Reduction::Max, None)),
    Spelling::onnx("ReduceMin", |cx| import_reduce(cx, &[], Reduction::Min, None)),
    Spelling::onnx("ReduceProd", |cx| import_reduce(cx, &[], Reduction::Product, None)),
    Spelling::onnx("ReduceL1", |cx| import_reduce(cx, &[Step::Abs], Reduction::Sum, None)),
    Spelling::onnx("ReduceL2", |cx| {
        import_reduce(cx, &[Step::Square], Reduction::Sum, Some(Step::Sqrt))
    }),
    Spelling::onnx("ReduceSumSquare", |cx| {
        import_reduce(cx, &[Step::Square], Reduction::Sum, None)
    }),
    Spelling::onnx("ReduceLogSum", |cx| import_reduce(cx, &[], Reduction::Sum, Some(Step::Log))),
    Spelling::onnx("ReduceLogSumExp", import_log_sum_exp),
];

fn import(cx: &Import<'_>, channels: usize, max: bool) -> Result<Imported, LayerError> {
    let extents = extents(cx, channels)?;
    let spatial = extents.len();
    let Some(sizes) = cx.attrs().ints("kernel_shape")?.filter(|it| it.len() == spatial) else {
        return Err(cx.value_error("kernel_shape", "of another length", "one for each axis"));
    };
    drop(sizes);
    let window = Window {
        stride: cx.spatial("strides", spatial, 1)?,
        dilation: cx.spatial("dilations", spatial, 1)?,
        ..Window::of(&cx.spatial("kernel_shape", spatial, 1)?)
    };
    // The order of the second output, which no layer makes.
    cx.attrs().ignore(&["storage_order"]);
    let window = padded(cx, window, &extents)?;
    let counted = !max && cx.attrs().bool("count_include_pad", false)?;
    let pooling = match (max, counted) {
        (true, _) => Pooling::Max,
        (false, true) => Pooling::Average(Divisor::Padded(window.pad.clone())),
        (false, false) => Pooling::Average(Divisor::Elements),
    };
    let fits = window.places(&extents).is_some();
    let window = match cx.attrs().bool("ceil_mode", false)? && fits {
        true => window.ceil(&extents),
        false => window,
    };
    on_axis(cx, 0, channels, Pool { pooling, window })
}

/// Over all axes but the channels, which come first.
fn global(cx: &Import<'_>, reduction: Reduction) -> Result<Imported, LayerError> {
    let spatial = cx.shape(0)?.0.len().saturating_sub(1);
    on_axis(cx, 0, 0, Reduce { reduction, axes: (0..spatial).collect(), keep: true })
}

/// What is done with every element before a reduction or behind it.
#[derive(Clone, Copy)]
enum Step {
    Abs,
    Square,
    Sqrt,
    Log,
}

impl Step {
    fn apply(self, made: &mut Imported, name: &'static str, x: Operand) -> Operand {
        let scalar = |function| Scalar { function };
        match self {
            Step::Abs => made.add(name, LeakyRelu { alpha: -1.0, max: None }, &[x]),
            Step::Square => made.add(name, Merge { op: Binary::Mul }, &[x, x]),
            Step::Sqrt => made.add(name, scalar(ScalarFunction::Sqrt), &[x]),
            Step::Log => made.add(name, scalar(ScalarFunction::Log), &[x]),
        }
    }
}

/// Without axes all are reduced, the batch too, unless an attribute says that none is.
fn import_reduce(
    cx: &Import<'_>,
    before: &[Step],
    reduction: Reduction,
    behind: Option<Step>,
) -> Result<Imported, LayerError> {
    let keep = cx.attrs().bool("keepdims", true)?;
    let given = super::ints(cx, 1, "axes")?.unwrap_or_default();
    let none = cx.attrs().bool("noop_with_empty_axes", false)?;
    let mut made = Imported::default();
    let mut value = Operand::Input(0);
    for step in before {
        value = step.apply(&mut made, "elements", value);
    }
    if given.is_empty() && none {
        if let Some(step) = behind {
            value = step.apply(&mut made, "result", value);
        }
        let output = made.add("", Identity, &[value]);
        return Ok(made.with_outputs([output]));
    }
    let axes = reduced_axes(cx, &given)?;
    let reduce = Reduce { reduction, axes, keep };
    let output = match behind {
        Some(step) => {
            let reduced = made.add("reduced", reduce, &[value]);
            step.apply(&mut made, "", reduced)
        }
        None => made.add("", reduce, &[value]),
    };
    Ok(made.with_outputs([output]))
}

/// The axes of a reduction, ascending.
fn reduced_axes(cx: &Import<'_>, given: &[i64]) -> Result<Vec<usize>, LayerError> {
    if given.is_empty() {
        return Err(cx.value_error("axes", "none", "axes behind the batch axis"));
    }
    let mut axes = super::sample_axes(cx, given, "axes")?;
    axes.sort_unstable();
    Ok(axes)
}

fn import_log_sum_exp(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let keep = cx.attrs().bool("keepdims", true)?;
    let given = super::ints(cx, 1, "axes")?.unwrap_or_default();
    let none = cx.attrs().bool("noop_with_empty_axes", false)?;
    if given.is_empty() && none {
        return Ok(Imported::unary(Identity));
    }
    let axes = reduced_axes(cx, &given)?;
    let mut made = Imported::default();
    if keep {
        let output = log_sum_exp(&mut made, "", Operand::Input(0), &axes);
        return Ok(made.with_outputs([output]));
    }
    let sum = log_sum_exp(&mut made, "result", Operand::Input(0), &axes);
    let extents = cx.shape(0)?.0.iter().enumerate();
    let shape = Shape(extents.filter(|it| !axes.contains(&it.0)).map(|it| *it.1).collect());
    let output = made.add("", Reshape { shape }, &[sum]);
    Ok(made.with_outputs([output]))
}
