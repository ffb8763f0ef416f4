//! ZIP archives whose members change: packed again, so that every checksum is right.

use std::io::{Cursor, Read, Write};

use serde_json::Value;
use zip::read::{ArchiveOffset, Config};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::{Random, damage, damage_structure, json, torch};

/// The members of an archive, in its order.
pub(super) struct Members(Vec<Member>);

struct Member {
    name: String,
    bytes: Vec<u8>,
    json: Option<Value>,
}

impl Members {
    pub(super) fn unpack(bytes: &[u8]) -> Members {
        // PyTorch puts an archive into the archive: the outer one begins with the file.
        let config = Config { archive_offset: ArchiveOffset::Known(0) };
        let mut zip = ZipArchive::with_config(config, Cursor::new(bytes)).expect("an archive");
        let mut members = Vec::new();
        for index in 0..zip.len() {
            let mut file = zip.by_index(index).expect("a member");
            let name = file.name().expect("a name").to_string();
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).expect("a whole member");
            // Small texts (versions, byte order) are JSON by chance: an object is meant.
            let json = json::parse(&bytes).filter(Value::is_object);
            members.push(Member { name, bytes, json });
        }
        Members(members)
    }

    /// The archive with one member changed: mostly its largest JSON.
    pub(super) fn mutated(&self, random: &mut Random) -> Vec<u8> {
        let largest = (0..self.0.len())
            .filter(|it| self.0[*it].json.is_some())
            .max_by_key(|it| self.0[*it].bytes.len());
        let at = match largest {
            Some(at) if random.below(4) > 0 => at,
            _ => random.below(self.0.len()),
        };
        let chosen = &self.0[at];
        let changed = match &chosen.json {
            Some(value) if random.below(8) > 0 => {
                let graph = if random.below(3) == 0 { torch::rewired(value, random) } else { None };
                graph.unwrap_or_else(|| json::mutated(value, random)).to_string().into()
            }
            _ if chosen.name.ends_with(".h5") => damage_structure(random, &chosen.bytes),
            _ => damage(random, &chosen.bytes),
        };
        let drop_one = random.below(50) == 0;
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (index, member) in self.0.iter().enumerate() {
            let content = if index == at { &changed } else { &member.bytes };
            if index == at && drop_one {
                continue;
            }
            let options =
                SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
            zip.start_file(&*member.name, options).expect("a name");
            zip.write_all(content).expect("memory");
        }
        zip.finish().expect("memory").into_inner()
    }
}
