//! Functions that the model has tabulated: elements come out of a quantizer and take few values, and
//! what each becomes is the model's own, on a grid as well.
//!
//! HGQ2's lookup tables. Elements may have tables of their own. A `lut` unit, addressed by the bits of
//! its input, for all elements that share a table and a format; wires around them where there are
//! several.

use std::collections::HashMap;

use super::{Hardware, LayerError, LayerSpec, Lower, Spelling};
use crate::fixed::{Format, Type};
use crate::graph::NodeId;
use crate::nn::Shape;
use crate::precision::{Resolve, Role, Span, Typed, auto};
use crate::source::Tensor;
use crate::units::{Index, Lut, Reorder};

/// Address bits of the largest table.
pub(super) const MAX_BITS: u32 = 20;

/// A value for each value of a format.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// What inputs are; of a table of one value, zero.
    pub input: Format,
    /// Results, by ascending input; the framework's are of this type, and there are many.
    pub values: Vec<f32>,
}

/// A table for each element.
#[derive(Clone, Debug)]
pub struct GridTable {
    /// The different tables.
    pub tables: Vec<Grid>,
    /// Which of them each element has.
    pub of: Vec<u32>,
    /// Whether the framework's floats may have made other entries than ours: a result lies where
    /// rounding turns.
    pub uncertain: bool,
}

impl Grid {
    /// Tabulates a function of numbers on a grid; `None` stands for zero alone.
    pub fn over(input: Option<Format>, f: impl FnMut(f64) -> f32) -> Grid {
        match input {
            None => Grid {
                input: Format::unsigned(1, 1),
                values: std::iter::once(0.0).map(f).collect(),
            },
            Some(input) => {
                let points = (input.min()..=input.max()).map(|it| input.value(it));
                Grid { input, values: points.map(f).collect() }
            }
        }
    }

    /// The place of a value, or the nearest there is.
    fn place(&self, x: f64) -> usize {
        let steps = (x * 2f64.powi(self.input.frac())).round() - self.input.min() as f64;
        steps.clamp(0.0, (self.values.len() - 1) as f64) as usize
    }

    fn at(&self, x: f64) -> f64 {
        f64::from(self.values[self.place(x)])
    }

    /// The results that inputs within a span have.
    fn reach(&self, span: Span) -> impl Iterator<Item = f64> {
        self.values[self.place(span.lo)..=self.place(span.hi)].iter().map(|it| f64::from(*it))
    }

    /// Entries for every word of a format, negative ones last; words that never come have any.
    fn entries(&self, input: Format) -> Vec<f64> {
        let entry = |word: i128| {
            let negative = input.signed && word >> (input.width - 1) != 0;
            let mantissa = if negative { word - (1 << input.width) } else { word };
            self.at(input.value(mantissa))
        };
        (0..1i128 << input.width).map(entry).collect()
    }
}

impl GridTable {
    // Import functions of HGQ2's layers make it.
    pub(super) const SPELLINGS: &[Spelling] = &[];

    fn table(&self, element: usize) -> &Grid {
        &self.tables[self.of[element] as usize]
    }

    /// The smallest format of all results.
    fn format(values: impl Iterator<Item = f64>) -> Format {
        let values = values.collect::<ndarray::Array1<f64>>().into_dyn();
        auto::grid(Some(&values)).format
    }
}

impl LayerSpec for GridTable {
    fn kind(&self) -> &'static str {
        "UnaryLUT"
    }
    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, LayerError> {
        if inputs[0].elements() == self.of.len() {
            return Ok(inputs[0].clone());
        }
        let expected = format!("{} elements", self.of.len());
        Err(LayerError::Shapes { found: vec![inputs[0].clone()], expected })
    }
    fn eval(&self, inputs: &[&Tensor]) -> Tensor {
        let values = inputs[0].iter().enumerate().map(|(at, x)| self.table(at).at(*x));
        let values = Tensor::from_shape_vec(inputs[0].raw_dim(), values.collect());
        values.expect("infer checked the number of elements")
    }
    fn weights(&self) -> Vec<(Role, &Tensor)> {
        Vec::new()
    }
    fn hardware(&self) -> Option<&dyn Hardware> {
        Some(self)
    }
}

impl Hardware for GridTable {
    fn roles(&self) -> &'static [Role] {
        &[Role::Result]
    }
    fn resolve(&self, _: Role, cx: &Resolve<'_>) -> Typed {
        let format = |(at, span): (usize, &Span)| {
            let values = self.table(at).reach(*span);
            Self::format(values)
        };
        let formats = cx.inputs[0].spans.iter().enumerate().map(format);
        let format = formats.reduce(Format::union).unwrap_or(Format::unsigned(1, 1));
        Typed::new(format, "the model's own tables")
    }
    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        let spans = cx.inputs[0].spans.iter().enumerate();
        spans.map(|(at, it)| Span::around(self.table(at).reach(*it))).collect()
    }
    fn is_activation(&self) -> bool {
        true
    }
    fn lower(&self, cx: &mut Lower<'_>, inputs: &[NodeId]) -> NodeId {
        let ty: Type = cx.builder.ty(inputs[0]).clone();
        // Elements by table and format, in the order in which these are met.
        let mut number = HashMap::new();
        let mut groups: Vec<Vec<u32>> = Vec::new();
        for (element, table) in (0u32..).zip(&self.of) {
            let key = (*table, ty.format(element as usize));
            let at = *number.entry(key).or_insert(groups.len());
            match groups.get_mut(at) {
                Some(group) => group.push(element),
                None => groups.push(vec![element]),
            }
        }
        let unit = |group: &[u32]| {
            let first = group[0] as usize;
            let values = self.table(first).entries(ty.format(first));
            let entry = Self::format(values.iter().copied());
            let table = values.iter().map(|it| entry.quantize(*it)).collect();
            Lut { index: Index::Raw, table, entry, result: entry }
        };
        if let [group] = &groups[..] {
            return cx.builder.add("", unit(group), inputs);
        }
        let mut map = vec![(0, 0); self.of.len()];
        let mut parts = Vec::with_capacity(groups.len());
        for (at, group) in groups.iter().enumerate() {
            for (place, element) in (0u32..).zip(group) {
                map[*element as usize] = (at as u32, place);
            }
            let shape = Shape(vec![group.len()]);
            let elements = group.iter().map(|it| (0, *it)).collect();
            let part = Reorder { map: elements, shape };
            let part = cx.builder.add(&format!("inputs_{at}"), part, inputs);
            parts.push(cx.builder.add(&format!("table_{at}"), unit(group), &[part]));
        }
        cx.builder.add("", Reorder { map: map.into(), shape: ty.shape }, &parts)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, check_datapath, run};
    use super::*;

    #[test]
    fn every_element_has_its_own_table() {
        let formats = [Format::signed(4, 2), Format::unsigned(3, 1)];
        let square = Grid::over(Some(formats[0]), |x| (x * x) as f32);
        let half = Grid::over(Some(formats[1]), |x| (x / 2.0) as f32);
        let zero = Grid::over(None, |x| (x + 3.0) as f32);
        let tables = vec![square, half, zero];
        let layer = GridTable { tables, of: vec![0, 1, 0, 2], uncertain: false };
        // Of the input in front all bits are there, more than some tables have: as they never come,
        // any entry serves them.
        let bench = Bench::new(layer.clone(), formats[0], &[4]);
        for (sample, wanted) in [
            ([-2.0, 1.0, 1.75, 0.0], [4.0, 0.5, 3.0625, 3.0]),
            ([0.25, 0.25, -0.25, 0.0], [0.0625, 0.125, 0.0625, 3.0]),
        ] {
            assert_eq!(bench.exact(&sample), wanted);
            let x = ndarray::arr1(&sample).into_dyn();
            assert_eq!(layer.eval(&[&x]).as_slice().unwrap(), wanted);
        }
        let graph = bench.graph(&bench.formats());
        for word in -8..8 {
            let sample = [word, word.max(0), word, 0];
            let emulated = run(&graph, &[sample.to_vec()]);
            check_datapath(&graph, &sample, &emulated[0]);
        }
    }

    #[test]
    fn one_table_is_one_unit() {
        let format = Format::signed(3, 1);
        let tables = vec![Grid::over(Some(format), |x| x.abs() as f32)];
        let bench =
            Bench::new(GridTable { tables, of: vec![0; 3], uncertain: false }, format, &[3]);
        assert_eq!(bench.graph(&bench.formats()).len(), 2);
        assert_eq!(bench.exact(&[-1.0, 0.5, -0.25]), [1.0, 0.5, 0.25]);
    }
}
