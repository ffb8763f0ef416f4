//! What to change of a design so that it fits: every change on the list is made and estimated as
//! `build` would, none is a rule of thumb.
//!
//! The list is short and its order fixed. No change is begun once the time that the user allows is over;
//! what was not begun is named. So the whole takes that time and one estimate at most.

mod changes;

use std::time::{Duration, Instant};

use self::changes::{Base, Change, Narrows, Planned};
use super::target::{self, Missed};
use crate::compile::{self, Compiled, Source};
use crate::config::{Config, Warning};
use crate::error::{Problems, Result};
use crate::estimate::hls::HlsKernel;
use crate::firmware::{self, Choice};
use crate::fixed::Format;
use crate::hls::Tool;
use crate::precision::{self, Role};
use crate::report::compare::{Comparison, Metric, Side};
use crate::report::fit::{Advice, Fit, LeftOut, Predicted, Tried};
use crate::source::RawModel;

/// A model as it was read, and what it is made with.
pub(super) struct Made<'a> {
    pub(super) model: (RawModel, Source),
    pub(super) calibrate: &'a [std::path::PathBuf],
}

/// A design with the estimates of both paths.
pub(super) struct Estimated {
    pub(super) compiled: Compiled,
    pub(super) comparison: Comparison,
    pub(super) choice: Option<Choice>,
}

impl Estimated {
    /// What each path takes, and whether it fits.
    pub(super) fn predicted(&self) -> Vec<Predicted> {
        let limit = self.compiled.design.plan.dsp.room(&self.compiled.device.total);
        let figures = |fit: Fit| Predicted { figures: *self.comparison.total.of(fit.path), fit };
        Fit::of(&self.comparison, &limit).into_iter().map(figures).collect()
    }

    /// The layer that takes the most lookup tables of those with weights, by the direct path.
    fn largest(&self) -> Option<String> {
        let lut = |side: Side, name: &str| {
            let row = self.comparison.layers.iter().find(|it| it.name == name)?;
            Some(row.figures.of(side).get(Metric::Lut)?.value)
        };
        let rows = precision::rows(&self.compiled.graph, &self.compiled.formats);
        let weighted = rows.iter().filter(|it| it.role == Role::Weight);
        let sized = weighted.filter_map(|it| Some((lut(Side::Rtl, it.layer)?, it.layer)));
        sized.max_by(|a, b| a.0.total_cmp(&b.0)).map(|it| it.1.to_owned())
    }
}

impl Made<'_> {
    /// Everything from the model to the design.
    pub(super) fn compile(&self, config: &Config, warnings: Vec<Warning>) -> Result<Compiled> {
        compile::compile(self.model.clone(), config, self.calibrate, warnings)
    }

    /// What both changes and the design as it is go through.
    pub(super) fn estimate(
        mut compiled: Compiled,
        config: &Config,
    ) -> Result<std::result::Result<Estimated, (Missed, Compiled)>> {
        let (rtl, choice) = match target::rtl(&mut compiled, config)? {
            Ok(made) => made,
            Err(missed) => return Ok(Err((missed, compiled))),
        };
        let hls = firmware::hls(&compiled.design, compiled.device, Tool::Vitis)?;
        let comparison = super::comparison::estimated(&compiled, Some(&rtl), Some(&hls))?;
        Ok(Ok(Estimated { compiled, comparison, choice }))
    }

    /// What can be changed of a design, which may be one that was not found.
    pub(super) fn advise(
        &self,
        config: &Config,
        now: std::result::Result<&Estimated, &Compiled>,
        time: Duration,
    ) -> Advice {
        let compiled = now.map_or_else(|it| it, |it| &it.compiled);
        let types = types(compiled);
        let base = Base {
            config,
            device: compiled.device,
            clock_ns: config.latency_cycles.is_none().then_some(compiled.design.plan.clock_ns),
            products: products(compiled),
            largest: now.ok().and_then(Estimated::largest).map(|layer| {
                let own = types.iter().filter(|it| it.0 == layer);
                let roles = own.filter(|it| matches!(it.1, Role::Weight | Role::Result));
                (layer.clone(), roles.map(|it| (it.1, it.2)).collect())
            }),
        };
        let mut search = Search {
            made: self,
            now: now.ok(),
            types,
            part: compiled.design.plan.part.clone(),
            started: Instant::now(),
            time,
            advice: Advice::default(),
            narrower: None,
        };
        base.changes().into_iter().for_each(|it| search.planned(it));
        let hopeless = |it: &Side| search.advice.fitting(*it).is_empty();
        let fits = |it: &Side| {
            now.is_ok_and(|now| {
                now.predicted().iter().any(|own| own.fit.path == *it && own.fit.fits)
            })
        };
        if Side::ALL.iter().any(|it| hopeless(it) && !fits(it)) {
            let together = base.together(search.narrower.as_ref());
            together.into_iter().for_each(|it| search.planned(it));
        }
        search.advice
    }
}

/// Every type of every layer.
type Types = Vec<(String, Role, Format)>;

fn types(compiled: &Compiled) -> Types {
    let rows = precision::rows(&compiled.graph, &compiled.formats);
    rows.into_iter().map(|it| (it.layer.to_owned(), it.role, it.format)).collect()
}

/// Products of a sample.
fn products(compiled: &Compiled) -> u64 {
    let kernels = firmware::kernels(&compiled.design, &compiled.design.graph);
    let products = |it: &HlsKernel| match it {
        HlsKernel::Dense(it) => it.inputs.saturating_mul(it.outputs).saturating_mul(it.positions),
        _ => 0,
    };
    kernels.iter().fold(0, |sum: u64, it| sum.saturating_add(products(&it.1)))
}

/// What is wrong, once for all layers of which it is said.
fn said(problems: Problems) -> String {
    let mut all: Vec<String> = Vec::new();
    for problem in &problems.0 {
        let what = problem.what.to_string();
        if !all.contains(&what) {
            all.push(what);
        }
    }
    all.join("; ")
}

struct Search<'a> {
    made: &'a Made<'a>,
    now: Option<&'a Estimated>,
    types: Types,
    part: String,
    started: Instant,
    time: Duration,
    advice: Advice,
    /// The narrowest default precision that does something.
    narrower: Option<Change>,
}

impl Search<'_> {
    fn planned(&mut self, planned: Planned) {
        let tried = planned.and_then(|change| {
            let left = |reason: String| LeftOut { change: change.name(), reason };
            if self.started.elapsed() >= self.time {
                let seconds = self.time.as_secs();
                return Err(left(format!(
                    "not begun, for {seconds} s were over (--advise-seconds)"
                )));
            }
            self.tried(&change).map_err(left)
        });
        match tried {
            Ok(tried) => self.advice.tried.push(tried),
            Err(left) => self.advice.left_out.push(left),
        }
    }

    /// The effect of a change, or why there is none.
    fn tried(&mut self, change: &Change) -> std::result::Result<Tried, String> {
        let compiled = self.made.compile(&change.config, Vec::new()).map_err(said)?;
        if change.narrows != Narrows::Nothing && types(&compiled) == self.types {
            return Err("the types are the model's own: its quantizers fix all of them".into());
        }
        let part = compiled.design.plan.part.clone();
        let found = Made::estimate(compiled, &change.config).map_err(said)?;
        let found = found.map_err(|(missed, _)| missed.to_string())?;
        let before = self.now.map(Estimated::predicted).unwrap_or_default();
        let is_new = |it: &Predicted| {
            let same = |old: &Predicted| old.fit == it.fit && old.figures == it.figures;
            !before.iter().any(same)
        };
        let paths: Vec<Predicted> = found.predicted().into_iter().filter(is_new).collect();
        if paths.is_empty() {
            return Err("it changes no figure of either path".into());
        }
        if change.narrows == Narrows::Defaults {
            self.narrower = Some(change.clone());
        }
        Ok(Tried {
            change: change.name(),
            options: change.options.clone(),
            config: change.entry.as_ref().map(|it| it.config.clone()),
            other_results: change.narrows != Narrows::Nothing,
            part: Some(part).filter(|it| *it != self.part),
            paths,
        })
    }
}
