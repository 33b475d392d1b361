//! The encoding `libcaer_cmp` of event_camera_codecs, for iniVation's cameras: 16-bit words much as those of EVT 3.0, but
//! with columns before rows.
//!
//! Little-endian; the upper four bits say what a word is, the others are:
//!
//! | bits 15..12 | what | the rest |
//! |---|---|---|
//! | 0 | time, upper part | 11..0 in units of 4096 microseconds |
//! | 1 | time, lower part | 11..0 in microseconds |
//! | 2 | column | x 10..0 |
//! | 3 | **event** | polarity 11, y 10..0 |
//! | 4 | base of vectors | polarity 11, y 10..0 |
//! | 5 | **up to 8 events** | bit `i` of 7..0 is an event at base + `i`; then the base is 8 higher |
//!
//! Both parts of time are 0 at the start of a packet, whose base of time, in nanoseconds since 1970, comes to them.
//! Events before the first column have no place and are left out.

use cortado_base::Result;

use crate::event::{Event, Geometry, Recording};
use crate::format::Piece;
use crate::report::Report;

const TIME_HIGH: u16 = 0;
const TIME_LOW: u16 = 1;
const ADDR_X: u16 = 2;
const ADDR_Y: u16 = 3;
const BASE_Y: u16 = 4;
const VECT_8: u16 = 5;
const BITS: u32 = 12;
const PLACE: u16 = 0x7ff;

/// What is remembered from packet to packet.
pub(super) struct Machine {
    sensor: Geometry,
    x: Option<u16>,
    base: u16,
    polarity: bool,
}

impl Machine {
    pub fn new(sensor: Option<Geometry>) -> Self {
        Self {
            sensor: sensor.unwrap_or(Geometry::new(u16::MAX, u16::MAX)),
            x: None,
            base: 0,
            polarity: false,
        }
    }

    /// Reads the words of a packet with a base of time in nanoseconds.
    pub fn read(
        &mut self,
        piece: Piece<'_>,
        base: u64,
        out: &mut Recording,
        report: &mut Report,
    ) -> Result<()> {
        let start = base / 1000;
        let (mut high, mut low) = (0, 0);
        let words = piece.bytes.as_chunks::<2>().0;
        for (i, word) in words.iter().enumerate() {
            let word = u16::from_le_bytes(*word);
            let (part, place) = (u64::from(word & 0xfff), word & PLACE);
            let brighter = word >> 11 & 1 == 1;
            let (y, bits, p) = match word >> BITS {
                ADDR_Y => (place, 1, brighter),
                VECT_8 => {
                    let y = self.base;
                    // At most 8 more than the largest row, so that it does not begin again.
                    self.base = (y + 8).min(PLACE + 1);
                    (y, word & 0xff, self.polarity)
                }
                other => {
                    match other {
                        ADDR_X => self.x = Some(place),
                        TIME_LOW => low = part,
                        TIME_HIGH => high = part << BITS,
                        BASE_Y => (self.base, self.polarity) = (place, brighter),
                        _ => {
                            let offset = piece.offset + 2 * i as u64;
                            let expected = "type 0 to 5 in the upper four bits";
                            report.damage("word", offset, expected, format!("{word:#06x}"))?;
                        }
                    }
                    continue;
                }
            };
            let Some(x) = self.x else {
                report.untimed += u64::from(bits.count_ones());
                continue;
            };
            let t = start + (high | low);
            let mut bits = bits;
            while bits != 0 {
                let y = y + bits.trailing_zeros() as u16;
                bits &= bits - 1;
                if self.sensor.contains(x, y) {
                    out.events.push(Event { t, x, y, p });
                } else {
                    let offset = piece.offset + 2 * i as u64;
                    let expected = format!("a pixel of {}", self.sensor);
                    report.damage("pixel", offset, expected, format!("({x}, {y})"))?;
                }
            }
        }
        Ok(())
    }
}
