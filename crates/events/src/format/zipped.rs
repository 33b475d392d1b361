//! RPG text, as it is or in a zip archive as E2VID's; the archive is unpacked while it is read.
//!
//! Members are read one after the other as they stand in the file: 30 bytes (`PK\3\4`, at 6 flags `u16`, at 8 the way of
//! packing `u16`, at 14 checksum, at 18 packed and at 22 unpacked size `u32`, at 26 and 28 lengths of name and of more), name
//! and more, then the data, and with bit 3 of the flags checksum and sizes behind them. The first one with a name in `.txt` is the
//! recording.

use cortado_base::Result;
use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::text;
use super::{Decode, Options, Piece};
use crate::event::Recording;
use crate::report::Report;

/// Bytes that are unpacked at once.
const BLOCK: usize = 1 << 17;

/// Reads such text.
pub(crate) struct Decoder {
    lines: text::Decoder,
    state: State,
    /// Unpacked text whose line has no end yet, and how much came before it.
    rest: Vec<u8>,
    before: u64,
}

enum State {
    Start,
    Plain,
    Header,
    Member(Box<Member>),
    /// Nothing more is read.
    After,
}

struct Member {
    inflate: Option<Decompress>,
    /// Packed bytes that are left, where the header says how many.
    left: Option<u64>,
    crc: Crc,
    expected: Option<u32>,
    wanted: bool,
    /// Place of its header.
    start: u64,
}

impl Decoder {
    pub fn new(options: &Options) -> Self {
        Self {
            lines: text::Decoder::new(false, options),
            state: State::Start,
            rest: Vec::new(),
            before: 0,
        }
    }

    /// Begins a member; nothing if its header is not there yet.
    fn member(&mut self, piece: Piece<'_>, report: &mut Report) -> Result<Option<usize>> {
        let bytes = piece.bytes;
        let refused = |expected: &str, got: String| {
            Err(report.wrong("zip archive", piece.offset, expected, got))
        };
        let Some(head) = bytes.first_chunk::<30>() else {
            if piece.last {
                return refused(
                    "a member with a name in .txt",
                    format!("{} bytes", bytes.len()),
                );
            }
            return Ok(None);
        };
        let u16 = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
        let u32 = |at: usize| u32::from(u16(at)) | u32::from(u16(at + 2)) << 16;
        if &head[..4] == b"PK\x07\x08" {
            // Checksum and sizes behind a member that was not wanted.
            return Ok(Some(16));
        }
        if &head[..4] != b"PK\x03\x04" {
            return refused(
                "a member with a name in .txt",
                head[..4].escape_ascii().to_string(),
            );
        }
        let (name, more) = (usize::from(u16(26)), usize::from(u16(28)));
        let length = 30 + name + more;
        if bytes.len() < length {
            if piece.last {
                return refused(
                    "a whole header of a member",
                    format!("{} bytes", bytes.len()),
                );
            }
            return Ok(None);
        }
        let name = &bytes[30..30 + name];
        let (flags, method) = (u16(6), u16(8));
        let later = flags & 8 != 0;
        let large = u32(18) == u32::MAX;
        if flags & 1 != 0 || !matches!(method, 0 | 8) || method == 0 && (later || large) {
            let got = format!(
                "flags {flags:#x}, method {method}, '{}'",
                name.escape_ascii()
            );
            return refused("a member that is deflated or stored with its size", got);
        }
        self.state = State::Member(Box::new(Member {
            inflate: (method == 8).then(|| Decompress::new(false)),
            left: (method == 0).then(|| u64::from(u32(18))),
            crc: Crc::new(),
            expected: (!later).then(|| u32(14)),
            start: piece.offset,
            wanted: name.to_ascii_lowercase().ends_with(b".txt"),
        }));
        Ok(Some(length))
    }

    /// Unpacks a piece of a member; how many bytes it took, and whether the member is at its end.
    fn unpack(
        &mut self,
        piece: Piece<'_>,
        out: &mut Recording,
        report: &mut Report,
    ) -> Result<(usize, bool)> {
        let State::Member(member) = &mut self.state else {
            return Ok((0, true));
        };
        let mut block = Vec::new();
        let mut broken = None;
        let (used, ended) = match (&mut member.inflate, member.left) {
            (Some(inflate), _) => {
                block.reserve(BLOCK);
                let before = inflate.total_in();
                let status = inflate.decompress_vec(piece.bytes, &mut block, FlushDecompress::None);
                // What came before the break is read first, as it is when that came in an earlier piece.
                let wrong = |e| report.wrong("zip archive", member.start, "deflated data", e);
                broken = status.as_ref().err().map(wrong);
                let used = (inflate.total_in() - before) as usize;
                (used, matches!(status, Ok(Status::StreamEnd)))
            }
            (None, left) => {
                let left = left.unwrap_or(0);
                let used = (piece.bytes.len().min(BLOCK) as u64).min(left);
                block.extend_from_slice(&piece.bytes[..used as usize]);
                member.left = Some(left - used);
                (used as usize, left == used)
            }
        };
        member.crc.update(&block);
        let stuck = used == 0 && block.is_empty() && !ended;
        let end = piece.offset + used as u64;
        let cut = stuck && piece.last;
        let last = ended || cut;
        let (wanted, sum, expected) = (member.wanted, member.crc.sum(), member.expected);
        if wanted {
            let whole = std::mem::take(&mut self.rest);
            let text = if whole.is_empty() {
                block
            } else {
                [whole, block].concat()
            };
            let inner = Piece {
                bytes: &text,
                offset: self.before,
                last,
            };
            let taken = self.lines.decode(inner, out, report)?;
            self.before += taken as u64;
            self.rest = text[taken..].to_vec();
        }
        if let Some(error) = broken {
            return Err(error);
        }
        if last && !cut && expected.is_some_and(|e| e != sum) {
            let expected = "the checksum that the archive says";
            let got = format!("{:#010x}", sum);
            report.damage("zip archive", end, expected, got)?;
        }
        if cut {
            report.damage(
                "zip archive",
                end,
                "the end of a member",
                "the end of the file",
            )?;
        }
        if last {
            self.state = if wanted { State::After } else { State::Header };
        }
        Ok((used, last || stuck))
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
        loop {
            let rest = Piece {
                bytes: &piece.bytes[used..],
                offset: piece.offset + used as u64,
                last: piece.last,
            };
            match &self.state {
                State::Start => {
                    let zip = b"PK\x03\x04";
                    let n = rest.bytes.len().min(4);
                    if n < 4 && !piece.last && rest.bytes == &zip[..n] {
                        return Ok(used);
                    }
                    self.state = if rest.bytes.starts_with(zip) {
                        report.assume("the first member of the archive whose name ends in .txt");
                        State::Header
                    } else {
                        State::Plain
                    };
                }
                State::Plain => return Ok(used + self.lines.decode(rest, out, report)?),
                State::Header => match self.member(rest, report)? {
                    Some(length) => used += length,
                    None => return Ok(used),
                },
                State::Member(_) => {
                    if rest.bytes.is_empty() && !piece.last {
                        return Ok(used);
                    }
                    let (taken, stop) = self.unpack(rest, out, report)?;
                    used += taken;
                    if stop && matches!(self.state, State::Member(_)) {
                        return Ok(used);
                    }
                }
                State::After => return Ok(piece.bytes.len()),
            }
        }
    }
}
