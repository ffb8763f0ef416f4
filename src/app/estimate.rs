//! `estimate`: what both paths would take, whether that fits, and what to change.

use std::time::Duration;

use serde_json::{Value, json};

use super::advice::{Estimated, Made};
use super::target::Missed;
use super::{Manifest, Outcome, folding, model};
use crate::cli::{Advise, Estimate};
use crate::config::Config;
use crate::device;
use crate::error::{Located, Origin, Result};
use crate::firmware::Unmet;
use crate::project::{self, MANIFEST};
use crate::report::compare::Comparison;
use crate::report::fit::{self, Fit, Predicted};
use crate::report::listing;
use crate::rtl::dsp::{DspPlan, LUT_PERCENT};

/// Changes of a project, which is made already.
#[derive(Debug, thiserror::Error)]
#[error("--advise changes how a model is made; give the model, with the options of this project")]
struct Late;

/// The command.
pub(super) fn run(args: &Estimate) -> Result<Outcome> {
    match model::project_or_model(&args.model)? {
        true if args.advise == Advise::Always => {
            Err(Late).locate(&Origin::new(args.model.model.display().to_string(), ""))
        }
        true => of_project(args),
        false => of_model(args),
    }
}

fn of_project(args: &Estimate) -> Result<Outcome> {
    let manifest: Manifest = project::read_json(&args.model.model, MANIFEST)?;
    let (comparison, config) = (manifest.comparison, &manifest.config);
    let device = device::find(&comparison.part).anywhere()?;
    let plan = DspPlan { lut_percent: percent(config), ..DspPlan::default() };
    let fits = Fit::of(&comparison, &plan.room(&device.total));
    let text = listing::comparison(&comparison) + &verdict(&fits, &device.name, config);
    let json = told(&comparison, &fits)?;
    Ok(Outcome { text, json, ..Outcome::default() })
}

fn percent(config: &Config) -> f64 {
    config.lut_percent.unwrap_or(LUT_PERCENT)
}

fn verdict(fits: &[Fit], device: &str, config: &Config) -> String {
    format!("\n{}", fit::verdict(fits, device, percent(config)))
}

fn told(comparison: &Comparison, fits: &[Fit]) -> Result<Value> {
    let mut json = serde_json::to_value(comparison).anywhere()?;
    json["fit"] = serde_json::to_value(fits).anywhere()?;
    Ok(json)
}

fn of_model(args: &Estimate) -> Result<Outcome> {
    let (config, warnings) = model::config(&args.model.options, None)?;
    let calibrate = &args.model.options.calibrate;
    let made = Made { model: model::load(&args.model, &config)?, calibrate };
    let mut compiled = made.compile(&config, warnings)?;
    let warnings = std::mem::take(&mut compiled.warnings);
    let found = Made::estimate(compiled, &config)?;
    let (mut outcome, fits) = match &found {
        Ok(it) => (estimated(it, &config)?, it.predicted().iter().all(|it| it.fit.fits)),
        Err((missed, _)) => {
            let is_full = matches!(missed, Missed::Folding(Unmet::Device { .. }));
            (Outcome::missed(missed, Vec::new()), !is_full)
        }
    };
    outcome.warnings = warnings;
    let wanted = match args.advise {
        Advise::Auto => !fits,
        Advise::Always => true,
        Advise::Never => false,
    };
    if wanted {
        let now = found.as_ref().map_err(|it| &it.1);
        let advice = made.advise(&config, now, Duration::from_secs(args.advise_seconds));
        let before: Vec<Predicted> = now.map(Estimated::predicted).unwrap_or_default();
        outcome.text.push_str(&format!("\n{}", fit::listing(&advice, &before)));
        outcome.json["advice"] = json!(advice);
    }
    Ok(outcome)
}

fn estimated(it: &Estimated, config: &Config) -> Result<Outcome> {
    let fits: Vec<Fit> = it.predicted().into_iter().map(|it| it.fit).collect();
    let device = it.compiled.device;
    let chosen = it.choice.as_ref().map(|it| folding::text(it, device)).unwrap_or_default();
    let text =
        listing::comparison(&it.comparison) + &chosen + &verdict(&fits, &device.name, config);
    Ok(Outcome { text, json: told(&it.comparison, &fits)?, ..Outcome::default() })
}
