//! Quantized constants: codes and the scales that belong to them, given or found by least squares.
//!
//! Channels are the last axis. A tensor of one axis starts from one scale, but every step of the least
//! squares is then for each element: so QKeras does.

use super::rule::{Alpha, EPSILON, Function, Grid, Rule, power};
use crate::source::Tensor;

/// Steps of least squares for a power of two.
const STEPS: u32 = 5;

/// A quantized constant: `value = code * scale`.
pub(super) struct Quantized {
    pub(super) codes: Tensor,
    /// One for all, or one for each channel; none if the codes are the values.
    pub(super) scale: Option<Vec<f32>>,
}

impl Quantized {
    /// The values, as float32 has them.
    pub(super) fn values(self) -> Tensor {
        let Quantized { mut codes, scale } = self;
        if let Some(scale) = scale {
            for (at, code) in codes.iter_mut().enumerate() {
                *code = f64::from(*code as f32 * scale[at % scale.len()]);
            }
        }
        codes
    }

    /// Multiplies scales that are powers of two in: the values have few bits still.
    fn simplified(self) -> Quantized {
        let is_power = |it: &f32| it.is_normal() && it.to_bits() & 0x7f_ffff == 0;
        match &self.scale {
            Some(scale) if scale.iter().all(is_power) => {
                Quantized { codes: self.values(), scale: None }
            }
            _ => self,
        }
    }
}

impl Rule {
    /// Quantizes a constant; `version` is that of Keras, with which QKeras differs.
    pub(super) fn apply(&self, values: &Tensor, version: i64) -> Quantized {
        let codes = |code: &mut dyn FnMut(usize, f32) -> f32| {
            let standard = values.as_standard_layout();
            let codes = standard.iter().enumerate();
            let codes = codes.map(|(at, it)| f64::from(code(at, *it as f32))).collect();
            Tensor::from_shape_vec(values.raw_dim(), codes).expect("as many codes as values")
        };
        let po2 = match self.alpha {
            Alpha::Number(alpha) => {
                let codes = codes(&mut |_, x| self.function.at(x));
                return Quantized { codes, scale: Some(vec![alpha]) }.simplified();
            }
            Alpha::Auto { po2 } => po2,
        };
        let mut fit = Fit::new(values, self.function, po2);
        fit.run(version);
        let Fit { codes: found, scale, unit, .. } = fit;
        let codes = codes(&mut |at, _| found[at] * unit);
        Quantized { codes, scale: Some(scale) }.simplified()
    }
}

/// The search for the best scales.
struct Fit {
    function: Function,
    po2: bool,
    /// Values, in units of the quantizer's own.
    x: Vec<f32>,
    unit: f32,
    /// Groups of values with a scale of their own; a value's is its place modulo this.
    groups: usize,
    scale: Vec<f32>,
    codes: Vec<f32>,
}

impl Fit {
    fn new(values: &Tensor, function: Function, po2: bool) -> Fit {
        let unit = match function {
            Function::Bits(grid) => power(grid.integer),
            _ => 1.0,
        };
        let x: Vec<f32> = values.as_standard_layout().iter().map(|it| *it as f32 / unit).collect();
        let groups = values.shape().last().copied().unwrap_or(1).max(1);
        let mut scale = vec![0.0; groups];
        for (at, x) in x.iter().enumerate() {
            let largest: &mut f32 = &mut scale[at % groups];
            *largest = largest.max(x.abs());
        }
        if values.ndim() <= 1 {
            let largest = scale.iter().copied().fold(0.0, f32::max);
            scale.fill(largest);
        }
        let codes = vec![0.0; x.len()];
        Fit { function, po2, x, unit, groups, scale, codes }
    }

    fn run(&mut self, version: i64) {
        let po2 = self.po2;
        let start = |scale: f32| if po2 { nearest_power(scale) } else { scale };
        match self.function {
            Function::Bits(grid) => {
                self.scale.iter_mut().for_each(|it| *it = start(*it / levels(grid)));
                let steps = if po2 { STEPS } else { 0 };
                for _ in 0..steps {
                    self.encode(|x, scale| nearest(grid, x, scale));
                    self.improve();
                }
                // QKeras 0.9 leaves the codes as they were before the last step.
                if !po2 || version >= 3 {
                    self.encode(|x, scale| nearest(grid, x, scale));
                }
            }
            Function::Ternary { unrolls, .. } => {
                self.scale.iter_mut().for_each(|it| *it = start(2.0 * *it / 3.0));
                for _ in 0..unrolls {
                    self.encode(|x, scale| {
                        let rounded = scale * (x / scale).round_ties_even();
                        if rounded.abs() >= scale / 2.0 && x != 0.0 { x.signum() } else { 0.0 }
                    });
                    self.improve();
                }
            }
            function => {
                self.encode(|x, _| function.at(x));
                self.improve();
            }
        }
    }

    fn encode(&mut self, code: impl Fn(f32, f32) -> f32) {
        for (at, (x, found)) in self.x.iter().zip(&mut self.codes).enumerate() {
            let scale = self.scale[at % self.groups];
            *found = if scale == 0.0 { 0.0 } else { code(*x, scale) };
        }
    }

    /// The scales that bring the codes nearest to the values.
    fn improve(&mut self) {
        let mut sums = vec![(0.0, 0.0, 0.0); self.groups];
        for (at, (x, code)) in self.x.iter().zip(&self.codes).enumerate() {
            let (count, mixed, squares) = &mut sums[at % self.groups];
            *count += 1.0;
            *mixed += f64::from(*x) * f64::from(*code);
            *squares += f64::from(*code) * f64::from(*code);
        }
        for (scale, (count, mixed, squares)) in self.scale.iter_mut().zip(sums) {
            let mean = |it: f64| (it / f64::max(count, 1.0)) as f32;
            let best = mean(mixed) / (mean(squares) + EPSILON);
            *scale = if self.po2 { nearest_power(best) } else { best };
        }
    }
}

/// Codes go from minus this to this.
fn levels(grid: Grid) -> f32 {
    power(grid.bits - 1) - 1.0
}

fn nearest(grid: Grid, x: f32, scale: f32) -> f32 {
    let size = (x.abs() / scale + 0.5).floor().min(levels(grid));
    if x == 0.0 { 0.0 } else { size * x.signum() }
}

/// The power of two nearest to a scale, as exponents go.
fn nearest_power(scale: f32) -> f32 {
    let log = f64::from(scale + EPSILON).log2().round_ties_even();
    power(log.clamp(-100.0, 100.0) as i32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{arr1, arr2};

    fn bits(alpha: Alpha) -> Rule {
        let grid = Grid { bits: 4, integer: 1, symmetric: true, signed: true };
        Rule { function: Function::Bits(grid), alpha }
    }

    #[test]
    fn every_channel_has_its_scale() {
        let kernel = arr2(&[[1.4, -0.2], [-0.7, 0.07], [0.2, 0.1]]).into_dyn();
        // Largest / 2 / 7: 0.1 and 1/70; codes in steps of two.
        let found = bits(Alpha::Auto { po2: false }).apply(&kernel, 2);
        assert_eq!(found.codes, arr2(&[[14.0, -14.0], [-8.0, 4.0], [2.0, 8.0]]).into_dyn());
        let scale = found.scale.unwrap();
        assert!((scale[0] - 0.1).abs() < 1e-7 && (scale[1] - 1.0 / 70.0).abs() < 1e-7, "{scale:?}");
    }

    #[test]
    fn powers_of_two_are_multiplied_in() {
        let kernel = arr2(&[[0.75, -0.1], [-0.25, 0.02]]).into_dyn();
        let found = bits(Alpha::Auto { po2: true }).apply(&kernel, 3);
        assert!(found.scale.is_none());
        // Column 0: scale 2^-4 of units of two, so steps of an eighth; it holds both numbers.
        assert_eq!((found.codes[[0, 0]], found.codes[[1, 0]]), (0.75, -0.25));
        let half = bits(Alpha::Number(0.5)).apply(&arr1(&[0.5, -9.0]).into_dyn(), 2);
        assert!(half.scale.is_none());
        assert_eq!(half.codes, arr1(&[0.25, -0.875]).into_dyn());
        let third = bits(Alpha::Number(0.3)).apply(&arr1(&[0.5]).into_dyn(), 2);
        assert_eq!(third.scale, Some(vec![0.3]));
    }

    #[test]
    fn ternary_and_binary_fit_their_scales() {
        let ternary = Function::Ternary { threshold: 0.33, unrolls: 5 };
        let kernel = arr2(&[[0.9], [-1.1], [0.1], [0.0]]).into_dyn();
        let auto = Alpha::Auto { po2: false };
        let found = Rule { function: ternary, alpha: auto }.apply(&kernel, 2);
        assert_eq!(found.codes, arr2(&[[1.0], [-1.0], [0.0], [0.0]]).into_dyn());
        assert!((found.scale.unwrap()[0] - 1.0).abs() < 1e-6);
        let binary = Function::Binary { zero_one: false };
        let found = Rule { function: binary, alpha: auto }.apply(&kernel, 2);
        assert_eq!(found.codes, arr2(&[[1.0], [-1.0], [1.0], [1.0]]).into_dyn());
        assert!((found.scale.unwrap()[0] - 2.1 / 4.0).abs() < 1e-6);
    }

    #[test]
    fn a_channel_of_zeros_stays_zero() {
        let kernel = arr2(&[[0.0], [0.0]]).into_dyn();
        for po2 in [false, true] {
            let found = bits(Alpha::Auto { po2 }).apply(&kernel, 2).values();
            assert_eq!(found, kernel);
        }
    }
}
