//! Running a program to its end, with what it wrote kept for the error message.

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
    fn a_program_that_does_not_exist_is_named() {
        let error = run(&mut Command::new("/nonexistent/tool")).unwrap_err();
        assert_eq!(error.to_string(), "/nonexistent/tool");
    }
}
