//! Running a program to its end, with what it wrote kept for the error message.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::{Result, ToolError};

/// Lines of output at most that an error message quotes.
const TAIL: usize = 20;

/// Runs a command without input; success gives its output, anything else its last lines.
pub(crate) fn run(command: &mut Command) -> Result<Output> {
    let program = Path::new(command.get_program()).to_owned();
    let output = command.stdin(Stdio::null()).output().map_err(ToolError::io(&program))?;
    if output.status.success() {
        return Ok(output);
    }
    let tool = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    // Most programs complain on stderr, but Verilated assertions also write to stdout.
    let mut stderr = tail(&output.stderr);
    if stderr.is_empty() {
        stderr = tail(&output.stdout);
    }
    Err(ToolError::Failed { tool, status: output.status, stderr })
}

/// Runs a command without input that may take hours: what it writes goes to a log at once. An error
/// names the log, and quotes the lines that begin as vendors' errors do, or else the last ones.
pub(crate) fn run_logged(command: &mut Command, log: &File, at: &Path) -> Result<()> {
    let program = Path::new(command.get_program()).to_owned();
    let copy = || log.try_clone().map_err(ToolError::io(at));
    let status = command.stdin(Stdio::null()).stdout(copy()?).stderr(copy()?).status();
    let status = status.map_err(ToolError::io(&program))?;
    if status.success() {
        return Ok(());
    }
    let text = std::fs::read(at).map_err(ToolError::io(at))?;
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().filter(|it| !it.trim().is_empty()).collect();
    let is_error = |it: &&&str| it.starts_with("ERROR") || it.starts_with("Error");
    let mut quoted: Vec<&str> = lines.iter().filter(is_error).take(TAIL).copied().collect();
    if quoted.is_empty() {
        quoted = lines[lines.len().saturating_sub(TAIL)..].to_vec();
    }
    let mut stderr: Vec<String> = quoted.into_iter().map(str::to_owned).collect();
    stderr.push(format!("log: {}", at.display()));
    let tool = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    Err(ToolError::Failed { tool, status, stderr })
}

/// The lines from the first that speaks of an error, or else the last lines: compilers say what is
/// wrong first and explain at length, simulations stop at what is wrong.
fn tail(text: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(text);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let error = lines.iter().position(|line| line.to_lowercase().contains("error"));
    let from = error.unwrap_or(lines.len().saturating_sub(TAIL));
    lines[from..].iter().take(TAIL).map(|line| (*line).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_quotes_the_last_lines() {
        let mut command = Command::new("sh");
        command.args(["-c", "for i in $(seq 50); do echo line $i >&2; done; exit 3"]);
        match run(&mut command) {
            Err(ToolError::Failed { tool, status, stderr }) => {
                assert_eq!((tool.as_str(), status.code()), ("sh", Some(3)));
                assert_eq!(stderr.len(), TAIL);
                assert_eq!(stderr[TAIL - 1], "line 50");
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_error_is_quoted_from_its_first_line() {
        let text = "one\n\ntwo: error: three\nfour\n".as_bytes();
        assert_eq!(tail(text), ["two: error: three", "four"]);
    }

    #[test]
    fn a_log_is_kept_and_its_errors_are_quoted() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("log");
        let told = |script: &str| {
            let mut command = Command::new("sh");
            let log = File::create(&at).unwrap();
            run_logged(command.args(["-c", script]), &log, &at)
        };
        told("echo fine").unwrap();
        assert_eq!(std::fs::read_to_string(&at).unwrap(), "fine\n");
        let Err(ToolError::Failed { stderr, .. }) =
            told("echo 0 Errors; echo ERROR: no licence >&2; echo bye; exit 1")
        else {
            panic!("it fails")
        };
        assert_eq!(stderr, ["ERROR: no licence".to_owned(), format!("log: {}", at.display())]);
        let Err(ToolError::Failed { stderr, .. }) = told("echo one; exit 1") else {
            panic!("it fails")
        };
        assert_eq!(stderr[0], "one");
    }

    #[test]
    fn a_program_that_does_not_exist_is_named() {
        let error = run(&mut Command::new("/nonexistent/tool")).unwrap_err();
        assert_eq!(error.to_string(), "/nonexistent/tool");
    }
}
