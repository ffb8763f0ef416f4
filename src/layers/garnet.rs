//! `GarNet` and `GarNetStack` of caloGraphNN, which hls4ml knows by name: every vertex sends its features to some
//! aggregators and reads them back, by weights that fall with a learned distance.
//!
//! ```text
//! weight[v, s]     = exp(-distance(x[v])[s]^2), 0 for vertices beyond the number given
//! aggregated[s, p] = mean over v of weight[v, s] * features(x[v])[p]
//! y[v]             = bias + sum over s and p of weight[v, s] * aggregated[s, p] * kernel[s, p]
//! ```
//!
//! The number of vertices is one for each sample, from 1 to all.
//!
//! As in hls4ml: only `simplified`, with the number of vertices (`xn`), and without an activation. The sum over
//! `p` is done first, so that each vertex needs one product for each aggregator and output.

use std::collections::BTreeMap;

use ndarray::{Array1, Array2};

use super::expression::{Value, build};
use super::{
    BatchNorm, Clip, Constant, Dense, Einsum, Expression, Import, Imported, LayerError, Lowering,
    Merge, Operand, OwnError, Reduce, Reduction, Reshape, Scalar, ScalarFunction, Spelling, Take,
};
use crate::nn::Shape;
use crate::source::{Attr, Tensor};
use crate::units::Binary;

pub(super) const SPELLINGS: &[Spelling] = &[
    Spelling::keras("GarNet", |cx| import(cx, false)),
    Spelling::keras("GarNetStack", |cx| import(cx, true)),
];

/// The most vertices.
const MAX_VERTICES: usize = 1 << 12;

fn import(cx: &Import<'_>, is_stack: bool) -> Result<Imported, LayerError> {
    let ([vertices, mut features], [1]) = (two(cx)?, &cx.shape(1)?.0[..]) else {
        let found = vec![cx.shape(0)?.clone(), cx.shape(1)?.clone()];
        let expected = "[vertices, features] and [1], the number of vertices".to_owned();
        return Err(LayerError::Shapes { found, expected });
    };
    check(cx)?;
    let layers = layers(cx, is_stack)?;
    let mut net = Net { cx, made: Imported::default(), vertices, data: Operand::Input(0) };
    let mask = net.mask()?;
    let count = net.count()?;
    for (index, layer) in layers.iter().enumerate() {
        let place = if is_stack { index.to_string() } else { String::new() };
        net.layer(&place, features, layer, mask, count)?;
        features = layer.filters;
    }
    let reduction = match cx.attrs().get("collapse") {
        None => None,
        Some(Attr::Str(it)) if it == "sum" => Some(Reduction::Sum),
        Some(Attr::Str(it)) if it == "max" => Some(Reduction::Max),
        Some(Attr::Str(it)) if it == "mean" && count.is_none() => Some(Reduction::Mean),
        Some(other) => {
            let supported = "none, sum, max, and mean without mean_by_nvert";
            return Err(cx.value_error("collapse", format!("{other:?}"), supported));
        }
    };
    let Net { mut made, data, .. } = net;
    if let Some(reduction) = reduction {
        let reduce = Reduce { reduction, axes: vec![0], keep: false };
        let output = made.add("", reduce, &[data]);
        return Ok(made.with_outputs([output]));
    }
    if let Operand::Part(at) = data {
        made.parts[at].name = "";
    }
    Ok(made.with_outputs([data]))
}

/// Vertices and features.
fn two(cx: &Import<'_>) -> Result<[usize; 2], LayerError> {
    match cx.shape(0)?.0[..] {
        [vertices, features] if (1..=MAX_VERTICES).contains(&vertices) => Ok([vertices, features]),
        _ => {
            let found = vec![cx.shape(0)?.clone()];
            Err(LayerError::Shapes { found, expected: "[vertices, features]".to_owned() })
        }
    }
}

/// Refuses what is another layer.
fn check(cx: &Import<'_>) -> Result<(), LayerError> {
    cx.attrs().ignore(&["n_sublayers"]);
    if !cx.attrs().bool("simplified", false)? {
        return Err(cx.value_error("simplified", false, "true"));
    }
    let format = cx.attrs().str("input_format", "xn")?;
    if format != "xn" {
        return Err(cx.value_error("input_format", format, "xn"));
    }
    match cx.attrs().get("output_activation") {
        None => {}
        Some(Attr::Str(it)) if it == "linear" => {}
        Some(other) => {
            let found = format!("{other:?}");
            return Err(cx.value_error("output_activation", found, "none, linear"));
        }
    }
    match cx.attrs().get("quantize_transforms") {
        None | Some(Attr::Bool(false)) => Ok(()),
        // Files do not say how many bits there are.
        Some(other) => {
            Err(cx.value_error("quantize_transforms", format!("{other:?}"), "none, false"))
        }
    }
}

/// A weight, in messages.
const ROLE: &str = "kernel or bias of FLR, S or Fout";

/// Extents of a layer.
struct Extents {
    aggregators: usize,
    filters: usize,
    propagate: usize,
}

fn layers(cx: &Import<'_>, is_stack: bool) -> Result<Vec<Extents>, LayerError> {
    let all = |name: &'static str| {
        let found = cx.attrs().ints(name)?.unwrap_or_default();
        let wrong = || cx.value_error(name, format!("{found:?}"), "numbers of 1 to 4096");
        let number = |it: &i64| usize::try_from(*it).ok().filter(|it| (1..=4096).contains(it));
        let numbers: Option<Vec<usize>> = found.iter().map(number).collect();
        numbers.filter(|it| !it.is_empty() && (is_stack || it.len() == 1)).ok_or_else(wrong)
    };
    let (aggregators, filters, propagate) =
        (all("n_aggregators")?, all("n_filters")?, all("n_propagate")?);
    if aggregators.len() != filters.len() || propagate.len() != filters.len() {
        let found = format!("{propagate:?}");
        return Err(cx.value_error("n_propagate", found, "as many numbers as n_filters"));
    }
    let each = aggregators.into_iter().zip(filters).zip(propagate);
    Ok(each
        .map(|((aggregators, filters), propagate)| Extents { aggregators, filters, propagate })
        .collect())
}

/// Layers under construction.
struct Net<'c, 'a> {
    cx: &'c Import<'a>,
    made: Imported,
    vertices: usize,
    data: Operand,
}

impl Net<'_, '_> {
    fn merge(&mut self, name: &'static str, op: Binary, a: Operand, b: Operand) -> Operand {
        self.made.add(name, Merge { op }, &[a, b])
    }

    /// 1 for each vertex that is there, else 0: `[vertices, 1]`.
    fn mask(&mut self) -> Result<Operand, LayerError> {
        let whole = Scalar { function: ScalarFunction::Floor };
        let whole = self.made.add("number", whole, &[Operand::Input(1)]);
        let places = vec![(0, vec![0; self.vertices])];
        let all = self.made.add("numbers", Take { kind: "Repeat", places }, &[whole]);
        let shape = Shape(vec![self.vertices, 1]);
        let all = self.made.add("column", Reshape { shape }, &[all]);
        let places = Array2::from_shape_fn((self.vertices, 1), |it| it.0 as f64).into_dyn();
        let places = self.made.add("places", Constant { value: places }, &[]);
        let behind = self.merge("behind", Binary::Sub, all, places);
        Ok(self.made.add("mask", Clip { min: 0.0, max: 1.0 }, &[behind]))
    }

    /// One over the number of vertices, `[1, 1]`, if that is what means are divided by.
    fn count(&mut self) -> Result<Option<Operand>, LayerError> {
        if !self.cx.attrs().bool("mean_by_nvert", false)? {
            return Ok(None);
        }
        // From one to all of them, which intervals do not know.
        let limits = Clip { min: 1.0, max: self.vertices as f64 };
        let count = self.made.add("count", limits, &[Operand::Input(1)]);
        let function = ScalarFunction::Reciprocal;
        let inverse = self.made.add("inverse", Scalar { function }, &[count]);
        Ok(Some(self.made.add("share", Reshape { shape: Shape(vec![1, 1]) }, &[inverse])))
    }

    /// A weight of the name that its class gives it.
    fn weight(&self, name: &str, shape: &[usize]) -> Result<Tensor, LayerError> {
        let mut all = self.cx.node.weights.iter();
        let found = all.find(|it| it.0.rsplit('/').next() == Some(name));
        let (_, value) = found.ok_or(LayerError::Missing { role: ROLE })?;
        super::import::finite(ROLE, value)?;
        super::import::expect_shape(ROLE, value, shape)?;
        Ok(value.clone())
    }

    fn dense(
        &mut self,
        part: &'static str,
        name: &str,
        [n_in, n_out]: [usize; 2],
    ) -> Result<Operand, LayerError> {
        let weights = self.weight(&format!("{name}_kernel"), &[n_in, n_out])?.into();
        let bias = Some(self.weight(&format!("{name}_bias"), &[n_out])?);
        Ok(self.made.add(part, Dense { weights, bias, quantized: false }, &[self.data]))
    }

    fn layer(
        &mut self,
        place: &str,
        n_in: usize,
        extents: &Extents,
        mask: Operand,
        share: Option<Operand>,
    ) -> Result<(), LayerError> {
        let Extents { aggregators, filters, propagate } = *extents;
        let features = self.dense("features", &format!("FLR{place}"), [n_in, propagate])?;
        let distance = self.dense("distance", &format!("S{place}"), [n_in, aggregators])?;
        let edge = self.edge(distance, aggregators)?;
        let edge = self.merge("weight", Binary::Mul, edge, mask);
        let [v, s, p, f] = [0, 1, 2, 3];
        let gather = Einsum::of(&[v, s], &[v, p], &[s, p]);
        let sums = self.made.add("gathered", gather, &[edge, features]);
        let means = match share {
            Some(share) => self.merge("mean", Binary::Mul, sums, share),
            None => {
                let mean = BatchNorm::scalar(1.0 / self.vertices as f64, 0.0, propagate);
                self.made.add("mean", mean, &[sums])
            }
        };
        let kernel = format!("Fout{place}_kernel");
        let kernel = self.weight(&kernel, &[aggregators * propagate, filters])?;
        let kernel = kernel.as_standard_layout().into_owned();
        let kernel = kernel.into_shape_with_order(vec![aggregators, propagate, filters]);
        let inputs = [vec![s, p], vec![s, p, f]];
        let kernel = Some(kernel.expect("as many elements"));
        let output = Einsum { inputs, output: vec![s, f], kernel, bias: None, dot: false };
        let output = self.made.add("transformed", output, &[means]);
        let scatter = Einsum::of(&[v, s], &[s, f], &[v, f]);
        let output = self.made.add("scattered", scatter, &[edge, output]);
        let (scale, bias) = (Array1::ones(filters).into_dyn(), format!("Fout{place}_bias"));
        let bias = self.weight(&bias, &[filters])?;
        let bias = BatchNorm { scale, bias, kind: "ApplyAlpha", quantized: false };
        let output = self.made.add("biased", bias, &[output]);
        self.data = self.merge("vertices", Binary::Mul, output, mask);
        Ok(())
    }

    /// `exp(-distance^2)`, one table.
    fn edge(&mut self, distance: Operand, aggregators: usize) -> Result<Operand, LayerError> {
        let expression = Expression::parse("exp(-d ^ 2)").map_err(OwnError::from)?;
        let values = BTreeMap::from([("d".to_owned(), Value::Data(0))]);
        let bound = expression.bind(&values).map_err(OwnError::from)?;
        let shape = Shape(vec![self.vertices, aggregators]);
        let data = [Some((distance, shape))];
        Ok(build(&bound, Lowering::Auto, &data, &mut self.made)?)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::frontend;
    use crate::source::{Attr, Attrs};

    /// What is said of a file's layer with another attribute.
    fn told(file: &str, layer: &str, (key, value): (&str, Attr)) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models").join(file);
        let mut raw = frontend::load(&path, None).unwrap_or_else(|it| panic!("{it}"));
        let node = raw.nodes.iter_mut().find(|it| it.name == layer);
        let node = node.unwrap_or_else(|| panic!("no {layer}"));
        let read = node.attrs.all().map(|it| (it.0.to_owned(), it.1.clone()));
        node.attrs = Attrs::new(read.chain([(key.to_owned(), value)]).collect());
        super::super::import(raw).err().map_or_else(String::new, |it| it.to_string())
    }

    #[test]
    fn what_is_another_layer_is_refused() {
        let word = |it: &str| Attr::Str(it.to_owned());
        for (layer, key, value, expected) in [
            ("mean", "simplified", Attr::Bool(false), "simplified = false is not supported"),
            ("mean", "input_format", word("xen"), "input_format = xen is not supported"),
            ("mean", "output_activation", word("tanh"), "(supported: none, linear)"),
            ("mean", "mean_by_nvert", Attr::Bool(true), "mean without mean_by_nvert"),
            ("mean", "quantize_transforms", Attr::Bool(true), "quantize_transforms"),
            ("mean", "n_aggregators", Attr::Int(3), "has shape"),
            ("mean", "n_filters", Attr::Int(0), "numbers of 1 to 4096"),
            ("stack", "n_filters", Attr::List(vec![Attr::Int(3)]), "as many numbers as n_filters"),
        ] {
            let found = told("k2_garnet.h5", layer, (key, value));
            assert!(found.contains(expected), "{key}: {found:?}");
        }
    }

    #[test]
    fn another_scale_of_binary_weights_is_refused() {
        let found = told("k2_binary.h5", "binary_dense", ("H", Attr::Float(0.5)));
        assert!(found.contains("BinaryDense with H = "), "{found:?}");
    }
}
