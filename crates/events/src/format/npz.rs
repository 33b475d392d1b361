//! NumPy's `.npz` archives of events: an array for each column, or one of records.
//!
//! Columns are found by name: `t`, `x`, `y`, `p`, and usual other names, such as `x_` or `polarity`; all have one dimension
//! and one length. Otherwise the archive has to hold a single array of records, whatever its name. The archive is unpacked
//! whole: at most 1100 bytes for each byte of the file and 1 MiB, which is more than deflate can make of them.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use cortado_base::npy::{Array, Data};
use cortado_base::{Error, Result, npy, npz};

use super::columns::meaning;
use super::{BATCH, Batches, Collect, Decode, Options, Piece};
use crate::event::{Events, Geometry, Recording, Trigger, View};
use crate::report::Report;

/// Reads such a file.
pub(crate) struct Reader {
    source: Source,
    place: usize,
    geometry: Option<Geometry>,
}

enum Source {
    /// `t`, `x`, `y` and `p`.
    Columns([Vec<i64>; 4]),
    Records(Box<super::npy::Decoder>, Vec<u8>),
}

impl Reader {
    pub fn open(path: &Path, options: &Options, report: &mut Report) -> Result<Self> {
        let length = std::fs::metadata(path).map_err(|e| Error::io("cannot read", path, e))?;
        let limit = length
            .len()
            .saturating_mul(1100)
            .saturating_add(1 << 20)
            .min(npz::LIMIT);
        let mut members = BTreeMap::new();
        npz::members(path, limit, &mut |name, at, source, left| {
            let mut bytes = Vec::new();
            let read = source.take(left.saturating_add(1)).read_to_end(&mut bytes);
            let refused = |e| Error::invalid("array data", at, "a member that is whole", e);
            let length = read.map_err(refused)? as u64;
            if length > left {
                let expected = format!("at most {limit} bytes in all");
                return Err(Error::invalid("array data", at, expected, "more"));
            }
            members.insert(name.to_string(), bytes);
            Ok(length)
        })?;
        let geometry = options.geometry;
        let columns = columns(&members, report)?;
        let source = match (columns, members.len()) {
            (Some(columns), _) => Source::Columns(columns),
            (None, 1) => {
                let bytes = members.into_values().next().unwrap_or_default();
                Source::Records(Box::new(super::npy::Decoder::new(options)), bytes)
            }
            _ => {
                let names: Vec<_> = members
                    .keys()
                    .map(|k| k.escape_debug().to_string())
                    .collect();
                let expected = "arrays t, x, y and p, or a single one of records";
                return Err(Error::invalid(
                    "archive",
                    report.at(),
                    expected,
                    names.join(", "),
                ));
            }
        };
        Ok(Self {
            source,
            place: 0,
            geometry,
        })
    }
}

/// The columns that are in an archive, if `t` and `x` are.
fn columns(
    members: &BTreeMap<String, Vec<u8>>,
    report: &mut Report,
) -> Result<Option<[Vec<i64>; 4]>> {
    let mut found: [Option<&str>; 4] = [None; 4];
    for name in members.keys() {
        if let Some(which) = meaning(name)
            && let Some(before) = found[which].replace(name)
        {
            let got = format!("{} and {}", before.escape_debug(), name.escape_debug());
            return Err(Error::invalid(
                "archive",
                report.at(),
                "one array for each column",
                got,
            ));
        }
    }
    let [Some(t), Some(_), ..] = found else {
        return Ok(None);
    };
    let rows = npy::decode(&members[t], report.at())?.data.len();
    let mut columns = [const { Vec::new() }; 4];
    for (which, (name, column)) in found.iter().zip(&mut columns).enumerate() {
        let Some(name) = name else {
            let missing = [
                "row 0, since there is no y",
                "brighter, since there is no p",
            ];
            report.assume(missing[which - 2]);
            column.resize(rows, i64::from(which == 3));
            continue;
        };
        let at = format!("{}, array {}", report.at(), name.escape_debug());
        let array = npy::decode(&members[*name], &at)?;
        if array.shape != [rows] {
            let expected = format!("{rows} numbers, one for each time");
            return Err(Error::invalid(
                "shape",
                at,
                expected,
                format!("{:?}", array.shape),
            ));
        }
        *column = numbers(which, &array, &at, report)?;
    }
    Ok(Some(columns))
}

/// Integers of a column.
fn numbers(which: usize, array: &Array, at: &str, report: &mut Report) -> Result<Vec<i64>> {
    match (which, &array.data) {
        (0, Data::F32(_) | Data::F64(_)) => {
            report.assume("times in seconds, since they are numbers of floating point");
            let whole = |t: f64| match (t * 1e6).round() {
                t if (0.0..9.2e18).contains(&t) => t as i64,
                _ => -1,
            };
            Ok(array.to_f64().into_iter().map(whole).collect())
        }
        (3, _) => Ok(array
            .to_f64()
            .into_iter()
            .map(|p| i64::from(p > 0.0))
            .collect()),
        _ => array.to_i64(at),
    }
}

impl Batches for Reader {
    fn next(&mut self, out: &mut Recording, report: &mut Report) -> Result<bool> {
        out.geometry = out.geometry.or(self.geometry);
        let start = self.place;
        match &mut self.source {
            Source::Columns(columns) => {
                let end = (start + BATCH).min(columns[0].len());
                self.place = end;
                let part = columns.each_ref().map(|c| &c[start..end]);
                super::events(start, part, out, report)?;
                Ok(end > start)
            }
            Source::Records(decoder, bytes) => {
                if start > 0 && start >= bytes.len() {
                    return Ok(false);
                }
                let end = (start + 16 * BATCH).min(bytes.len());
                let piece = Piece {
                    bytes: &bytes[start..end],
                    offset: start as u64,
                    last: end == bytes.len(),
                };
                let mut used = decoder.decode(piece, out, report)?;
                if used == 0 {
                    // A header or a row that is longer than this, or a table by columns.
                    let piece = Piece {
                        bytes: &bytes[start..],
                        last: true,
                        ..piece
                    };
                    used = decoder.decode(piece, out, report)?;
                }
                self.place = (start + used).max(1);
                Ok(used > 0)
            }
        }
    }
}

/// Writes such a file: `t` i8, `x` u2, `y` u2, `p` b1, deflated.
pub(crate) struct Maker {
    path: PathBuf,
    events: Events,
}

impl Maker {
    pub fn create(path: &Path) -> Self {
        Self {
            path: path.into(),
            events: Events::new(),
        }
    }
}

impl Collect for Maker {
    fn collect(&mut self, events: View<'_>, triggers: &[Trigger]) -> Result<()> {
        super::records::no_triggers(triggers, "NumPy")?;
        if let Some(t) = events.t.iter().find(|&&t| t >> 63 != 0) {
            return Err(Error::invalid("time", "an event", "at most 2^63 - 1 us", t));
        }
        self.events.append(events);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let view = self.events.view();
        let shape = vec![view.len()];
        let t: Vec<i64> = view.t.iter().map(|&t| t as i64).collect();
        let arrays = [
            ("t", Array::new(shape.clone(), t)?),
            ("x", Array::new(shape.clone(), view.x.to_vec())?),
            ("y", Array::new(shape.clone(), view.y.to_vec())?),
            ("p", Array::new(shape, view.p.to_vec())?),
        ];
        let bytes = npz::encode(&arrays.each_ref().map(|(name, array)| (*name, array)))?;
        std::fs::write(&self.path, bytes).map_err(|e| Error::io("cannot write", &self.path, e))
    }
}
