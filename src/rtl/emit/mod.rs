//! The SystemVerilog project of a scheduled program, as files in memory.
//!
//! One module per layer, named after it, with flat expressions and one register per value and stage;
//! a core that connects them; a top with valid and ready on both sides; an AXI4-Stream wrapper; the
//! parameterised modules they need; constraints and scripts for the vendor's tool. Layers are written
//! by Rust, because they are mostly data; everything of a fixed shape is a template.

mod core;
mod expr;
mod external;
mod inline;
mod interface;
mod lower;
mod module;
mod tables;
pub(in crate::rtl) mod templates;
pub(in crate::rtl) mod text;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub(in crate::rtl) use super::netlist::{PINS, unique};
pub use interface::{Interface, Load, PortShape, Slot};

use self::lower::Writer;
use super::datapath::Datapath;
use super::netlist::Netlist;
use super::pipeline::Schedule;
use crate::device::Tool;

/// Which vendor's tool gets constraints and a script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Family {
    /// Vivado: XDC and Tcl.
    #[default]
    Vivado,
    /// Quartus: SDC and Tcl.
    Quartus,
    /// Anything else: SDC alone.
    Other,
}

impl From<Tool> for Family {
    fn from(tool: Tool) -> Family {
        match tool {
            Tool::Vivado => Family::Vivado,
            Tool::Quartus => Family::Quartus,
            Tool::Trellis | Tool::IceStorm | Tool::Gowin | Tool::Oxide => Family::Other,
        }
    }
}

/// What a user chooses about a project.
#[derive(Clone, Debug, PartialEq)]
pub struct RtlOptions {
    /// Name of the design; modules begin with it.
    pub name: String,
    /// Device, as the vendor's tool calls it.
    pub part: String,
    /// Period of the clock.
    pub clock_ns: f64,
    /// The vendor's tool.
    pub family: Family,
    /// Products that are not in DSP blocks by now are to be made of logic, not as synthesis likes.
    pub fixed_blocks: bool,
}

/// A project: files by their path below the project's folder, and what the design looks like.
#[derive(Clone, Debug)]
pub struct RtlProject {
    /// Paths are relative and use forward slashes; those of `rtl/` come in order of compilation.
    pub files: Vec<(PathBuf, String)>,
    /// The design from outside.
    pub interface: Interface,
    /// Layers by the path of their instance below the top, what is inside of another one first.
    pub instances: Vec<(String, String)>,
}

/// Writes the project of a scheduled program.
pub fn project(datapath: &Datapath, schedule: &Schedule, options: &RtlOptions) -> RtlProject {
    let kernel = kernel(datapath, schedule, options);
    let mut sources = templates::library(templates::PIPELINE);
    sources.extend(kernel.files);
    sources.push(kernel.top);
    sources.push(templates::axis(&kernel.interface, &kernel.origin));
    let inside = |(it, layer): (String, String)| (format!("i_core.{it}"), layer);
    let instances = kernel.layers.into_iter().map(inside).collect();
    finished(sources, kernel.interface, instances, options)
}

/// A scheduled program as modules: the layers, the core, and a top with valid and ready.
#[derive(Clone, Debug)]
pub(in crate::rtl) struct Kernel {
    /// The core and what it needs beside the library.
    pub(in crate::rtl) files: Vec<File>,
    /// The top.
    pub(in crate::rtl) top: File,
    /// The top from outside.
    pub(in crate::rtl) interface: Interface,
    /// The model's file.
    pub(in crate::rtl) origin: String,
    /// The instances of the core, and the layer that each is.
    pub(in crate::rtl) layers: Vec<(String, String)>,
}

/// A core from elsewhere with what it needs to have our top module: the library, the core's files, the top.
pub fn around(interface: &Interface, core: Vec<File>) -> Vec<File> {
    let mut files = templates::library(templates::PIPELINE);
    files.extend(core);
    files.push(templates::top(interface, "DSLX"));
    files
}

/// Writes a scheduled program without wrappers and library.
pub(in crate::rtl) fn kernel(
    datapath: &Datapath,
    schedule: &Schedule,
    options: &RtlOptions,
) -> Kernel {
    let netlist = Netlist::new(datapath, schedule, &options.name);
    let interface = Interface::new(&netlist);
    let origin = datapath.scopes.first().map(|it| text::plain(&it.origin.file));
    let origin = origin.unwrap_or_default();
    let mut files = external::files(datapath);
    files.extend(modules(&netlist, &interface, options.fixed_blocks));
    let top = templates::top(&interface, &origin);
    let scopes = netlist.layers.iter().filter_map(|it| it.scope);
    let layers = scopes
        .zip(&netlist.names.layers)
        .map(|(scope, name)| (format!("i_{name}"), datapath.scopes[scope.index()].name.clone()));
    let layers = layers.collect();
    Kernel { files, top, interface, origin, layers }
}

/// Sources with what the vendor's tool needs beside them.
pub(in crate::rtl) fn finished(
    sources: Vec<File>,
    interface: Interface,
    instances: Vec<(String, String)>,
    options: &RtlOptions,
) -> RtlProject {
    let mut files = templates::tools(&sources, &interface, options);
    files.extend(sources);
    let files = files.into_iter().map(|(path, text)| (PathBuf::from(path), text)).collect();
    RtlProject { files, interface, instances }
}

/// A file: its path below the project's folder, and its text.
pub type File = (String, String);

fn modules(netlist: &Netlist<'_>, interface: &Interface, fixed_blocks: bool) -> Vec<File> {
    let inline = inline::inline(netlist);
    let chained = inline::chained(netlist);
    let terms = module::terms(netlist.datapath);
    let package = format!("{}_tables", netlist.names.design);
    let path = |name: &str| format!("rtl/{name}.sv");
    let (inline, chained, tables) = (&inline[..], &chained[..], &package[..]);
    let writer = |module| Writer { netlist, module, inline, chained, fixed_blocks, tables };
    let mut files = Vec::new();
    if let Some(text) = tables::package(netlist, &package) {
        files.push((path(&package), text));
    }
    for (layer, name) in netlist.layers.iter().zip(&netlist.names.layers) {
        let Some(scope) = layer.scope else { continue };
        let writer = writer(layer);
        let name = format!("{}_{name}", netlist.names.design);
        files.push((path(&name), module::module(&writer, &name, scope, &terms)));
    }
    let writer = writer(&netlist.core);
    files.push((path(&interface.core), core::core(&writer, &interface.core)));
    files
}

#[cfg(test)]
mod tests;
