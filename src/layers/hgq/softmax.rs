//! `QSoftmax`: exponentials and the reciprocal of their sum by tables that training has chosen.
//!
//! `stable` takes the differences to the maximum first. Everything between the tables is exact.

use super::conf::{Names, names};
use super::parts::Builder;
use super::table::{INPUT, Known, OUTPUT, Tables};
use super::{merge, rule};
use crate::layers::{
    BatchNorm, Function, Import, Imported, LayerError, Merge, Operand, Reduce, Reduction, Table,
};
use crate::units::Binary;

/// Where the quantizers of a softmax are.
pub(super) struct Places {
    iq: Names,
    exp_iq: Names,
    exp_oq: Names,
    inv_iq: Names,
    inv_oq: Names,
    oq: Names,
    /// Names of the parts.
    parts: [&'static str; 8],
}

/// A layer of its own.
const ALONE: Places = Places {
    iq: INPUT,
    exp_iq: names!("exp_iq_conf", "exp_table/iq"),
    exp_oq: names!("exp_oq_conf", "exp_table/oq"),
    inv_iq: names!("inv_iq_conf", "inv_table/iq"),
    inv_oq: names!("inv_oq_conf", "inv_table/oq"),
    oq: OUTPUT,
    parts: ["iq", "max", "difference", "exp", "sum", "inverse", "product", "oq"],
};

/// Inside of an attention.
pub(super) const ATTENTION: Places = Places {
    iq: names!("softmax_iq_conf", "softmax/iq"),
    exp_iq: names!("softmax_exp_iq_conf", "softmax/exp_table/iq"),
    exp_oq: names!("softmax_exp_oq_conf", "softmax/exp_table/oq"),
    inv_iq: names!("softmax_inv_iq_conf", "softmax/inv_table/iq"),
    inv_oq: names!("softmax_inv_oq_conf", "softmax/inv_table/oq"),
    oq: names!("softmax_oq_conf", "softmax/oq"),
    parts: [
        "scores_iq",
        "scores_max",
        "scores_difference",
        "scores_exp",
        "scores_sum",
        "scores_inverse",
        "softmax",
        "softmax_oq",
    ],
};

impl Places {
    /// Those of the input and of the output.
    pub(super) fn ends(&self) -> [&Names; 2] {
        [&self.iq, &self.oq]
    }
}

/// A softmax of a tensor.
pub(super) struct Softmax<'a> {
    /// Its quantizers.
    pub(super) places: &'a Places,
    /// Axes of a sample.
    pub(super) axes: Vec<usize>,
    /// Whether the maximum is taken off.
    pub(super) stable: bool,
    /// Factor of the exponent.
    pub(super) scaler: f64,
    /// Whether inputs and outputs are quantized.
    pub(super) quantized: [bool; 2],
}

/// `QSoftmax`.
pub(super) fn import(cx: &Import<'_>) -> Result<Imported, LayerError> {
    cx.attrs().ignore(&["allow_heterogeneous_table"]);
    let softmax = Softmax {
        places: &ALONE,
        axes: merge::axes(cx)?,
        stable: cx.attrs().bool("stable", true)?,
        scaler: cx.attrs().float("input_scaler", 1.0)?,
        quantized: [cx.attrs().bool("enable_iq", false)?, cx.attrs().bool("enable_oq", false)?],
    };
    if cx.node.inputs.len() > 1 {
        return Err(cx.value_error("mask", "given", "none"));
    }
    let mut parts = Builder::new(cx);
    let input = parts.input(0);
    let output = softmax.add(&mut parts, input, &cx.shape(0)?.0)?;
    Ok(parts.finish(output))
}

impl Softmax<'_> {
    /// Adds all steps.
    pub(super) fn add(
        &self,
        parts: &mut Builder<'_, '_>,
        input: Operand,
        shape: &[usize],
    ) -> Result<Operand, LayerError> {
        let names = self.places;
        let [iq, max, difference, exp, sum, inverse, product, oq] = names.parts;
        let mut value = input;
        // Without a maximum to take off, the input's quantizer is that of the exponential.
        if self.quantized[0] && self.stable {
            value = parts.quantizer(iq, &names.iq, value, shape)?;
        }
        if self.stable {
            let reduce = self.reduce(Reduction::Max);
            let most = parts.add(max, reduce, &[value]);
            value = parts.add(difference, Merge { op: Binary::Sub }, &[most, value]);
        }
        let e = self.exponential(parts, [iq, exp], value, shape)?;
        let total = parts.add(sum, self.reduce(Reduction::Sum), &[e]);
        let mut few = shape.to_vec();
        self.axes.iter().for_each(|it| few[*it] = 1);
        let inverse = self.reciprocal(parts, inverse, total, &few)?;
        let value = parts.add(product, Merge { op: Binary::Mul }, &[e, inverse]);
        match self.quantized[1] {
            true => parts.quantizer(oq, &names.oq, value, shape),
            false => Ok(value),
        }
    }

    fn reduce(&self, reduction: Reduction) -> Reduce {
        Reduce { reduction, axes: self.axes.clone(), keep: true }
    }

    fn exponential(
        &self,
        parts: &mut Builder<'_, '_>,
        [iq, exp]: [&'static str; 2],
        operand: Operand,
        shape: &[usize],
    ) -> Result<Operand, LayerError> {
        let (cx, names) = (parts.cx, self.places);
        let (place, name) = if self.stable { (&names.exp_iq, "exp_iq") } else { (&names.iq, iq) };
        if !self.stable {
            // This table has no quantizer of its own then.
            cx.attrs().ignore(&[names.exp_iq.conf]);
        }
        let there = self.stable || self.quantized[0];
        let Some(input) = (if there { rule(cx, place, shape)? } else { None }) else {
            // Nothing in front of the exponential is on a grid of the model's.
            let last = shape.last().copied().unwrap_or(1);
            let factor = if self.stable { -self.scaler } else { self.scaler };
            let exponent = BatchNorm::scalar(factor, 0.0, last);
            let exponent = parts.add("exponent", exponent, &[operand]);
            let e = parts.add(exp, Table { function: Function::Exponential }, &[exponent]);
            return parts.quantizer("exp_oq", &names.exp_oq, e, shape);
        };
        let output = rule(cx, &names.exp_oq, shape)?;
        let tables = Tables { input: &input, output: output.as_ref(), known: Known::Within(0.0) };
        let scaler = self.scaler as f32;
        let sign = if self.stable { -1.0 } else { 1.0 };
        let function = |_, inputs: &[f32]| {
            let exp = |it: &f32| f64::from(sign * it * scaler).exp() as f32;
            inputs.iter().map(exp).collect()
        };
        let table = tables.make(cx, place, |_| 0, function)?;
        parts.table([name, exp], place, (&input, table), operand, shape)
    }

    fn reciprocal(
        &self,
        parts: &mut Builder<'_, '_>,
        inverse: &'static str,
        operand: Operand,
        shape: &[usize],
    ) -> Result<Operand, LayerError> {
        let (cx, names) = (parts.cx, self.places);
        let Some(input) = rule(cx, &names.inv_iq, shape)? else {
            let found = "no quantizer";
            return Err(cx.value_error(names.inv_iq.conf, found, "one in front of a table"));
        };
        let output = rule(cx, &names.inv_oq, shape)?;
        // A sum and a quotient, which float32 rounds in one way only.
        let tables = Tables { input: &input, output: output.as_ref(), known: Known::Exactly };
        let function = |_, inputs: &[f32]| inputs.iter().map(|it| 1.0 / (it + 1e-7_f32)).collect();
        let table = tables.make(cx, &names.inv_iq, |_| 0, function)?;
        parts.table(["inv_iq", inverse], &names.inv_iq, (&input, table), operand, shape)
    }
}
