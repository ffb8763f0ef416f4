//! Asks a C++ function of the user's for its result of every operand: that table is what the function
//! means to everything else.

use std::fs;
use std::process::Command;

use tera::{Context, Tera};

use super::Library;
use super::calls::function_text;
use super::host::FLAGS;
use super::numbers::type_text;
use crate::fixed::{Format, Mantissas, Word};
use crate::tools::{self, Build, ToolError, Tools};
use crate::units::Kernel;

/// The program that asks.
const PROGRAM: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/hls-templates/project/tabulate.cpp.tera"));

/// Why there is no table of a function.
#[derive(Debug, thiserror::Error)]
pub enum TabulateError {
    /// The compiler is missing or refused the header, or the program failed.
    #[error("{function} of {file}")]
    Tool {
        /// The function.
        function: String,
        /// Its header.
        file: String,
        /// What was said.
        source: ToolError,
    },
    /// A result that its format does not have.
    #[error("{function}({operand}) is {found}, which {result} does not hold")]
    Outside {
        /// The function.
        function: String,
        /// The operand.
        operand: f64,
        /// The result.
        found: String,
        /// Its format.
        result: Format,
    },
    /// The function printed something, or ended the program.
    #[error("{function} printed something of its own or ended the program")]
    Disturbed {
        /// The function.
        function: String,
    },
}

/// The results of a function by the bits of its operand.
///
/// # Errors
/// A compiler that is missing or refuses the header, and results outside of their format.
pub fn tabulate(kernel: &Kernel) -> Result<Mantissas, TabulateError> {
    let function = || kernel.function.clone();
    let printed = print(kernel).map_err(|source| {
        let file = kernel.cpp.name.clone();
        TabulateError::Tool { function: function(), file, source }
    })?;
    let read = |(code, line): (usize, &str)| {
        if let Some(found) = line.strip_prefix("! ") {
            let mantissa = (code as i128).wrap(kernel.operand.width, kernel.operand.signed);
            let (operand, found) = (kernel.operand.value(mantissa), found.to_owned());
            let (function, result) = (function(), kernel.result);
            return Err(TabulateError::Outside { function, operand, found, result });
        }
        let bits = u64::from_str_radix(line, 16);
        let bits = bits.map_err(|_| TabulateError::Disturbed { function: function() })?;
        Ok(i128::from(bits).wrap(kernel.result.width, kernel.result.signed))
    };
    let table: Vec<i128> = printed.lines().enumerate().map(read).collect::<Result<_, _>>()?;
    match table.len() == 1 << kernel.operand.width {
        true => Ok(table.into()),
        false => Err(TabulateError::Disturbed { function: function() }),
    }
}

/// What the program prints.
fn print(kernel: &Kernel) -> Result<String, ToolError> {
    let tools = Tools::find()?;
    let scratch = tools.cache().scratch()?;
    let folder = scratch.path();
    let (header, main) = (folder.join(&kernel.cpp.name), folder.join("tabulate.cpp"));
    for (path, text) in [(&header, kernel.cpp.text.clone()), (&main, program(kernel))] {
        fs::write(path, text).map_err(ToolError::io(path))?;
    }
    let mut flags: Vec<String> = FLAGS.iter().map(|it| (*it).to_owned()).collect();
    flags.extend(["-isystem".to_owned(), tools.ap_types()?.display().to_string()]);
    let includes = vec![folder.to_owned()];
    let build = Build { sources: vec![main], includes, flags, libs: Vec::new() };
    let output = tools::run(&mut Command::new(build.executable(&tools)?))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn program(kernel: &Kernel) -> String {
    let mut context = Context::new();
    context.insert("header", &kernel.cpp.name);
    context.insert("call", &function_text(kernel));
    context.insert("operand", &type_text(Library::Ap, kernel.operand));
    context.insert("result", &type_text(Library::Ap, kernel.result));
    context.insert("codes", &(1u32 << kernel.operand.width));
    context.insert("operand_msb", &(kernel.operand.width - 1));
    context.insert("result_msb", &(kernel.result.width - 1));
    Tera::one_off(PROGRAM, &context, false)
        .expect("the template is part of the program and prints every field it names")
}
