//! One file's way from some source to its place.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use cortado::{Error, Result};

use super::http::{self, Failure};
use super::part::{self, Part};
use super::record::{Entry, Record, Unpacked};
use super::{Checked, Event, Fetched, Options, State};
use crate::hash::{self, Checksum, Sums};
use crate::manifest::{Manifest, Source, is_web};
use crate::unpack;

/// No file is asked for more often at one mirror, however often a try brings some bytes.
const MOST_TRIES: u32 = 1000;

/// Where an archive comes from that was there.
const LEFT: &str = "the archive that was there";

/// A download of one data set.
pub(super) struct Fetcher<'a> {
    pub manifest: &'a Manifest,
    pub folder: PathBuf,
    pub record: Record,
    pub options: &'a Options,
    pub agent: ureq::Agent,
    pub tell: &'a mut dyn FnMut(Event),
    /// Keeps other downloads out, from the first file on that is not there.
    pub lock: Option<File>,
}

impl Fetcher<'_> {
    /// A file's turn: it may be there, or some source has it.
    pub fn file(&mut self, file: &Source) -> Result<Fetched> {
        (self.tell)(Event::File {
            name: &file.name,
            bytes: file.size,
        });
        let done = match self.there(file)? {
            Some(fetched) => fetched,
            None => self.bring(file)?,
        };
        (self.tell)(Event::Done(&done));
        Ok(done)
    }

    /// What is there already, where it may stay.
    fn there(&self, file: &Source) -> Result<Option<Fetched>> {
        match super::check::state(file, &self.folder, &self.record)? {
            State::There { bytes, checked }
                if checked != Checked::Nothing || !self.options.force =>
            {
                let name = file.target().to_string();
                Ok(Some(Fetched {
                    name,
                    bytes,
                    from: None,
                    checked,
                }))
            }
            State::Wrong { expected, got } if !self.options.force => {
                let at = self.folder.join(file.target()).display().to_string();
                Err(Error::invalid(
                    "data",
                    at,
                    format!("{expected} (--force replaces it)"),
                    got,
                ))
            }
            _ => Ok(None),
        }
    }

    /// Asks one source after the other.
    fn bring(&mut self, file: &Source) -> Result<Fetched> {
        if self.lock.is_none() {
            self.lock = Some(lock(&self.folder)?);
            self.record = Record::load(&self.folder)?;
        }
        if let Some(fetched) = self.archive_there(file)? {
            return Ok(fetched);
        }
        if let (Some(manual), None) = (&self.manifest.manual, &self.options.from) {
            let at = self.folder.join(&file.name).display().to_string();
            let expected = format!(
                "it to be fetched by hand: {manual} (--from names another folder that has it)"
            );
            return Err(Error::invalid("file", at, expected, "no such file"));
        }
        let sources = match &self.options.from {
            Some(from) if !is_web(from) => {
                vec![Path::new(from).join(&file.name).display().to_string()]
            }
            Some(from) => vec![format!("{}/{}", from.trim_end_matches('/'), file.name)],
            None => file.addresses(&self.manifest.mirrors),
        };
        let mut reasons = Vec::new();
        for (i, from) in sources.iter().enumerate() {
            (self.tell)(Event::Trying { from });
            match self.source(file, from) {
                Ok(fetched) => return Ok(fetched),
                Err(Failure::Fatal(e)) => return Err(e),
                Err(Failure::Again(why) | Failure::Mirror(why)) => {
                    if i + 1 < sources.len() {
                        (self.tell)(Event::Failed { from, why: &why });
                    }
                    reasons.push(format!("{from}: {why}"));
                }
            }
        }
        Err(Error::invalid(
            "download",
            format!("'{}' of {}", file.name, self.manifest.name),
            "the file from one of its mirrors, or a folder that has it by --from",
            reasons.join("; "),
        ))
    }

    /// Unpacks an archive that an earlier run has left, where it is the right one.
    fn archive_there(&mut self, file: &Source) -> Result<Option<Fetched>> {
        let path = self.folder.join(&file.name);
        if file.unpack.is_none() || !path.is_file() {
            return Ok(None);
        }
        let sums = hash::of_file(&path)?;
        if sums.bytes > file.limit() {
            return Ok(None);
        }
        if let Err(why) = self.verify(file, &sums) {
            // Of what a person brought nobody else will say what is wrong with it.
            let theirs = self.manifest.manual.is_some() && self.options.from.is_none();
            let at = path.display().to_string();
            return match theirs {
                true => Err(Error::invalid("archive", at, "the published one", why)),
                false => Ok(None),
            };
        }
        match self.finish(file, LEFT, sums) {
            Ok(fetched) => Ok(Some(fetched)),
            Err(Failure::Fatal(e)) => Err(e),
            Err(_) => Ok(None),
        }
    }

    /// Everything that one source can do for a file.
    fn source(&mut self, file: &Source, from: &str) -> std::result::Result<Fetched, Failure> {
        let target = self.folder.join(&file.name);
        for _ in 0..2 {
            let mut part = Part::open(&target)?;
            if let Err(failed) = self.transfer(file, from, &mut part) {
                if part.len() == 0 {
                    part.discard()?;
                }
                return Err(failed);
            }
            let sums = hash::of_file(part.path())?;
            match self.verify(file, &sums) {
                Ok(_) => {
                    part.keep(&target)?;
                    return self.finish(file, from, sums);
                }
                Err(why) => {
                    let carried = part.carried();
                    part.discard()?;
                    // The wrong bytes may be those of another mirror: once more, from the beginning.
                    if !carried {
                        return Err(Failure::Mirror(why));
                    }
                }
            }
        }
        Err(Failure::Mirror("wrong bytes twice".into()))
    }

    /// Asks again as long as that helps.
    fn transfer(
        &mut self,
        file: &Source,
        from: &str,
        part: &mut Part,
    ) -> std::result::Result<(), Failure> {
        if !is_web(from) {
            return http::copy(Path::new(from), (file, part), self.tell);
        }
        let mut barren = 0u32;
        for _ in 0..MOST_TRIES {
            let before = part.len();
            let why = match http::request(&self.agent, from, (file, part), self.tell) {
                Err(Failure::Again(why)) => why,
                done => return done,
            };
            barren = if part.len() > before { 0 } else { barren + 1 };
            if barren >= self.options.tries {
                return Err(Failure::Mirror(why));
            }
            (self.tell)(Event::Failed { from, why: &why });
            let pause = self
                .options
                .backoff
                .saturating_mul(1 << barren.saturating_sub(1).min(10));
            std::thread::sleep(pause.min(Duration::from_secs(30)));
        }
        Err(Failure::Mirror(format!("cut off {MOST_TRIES} times")))
    }

    /// Whether the bytes are the right ones, or why not.
    fn verify(&self, file: &Source, sums: &Sums) -> std::result::Result<Checked, String> {
        if let Some(size) = file.size.filter(|size| *size != sums.bytes) {
            return Err(format!("expected {size} bytes, got {}", sums.bytes));
        }
        let differ =
            |expected: &Checksum| Err(format!("expected {expected}, got {}", expected.of(sums)));
        let settled_inside = |plan: &crate::manifest::Unpack| plan.checksum != Checksum::Unknown;
        match file.checksum.matches(sums) {
            Some(true) => Ok(Checked::by(&file.checksum)),
            Some(false) => differ(&file.checksum),
            None if file.unpack.as_ref().is_some_and(settled_inside) => Ok(Checked::Size),
            None => match self.record.files.get(&file.name) {
                Some(entry) if entry.sha256 == sums.sha256 => Ok(Checked::Recorded),
                Some(entry) if !self.options.force => {
                    differ(&Checksum::Sha256(entry.sha256.clone()))
                }
                _ => Ok(Checked::Size),
            },
        }
    }

    /// Unpacks and records a file that is whole.
    fn finish(
        &mut self,
        file: &Source,
        from: &str,
        sums: Sums,
    ) -> std::result::Result<Fetched, Failure> {
        let path = self.folder.join(&file.name);
        // What a person brought here is theirs to remove.
        let theirs = self.manifest.manual.is_some() && from == LEFT;
        let mut checked = self.verify(file, &sums).map_err(Failure::Mirror)?;
        let (mut bytes, mut unpacked) = (sums.bytes, None);
        if let Some(plan) = &file.unpack {
            (self.tell)(Event::Unpacking);
            let done = unpack::unpack(&path, &self.folder, plan);
            let done = done.map_err(|e| match e {
                e if theirs => Failure::Fatal(e),
                Error::Invalid { .. } => match part::remove(&path) {
                    Ok(()) => Failure::Mirror(e.to_string()),
                    Err(e) => Failure::Fatal(e),
                },
                e => Failure::Fatal(e),
            })?;
            bytes = done.0.bytes;
            if checked == Checked::Size {
                checked = Checked::by(&plan.checksum);
            }
            unpacked = Some(Unpacked::new(done));
        }
        let entry = Entry {
            from: from.into(),
            bytes: sums.bytes,
            sha256: sums.sha256,
            checked: checked.to_string(),
            unpacked,
        };
        self.record.files.insert(file.name.clone(), entry);
        self.record.save(&self.folder)?;
        if file.unpack.is_some() && !self.options.keep && !theirs {
            part::remove(&path)?;
        }
        let name = file.target().to_string();
        Ok(Fetched {
            name,
            bytes,
            from: Some(from.into()),
            checked,
        })
    }
}

/// Keeps other downloads out of `folder` as long as the result lives; a killed process lets go.
fn lock(folder: &Path) -> Result<File> {
    fs::create_dir_all(folder).map_err(|e| Error::io("cannot create", folder, e))?;
    let path = folder.join(".get.lock");
    let file = File::create(&path).map_err(|e| Error::io("cannot write", &path, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(Error::invalid(
            "download",
            folder.display().to_string(),
            "one at a time",
            "another that is still running",
        )),
        Err(fs::TryLockError::Error(e)) => Err(Error::io("cannot lock", path, e)),
    }
}
