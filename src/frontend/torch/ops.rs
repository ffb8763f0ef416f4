//! Declarations of operators, and calls with their arguments by them.

use std::collections::BTreeMap;

use super::error::CallError;
use super::program::{Arg, Call};
use super::table::TABLE;
use crate::source::Attr;

/// What kinds of operators there are, as far as axes and samples are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// Each element of one tensor by itself.
    Same,
    /// Nothing, but for memory and element types.
    Copy,
    /// Elements of tensors that broadcast.
    Each,
    /// A rectifier with a slope per channel.
    Slopes,
    /// A sum over the last axis.
    Product,
    /// Another shape.
    Shape,
    /// Another order of axes.
    Order,
    /// Repeated along axes of 1.
    Expand,
    /// A function of the elements along an axis.
    Along,
    /// Several tensors along an axis.
    Join,
    /// A part of an axis.
    Take,
    /// All parts of an axis.
    Split,
    /// A number for the elements along axes.
    Reduce,
    /// More elements around.
    Pad,
    /// Batch, channels, and axes of space.
    Image,
    /// A function of the elements along the last axes.
    Trailing,
    /// Steps in time.
    Recurrent,
    /// Queries, keys and values.
    Attention,
    /// Rows of a table.
    Lookup,
    /// A constant.
    Make,
    /// What masks of attention are made with; it works on constants only.
    Mask,
}

/// Arguments without an effect on the result of inference.
const IGNORED: [&str; 16] = [
    "cudnn_enable",
    "cudnn_enabled",
    "copy",
    "device",
    "generator",
    "half_to_float",
    "implicit",
    "layout",
    "memory_format",
    "momentum",
    "non_blocking",
    "padding_idx",
    "pin_memory",
    "scale_grad_by_freq",
    "sparse",
    "p",
];

/// Arguments that must have this value, and so say nothing.
const FIXED: [(&str, &str, &str); 5] = [
    ("training", "false", "false, as after model.eval()"),
    ("train", "false", "false, as after model.eval()"),
    ("dropout_p", "0", "0, as after model.eval()"),
    ("enable_gqa", "false", "false"),
    ("divisor_override", "None", "None"),
];

/// An argument as declared.
#[derive(Debug)]
struct Param<'t> {
    ty: &'t str,
    name: &'t str,
    default: Option<&'t str>,
}

/// An operator as declared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Op {
    /// `conv2d.padding`.
    full: &'static str,
    /// The text between the parentheses.
    params: &'static str,
    /// The text behind the arrow.
    result: &'static str,
    pub(super) rule: Rule,
}

/// All operators, by their full name.
pub(super) struct Ops(BTreeMap<&'static str, Op>);

impl Ops {
    /// Reads the table.
    pub(super) fn new() -> Ops {
        let mut ops = BTreeMap::new();
        for (rule, declarations) in TABLE {
            for declaration in *declarations {
                // An argument's type may have parentheses, so the last one ends the arguments.
                let parts = declaration.split_once('(').and_then(|(full, rest)| {
                    let (params, result) = rest.rsplit_once(") -> ")?;
                    Some(Op { full, params, result, rule: *rule })
                });
                ops.extend(parts.map(|op| (op.full, op)));
            }
        }
        Ops(ops)
    }

    /// The operator of a target: `aten.linear.default`.
    pub(super) fn find(&self, target: &str) -> Option<Op> {
        let full = target.strip_prefix("aten.")?;
        self.0.get(full.strip_suffix(".default").unwrap_or(full)).copied()
    }
}

/// The arguments of a call, complete.
#[derive(Debug)]
pub(super) struct Bound {
    /// The operator's name without overload, and without the underscore of in-place variants.
    pub(super) op: String,
    /// Arguments that are tensors, in the order of the declaration; a number may stand for one.
    pub(super) tensors: Vec<(&'static str, Vec<Option<Operand>>)>,
    /// The others, without those that change nothing.
    pub(super) attrs: BTreeMap<String, Attr>,
    /// Element type that is asked for.
    pub(super) dtype: Option<i64>,
}

/// A tensor, or a number that broadcasts.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    Tensor(String),
    Number(f64),
}

impl Op {
    /// The operator's name without overload and underscore.
    pub(super) fn name(&self) -> &'static str {
        let name = self.full.split('.').next().unwrap_or(self.full);
        name.strip_suffix('_').unwrap_or(name)
    }

    /// Whether the result is the first operand, changed.
    pub(super) fn changes_operand(&self) -> bool {
        self.params.starts_with("Tensor(a!)") && self.rule != Rule::Copy && self.rule != Rule::Shape
    }

    /// Whether the result shares the memory of the first operand.
    pub(super) fn shares_memory(&self) -> bool {
        // In inference, dropout gives its operand back.
        self.params.starts_with("Tensor(a") && self.result.contains('a')
            || self.name().ends_with("dropout")
    }

    /// Name of the first argument that is a tensor.
    pub(super) fn first_tensor(&self) -> Option<&'static str> {
        self.params().find(|it| it.ty.starts_with("Tensor")).map(|it| it.name)
    }

    fn params(&self) -> impl Iterator<Item = Param<'static>> {
        split(self.params).into_iter().filter(|it| *it != "*").filter_map(|text| {
            let (declared, default) = match text.split_once('=') {
                Some((declared, default)) => (declared, Some(default)),
                None => (text, None),
            };
            let (ty, name) = declared.rsplit_once(' ')?;
            Some(Param { ty, name, default })
        })
    }

    /// Completes the arguments of a call.
    pub(super) fn bind(&self, call: &Call) -> Result<Bound, CallError> {
        let op = || call.target.clone();
        let known: Vec<Param<'static>> = self.params().collect();
        if let Some(name) = call.args.keys().find(|it| known.iter().all(|param| param.name != *it))
        {
            return Err(CallError::Unknown { op: op(), name: name.clone() });
        }
        let mut bound = Bound {
            op: self.name().to_owned(),
            tensors: Vec::new(),
            attrs: BTreeMap::new(),
            dtype: None,
        };
        for param in known {
            let arg = match (call.args.get(param.name), param.default) {
                (Some(arg), _) => arg.clone(),
                (None, Some(default)) => Arg::Plain(literal(default, param.ty)),
                (None, None) => {
                    return Err(CallError::Missing { op: op(), name: param.name.to_owned() });
                }
            };
            bound.add(&param, arg, &op)?;
        }
        Ok(bound)
    }
}

impl Bound {
    fn add(
        &mut self,
        param: &Param<'static>,
        arg: Arg,
        op: &dyn Fn() -> String,
    ) -> Result<(), CallError> {
        let wrong = |found: &dyn std::fmt::Debug, supported| CallError::Value {
            op: op(),
            name: param.name.to_owned(),
            found: format!("{found:?}").chars().take(100).collect(),
            supported,
        };
        let is_tensor = param.ty.starts_with("Tensor");
        let tensor = |name: String| Some(Operand::Tensor(name));
        match arg {
            Arg::Tensor(name) if is_tensor => self.tensors.push((param.name, vec![tensor(name)])),
            Arg::Tensors(names) if is_tensor => {
                let names = names.into_iter().map(|it| it.and_then(tensor)).collect();
                self.tensors.push((param.name, names));
            }
            Arg::Nothing | Arg::Plain(Attr::Null) if is_tensor => {
                self.tensors.push((param.name, vec![None]));
            }
            Arg::Plain(number @ (Attr::Int(_) | Attr::Float(_) | Attr::Bool(_)))
                if is_tensor || param.name == "other" =>
            {
                let number = match number {
                    Attr::Int(value) => value as f64,
                    Attr::Float(value) => value,
                    _ => f64::from(u8::from(number == Attr::Bool(true))),
                };
                self.tensors.push((param.name, vec![Some(Operand::Number(number))]));
            }
            Arg::Tensor(_) | Arg::Tensors(_) => return Err(wrong(&"a tensor", "a number")),
            other if is_tensor => return Err(wrong(&other, "a tensor")),
            Arg::Dtype(code) => self.dtype = Some(code),
            // `to.prim_dtype` gives the element type as a number.
            Arg::Plain(Attr::Int(code)) if param.name == "dtype" => self.dtype = Some(code),
            _ if IGNORED.contains(&param.name) || param.name == "dtype" => {}
            Arg::Place => {}
            Arg::Nothing => self.check(param, Attr::Null, &wrong)?,
            Arg::Plain(attr) => self.check(param, attr, &wrong)?,
        }
        Ok(())
    }

    fn check(
        &mut self,
        param: &Param<'static>,
        attr: Attr,
        wrong: &dyn Fn(&dyn std::fmt::Debug, &'static str) -> CallError,
    ) -> Result<(), CallError> {
        let fixed = FIXED.iter().find(|it| it.0 == param.name);
        let Some((_, value, supported)) = fixed else {
            self.attrs.insert(param.name.to_owned(), attr);
            return Ok(());
        };
        let same = match (&attr, *value) {
            (Attr::Bool(found), "false") => !found,
            (Attr::Null, "None") => true,
            (Attr::Int(0), "0") => true,
            (Attr::Float(found), "0") => *found == 0.0,
            _ => false,
        };
        if same { Ok(()) } else { Err(wrong(&attr, supported)) }
    }

    /// The operand of a name, if it is given and no list.
    pub(super) fn tensor(&self, name: &str) -> Option<&Operand> {
        let found = self.tensors.iter().find(|it| it.0 == name)?;
        found.1.first()?.as_ref()
    }

    /// All operands, in order.
    pub(super) fn operands(&self) -> impl Iterator<Item = &Option<Operand>> {
        self.tensors.iter().flat_map(|it| &it.1)
    }

    /// An integer argument, `default` if it is `None`.
    pub(super) fn int(&self, name: &str, default: i64) -> Result<i64, CallError> {
        match self.attrs.get(name) {
            None | Some(Attr::Null) => Ok(default),
            Some(Attr::Int(value)) => Ok(*value),
            Some(other) => Err(self.wrong(name, other, "an integer")),
        }
    }

    /// A list of integers; one integer is a list, too; `None` if there is none.
    pub(super) fn ints(&self, name: &str) -> Result<Option<Vec<i64>>, CallError> {
        let found = self.attrs.get(name);
        let wrong = |it| self.wrong(name, it, "a list of integers");
        match found {
            None | Some(Attr::Null) => Ok(None),
            Some(Attr::Int(value)) => Ok(Some(vec![*value])),
            Some(all @ Attr::List(items)) => items
                .iter()
                .map(|it| if let Attr::Int(value) = it { Ok(*value) } else { Err(wrong(all)) })
                .collect::<Result<_, _>>()
                .map(Some),
            Some(other) => Err(wrong(other)),
        }
    }

    /// A number, `default` if it is `None`.
    pub(super) fn float(&self, name: &str, default: f64) -> Result<f64, CallError> {
        match self.attrs.get(name) {
            None | Some(Attr::Null) => Ok(default),
            Some(Attr::Int(value)) => Ok(*value as f64),
            Some(Attr::Float(value)) => Ok(*value),
            Some(other) => Err(self.wrong(name, other, "a number")),
        }
    }

    /// A truth value, false if it is `None`.
    pub(super) fn flag(&self, name: &str) -> Result<bool, CallError> {
        match self.attrs.get(name) {
            None | Some(Attr::Null) => Ok(false),
            Some(Attr::Bool(value)) => Ok(*value),
            Some(other) => Err(self.wrong(name, other, "true or false")),
        }
    }

    /// The error for a value that cannot be honoured.
    pub(super) fn wrong(&self, name: &str, found: &Attr, supported: &'static str) -> CallError {
        let found = format!("{found:?}").chars().take(100).collect();
        CallError::Value { op: self.op.clone(), name: name.to_owned(), found, supported }
    }
}

/// Parts between commas that are outside of brackets.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'[' | b'(' => depth += 1,
            b']' | b')' => depth -= 1,
            b',' if depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts.retain(|it| !it.is_empty());
    parts
}

/// A default value: `[1, 1]`, `0.01`, `None`, `'none'`.
fn literal(text: &str, ty: &str) -> Attr {
    if let Some(items) = text.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
        return Attr::List(split(items).into_iter().map(|it| literal(it, "int")).collect());
    }
    let scalar = match text {
        "None" => return Attr::Null,
        "True" => return Attr::Bool(true),
        "False" => return Attr::Bool(false),
        _ => match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(int), _) => Attr::Int(int),
            (_, Ok(float)) => Attr::Float(float),
            _ => return Attr::Str(text.trim_matches('\'').to_owned()),
        },
    };
    // `int[2] padding=0` is two zeros.
    let count = ty.split_once('[').and_then(|(_, rest)| rest.split(']').next()?.parse().ok());
    match count {
        Some(count) => Attr::List(vec![scalar; count]),
        None => scalar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_declaration_is_read_whole() {
        let ops = Ops::new();
        let declared: usize = TABLE.iter().map(|it| it.1.len()).sum();
        assert_eq!(ops.0.len(), declared);
        for op in ops.0.values() {
            let params: Vec<_> = op.params().collect();
            assert_eq!(params.len(), split(op.params).iter().filter(|it| **it != "*").count());
            for Param { ty, name, .. } in params {
                assert!(name.chars().all(|it| it.is_alphanumeric() || it == '_'), "{ty} {name}");
            }
        }
    }

    #[test]
    fn defaults_are_filled_in() {
        let ops = Ops::new();
        let tensor = |name: &str| Arg::Tensor(name.to_owned());
        let mut call = Call {
            node: "n".to_owned(),
            target: "aten.max_pool2d.default".to_owned(),
            args: BTreeMap::from([("self".to_owned(), tensor("x"))]),
            order: Vec::new(),
            outputs: vec!["y".to_owned()],
            module: String::new(),
        };
        let op = ops.find(&call.target).unwrap();
        assert!(
            matches!(op.bind(&call), Err(CallError::Missing { name, .. }) if name == "kernel_size")
        );
        let kernel = Attr::List(vec![Attr::Int(2), Attr::Int(2)]);
        call.args.insert("kernel_size".to_owned(), Arg::Plain(kernel));
        let bound = op.bind(&call).unwrap();
        assert_eq!(bound.tensor("self"), Some(&Operand::Tensor("x".to_owned())));
        assert_eq!(bound.ints("padding").unwrap(), Some(vec![0, 0]));
        assert_eq!(bound.ints("stride").unwrap(), Some(vec![]));
        assert_eq!(bound.attrs["ceil_mode"], Attr::Bool(false));
        call.args.insert("extra".to_owned(), Arg::Nothing);
        assert!(matches!(op.bind(&call), Err(CallError::Unknown { .. })));
    }

    #[test]
    fn memory_is_told_from_declarations() {
        let ops = Ops::new();
        let flags = |it: &str| {
            let op = ops.find(it).unwrap();
            (op.name(), op.changes_operand(), op.shares_memory())
        };
        assert_eq!(flags("aten.relu_.default"), ("relu", true, true));
        assert_eq!(flags("aten.view.default"), ("view", false, true));
        assert_eq!(flags("aten.split.Tensor"), ("split", false, true));
        assert_eq!(flags("aten.detach_.default"), ("detach", false, true));
        assert_eq!(flags("aten.clone.default"), ("clone", false, false));
        assert_eq!(flags("aten.add.Tensor"), ("add", false, false));
    }
}
