//! Batch normalization at inference, and any scale and offset by constants:
//! `y = x * scale + bias` along the last axis.
//!
//! Keras `BatchNormalization`, ONNX `BatchNormalization`, `Mul`, `Add`, `Sub` and `Div` by a constant.
//! The four statistics are folded into two constants here, in f64. One `affine` unit; the
//! `fuse_batch_norm` pass folds it into a dense layer in front.

use ndarray::{Array1, Zip};

use super::import::{expect_shape, finite};
use super::{Hardware, Import, Imported, LayerError, LayerSpec, Lower, Merge, Spelling};
use crate::graph::NodeId;
use crate::nn::Shape;
use crate::precision::{Resolve, Role, Span, Typed, auto, dequantized};
use crate::source::Tensor;
use crate::units::{Affine, Binary};

/// A scale and an offset per channel; lists of one serve every channel.
#[derive(Clone, Debug)]
pub struct BatchNorm {
    /// Factors, one per channel.
    pub scale: Tensor,
    /// Offsets, one per channel.
    pub bias: Tensor,
    /// hls4ml's class: `BatchNormalization`, or `ApplyAlpha` for other constants.
    pub kind: &'static str,
    /// Factors and offsets are on a grid of the model's own and must be kept as they are.
    pub quantized: bool,
}

impl BatchNorm {
    pub(super) const SPELLINGS: &[Spelling] = &[
        Spelling::keras("BatchNormalization", import_keras),
        Spelling::onnx("BatchNormalization", import_onnx),
        Spelling::onnx("Mul", import_mul),
        Spelling::onnx("Div", import_div),
        Spelling::onnx("Add", import_add),
        Spelling::onnx("Sub", import_sub),
    ];

    /// Folds the statistics: `scale = gamma / sqrt(variance + epsilon)`, `bias = beta - mean * scale`.
    pub(in crate::layers) fn fold(stats: [Tensor; 4], epsilon: f64) -> BatchNorm {
        let [gamma, beta, mean, variance] = stats;
        let scale = gamma / variance.mapv(|it| (it + epsilon).sqrt());
        let bias = beta - mean * &scale;
        BatchNorm { scale, bias, kind: "BatchNormalization", quantized: false }
    }

    pub(in crate::layers) fn checked(self) -> Result<BatchNorm, LayerError> {
        finite("scale", &self.scale)?;
        finite("offset", &self.bias)?;
        Ok(self)
    }
}

fn import_keras(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let rank = cx.shape(0)?.0.len() as i64;
    if let Some(axis) = cx.attrs().ints("axis")?
        && axis != [-1]
        && axis != [rank]
    {
        return Err(cx.value_error("axis", format!("{axis:?}"), "the last axis"));
    }
    let shape = [cx.shape(0)?.last()];
    let constant = |v| Array1::from_elem(shape[0], v).into_dyn();
    let gamma = match cx.attrs().bool("scale", true)? {
        true => cx.weight_of("gamma", &shape)?,
        false => constant(1.0),
    };
    let beta = match cx.attrs().bool("center", true)? {
        true => cx.weight_of("beta", &shape)?,
        false => constant(0.0),
    };
    let mean = cx.weight_of("moving_mean", &shape)?;
    let variance = cx.weight_of("moving_variance", &shape)?;
    let epsilon = cx.attrs().float("epsilon", 1e-3)?;
    for name in ["renorm", "fused", "virtual_batch_size", "synchronized"] {
        // Training-time variants with the same inference.
        cx.attrs().ignore(&[name]);
    }
    cx.attrs().ignore(&["momentum", "renorm_clipping", "renorm_momentum", "adjustment"]);
    Ok(Imported::unary(BatchNorm::fold([gamma, beta, mean, variance], epsilon).checked()?))
}

fn import_onnx(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let shape = cx.shape(0)?;
    // ONNX normalizes axis 1: with the batch axis in front that is our first axis.
    if shape.0.len() != 1 {
        let found = vec![shape.clone()];
        return Err(LayerError::Shapes {
            found,
            expected: "one axis (channels first is not supported)".into(),
        });
    }
    if cx.attrs().int("training_mode", 0)? != 0 {
        return Err(cx.value_error("training_mode", 1, "0"));
    }
    if cx.attrs().int("spatial", 1)? != 1 {
        return Err(cx.value_error("spatial", 0, "1"));
    }
    cx.attrs().ignore(&["momentum", "is_test", "consumed_inputs"]);
    let part = |index: usize, role: &'static str| {
        let value = finite(role, cx.constant(index)?.ok_or(LayerError::Missing { role })?)?;
        expect_shape(role, value, &[shape.last()])?;
        Ok::<Tensor, LayerError>(value.clone())
    };
    let stats = [part(1, "scale")?, part(2, "B")?, part(3, "mean")?, part(4, "var")?];
    let epsilon = cx.attrs().float("epsilon", 1e-5)?;
    Ok(Imported::unary(BatchNorm::fold(stats, epsilon).checked()?))
}

/// Which operand is data and which a constant; `None` if both are data.
fn constant_side<'c>(cx: &'c Import<'_>) -> Result<Option<(usize, &'c Tensor)>, LayerError> {
    cx.attrs().ignore(&["consumed_inputs"]);
    if cx.attrs().int("broadcast", 0)? != 0 && cx.attrs().get("axis").is_some() {
        return Err(cx.value_error("axis", "given", "none (opset 7 and later)"));
    }
    let (data, constant) = match (cx.shape(0), cx.shape(1)) {
        (Ok(_), Ok(_)) => return Ok(None),
        (Ok(_), Err(_)) => (0, cx.constant(1)?),
        (Err(_), _) => (1, cx.constant(0)?),
    };
    let constant = finite("constant", constant.ok_or(LayerError::Missing { role: "constant" })?)?;
    Ok(Some((data, constant)))
}

/// A constant that broadcasts along the last axis without enlarging the data.
fn per_channel(cx: &Import<'_>, data: usize, constant: &Tensor) -> Result<Tensor, LayerError> {
    let shape = cx.shape(data)?;
    let extents = constant.shape();
    let (last, others) = extents.split_last().map_or((1, &[][..]), |(last, rest)| (*last, rest));
    let fits = others.iter().all(|it| *it == 1)
        && (last == 1 || last == shape.last())
        && extents.len() <= shape.0.len() + 1;
    if fits {
        return Ok(Array1::from_iter(constant.iter().copied()).into_dyn());
    }
    let expected = vec![shape.last()];
    Err(LayerError::WeightShape { role: "constant", found: extents.to_vec(), expected })
}

fn import_with(
    cx: &Import<'_>,
    scale_bias: impl Fn(usize, f64) -> Option<(f64, f64)>,
) -> Result<Option<Imported>, LayerError> {
    let Some((data, constant)) = constant_side(cx)? else { return Ok(None) };
    let constant = per_channel(cx, data, constant)?;
    let (mut scale, mut bias) = (constant.clone(), constant.clone());
    for (at, value) in constant.iter().enumerate() {
        let unsupported = LayerError::Operand { op: cx.op(), index: 0, expected: "data" };
        (scale[at], bias[at]) = scale_bias(data, *value).ok_or(unsupported)?;
    }
    let layer = BatchNorm { scale, bias, kind: "ApplyAlpha", quantized: false }.checked()?;
    Ok(Some(Imported::of(layer, [data])))
}

fn two_tensors(cx: &Import<'_>) -> LayerError {
    LayerError::Unsupported { op: format!("{} of two tensors", cx.node.op) }
}

fn import_mul(cx: &Import<'_>) -> Result<Imported, LayerError> {
    import_with(cx, |_, c| Some((c, 0.0)))?.ok_or_else(|| two_tensors(cx))
}

/// Division by a constant; a constant divided by data is refused.
fn import_div(cx: &Import<'_>) -> Result<Imported, LayerError> {
    import_with(cx, |data, c| (data == 0).then(|| (1.0 / c, 0.0)))?.ok_or_else(|| two_tensors(cx))
}

fn import_sub(cx: &Import<'_>) -> Result<Imported, LayerError> {
    import_with(cx, |data, c| Some(if data == 0 { (1.0, -c) } else { (-1.0, c) }))?
        .ok_or_else(|| two_tensors(cx))
}

fn import_add(cx: &Import<'_>) -> Result<Imported, LayerError> {
    match import_with(cx, |_, c| Some((1.0, c)))? {
        Some(affine) => Ok(affine),
        None => Ok(Imported::of(Merge { op: Binary::Add }, [0, 1])),
    }
}

impl LayerSpec for BatchNorm {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, LayerError> {
        let count = self.scale.len();
        if count == 1 || count == inputs[0].last() {
            return Ok(inputs[0].clone());
        }
        let expected = format!("{count} on the last axis");
        Err(LayerError::Shapes { found: vec![inputs[0].clone()], expected })
    }

    fn eval(&self, inputs: &[&Tensor]) -> Tensor {
        let mut out = inputs[0].clone();
        let (scale, bias) = (self.scale.broadcast(out.shape()), self.bias.broadcast(out.shape()));
        let (scale, bias) = (scale.expect("infer checked the axis"), bias.expect("as the scale"));
        Zip::from(&mut out).and(&scale).and(&bias).for_each(|x, s, b| *x = *x * s + b);
        out
    }

    fn weights(&self) -> Vec<(Role, &Tensor)> {
        vec![(Role::Scale, &self.scale), (Role::Bias, &self.bias)]
    }

    fn hardware(&self) -> Option<&dyn Hardware> {
        Some(self)
    }
}

impl Hardware for BatchNorm {
    fn roles(&self) -> &'static [Role] {
        &[Role::Scale, Role::Bias, Role::Result]
    }

    fn resolve(&self, role: Role, cx: &Resolve<'_>) -> Typed {
        match role {
            Role::Scale if self.quantized => auto::grid(Some(&self.scale)),
            Role::Bias if self.quantized => auto::grid(Some(&self.bias)),
            Role::Scale => auto::weight(&self.scale, cx),
            Role::Bias => auto::weight(&self.bias, cx),
            _ if cx.compat && !cx.exact => self.hls4ml_result(cx),
            _ if cx.feeds_activation || cx.exact => {
                let frac = (cx.inputs[0].format.frac() + cx.format(Role::Scale).frac())
                    .max(cx.format(Role::Bias).frac());
                auto::exact(Span::hull(&self.spans(cx)), frac)
            }
            _ => cx.result(Span::hull(&self.spans(cx))),
        }
    }

    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        let scale = dequantized(&self.scale, cx.format(Role::Scale), cx.compat);
        let bias = dequantized(&self.bias, cx.format(Role::Bias), cx.compat);
        let channel = |element: usize| element % scale.len();
        let affine = |(element, x): (usize, &Span)| {
            x.scale(scale[channel(element)]).add(Span::point(bias[channel(element)]))
        };
        cx.inputs[0].spans.iter().enumerate().map(affine).collect()
    }

    fn is_activation(&self) -> bool {
        false
    }

    fn lower(&self, cx: &mut Lower<'_>, inputs: &[NodeId]) -> NodeId {
        let affine = Affine {
            scales: cx.quantize(&self.scale, Role::Scale),
            scale: cx.format(Role::Scale),
            biases: cx.quantize(&self.bias, Role::Bias),
            bias: cx.format(Role::Bias),
            result: cx.format(Role::Result),
        };
        cx.builder.add("", affine, inputs)
    }
}

impl BatchNorm {
    /// hls4ml sizes the result like a sum of one product and a bias.
    fn hls4ml_result(&self, cx: &Resolve<'_>) -> Typed {
        let bias = cx.format(Role::Bias);
        let product = cx.inputs[0].format.product(cx.format(Role::Scale));
        let signed = product.signed || bias.signed;
        let int = product.int_bits + i32::from(signed && !product.signed);
        let int_bits = int.max(bias.int_bits + i32::from(signed && !bias.signed)) + 1;
        let width = (int_bits + product.frac().max(bias.frac())) as u32;
        let format = crate::fixed::Format { signed, width, int_bits, ..product };
        Typed::new(format, "hls4ml: product and a bias")
    }
}
