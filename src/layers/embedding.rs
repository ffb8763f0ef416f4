//! A row of a table for every index: Keras `Embedding`.
//!
//! In hardware a table for each column, addressed by the index: what is behind its point is dropped,
//! an index below zero is zero, one behind the last row is the last row.

use super::{Hardware, Import, Imported, LayerError, LayerSpec, Lower, Spelling};
use crate::fixed::{Format, Overflow, Rounding, bits_of};
use crate::graph::NodeId;
use crate::nn::Shape;
use crate::precision::{Resolve, Role, Span, Typed, auto, dequantized};
use crate::source::Tensor;
use crate::units::{Index, Lut, Reorder};

/// An embedding.
#[derive(Clone, Debug)]
pub struct Embedding {
    /// `[indices, outputs]`.
    pub table: Tensor,
}

impl Embedding {
    pub(super) const SPELLINGS: &[Spelling] = &[Spelling::keras("Embedding", import)];
}

fn import(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let extent = |name| -> Result<usize, LayerError> {
        let given = cx.attrs().int(name, 0)?;
        usize::try_from(given).map_err(|_| cx.value_error(name, given, "1 and more"))
    };
    let table = cx.weight_of("embeddings", &[extent("input_dim")?, extent("output_dim")?])?;
    // Zeros would be a mask for the layers behind.
    if cx.attrs().bool("mask_zero", false)? {
        return Err(cx.value_error("mask_zero", true, "false"));
    }
    if let Some(rank) = cx.attrs().get("lora_rank") {
        return Err(cx.value_error("lora_rank", format!("{rank:?}"), "none"));
    }
    cx.attrs().ignore(&["input_length", "lora_alpha"]);
    Ok(Imported::unary(Embedding { table }))
}

impl LayerSpec for Embedding {
    fn kind(&self) -> &'static str {
        "Embedding"
    }
    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, LayerError> {
        let mut shape = inputs[0].clone();
        shape.0.push(self.table.shape()[1]);
        Ok(shape)
    }
    /// An index that the table does not have gives NaN.
    fn eval(&self, inputs: &[&Tensor]) -> Tensor {
        let (rows, width) = (self.table.shape()[0], self.table.shape()[1]);
        let table = self.table.as_standard_layout();
        let table = table.as_slice().expect("standard layout");
        let mut out = Vec::with_capacity(inputs[0].len() * width);
        for index in inputs[0] {
            match *index >= 0.0 && *index < rows as f64 {
                true => out.extend_from_slice(&table[*index as usize * width..][..width]),
                false => out.extend(std::iter::repeat_n(f64::NAN, width)),
            }
        }
        let shape = [inputs[0].shape(), &[width]].concat();
        Tensor::from_shape_vec(shape, out).expect("a row an index")
    }
    fn weights(&self) -> Vec<(Role, &Tensor)> {
        vec![(Role::Weight, &self.table)]
    }
    fn hardware(&self) -> Option<&dyn Hardware> {
        Some(self)
    }
}

impl Embedding {
    fn rows(&self) -> usize {
        self.table.shape()[0]
    }

    fn columns(&self) -> usize {
        self.table.shape()[1]
    }

    /// The numbers of all rows, and of the next power of two.
    fn index(&self) -> Format {
        let bits = bits_of(0, self.rows() as i128 - 1).max(1);
        Format::unsigned(bits, bits as i32).with(Rounding::Trn, Overflow::Sat)
    }
}

impl Hardware for Embedding {
    fn roles(&self) -> &'static [Role] {
        &[Role::Weight, Role::Result]
    }

    fn resolve(&self, role: Role, cx: &Resolve<'_>) -> Typed {
        match role {
            Role::Weight => auto::weight(&self.table, cx),
            _ if cx.compat => Typed::new(cx.default, "model default"),
            _ => Typed::new(cx.format(Role::Weight), "as its table"),
        }
    }

    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        let (values, columns) =
            (dequantized(&self.table, cx.format(Role::Weight), cx.compat), self.columns());
        let index = self.index();
        let row = |x: f64| (index.quantize(x) as usize).min(self.rows() - 1);
        let mut spans = Vec::with_capacity(cx.inputs[0].spans.len() * columns);
        let mut last: Option<(usize, usize)> = None;
        for x in cx.inputs[0].spans {
            let (first, behind) = (row(x.lo), row(x.hi) + 1);
            if last == Some((first, behind)) {
                spans.extend_from_within(spans.len() - columns..);
                continue;
            }
            let rows = &values[first * columns..behind * columns];
            let column = |at: usize| Span::around(rows.iter().skip(at).step_by(columns).copied());
            spans.extend((0..columns).map(column));
            last = Some((first, behind));
        }
        spans
    }

    fn is_activation(&self) -> bool {
        false
    }

    fn lower(&self, cx: &mut Lower<'_>, inputs: &[NodeId]) -> NodeId {
        let index = self.index();
        let address = cx.builder.cast("index", inputs[0], index);
        let mut shape = cx.builder.ty(address).shape.clone();
        let (elements, columns) = (shape.elements(), self.columns());
        let values = cx.quantize(&self.table, Role::Weight);
        let (entry, result) = (cx.format(Role::Weight), cx.format(Role::Result));
        let column = |at: usize| {
            let rows = (0..1usize << index.width).map(|it| it.min(self.rows() - 1));
            let table = rows.map(|row| values[row * columns + at]).collect();
            let lut = Lut { index: Index::Raw, table, entry, result };
            cx.builder.add(&format!("column_{at}"), lut, &[address])
        };
        let parts: Vec<NodeId> = (0..columns).map(column).collect();
        let from = |at: usize| ((at % columns) as u32, (at / columns) as u32);
        let map = (0..elements * columns).map(from).collect();
        shape.0.push(columns);
        cx.builder.add("", Reorder { map, shape }, &parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::{Bench, check_datapath, run};

    #[test]
    fn rows_are_found_and_an_index_outside_is_the_nearest() {
        let values = (0..15).map(f64::from).collect();
        let table = Tensor::from_shape_vec(vec![5, 3], values).unwrap();
        let bench = Bench::new(Embedding { table }, Format::signed(8, 5), &[2]);
        let formats = bench.formats();
        let graph = bench.graph(&formats);
        let result = formats.format(Role::Result);
        // Mantissas in eighths: 2.875 is row 2, -1 row 0, 9 the last row.
        for (indices, rows) in [([0, 8], [0, 1]), ([23, 32], [2, 4]), ([-8, 72], [0, 4])] {
            let sample: Vec<i128> = indices.to_vec();
            let found = run(&graph, std::slice::from_ref(&sample)).remove(0);
            let wanted = rows.iter().flat_map(|row| (0..3).map(move |it| f64::from(row * 3 + it)));
            let floats: Vec<f64> = found.iter().map(|it| result.value(*it)).collect();
            assert_eq!(floats, wanted.collect::<Vec<f64>>());
            check_datapath(&graph, &sample, &found);
        }
    }
}
