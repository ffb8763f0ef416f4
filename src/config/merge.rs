//! The command line on top of a configuration file: what is typed there wins.

use super::{Compat, Config, Io, LayerConfig, Strategy, Warning};
use crate::error::Origin;
use crate::fixed::Format;
use crate::hls;
use crate::precision::Precision;
use crate::rtl::cmvm::Effort;
use crate::rtl::dsp::Blocks;
use crate::source::InputShapes;

/// Options of the command line; `None` where nothing was typed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// `--target`.
    pub part: Option<String>,
    /// `--clock`, nanoseconds.
    pub clock_ns: Option<f64>,
    /// `--effort`.
    pub effort: Option<Effort>,
    /// `--latency`, cycles.
    pub latency_cycles: Option<u32>,
    /// `--target-ii`, cycles.
    pub target_ii: Option<u32>,
    /// `--fit`.
    pub fit: bool,
    /// `--dsp`.
    pub dsp: Option<Blocks>,
    /// `--lut-percent`.
    pub lut_percent: Option<f64>,
    /// `--io`.
    pub io: Option<Io>,
    /// `--reuse`.
    pub reuse_factor: Option<u32>,
    /// `--strategy`.
    pub strategy: Option<Strategy>,
    /// `--precision`; `auto` takes a file's default back.
    pub precision: Option<Precision>,
    /// `--max-precision`.
    pub maximum: Option<Format>,
    /// `--width`.
    pub width: Option<u32>,
    /// `--compat`.
    pub compat: Option<Compat>,
    /// `--hls`.
    pub hls: Option<hls::Tool>,
    /// `-o`.
    pub output: Option<String>,
    /// `--name`.
    pub project: Option<String>,
    /// `--input-shape`; one without a name replaces all of the file's.
    pub input_shapes: InputShapes,
}

#[derive(Debug, thiserror::Error)]
#[error("keeps its own {key} of {value}: {option} changes the model's default")]
struct Kept {
    key: &'static str,
    value: String,
    option: &'static str,
}

impl Config {
    /// Puts the command line's options over the file's values.
    ///
    /// Reuse and strategy are defaults of the model: a layer or class that the file gives another one
    /// keeps it, which the warnings say.
    pub fn merge(&mut self, options: Overrides) -> Vec<Warning> {
        fn over<T>(value: &mut Option<T>, option: Option<T>) {
            if option.is_some() {
                *value = option;
            }
        }
        let mut warnings = Vec::new();
        if let Some(reuse) = options.reuse_factor {
            self.kept(&mut warnings, "ReuseFactor", "--reuse", |it| {
                it.reuse_factor.filter(|it| *it != reuse).map(|it| it.to_string())
            });
        }
        if let Some(strategy) = options.strategy {
            self.kept(&mut warnings, "Strategy", "--strategy", |it| {
                it.strategy.filter(|it| *it != strategy).map(|it| it.to_string())
            });
        }
        over(&mut self.part, options.part);
        over(&mut self.clock_ns, options.clock_ns);
        over(&mut self.effort, options.effort);
        over(&mut self.latency_cycles, options.latency_cycles);
        over(&mut self.target_ii, options.target_ii);
        self.fit |= options.fit;
        over(&mut self.dsp, options.dsp);
        over(&mut self.lut_percent, options.lut_percent);
        over(&mut self.model.reuse_factor, options.reuse_factor);
        over(&mut self.model.strategy, options.strategy);
        over(&mut self.maximum, options.maximum);
        over(&mut self.width, options.width);
        over(&mut self.hls, options.hls);
        over(&mut self.output, options.output);
        over(&mut self.project, options.project);
        self.input_shapes.merge(options.input_shapes);
        self.io = options.io.unwrap_or(self.io);
        self.compat = options.compat.unwrap_or(self.compat);
        match options.precision {
            Some(Precision::Auto) => self.model.precision.default = None,
            given => over(&mut self.model.precision.default, given),
        }
        warnings
    }

    fn kept(
        &self,
        warnings: &mut Vec<Warning>,
        key: &'static str,
        option: &'static str,
        value: impl Fn(&LayerConfig) -> Option<String>,
    ) {
        for (section, map) in [("LayerType", &self.layer_type), ("LayerName", &self.layer_name)] {
            for (name, entry) in map {
                if let Some(value) = value(entry) {
                    let at = Origin::new(&self.file, format!("{section}.{name}"));
                    warnings.push(Warning::at(&at, Kept { key, value, option }));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_wins() {
        let text = "Model: {Precision: 'fixed<8,3>', ReuseFactor: 2}\nLayerName: {a: {ReuseFactor: 2}, b: {ReuseFactor: 4}}";
        let (mut config, _) = Config::read("c.yml", text).unwrap();
        let precision = Some("fixed<12,4>".parse().unwrap());
        let options = Overrides {
            precision,
            reuse_factor: Some(4),
            io: Some(Io::Stream),
            ..Overrides::default()
        };
        let warnings: Vec<String> = config.merge(options).iter().map(ToString::to_string).collect();
        assert_eq!(
            warnings,
            [
                "c.yml:LayerName.a: keeps its own ReuseFactor of 2: --reuse changes the model's default"
            ]
        );
        assert_eq!(config.default_precision(), Some(Format::signed(12, 4)));
        assert_eq!(config.reuse_factor("c", "Dense"), 4);
        assert_eq!(config.io, Io::Stream);
        config.merge(Overrides { precision: Some(Precision::Auto), ..Overrides::default() });
        assert_eq!(config.default_precision(), None);
    }
}
