//! In-place operators: whoever reads a changed tensor later reads the result of the change.
//!
//! An exported program may still call `relu_`. Its operand is then another tensor than before, and so
//! is everything that shares memory with it; the first is followed here, the second refused.

use std::collections::BTreeMap;

use super::error::{CallError, TorchError};
use super::ops::Ops;
use super::program::{Arg, Call, push};
use crate::error::Problems;

/// What the names of tensors stand for at some point of the program.
#[derive(Default)]
struct Memory {
    /// The tensor that is read under a name that has been changed.
    current: BTreeMap<String, String>,
    /// The first tensor that has the memory of another.
    root: BTreeMap<String, String>,
    /// Tensors that an operator has changed behind their back: the operator, and what it changed.
    stale: BTreeMap<String, (String, String)>,
}

impl Memory {
    fn current<'n>(&'n self, name: &'n str) -> &'n str {
        self.current.get(name).map_or(name, String::as_str)
    }

    fn root<'n>(&'n self, name: &'n str) -> &'n str {
        self.root.get(name).map_or(name, String::as_str)
    }

    fn read(&self, name: &mut String) -> Result<(), CallError> {
        if let Some((op, tensor)) = self.stale.get(name) {
            let (op, tensor) = (op.clone(), tensor.clone());
            return Err(CallError::InPlace { op, tensor, other: name.clone() });
        }
        *name = self.current(name).to_owned();
        Ok(())
    }

    /// `tensor`, a current name, becomes `result`.
    fn change(&mut self, target: &str, tensor: &str, result: &str) {
        let root = self.root(tensor).to_owned();
        let members = self.root.iter().filter(|it| *it.1 == root).map(|it| it.0);
        let members: Vec<String> = members.chain([&root]).cloned().collect();
        for member in members {
            if self.current(&member) == tensor {
                self.current.insert(member, result.to_owned());
            } else if member != result {
                self.stale.insert(member, (target.to_owned(), tensor.to_owned()));
            }
        }
        self.current.remove(result);
        self.root.insert(result.to_owned(), root);
    }
}

/// Makes every call and output read what a tensor is at that time.
pub(super) fn follow(
    file: &str,
    calls: &mut [Call],
    outputs: &mut [String],
    ops: &Ops,
    problems: &mut Problems,
) {
    let mut memory = Memory::default();
    for call in calls {
        let node = call.node.clone();
        for name in call.args.values_mut().flat_map(names) {
            if let Err(what) = memory.read(name) {
                push(problems, file, &node, TorchError::Call(what));
            }
        }
        let Some(op) = ops.find(&call.target) else { continue };
        let first = op.first_tensor().and_then(|it| call.args.get_mut(it));
        let first = first.and_then(|it| names(it).into_iter().next().cloned());
        let (Some(first), Some(result)) = (first, call.outputs.first()) else { continue };
        if op.changes_operand() {
            memory.change(&call.target, &first, result);
        } else if op.shares_memory() {
            let root = memory.root(&first).to_owned();
            for output in &call.outputs {
                memory.root.insert(output.clone(), root.clone());
            }
        }
    }
    for output in outputs {
        if let Err(what) = memory.read(output) {
            push(problems, file, "", TorchError::Call(what));
        }
    }
}

fn names(arg: &mut Arg) -> Vec<&mut String> {
    match arg {
        Arg::Tensor(name) => vec![name],
        Arg::Tensors(all) => all.iter_mut().flatten().collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(target: &str, reads: &str, makes: &str) -> Call {
        let args = BTreeMap::from([("self".to_owned(), Arg::Tensor(reads.to_owned()))]);
        Call {
            node: makes.to_owned(),
            target: format!("aten.{target}.default"),
            args,
            order: vec!["self".to_owned()],
            outputs: vec![makes.to_owned()],
            module: String::new(),
        }
    }

    /// What each call reads, and the output.
    fn reads(calls: &[(&str, &str, &str)], output: &str) -> Result<String, String> {
        let mut calls: Vec<Call> = calls.iter().map(|it| call(it.0, it.1, it.2)).collect();
        let (mut outputs, mut problems) = ([output.to_owned()], Problems::default());
        follow("m", &mut calls, &mut outputs, &Ops::new(), &mut problems);
        let read: Vec<String> = calls.iter().flat_map(|it| it.reads().cloned()).collect();
        let text = format!("{} {}", read.join(" "), outputs[0]);
        problems.into_result(text).map_err(|it| it.to_string())
    }

    #[test]
    fn later_readers_see_the_change() {
        let chain = [("relu_", "x", "a"), ("tanh", "x", "b"), ("sigmoid_", "x", "c")];
        assert_eq!(reads(&chain, "x"), Ok("x a a c".to_owned()));
        assert_eq!(reads(&chain, "a"), Ok("x a a c".to_owned()));
        assert_eq!(reads(&chain, "b"), Ok("x a a b".to_owned()));
        assert_eq!(reads(&[("tanh", "x", "a"), ("relu_", "x", "b")], "a"), Ok("x x a".to_owned()));
    }

    #[test]
    fn views_of_changed_memory_are_refused() {
        let views = [("view", "x", "a"), ("relu_", "a", "b"), ("tanh", "b", "c")];
        assert_eq!(reads(&views, "c"), Ok("x a b c".to_owned()));
        assert!(reads(&views, "x").unwrap_err().contains("x, which shares its memory"));
        let clones = [("clone", "x", "a"), ("relu_", "a", "b")];
        assert_eq!(reads(&clones, "x"), Ok("x a x".to_owned()));
    }
}
