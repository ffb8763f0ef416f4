//! Convolutions and pooling in hardware: random windows, groups and formats, in all engines but RTL
//! text, which whole projects simulate.

use std::collections::BTreeMap;

use super::{Conv, ConvTranspose};
use crate::fixed::{Builder, Format};
use crate::layers::testing::{Bench, Noise, check_datapath, format, run};
use crate::layers::window::Window;
use crate::layers::{Divisor, Layer, Pool, Pooling, Reduce, Reduction};
use crate::nn::Shape;
use crate::precision::Role;
use crate::source::Tensor;
use crate::units::agreement::samples;

/// Random small numbers.
struct Dice(Noise);

impl Dice {
    /// From `lo` to `hi`.
    fn roll(&mut self, lo: usize, hi: usize) -> usize {
        lo + (self.0.next() * (hi - lo + 1) as f64) as usize
    }

    fn window(&mut self, extents: &[usize]) -> Window {
        loop {
            let size: Vec<usize> = extents.iter().map(|_| self.roll(1, 3)).collect();
            let mut window = Window::of(&size);
            for axis in 0..extents.len() {
                window.stride[axis] = self.roll(1, 3);
                window.dilation[axis] = self.roll(1, 2);
                window.pad[axis] = (self.roll(0, 2), self.roll(0, 2));
            }
            if window.places(extents).is_some() {
                return window;
            }
        }
    }

    /// Numbers on a grid that 16 bits hold.
    fn tensor(&mut self, shape: &[usize]) -> Tensor {
        let count = shape.iter().product();
        let values = (0..count).map(|_| (self.roll(0, 60) as f64 - 30.0) / 16.0).collect();
        Tensor::from_shape_vec(shape, values).unwrap()
    }

    fn extents(&mut self) -> Vec<usize> {
        let spatial = self.roll(1, 2);
        (0..spatial).map(|_| self.roll(2, 5)).collect()
    }

    fn input(&mut self) -> Format {
        let all = ["fixed<8,3>", "ufixed<6,2>", "fixed<5,5>", "fixed<12,1>"];
        format(all[self.roll(0, 3)])
    }

    /// A convolution, its shape of input.
    fn conv(&mut self) -> (Layer, Vec<usize>) {
        let mut shape = self.extents();
        let (groups, n_in, n_out) = (self.roll(1, 3), self.roll(1, 2), self.roll(1, 2));
        let spatial = shape.len();
        let bias = (self.roll(0, 1) == 1).then(|| self.tensor(&[groups * n_out]));
        if self.roll(0, 3) == 0 {
            let size: Vec<usize> = (0..spatial).map(|_| self.roll(1, 3)).collect();
            let kernel = self.tensor(&[size, vec![groups * n_in, n_out]].concat());
            let stride = (0..spatial).map(|_| self.roll(1, 3)).collect();
            let dilation = (0..spatial).map(|_| self.roll(1, 2)).collect();
            let crop = (0..spatial).map(|_| (self.roll(0, 1) as i64, -(self.roll(0, 1) as i64)));
            let crop = crop.collect();
            shape.push(groups * n_in);
            return (
                ConvTranspose {
                    kernel: kernel.into(),
                    bias,
                    groups,
                    stride,
                    dilation,
                    crop,
                    quantized: false,
                }
                .into(),
                shape,
            );
        }
        let window = self.window(&shape);
        let kernel = [window.size.as_slice(), &[n_in, groups * n_out]].concat();
        let kernel = self.tensor(&kernel);
        shape.push(groups * n_in);
        (Conv { kernel: kernel.into(), bias, groups, window, quantized: false }.into(), shape)
    }

    fn pool(&mut self) -> (Layer, Vec<usize>) {
        let mut shape = self.extents();
        let window = self.window(&shape);
        shape.push(self.roll(1, 3));
        let rank = shape.len();
        let reduce = |reduction, keep| {
            let axes = (0..rank - 1).collect();
            Layer::from(Reduce { reduction, axes, keep })
        };
        let pad = window.pad.clone();
        let pool = |pooling| Layer::from(Pool { pooling, window: window.clone() });
        let layer = match self.roll(0, 7) {
            0 => pool(Pooling::Max),
            1 => pool(Pooling::Average(Divisor::Elements)),
            2 => pool(Pooling::Average(Divisor::Padded(pad))),
            3 => pool(Pooling::Average(Divisor::Fixed(3.0))),
            4 => reduce(Reduction::Mean, true),
            5 => reduce(Reduction::Sum, false),
            6 => reduce(Reduction::Max, false),
            _ => reduce(Reduction::Min, true),
        };
        (layer, shape)
    }
}

/// A layer that its own `infer` accepts, on a random input.
fn bench(dice: &mut Dice, make: fn(&mut Dice) -> (Layer, Vec<usize>)) -> Bench {
    loop {
        let (layer, shape) = make(dice);
        if layer.spec().infer(&[&Shape(shape.clone())]).is_ok() {
            return Bench::new(layer, dice.input(), &shape);
        }
    }
}

/// The same with types that round, wrap and saturate.
fn narrow(dice: &mut Dice, make: fn(&mut Dice) -> (Layer, Vec<usize>)) -> Bench {
    let mut bench = bench(dice, make);
    let accums =
        ["fixed<10,6,RND,SAT>", "fixed<9,4>", "ufixed<9,5,TRN,SAT>", "fixed<20,9,RND_CONV>"];
    let results = ["fixed<7,3,RND_CONV,SAT_SYM>", "ufixed<6,3>", "fixed<9,6,TRN_ZERO,SAT_ZERO>"];
    bench.compat = dice.roll(0, 1) == 1;
    let accum = format(accums[dice.roll(0, 3)]);
    let result = format(results[dice.roll(0, 2)]);
    bench.given = BTreeMap::from([(Role::Accum, accum), (Role::Result, result)]);
    bench
}

/// Emulator and scalar program agree at the ends of all ranges and on random inputs.
fn check_engines(bench: &Bench, seed: u64) {
    let graph = bench.graph(&bench.formats());
    let samples = samples(&graph, seed);
    for (sample, found) in samples.iter().zip(run(&graph, &samples)).step_by(5) {
        check_datapath(&graph, sample, &found);
    }
}

/// Inputs on the grid of a bench, its corners included.
fn floats(bench: &Bench, seed: u64) -> Vec<Vec<f64>> {
    let graph = bench.graph(&bench.formats());
    let value = |it: &i128| bench.input.value(*it);
    samples(&graph, seed).iter().map(|it| it.iter().map(value).collect()).collect()
}

#[test]
fn convolutions_round_once() {
    for seed in 0..40 {
        let bench = bench(&mut Dice(Noise::new(seed)), Dice::conv);
        let result = bench.formats().format(Role::Result);
        let error = bench.error(&floats(&bench, seed));
        let half = result.value(1) / 2.0;
        assert!(error <= half * 1.000_001, "seed {seed}: {error}, half a step is {half}");
        check_engines(&bench, seed);
    }
}

#[test]
fn narrow_convolutions_are_the_same_everywhere() {
    for seed in 0..40 {
        check_engines(&narrow(&mut Dice(Noise::new(seed)), Dice::conv), seed);
    }
}

#[test]
fn pooling_is_exact_or_truncates_once() {
    for seed in 0..50 {
        let bench = bench(&mut Dice(Noise::new(seed)), Dice::pool);
        // Padding alone has no maximum and no mean in floats.
        let zero = vec![0.0; bench.shape.elements()];
        if bench.exact(&zero).iter().all(|it| it.is_finite()) {
            let formats = bench.formats();
            let step = |role| formats.format(role).value(1);
            let bound = match &bench.layer {
                Layer::Pool(Pool { pooling: Pooling::Max, .. }) => 0.0,
                Layer::Reduce(Reduce { reduction: Reduction::Max | Reduction::Min, .. }) => 0.0,
                _ => step(Role::Accum) + step(Role::Result) / 2.0,
            };
            let error = bench.error(&floats(&bench, seed));
            assert!(error <= bound * 1.000_001, "seed {seed}: {error}: {:?}", bench.layer);
        }
        check_engines(&bench, seed);
        check_engines(&narrow(&mut Dice(Noise::new(seed)), Dice::pool), seed);
    }
}

/// hls4ml's kernel, written down once more: `y = R(A(s / L))` with C++'s division.
#[test]
fn means_are_hls4mls() {
    let input = format("fixed<6,3>");
    let window = Window { pad: vec![(1, 1)], ..Window::of(&[3]) };
    let layer = Pool { pooling: Pooling::Average(Divisor::Elements), window };
    let mut bench = Bench::new(layer, input, &[4, 1]);
    bench.compat = true;
    let formats = bench.formats();
    // Two bits for the logarithm of three, twice.
    assert_eq!(formats.format(Role::Accum), format("fixed<10,5>"));
    assert_eq!(formats.format(Role::Result), input);
    let graph = bench.graph(&formats);
    let samples = samples(&graph, 3);
    for (x, y) in samples.iter().zip(run(&graph, &samples)) {
        let sums = [(x[0] + x[1], 2), (x[0] + x[1] + x[2], 3), (x[1] + x[2] + x[3], 3)];
        for ((sum, count), y) in sums.into_iter().zip(y) {
            assert_eq!(y, ((sum << 2) / count) >> 2, "{x:?}");
        }
    }
}

/// hls4ml pads with the first bit alone, which is no minimum without a sign; we do not.
#[test]
fn padding_is_never_the_largest_unless_hls4ml_says_so() {
    let input = format("ufixed<4,4>");
    let window = Window { pad: vec![(1, 0)], ..Window::of(&[2]) };
    let layer = Pool { pooling: Pooling::Max, window };
    let mut bench = Bench::new(layer, input, &[2, 1]);
    for (compat, first) in [(false, 3), (true, 8)] {
        bench.compat = compat;
        let graph = bench.graph(&bench.formats());
        assert_eq!(run(&graph, &[vec![3, 5]]), [[first, 5]]);
    }
}

/// Several layers to a compile: g++ is slow.
#[test]
fn cpp_computes_the_same() {
    let Some(compiler) = crate::hls::tests::compiler("cpp_computes_the_same") else { return };
    for seed in 0..2 {
        let (mut builder, mut dice) = (Builder::new(), Dice(Noise::new(100 + seed)));
        for k in 0..8 {
            let make = if k % 2 == 0 { Dice::conv } else { Dice::pool };
            let bench = if k < 4 { bench(&mut dice, make) } else { narrow(&mut dice, make) };
            bench.add(&mut builder, &k.to_string(), &bench.formats());
        }
        let options = crate::hls::tests::vitis("windows");
        crate::hls::tests::agree(&compiler, &builder.graph, &options, seed);
    }
}
