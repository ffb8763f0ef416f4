//! Reports of the FPGA compiler of oneAPI, in `NAME.prj/reports/resources/json`.
//!
//! Three files: `summary` (resources as the compiler estimates them; `area` of older versions holds
//! the same), `loop_attr` (initiation interval, latency and clock of every loop) and `quartus` (what
//! the fitter found, `TBD` until it has run). They are JSON, or since 2023 a JSON text on every line
//! (`.ndjson`). Columns are found by their headings, rows by their names, at any depth.

use serde_json::Value;

use super::{ReportError, Reported, Step, Tool};
use crate::device::Resources;

/// kbit of a RAM block on the families that the compiler knows.
const M20K: u64 = 20;
/// Columns of resources where a file does not name them.
const COLUMNS: [&str; 5] = ["alut", "ff", "ram", "dsp", "mlab"];

/// Reads `summary` or `area`: estimated resources.
pub fn parse_summary(text: &str) -> Result<Reported, ReportError> {
    let missing = ReportError::Missing { report: "oneAPI", missing: "estimate of resources" };
    let records = records(text)?;
    let columns = find(&records, &|it| columns(it))
        .unwrap_or_else(|| COLUMNS.iter().map(|it| Some((*it).to_owned())).collect());
    let row = |name: &str, key: &str| {
        let named = |it: &Value| {
            let data = it.get("data").filter(|_| it["name"].as_str().map(str::trim) == Some(name));
            data.or_else(|| it.get(key)).and_then(Value::as_array).cloned()
        };
        find(&records, &named).map(|it| resources(&columns, &it))
    };
    Ok(Reported {
        resources: Some(row("Total", "total").ok_or(missing)?),
        available: row("Available", "max_resources"),
        ..Reported::new(Tool::OneApi, Step::Scheduled)
    })
}

/// Reads `loop_attr`: the slowest loop of each kind.
pub fn parse_loops(text: &str) -> Result<Reported, ReportError> {
    let mut loops: Vec<[Option<f64>; 3]> = Vec::new();
    let mut collect = |it: &Value| {
        let values = ["ii", "lt", "af"].map(|key| it.get(key).and_then(number));
        loops.extend(values.iter().any(Option::is_some).then_some(values));
    };
    records(text)?.iter().for_each(|it| visit(it, &mut collect));
    if loops.is_empty() {
        return Err(ReportError::Missing { report: "oneAPI", missing: "loop" });
    }
    let all = |at: usize| loops.iter().filter_map(move |it| it[at]).filter(|it| *it > 0.0);
    let cycles = |at| all(at).reduce(f64::max).map(|it| it.ceil() as u64);
    Ok(Reported {
        interval: cycles(0).map(|it| (it, it)),
        latency_cycles: cycles(1).map(|it| (it, it)),
        fmax_mhz: all(2).reduce(f64::min),
        ..Reported::new(Tool::OneApi, Step::Scheduled)
    })
}

/// Reads `quartus`: what the fitter found of the system of kernels, without the board's own part.
pub fn parse_quartus(text: &str) -> Result<Reported, ReportError> {
    let records = records(text)?;
    let table = |name: &str| find(&records, &|it| it.get(name)?.get("nodes")?.as_array().cloned());
    let nodes = table("quartusFitResourceUsageSummary")
        .ok_or(ReportError::Missing { report: "oneAPI", missing: "summary of the fitter" })?;
    let is_system = |it: &&Value| {
        let text = |key: &str| it[key].as_str().unwrap_or_default();
        text("type") == "system" || text("name").contains("Kernel System")
    };
    let node = nodes.iter().find(is_system).or(nodes.first());
    let count = |key: &str| node.and_then(|it| it.get(key)).and_then(number).map(|it| it as u64);
    let alms = count("alm");
    let lut = count("alut").or(alms.map(|it| it.saturating_mul(2)));
    let clocks = table("quartusFitClockSummary").unwrap_or_default();
    let keys = ["kernel clock fmax", "clock fmax", "kernel clock", "clock", "clock1x"];
    let fmax_mhz =
        clocks.first().and_then(|it| keys.iter().find_map(|key| it.get(key).and_then(number)));
    Ok(Reported {
        alms,
        resources: lut.map(|lut| Resources {
            lut,
            ff: count("reg").unwrap_or(0),
            dsp: count("dsp").unwrap_or(0),
            bram_kbit: count("ram").unwrap_or(0).saturating_mul(M20K),
            uram: 0,
        }),
        fmax_mhz,
        ..Reported::new(Tool::OneApi, Step::Routed)
    })
}

/// The JSON texts of a file, one or many.
fn records(text: &str) -> Result<Vec<Value>, ReportError> {
    let stream = serde_json::Deserializer::from_str(text).into_iter();
    Ok(stream.collect::<Result<Vec<Value>, _>>()?)
}

/// Every object, each before those inside of it.
fn visit(value: &Value, each: &mut impl FnMut(&Value)) {
    match value {
        Value::Object(fields) => {
            each(value);
            fields.values().for_each(|it| visit(it, each));
        }
        Value::Array(items) => items.iter().for_each(|it| visit(it, each)),
        _ => {}
    }
}

/// What is found in the first object that has it.
fn find<T>(records: &[Value], of: &dyn Fn(&Value) -> Option<T>) -> Option<T> {
    let mut found = None;
    let mut look = |it: &Value| {
        if found.is_none() {
            found = of(it);
        }
    };
    records.iter().for_each(|it| visit(it, &mut look));
    found
}

/// Names of the columns of data, if this object has them and they are of resources: `ALUTs`, `FFs` ...
/// The first column is of names.
fn columns(value: &Value) -> Option<Vec<Option<String>>> {
    let name =
        |it: &Value| it.as_str().map(|it| it.trim().trim_end_matches('s').to_ascii_lowercase());
    let columns: Vec<_> = value.get("columns")?.as_array()?.iter().skip(1).map(name).collect();
    columns.iter().flatten().any(|it| it == "alut").then_some(columns)
}

fn resources(columns: &[Option<String>], data: &[Value]) -> Resources {
    let of = |names: &[&str]| {
        let is = |it: &Option<String>| it.as_deref().is_some_and(|it| names.contains(&it));
        let value = columns.iter().position(is).and_then(|at| data.get(at)).and_then(number);
        value.map_or(0, |it| it.ceil() as u64)
    };
    Resources {
        lut: of(&["alut"]),
        ff: of(&["ff", "reg"]),
        dsp: of(&["dsp"]),
        bram_kbit: of(&["ram"]).saturating_mul(M20K),
        uram: 0,
    }
}

/// A number, or one in quotation marks; `TBD`, `n/a` and the like are none, and so is what no count
/// or clock can be.
fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::String(text) => super::text::leading(text)?,
        _ => value.as_f64()?,
    };
    Some(number).filter(|it: &f64| it.is_finite() && *it >= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: &str = r#"{"summary_type":"estimatedResources","columns":["Kernel Name","DSPs ","RAMs","FFs","MLABs","ALUTs"]}
{"parent":"estimatedResources","name":"Available","data":[4510,7110,"1,948,800",24360,974400]}
{"parent":"estimatedResources","name":"Kernel Subtotal","data":[1,1,1,1,1]}
{"parent":"estimatedResources","name":"Total","data":[2,3,4.2,5,"6,000"]}
{"parent":"performanceSummary","name":"net"}"#;

    const OLD: &str = r#"{"columns":["","ALUTs","FFs","RAMs","DSPs","MLABs","Details"],"total":[6000,5,3,2,31],
        "name":"Kernel System","max_resources":[974400,1948800,7110,4510,69283],
        "children":[{"name":"net","data":[1,1,1,1,1]}]}"#;

    #[test]
    fn estimates_of_resources() {
        let used = Resources { lut: 6000, ff: 5, dsp: 2, bram_kbit: 60, uram: 0 };
        for text in [NEW, OLD] {
            let read = parse_summary(text).unwrap();
            assert_eq!(read.resources, Some(used), "{text}");
            assert_eq!(read.available, Some(crate::device::find("agilex7").unwrap().total));
            assert_eq!((read.tool, read.step), (Tool::OneApi, Step::Scheduled));
        }
        // As hls4ml reads it: the order of columns where they have no headings.
        let bare =
            r#"{"estimatedResources":{"children":[{"name":"Total","data":[6000,5,3,2,0]}]}}"#;
        assert_eq!(parse_summary(bare).unwrap().resources, Some(used));
    }

    #[test]
    fn the_slowest_loops() {
        let lines = r#"{"name":"net.B1","ii":"1","lt":"12.000000","af":"480.00"}
            {"name":"net.B2","ii":2,"lt":30.5,"af":"500.00"}
            {"name":"net.B3","ii":"n/a","lt":"n/a","af":"n/a"}"#;
        let nested = r#"{"nodes":[{"name":"net","children":[{"ii":"1","lt":"12","af":"480"},
            {"ii":"2","lt":"30.5","af":"500"}]}]}"#;
        for text in [lines, nested] {
            let read = parse_loops(text).unwrap();
            assert_eq!((read.interval, read.latency_cycles), (Some((2, 2)), Some((31, 31))));
            assert_eq!((read.fmax_mhz, read.resources), (Some(480.0), None));
        }
    }

    const FIT: &str = r#"{
      "quartusFitClockSummary": {"nodes": [{"name": "Kernel clock", "kernel clock": "300.0",
        "kernel clock fmax": "412.5"}]},
      "quartusFitResourceUsageSummary": {"nodes": [
        {"name": "Quartus Fitter: Total Used (Entire System)", "alm": "90000", "reg": "1"},
        {"name": "Quartus Fitter: Kernel System", "type": "system", "alm": "1,234.7",
         "reg": "2345", "dsp": "6", "ram": "7", "mlab": "8"}]}
    }"#;

    #[test]
    fn what_the_fitter_found() {
        let read = parse_quartus(FIT).unwrap();
        let used = Resources { lut: 2468, ff: 2345, dsp: 6, bram_kbit: 140, uram: 0 };
        assert_eq!((read.resources, read.alms), (Some(used), Some(1234)));
        assert_eq!((read.fmax_mhz, read.step), (Some(412.5), Step::Routed));
        let component = r#"{"quartusFitClockSummary":{"nodes":[{"clock fmax":"350.1"}]},
            "quartusFitResourceUsageSummary":{"nodes":[{"name":"Net","alm":"10","alut":"15","reg":"20"}]}}"#;
        let read = parse_quartus(component).unwrap();
        assert_eq!((read.resources.unwrap().lut, read.fmax_mhz), (15, Some(350.1)));
        let early = FIT.replace("1,234.7", "TBD").replace("412.5", "TBD").replace("300.0", "TBD");
        let read = parse_quartus(&early).unwrap();
        assert_eq!((read.resources, read.fmax_mhz), (None, None));
    }

    #[test]
    fn damaged_and_other_files() {
        let parsers = [parse_summary, parse_loops, parse_quartus];
        for parse in parsers {
            assert!(parse("").is_err());
            assert!(parse("{}").is_err());
            assert!(parse("not json").is_err());
            assert!(parse("[1, \"x\", null]").is_err());
        }
        assert!(parse_summary(FIT).is_err() && parse_quartus(NEW).is_err());
        let error = parse_quartus(&FIT[..100]).unwrap_err().to_string();
        assert!(error.starts_with("not JSON: EOF"), "{error}");
        for parse in parsers {
            (0..NEW.len()).for_each(|at| drop(parse(&NEW[..at])));
        }
        let error = parse_loops(NEW).unwrap_err().to_string();
        assert_eq!(error, "no loop in this oneAPI report");
        let negative = OLD.replace("\"total\":[6000", "\"total\":[-1");
        assert_eq!(parse_summary(&negative).unwrap().resources.unwrap().lut, 0);
    }
}
