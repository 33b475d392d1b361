//! The text header of Prophesee's RAW and DAT files: lines `% key value`, in RAW files closed by `% end`.

use cortado_base::{Error, Result};

use super::Piece;
use crate::event::{Event, Geometry, Trigger};
use crate::header;
use crate::report::Report;

/// A header that has been read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Header {
    /// Key and value of each line.
    pub entries: Vec<(String, String)>,
    /// Bytes it takes.
    pub length: usize,
}

impl Header {
    /// The header at the start of a file; nothing while it may go on.
    pub fn read(piece: Piece<'_>, report: &mut Report) -> Result<Option<Self>> {
        let Some((lines, length)) = header::lines(piece.bytes, piece.last, b'%', "end", report)?
        else {
            return Ok(None);
        };
        let entry = |line: &&[u8]| {
            let line = String::from_utf8_lossy(line).into_owned();
            match line.split_once([' ', '\t']) {
                Some((key, value)) => (key.to_string(), value.trim().to_string()),
                None => (line, String::new()),
            }
        };
        let entries: Vec<_> = lines.iter().map(entry).collect();
        report.header.clone_from(&entries);
        Ok(Some(Self { entries, length }))
    }

    /// The value of a key, whatever its case.
    pub fn get(&self, key: &str) -> Option<&str> {
        let found = self
            .entries
            .iter()
            .find(|(k, _)| k.eq_ignore_ascii_case(key));
        found.map(|(_, value)| value.as_str())
    }

    /// The number of the encoding, `2`, `2.1` or `3`: of a line `evt 3.0` or `format EVT3;width=..`.
    pub fn encoding(&self) -> Option<&str> {
        let old = self.get("evt").map(|v| v.trim_end_matches(".0"));
        old.or_else(|| {
            let format = self.get("format")?.split(';').next()?.trim();
            Some(format.strip_prefix("EVT")?.trim_end_matches(".0"))
        })
    }

    /// The sensor: of `geometry 640x480`, of `format ..;width=640;height=480`, of `Width` and `Height`, or guessed from the
    /// names of sensor and plugin, which the report then says.
    pub fn geometry(&self, report: &mut Report) -> Option<Geometry> {
        let number = |text: &str| text.trim().parse::<u16>().ok().filter(|&n| n > 0);
        let pair = |w: &str, h: &str| Some(Geometry::new(number(w)?, number(h)?));
        let written = self
            .get("geometry")
            .and_then(|v| pair(v.split_once('x')?.0, v.split_once('x')?.1));
        let field = |key: &str| {
            let mut fields = self.get("format")?.split(';').skip(1);
            fields
                .find_map(|f| f.split_once('=').filter(|(k, _)| *k == key))
                .map(|(_, v)| v)
        };
        let known = written
            .or_else(|| pair(field("width")?, field("height")?))
            .or_else(|| pair(self.get("Width")?, self.get("Height")?));
        if known.is_some() {
            return known;
        }
        let names: String = [
            "plugin_name",
            "sensor_name",
            "sensor_generation",
            "plugin_integrator_name",
        ]
        .iter()
        .filter_map(|key| Some(format!("{} ", self.get(key)?)))
        .collect();
        let names = names.to_lowercase();
        let sensors = [
            ("gen41", 1280, 720),
            ("4.1", 1280, 720),
            ("imx636", 1280, 720),
            ("4.2", 1280, 720),
            ("genx320", 320, 320),
            ("gen31", 640, 480),
            ("gen3", 640, 480),
            ("3.0", 640, 480),
            ("3.1", 640, 480),
        ];
        let (name, width, height) = *sensors.iter().find(|(name, ..)| names.contains(name))?;
        let geometry = Geometry::new(width, height);
        report.assume(format!(
            "{geometry}, the size of the sensor '{name}' that the header names"
        ));
        Some(geometry)
    }
}

/// The header of a file of this encoding.
pub(crate) fn write(number: &str, name: &str, geometry: Option<Geometry>, out: &mut Vec<u8>) {
    out.extend(format!("% evt {number}\n% format {name}").bytes());
    if let Some(Geometry { width, height }) = geometry {
        out.extend(format!(";height={height};width={width}\n% geometry {width}x{height}").bytes());
    }
    out.extend(b"\n% end\n");
}

/// Refuses an input of a trigger that does not fit into a word.
pub(crate) fn check_input(trigger: &Trigger, largest: u16, name: &str) -> Result<()> {
    if trigger.id <= largest {
        return Ok(());
    }
    let at = format!("the trigger at {} us", trigger.t);
    let expected = format!("at most {largest} in {name}");
    Err(Error::invalid("input", at, expected, trigger.id))
}

/// Refuses a pixel that does not fit into a word.
pub(crate) fn check_pixel(event: Event, largest: u16, name: &str) -> Result<()> {
    if event.x <= largest && event.y <= largest {
        return Ok(());
    }
    let at = format!("the event at {} us", event.t);
    let expected = format!("x and y up to {largest} in {name}");
    let got = format!("({}, {})", event.x, event.y);
    Err(Error::invalid("pixel", at, expected, got))
}
