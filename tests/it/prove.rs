//! `scripts/prove.py` proves the modules of streams, and refutes what is wrong with them.

use std::path::Path;
use std::process::Command;

use nn2rtl::tools::Tools;

use crate::cosim::available;
use crate::support::{own, text};

/// Proves modules in a folder: the exit code, and a line for each size.
fn prove(arguments: &[&str]) -> Option<(Option<i32>, String)> {
    let found = Tools::find().and_then(|it| it.python());
    let python = available(found)?;
    let there = Command::new(&python).args(["-c", "import pyosys"]).output().unwrap();
    let there = match there.status.success() {
        true => Ok(()),
        false => Err("no pyosys; install it with `scripts/setup.sh --place`"),
    };
    available(there)?;
    let script = own("scripts/prove.py");
    let done = Command::new(&python).arg(&script).args(arguments).output().unwrap();
    let said = [done.stdout, done.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
    Some((done.status.code(), said.concat()))
}

#[test]
fn modules_of_streams_are_proved() {
    let Some((code, said)) = prove(&[]) else { return };
    assert_eq!(code, Some(0), "{said}");
    let proved = said.lines().filter(|it| it.contains(": proved")).count();
    assert!(proved >= 30 && proved == said.lines().count(), "{said}");
}

/// A mistake in each module: its name, what is right, and what is wrong.
const MISTAKES: [(&str, &str, &str); 16] = [
    ("fifo", "count_q > CountWidth'(2)", "count_q > CountWidth'(1)"),
    ("fifo", "!(empty && out_ready_i)", "!empty"),
    ("fifo", "count_q != CountWidth'(Depth)", "1'b1"),
    ("skid", "blocked && (take || held_q)", "blocked && take"),
    ("skid", "in_ready_o  <= !held_d", "in_ready_o  <= !held_d && !out_valid_o"),
    ("fork", "in_ready_o ? '0 : done_d", "done_d"),
    ("join", "= &in_valid_i", "= |in_valid_i"),
    ("join", "{out_valid_o && out_ready_i}", "{out_ready_i}"),
    ("collect", "stored_q[i] <= stored_q[i+1]", "stored_q[i] <= in_data_i"),
    ("spread", "last && out_ready_i", "out_ready_i"),
    ("last", "count_q >= CountWidth'(Of - Keep)", "count_q > CountWidth'(Of - Keep)"),
    ("reduce", "begins ? '0 : kept", "kept"),
    ("reduce", "take ? ends : full_q && !out_ready_i", "take && ends"),
    ("state", "count_q - 2'(pop)", "count_q"),
    ("credit", "count_d < CountWidth'(Credits)", "count_d <= CountWidth'(Credits)"),
    ("beats", "last_o ? '0 : count_q + 1'b1", "count_q + 1'b1"),
];

#[test]
fn mistakes_are_refuted() {
    for (name, right, wrong) in MISTAKES {
        let folder = tempfile::tempdir().unwrap();
        let module = format!("nn_{name}.sv");
        for file in std::fs::read_dir(own("rtl-templates")).unwrap() {
            let file = file.unwrap().path();
            std::fs::copy(&file, folder.path().join(file.file_name().unwrap())).unwrap();
        }
        change(&folder.path().join(&module), right, wrong);
        let Some((code, said)) = prove(&["--first", "--rtl", text(folder.path()), name]) else {
            return;
        };
        assert_eq!(code, Some(1), "{module}, {wrong}:\n{said}");
        assert!(said.contains("REFUTED"), "{module}, {wrong}:\n{said}");
    }
}

fn change(file: &Path, right: &str, wrong: &str) {
    let module = std::fs::read_to_string(file).unwrap();
    assert_eq!(module.matches(right).count(), 1, "{}: {right}", file.display());
    std::fs::write(file, module.replace(right, wrong)).unwrap();
}
