//! AEDAT 1.0 and 2.0 of jAER: an address and a time for each event.
//!
//! Lines that begin with `#`, the first `#!AER-DAT1.0` or `#!AER-DAT2.0`; without them it is version 1. Then big-endian
//! records: an address of 16 bits in version 1, of 32 bits in version 2, and a time of 32 bits in microseconds. A line
//! `# AEChip: ..` names the sensor and with it the layout of addresses:
//!
//! | sensor | no event | x | y | brighter |
//! |---|---|---|---|---|
//! | DVS128, and all of version 1 | bit 15: a signal | 7..1 | 14..8 | bit 0 |
//! | DAVIS | bit 31: frame or inertial data; bit 10: signal | 21..12 | 30..22 | bit 11 |
//!
//! This is as iniVation's page on AEDAT 1.0 has it (1 is ON, the first pixel lower left). The class `DVS128` of jAER and the driver
//! libcaer say that bit 0 is 0 for ON and columns count from the right; no recording with a known picture was at hand to tell.
//!
//! Records that are no event are left out and counted. Rows are counted from the bottom. Without `AEChip` version 2 is taken
//! for DAVIS240, or for DVS128 if the options say 128 by 128 pixels. Times are signed in jAER; as they go on without a gap from the largest to the smallest number, they are
//! taken as a counter that begins again after 2^32.
//!
//! Only newer files have a line `#End Of ASCII Header`. In others the header ends at the first byte that is not `#`, so that
//! a first record that begins with 0x23 looks like a line; it is taken for one only if there is no control character
//! before the next end of a line, which records with times below 0x20202020 always have.

use cortado_base::{Error, Result};

use super::records::{self, check_pixel, counter_of, each, inside, no_triggers};
use super::{Decode, Encode, Options, Piece};
use crate::clock::Unwrapper;
use crate::event::{Event, Geometry, Recording, Trigger, View};
use crate::header;
use crate::report::Report;

/// After so many microseconds the counter begins again.
const PERIOD: u64 = 1 << 32;
const END: &str = "End Of ASCII Header";

/// Sensors by parts of their names in small letters, with their sizes.
const SENSORS: [(&str, u16, u16); 8] = [
    ("dvs128", 128, 128),
    ("tmpdiff128", 128, 128),
    ("davis128", 128, 128),
    ("davis208", 208, 192),
    ("davis240", 240, 180),
    ("sbret10", 240, 180),
    ("davis346", 346, 260),
    ("davis640", 640, 480),
];

/// The sensor that a text names.
pub(super) fn sensor(text: &str) -> Option<(&'static str, Geometry)> {
    let text = text.to_lowercase();
    let found = SENSORS.iter().find(|(name, ..)| text.contains(name));
    found.map(|&(name, width, height)| (name, Geometry::new(width, height)))
}

#[derive(Clone, Copy, PartialEq)]
enum Layout {
    /// Addresses of 16 bits, as DVS128.
    One,
    Dvs128,
    Davis,
}

/// Reads AEDAT 1.0 and 2.0.
pub(crate) struct Decoder {
    options: Options,
    layout: Option<Layout>,
    geometry: Option<Geometry>,
    clock: Unwrapper,
    /// Records that are no event.
    left_out: u64,
}

impl Decoder {
    pub fn new(options: &Options) -> Self {
        Self {
            options: options.clone(),
            layout: None,
            geometry: None,
            clock: Unwrapper::new(PERIOD),
            left_out: 0,
        }
    }

    /// Reads the header; gives its length, or nothing while bytes are missing.
    fn begin(
        &mut self,
        piece: Piece<'_>,
        out: &mut Recording,
        report: &mut Report,
    ) -> Result<Option<(Layout, usize)>> {
        if let Some(layout) = self.layout {
            return Ok(Some((layout, 0)));
        }
        let lines = header::lines(piece.bytes, piece.last, b'#', END, report)?;
        let Some((lines, length)) = lines else {
            return Ok(None);
        };
        let lines: Vec<_> = lines.into_iter().map(String::from_utf8_lossy).collect();
        report.header = entries(lines.iter().map(|line| line.as_ref()));
        let one = lines
            .first()
            .is_none_or(|line| line.starts_with("!AER-DAT1"));
        let chip = lines
            .iter()
            .find_map(|line| line.trim().strip_prefix("AEChip:"));
        let named = chip.and_then(sensor);
        let (layout, size) = match (one, chip, named) {
            (true, _, Some((_, size))) => (Layout::One, Some(size)),
            (true, _, None) => {
                report.assume("addresses of DVS128, since this is version 1");
                (Layout::One, Some(Geometry::new(128, 128)))
            }
            (false, _, Some(("dvs128" | "tmpdiff128", size))) => (Layout::Dvs128, Some(size)),
            (false, _, Some((_, size))) => (Layout::Davis, Some(size)),
            (false, Some(chip), None) => {
                report.assume(format!(
                    "addresses of a DAVIS of unknown size for the sensor {}; rows stay as they are stored",
                    chip.trim()
                ));
                (Layout::Davis, None)
            }
            (false, None, None) if self.options.geometry == Some(Geometry::new(128, 128)) => {
                report.assume("addresses of DVS128, since the sensor is said to be 128x128");
                (Layout::Dvs128, None)
            }
            (false, None, None) => {
                report.assume("DAVIS240, since the header names no sensor");
                (Layout::Davis, Some(Geometry::new(240, 180)))
            }
        };
        self.geometry = self.options.geometry.or(size);
        out.geometry = self.geometry;
        self.layout = Some(layout);
        Ok(Some((layout, length)))
    }

    /// The pixel and polarity of an address; nothing if it is no event.
    fn pixel(layout: Layout, address: u32) -> Option<(u16, u16, bool)> {
        if layout == Layout::Davis {
            if address & (1 << 31 | 1 << 10) != 0 {
                return None;
            }
            let (x, y) = (address >> 12 & 0x3ff, address >> 22 & 0x1ff);
            return Some((x as u16, y as u16, address >> 11 & 1 == 1));
        }
        if address & 1 << 15 != 0 {
            return None;
        }
        let (x, y) = (address >> 1 & 0x7f, address >> 8 & 0x7f);
        Some((x as u16, y as u16, address & 1 == 1))
    }

    fn record(
        &mut self,
        layout: Layout,
        address: u32,
        time: [u8; 4],
        offset: u64,
        out: &mut Recording,
        report: &mut Report,
    ) -> Result<()> {
        let counter = u32::from_be_bytes(time);
        let t = records::unwrap(&mut self.clock, counter.into(), report);
        let Some((x, y, p)) = Self::pixel(layout, address) else {
            self.left_out += 1;
            return Ok(());
        };
        if inside(self.geometry, x, y, offset, report)? {
            let y = match self.geometry {
                Some(sensor) if !self.options.raw_rows => sensor.height - 1 - y,
                _ => y,
            };
            out.events.push(Event { t, x, y, p });
        }
        Ok(())
    }
}

/// Lines of a header as keys and values.
pub(super) fn entries<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<(String, String)> {
    let entry = |line: &str| match line.split_once(':') {
        Some((key, value)) => (key.trim().to_string(), value.trim().to_string()),
        None => (line.trim().to_string(), String::new()),
    };
    lines.map(entry).collect()
}

impl Decode for Decoder {
    fn decode(
        &mut self,
        piece: Piece<'_>,
        out: &mut Recording,
        report: &mut Report,
    ) -> Result<usize> {
        let Some((layout, start)) = self.begin(piece, out, report)? else {
            return Ok(0);
        };
        let used = if layout == Layout::One {
            each(piece, start, report, |record: &[u8; 6], offset, report| {
                let [a, b, t @ ..] = *record;
                let address = u16::from_be_bytes([a, b]).into();
                self.record(layout, address, t, offset, out, report)
            })
        } else {
            each(piece, start, report, |record: &[u8; 8], offset, report| {
                let [a, b, c, d, t @ ..] = *record;
                let address = u32::from_be_bytes([a, b, c, d]);
                self.record(layout, address, t, offset, out, report)
            })
        }?;
        if piece.last && self.left_out > 0 {
            report.assume(format!(
                "{} records of frames, inertial data and signals are left out",
                self.left_out
            ));
        }
        Ok(used)
    }
}

/// Writes AEDAT 2.0 with addresses of DVS128 or DAVIS.
pub(crate) struct Encoder {
    sensor: Geometry,
    clock: Unwrapper,
}

impl Default for Encoder {
    fn default() -> Self {
        Self {
            sensor: Geometry::new(240, 180),
            clock: Unwrapper::new(PERIOD),
        }
    }
}

const NAME: &str = "AEDAT 2.0";

impl Encode for Encoder {
    fn start(&mut self, geometry: Option<Geometry>, out: &mut Vec<u8>) -> Result<()> {
        self.sensor = geometry.unwrap_or(self.sensor);
        let chip = match (self.sensor.width, self.sensor.height) {
            (128, 128) => "ch.unizh.ini.jaer.chip.retina.DVS128",
            (240, 180) => "eu.seebetter.ini.chips.davis.DAVIS240C",
            (208, 192) => "eu.seebetter.ini.chips.davis.Davis208PixelParade",
            (346, 260) => "eu.seebetter.ini.chips.davis.Davis346B",
            (640, 480) => "eu.seebetter.ini.chips.davis.Davis640",
            _ => {
                let expected = "128x128, 208x192, 240x180, 346x260 or 640x480 in AEDAT 2.0";
                return Err(Error::invalid(
                    "sensor",
                    "the recording",
                    expected,
                    self.sensor,
                ));
            }
        };
        let text =
            format!("#!AER-DAT2.0\r\n# AEChip: {chip}\r\n# Timestamps tick is 1 us\r\n#{END}\r\n");
        out.extend(text.bytes());
        Ok(())
    }

    fn encode(&mut self, events: View<'_>, triggers: &[Trigger], out: &mut Vec<u8>) -> Result<()> {
        no_triggers(triggers, NAME)?;
        let largest = (self.sensor.width - 1, self.sensor.height - 1);
        for event in events.iter() {
            check_pixel(event, largest, NAME)?;
            let (x, y) = (u32::from(event.x), u32::from(largest.1 - event.y));
            let p = u32::from(event.p);
            let address = match self.sensor.width {
                128 => y << 8 | x << 1 | p,
                _ => y << 22 | x << 12 | p << 11,
            };
            let t = counter_of(&mut self.clock, PERIOD, event.t, NAME)? as u32;
            out.extend(address.to_be_bytes());
            out.extend(t.to_be_bytes());
        }
        Ok(())
    }
}
