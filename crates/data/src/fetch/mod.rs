//! Downloads: mirrors, resume, checksums, unpacking.
//!
//! A file arrives as `NAME.part`, with its origin beside it, and gets its name when its length and its
//! checksum are right, so that a run that is killed leaves a part that the next run goes on with, or the
//! whole file. The rest of a part is asked for with `Range`; with `If-Range` where the server gave a
//! validator. A part goes on only where a checksum will tell, or where the same server can.
//!
//! Where the manifest knows no checksum ([`Checksum::Unknown`](crate::hash::Checksum)) the length is checked
//! against its bound, and [`RECORD`] keeps the SHA-256 of the first download, which is expected from then on.
//!
//! Proxies are taken from `ALL_PROXY`, `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`.

mod check;
mod http;
mod part;
mod record;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use cortado::{Error, Result};

use crate::hash::{self, Checksum, Sums};
use crate::manifest::{Manifest, Source, is_web};
use crate::unpack;
use http::Failure;
use part::Part;
use record::{Entry, Record, Unpacked};

pub use check::{Checked, State, check, present};
pub use record::RECORD;

/// No file is asked for more often at one mirror, however often a try brings some bytes.
const MOST_TRIES: u32 = 1000;

/// How to download.
#[derive(Clone, Debug)]
pub struct Options {
    /// Longest time for a connection.
    pub connect: Duration,
    /// Longest silence of a server.
    pub read: Duration,
    /// Tries at one mirror that bring nothing, before the next mirror's turn.
    pub tries: u32,
    /// Pause before the second try; it doubles with every further one, up to 30 s.
    pub backoff: Duration,
    /// Address of a folder or path of a folder that holds the files, instead of the manifest's mirrors.
    pub from: Option<String>,
    /// Whether archives are kept once they are unpacked.
    pub keep: bool,
    /// Whether what is there and wrong is replaced.
    pub force: bool,
    /// Whether proxies of the environment are used.
    pub proxy: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(20),
            read: Duration::from_secs(30),
            tries: 3,
            backoff: Duration::from_secs(1),
            from: None,
            keep: false,
            force: false,
            proxy: true,
        }
    }
}

/// What happens, as it happens.
#[derive(Debug)]
pub enum Event<'a> {
    /// A file's turn has come.
    File {
        /// Its name.
        name: &'a str,
        /// Its length, where it is known.
        bytes: Option<u64>,
    },
    /// A source is asked.
    Trying {
        /// Its address or path.
        from: &'a str,
    },
    /// The source goes on where a part ends.
    Resumed {
        /// Length of the part.
        at: u64,
    },
    /// Bytes have arrived.
    Bytes {
        /// All that have, of this file.
        so_far: u64,
    },
    /// A try did not bring the file.
    Failed {
        /// Address or path.
        from: &'a str,
        /// The reason.
        why: &'a str,
    },
    /// The archive is being unpacked.
    Unpacking,
    /// The file's turn is over.
    Done(&'a Fetched),
}

/// One file or folder that is there now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Its name in the folder of the data set.
    pub name: String,
    /// Its bytes, of all files where it is a folder.
    pub bytes: u64,
    /// Where it came from; nothing where it was there already.
    pub from: Option<String>,
    /// How it was checked.
    pub checked: Checked,
}

/// Brings everything of `manifest` into its folder in `folder`; what is there and right stays as it is.
///
/// # Errors
/// One sentence with every mirror and its reason when none has the file; something wrong in the file's
/// place without [`Options::force`]; another download into the same folder; the operating system's.
pub fn get(
    manifest: &Manifest,
    folder: &Path,
    options: &Options,
    tell: &mut dyn FnMut(Event),
) -> Result<Vec<Fetched>> {
    let folder = folder.join(&manifest.name);
    fs::create_dir_all(&folder).map_err(|e| Error::io("cannot create", &folder, e))?;
    let _lock = lock(&folder)?;
    let mut fetcher = Fetcher {
        manifest,
        record: Record::load(&folder)?,
        folder,
        options,
        agent: http::agent(options),
        tell,
    };
    manifest
        .files
        .iter()
        .map(|file| fetcher.file(file))
        .collect()
}

/// Keeps other downloads out of `folder` as long as the result lives, and the process.
fn lock(folder: &Path) -> Result<File> {
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

struct Fetcher<'a> {
    manifest: &'a Manifest,
    folder: PathBuf,
    record: Record,
    options: &'a Options,
    agent: ureq::Agent,
    tell: &'a mut dyn FnMut(Event),
}

impl Fetcher<'_> {
    /// A file's turn.
    fn file(&mut self, file: &Source) -> Result<Fetched> {
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
        match check::state(file, &self.folder, &self.record)? {
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
        if let Some(fetched) = self.from_archive(file)? {
            return Ok(fetched);
        }
        let sources = match &self.options.from {
            Some(from) if !is_web(from) => {
                vec![Path::new(from).join(&file.name).display().to_string()]
            }
            Some(from) => vec![format!("{}/{}", from.trim_end_matches('/'), file.name)],
            None => file.addresses(&self.manifest.mirrors),
        };
        let mut reasons = Vec::new();
        for from in &sources {
            (self.tell)(Event::Trying { from });
            match self.source(file, from) {
                Ok(fetched) => return Ok(fetched),
                Err(Failure::Fatal(e)) => return Err(e),
                Err(Failure::Again(why) | Failure::Mirror(why)) => {
                    (self.tell)(Event::Failed { from, why: &why });
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
    fn from_archive(&mut self, file: &Source) -> Result<Option<Fetched>> {
        let path = self.folder.join(&file.name);
        if file.unpack.is_none() || !path.is_file() {
            return Ok(None);
        }
        let sums = hash::of_file(&path)?;
        if sums.bytes > file.limit() || self.verify(file, &sums).is_err() {
            return Ok(None);
        }
        match self.finish(file, "the archive that was there", sums) {
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
            self.transfer(file, from, &mut part)?;
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
        let mut barren = 0;
        for _ in 0..MOST_TRIES {
            let before = part.len();
            let why = match http::request(&self.agent, from, (file, part), self.tell) {
                Err(Failure::Again(why)) => why,
                done => return done,
            };
            barren = if part.len() > before { 1 } else { barren + 1 };
            if barren >= self.options.tries {
                return Err(Failure::Mirror(why));
            }
            (self.tell)(Event::Failed { from, why: &why });
            let pause = self
                .options
                .backoff
                .saturating_mul(1 << (barren - 1).min(10));
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
        let mut checked = self.verify(file, &sums).map_err(Failure::Mirror)?;
        let (mut bytes, mut unpacked) = (sums.bytes, None);
        if let Some(plan) = &file.unpack {
            (self.tell)(Event::Unpacking);
            let done = unpack::unpack(&path, &self.folder, plan);
            let done = done.map_err(|e| match e {
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
        if file.unpack.is_some() && !self.options.keep {
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
