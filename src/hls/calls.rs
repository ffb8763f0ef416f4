//! Calls of kernels: their config structs, constants and arguments.

use std::borrow::Cow;

use super::fold::Member;
use super::numbers::{decimal, expression, from_bits, rows, type_text};
use super::view::{Builder, CallView, CastsView, ConfigView, ConstantView};
use super::{Library, Tool};
use crate::error::{Origin, Problem};
use crate::fixed::Format;
use crate::units::Kernel;
use crate::units::hls::{HlsCall, HlsConstant, HlsNumbers, HlsValue};

/// A constant that the compiler of oneAPI cannot be told.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{of}: a constant has more than the 53 significant bits of a double, which constants for oneAPI are made \
     of; a narrower type fits"
)]
pub struct WideConstant {
    of: String,
}

/// The types of a config struct: name in the struct, name outside, format.
type ConfigTypes = Vec<(&'static str, String, Format)>;

impl Builder<'_> {
    /// A call, with the config struct and the constants it needs.
    pub(super) fn call(
        &mut self,
        origin: &Origin,
        note: &str,
        call: &HlsCall,
        operands: &[(String, String)],
        (result, result_ty): (&str, &str),
    ) -> CallView {
        self.view.headers.insert(call.header);
        let name = self.names.part(result, "config");
        let mut types: ConfigTypes = Vec::new();
        let mut members: Vec<Member> = Vec::new();
        for (member, value) in &call.config {
            match value {
                HlsValue::Type(format) => {
                    let ty = self.define(result, &format!("{member}_t"), *format);
                    types.push((member, ty, *format));
                }
                HlsValue::Unsigned(it) => members.push(("unsigned", member, it.to_string())),
                HlsValue::Signed(it) => members.push(("long long", member, it.to_string())),
                HlsValue::Bool(it) => members.push(("bool", member, it.to_string())),
            }
        }
        let mut function = format!("nn::{}", call.function);
        let (mut adders, mut arguments) = (None, Cow::Borrowed(&call.constants));
        if let Some(matrix) = call.matrix {
            let folded = self.fold(call, matrix, origin);
            function.push_str(folded.suffix);
            members.extend(folded.members);
            adders = folded.adders;
            arguments = Cow::Owned(folded.constants);
        }
        let constants: Vec<String> =
            arguments.iter().map(|it| self.constant(result, note, it, &types)).collect();
        let config_types = types.into_iter().map(|(it, ty, _)| (format!("{it}_t"), ty)).collect();
        if let Some(kernel) = &call.kernel {
            self.view.own.insert(kernel.cpp.name.clone(), kernel.cpp.text.clone());
        }
        self.view.configs.push(ConfigView {
            name: name.clone(),
            note: note.to_owned(),
            types: config_types,
            members,
            casts: call.casts.as_deref().map(|it| casts(self.library(), it)),
            kernel: call.kernel.as_deref().map(function_text),
            adders,
        });
        let (arrays, array_types): (Vec<String>, Vec<String>) = operands.iter().cloned().unzip();
        let (result, result_ty) = (vec![result.to_owned()], vec![result_ty.to_owned()]);
        let (template_args, args) = match call.variadic {
            false => (
                [array_types, result_ty, vec![name]].concat(),
                [arrays, result, constants].concat(),
            ),
            true => ([result_ty, vec![name]].concat(), [result, constants, arrays].concat()),
        };
        CallView { function, template_args, args }
    }

    /// A constant argument; returns its name.
    fn constant(
        &mut self,
        of: &str,
        note: &str,
        constant: &HlsConstant,
        types: &ConfigTypes,
    ) -> String {
        let name = self.names.part(of, constant.name);
        let find = |ty: &str| {
            let (_, name, format) = types.iter().find(|it| it.0 == ty).expect("a config type");
            (name.clone(), *format)
        };
        match &constant.numbers {
            HlsNumbers::Array { ty, values } => {
                let (ty, format) = find(ty);
                self.constant_value(&name, &ty, note, format, values);
            }
            HlsNumbers::Scalar { ty, value } => {
                let (ty, format) = find(ty);
                self.scalar(&name, &ty, note, *value, format.frac());
            }
            HlsNumbers::Indices(values) => self.indices(&name, note, values),
        }
        name
    }

    /// An array of `unsigned`.
    pub(super) fn indices(&mut self, name: &str, note: &str, values: &[u32]) {
        let (n, rows) = (values.len(), rows(values.iter().map(u32::to_string)));
        let [name, ty, note] = [name, "unsigned", note].map(str::to_owned);
        self.view.constants.push(ConstantView { name, ty, note, form: "items", n, rows });
    }

    /// One number, in whatever form holds it.
    pub(super) fn scalar(&mut self, name: &str, ty: &str, note: &str, value: i128, frac: i32) {
        if decimal(value, frac).is_none() {
            self.needs_bits(note);
        }
        let rows = vec![expression(value, frac, ty)];
        let [name, ty, note] = [name, ty, note].map(str::to_owned);
        self.view.constants.push(ConstantView { name, ty, note, form: "scalar", n: 1, rows });
    }

    /// A constant is made of its bits, which SYCL cannot do while it compiles.
    fn needs_bits(&mut self, note: &str) {
        if self.options.tool == Tool::Oneapi {
            self.problems.push(Problem::new(WideConstant { of: note.to_owned() }));
        }
    }

    /// An array of mantissas: doubles if they hold all of them, else bits.
    pub(super) fn constant_value(
        &mut self,
        name: &str,
        ty: &str,
        note: &str,
        format: Format,
        values: &[i128],
    ) {
        let doubles: Option<Vec<String>> =
            values.iter().map(|it| decimal(*it, format.frac())).collect();
        let (form, rows) = match doubles {
            Some(doubles) => ("doubles", rows(doubles.into_iter())),
            None => ("items", rows(values.iter().map(|it| from_bits(*it, ty)))),
        };
        if form == "items" {
            self.needs_bits(note);
        }
        let note = format!("{note}, {}", type_text(self.library(), format));
        let (name, ty, n) = (name.to_owned(), ty.to_owned(), values.len());
        self.view.constants.push(ConstantView { name, ty, note, form, n, rows });
    }
}

/// The name that a function of the user's is called by, where `operand_t` and `result_t` are its types.
pub(super) fn function_text(kernel: &Kernel) -> String {
    let types = if kernel.typed { "<operand_t, result_t>" } else { "" };
    format!("{}{types}", kernel.function)
}

/// The different formats among those of the elements, and which each element has.
fn casts(library: Library, formats: &[Format]) -> CastsView {
    let mut types: Vec<Format> = formats.to_vec();
    types.sort();
    types.dedup();
    let place = |it: &Format| types.partition_point(|other| other < it).to_string();
    CastsView {
        n: formats.len(),
        rows: rows(formats.iter().map(place)),
        types: types.iter().map(|it| type_text(library, *it)).collect(),
    }
}
