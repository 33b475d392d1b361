//! The message `event_camera_msgs/msg/EventPacket` in CDR.
//!
//! Four bytes, of which the second is 1 if the rest is little-endian and 0 if not; from there on each number stands at a
//! multiple of its size: time `i32` and `u32`, name of the frame, height `u32`, width `u32`, number of the packet `u64`, base
//! of time `u64`, encoding, whether the words are big-endian `u8`, then the payload. Text and payload are behind their lengths
//! `u32`, text with a 0 at its end.

/// Reads bytes from the front, little-endian.
#[derive(Clone)]
pub(super) struct Fields<'a> {
    bytes: &'a [u8],
    place: usize,
    big: bool,
}

/// A packet.
pub(super) struct Packet<'a> {
    pub frame: &'a [u8],
    pub width: u32,
    pub height: u32,
    pub number: u64,
    /// Nanoseconds.
    pub base: u64,
    pub encoding: &'a [u8],
    /// Whether its words are big-endian.
    pub big: bool,
    pub events: &'a [u8],
    /// Place of the events in the message.
    pub place: usize,
}

impl<'a> Fields<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            place: 0,
            big: false,
        }
    }

    pub fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let taken = self.rest().get(..length)?;
        self.place += length;
        Some(taken)
    }

    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.place..).unwrap_or_default()
    }

    fn number<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut number = *self.take(N)?.first_chunk::<N>()?;
        if self.big {
            number.reverse();
        }
        Some(number)
    }

    pub fn u16(&mut self) -> Option<u16> {
        self.number().map(u16::from_le_bytes)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.number().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.number().map(u64::from_le_bytes)
    }

    /// Bytes behind their number.
    pub fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()? as usize;
        self.take(length)
    }

    fn align(&mut self, size: usize) -> &mut Self {
        self.place = self.place.next_multiple_of(size);
        self
    }

    fn aligned_text(&mut self) -> Option<&'a [u8]> {
        let text = self.align(4).text()?;
        Some(text.strip_suffix(b"\0").unwrap_or(text))
    }
}

impl<'a> Packet<'a> {
    /// The packet that a message holds.
    pub fn read(message: &'a [u8]) -> Option<Self> {
        let (head, body) = message.split_first_chunk::<4>()?;
        let big = match head[..2] {
            [0, 0] => true,
            [0, 1] => false,
            _ => return None,
        };
        let mut fields = Fields {
            bytes: body,
            place: 0,
            big,
        };
        fields.take(8)?;
        let frame = fields.aligned_text()?;
        let (height, width) = (fields.align(4).u32()?, fields.u32()?);
        let (number, base) = (fields.align(8).u64()?, fields.u64()?);
        let encoding = fields.aligned_text()?;
        let [big] = fields.number()?;
        let events = fields.align(4).text()?;
        Some(Self {
            frame,
            width,
            height,
            number,
            base,
            encoding,
            big: big != 0,
            events,
            place: 4 + fields.place - events.len(),
        })
    }
}
