//! NumPy's `.npy` files of events: records, or a table of numbers.
//!
//! Fields of records are found by name: `t`, `x`, `y`, `p` in any order, and usual other names. Integer times are
//! microseconds, those of floating point seconds; polarities are truth values or numbers, what is above 0 being brighter.
//! Without `y` all events are in row 0. The columns of a table have no names: the options must give their order.
//!
//! Records `(t i8, x u2, y u2, p b1)` are written.

use cortado_base::hdf5::Kind;
use cortado_base::{Error, Result, npy};

use super::columns::{Order, meaning, rows};
use super::{Decode, Encode, Options, Piece};
use crate::event::{Geometry, Recording, Trigger, View};
use crate::report::Report;

/// Rows that are decoded at once.
const ROWS: usize = 1 << 14;
/// Bytes of the header that is written, whatever the number of events.
const HEAD: usize = 192;

/// Reads such a file.
pub(crate) struct Decoder {
    options: Options,
    table: Option<Table>,
}

/// What the header says.
struct Table {
    kind: Kind,
    /// Of a table of numbers, the columns.
    order: Option<Order>,
    /// Of a table whose first index runs fastest.
    fortran: bool,
    stride: usize,
    /// Rows in all, and those that are decoded.
    rows: usize,
    place: usize,
    /// Bytes after the last row.
    extra: u64,
}

impl Decoder {
    pub fn new(options: &Options) -> Self {
        Self {
            options: options.clone(),
            table: None,
        }
    }

    fn begin(&self, mut header: &[u8], report: &mut Report) -> Result<Table> {
        let at = report.at().to_string();
        let layout = npy::layout(&mut header, &at)?;
        let refused =
            |expected: &str, got: String| Err(Error::invalid("array", &at, expected, got));
        let size = layout.kind.size();
        let (rows, order) = match (&layout.kind, &layout.shape[..]) {
            (Kind::Record { fields, .. }, &[rows]) => {
                let mut seen = [0; 4];
                for field in fields {
                    if let Some(which) = meaning(&field.name) {
                        let number = matches!(field.kind, Kind::Integer { .. } | Kind::Real { .. });
                        seen[which] += 1 + usize::from(!number);
                    }
                }
                let [t, x, y, p] = seen;
                if (t, x) != (1, 1) || y > 1 || p > 1 {
                    let expected = "records with one number t and x, and at most one y and p";
                    return refused(expected, layout.kind.to_string());
                }
                let missing = [
                    (y, "row 0, since there is no y"),
                    (p, "brighter, since there is no p"),
                ];
                let missing = missing.iter().filter(|(n, _)| *n == 0);
                missing.for_each(|(_, what)| report.assume(*what));
                (rows, None)
            }
            (Kind::Integer { .. } | Kind::Real { .. }, &[rows, width]) if width >= 2 => (
                rows,
                Some(Order::given(&self.options, None, width, report)?),
            ),
            (kind, shape) => {
                return refused(
                    "records, or rows of numbers",
                    format!("{kind} in {shape:?}"),
                );
            }
        };
        let stride = order.map_or(1, |o| o.width).checked_mul(size);
        let stride = stride.filter(|&s| s > 0 && s.checked_mul(rows).is_some());
        let Some(stride) = stride else {
            return refused("a size that fits in memory", format!("{:?}", layout.shape));
        };
        Ok(Table {
            kind: layout.kind,
            order,
            fortran: layout.fortran && order.is_some(),
            stride,
            rows,
            place: 0,
            extra: 0,
        })
    }
}

impl Table {
    /// Adds the events of whole rows.
    fn rows(&mut self, bytes: &[u8], out: &mut Recording, report: &mut Report) -> Result<()> {
        let count = bytes.len() / self.stride;
        match (&self.kind, self.order) {
            (kind, Some(order)) => order.numbers(bytes, kind, self.place, out, report)?,
            (Kind::Record { fields, .. }, None) => {
                let mut parts = [None; 4];
                for field in fields {
                    if let Some(which) = meaning(&field.name) {
                        parts[which] = Some((field.offset, &field.kind));
                    }
                }
                rows(bytes, self.stride, parts, self.place, out, report)?;
            }
            _ => {}
        }
        self.place += count;
        Ok(())
    }

    /// Rows from columns that stand one after the other.
    fn turned(&self, bytes: &[u8]) -> Vec<u8> {
        let size = self.kind.size();
        let mut out = Vec::with_capacity(bytes.len());
        for row in 0..self.rows {
            for start in (0..self.stride).step_by(size) {
                let place = start * self.rows + row * size;
                out.extend_from_slice(&bytes[place..place + size]);
            }
        }
        out
    }
}

impl Decode for Decoder {
    fn decode(
        &mut self,
        piece: Piece<'_>,
        out: &mut Recording,
        report: &mut Report,
    ) -> Result<usize> {
        let mut used = 0;
        if self.table.is_none() {
            let start = npy::start(piece.bytes).filter(|&s| s <= piece.bytes.len());
            let known = npy::start(piece.bytes).is_none_or(|s| s <= 1 << 17);
            let Some(start) = start.or((piece.last || !known).then_some(piece.bytes.len())) else {
                return Ok(0);
            };
            self.table = Some(self.begin(&piece.bytes[..start], report)?);
            used = start;
        }
        let Some(table) = &mut self.table else {
            return Ok(0);
        };
        out.geometry = out.geometry.or(self.options.geometry);
        let bytes = &piece.bytes[used..];
        let left = (table.rows - table.place) * table.stride;
        let there = bytes.len().min(left);
        if table.fortran && left > 0 {
            if bytes.len() < left && !piece.last {
                return Ok(used);
            }
            if bytes.len() >= left {
                let turned = table.turned(&bytes[..left]);
                table.rows(&turned, out, report)?;
                used += left;
            }
        } else {
            let whole = there / table.stride * table.stride;
            for block in bytes[..whole].chunks(ROWS * table.stride) {
                table.rows(block, out, report)?;
            }
            used += whole;
        }
        let rest = piece.bytes.len() - used;
        let missing = table.rows - table.place;
        if missing == 0 {
            table.extra += rest as u64;
            used += rest;
        }
        if piece.last && (missing > 0 || table.extra > 0) {
            let place = piece.offset + used as u64 - table.extra;
            let expected = format!("the end after {} rows", table.rows);
            let more = table.extra.max((piece.bytes.len() - used) as u64);
            let got = format!("{} rows and {more} bytes", table.place);
            used = piece.bytes.len();
            report.damage("end", place, expected, got)?;
        }
        Ok(used)
    }
}

/// Writes such a file.
#[derive(Default)]
pub(crate) struct Encoder {
    events: u64,
}

impl Encoder {
    fn head(&self) -> Vec<u8> {
        let fields = "[('t', '<i8'), ('x', '<u2'), ('y', '<u2'), ('p', '|b1')]";
        npy::head(fields, &format!("{},", self.events), HEAD)
    }
}

impl Encode for Encoder {
    fn start(&mut self, _geometry: Option<Geometry>, out: &mut Vec<u8>) -> Result<()> {
        out.extend(self.head());
        Ok(())
    }

    fn encode(&mut self, events: View<'_>, triggers: &[Trigger], out: &mut Vec<u8>) -> Result<()> {
        super::records::no_triggers(triggers, "NumPy")?;
        out.reserve(13 * events.len());
        for event in events.iter() {
            let Ok(t) = i64::try_from(event.t) else {
                let expected = "at most 2^63 - 1 us";
                return Err(Error::invalid("time", "an event", expected, event.t));
            };
            let mut record = [0; 13];
            record[..8].copy_from_slice(&t.to_le_bytes());
            record[8..10].copy_from_slice(&event.x.to_le_bytes());
            record[10..12].copy_from_slice(&event.y.to_le_bytes());
            record[12] = u8::from(event.p);
            out.extend(record);
        }
        self.events += events.len() as u64;
        Ok(())
    }

    fn finish(&mut self, _out: &mut Vec<u8>) -> Result<Vec<(u64, Vec<u8>)>> {
        Ok(vec![(0, self.head())])
    }
}
