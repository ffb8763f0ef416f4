//! Reading the device file, and finding a device by any of its names.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use thiserror::Error;

use super::{Device, Fabric, Resources, all};

/// No device has this name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct UnknownDevice {
    /// What was asked for.
    pub name: String,
    /// Devices with similar names, nearest first.
    pub near: Vec<String>,
    /// Families there are devices of.
    pub families: Vec<String>,
}

impl fmt::Display for UnknownDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown device `{}`", self.name)?;
        if !self.near.is_empty() {
            write!(f, ", did you mean {}?", self.near.join(" or "))?;
        }
        write!(f, " (families: {})", self.families.join(", "))
    }
}

/// The device of a short name (`xcvu9p`), an alias (`vu9p`, `arria10`) or a full part string
/// (`xcvu9p-flgb2104-2-e`, any package and speed grade); letter case does not matter.
pub fn find(name: &str) -> Result<&'static Device, UnknownDevice> {
    let wanted = name.trim().to_ascii_lowercase();
    let exact =
        all().iter().find(|device| names(device).any(|it| it.eq_ignore_ascii_case(&wanted)));
    exact.or_else(|| by_prefix(&wanted)).ok_or_else(|| unknown(name.trim(), &wanted))
}

fn names(device: &Device) -> impl Iterator<Item = &String> {
    [&device.name, &device.part].into_iter().chain(&device.aliases).chain(&device.parts)
}

/// The device whose short name is the longest proper start of a part string. A digit must not
/// follow, so that `xcvu1` would never claim an `xcvu13p`.
fn by_prefix(wanted: &str) -> Option<&'static Device> {
    let length = |device: &Device| {
        [&device.name]
            .into_iter()
            .chain(&device.aliases)
            .filter_map(|name| {
                let rest = wanted.strip_prefix(name.as_str())?;
                (!rest.starts_with(|c: char| c.is_ascii_digit())).then_some(name.len())
            })
            .max()
    };
    all()
        .iter()
        .filter_map(|device| Some((length(device)?, device)))
        .max_by_key(|it| it.0)
        .map(|it| it.1)
}

fn unknown(name: &str, wanted: &str) -> UnknownDevice {
    let head = wanted.split('-').next().unwrap_or(wanted);
    let mut near: Vec<(usize, &str)> = all()
        .iter()
        .map(|device| {
            let shorts = [&device.name].into_iter().chain(&device.aliases);
            let distance = shorts.map(|it| distance(wanted, it).min(distance(head, it))).min();
            (distance.unwrap_or(usize::MAX), device.name.as_str())
        })
        .filter(|(distance, _)| *distance <= 3.min(1 + wanted.len() / 3))
        .collect();
    near.sort();
    let families: BTreeSet<&str> =
        all().iter().filter_map(|it| it.fabric.name.rsplit_once(' ').map(|it| it.0)).collect();
    UnknownDevice {
        name: name.to_owned(),
        near: near.into_iter().take(3).map(|it| it.1.to_owned()).collect(),
        families: families.into_iter().map(str::to_owned).collect(),
    }
}

/// Edit distance: insertions, deletions and substitutions of one letter.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    fabrics: Vec<Fabric>,
    devices: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    fabric: String,
    part: String,
    parts: Vec<String>,
    aliases: Vec<String>,
    boards: Vec<String>,
    clock_ns: f64,
    lut: u64,
    ff: u64,
    dsp: u64,
    bram_blocks: u32,
    bram_kbit: u64,
    uram: u64,
    note: String,
}

/// Why the device file cannot be used.
#[derive(Debug, Error)]
pub(super) enum DataError {
    /// Not the expected JSON.
    #[error("device file")]
    Json(#[from] serde_json::Error),
    /// A device names a fabric that is not there.
    #[error("device `{device}` names unknown fabric `{fabric}`")]
    Fabric { device: String, fabric: String },
}

/// Devices of a device file.
pub(super) fn parse(text: &str) -> Result<Vec<Device>, DataError> {
    let file: File = serde_json::from_str(text)?;
    let fabrics: BTreeMap<String, Arc<Fabric>> =
        file.fabrics.into_iter().map(|it| (it.name.clone(), Arc::new(it))).collect();
    file.devices.into_iter().map(|entry| device(entry, &fabrics)).collect()
}

fn device(entry: Entry, fabrics: &BTreeMap<String, Arc<Fabric>>) -> Result<Device, DataError> {
    let Some(fabric) = fabrics.get(&entry.fabric) else {
        return Err(DataError::Fabric { device: entry.name, fabric: entry.fabric });
    };
    Ok(Device {
        total: Resources {
            lut: entry.lut,
            ff: entry.ff,
            dsp: entry.dsp,
            bram_kbit: entry.bram_kbit,
            uram: entry.uram,
        },
        name: entry.name,
        part: entry.part,
        parts: entry.parts,
        aliases: entry.aliases,
        boards: entry.boards,
        clock_ns: entry.clock_ns,
        bram_blocks: entry.bram_blocks,
        note: entry.note,
        fabric: fabric.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = include_str!("../../constraints/devices.json");

    #[test]
    fn the_file_is_complete_and_has_nothing_unknown() {
        let devices = parse(FILE).unwrap();
        assert!(devices.len() >= 15, "{} devices", devices.len());
        let mut seen = BTreeSet::new();
        for device in &devices {
            for name in names(device) {
                assert!(seen.insert(name.to_ascii_lowercase()), "{name} names two devices");
            }
            let total = device.total;
            assert!(total.lut > 0 && total.ff > 0 && total.bram_kbit > 0, "{}", device.name);
            let blocks = u64::from(device.bram_blocks * device.fabric.bram_block_kbit);
            assert_eq!(total.bram_kbit, blocks, "{}", device.name);
            assert_eq!(total.dsp > 0, device.delay().dsp_widths[1] > 0, "{}", device.name);
            assert!(device.clock_ns > 0.0 && !device.fabric.source.is_empty());
            assert!(matches!(device.lut_inputs(), 4 | 6));
            assert_eq!(device.name, device.name.to_ascii_lowercase());
        }
        let unknown = FILE.replacen("\"uram\"", "\"uramm\"", 1);
        assert!(parse(&unknown).is_err(), "unknown fields are refused");
        let missing = FILE.replacen("\"dsp\":", "\"note\":", 1);
        assert!(parse(&missing).is_err(), "missing fields are refused");
        let dangling = FILE.replacen("\"fabric\": \"", "\"fabric\": \"no ", 1);
        assert!(matches!(parse(&dangling), Err(DataError::Fabric { .. })));
    }

    #[test]
    fn every_fabric_is_used() {
        let file: File = serde_json::from_str(FILE).unwrap();
        for fabric in &file.fabrics {
            assert!(file.devices.iter().any(|it| it.fabric == fabric.name), "{}", fabric.name);
        }
    }

    #[test]
    fn every_device_answers_to_all_its_names() {
        for device in all() {
            for name in names(device) {
                assert_eq!(find(name).unwrap().name, device.name);
                assert_eq!(find(&format!(" {} ", name.to_uppercase())).unwrap().name, device.name);
            }
        }
    }

    #[test]
    fn other_packages_are_found_by_their_start() {
        for (part, name) in [
            ("xcvu13p-fsga2577-3-e", "xcvu13p"),
            ("XC7A100TFTG256-2", "xc7a100t"),
            ("10AX115U1F45I1SG", "10ax115"),
            ("LFE5U-45F-7BG256C", "lfe5u-45"),
            ("GW2AR-LV18EQ144C8/I7", "gw2a-18"),
            ("Arria10", "10ax115"),
        ] {
            assert_eq!(find(part).unwrap().name, name, "{part}");
        }
    }

    #[test]
    fn near_misses_are_suggested() {
        let near = |name: &str| find(name).unwrap_err().near;
        assert_eq!(near("xcvu99p")[0], "xcvu9p");
        assert_eq!(near("xc7z20")[0], "xc7z020");
        assert_eq!(near("xcvu19p-flgb2104-2-e")[0], "xcvu13p");
        assert!(near("something else entirely").is_empty());
        assert!(find("").is_err());
        assert!(find("xcvu1").is_err());
        assert!(find("xcvu9p5-x").is_err());
        let text = find("xcvu99p").unwrap_err().to_string();
        assert!(text.starts_with("unknown device `xcvu99p`, did you mean xcvu9p"), "{text}");
        assert!(text.contains("families: agilex 7, arria 10, artix-7"), "{text}");
    }

    #[test]
    fn edit_distance() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("same", "same"), 0);
    }
}
