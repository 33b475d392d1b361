//! Random access by time: an index beside the file of a recording, made when it is first wanted.
//!
//! `FILE.idx` holds little-endian `u64`s: the mark `CORTIDX1`, the length of the recording in bytes, its time of
//! change in nanoseconds, the number of the format's name in bytes and the name in as many `u64`s, the number of words
//! of a state, the number of entries; then for each entry a place in the file, the latest time before it, the earliest
//! from it on, and the state of a decoder there. An index that does not fit its recording is made anew; one that cannot
//! be written is kept in memory.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use cortado_base::{Error, Result, write_atomic};

use crate::decoder::Decoder;
use crate::event::{Geometry, Recording};
use crate::format::{Format, Options};
use crate::report::Policy;

const MARK: u64 = u64::from_le_bytes(*b"CORTIDX1");
/// Microseconds between entries, at least.
const STEP: u64 = 10_000;
/// Bytes that are decoded between entries, at least.
const BLOCK: usize = 1 << 14;
/// Words of a state and bytes of a name are no more.
const MOST: u64 = 64;

/// Where the events of a time are in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Index {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    offset: u64,
    /// No event before the offset is later.
    before: u64,
    /// No event from the offset on is earlier.
    after: u64,
    state: Vec<u64>,
}

/// What an index is of.
#[derive(PartialEq, Eq)]
struct Stamp {
    length: u64,
    changed: u64,
    format: Format,
}

impl Stamp {
    fn of(path: &Path, format: Format) -> Result<Self> {
        let meta = std::fs::metadata(path).map_err(|e| Error::io("cannot read", path, e))?;
        let changed = meta
            .modified()
            .ok()
            .and_then(|t| t.duration_since(UNIX_EPOCH).ok());
        Ok(Self {
            length: meta.len(),
            changed: changed.map_or(0, |t| t.as_nanos() as u64),
            format,
        })
    }

    fn words(&self) -> Vec<u64> {
        let name = self.format.name();
        let mut words = vec![MARK, self.length, self.changed, name.len() as u64];
        words.extend(name.bytes().map(u64::from));
        words
    }
}

/// The name of the index of a file.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(".idx");
    name.into()
}

impl Index {
    /// The index of a recording: the one beside it, or a new one, which is put there; nothing for formats whose decoders
    /// cannot begin in the middle.
    pub fn of(path: &Path, format: Format, options: &Options) -> Result<Option<Self>> {
        let stamp = Stamp::of(path, format)?;
        if let Some(index) = std::fs::read(beside(path))
            .ok()
            .and_then(|b| Self::parse(&b, &stamp))
        {
            return Ok(Some(index));
        }
        let Some(index) = Self::make(path, format, options)? else {
            return Ok(None);
        };
        // A folder that cannot be written is no reason not to read.
        let _ = write_atomic(&beside(path), &index.bytes(&stamp));
        Ok(Some(index))
    }

    fn make(path: &Path, format: Format, options: &Options) -> Result<Option<Self>> {
        let refused = |e| Error::io("cannot read", path, e);
        let mut file = File::open(path).map_err(refused)?;
        let options = Options {
            policy: Policy::Lenient,
            ..options.clone()
        };
        let mut decoder = Decoder::new(format, &options, &path.display().to_string())?;
        let (mut block, mut batch) = (vec![0; BLOCK], Recording::default());
        let mut entries: Vec<Entry> = Vec::new();
        let mut latest = 0;
        loop {
            let n = file.read(&mut block).map_err(refused)?;
            match n {
                0 => decoder.finish(&mut batch)?,
                n => decoder.feed(&block[..n], &mut batch)?,
            }
            if let (Some((first, last)), Some(entry)) =
                (batch.events.view().span(), entries.last_mut())
            {
                entry.after = entry.after.min(first);
                latest = latest.max(last);
            } else if let Some((_, last)) = batch.events.view().span() {
                latest = latest.max(last);
            }
            batch.clear();
            if n == 0 {
                break;
            }
            let due = entries
                .last()
                .is_none_or(|e| latest >= e.before.saturating_add(STEP));
            if let (true, Some((offset, state))) = (due, decoder.place()) {
                entries.push(Entry {
                    offset,
                    before: latest,
                    after: u64::MAX,
                    state,
                });
            }
        }
        for i in (1..entries.len()).rev() {
            entries[i - 1].after = entries[i - 1].after.min(entries[i].after);
        }
        Ok((!entries.is_empty()).then_some(Self { entries }))
    }

    fn bytes(&self, stamp: &Stamp) -> Vec<u8> {
        let mut words = stamp.words();
        words.push(self.entries.first().map_or(0, |e| e.state.len()) as u64);
        words.push(self.entries.len() as u64);
        for e in &self.entries {
            words.extend([e.offset, e.before, e.after]);
            words.extend(&e.state);
        }
        words.iter().flat_map(|w| w.to_le_bytes()).collect()
    }

    /// The index in those bytes, if it is of that recording.
    fn parse(bytes: &[u8], stamp: &Stamp) -> Option<Self> {
        let (words, []) = bytes.as_chunks::<8>() else {
            return None;
        };
        let words: Vec<u64> = words.iter().map(|w| u64::from_le_bytes(*w)).collect();
        let rest = words.strip_prefix(&stamp.words()[..])?;
        let (&[width, count], rest) = rest.split_first_chunk()?;
        let size = usize::try_from(width.checked_add(3).filter(|_| width <= MOST)?).ok()?;
        if rest.len() as u64 != count.checked_mul(size as u64)? || count == 0 {
            return None;
        }
        let entry = |e: &[u64]| Entry {
            offset: e[0],
            before: e[1],
            after: e[2],
            state: e[3..].to_vec(),
        };
        Some(Self {
            entries: rest.chunks(size).map(entry).collect(),
        })
    }

    /// Puts a file and its decoder to where no event from `from` on is missed, and gives the sensor that the header says.
    pub fn seek(
        &self,
        file: &mut File,
        decoder: &mut Decoder,
        from: u64,
        path: &Path,
    ) -> Result<Option<Geometry>> {
        let refused = |e| Error::io("cannot read", path, e);
        let place = self.entries.partition_point(|e| e.before < from);
        let (Some(first), Some(entry)) = (
            self.entries.first(),
            place.checked_sub(1).and_then(|i| self.entries.get(i)),
        ) else {
            return Ok(None);
        };
        // The first entry stands behind the header, which the decoder has to see.
        let (mut head, mut seen) = (Vec::new(), Recording::default());
        let taken = file.by_ref().take(first.offset).read_to_end(&mut head);
        taken.map_err(refused)?;
        decoder.feed(&head, &mut seen)?;
        if !decoder.jump(entry.offset, &entry.state) {
            let got = "another state of the decoder";
            return Err(Error::invalid(
                "index",
                beside(path).display().to_string(),
                "one of this version",
                got,
            ));
        }
        file.seek(SeekFrom::Start(entry.offset)).map_err(refused)?;
        Ok(seen.geometry)
    }

    /// Whether no event before `until` comes from that place of the file on.
    pub fn passed(&self, offset: u64, until: u64) -> bool {
        let after = self.entries.partition_point(|e| e.offset <= offset);
        after > 0 && self.entries[after - 1].after >= until
    }
}
