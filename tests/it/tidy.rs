//! The invariants of the design and of the house style, checked on the text of the repository.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use nn2rtl::source::Dialect;
use nn2rtl::{device, frontend, layers};

use crate::support::own;

/// A tracked file: its path with slashes, and its text.
struct File {
    path: String,
    text: String,
}

impl File {
    fn is_in(&self, folders: &[&str]) -> bool {
        folders.iter().any(|it| self.path.starts_with(it))
    }

    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Rust that is compiled for tests only: it may print, write scratch files and use floats.
    fn is_test(&self) -> bool {
        const HELPERS: [&str; 6] = [
            "src/estimate/hls/anchors.rs",
            "src/layers/testing.rs",
            "src/precision/fixtures.rs",
            "src/report/sample.rs",
            "src/rtl/testing.rs",
            "src/units/agreement.rs",
        ];
        let in_tests = self.path.starts_with("tests/") || self.path.contains("/tests/");
        in_tests || self.path.ends_with("tests.rs") || HELPERS.contains(&self.path.as_str())
    }

    /// The lines of the program itself, numbered from 1: no comments, nothing after `cfg(test)`.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let program = |(at, line): &(usize, &str)| {
            // A file's own tests are its last item; a single line belongs to the item after it.
            let next = self.text.lines().nth(at + 1).unwrap_or_default();
            !(line.trim() == "#[cfg(test)]" && next.trim_end().ends_with('{'))
        };
        let lines = self.text.lines().enumerate().take_while(program);
        lines
            .map(|(at, line)| (at + 1, line.split("//").next().unwrap_or_default()))
            .filter(|(_, line)| !line.trim().is_empty())
    }
}

/// Every tracked file that is text.
fn files() -> Vec<File> {
    let read = |path: String| {
        let text = std::fs::read_to_string(own(&path)).ok()?;
        Some(File { path, text })
    };
    tracked().into_iter().filter_map(read).collect()
}

/// Every tracked file; outside of a git checkout what lies in the source folders.
fn tracked() -> Vec<String> {
    let listed = Command::new("git").arg("ls-files").current_dir(own("")).output();
    let paths: Vec<String> = match listed {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
        }
        _ => {
            let mut paths = Vec::new();
            for folder in ["src", "tests", "rtl-templates", "hls-templates", "html-templates"] {
                walk(&own(folder), folder, &mut paths);
            }
            paths
        }
    };
    assert!(paths.len() > 100, "only {} files are tracked", paths.len());
    paths
}

fn walk(dir: &Path, name: &str, paths: &mut Vec<String>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{name}/{}", path.file_name().unwrap().to_string_lossy());
        match path.is_dir() {
            true => walk(&path, &name, paths),
            false => paths.push(name),
        }
    }
}

/// Whether `word` stands in `line` with no letter, digit or underscore beside it.
fn has_word(line: &str, word: &str) -> bool {
    let part = |it: char| it.is_alphanumeric() || it == '_';
    line.match_indices(word).any(|(at, _)| {
        !line[..at].chars().next_back().is_some_and(part)
            && !line[at + word.len()..].chars().next().is_some_and(part)
    })
}

/// Fails with all findings, and with exceptions that nothing needs any more.
fn report(rule: &str, found: &[String]) {
    assert!(found.is_empty(), "{rule}:\n  {}", found.join("\n  "));
}

/// Lines of the program that hold one of `words`, but for the excepted files; every exception is
/// a path (or the start of one) with the reason for it, and must be needed.
fn forbid(rule: &str, words: &[&str], within: &[&str], except: &[(&str, &str)]) {
    let mut found = Vec::new();
    let mut used = BTreeSet::new();
    for file in files().iter().filter(|it| it.is_rust() && it.is_in(within) && !it.is_test()) {
        for (number, line) in file.code() {
            if !words.iter().any(|it| has_word(line, it)) {
                continue;
            }
            match except.iter().find(|it| file.path.starts_with(it.0)) {
                Some((path, _)) => drop(used.insert(*path)),
                None => found.push(format!("{}:{number}: {}", file.path, line.trim())),
            }
        }
    }
    let unused = except.iter().filter(|it| !used.contains(it.0));
    found.extend(unused.map(|(path, why)| format!("{path}: exception not needed ({why})")));
    report(rule, &found);
}

#[test]
fn every_file_says_what_it_is() {
    let missing = |it: &&File| it.is_rust() && !it.text.starts_with("//! ");
    let found: Vec<String> = files().iter().filter(missing).map(|it| it.path.clone()).collect();
    report("a file opens with `//!`: what it is and what holds", &found);
}

#[test]
fn files_are_short() {
    let folders = ["src/", "tests/", "rtl-templates/", "hls-templates/", "html-templates/"];
    let found: Vec<String> = files()
        .iter()
        .filter(|it| it.is_in(&folders) && it.text.lines().count() > 500)
        .map(|it| format!("{}: {} lines", it.path, it.text.lines().count()))
        .collect();
    report("at most 500 lines", &found);
}

#[test]
fn only_main_prints() {
    let words = ["println!", "eprintln!", "print!", "eprint!", "dbg!", "stdout()", "stderr()"];
    let main = ("src/main.rs", "printing is all it does");
    forbid("only main prints", &words, &["src/"], &[main]);
}

#[test]
fn only_the_project_is_written() {
    let words = [
        "fs::write",
        "File::create",
        "File::create_new",
        "OpenOptions",
        "create_dir",
        "create_dir_all",
        "fs::rename",
        "fs::copy",
        "remove_file",
        "remove_dir_all",
    ];
    let except = [
        ("src/project.rs", "the writer"),
        ("src/data.rs", "outputs that the user asked for by name"),
        ("src/app/predict.rs", "makes the folder that the user named in --trace"),
        ("src/tools/cache.rs", "the cache of compiled simulators"),
        ("src/cosim/", "sources and vectors of a simulation, in scratch folders"),
        ("src/hls/host.rs", "sources and vectors of a C simulation, in scratch folders"),
        ("src/hls/tabulate.rs", "a function of the user's and what asks it, in a scratch folder"),
        ("src/synth/bitstream.rs", "pins of a board, in a scratch folder"),
        ("src/synth/nextpnr/harnessed.rs", "a harness and its pins, in a scratch folder"),
        ("src/frontend/keras/h5.rs", "OpenOptions of the HDF5 reader, which only reads"),
    ];
    forbid("only project writes files", &words, &["src/"], &except);
}

#[test]
fn only_frontends_know_file_formats() {
    let data = ("src/data.rs", "an .npz is a zip archive");
    let frontend = ("src/frontend/", "this is where formats end");
    forbid(
        "file formats",
        &["prost", "hdf5_reader", "ZipWriter", "ZipArchive"],
        &["src/"],
        &[data, frontend],
    );
    let words = ["Dialect::Onnx", "Dialect::Keras2", "Dialect::Keras3", "Dialect::Torch"];
    let layers = ("src/layers/", "spellings, at import");
    forbid("frameworks", &words, &["src/"], &[frontend, layers]);
}

#[test]
fn integers_only() {
    let within = ["src/fixed/", "src/units/", "src/emulate/", "src/rtl/", "src/lower.rs"];
    let except = [
        ("src/fixed/format.rs", "quantize and value: the boundary between floats and mantissas"),
        ("src/fixed/columns.rs", "the same for many values at once"),
        ("src/emulate/mod.rs", "predict: floats in, mantissas at once, floats out at the end"),
        ("src/rtl/pipeline/", "delays in ns: they decide where registers go, not what is computed"),
        ("src/rtl/passes/ternary.rs", "delays in ns: they decide which sums are one"),
        ("src/rtl/passes/products.rs", "delays in ns: they decide which products are cut"),
        ("src/rtl/passes/mod.rs", "the clock period, ns"),
        ("src/rtl/dsp/", "delays in ns and a share in percent: they decide what is moved"),
        ("src/rtl/emit/mod.rs", "the clock period, ns"),
        ("src/rtl/emit/templates.rs", "the clock period in constraints, ns"),
    ];
    forbid("no floats below the boundary", &["f32", "f64"], &within, &except);
}

/// Modules and what they must not know.
const WALLS: [(&str, &[&str]); 10] = [
    ("src/fixed/", &["crate::layers", "nn::Graph", "crate::rtl", "crate::frontend"]),
    // Units describe themselves in terms of the datapath; how it is piped and written they do not know.
    ("src/units/", &["crate::layers", "nn::Graph", "rtl::pipeline", "rtl::emit"]),
    ("src/emulate/", &["crate::layers", "nn::Graph", "crate::rtl", "crate::hls"]),
    ("src/program/", &["crate::layers", "nn::Graph", "crate::emulate", "crate::units"]),
    ("src/hls/", &["crate::layers", "nn::Graph", "crate::rtl", "crate::frontend"]),
    ("src/rtl/", &["crate::layers", "nn::Graph", "crate::hls", "crate::frontend"]),
    ("src/layers/", &["crate::rtl", "crate::hls", "crate::frontend", "crate::emulate"]),
    ("src/frontend/", &["crate::layers", "nn::Graph", "crate::fixed", "crate::units"]),
    ("src/passes/", &["crate::rtl", "crate::hls", "crate::frontend", "crate::source"]),
    ("src/", &["crate::cli"]),
];

#[test]
fn modules_know_only_what_is_below_them() {
    for (within, words) in WALLS {
        let commands = [("src/app/", "the commands take their arguments")];
        // To be moved below both of them.
        let constants = [
            ("src/frontend/onnx/fold.rs", "constants are quantized by what the layer means"),
            ("src/frontend/onnx/error.rs", "and may be refused by it"),
        ];
        let except = match within {
            "src/" => &commands[..],
            "src/frontend/" if words.contains(&"crate::layers") => &constants[..],
            _ => &[],
        };
        forbid(&format!("{within} does not know"), words, &[within], except);
    }
}

#[test]
fn nothing_is_unsafe_or_unfinished() {
    let words = ["unsafe", "todo!", "unimplemented!"];
    forbid("no unsafe, no gaps", &words, &["src/", "benches/"], &[]);
    let manifest = std::fs::read_to_string(own("Cargo.toml")).unwrap();
    assert!(manifest.contains("unsafe_code = \"forbid\""), "Cargo.toml forbids unsafe");
}

#[test]
fn no_paths_of_one_machine() {
    let roots = ["tmp", "root", "home", "work"].map(|it| format!("/{it}/"));
    let mut found = Vec::new();
    // Models hold the paths of those who made them, too.
    for path in tracked() {
        let Ok(bytes) = std::fs::read(own(&path)) else { continue };
        for (at, line) in String::from_utf8_lossy(&bytes).lines().enumerate() {
            // Within a relative path the same letters are harmless.
            let absolute = |it: &String| {
                let part = |c: char| c.is_alphanumeric() || "._-)}".contains(c);
                line.match_indices(it.as_str())
                    .any(|(at, _)| !line[..at].chars().next_back().is_some_and(part))
            };
            if roots.iter().any(absolute) {
                found.push(format!("{path}:{}: {}", at + 1, line.trim()));
            }
        }
    }
    report("no absolute paths", &found);
}

#[test]
fn templates_do_not_compute() {
    let mut found = Vec::new();
    // Pages and pictures may place things; in hardware a computed width is a decision.
    let hardware = ["rtl-templates/", "hls-templates/", "xls-templates/"];
    for file in files().iter().filter(|it| it.is_in(&hardware) && it.path.ends_with(".tera")) {
        let mut rest = file.text.as_str();
        while let Some((_, after)) = rest.split_once("{{") {
            let (inside, later) = after.split_once("}}").expect("an expression is closed");
            let filters = inside.split('|').next().unwrap_or_default();
            if filters.contains(['*', '+', '/', '%']) || filters.contains(" - ") {
                found.push(format!("{}: {{{{{inside}}}}}", file.path));
            }
            rest = later;
        }
    }
    report("templates loop and print, Rust computes", &found);
}

/// The table of layers: a row for each, with all its spellings.
fn layer_table() -> String {
    let mut table = "| Layer | Keras | ONNX | PyTorch |\n| --- | --- | --- | --- |\n".to_owned();
    let mut names: Vec<&str> = Vec::new();
    for (name, spellings) in layers::SPELLINGS {
        // A layer without a spelling of its own is reached through others.
        let is_called = spellings.iter().any(|it| !it.dialects.contains(&Dialect::Symbolic));
        if is_called && !names.contains(&name) {
            names.push(name);
        }
    }
    for name in names {
        let of = |dialect: Dialect| {
            let here = layers::SPELLINGS.iter().filter(|it| it.0 == name).flat_map(|it| it.1);
            let here = here.filter(|it| it.dialects.contains(&dialect));
            here.map(|it| format!("`{}`", it.op)).collect::<Vec<_>>().join(", ")
        };
        let keras = of(Dialect::Keras3);
        assert_eq!(keras, of(Dialect::Keras2), "one column for both versions of Keras");
        let (onnx, torch) = (of(Dialect::Onnx), of(Dialect::Torch));
        table.push_str(&format!("| {name} | {keras} | {onnx} | {torch} |\n"));
    }
    table
}

/// The formats of the model files in this repository, each read for it.
fn format_list() -> String {
    let models = [
        "k2_mlp.h5",
        "k2_mlp.keras",
        "k3_mlp.h5",
        "k3_mlp.keras",
        "t_mlp_legacy.onnx",
        "t_mlp.pt2",
        "expressions.yml",
    ];
    let mut formats = BTreeSet::new();
    for (model, weights) in models.map(|it| (it, None)).into_iter().chain([
        ("k2_mlp.json", Some("k2_mlp_weights.h5")),
        ("k3_mlp.json", Some("k3_mlp.weights.h5")),
    ]) {
        let at = |it: &str| own("tests/models").join(it);
        let raw = frontend::load(&at(model), weights.map(at).as_deref()).unwrap();
        formats.insert(raw.format);
    }
    formats.iter().map(|it| format!("- {it}\n")).collect()
}

/// The device families, with what is known of their delays.
fn device_table() -> String {
    let mut table = "| Fabric | Devices | Delays |\n| --- | --- | --- |\n".to_owned();
    let mut fabrics: Vec<&str> = Vec::new();
    for it in device::all() {
        if !fabrics.contains(&it.fabric.name.as_str()) {
            fabrics.push(&it.fabric.name);
        }
    }
    for fabric in fabrics {
        let of: Vec<_> = device::all().iter().filter(|it| it.fabric.name == fabric).collect();
        let names: Vec<String> = of.iter().map(|it| format!("`{}`", it.name)).collect();
        let basis = format!("{:?}", of[0].fabric.basis).to_lowercase();
        let vendor = &of[0].fabric.vendor;
        table.push_str(&format!("| {vendor} {fabric} | {} | {basis} |\n", names.join(", ")));
    }
    table
}

/// Checks the text between `<!-- name -->` and `<!-- /name -->` of the README, or with
/// `UPDATE_EXPECT` writes it there.
fn readme_block(name: &str, want: &str, required: bool) {
    let path = own("README.md");
    let text = std::fs::read_to_string(&path).expect("there is a README.md");
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let parts = text.split_once(&open).and_then(|(before, rest)| {
        rest.split_once(&close).map(|(found, after)| (before, found, after))
    });
    let Some((before, found, after)) = parts else {
        assert!(!required, "README.md lacks this block:\n{open}\n{want}\n{close}");
        return;
    };
    if found.trim() == want.trim() {
        return;
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, format!("{before}{open}\n{want}\n{close}{after}")).unwrap();
        return;
    }
    panic!(
        "README.md: {name} is out of date (UPDATE_EXPECT=1 rewrites it); it should be\n\n{want}"
    );
}

/// One test for all blocks: they are written into the same file.
#[test]
fn readme_is_current() {
    readme_block("layers", &layer_table(), true);
    readme_block("conformance", &crate::conformance::table(), true);
    readme_block("formats", &format_list(), true);
    // The test of the operators keeps the file, this one the table at its top.
    let operators = std::fs::read_to_string(own("tests/golden/onnx-tests.txt")).unwrap();
    readme_block("onnx-tests", operators.split("\n\n").next().unwrap_or_default(), true);
    readme_block("devices", &device_table(), false);
}
