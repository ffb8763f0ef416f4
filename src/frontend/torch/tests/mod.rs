//! Tests of the whole frontend, and the archives they are made with.

mod errors;
mod samples;

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::load;
use crate::source::RawModel;

/// A file of `tests/models`.
fn own(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models").join(name);
    std::fs::read(&path).unwrap_or_else(|it| panic!("{}: {it}", path.display()))
}

/// A file of the shared samples, where they are.
#[expect(clippy::print_stderr)]
fn sample(name: &str) -> Option<Vec<u8>> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/samples"));
    let path: PathBuf = folder.join(name);
    if !path.exists() {
        eprintln!("SKIPPED: {name} is not among the shared samples");
        return None;
    }
    Some(std::fs::read(path).unwrap())
}

/// The members of an archive, by their names without the folder.
type Members = BTreeMap<String, Vec<u8>>;

fn unpack(bytes: &[u8]) -> Members {
    let mut zip = super::sniff::open(bytes).unwrap();
    let mut members = Members::new();
    for index in 0..zip.len() {
        let mut file = zip.by_index(index).unwrap();
        let name = file.name().unwrap().split_once('/').unwrap().1.to_owned();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        members.insert(name, content);
    }
    members
}

fn pack(members: &Members, method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        let options = SimpleFileOptions::default().compression_method(method);
        zip.start_file(format!("m/{name}"), options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// The program of an archive.
fn program(members: &Members) -> Value {
    serde_json::from_slice(&members["models/model.json"]).unwrap()
}

/// An archive of `tests/models` with another program in it.
fn edited(name: &str, edit: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut members = unpack(&own(name));
    let mut json = program(&members);
    edit(&mut json);
    members.insert("models/model.json".to_owned(), json.to_string().into_bytes());
    pack(&members, CompressionMethod::Stored)
}

/// The problems of a file, in one text.
fn refusal(bytes: &[u8]) -> String {
    match load("m.pt2", bytes) {
        Ok(model) => panic!("loaded as {:?}", outline(&model)),
        Err(problems) => problems.to_string(),
    }
}

/// `name = op(inputs)` of every node.
fn outline(model: &RawModel) -> Vec<String> {
    let line = |it: &crate::source::RawNode| {
        let inputs = it.inputs.iter().map(|it| it.as_deref().unwrap_or("-"));
        format!("{} = {}({})", it.name, it.op, inputs.collect::<Vec<_>>().join(", "))
    };
    model.nodes.iter().map(line).collect()
}
