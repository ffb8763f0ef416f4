//! What several tests need: the binary, the model files, arrays.

#![allow(clippy::print_stderr, reason = "a test that skips must say so")]

use std::collections::BTreeMap;
use std::io::Read;
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

/// Runs the program with `--json`; it must exit with `code` and print one JSON object.
pub(crate) fn json(code: i32, args: &[&str]) -> serde_json::Value {
    let output = run(code, &[&["--json"], args].concat());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    serde_json::from_str(&text).unwrap_or_else(|it| panic!("{}: {it}\n{text}", args.join(" ")))
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}

/// The bytes of an `.npy` file, version 1.0.
pub(crate) fn npy_bytes(descr: &str, shape: &[usize], data: &[u8]) -> Vec<u8> {
    let extents: String = shape.iter().map(|it| format!("{it}, ")).collect();
    let mut header =
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({extents}), }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let length = u16::try_from(header.len()).expect("a short header").to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
}

/// Writes float64 values as `.npy`.
pub(crate) fn npy(path: &Path, shape: &[usize], values: &[f64]) {
    assert_eq!(shape.iter().product::<usize>(), values.len());
    let data: Vec<u8> = values.iter().flat_map(|it| it.to_le_bytes()).collect();
    std::fs::write(path, npy_bytes("<f8", shape, &data)).expect("the folder is writable");
}

/// Values between -2 and 2 from a seed, each a multiple of 1/64.
pub(crate) fn values(mut seed: u64, count: usize) -> Vec<f64> {
    let mut next = || {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((seed >> 40) % 256) as f64 / 64.0 - 2.0
    };
    (0..count).map(|_| next()).collect()
}

/// Every file under a folder with its bytes, sorted: two folders are alike if these are.
pub(crate) fn tree(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the folder is there") {
            let path = entry.expect("the entry is there").path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let bytes = std::fs::read(&path).expect("the file is readable");
                    let name = path.strip_prefix(dir).expect("it lies under it").to_owned();
                    found.push((name, bytes));
                }
            }
        }
    }
    found.sort();
    found
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

/// Everything that the program printed for people to read as complaints.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// An array of floats: its shape and its values.
pub(crate) type Array = (Vec<usize>, Vec<f64>);

/// Reads an `.npy` of floats or 32-bit integers.
pub(crate) fn read_npy(path: &Path) -> Array {
    let bytes = std::fs::read(path).unwrap_or_else(|it| panic!("{}: {it}", path.display()));
    parse_npy(&bytes)
}

fn parse_npy(bytes: &[u8]) -> Array {
    let file = npyz::NpyFile::new(bytes).expect("an .npy");
    let shape = file.shape().iter().map(|it| *it as usize).collect();
    let values = match file.try_data::<f32>() {
        Ok(data) => data.map(|it| f64::from(it.expect("a value"))).collect(),
        Err(file) => match file.try_data::<i32>() {
            Ok(data) => data.map(|it| f64::from(it.expect("a value"))).collect(),
            Err(file) => file.into_vec::<f64>().expect("f4, i4 or f8"),
        },
    };
    (shape, values)
}

/// An `.npz` file, read whole.
pub(crate) struct Npz(BTreeMap<String, Vec<u8>>);

impl Npz {
    /// Reads all members.
    pub(crate) fn open(path: &Path) -> Npz {
        let file =
            std::fs::File::open(path).unwrap_or_else(|it| panic!("{}: {it}", path.display()));
        let mut archive = zip::ZipArchive::new(file).expect("an .npz");
        let mut members = BTreeMap::new();
        for idx in 0..archive.len() {
            let mut member = archive.by_index(idx).expect("a member");
            let name = member.name().expect("a name").trim_end_matches(".npy").to_owned();
            let mut bytes = Vec::new();
            member.read_to_end(&mut bytes).expect("a whole member");
            members.insert(name, bytes);
        }
        Npz(members)
    }

    /// Names of the arrays.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether there is such an array.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// An array of floats.
    pub(crate) fn floats(&self, name: &str) -> Array {
        parse_npy(&self.0[name])
    }

    /// A scalar string: NumPy keeps it as UTF-32.
    pub(crate) fn text(&self, name: &str) -> String {
        let bytes = &self.0[name];
        let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        let word = |it: &[u8]| u32::from_le_bytes([it[0], it[1], it[2], it[3]]);
        let chars = bytes[10 + header..].chunks_exact(4).map(word);
        chars.map(|it| char::from_u32(it).expect("UTF-32")).collect()
    }
}

/// All files below a folder with their contents, by path.
pub(crate) fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![dir.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else {
                let bytes = std::fs::read(&path).expect("a file");
                found.insert(path.strip_prefix(dir).expect("below it").to_owned(), bytes);
            }
        }
    }
    found
}
