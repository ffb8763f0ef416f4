//! What can be changed of a design: a fixed list, in a fixed order, each as a configuration and in the
//! words of the command line.

use serde_json::{Value, json};

use crate::config::{Config, DEFAULT_WIDTH, Io, Overrides, Strategy};
use crate::device::{self, Device};
use crate::fixed::Format;
use crate::precision::{Precision, Role};
use crate::report::fit::LeftOut;
use crate::rtl::dsp::Blocks;

/// Whose types a change makes narrower, so that results are others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Narrows {
    /// Nobody's.
    Nothing,
    /// Those that the model's defaults decide.
    Defaults,
    /// Those of one layer.
    Layer,
}

/// A part of a configuration file.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) config: Value,
    name: String,
}

/// A change.
#[derive(Clone, Debug)]
pub(super) struct Change {
    /// Options of the command line.
    pub(super) options: Vec<String>,
    /// What the command line cannot say, in a configuration and in words.
    pub(super) entry: Option<Entry>,
    /// What it makes narrower.
    pub(super) narrows: Narrows,
    /// All that holds with it.
    pub(super) config: Config,
}

impl Change {
    /// What it is, for people.
    pub(super) fn name(&self) -> String {
        let quoted = |it: &String| if it.contains('<') { format!("'{it}'") } else { it.clone() };
        let words: Vec<String> = self.options.iter().map(quoted).collect();
        let entry = self.entry.as_ref().map(|it| it.name.clone());
        entry.into_iter().chain(words).collect::<Vec<_>>().join(" ")
    }

    /// Another option besides.
    fn and(&self, option: &[&str], overrides: Overrides) -> Change {
        let mut changed = self.clone();
        changed.config.merge(overrides);
        changed.options.extend(option.iter().map(|it| (*it).to_owned()));
        changed
    }
}

/// What is changed.
pub(super) struct Base<'a> {
    pub(super) config: &'a Config,
    pub(super) device: &'static Device,
    /// The clock, unless a latency decides on it.
    pub(super) clock_ns: Option<f64>,
    /// Products of a sample.
    pub(super) products: u64,
    /// The largest layer with the formats of its weights and its result.
    pub(super) largest: Option<(String, Vec<(Role, Format)>)>,
}

/// A change, or why there is none.
pub(super) type Planned = Result<Change, LeftOut>;

fn no(change: &str, reason: impl Into<String>) -> Planned {
    Err(LeftOut { change: change.to_owned(), reason: reason.into() })
}

impl Base<'_> {
    fn option(&self, words: &[&str], overrides: Overrides) -> Change {
        let none = Change {
            options: Vec::new(),
            entry: None,
            narrows: Narrows::Nothing,
            config: self.config.clone(),
        };
        none.and(words, overrides)
    }

    /// Every change of one thing.
    pub(super) fn changes(&self) -> Vec<Planned> {
        let mut all = vec![self.narrower(2), self.narrower(4)];
        all.extend([2, 4].map(|it| self.narrower_layer(it)));
        all.extend(self.reuse());
        all.push(self.fit());
        all.extend(self.strategies());
        all.push(self.io());
        all.extend(self.dsp());
        all.extend(self.devices());
        all
    }

    /// Changes of several things, for what no single one does.
    pub(super) fn together(&self, narrower: Option<&Change>) -> Vec<Planned> {
        let Some(narrower) = narrower else { return Vec::new() };
        let mut all = Vec::new();
        if !self.config.fit && self.config.target_ii.is_none() {
            let reuse = Overrides {
                reuse_factor: Some(8 * self.config.model.reuse_factor.unwrap_or(1)),
                strategy: Some(Strategy::Resource),
                ..Overrides::default()
            };
            let count = reuse.reuse_factor.unwrap_or(8).to_string();
            all.push(Ok(narrower.and(&["--fit"], Overrides { fit: true, ..Overrides::default() })));
            all.push(Ok(narrower.and(&["--reuse", &count, "--strategy", "resource"], reuse)));
        }
        all
    }

    /// The default precision, or the bits of what is inferred.
    fn narrower(&self, bits: u32) -> Planned {
        let name = format!("default precision {bits} bits narrower");
        if let Some(format) = self.config.default_precision() {
            let Some(format) = narrower(format, bits) else {
                return no(&name, format!("{format} has fewer bits behind the point"));
            };
            let precision = Some(Precision::Fixed(format));
            let overrides = Overrides { precision, ..Overrides::default() };
            let change = self.option(&["--precision", &format.to_string()], overrides);
            return Ok(Change { narrows: Narrows::Defaults, ..change });
        }
        let width = self.config.width.unwrap_or(DEFAULT_WIDTH);
        let Some(width) = width.checked_sub(bits).filter(|it| *it > 1) else {
            return no(&name, format!("there are {width} bits"));
        };
        let overrides = Overrides { width: Some(width), ..Overrides::default() };
        let config = json!({ "Model": { "Width": width } });
        let entry = Some(Entry { config, name: format!("Width {width}") });
        Ok(Change { narrows: Narrows::Defaults, entry, ..self.option(&[], overrides) })
    }

    /// Weights and result of the largest layer.
    fn narrower_layer(&self, bits: u32) -> Planned {
        let name = format!("largest layer {bits} bits narrower");
        let Some((layer, formats)) = &self.largest else {
            return no(&name, "no layer with weights was estimated");
        };
        let mut change = self.option(&[], Overrides::default());
        let own = &mut change.config.layer_name.entry(layer.clone()).or_default().precision.roles;
        let mut types = serde_json::Map::new();
        for (role, format) in formats {
            let Some(format) = narrower(*format, bits) else {
                return no(&name, format!("{} of {layer} is {format}", role.name()));
            };
            own.insert(*role, Precision::Fixed(format));
            types.insert(role.name().to_owned(), json!(format.to_string()));
        }
        let config = json!({ "LayerName": { layer: { "Precision": types } } });
        let entry = Some(Entry { config, name: format!("{layer} {bits} bits narrower") });
        Ok(Change { narrows: Narrows::Layer, entry, ..change })
    }

    fn reuse(&self) -> Vec<Planned> {
        if self.config.fit {
            return vec![no("--reuse", "--fit chooses the reuse factors")];
        }
        let times = |times: u32| {
            let (option, overrides) = match self.config.target_ii {
                Some(interval) => {
                    let target_ii = Some(interval.saturating_mul(times));
                    ("--target-ii", Overrides { target_ii, ..Overrides::default() })
                }
                None => {
                    let reuse = self.config.model.reuse_factor.unwrap_or(1).saturating_mul(times);
                    ("--reuse", Overrides { reuse_factor: Some(reuse), ..Overrides::default() })
                }
            };
            let count = overrides.target_ii.or(overrides.reuse_factor).unwrap_or(times);
            Ok(self.option(&[option, &count.to_string()], overrides))
        };
        [2, 4, 8].map(times).into()
    }

    fn fit(&self) -> Planned {
        match (self.config.fit, self.config.target_ii) {
            (true, _) => no("--fit", "it is asked for already"),
            (_, Some(_)) => no("--fit", "--target-ii chooses the reuse factors"),
            _ => Ok(self.option(&["--fit"], Overrides { fit: true, ..Overrides::default() })),
        }
    }

    fn strategies(&self) -> Vec<Planned> {
        let all = [
            (Strategy::Latency, "latency"),
            (Strategy::Resource, "resource"),
            (Strategy::Unrolled, "resource_unrolled"),
            (Strategy::DistributedArithmetic, "distributed_arithmetic"),
        ];
        let now = self.config.model.strategy.unwrap_or_default();
        let change = |(strategy, name): (Strategy, &str)| {
            let overrides = Overrides { strategy: Some(strategy), ..Overrides::default() };
            Ok(self.option(&["--strategy", name], overrides))
        };
        all.into_iter().filter(|it| it.0 != now).map(change).collect()
    }

    fn io(&self) -> Planned {
        let io = |io| Overrides { io: Some(io), ..Overrides::default() };
        match self.config.io {
            Io::Parallel => Ok(self.option(&["--io", "stream"], io(Io::Stream))),
            // What streams may be far too much side by side, and takes as long to find out.
            Io::Stream if self.unfolded() && self.products > self.device.total.lut => {
                no("--io parallel", format!("{} products would be side by side", self.products))
            }
            Io::Stream => Ok(self.option(&["--io", "parallel"], io(Io::Parallel))),
        }
    }

    /// Nothing asks for multipliers that are used more than once.
    fn unfolded(&self) -> bool {
        let Config { fit, target_ii, model, .. } = self.config;
        !fit && target_ii.is_none() && model.reuse_factor.unwrap_or(1) == 1
    }

    fn dsp(&self) -> Vec<Planned> {
        let change = |blocks: Blocks, words: &str| {
            let overrides = Overrides { dsp: Some(blocks), ..Overrides::default() };
            Ok(self.option(&["--dsp", words], overrides))
        };
        let all = u32::try_from(self.device.total.dsp).unwrap_or(u32::MAX);
        if all == 0 {
            return vec![no("--dsp", format!("{} has no DSP blocks", self.device.name))];
        }
        let none = || change(Blocks::None, "none");
        let most = || change(Blocks::Count(all), &all.to_string());
        match self.config.dsp.unwrap_or_default() {
            Blocks::Auto => vec![none(), most()],
            Blocks::None => vec![change(Blocks::Auto, "auto"), most()],
            Blocks::Count(_) => vec![none(), change(Blocks::Auto, "auto")],
        }
    }

    /// The next larger and the next smaller device of the family, at the same clock.
    fn devices(&self) -> Vec<Planned> {
        let own = self.device.total.lut;
        let known = || device::all().iter().filter(|it| family(it) == family(self.device));
        let larger = known().filter(|it| it.total.lut > own).min_by_key(|it| it.total.lut);
        let smaller = known().filter(|it| it.total.lut < own).max_by_key(|it| it.total.lut);
        let change = |(found, word): (Option<&Device>, &str)| {
            let Some(found) = found else {
                return no(
                    &format!("a {word} device"),
                    format!("none of {} is known", family(self.device)),
                );
            };
            let clock = self.clock_ns.map(|it| it.to_string());
            let words = ["--target", &found.name].into_iter();
            let words = words.chain(clock.iter().flat_map(|it| ["--clock", it]));
            let part = Some(found.name.clone());
            let overrides = Overrides { part, clock_ns: self.clock_ns, ..Overrides::default() };
            Ok(self.option(&words.collect::<Vec<_>>(), overrides))
        };
        [(larger, "larger"), (smaller, "smaller")].map(change).into()
    }
}

/// The family of a device: its fabric without the speed grade.
fn family(device: &Device) -> &str {
    device.fabric.name.rsplit_once(' ').map_or(device.fabric.name.as_str(), |it| it.0)
}

/// A format with fewer bits behind the point, as large as before.
fn narrower(format: Format, bits: u32) -> Option<Format> {
    let behind = i64::from(format.width) - i64::from(format.int_bits);
    let left = format.width.checked_sub(bits)?;
    (behind >= i64::from(bits) && left > 1).then_some(Format { width: left, ..format })
}
