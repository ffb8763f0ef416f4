//! Damaged and altered models from seeds: bytes that are wrong, and containers that are right but say
//! something else.
//!
//! Most changes keep the container whole (checksums, lengths, nesting), so that they reach what
//! gives the content a meaning instead of ending in the reader of the container.

mod archive;
mod json;
mod torch;
mod wire;

use std::path::PathBuf;

use serde_json::Value;

use self::archive::Members;
use self::wire::Field;
use super::models::ModelFile;

/// A small generator of numbers (splitmix64), so that a seed says it all.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// A model, taken apart as far as its container allows.
enum Content {
    /// `.keras` and `.pt2`.
    Archive(Members),
    /// `.h5`: where the configuration is, and what it says.
    Hdf5(Option<(std::ops::Range<usize>, Value)>),
    /// `.json`; the file of the weights is beside it.
    Json(Value),
    /// `.onnx`.
    Protobuf(Vec<Field>),
    /// `.yml`: expressions.
    Text,
}

/// A model file that others are made of.
pub(crate) struct Seed {
    /// Its name, with the last folders.
    pub(crate) name: String,
    bytes: Vec<u8>,
    weights: Option<Vec<u8>>,
    content: Content,
}

/// A file made of a seed, with the file of its weights if it has one.
pub(crate) struct Input {
    pub(crate) bytes: Vec<u8>,
    pub(crate) weights: Option<Vec<u8>>,
}

impl Seed {
    /// Reads a model and takes it apart.
    pub(crate) fn read(file: &ModelFile) -> Seed {
        let (model, weights) = (&file.model, &file.weights);
        let read =
            |it: &PathBuf| std::fs::read(it).unwrap_or_else(|e| panic!("{}: {e}", it.display()));
        let bytes = read(model);
        let name = file.name();
        let content = match model.extension().and_then(|it| it.to_str()).unwrap_or_default() {
            "keras" | "pt2" => Content::Archive(Members::unpack(&bytes)),
            "h5" => Content::Hdf5(json::find(&bytes)),
            "json" => Content::Json(json::parse(&bytes).expect("JSON")),
            "yml" => Content::Text,
            _ => Content::Protobuf(wire::parse(&bytes, 0).expect("a message")),
        };
        Seed { name, bytes, weights: weights.as_ref().map(read), content }
    }

    /// What kind of container it is.
    pub(crate) fn container(&self) -> &'static str {
        let torch = self.name.ends_with(".pt2");
        match &self.content {
            Content::Archive(_) if torch => "PyTorch archive",
            Content::Archive(_) => "Keras archive",
            Content::Hdf5(_) => "HDF5",
            Content::Json(_) => "JSON and weights",
            Content::Protobuf(_) => "ONNX",
            Content::Text => "Expressions",
        }
    }

    /// Another file: one in five is damaged anywhere, the others stay whole as containers.
    pub(crate) fn mutated(&self, random: &mut Random) -> Input {
        let whole = random.below(5) > 0;
        let mut weights = self.weights.clone();
        let bytes = match &self.content {
            Content::Archive(members) if whole => members.mutated(random),
            Content::Protobuf(fields) if whole => wire::mutated(fields, random),
            Content::Hdf5(text) if whole => match text {
                Some((at, config)) if random.below(3) > 0 => {
                    json::replaced(&self.bytes, at, config, random)
                }
                _ => damage_structure(random, &self.bytes),
            },
            Content::Json(config) if whole && random.below(4) > 0 => {
                json::mutated(config, random).to_string().into_bytes()
            }
            Content::Json(_) if whole => {
                weights = weights.map(|it| damage_structure(random, &it));
                self.bytes.clone()
            }
            Content::Text if whole => words(random, &self.bytes),
            _ => damage(random, &self.bytes),
        };
        Input { bytes, weights }
    }
}

/// Puts words of the file, or parts of expressions, in place of others.
fn words(random: &mut Random, file: &[u8]) -> Vec<u8> {
    const PARTS: [&str; 12] =
        ["(", ")", "x0", "x3", "-", "^", "/ 0", "exp(", "sin(", "max(", "1e308", "x1 * x2 +"];
    let text = String::from_utf8_lossy(file).into_owned();
    let mut words: Vec<&str> = text.split_inclusive(' ').collect();
    for _ in 0..=random.below(6) {
        let at = random.below(words.len());
        match random.below(3) {
            0 => words[at] = PARTS[random.below(PARTS.len())],
            1 => words.insert(at, PARTS[random.below(PARTS.len())]),
            _ => words[at] = words[random.below(words.len())],
        }
    }
    words.concat().into_bytes()
}

/// Cuts the file off, changes bytes, or copies, moves or drops a chunk.
fn damage(random: &mut Random, file: &[u8]) -> Vec<u8> {
    let mut bytes = file.to_vec();
    for _ in 0..=random.below(3) {
        if bytes.is_empty() {
            break;
        }
        let at = random.below(bytes.len());
        damage_at(random, &mut bytes, at);
    }
    bytes
}

fn damage_at(random: &mut Random, bytes: &mut Vec<u8>, at: usize) {
    let end = (at + 1 + random.below(64)).min(bytes.len());
    match random.below(9) {
        0 if random.below(4) == 0 => bytes.truncate(at),
        0..=3 => bytes[at] ^= 1 << random.below(8),
        4 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
        5 => bytes[at..end].fill(0xff),
        6 => {
            let chunk = bytes[at..end].to_vec();
            let to = random.below(bytes.len());
            bytes.splice(to..to, chunk);
        }
        7 => drop(bytes.drain(at..end)),
        _ => drop(bytes.splice(at..end, random.next().to_le_bytes())),
    }
}

/// Marks of HDF5's own structures: what follows them are sizes, addresses and kinds.
const MARKS: [&[u8]; 8] =
    [b"\x89HDF", b"TREE", b"SNOD", b"HEAP", b"GCOL", b"OHDR", b"FRHP", b"\x01\x00\x06\x00"];

/// Changes bytes of HDF5's structures; the lengths of all others stay.
fn damage_structure(random: &mut Random, file: &[u8]) -> Vec<u8> {
    let mut bytes = file.to_vec();
    for _ in 0..=random.below(4) {
        let mark = MARKS[random.below(MARKS.len())];
        let from = random.below(bytes.len());
        let find = |part: &[u8]| part.windows(mark.len()).position(|it| it == mark);
        let found = find(&bytes[from..]).map(|it| it + from).or_else(|| find(&bytes));
        let at = found.unwrap_or(from) + random.below(160);
        let Some(byte) = bytes.get_mut(at) else { continue };
        match random.below(4) {
            0 => *byte ^= 1 << random.below(8),
            1 => *byte = random.next() as u8,
            2 => *byte = [0, 1, 3, 8, 0x7f, 0x80, 0xff][random.below(7)],
            _ => {
                let end = (at + 8).min(bytes.len());
                let number = [0, 1, 1 << 20, 1 << 32, 1 << 62, u64::MAX][random.below(6)];
                bytes[at..end].copy_from_slice(&number.to_le_bytes()[..end - at]);
            }
        }
    }
    bytes
}
