//! Writes constant tables as SystemVerilog twice, as they are and split into sums of smaller ones;
//! `benches/tables_logic.py` asks synthesis what both take.
//!
//! `cargo bench --bench tables_logic -- TABLES.txt DIR`: a line is a name, the inputs of a lookup table
//! and the entries. Prints a line for each: the name, then the estimates of both, or of the one.

use std::path::Path;
use std::sync::Arc;

use nn2rtl::device::{Device, find};
use nn2rtl::error::Origin;
use nn2rtl::rtl::cost;
use nn2rtl::rtl::datapath::{Datapath, Interval, Op, Port, Scope};
use nn2rtl::rtl::emit::{self, Family, RtlOptions};
use nn2rtl::rtl::passes::{TableForms, split_tables};
use nn2rtl::rtl::pipeline::schedule;

type Failure = Box<dyn std::error::Error>;

/// A clock in which everything fits.
const CLOCK_NS: f64 = 1000.0;

/// A program that reads one table.
fn program(contents: Arc<[i128]>) -> Datapath {
    let mut datapath = Datapath::default();
    let (name, about) = ("table".to_owned(), "a table".to_owned());
    datapath.enter(Scope { name, about, origin: Origin::new("tables.txt", "table") });
    let index = Interval::new(0, contents.len() as i128 - 1);
    let x = datapath.push(Op::Input(0, 0), index);
    let y = datapath.lookup(contents, x);
    let port = |name: &str, id, it: Interval| Port {
        name: name.to_owned(),
        elements: vec![id],
        slots: vec![(it.width(), it.signed())],
    };
    datapath.inputs.push(port("x", x, index));
    datapath.outputs.push(port("y", y, datapath.interval(y)));
    datapath
}

fn write(datapath: &Datapath, device: &Device, dir: &Path) -> Result<u64, Failure> {
    let options = RtlOptions {
        fixed_blocks: false,
        name: "table".to_owned(),
        part: device.part.clone(),
        clock_ns: CLOCK_NS,
        family: Family::Other,
    };
    let schedule = schedule(datapath, device.delay(), CLOCK_NS)?;
    for (path, text) in emit::project(datapath, &schedule, &options).files {
        let path = dir.join(path);
        std::fs::create_dir_all(path.parent().ok_or("a file is in a folder")?)?;
        std::fs::write(path, text)?;
    }
    Ok(cost::luts_by_scope(datapath, device.delay()).iter().map(|it| it.lut).sum())
}

#[allow(clippy::print_stdout)]
fn main() -> Result<(), Failure> {
    // Cargo adds an option of its own, and runs all benches without arguments.
    let args: Vec<String> = std::env::args().skip(1).filter(|it| it != "--bench").collect();
    let [tables, dir] = args.as_slice() else { return Ok(()) };
    for line in std::fs::read_to_string(tables)?.lines() {
        let mut words = line.split_whitespace();
        let (Some(name), Some(lut_inputs)) = (words.next(), words.next()) else { continue };
        let device = find(if lut_inputs == "6" { "xcvu13p" } else { "lfe5u-85" })?;
        let entries: Result<Arc<[i128]>, _> = words.map(str::parse).collect();
        let whole = program(entries?);
        let dir = Path::new(dir).join(format!("{name}_lut{lut_inputs}"));
        let mut luts = vec![write(&whole, device, &dir.join("table"))?];
        if let Some(split) = split_tables(&whole, &TableForms::new(device.lut_inputs())) {
            luts.push(write(&split, device, &dir.join("sum"))?);
        }
        let luts: Vec<String> = luts.iter().map(u64::to_string).collect();
        println!("{name} {lut_inputs} {}", luts.join(" "));
    }
    Ok(())
}
