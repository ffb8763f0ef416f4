//! The command line: arguments in, library calls, exit code out. The only file that prints.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is where printing belongs")]

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use nn2rtl::app;
use nn2rtl::cli::Cli;

/// 0: fine. 1: a mismatch or a target missed. 2: an error.
fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let outcome = match app::run(&cli) {
        Ok(outcome) => outcome,
        Err(problems) => {
            if cli.json {
                let problems: Vec<String> = problems.0.iter().map(ToString::to_string).collect();
                print(&format!("{}\n", serde_json::json!({ "errors": problems })));
            } else {
                problems.0.iter().for_each(|it| eprintln!("error: {it}"));
            }
            return ExitCode::from(2);
        }
    };
    if cli.json {
        let mut json = outcome.json;
        if let Some(object) = json.as_object_mut() {
            let warnings: Vec<String> = outcome.warnings.iter().map(ToString::to_string).collect();
            object.insert("warnings".to_owned(), warnings.into());
        }
        print(&format!("{json}\n"));
    } else {
        outcome.warnings.iter().for_each(|it| eprintln!("warning: {it}"));
        print(&outcome.text);
    }
    ExitCode::from(u8::from(outcome.failed))
}

/// A command line that makes no sense, or a call for help. Programs that ask for JSON get JSON.
fn refuse(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() || !std::env::args_os().any(|it| it == "--json") {
        let _ = error.print();
    } else {
        let text = error.to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
        print(&format!("{}\n", serde_json::json!({ "errors": [text] })));
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// A reader that has gone away (`| head`) is not an error.
fn print(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}
