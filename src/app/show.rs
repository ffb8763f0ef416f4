//! The commands that only look: `config`, `inspect`, `targets`.

use std::path::Path;

use serde_json::json;

use super::{Outcome, comparison, model};
use crate::cli::{ConfigArgs, Granularity, Inspect, Targets};
use crate::compile;
use crate::device;
use crate::error::{Located, Result};
use crate::lower;
use crate::precision;
use crate::project;
use crate::report::table::Table;
use crate::report::{listing, svg};

/// `config`: everything resolved, ready to edit.
pub(super) fn config(args: &ConfigArgs) -> Result<Outcome> {
    let (config, mut warnings) = model::config(&args.model.options, None)?;
    let options = &args.model.options;
    let (raw, _) = model::load(&args.model, &config)?;
    let decided = compile::decide(raw, &config, &options.calibrate, &mut warnings, true)?;
    let (graph, formats) = (&decided.graph, &decided.formats);
    if lower::check(graph).is_ok() {
        lower::lower(graph, formats)?;
    }
    let granularity = match args.granularity {
        Granularity::Model => precision::Granularity::Model,
        Granularity::Type => precision::Granularity::Type,
        Granularity::Name => precision::Granularity::Name,
    };
    let tree = precision::resolved(graph, formats, &config, granularity);
    let yaml = serde_saphyr::to_string(&tree).anywhere()?;
    let rows = comparison::formats(graph, formats);
    // The reasons are comments, so that the text as a whole is a configuration file.
    let comment = |line: &str| format!("# {line}").trim_end().to_owned() + "\n";
    let reasons: String = listing::formats(&rows).lines().map(comment).collect();
    let text = format!("{reasons}\n{yaml}");
    let json = json!({ "config": tree, "formats": rows });
    Ok(Outcome { text, json, warnings, failed: false })
}

/// `inspect`: layers, shapes, parameters, quantizers and formats, what can be built, weights that
/// nothing reads; what cannot be read is an error that lists it.
pub(super) fn inspect(args: &Inspect) -> Result<Outcome> {
    let options = &args.model.options;
    let (config, mut warnings) = model::config(options, None)?;
    let (mut raw, source) = model::load(&args.model, &config)?;
    let unused = std::mem::take(&mut raw.unused);
    let (graph, removed) = compile::import(raw, &config, &mut warnings)?;
    let ranges = compile::measure(&graph, &options.calibrate)?;
    // A model that cannot have types can be looked at all the same.
    let (formats, undecided) = match precision::assign(&graph, &config, ranges.as_ref()) {
        Ok(formats) => (Some(formats), None),
        Err(problems) => (None, Some(problems.to_string())),
    };
    let coarse = |it| precision::coarse(&graph, it, &config, ranges.as_ref());
    warnings.extend(formats.as_ref().and_then(coarse));
    let rows = comparison::layers(&graph, formats.as_ref());
    let types = formats.iter().flat_map(|it| comparison::formats(&graph, it)).collect::<Vec<_>>();
    let proof = formats.as_ref().and_then(|it| precision::proof(&graph, it));
    let proof = proof.map(|it| it.to_string());
    let mut text = format!("{}: {}\n\n{}", source.file, source.format, listing::network(&rows));
    if !removed.is_empty() {
        text.push_str(&format!("folded or left out: {}\n", removed.join(", ")));
    }
    if !unused.is_empty() {
        text.push_str(&format!("stored, but read by no layer: {}\n", unused.join(", ")));
    }
    if let Some(proof) = &proof {
        text.push_str(&format!("{proof}\n"));
    }
    if let Some(problems) = &undecided {
        text.push_str(&format!("no types: {problems}\n"));
    }
    text.push_str(&format!("\n{}", listing::formats(&types)));
    if let Some(path) = &args.svg {
        let picture = svg::network(&rows).into_bytes();
        project::update(Path::new(""), &[(path.clone(), picture)])?;
        text.push_str(&format!("\npicture: {}\n", path.display()));
    }
    let json = json!({
        "file": source.file,
        "format": source.format,
        "sha256": source.sha256,
        "supported": rows.iter().all(|it| it.unsupported.is_none()),
        "layers": rows,
        "formats": types,
        "undecided": undecided,
        "proof": proof,
        "removed": removed,
        "unused": unused,
    });
    Ok(Outcome { text, json, warnings, failed: false })
}

/// `targets`: the devices.
pub(super) fn targets(args: &Targets) -> Result<Outcome> {
    let wanted = |it: &&device::Device| {
        args.filter.as_ref().is_none_or(|text| it.name.contains(&text.to_ascii_lowercase()))
    };
    let devices: Vec<&device::Device> = device::all().iter().filter(wanted).collect();
    let mut table = Table::new().text("device").text("part").text("fabric").number("LUT");
    table = table.number("FF").number("DSP").number("BRAM kbit").number("clock ns").text("delays");
    for it in &devices {
        let total = it.total;
        let numbers = [total.lut, total.ff, total.dsp, total.bram_kbit].map(|it| it.to_string());
        let [lut, ff, dsp, bram] = numbers;
        let basis = format!("{:?}", it.fabric.basis).to_lowercase();
        table.row([
            &it.name,
            &it.part,
            &it.fabric.name,
            &lut,
            &ff,
            &dsp,
            &bram,
            &it.clock_ns.to_string(),
            &basis,
        ]);
    }
    let rows: Vec<serde_json::Value> = devices
        .iter()
        .map(|it| {
            json!({
                "name": it.name, "part": it.part, "parts": it.parts, "fabric": it.fabric.name,
                "total": it.total, "clock_ns": it.clock_ns, "basis": it.fabric.basis,
                "source": it.fabric.source,
            })
        })
        .collect();
    let json = json!({ "devices": rows });
    Ok(Outcome { text: table.to_string(), json, ..Outcome::default() })
}
