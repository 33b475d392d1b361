//! Unpacking of `.gz`, `.tar.gz` and `.zip` from strangers.
//!
//! An archive is refused as a whole when a path of it is absolute, holds `..`, `\`, `:` or a control
//! character, or comes twice; when an entry is a link, a device or encrypted; when it has more entries or
//! more bytes than the manifest allows; and when it is damaged. Entries are written to a folder beside the
//! target, which gets its name when everything is there.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use cortado::{Error, Result};
use flate2::read::MultiGzDecoder;

use crate::hash::{self, Sums};
use crate::manifest::Unpack;

/// Kinds of archives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One file, compressed.
    Gz,
    /// Files and folders in a tar, compressed.
    TarGz,
    /// Files and folders in a zip.
    Zip,
}

impl Format {
    /// The format that the ending of `name` stands for.
    ///
    /// ```
    /// use cortado_data::unpack::Format;
    /// assert_eq!(Format::of("a.tar.gz"), Some(Format::TarGz));
    /// assert_eq!((Format::of("a.gz"), Format::of("a.npy")), (Some(Format::Gz), None));
    /// ```
    pub fn of(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let ends = |ending: &str| name.ends_with(ending);
        match () {
            () if ends(".tar.gz") || ends(".tgz") => Some(Self::TarGz),
            () if ends(".zip") => Some(Self::Zip),
            () if ends(".gz") => Some(Self::Gz),
            () => None,
        }
    }
}

/// The components of a path in an archive, or why it is refused.
///
/// Components `.` and empty ones fall away, as in `./a//b/`.
///
/// # Errors
/// The reason, as the end of a sentence: not UTF-8, absolute, `..`, `\`, `:`, a control character, nothing
/// left, longer than 1,024 bytes.
///
/// ```
/// use cortado_data::unpack::components;
/// assert_eq!(components(b"./a/b.wav").unwrap(), ["a", "b.wav"]);
/// assert_eq!(components(b"a/../../b").unwrap_err(), "a path with '..'");
/// assert!(components(b"/etc/passwd").is_err() && components(b"C:x").is_err());
/// ```
pub fn components(path: &[u8]) -> std::result::Result<Vec<String>, &'static str> {
    if path.len() > 1024 {
        return Err("a path longer than 1024 bytes");
    }
    let path = std::str::from_utf8(path).map_err(|_| "a path that is not UTF-8")?;
    if path.starts_with('/') {
        return Err("an absolute path");
    }
    if path.contains(|c: char| c.is_control() || c == '\\' || c == ':') {
        return Err("a path with a backslash, a colon or a control character");
    }
    let parts: Vec<String> = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .map(String::from)
        .collect();
    if parts.iter().any(|part| part == "..") {
        return Err("a path with '..'");
    }
    if parts.is_empty() {
        return Err("an empty path");
    }
    Ok(parts)
}

/// Unpacks `plan.take` out of `archive`, or with `plan.whole` all of it, to `folder/plan.take`, whole or not at all.
///
/// What is already there under this name is replaced. A folder `.NAME.unpack` that a killed run has left
/// is removed.
///
/// Returns the sums of what was unpacked and its number of files, see [`hash::of_tree`].
///
/// # Errors
/// What the module refuses, an archive without `plan.take`, a sum that is not `plan.checksum`, and the
/// operating system's errors.
pub fn unpack(archive: &Path, folder: &Path, plan: &Unpack) -> Result<(Sums, u64)> {
    let staging = folder.join(format!(".{}.unpack", plan.take));
    remove(&staging)?;
    fs::create_dir(&staging).map_err(|e| Error::io("cannot create", &staging, e))?;
    let done = fill(archive, &staging, plan).and_then(|()| {
        let new = staging.join(&plan.take);
        let wrong = |expected, got: String| {
            Error::invalid("archive", archive.display().to_string(), expected, got)
        };
        if new.symlink_metadata().is_err() {
            return Err(wrong(
                format!("'{}' in it", plan.take),
                "no such entry".into(),
            ));
        }
        let (sums, files) = hash::of_tree(&new)?;
        if plan.checksum.matches(&sums) == Some(false) {
            let expected = format!("'{}' in it with {}", plan.take, plan.checksum);
            return Err(wrong(expected, plan.checksum.of(&sums).to_string()));
        }
        exchange(&new, &folder.join(&plan.take), &staging.join(".old"))?;
        Ok((sums, files))
    });
    let cleaned = remove(&staging);
    done.and_then(|unpacked| cleaned.map(|()| unpacked))
}

/// Gives `new` the name `target`. A folder of that name goes to `old` first, and comes back when that fails.
fn exchange(new: &Path, target: &Path, old: &Path) -> Result<()> {
    let refused = |e| Error::io("cannot rename to", target, e);
    let there =
        target.symlink_metadata().is_ok_and(|m| m.is_dir()) || new.is_dir() && target.exists();
    if there {
        fs::rename(target, old).map_err(refused)?;
    }
    fs::rename(new, target).map_err(|e| {
        if there {
            let _ = fs::rename(old, target);
        }
        refused(e)
    })
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io("cannot remove", path, e)),
        _ => Ok(()),
    }
}

fn fill(archive: &Path, staging: &Path, plan: &Unpack) -> Result<()> {
    let at = archive.display().to_string();
    let file = File::open(archive).map_err(|e| Error::io("cannot read", archive, e))?;
    let mut sink = Sink {
        at: &at,
        root: staging,
        plan,
        seen: HashSet::new(),
        left: plan.bytes,
    };
    match Format::of(&archive.file_name().unwrap_or_default().to_string_lossy()) {
        Some(Format::Gz) => sink.write(
            std::slice::from_ref(&plan.take),
            &mut MultiGzDecoder::new(file),
        ),
        Some(Format::TarGz) => sink.tar(file),
        Some(Format::Zip) => sink.zip(file),
        None => Err(sink.wrong("a name that ends in .tar.gz, .tgz, .zip or .gz", "another")),
    }
}

/// Where entries go, and what they may still use up.
struct Sink<'a> {
    at: &'a str,
    root: &'a Path,
    plan: &'a Unpack,
    seen: HashSet<Vec<String>>,
    left: u64,
}

impl Sink<'_> {
    fn wrong(&self, expected: impl Into<String>, got: impl ToString) -> Error {
        Error::invalid("archive", self.at, expected, got)
    }

    fn damaged(&self, e: impl ToString) -> Error {
        self.wrong("whole and undamaged", e)
    }

    fn tar(&mut self, file: File) -> Result<()> {
        // Headers, padding and long names need room beside the files, and no more than this.
        let room = self
            .plan
            .entries
            .saturating_mul(4096)
            .saturating_add(1 << 20);
        let reader = MultiGzDecoder::new(file).take(self.plan.bytes.saturating_add(room));
        let mut archive = tar::Archive::new(reader);
        let entries = archive.entries().map_err(|e| self.damaged(e))?;
        for entry in entries {
            let mut entry = entry.map_err(|e| self.damaged(e))?;
            let (kind, path) = (entry.header().entry_type(), entry.path_bytes().into_owned());
            match kind {
                tar::EntryType::XGlobalHeader => {}
                tar::EntryType::Directory => self.entry(&path, None)?,
                tar::EntryType::Regular | tar::EntryType::Continuous => {
                    self.entry(&path, Some(&mut entry))?;
                }
                _ => return Err(self.refused(&path, "a link or a device")),
            }
        }
        // The sum at the end of the gzip is only looked at when the end is read.
        let mut reader = archive.into_inner();
        io::copy(&mut reader, &mut io::sink()).map_err(|e| self.damaged(e))?;
        if reader.limit() == 0 {
            return Err(self.too_long());
        }
        Ok(())
    }

    fn zip(&mut self, file: File) -> Result<()> {
        let mut archive = zip::ZipArchive::new(file).map_err(|e| self.damaged(e))?;
        if archive.has_duplicate_names() {
            return Err(self.wrong("every path once", "one that comes twice"));
        }
        for i in 0..archive.len() {
            let mut entry = archive.by_index(i).map_err(|e| self.damaged(e))?;
            let path = entry.name_raw().to_vec();
            let kind = entry.unix_mode().unwrap_or(0) & 0o170_000;
            match kind {
                _ if entry.is_symlink() => return Err(self.refused(&path, "a link or a device")),
                0 | 0o100_000 | 0o040_000 if entry.is_dir() => self.entry(&path, None)?,
                0 | 0o100_000 => self.entry(&path, Some(&mut entry))?,
                _ => return Err(self.refused(&path, "a link or a device")),
            }
        }
        Ok(())
    }

    fn refused(&self, path: &[u8], what: &str) -> Error {
        let got = format!("{what}: {:?}", String::from_utf8_lossy(path));
        self.wrong("plain files and folders, each once, inside the folder", got)
    }

    fn too_long(&self) -> Error {
        self.wrong(
            format!("at most {} bytes unpacked", self.plan.bytes),
            "more",
        )
    }

    /// One entry: a folder where there is nothing to read.
    fn entry(&mut self, path: &[u8], reader: Option<&mut dyn Read>) -> Result<()> {
        if self.seen.len() as u64 >= self.plan.entries {
            return Err(self.wrong(format!("at most {} entries", self.plan.entries), "more"));
        }
        // The folder that everything is in may have an entry of its own, and it may be called `./`.
        let parts = match components(path) {
            Err("an empty path") if reader.is_none() && path.starts_with(b".") => Vec::new(),
            parts => parts.map_err(|why| self.refused(path, why))?,
        };
        if !self.seen.insert(parts.clone()) {
            return Err(self.refused(path, "a path that comes twice"));
        }
        let kept = parts.get(self.plan.strip..).unwrap_or_default();
        let mut kept = kept.to_vec();
        if self.plan.whole && !kept.is_empty() {
            kept.insert(0, self.plan.take.clone());
        }
        let wanted = kept.first() == Some(&self.plan.take);
        match reader {
            Some(reader) if wanted => self.write(&kept, reader),
            // What is left aside counts as well: it may be what makes the archive grow.
            Some(reader) => self.copy(reader, &mut io::sink()),
            None if wanted => self.folder(&kept),
            None => Ok(()),
        }
    }

    fn folder(&self, parts: &[String]) -> Result<()> {
        let path = parts
            .iter()
            .fold(self.root.to_path_buf(), |path, part| path.join(part));
        fs::create_dir_all(&path).map_err(|e| Error::io("cannot create", path, e))
    }

    fn write(&mut self, parts: &[String], reader: &mut dyn Read) -> Result<()> {
        let Some((name, above)) = parts.split_last() else {
            return Ok(());
        };
        self.folder(above)?;
        let path = above
            .iter()
            .fold(self.root.to_path_buf(), |path, part| path.join(part))
            .join(name);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(|e| Error::io("cannot create", &path, e))?;
        self.copy(reader, &mut file)?;
        // To sync each of thousands of small files takes minutes; a folder that lost some is found by its sum.
        if above.is_empty() {
            let synced = file.sync_all();
            synced.map_err(|e| Error::io("cannot write", path, e))?;
        }
        Ok(())
    }

    /// Copies within what is left of the bytes.
    fn copy(&mut self, reader: &mut dyn Read, to: &mut dyn Write) -> Result<()> {
        let mut buffer = vec![0; 1 << 16];
        loop {
            let n = match reader.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(self.damaged(e)),
            };
            let Some(left) = self.left.checked_sub(n as u64) else {
                return Err(self.too_long());
            };
            self.left = left;
            let chunk = buffer.get(..n).unwrap_or_default();
            to.write_all(chunk)
                .map_err(|e| Error::io("cannot write", self.root, e))?;
        }
    }
}
