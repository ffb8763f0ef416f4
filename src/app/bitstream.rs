//! `bitstream`: a model or a project on a board, from its serial line to a file for the device.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::engines::built_rtl;
use super::manifest::{Manifest, PortInfo, RtlInfo};
use super::synth::{Found, compiled_files};
use super::{Outcome, build};
use crate::board::{self, Board, Link, bit_cycles};
use crate::cli::{Bitstream, Build, Flow, ModelArgs};
use crate::device::find;
use crate::error::{Located, Problem, Problems, Result};
use crate::project::{self, MANIFEST};
use crate::report::compare::Side;
use crate::report::vendor::Step;
use crate::rtl::dsp::Blocks;
use crate::synth::{self, Sources};
use crate::tools::{ToolError, Tools};

/// Where a project has what is for its board.
pub(super) const FOLDER: &str = "board";

/// What a project says of its board.
const FILE: &str = "board/board.json";

/// The share of the board's clock that the pipeline is built for: the delays are those of the fastest grade, and
/// place and route differs from one run to the next.
const CLOCK_SHARE: f64 = 0.7;

/// What there is of a board in a project.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct OnBoard {
    pub(super) board: Board,
    pub(super) link: Link,
    /// SystemVerilog, in the order of compilation, below the project's folder.
    pub(super) sources: Vec<String>,
}

impl OnBoard {
    /// What a project has, if it was put on a board.
    pub(super) fn of_project(dir: &Path) -> Result<OnBoard> {
        if !dir.join(FILE).is_file() {
            return Err(BoardError::None).anywhere();
        }
        project::read_json(dir, FILE)
    }
}

/// What cannot be on a board.
#[derive(Debug, thiserror::Error)]
enum BoardError {
    #[error("the project is on no board yet; use `nn2rtl bitstream DIR --board NAME`")]
    None,
    #[error(
        "{found} {side}s with a stream of their own; a serial line has one word at a time: use --io parallel"
    )]
    Streams { found: usize, side: &'static str },
    #[error("weights that can be loaded have a port of their own, which no board has")]
    Loaded,
    #[error(
        "the design is for {found}, the board {board} has {device}; build it with --target {device}"
    )]
    Device { found: String, board: String, device: String },
    #[error("--baud {baud}: a clock of {clock_mhz} MHz has no whole number of cycles near a bit")]
    Baud { baud: u32, clock_mhz: f64 },
}

/// The command.
pub(super) fn run(args: &Bitstream, deny_warnings: bool) -> Result<Outcome> {
    let board = chosen(&args.board)?;
    let is_project = args.model.model.join(MANIFEST).is_file();
    let (dir, warnings) = match is_project {
        true => (args.model.model.clone(), Vec::new()),
        false => {
            let dir = args.output.clone().unwrap_or_else(|| stem(&args.model.model));
            let built = build::run(&builds(args, &board, &dir), deny_warnings)?;
            if built.failed || (deny_warnings && !built.warnings.is_empty()) {
                return Ok(built);
            }
            (dir, built.warnings)
        }
    };
    let manifest: Manifest = project::read_json(&dir, MANIFEST)?;
    let on_board = wrapped(&manifest, board, args.baud)?;
    let files = board::files(&on_board.board, &on_board.link);
    let in_folder =
        |(name, text): (String, String)| (PathBuf::from(FOLDER).join(name), text.into_bytes());
    let mut files: Vec<(PathBuf, Vec<u8>)> = files.into_iter().map(in_folder).collect();
    files.push((FILE.into(), serde_json::to_vec_pretty(&on_board).anywhere()?));
    project::update(&dir, &files)?;
    if args.sources_only {
        let text = format!("{}: {}\n", dir.join(FOLDER).display(), on_board.link.module());
        let json = json!({ "board": on_board.board, "link": on_board.link });
        return Ok(Outcome { text, json, warnings, failed: false });
    }
    made(args, &dir, &manifest, &on_board, warnings)
}

fn stem(model: &Path) -> PathBuf {
    model.file_stem().map(PathBuf::from).unwrap_or_default()
}

/// A board by its name or its file.
fn chosen(name: &str) -> Result<Board> {
    let file = Path::new(name);
    if file.extension().is_some_and(|it| it == "json") {
        let bytes = std::fs::read(file).map_err(ToolError::io(file)).anywhere()?;
        return serde_json::from_slice(&bytes).anywhere();
    }
    board::find(name).anywhere()
}

/// The project that a model becomes: the direct path, for the board's device, at a clock with a margin to the
/// board's.
fn builds(args: &Bitstream, board: &Board, dir: &Path) -> Build {
    let mut options = args.model.options.clone();
    options.target.get_or_insert_with(|| board.device.clone());
    if options.latency.is_none() {
        options.clock.get_or_insert(1000.0 * CLOCK_SHARE / board.clock_mhz);
    }
    Build {
        model: ModelArgs { model: args.model.model.clone(), options },
        output: Some(dir.to_owned()),
        flow: Flow::Rtl,
        hls: None,
        force: args.force,
    }
}

/// Bytes of a word that holds the elements of some ports.
fn bytes<'p>(ports: impl Iterator<Item = &'p PortInfo>) -> usize {
    let ends = ports.flat_map(|it| &it.slots).map(|it| it.axis_offset + it.axis_width);
    ends.max().unwrap_or(0).div_ceil(8) as usize
}

/// How a project is connected to a board, or everything that is in the way.
fn wrapped(manifest: &Manifest, board: Board, baud: u32) -> Result<OnBoard> {
    let rtl: &RtlInfo = built_rtl(manifest)?;
    let mut problems = Problems::default();
    let (found, device) =
        (find(&manifest.comparison.part).anywhere()?, find(&board.device).anywhere()?);
    if found.name != device.name {
        let (found, device) = (found.name.clone(), device.name.clone());
        let board = board.name.clone();
        problems.push(Problem::new(BoardError::Device { found, board, device }));
    }
    if rtl.control.is_some() {
        problems.push(Problem::new(BoardError::Loaded));
    }
    for (at, side) in ["input", "output"].into_iter().enumerate() {
        let found = rtl.beats.as_ref().map_or(1, |it| it[at].len());
        if found > 1 {
            problems.push(Problem::new(BoardError::Streams { found, side }));
        }
    }
    let cycles = bit_cycles(board.clock_mhz, baud);
    if cycles.is_none() {
        problems.push(Problem::new(BoardError::Baud { baud, clock_mhz: board.clock_mhz }));
    }
    problems.into_result(())?;
    let side = |input: bool| bytes(rtl.ports.iter().filter(move |it| it.input == input));
    let beats = rtl.beats.as_ref().map_or([1, 1], |it| [0, 1].map(|at| it[at][0] as usize));
    let link = Link {
        top: rtl.top.clone(),
        axis: rtl.axis.clone(),
        bytes: [side(true), side(false)],
        beats,
        stream: rtl.beats.is_some(),
        baud,
        bit_cycles: cycles.unwrap_or_default(),
    };
    let mut sources = rtl.sources.clone();
    let own =
        board::files(&board, &link).into_iter().map(|it| it.0).filter(|it| it.ends_with(".sv"));
    sources.extend(own.map(|it| format!("{FOLDER}/{it}")));
    Ok(OnBoard { board, link, sources })
}

/// Runs the tools; the bitstream is in the project afterwards.
fn made(
    args: &Bitstream,
    dir: &Path,
    manifest: &Manifest,
    on_board: &OnBoard,
    warnings: Vec<crate::config::Warning>,
) -> Result<Outcome> {
    let OnBoard { board, link, sources } = on_board;
    let device = find(&board.device).anywhere()?;
    let top = link.module();
    let sources = Sources {
        dir,
        files: &compiled_files(sources, true),
        top: &top,
        instances: &[],
        stream: false,
        dsp: manifest.config.dsp != Some(Blocks::None),
        clock_ns: 1000.0 / board.clock_mhz,
    };
    let tools = Tools::find().anywhere()?;
    let work = tools.cache().scratch().anywhere()?;
    let (lpf, out) = (dir.join(FOLDER).join("board.lpf"), work.path().join("design.bit"));
    let (place, work) = ((board, device), work.path());
    let found =
        synth::bitstream(&sources, place, &lpf, &tools, work, (args.seed, &out)).anywhere()?;
    let bits = std::fs::read(&out).map_err(ToolError::io(&out)).anywhere()?;
    let size = bits.len();
    let file = PathBuf::from(FOLDER).join(format!("{}.bit", link.top));
    let report = serde_json::to_vec_pretty(&found).anywhere()?;
    project::update(
        dir,
        &[(file.clone(), bits), (format!("{FOLDER}/placed.json").into(), report)],
    )?;
    let failed = found.fmax_mhz.is_some_and(|it| it < board.clock_mhz);
    let clock = match failed {
        true => format!("misses the {} MHz of {}: not to be used", board.clock_mhz, board.name),
        false => format!("{} has {} MHz", board.name, board.clock_mhz),
    };
    let [sent, back] = link.sample();
    let remarks = vec![
        clock,
        format!("{}: {size} bytes", dir.join(&file).display()),
        format!(
            "{} baud: {sent} bytes for a sample, {back} for its result (`cosim {} --engines board`)",
            link.baud,
            dir.display()
        ),
    ];
    let json = json!({
        "bitstream": dir.join(&file), "bytes": size, "board": board, "link": link, "synthesis": found,
    });
    let found = Found { synthesis: found, side: Side::Rtl, step: Step::Routed, remarks };
    Ok(Outcome { text: found.text(device, manifest), json, warnings, failed })
}
