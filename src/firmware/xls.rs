//! The HLS path by XLS: the DSLX of a design, and its pipeline behind the top module of the direct RTL.

use tera::{Context, Tera};

use crate::error::Result;
use crate::fixed::Graph;
use crate::hls::{HlsOptions, HlsProject, xls};
use crate::rtl::emit::{self, Interface};

const CORE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/xls-templates/core.sv.tera"));

/// A design as DSLX; its ports are called as those of the direct RTL.
pub(super) fn project(graph: &Graph, options: &HlsOptions) -> Result<HlsProject> {
    let interface = Interface::of(graph, &options.name, 0);
    let inputs = interface.ports.iter().filter(|it| it.input);
    let ports: Vec<String> = inputs.map(|it| it.stem().to_owned()).collect();
    xls::project(graph, options, &ports)
}

/// SystemVerilog around what XLS made of a design, so many ranks of registers from input to output: a core with
/// the ports of ours, and our top module with valid and ready. Paths are below `rtl/`.
pub fn around(
    graph: &Graph,
    name: &str,
    pipeline: String,
    ranks: u32,
) -> (Vec<(String, String)>, Interface) {
    let interface = Interface::of(graph, name, ranks);
    let side = |input: bool| {
        let ports = interface.ports.iter().filter(|it| it.input == input);
        ports.map(|it| (it.stem(), &*it.name, it.bits - 1)).collect::<Vec<_>>()
    };
    let mut context = Context::new();
    context.insert("interface", &interface);
    context.insert("inputs", &side(true));
    context.insert("outputs", &side(false));
    let core = Tera::one_off(CORE, &context, false)
        .expect("the template is part of the program and prints every field it names");
    let files = vec![
        (format!("rtl/{}_xls.sv", interface.top), pipeline),
        (format!("rtl/{}.sv", interface.core), core),
    ];
    (emit::around(&interface, files), interface)
}
