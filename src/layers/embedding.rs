//! A row of a table for every index: Keras `Embedding`.

use super::{Hardware, Import, Imported, LayerError, LayerSpec, Spelling};
use crate::nn::Shape;
use crate::precision::Role;
use crate::source::Tensor;

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
        None
    }
}
