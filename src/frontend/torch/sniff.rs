//! What PyTorch, or a tool near it, has written: told by names in a ZIP archive and by first bytes.

use std::io::Cursor;

use zip::ZipArchive;
use zip::read::{ArchiveOffset, Config};
use zip::result::ZipResult;

/// Kinds of files that hold PyTorch models; only the first can be read without Python.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `torch.export.save` of torch 2.9 or later.
    Program,
    /// `torch.export.save` before 2.9: its weights are pickled.
    OldProgram,
    /// `torch.jit.save`.
    Script,
    /// `torch.save`, of a module or of a `state_dict`.
    Pickle,
    /// Machine code by AOTInductor.
    Compiled,
    /// An ExecuTorch program (`.pte`).
    ExecuTorch,
    /// Weights without a graph.
    Safetensors,
}

/// How `torch.save` began before it wrote ZIP archives: a pickled number.
const LEGACY: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";

/// What the bytes are; `None` if nothing of PyTorch's.
pub(super) fn kind(bytes: &[u8]) -> Option<Kind> {
    if bytes.starts_with(LEGACY) || is_pickle(bytes) {
        return Some(Kind::Pickle);
    }
    if bytes.get(4..6) == Some(b"ET") && bytes.get(6..8).is_some_and(|it| it[0].is_ascii_digit()) {
        return Some(Kind::ExecuTorch);
    }
    if is_safetensors(bytes) {
        return Some(Kind::Safetensors);
    }
    if !bytes.starts_with(b"PK\x03\x04") {
        return None;
    }
    let zip = open(bytes).ok()?;
    let names = names(&zip);
    let ends =
        |ending: &str| names.iter().any(|it| it == ending || it.ends_with(&format!("/{ending}")));
    let holds = |part: &str| names.iter().any(|it| it.contains(part));
    if ends("serialized_exported_program.json") {
        return Some(Kind::OldProgram);
    }
    if ends("archive_format") {
        return Some(match (holds("models/"), holds("weights_config.json")) {
            (true, true) => Kind::Program,
            // torch 2.8: the graph as now, the weights as a pickle.
            (true, false) => Kind::OldProgram,
            (false, _) => Kind::Compiled,
        });
    }
    match (ends("data.pkl"), ends("constants.pkl")) {
        (_, true) => Some(Kind::Script),
        (true, false) => Some(Kind::Pickle),
        (false, false) => None,
    }
}

/// Opens a ZIP archive that begins with the file. To look for another beginning finds the directory of
/// the archive that PyTorch puts inside, the sample inputs.
pub(super) fn open(bytes: &[u8]) -> ZipResult<ZipArchive<Cursor<&[u8]>>> {
    let config = Config { archive_offset: ArchiveOffset::Known(0) };
    ZipArchive::with_config(config, Cursor::new(bytes))
}

/// Names of the members that are text.
pub(super) fn names(zip: &ZipArchive<Cursor<&[u8]>>) -> Vec<String> {
    zip.file_names().filter_map(|it| Some(it.ok()?.into_owned())).collect()
}

/// A pickle of protocol 2 to 5 that names a class of PyTorch's early on.
fn is_pickle(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(4096)];
    matches!(start, [0x80, 2..=5, ..]) && start.windows(5).any(|it| it == b"torch")
}

/// A length, then a JSON object of that length.
fn is_safetensors(bytes: &[u8]) -> bool {
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else { return false };
    let length = u64::from_le_bytes(*length);
    let fits = usize::try_from(length).is_ok_and(|it| it >= 2 && it <= rest.len());
    fits && rest.starts_with(b"{\"")
}

/// Whether the bytes look like anything that PyTorch writes.
pub fn is_torch(bytes: &[u8]) -> bool {
    kind(bytes).is_some()
}
