//! SLAYER's spikes: `.bs1` of a line of neurons, `.bs3` of wide addresses (its `.bs2` are the records of N-MNIST).
//!
//! No header. Big-endian, from the highest bit:
//!
//! | `.bs1`, 40 bits | `.bs3`, 56 bits | what |
//! |---|---|---|
//! | 39..24 | 55..44 | x; in `.bs1` the neuron |
//! | - | 43..32 | y |
//! | 23 | 31..24 | brighter if not 0; 1 in all `.bs1` of SLAYER that were seen |
//! | 22..0 | 23..0 | time in microseconds, begins again after 8.39 or 16.8 s |

use cortado_base::Result;

use super::records::{self, check_pixel, counter_of, each, inside, no_triggers};
use super::{Decode, Encode, Options, Piece};
use crate::clock::Unwrapper;
use crate::event::{Event, Geometry, Recording, Trigger, View};
use crate::report::Report;

const PERIOD_1: u64 = 1 << 23;
const PERIOD_3: u64 = 1 << 24;

/// Reads `.bs1`, or with `wide` `.bs3`.
pub(crate) struct Decoder {
    geometry: Option<Geometry>,
    clock: Unwrapper,
    wide: bool,
}

impl Decoder {
    pub fn new(options: &Options, wide: bool) -> Self {
        Self {
            geometry: options.geometry,
            clock: Unwrapper::new(if wide { PERIOD_3 } else { PERIOD_1 }),
            wide,
        }
    }
}

impl Decode for Decoder {
    fn decode(
        &mut self,
        piece: Piece<'_>,
        out: &mut Recording,
        report: &mut Report,
    ) -> Result<usize> {
        out.geometry = self.geometry;
        let events = &mut out.events;
        events.reserve(piece.bytes.len() / if self.wide { 7 } else { 5 });
        let mut push = |x: u16, y: u16, p, time: [u8; 3], offset, report: &mut Report| {
            let counter = u32::from_be_bytes([0, time[0], time[1], time[2]]);
            let t = records::unwrap(&mut self.clock, counter.into(), report);
            if inside(self.geometry, x, y, offset, report)? {
                events.push(Event { t, x, y, p });
            }
            Ok(())
        };
        if !self.wide {
            return each(piece, 0, report, |&[a, b, c, d, e], offset, report| {
                let time = [c & 0x7f, d, e];
                push(
                    u16::from_be_bytes([a, b]),
                    0,
                    c >> 7 == 1,
                    time,
                    offset,
                    report,
                )
            });
        }
        each(
            piece,
            0,
            report,
            |&[a, b, c, p, d, e, f], offset, report| {
                if p > 1 {
                    report.assume(
                        "numbers above 1 in the place of the polarity are taken as brighter",
                    );
                }
                let (x, y) = (
                    u16::from_be_bytes([a, b]) >> 4,
                    u16::from_be_bytes([b & 0xf, c]),
                );
                push(x, y, p != 0, [d, e, f], offset, report)
            },
        )
    }
}

/// Writes `.bs1`, or with `wide` `.bs3`.
pub(crate) struct Encoder {
    clock: Unwrapper,
    wide: bool,
}

impl Encoder {
    pub fn new(wide: bool) -> Self {
        let clock = Unwrapper::new(if wide { PERIOD_3 } else { PERIOD_1 });
        Self { clock, wide }
    }
}

impl Encode for Encoder {
    fn start(&mut self, _geometry: Option<Geometry>, _out: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }

    fn encode(&mut self, events: View<'_>, triggers: &[Trigger], out: &mut Vec<u8>) -> Result<()> {
        let (name, largest, period) = match self.wide {
            false => ("SLAYER's bs1", (u16::MAX, 0), PERIOD_1),
            true => ("SLAYER's bs3", (0xfff, 0xfff), PERIOD_3),
        };
        no_triggers(triggers, name)?;
        for event in events.iter() {
            check_pixel(event, largest, name)?;
            let counter = counter_of(&mut self.clock, period, event.t, name)? as u32;
            let [_, high, middle, low] = counter.to_be_bytes();
            let p = u8::from(event.p);
            if self.wide {
                let [_, a, b, c] = (u32::from(event.x) << 12 | u32::from(event.y)).to_be_bytes();
                out.extend([a, b, c, p, high, middle, low]);
            } else {
                let [a, b] = event.x.to_be_bytes();
                out.extend([a, b, p << 7 | high, middle, low]);
            }
        }
        Ok(())
    }
}
