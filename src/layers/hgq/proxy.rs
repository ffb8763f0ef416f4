//! Proxy models of HGQ 1: layers of Keras with weights on their grids, and quantizers between them.
//!
//! * `FixedPointQuantizer`: `RND` and `SAT` name the modes of a cast; `bits` and `integers` count the
//!   sign, as `ap_fixed` does. An element without bits is zero.
//! * `UnaryLUT`: the table itself, addressed by the bits of its input.

use super::conf::broadcast;
use super::parts::Builder;
use crate::fixed::{Format, Overflow, Rounding};
use crate::layers::grid_table::{Grid, GridTable, MAX_BITS};
use crate::layers::{Import, Imported, LayerError, Quantizer};

/// `FixedPointQuantizer`.
pub(super) fn import_quantizer(cx: &Import<'_>) -> Result<Imported, LayerError> {
    // Types for hls4ml, and whether it may drop the layer.
    cx.attrs().ignore(&["overrides", "fusible", "shape"]);
    let shape = cx.shape(0)?.0.clone();
    let mode = cx.attrs().str("RND", "TRN")?;
    let rounding = Rounding::ALL.into_iter().find(|it| it.name() == mode);
    let rounding =
        rounding.ok_or_else(|| cx.value_error("RND", mode, "the roundings of ap_fixed"))?;
    let mode = cx.attrs().str("SAT", "WRAP")?;
    let overflow = Overflow::ALL.into_iter().find(|it| it.name() == mode);
    let overflow =
        overflow.ok_or_else(|| cx.value_error("SAT", mode, "WRAP, SAT, SAT_SYM, SAT_ZERO"))?;
    let spread = |role| {
        let variable = cx.weight(role)?.ok_or(LayerError::Missing { role })?;
        broadcast(variable, &shape).ok_or_else(|| LayerError::WeightShape {
            role,
            found: variable.shape().to_vec(),
            expected: shape.clone(),
        })
    };
    let (signs, bits, integers) = (spread("keep_negative")?, spread("bits")?, spread("integers")?);
    let mut lanes = Vec::with_capacity(bits.len());
    for ((sign, bits), int_bits) in signs.into_iter().zip(bits).zip(integers) {
        if !(0.0..=60.0).contains(&bits) || int_bits.abs() > 60.0 {
            return Err(cx.value_error("bits", bits, "up to 60"));
        }
        let format = Format {
            signed: sign != 0.0,
            width: bits as u32,
            int_bits: int_bits as i32,
            rounding,
            overflow,
        };
        let alone = bits == 1.0 && sign != 0.0 && overflow == Overflow::SatSym;
        lanes.push((bits > 0.0 && !alone).then_some(format));
    }
    Ok(Imported::unary(Quantizer { lanes }))
}

/// `UnaryLUT`.
pub(super) fn import_table(cx: &Import<'_>) -> Result<Imported, LayerError> {
    // The table is on the grid of its outputs.
    cx.attrs().ignore(&["kif_out"]);
    let shape = cx.shape(0)?.0.clone();
    let kif = cx.attrs().ints("kif_in")?.unwrap_or_default();
    let wrong = || cx.value_error("kif_in", format!("{kif:?}"), "a sign and 1 to 20 bits in all");
    let [k @ (0 | 1), i, f] = kif[..] else { return Err(wrong()) };
    let width = k.saturating_add(i).saturating_add(f);
    let small = (1..=i64::from(MAX_BITS)).contains(&width) && i.abs() <= 60 && f.abs() <= 60;
    if !small {
        return Err(wrong());
    }
    let width = width as u32;
    let input = Format { signed: k == 1, ..Format::signed(width, (k + i) as i32) }
        .with(Rounding::RndConv, Overflow::Wrap);
    let table = cx.weight_of("table", &[1 << width])?;
    if table.iter().any(|it| f64::from(*it as f32) != *it) {
        return Err(cx.value_error("table", "numbers of more than 24 bits", "numbers of float32"));
    }
    let entry = |x: f64| {
        let word = (x * 2f64.powi(input.frac())) as i64;
        table[word.rem_euclid(1 << width) as usize] as f32
    };
    let tables = vec![Grid::over(Some(input), entry)];
    let count: usize = shape.iter().product();
    let mut parts = Builder::new(cx);
    let operand = parts.input(0);
    let cast = parts.add("index", Quantizer { lanes: vec![Some(input); count] }, &[operand]);
    let table = GridTable { tables, of: vec![0; count], uncertain: false };
    let output = parts.add("table", table, &[cast]);
    Ok(parts.finish(output))
}
