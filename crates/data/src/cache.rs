//! Samples that were decoded and changed before, kept on disk by what they were made from.
//!
//! An entry is named by a SHA-256 over the bytes of the recording, the ending of its name, how it is read, the part that is cut out, the
//! changes, for random ones seed and number of the sample, and the program. The same bytes elsewhere are found
//! again; anything else is another entry. What is found is what would be made: an entry that is damaged, cut off or of another
//! version is as if it were not there, and so is a folder that cannot be read or written. The check finds
//! damage; who may write the folder is trusted.
//!
//! Where: the folder that `CORTADO_CACHE` names, else `cortado` in `XDG_CACHE_HOME` or `~/.cache`; none if it is empty or `off`.
//! When entries exceed `CORTADO_CACHE_MAX` bytes (8 GiB), those not used for longest go; those that a load has used stay, and when
//! nothing else is left, it keeps no more. Several programs may use one folder at a time.

mod entry;
mod env;

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use cortado_base::{Draft, Error, Result};
use cortado_events::Recording;
use sha2::{Digest, Sha256};

/// Bytes that are kept at most, where nothing else is said: 8 GiB.
pub const LIMIT: u64 = 8 << 30;

/// What the clock of a file system may be behind.
const TICK: Duration = Duration::from_secs(1);

/// What is being written and has no name yet is left alone for so long.
const DRAFT: Duration = Duration::from_secs(3600);

/// Where samples are kept; or nowhere.
///
/// ```
/// use cortado_data::cache::Cache;
/// let folder = tempfile::tempdir().unwrap();
/// let cache = Cache::at(folder.path()).limit(1 << 20);
/// assert_eq!(cache.usage()?.entries, 0);
/// assert_eq!(Cache::off().folder(), None);
/// # Ok::<(), cortado::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Cache(Option<Place>);

#[derive(Debug)]
struct Place {
    folder: PathBuf,
    limit: u64,
    /// What was used before is old.
    since: SystemTime,
    /// Bytes of all entries, once they were counted; nothing more is kept where they cannot be.
    bytes: Mutex<Count>,
}

#[derive(Debug)]
enum Count {
    Unknown,
    Bytes(u64),
    Full,
}

/// What a cache holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Number of entries.
    pub entries: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What an entry is named by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address([u8; 32]);

impl Address {
    /// The name of what this program makes of `parts`, each of which counts, with its length.
    pub fn new(parts: &[&[u8]]) -> Self {
        let program = [
            // A number that changes with what decoders give, and versions: a digest of sources would need a build script that reads
            // files outside of its package, which are others, or none, where the package is published or vendored.
            env!("CARGO_PKG_VERSION"),
            cortado_events::MAKES,
            std::env::consts::OS,
            std::env::consts::ARCH,
        ]
        .join(" ");
        let mut sum = Sha256::new();
        for part in std::iter::once(&program.as_bytes()).chain(parts) {
            sum.update((part.len() as u64).to_le_bytes());
            sum.update(part);
        }
        Self(sum.finalize().into())
    }
}

/// A file's bytes summed up, and what shows whether they changed since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    /// SHA-256 of the bytes.
    pub sum: [u8; 32],
    length: u64,
    modified: SystemTime,
}

impl Contents {
    /// Of a file; nothing where it cannot be read or is no file.
    pub fn of(path: &Path) -> Option<Self> {
        // A pipe is not even opened: what is read from it is gone.
        let meta = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
        let mut file = File::open(path).ok()?;
        let (mut sum, mut block) = (
            Sha256::new(),
            vec![0; (meta.len() as usize).clamp(1, 1 << 18)],
        );
        loop {
            match file.read(&mut block) {
                Ok(0) => break,
                Ok(n) => sum.update(block.get(..n)?),
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
        Some(Self {
            sum: sum.finalize().into(),
            length: meta.len(),
            modified: meta.modified().ok()?,
        })
    }

    /// Whether the file is as it was.
    pub fn still(&self, path: &Path) -> bool {
        fs::metadata(path)
            .is_ok_and(|m| m.len() == self.length && m.modified().is_ok_and(|t| t == self.modified))
    }
}

impl Cache {
    /// No cache: nothing is found and nothing kept.
    pub fn off() -> Self {
        Self(None)
    }

    /// In `folder`, which is made when something is kept, in a folder `samples` in it; at most [`LIMIT`] bytes.
    pub fn at(folder: &Path) -> Self {
        Self(Some(Place {
            folder: folder.join("samples"),
            limit: LIMIT,
            since: SystemTime::now() - TICK,
            bytes: Mutex::new(Count::Unknown),
        }))
    }

    /// With another limit, in bytes.
    pub fn limit(mut self, bytes: u64) -> Self {
        if let Some(place) = &mut self.0 {
            place.limit = bytes;
        }
        self
    }

    /// Where the environment says: see the [module](self).
    ///
    /// # Errors
    /// A limit that is no size.
    pub fn from_env() -> Result<Self> {
        let get = |name: &str| std::env::var_os(name);
        let Some(folder) = env::folder(&get) else {
            return Ok(Self::off());
        };
        let limit = get("CORTADO_CACHE_MAX").filter(|v| !v.is_empty());
        let limit = limit.map_or(Ok(LIMIT), |v| env::size(&v.to_string_lossy()))?;
        Ok(Self::at(&folder).limit(limit))
    }

    /// The folder that holds the entries; nothing where there is no cache.
    pub fn folder(&self) -> Option<&Path> {
        self.0.as_ref().map(|p| p.folder.as_path())
    }

    /// Bytes that are kept at most.
    pub fn most(&self) -> u64 {
        self.0.as_ref().map_or(0, |p| p.limit)
    }

    /// What is there.
    ///
    /// # Errors
    /// A folder that is there and cannot be read.
    pub fn usage(&self) -> Result<Usage> {
        let files = self.0.as_ref().map_or(Ok(Vec::new()), Place::list)?;
        Ok(used(&files))
    }

    /// Removes all entries, and nothing that is none; gives what was removed.
    ///
    /// # Errors
    /// A folder that cannot be read, an entry that cannot be removed.
    pub fn clear(&self) -> Result<Usage> {
        let Some(place) = &self.0 else {
            return Ok(Usage::default());
        };
        let files = place.list()?;
        for file in &files {
            match fs::remove_file(&file.path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::io("cannot remove", &file.path, e));
                }
                _ => {}
            }
            // Gone with its last file; others stay.
            let _ = file.path.parent().map(fs::remove_dir);
        }
        let _ = fs::remove_dir(&place.folder);
        *place.count() = Count::Unknown;
        Ok(used(&files))
    }

    /// What is kept at an address, without triggers.
    pub(crate) fn get(&self, address: &Address) -> Option<Recording> {
        let place = self.0.as_ref()?;
        let mut file = File::open(place.path(address)).ok()?;
        let meta = file.metadata().ok().filter(fs::Metadata::is_file)?;
        let mut head = [0; entry::HEAD];
        file.read_exact(&mut head).ok()?;
        if !entry::is_head(&head, address, meta.len()) {
            return None;
        }
        let length = usize::try_from(meta.len()).ok()?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(length).ok()?;
        bytes.extend_from_slice(&head);
        let rest = length.checked_sub(entry::HEAD)? as u64;
        file.by_ref().take(rest).read_to_end(&mut bytes).ok()?;
        let found = entry::decode(&bytes, address)?;
        if meta.modified().is_ok_and(|t| t < place.since) {
            let _ = file.set_modified(SystemTime::now());
        }
        Some(found)
    }

    /// Keeps a recording, where there is a place for it.
    pub(crate) fn put(&self, address: &Address, recording: &Recording) {
        let Some(place) = &self.0 else { return };
        if matches!(*place.count(), Count::Full) {
            return;
        }
        let Some(bytes) = entry::encode(address, recording) else {
            return;
        };
        let path = place.path(address);
        if place.room(bytes.len() as u64) && write(&path, &bytes).is_err() {
            *place.count() = Count::Full;
        }
    }
}

/// Writes an entry. A crash may leave it broken, which its reader sees, so nobody waits for the disk.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent().filter(|f| !f.is_dir()) {
        fs::create_dir_all(folder).map_err(|e| Error::io("cannot make", folder, e))?;
    }
    let mut draft = Draft::new(path)?;
    draft.write(bytes)?;
    draft.keep_soon()
}

/// A file of the cache.
struct Kept {
    used: SystemTime,
    path: PathBuf,
    bytes: u64,
}

fn used(files: &[Kept]) -> Usage {
    Usage {
        entries: files.len() as u64,
        bytes: files.iter().map(|f| f.bytes).sum(),
    }
}

impl Place {
    fn path(&self, address: &Address) -> PathBuf {
        let name = crate::hash::hex(&address.0);
        let (shard, rest) = name.split_at(2);
        self.folder.join(shard).join(rest)
    }

    fn count(&self) -> std::sync::MutexGuard<'_, Count> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether so many bytes more may be kept; makes room for them where that takes old entries only.
    fn room(&self, bytes: u64) -> bool {
        let mut count = self.count();
        let known = match *count {
            Count::Full => return false,
            Count::Bytes(known) => known,
            Count::Unknown => self.list().map_or(0, |files| used(&files).bytes),
        };
        let fits = |have: u64| have.saturating_add(bytes) <= self.limit;
        let have = if fits(known) { known } else { self.trim(bytes) };
        *count = match fits(have) {
            true => Count::Bytes(have + bytes),
            false => Count::Full,
        };
        fits(have)
    }

    /// Removes old entries, those first that were not used for longest, until `bytes` and a tenth of the limit are free; gives the
    /// bytes that are left.
    fn trim(&self, bytes: u64) -> u64 {
        let mut files = self.list().unwrap_or_default();
        files.sort_by(|a, b| (a.used, &a.path).cmp(&(b.used, &b.path)));
        let mut left = used(&files).bytes;
        let enough = (self.limit - self.limit / 10).saturating_sub(bytes);
        for file in files.iter().filter(|f| f.used < self.since) {
            if left <= enough {
                break;
            }
            if fs::remove_file(&file.path).is_ok() {
                left -= file.bytes;
            }
        }
        left
    }

    /// The files of the cache, and those that a program began and left for longer than an hour; links and other names are not its.
    fn list(&self) -> Result<Vec<Kept>> {
        let mut files = Vec::new();
        for (shard, kind) in entries(&self.folder)? {
            if !kind.is_dir() || !is_hex(&shard, 2) {
                continue;
            }
            for (path, kind) in entries(&shard)? {
                let draft = name(&path).starts_with(".tmp");
                let ours = kind.is_file() && (draft || is_hex(&path, 62));
                // What another program removed meanwhile is not there.
                let Some(meta) = ours.then(|| fs::symlink_metadata(&path).ok()).flatten() else {
                    continue;
                };
                let used = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                let age = self.since.duration_since(used).unwrap_or_default();
                if !draft || age > DRAFT {
                    files.push(Kept {
                        used,
                        path,
                        bytes: meta.len(),
                    });
                }
            }
        }
        Ok(files)
    }
}

fn name(path: &Path) -> &str {
    path.file_name()
        .and_then(|n| n.to_str())
        .unwrap_or_default()
}

fn is_hex(path: &Path, digits: usize) -> bool {
    let name = name(path).as_bytes();
    name.len() == digits && name.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// What is in a folder; nothing where there is none.
fn entries(folder: &Path) -> Result<Vec<(PathBuf, fs::FileType)>> {
    let refused = |e| Error::io("cannot read", folder, e);
    let all = match fs::read_dir(folder) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        all => all.map_err(refused)?,
    };
    let entry = |e: std::io::Result<fs::DirEntry>| {
        let e = e.map_err(refused)?;
        Ok((e.path(), e.file_type().map_err(refused)?))
    };
    all.map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parts do not run into each other.
    #[test]
    fn every_part_of_an_address_counts() {
        let all: [&[&[u8]]; 5] = [
            &[b"ab", b"c"],
            &[b"a", b"bc"],
            &[b"abc"],
            &[b"abc", b""],
            &[],
        ];
        for (i, a) in all.iter().enumerate() {
            for b in &all[..i] {
                assert_ne!(Address::new(a), Address::new(b));
            }
        }
    }
}
