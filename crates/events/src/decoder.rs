//! A recording from bytes in pieces.

use cortado_base::Result;

use crate::event::Recording;
use crate::format::{Decode, Format, Options, Piece};
use crate::report::Report;

/// Decodes a recording from bytes that come in pieces of any size; the events do not depend on the pieces.
///
/// ```
/// use cortado_events::{Decoder, Options, Recording, format::Format};
/// let mut recording = Recording::default();
/// let mut decoder = Decoder::new(Format::Evt2, &Options::default(), "memory")?;
/// for byte in b"% evt 2.0\n\x01\x00\x00\x80\x05\x10\x00\x10" {
///     decoder.feed(&[*byte], &mut recording)?;
/// }
/// decoder.finish(&mut recording)?;
/// let event = recording.events.view().get(0);
/// assert_eq!((event.t, event.x, event.y, event.p), (64, 2, 5, true));
/// # Ok::<(), cortado_base::Error>(())
/// ```
pub struct Decoder {
    decode: Box<dyn Decode>,
    /// Bytes that wait for more.
    rest: Vec<u8>,
    /// Place in the file of the first byte not yet decoded.
    offset: u64,
    report: Report,
}

impl Decoder {
    /// A decoder of one format; errors name `at`.
    ///
    /// # Errors
    /// A format that cannot be read in pieces.
    pub fn new(format: Format, options: &Options, at: &str) -> Result<Self> {
        Self::resume(format, options, Report::new(options.policy, at))
    }

    /// A decoder that adds to a report.
    pub(crate) fn resume(format: Format, options: &Options, report: Report) -> Result<Self> {
        Ok(Self {
            decode: format
                .decoder(options)
                .ok_or_else(|| format.cannot("be read in pieces"))?,
            rest: Vec::new(),
            offset: 0,
            report,
        })
    }

    /// Adds to `out` what `bytes` hold together with those before.
    ///
    /// # Errors
    /// What is not of this format; damage, if that is not to be skipped.
    pub fn feed(&mut self, bytes: &[u8], out: &mut Recording) -> Result<()> {
        if self.rest.is_empty() {
            let used = self.decode(bytes, false, out)?;
            self.rest.extend_from_slice(&bytes[used..]);
            return Ok(());
        }
        let mut rest = std::mem::take(&mut self.rest);
        rest.extend_from_slice(bytes);
        let used = self.decode(&rest, false, out)?;
        rest.drain(..used);
        self.rest = rest;
        Ok(())
    }

    /// Says that nothing follows.
    ///
    /// # Errors
    /// As [`Decoder::feed`]; a recording that is cut off.
    pub fn finish(&mut self, out: &mut Recording) -> Result<()> {
        let rest = std::mem::take(&mut self.rest);
        self.decode(&rest, true, out).map(|_| ())
    }

    fn decode(&mut self, bytes: &[u8], last: bool, out: &mut Recording) -> Result<usize> {
        let mut used = 0;
        // A decoder may stop between two parts; what it leaves twice in a row needs more bytes.
        loop {
            let piece = Piece {
                bytes: &bytes[used..],
                offset: self.offset,
                last,
            };
            let now = self.decode.decode(piece, out, &mut self.report)?;
            used += now;
            self.offset += now as u64;
            if now == 0 || used == bytes.len() {
                return Ok(used);
            }
        }
    }

    /// The place in the file of what comes next, and the state there, if a decoder can begin there.
    pub(crate) fn place(&self) -> Option<(u64, Vec<u64>)> {
        Some((self.offset, self.decode.save()?))
    }

    /// The place in the file of what comes next.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Goes on at another place, after the header was read; `false` if the state is none of this format.
    pub(crate) fn jump(&mut self, offset: u64, state: &[u64]) -> bool {
        let done = self.decode.load(state);
        if done {
            self.offset = offset;
            self.rest.clear();
        }
        done
    }

    /// What was found so far.
    pub fn report(&self) -> &Report {
        &self.report
    }
}
