//! Prints a [`View`] through the templates, and adds the kernels it uses.

use std::path::PathBuf;

use include_dir::{Dir, include_dir};
use tera::{Context, Tera};

use super::Tool;
use super::dialect::translate;
use super::view::View;

static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/hls-templates");

/// A template, and the file that is printed by it; `@` stands for the top function, `%` for the one around
/// it.
type File = (&'static str, &'static str);

/// What projects for all compilers have.
const SHARED: &[File] = &[
    ("project/test.cpp.tera", "@_test.cpp"),
    ("project/defines.h.tera", "firmware/defines.h"),
    ("project/parameters.h.tera", "firmware/parameters.h"),
    ("project/top.h.tera", "firmware/@.h"),
    ("project/top.cpp.tera", "firmware/@.cpp"),
];

const VITIS: &[File] = &[
    ("vitis/README.md.tera", "README.md"),
    ("vitis/build_prj.tcl.tera", "build_prj.tcl"),
    ("vitis/build_opt.tcl.tera", "build_opt.tcl"),
    ("vitis/project.tcl.tera", "project.tcl"),
    ("vitis/vivado_synth.tcl.tera", "vivado_synth.tcl"),
];

const CATAPULT: &[File] =
    &[("catapult/README.md.tera", "README.md"), ("catapult/build_prj.tcl.tera", "build_prj.tcl")];

const QUARTUS: &[File] = &[
    ("quartus/README.md.tera", "README.md"),
    ("quartus/Makefile.tera", "Makefile"),
    ("quartus/component.h.tera", "%.h"),
    ("quartus/component.cpp.tera", "%.cpp"),
];

const ONEAPI: &[File] = &[
    ("oneapi/README.md.tera", "README.md"),
    ("oneapi/CMakeLists.txt.tera", "CMakeLists.txt"),
    ("oneapi/build.cmake.tera", "build.cmake"),
    ("oneapi/kernel.h.tera", "%.h"),
    ("oneapi/kernel.cpp.tera", "%.cpp"),
];

/// What is printed for one constant, and the program for the host.
const WEIGHTS: &str = "project/weights.h.tera";
const HOST: &str = "project/csim_main.cpp.tera";

/// The files that a compiler has of its own.
fn own_files(tool: Tool) -> &'static [File] {
    match tool {
        Tool::Vitis | Tool::Vivado => VITIS,
        Tool::Catapult => CATAPULT,
        Tool::Quartus => QUARTUS,
        Tool::Oneapi => ONEAPI,
        Tool::Xls => unreachable!("what XLS reads is no C++"),
    }
}

/// All files of the project, sorted.
pub(super) fn files(view: &View, tool: Tool) -> Vec<(PathBuf, String)> {
    let printed = SHARED.iter().chain(own_files(tool));
    let tera = templates(printed.clone().map(|it| it.0).chain([WEIGHTS]));
    let mut context = context(view);
    let mut files: Vec<(PathBuf, String)> = printed
        .map(|(template, file)| {
            let file = file.replace('@', &view.top).replace('%', &view.wrapper);
            (file.into(), translate(print(&tera, template, &context), tool))
        })
        .collect();
    for constant in view.constants.iter().filter(|it| it.form != "scalar") {
        context.insert("constant", constant);
        let file = format!("firmware/weights/{}.h", constant.name);
        files.push((file.into(), print(&tera, WEIGHTS, &context)));
    }
    for header in view.headers.iter().copied().chain(["nn_fixed.h"]) {
        let text = translate(kernel(tool, header).to_owned(), tool);
        files.push((format!("firmware/nn/{header}").into(), text));
    }
    let own =
        |(name, text): (&String, &String)| (format!("firmware/own/{name}").into(), text.clone());
    files.extend(view.own.iter().map(own));
    files.sort();
    files
}

/// The program for the host.
pub(super) fn host(view: &View, tool: Tool) -> String {
    translate(print(&templates([HOST].into_iter()), HOST, &context(view)), tool)
}

/// A header of kernels: that of the library, if it has one of its own.
fn kernel(tool: Tool, header: &str) -> &'static str {
    let own = format!("{}/{header}", tool.library().folder());
    match TEMPLATES.contains(&own) {
        true => source(&own),
        false => source(&format!("common/{header}")),
    }
}

fn context(view: &View) -> Context {
    Context::from_serialize(view).expect("a struct of plain fields serializes")
}

fn print(tera: &Tera, template: &str, context: &Context) -> String {
    tera.render(template, context)
        .expect("templates are part of the program and print every field they name")
}

fn templates(names: impl Iterator<Item = &'static str>) -> Tera {
    let mut tera = Tera::default();
    // What is imported comes first.
    let macros = ["body.tera", "ports.tera", "readme.tera", "steps.tera"]
        .map(|it| (it, format!("project/{it}")));
    let names = names.map(|it| (it, it.to_owned()));
    for (name, path) in macros.into_iter().chain(names) {
        tera.add_raw_template(name, source(&path))
            .expect("templates are part of the program and are tested");
    }
    tera
}

fn source(path: &str) -> &'static str {
    TEMPLATES
        .get_file(path)
        .and_then(|it| it.contents_utf8())
        .expect("every header and template named in the program is embedded")
}
