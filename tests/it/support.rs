//! What several tests need: the binary, the model files, arrays.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The program under test.
pub(crate) fn nn2rtl() -> Command {
    Command::new(env!("CARGO_BIN_EXE_nn2rtl"))
}

/// Runs the program; it must exit with `code`.
pub(crate) fn run(code: i32, args: &[&str]) -> Output {
    let output = nn2rtl().args(args).output().expect("the program starts");
    let text = |it: &[u8]| String::from_utf8_lossy(it).into_owned();
    assert_eq!(
        output.status.code(),
        Some(code),
        "nn2rtl {}\n{}{}",
        args.join(" "),
        text(&output.stdout),
        text(&output.stderr)
    );
    output
}

/// A model or sample of this repository.
pub(crate) fn own(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A file of the shared folder beside the repository, or `None` with a loud note.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let at = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(path);
    if !at.exists() {
        eprintln!("SKIPPED: ../shared/{path} is not there");
        return None;
    }
    Some(at)
}
