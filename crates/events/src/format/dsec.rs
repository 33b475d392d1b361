//! HDF5 files with a data set for each column, as of DSEC, M3ED and TUM-VIE, and some with a table of four columns.
//!
//! | data set | what | DSEC's type |
//! |---|---|---|
//! | `events/t` | microseconds since `t_offset` | u32 |
//! | `events/x`, `events/y` | pixels | u16 |
//! | `events/p` | 1 for brighter, 0 or -1 for darker | u8 |
//! | `t_offset` | microseconds to add to each `t`, if it is there | i64 |
//! | `ms_to_idx` | for each millisecond the number of the first event in it or after | u64 |
//!
//! Integers may be of any width. `t_offset` and `ms_to_idx` may also stand among the events, and the events of M3ED in
//! `prophesee/left`. The index obeys `t[ms_to_idx[m]] >= 1000 m > t[ms_to_idx[m] - 1]`; it is written where times ascend,
//! and not read.
//!
//! A table is `davis/left/events` (MVSEC, `x`, `y`, `t` in seconds, `p`) or `events` (of eye tracking, `t` in
//! microseconds, `x`, `y`, `p`, unless the options say another order); it is read, not written.

use std::path::Path;

use cortado_base::hdf5::{Column, Dataset, File, Kind, Packing, Writer};
use cortado_base::{Error, Result};

use super::{BATCH, Batches, Collect, Options, columns};
use crate::event::{Geometry, Recording, Trigger, View};
use crate::report::Report;

/// Groups in which columns may stand.
const GROUPS: [&str; 5] = [
    "events",
    "prophesee/left",
    "prophesee/right",
    "CD/events",
    "davis/left",
];
/// Tables of four columns, and what they are where nothing else is said.
const TABLES: [(&str, &str); 3] = [
    ("davis/left/events", "xytp"),
    ("davis/right/events", "xytp"),
    ("events", "txyp"),
];
/// Entries of the index at most.
const ENTRIES: i64 = 1 << 24;

/// Whether a file is of this kind.
pub(crate) fn is(file: &File) -> bool {
    group(file).is_some() || table(file).is_some()
}

fn group(file: &File) -> Option<&'static str> {
    let whole = |g: &&str| {
        ["t", "x", "y", "p"]
            .iter()
            .all(|c| file.has(&format!("{g}/{c}")))
    };
    GROUPS.into_iter().find(|g| whole(g))
}

fn table(file: &File) -> Option<(Dataset, &'static str)> {
    TABLES.into_iter().find_map(|(name, order)| {
        let data = file.dataset(name).ok()??;
        let four = matches!(data.shape(), [_, columns] if *columns >= 4);
        let numbers = matches!(data.kind(), Kind::Integer { .. } | Kind::Real { .. });
        (four && numbers).then_some((data, order))
    })
}

/// Reads such a file.
pub(crate) struct Reader {
    source: Source,
    rows: usize,
    /// The next event.
    place: usize,
    geometry: Option<Geometry>,
}

enum Source {
    Columns {
        columns: Box<[Dataset; 4]>,
        offset: i64,
    },
    Table {
        data: Box<Dataset>,
        order: columns::Order,
    },
}

impl Reader {
    pub fn open(path: &Path, options: &Options, report: &mut Report) -> Result<Self> {
        let file = File::open(path)?;
        for name in file.texts() {
            if let Some(value) = file.text(&name) {
                report.header.push((name, value));
            }
        }
        let written = file.text("geometry").and_then(|text| {
            let (width, height) = text.trim().split_once('x')?;
            Some(Geometry::new(width.parse().ok()?, height.parse().ok()?))
        });
        let geometry = options.geometry.or(written);
        let Some(group) = group(&file) else {
            let (data, order) = table(&file).ok_or_else(|| {
                let expected =
                    "events/t, events/x, events/y and events/p, or a table of four columns";
                Error::invalid("HDF5 file", file.at(), expected, "none of them")
            })?;
            let order = columns::Order::given(options, Some(order), data.shape()[1], report)?;
            return Ok(Self {
                rows: data.rows(),
                source: Source::Table {
                    data: Box::new(data),
                    order,
                },
                place: 0,
                geometry,
            });
        };
        if group != GROUPS[0] {
            report.assume(format!("the events in the group {group}"));
        }
        let column = |name: &str| {
            let data = file.need(&format!("{group}/{name}"))?;
            if data.shape().len() != 1 {
                return Err(data.wrong("one dimension", format!("{:?}", data.shape())));
            }
            Ok(data)
        };
        let columns = [column("t")?, column("x")?, column("y")?, column("p")?];
        let [t, others @ ..] = &columns;
        let rows = t.rows();
        if let Some(other) = others.iter().find(|c| c.rows() != rows) {
            let place = format!("event {}", rows.min(other.rows()));
            let expected = format!("{rows} elements in {}, one for each time", other.at());
            report.damage_at("columns", place, expected, other.rows())?;
        }
        let rows = columns.iter().map(Dataset::rows).min().unwrap_or(0);
        let offset = match file.dataset("t_offset")? {
            Some(data) => Some(data),
            None => file.dataset(&format!("{group}/t_offset"))?,
        };
        let offset = match offset {
            Some(data) => single(&data)?,
            None => {
                report.assume("times as they are, since there is no t_offset");
                0
            }
        };
        Ok(Self {
            source: Source::Columns {
                columns: Box::new(columns),
                offset,
            },
            rows,
            place: 0,
            geometry,
        })
    }
}

/// The one integer of a data set.
fn single(data: &Dataset) -> Result<i64> {
    let bytes = data.whole()?;
    let value = data.kind().whole(&bytes);
    value.ok_or_else(|| {
        data.wrong(
            "a single integer",
            format!("{} in {:?}", data.kind(), data.shape()),
        )
    })
}

impl Batches for Reader {
    fn next(&mut self, out: &mut Recording, report: &mut Report) -> Result<bool> {
        out.geometry = out.geometry.or(self.geometry);
        let count = BATCH.min(self.rows - self.place);
        if count == 0 {
            return Ok(false);
        }
        let start = self.place;
        self.place += count;
        let read = match &mut self.source {
            Source::Table { data, order } => {
                let mut bytes = Vec::new();
                let read = data.read(start, count, &mut bytes);
                read.map(|()| Some((bytes, data.kind().clone(), *order)))
            }
            Source::Columns { columns, offset } => {
                let [mut t, mut x, mut y, mut p] = [const { Vec::new() }; 4];
                let [ct, cx, cy, cp] = columns.as_mut();
                let read = ct
                    .wholes(start, count, &mut t)
                    .and_then(|()| cx.wholes(start, count, &mut x))
                    .and_then(|()| cy.wholes(start, count, &mut y))
                    .and_then(|()| cp.wholes(start, count, &mut p));
                match read {
                    Ok(()) => {
                        // What overflows is below zero afterwards, and no time.
                        t.iter_mut()
                            .for_each(|t| *t = t.checked_add(*offset).unwrap_or(-1));
                        super::events(start, [&t, &x, &y, &p], out, report)?;
                        Ok(None)
                    }
                    Err(e) => Err(e),
                }
            }
        };
        match read {
            Ok(None) => {}
            Ok(Some((bytes, kind, order))) => order.numbers(&bytes, &kind, start, out, report)?,
            Err(e) => report.damage_at("events", format!("event {start}"), "readable data", e)?,
        }
        Ok(true)
    }
}

/// Writes such a file, as DSEC's but packed by Zstandard alone.
pub(crate) struct Maker {
    writer: Writer,
    columns: [Column; 4],
    index: Column,
    offset: Option<u64>,
    /// Events so far, the last time of them, and entries of the index.
    count: u64,
    last: i64,
    entries: i64,
    ascending: bool,
}

impl Maker {
    pub fn create(path: &Path, geometry: Option<Geometry>) -> Result<Self> {
        let writer = Writer::create(path)?;
        if let Some(geometry) = geometry {
            writer.text("geometry", &geometry.to_string())?;
        }
        writer.group("events")?;
        let column = |name: &str, bytes| {
            let kind = Kind::Integer {
                bytes,
                signed: name == "events/t",
                big: false,
            };
            writer.column(name, &kind, Packing::Zstd)
        };
        Ok(Self {
            columns: [
                column("events/t", 8)?,
                column("events/x", 2)?,
                column("events/y", 2)?,
                column("events/p", 1)?,
            ],
            index: column("ms_to_idx", 8)?,
            writer,
            offset: None,
            count: 0,
            last: 0,
            entries: 0,
            ascending: true,
        })
    }
}

impl Collect for Maker {
    fn collect(&mut self, events: View<'_>, triggers: &[Trigger]) -> Result<()> {
        super::records::no_triggers(triggers, "HDF5 of columns")?;
        let Some((first, last)) = events.span() else {
            return Ok(());
        };
        if last >> 63 != 0 {
            let expected = "at most 2^63 - 1 us";
            return Err(Error::invalid("time", "an event", expected, last));
        }
        // Whole milliseconds, so that those of the index are those of the recording.
        let offset = *self.offset.get_or_insert(first - first % 1000);
        let mut bytes: [Vec<u8>; 5] = Default::default();
        for event in events.iter() {
            // Below zero for an event that comes late.
            let t = event.t as i64 - offset as i64;
            self.ascending &= t >= self.last;
            self.last = t;
            while self.ascending && self.entries * 1000 <= t && self.entries < ENTRIES {
                bytes[4].extend(self.count.to_le_bytes());
                self.entries += 1;
            }
            self.count += 1;
            bytes[0].extend(t.to_le_bytes());
            bytes[1].extend(event.x.to_le_bytes());
            bytes[2].extend(event.y.to_le_bytes());
            bytes[3].push(u8::from(event.p));
        }
        for (column, bytes) in self.columns.iter_mut().zip(&bytes) {
            column.append(bytes)?;
        }
        self.index.append(&bytes[4])
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let Self {
            writer,
            columns,
            index,
            offset,
            ..
        } = *self;
        let offset = i64::try_from(offset.unwrap_or(0)).unwrap_or(0);
        drop((columns, index));
        writer.number("t_offset", offset)?;
        writer.finish()
    }
}
