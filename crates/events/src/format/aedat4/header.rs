//! The header of AEDAT 4.

use std::collections::BTreeMap;

use cortado_base::Result;

use super::flat;
use super::frames::Compression;
use crate::event::Geometry;
use crate::format::Piece;
use crate::report::Report;

pub(super) const MAGIC: &[u8; 14] = b"#!AER-DAT4.0\r\n";
/// No header may be longer, in bytes.
const LONGEST: usize = 1 << 24;

/// What a stream holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Stream {
    /// Four letters: EVTS, TRIG, FRME, IMUS.
    pub kind: String,
    width: Option<u16>,
    height: Option<u16>,
    source: String,
}

impl Stream {
    pub fn geometry(&self) -> Option<Geometry> {
        Some(Geometry::new(self.width?, self.height?))
    }
}

pub(super) struct Header {
    pub compression: Compression,
    /// Place of the table of packets, if the recording was ended in order.
    pub table: Option<u64>,
    pub streams: BTreeMap<i32, Stream>,
    pub length: usize,
}

impl Header {
    /// The header at the start of a file; nothing while bytes are missing.
    pub fn read(piece: Piece<'_>, report: &mut Report) -> Result<Option<Self>> {
        let start = piece.bytes.first_chunk::<18>();
        let missing = |report: &Report| match piece.last {
            true => Err(report.wrong("header", 0, "a whole header of AEDAT 4.0", "the end")),
            false => Ok(None),
        };
        let Some(start) = start else {
            return missing(report);
        };
        let (magic, size) = start.split_at(MAGIC.len());
        if magic != MAGIC {
            let got = format!("\"{}\"", magic.escape_ascii());
            return Err(report.wrong("header", 0, "\"#!AER-DAT4.0\"", got));
        }
        let size = size.first_chunk().map_or(0, |s| u32::from_le_bytes(*s)) as usize;
        if size > LONGEST {
            let expected = format!("at most {LONGEST} bytes");
            return Err(report.wrong("header", MAGIC.len() as u64, expected, size));
        }
        let length = MAGIC.len() + 4 + size;
        let Some(buffer) = piece.bytes.get(MAGIC.len()..length) else {
            return missing(report);
        };
        let place = MAGIC.len() as u64;
        let Some(table) = flat::root(buffer, b"IOHE") else {
            return Err(report.wrong("header", place, "a FlatBuffer of kind IOHE", "none"));
        };
        let (name, compression) = match table.value(0).map_or(0, i32::from_le_bytes) {
            0 => ("none", Compression::None),
            1 | 2 => ("LZ4", Compression::Lz4),
            3 | 4 => ("Zstd", Compression::Zstd),
            other => {
                let expected = "a compression from 0 to 4";
                return Err(report.wrong("header", place, expected, other));
            }
        };
        let Some(text) = table.vector(2, 1) else {
            return Err(report.wrong("header", place, "the names of the streams", "none"));
        };
        let streams = streams(&String::from_utf8_lossy(text));
        report.header.push(("compression".into(), name.into()));
        for (id, stream) in &streams {
            let geometry = stream.geometry().map_or(String::new(), |g| format!(" {g}"));
            let value = format!("{}{geometry} {}", stream.kind, stream.source);
            report
                .header
                .push((format!("stream {id}"), value.trim().into()));
        }
        Ok(Some(Self {
            compression,
            table: table
                .value(1)
                .and_then(|at| u64::try_from(i64::from_le_bytes(at)).ok()),
            streams,
            length,
        }))
    }
}

/// The streams in the XML of a header: nodes with numbers as names below a node `outInfo`, and what is said in them.
fn streams(text: &str) -> BTreeMap<i32, Stream> {
    let mut streams = BTreeMap::<i32, Stream>::new();
    // Names of the nodes that are open.
    let mut open: Vec<&str> = Vec::new();
    for part in text.split('<').skip(1) {
        let (tag, content) = part.split_once('>').unwrap_or((part, ""));
        let value = |name: &str| {
            let from = tag.find(&format!(" {name}=\""))? + name.len() + 3;
            tag[from..].split('"').next()
        };
        if tag.starts_with("/node") {
            open.pop();
        } else if tag.starts_with("node") && !tag.ends_with('/') {
            open.push(value("name").unwrap_or(""));
        } else if tag.starts_with("attr") {
            let below = open
                .iter()
                .position(|name| *name == "outInfo")
                .map(|i| &open[i + 1..]);
            let Some([id, inner @ ..]) = below else {
                continue;
            };
            let (Ok(id), Some(key)) = (id.parse(), value("key")) else {
                continue;
            };
            let stream = streams.entry(id).or_default();
            let content = content.trim();
            match (key, inner) {
                ("typeIdentifier", []) => stream.kind = content.into(),
                ("sizeX", _) => stream.width = content.parse().ok(),
                ("sizeY", _) => stream.height = content.parse().ok(),
                ("source", _) => stream.source = content.into(),
                _ => {}
            }
        }
    }
    streams
}
