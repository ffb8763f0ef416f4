//! Compiled things, kept between runs: one file for each hash of all that it was made from.
//!
//! The folder is `$NN2RTL_CACHE`, else `$XDG_CACHE_HOME/nn2rtl`, else `$HOME/.cache/nn2rtl`.
//! Files appear by an atomic rename, so a reader never sees half of one, and are built under a
//! lock, so two processes do not do the same work. Over [`Cache::LIMIT`] bytes, the entries
//! that were unused for longest go.

use std::env;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use super::{Result, ToolError};

/// How long the traces of a killed process stay before they are swept.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// A hash of everything that a cached file depends on.
#[derive(Clone, Debug, Default)]
pub struct Key(Sha256);

impl Key {
    /// The hash of nothing yet; `purpose` keeps different kinds of entry apart.
    pub fn new(purpose: &str) -> Key {
        Key::default().part(purpose)
    }

    /// Adds a part; its length is hashed too, so that parts cannot run into each other.
    pub fn part(mut self, bytes: impl AsRef<[u8]>) -> Key {
        let bytes = bytes.as_ref();
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    /// Adds each part of a list, and their number.
    pub fn parts<P: AsRef<[u8]>>(self, parts: impl IntoIterator<Item = P>) -> Key {
        let (key, count) =
            parts.into_iter().fold((self, 0_u64), |(key, n), part| (key.part(part), n + 1));
        key.part(count.to_le_bytes())
    }

    /// Adds a file: its name without folders, and its contents.
    pub fn file(self, path: &Path) -> Result<Key> {
        let contents = fs::read(path).map_err(ToolError::io(path))?;
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        Ok(self.part(name).part(contents))
    }

    /// Adds all files below a folder.
    pub fn folder(self, path: &Path) -> Result<Key> {
        let mut entries = fs::read_dir(path)
            .and_then(|entries| entries.collect::<io::Result<Vec<_>>>())
            .map_err(ToolError::io(path))?;
        entries.sort_by_key(fs::DirEntry::file_name);
        let mut key = self.part((entries.len() as u64).to_le_bytes());
        for entry in entries {
            let path = entry.path();
            let kind = entry.file_type().map_err(ToolError::io(&path))?;
            // A link to a folder is not followed, so a loop of links cannot trap us.
            key = match (kind.is_dir(), path.is_file()) {
                (true, _) => key.part(entry.file_name().as_encoded_bytes()).folder(&path)?,
                (false, true) => key.file(&path)?,
                (false, false) => key,
            };
        }
        Ok(key)
    }

    /// The hash in hexadecimal.
    pub fn hex(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A folder of cached files.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
    limit: u64,
}

impl Cache {
    /// Bytes that entries may take together.
    pub const LIMIT: u64 = 2 << 30;

    /// The user's cache.
    pub fn open() -> Result<Cache> {
        let named = |name: &str| env::var_os(name).filter(|at| !at.is_empty()).map(PathBuf::from);
        let root = named("NN2RTL_CACHE")
            .or_else(|| Some(named("XDG_CACHE_HOME")?.join("nn2rtl")))
            .or_else(|| Some(named("HOME")?.join(".cache/nn2rtl")))
            .ok_or(ToolError::NoCache)?;
        Cache::at(root)
    }

    /// A cache in a given folder, which is made if it is not there.
    pub fn at(root: PathBuf) -> Result<Cache> {
        for part in ["entry", "lock", "scratch"] {
            let folder = root.join(part);
            fs::create_dir_all(&folder).map_err(ToolError::io(&folder))?;
        }
        // Tools run in other folders, so a relative path would lose its meaning.
        let root = root.canonicalize().map_err(ToolError::io(&root))?;
        let cache = Cache { root, limit: Cache::LIMIT };
        cache.sweep();
        Ok(cache)
    }

    /// A fresh folder that is removed when the value is dropped.
    pub fn scratch(&self) -> Result<Scratch> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = self.root.join("scratch").join(format!("{}-{count}", process::id()));
        // A process of the same number may have been killed here before.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).map_err(ToolError::io(&path))?;
        Ok(Scratch(path))
    }

    /// The entry of a key, if it is there; this counts as a use of it.
    pub fn get(&self, key: &str) -> Option<PathBuf> {
        let path = self.root.join("entry").join(key);
        let file = File::open(&path).ok()?;
        // Only the order in which entries are dropped depends on this.
        let _ = file.set_modified(SystemTime::now());
        Some(path)
    }

    /// The entry of a key; `build` makes it in a scratch folder if it is not there.
    pub fn get_or_build(
        &self,
        key: &str,
        build: impl FnOnce(&Path) -> Result<PathBuf>,
    ) -> Result<PathBuf> {
        if let Some(path) = self.get(key) {
            return Ok(path);
        }
        let lock_path = self.root.join("lock").join(key);
        let lock = File::create(&lock_path).map_err(ToolError::io(&lock_path))?;
        lock.lock().map_err(ToolError::io(&lock_path))?;
        if let Some(path) = self.get(key) {
            return Ok(path);
        }
        let scratch = self.scratch()?;
        let built = build(scratch.path())?;
        let path = self.root.join("entry").join(key);
        fs::rename(&built, &path).map_err(ToolError::io(&path))?;
        self.trim(&path);
        Ok(path)
    }

    /// Drops the entries unused for longest until the rest fits; `keep` stays.
    ///
    /// Another process may be doing the same, so what fails here is left as it is.
    fn trim(&self, keep: &Path) {
        let mut entries: Vec<(SystemTime, PathBuf, u64)> = files(&self.root.join("entry"));
        let mut total: u64 = entries.iter().map(|(_, _, size)| size).sum();
        entries.sort();
        for (_, path, size) in entries {
            if total <= self.limit {
                break;
            }
            if path != keep && fs::remove_file(&path).is_ok() {
                total -= size;
            }
        }
    }

    /// Removes what processes that were killed have left.
    fn sweep(&self) {
        let now = SystemTime::now();
        let old = |time: SystemTime| now.duration_since(time).is_ok_and(|age| age > STALE);
        for (_, path, _) in files(&self.root.join("lock")).into_iter().filter(|it| old(it.0)) {
            let _ = fs::remove_file(path);
        }
        for (_, path, _) in files(&self.root.join("scratch")).into_iter().filter(|it| old(it.0)) {
            let _ = fs::remove_dir_all(path);
        }
    }
}

/// Last change, path and size of all that is in a folder.
fn files(folder: &Path) -> Vec<(SystemTime, PathBuf, u64)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let describe = |entry: fs::DirEntry| {
        let meta = entry.metadata().ok()?;
        Some((meta.modified().ok()?, entry.path(), meta.len()))
    };
    entries.flatten().filter_map(describe).collect()
}

/// A folder that is removed with all in it when this is dropped.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // If this fails, the sweep of a later run gets it.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(cache: &Cache, key: &str, bytes: usize) -> PathBuf {
        cache
            .get_or_build(key, |dir| {
                let file = dir.join("x");
                fs::write(&file, vec![0; bytes]).map_err(ToolError::io(&file))?;
                Ok(file)
            })
            .unwrap()
    }

    #[test]
    fn an_entry_is_built_once() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path().to_owned()).unwrap();
        let path = put(&cache, "k", 3);
        let again = cache.get_or_build("k", |_| panic!("built twice")).unwrap();
        assert_eq!(path, again);
        assert_eq!(fs::read_dir(dir.path().join("scratch")).unwrap().count(), 0);
    }

    #[test]
    fn a_failed_build_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path().to_owned()).unwrap();
        assert!(cache.get_or_build("k", |_| Err(ToolError::NoCache)).is_err());
        assert!(cache.get("k").is_none());
        assert_eq!(fs::read_dir(dir.path().join("scratch")).unwrap().count(), 0);
    }

    #[test]
    fn the_entry_unused_for_longest_goes_first() {
        let dir = tempfile::tempdir().unwrap();
        let mut cache = Cache::at(dir.path().to_owned()).unwrap();
        cache.limit = 250;
        let now = SystemTime::now();
        for (key, age) in [("a", 30), ("b", 20)] {
            let path = put(&cache, key, 100);
            let at = now - Duration::from_secs(age);
            File::open(path).unwrap().set_modified(at).unwrap();
        }
        assert!(cache.get("a").is_some(), "using it makes it the newest");
        put(&cache, "c", 100);
        let left: Vec<bool> = ["a", "b", "c"].map(|key| cache.get(key).is_some()).to_vec();
        assert_eq!(left, [true, false, true]);
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let a = Key::new("t").part("ab").part("c").hex();
        let b = Key::new("t").part("a").part("bc").hex();
        assert_ne!(a, b);
        let c = Key::new("t").parts(["a"]).parts(["b"]).hex();
        let d = Key::new("t").parts(["a", "b"]).parts::<&str>([]).hex();
        assert_ne!(c, d);
    }

    #[test]
    fn a_folder_counts_with_names_and_contents() {
        let dir = tempfile::tempdir().unwrap();
        let hash = || Key::new("t").folder(dir.path()).unwrap().hex();
        let empty = hash();
        fs::create_dir(dir.path().join("sub")).unwrap();
        fs::write(dir.path().join("sub/a.h"), "1").unwrap();
        let one = hash();
        fs::write(dir.path().join("sub/a.h"), "2").unwrap();
        let two = hash();
        fs::rename(dir.path().join("sub/a.h"), dir.path().join("a.h")).unwrap();
        let moved = hash();
        let all = [&empty, &one, &two, &moved];
        for (idx, hash) in all.iter().enumerate() {
            assert!(!all[..idx].contains(hash), "{idx}");
        }
    }
}
