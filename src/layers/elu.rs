//! Exponential linear units: `y = scale * x` from zero on, `scale * alpha * (exp(x) - 1)` below.
//!
//! Keras `ELU`, `elu`, `selu`; ONNX `Elu`, `Selu`. A table of the negative half and a `select` unit.
//!
//! hls4ml's table covers `[-8, 0]` and truncates. By default the table is addressed by `-x`, rounded
//! and saturating, over the range with the smallest error: 0.0044 for ELU and 0.0075 for SELU
//! with 1024 entries and inputs in `fixed<16,6>`.

use super::lookup::{address, single};
use super::pointwise::{Pointwise, each, quantized};
use super::relu::check;
use super::table::magnitude;
use super::{Import, Imported, LayerError, Lower, Spelling};
use crate::fixed::Format;
use crate::graph::NodeId;
use crate::precision::{Resolve, Role, Span, Typed, activation};
use crate::units::{Affine, Compare, Index, Lut, Select};

/// SELU's slope above zero.
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;
/// SELU's saturation value over its scale.
const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;

/// `y = x >= 0 ? x : alpha * (exp(x) - 1)`.
#[derive(Clone, Debug)]
pub struct Elu {
    /// Minus the value that large negative inputs approach.
    pub alpha: f64,
}

/// ELU with the two constants that keep activations normalized.
#[derive(Clone, Debug)]
pub struct Selu;

impl Elu {
    pub(super) const SPELLINGS: &[Spelling] =
        &[Spelling::keras("ELU", import_elu), Spelling::onnx("Elu", import_elu)];
}

impl Selu {
    pub(super) const SPELLINGS: &[Spelling] = &[Spelling::onnx("Selu", import_selu)];
}

fn import_elu(cx: &Import<'_>) -> Result<Imported, LayerError> {
    cx.attrs().ignore(&["consumed_inputs"]);
    let alpha = cx.attrs().float("alpha", 1.0)?;
    check(cx, "alpha", alpha)?;
    Ok(Imported::unary(Elu { alpha }))
}

fn import_selu(cx: &Import<'_>) -> Result<Imported, LayerError> {
    cx.attrs().ignore(&["consumed_inputs"]);
    for (name, standard) in [("alpha", SELU_ALPHA), ("gamma", SELU_SCALE)] {
        let value = cx.attrs().float(name, standard)?;
        // Files hold the constants as f32, some with fewer digits.
        if (value - standard).abs() > 1e-4 {
            return Err(cx.value_error(name, value, "SELU's own constant"));
        }
    }
    Ok(Imported::unary(Selu))
}

/// The table of `alpha * (exp(x) - 1)` for negative inputs: what addresses it, and its values.
struct Negative {
    /// Addressed by `-x` in this format, unless hls4ml's.
    address: Option<Format>,
    values: Vec<f64>,
}

impl Negative {
    /// hls4ml's table, `f` with the roundings of its C++.
    fn hls4ml(entries: u32, f: impl Fn(f64) -> f64) -> Negative {
        let entries = entries.clamp(1, 1 << 20);
        let point = |it| single(-8.0 * f64::from(it) / f64::from(entries));
        Negative { address: None, values: (0..entries).map(|it| f(point(it))).collect() }
    }

    fn rounded(input: Format, entries: u32, f: impl Fn(f64) -> f64) -> Negative {
        // The table of -x runs over the magnitudes, the lowest one saturated.
        let address = address(magnitude(input), entries, |x| f(-x));
        let points = (0..=address.max()).map(|it| -address.value(it));
        Negative { address: Some(address.rounded()), values: points.map(f).collect() }
    }

    fn span(&self, entry: Format, factor: f64) -> Span {
        Span::around(self.values.iter().map(|it| quantized(*it, entry) * factor))
    }

    /// Adds the table, its entries multiplied by the constant `(mantissa, format)`.
    fn add(
        &self,
        cx: &mut Lower<'_>,
        input: NodeId,
        (factor, format): (i128, Format),
        result: Format,
    ) -> NodeId {
        let entry = cx.format(Role::Table);
        let product = |it: &f64| entry.quantize(*it).wrapping_mul(factor);
        let table = self.values.iter().map(product).collect();
        let entry = entry.product(format);
        match self.address {
            None => {
                let index = Index::Range { log2_range: 3, offset: 0, negative: true };
                cx.builder.add("below", Lut { index, table, entry, result }, &[input])
            }
            Some(address) => {
                let negated = scaled(-1, Format::signed(1, 1), address);
                let negated = cx.builder.add("address", negated, &[input]);
                let lut = Lut { index: Index::Raw, table, entry, result };
                cx.builder.add("below", lut, &[negated])
            }
        }
    }
}

/// A product with one constant.
fn scaled(factor: i128, scale: Format, result: Format) -> Affine {
    let (scales, biases) = ([factor].into(), [0].into());
    Affine { scales, scale, biases, bias: Format::unsigned(1, 1), result }
}

/// Chooses `above` for inputs from zero on.
fn select(cx: &mut Lower<'_>, input: NodeId, above: NodeId, below: NodeId) -> NodeId {
    let select = Select {
        compare: Compare::GreaterEqual,
        threshold: 0,
        threshold_format: Format::unsigned(1, 1),
        result: cx.format(Role::Result),
    };
    cx.builder.add("", select, &[input, above, below])
}

/// Values of the two branches, by the sign of the input.
fn branches(x: Span, slope: f64, below: Span) -> Span {
    let above = Span::new(x.lo.max(0.0), x.hi).scale(slope);
    match (x.lo < 0.0, x.hi >= 0.0) {
        (true, true) => above.union(below),
        (true, false) => below,
        (false, _) => above,
    }
}

impl Elu {
    fn table(&self, input: Format, entries: u32, compat: bool) -> Negative {
        match compat {
            true => Negative::hls4ml(entries, |x| single(single(x.exp()) - 1.0)),
            false => Negative::rounded(input, entries, f64::exp_m1),
        }
    }
}

impl Pointwise for Elu {
    fn kind(&self) -> &'static str {
        "ParametrizedActivation"
    }
    fn at(&self, x: f64) -> f64 {
        if x >= 0.0 { x } else { self.alpha * x.exp_m1() }
    }
    fn roles(&self) -> &'static [Role] {
        &[Role::Param, Role::Table, Role::Result]
    }
    fn resolve(&self, role: Role, cx: &Resolve<'_>) -> Typed {
        match role {
            Role::Param => activation::constant(self.alpha, cx),
            Role::Table => activation::table(Span::new(-1.0, 0.0), cx),
            _ => activation::result(Span::hull(&self.spans(cx)), None, cx),
        }
    }
    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        let alpha = quantized(self.alpha, cx.format(Role::Param));
        let table = self.table(cx.inputs[0].format, cx.settings.table_size, cx.compat);
        let below = table.span(cx.format(Role::Table), alpha);
        each(cx, |x| branches(x, 1.0, below))
    }
    fn lower(&self, cx: &mut Lower<'_>, input: NodeId) -> NodeId {
        let from = cx.builder.ty(input).union();
        let table = self.table(from, cx.formats.settings.table_size, cx.compat);
        let (param, result) = (cx.format(Role::Param), cx.format(Role::Result));
        let alpha = (param.quantize(self.alpha), param);
        let below = table.add(cx, input, alpha, result);
        select(cx, input, input, below)
    }
}

impl Selu {
    fn table(&self, input: Format, entries: u32, compat: bool) -> Negative {
        match compat {
            // The products are of doubles, from the right.
            true => Negative::hls4ml(entries, |x| {
                single(SELU_SCALE * (SELU_ALPHA * (single(x.exp()) - 1.0)))
            }),
            false => Negative::rounded(input, entries, |x| SELU_SCALE * SELU_ALPHA * x.exp_m1()),
        }
    }

    /// hls4ml's slope; it is no type of the layer there, so it is none here.
    fn slope() -> (i128, Format) {
        let format = Format::unsigned(16, 1);
        (format.quantize(SELU_SCALE), format)
    }
}

impl Pointwise for Selu {
    fn kind(&self) -> &'static str {
        "Activation"
    }
    fn at(&self, x: f64) -> f64 {
        SELU_SCALE * if x >= 0.0 { x } else { SELU_ALPHA * x.exp_m1() }
    }
    fn roles(&self) -> &'static [Role] {
        &[Role::Table, Role::Result]
    }
    fn resolve(&self, role: Role, cx: &Resolve<'_>) -> Typed {
        match role {
            Role::Table => activation::table(Span::new(-SELU_SCALE * SELU_ALPHA, 0.0), cx),
            _ => activation::result(Span::hull(&self.spans(cx)), None, cx),
        }
    }
    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        let (slope, format) = Selu::slope();
        let slope = format.value(slope);
        let table = self.table(cx.inputs[0].format, cx.settings.table_size, cx.compat);
        let below = table.span(cx.format(Role::Table), 1.0);
        each(cx, |x| branches(x, slope, below))
    }
    fn lower(&self, cx: &mut Lower<'_>, input: NodeId) -> NodeId {
        let from = cx.builder.ty(input).union();
        let table = self.table(from, cx.formats.settings.table_size, cx.compat);
        let result = cx.format(Role::Result);
        let (slope, format) = Selu::slope();
        let above = cx.builder.add("above", scaled(slope, format, result), &[input]);
        let below = table.add(cx, input, (1, Format::unsigned(1, 1)), result);
        select(cx, input, above, below)
    }
}
