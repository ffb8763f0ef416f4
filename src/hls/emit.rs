//! Prints a [`View`] through the templates, and adds the kernels it uses.

use std::path::PathBuf;

use include_dir::{Dir, include_dir};
use tera::{Context, Tera};

use super::view::View;

static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/hls-templates");

/// Template and file name of everything that is printed once; `@` stands for the top function.
const FILES: &[(&str, &str)] = &[
    ("README.md.tera", "README.md"),
    ("build_prj.tcl.tera", "build_prj.tcl"),
    ("build_opt.tcl.tera", "build_opt.tcl"),
    ("project.tcl.tera", "project.tcl"),
    ("vivado_synth.tcl.tera", "vivado_synth.tcl"),
    ("test.cpp.tera", "@_test.cpp"),
    ("defines.h.tera", "firmware/defines.h"),
    ("parameters.h.tera", "firmware/parameters.h"),
    ("top.h.tera", "firmware/@.h"),
    ("top.cpp.tera", "firmware/@.cpp"),
];

/// All files of the project, sorted.
pub(super) fn files(view: &View) -> Vec<(PathBuf, String)> {
    let tera = templates();
    let mut context = context(view);
    let mut files: Vec<(PathBuf, String)> = FILES
        .iter()
        .map(|(template, file)| {
            (file.replace('@', &view.top).into(), print(&tera, template, &context))
        })
        .collect();
    for constant in view.constants.iter().filter(|it| it.form != "scalar") {
        context.insert("constant", constant);
        let file = format!("firmware/weights/{}.h", constant.name);
        files.push((file.into(), print(&tera, "weights.h.tera", &context)));
    }
    for header in &view.headers {
        let file = format!("firmware/nn/{header}");
        files.push((file.into(), source(&format!("common/{header}")).to_owned()));
    }
    let own =
        |(name, text): (&String, &String)| (format!("firmware/own/{name}").into(), text.clone());
    files.extend(view.own.iter().map(own));
    files.sort();
    files
}

/// The program for the host.
pub(super) fn host(view: &View) -> String {
    print(&templates(), "csim_main.cpp.tera", &context(view))
}

fn context(view: &View) -> Context {
    Context::from_serialize(view).expect("a struct of plain fields serializes")
}

fn print(tera: &Tera, template: &str, context: &Context) -> String {
    tera.render(template, context)
        .expect("templates are part of the program and print every field they name")
}

fn templates() -> Tera {
    let mut tera = Tera::default();
    let others = ["weights.h.tera", "csim_main.cpp.tera"];
    // What is imported comes first.
    let macros = ["body.tera", "ports.tera"].into_iter();
    let names = macros.chain(FILES.iter().map(|it| it.0)).chain(others);
    for name in names {
        tera.add_raw_template(name, source(&format!("vitis/{name}")))
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
