//! Formats of recordings: a file for each says its layout, reads it and writes it.

mod aedat2;
mod aedat31;
mod aedat4;
mod columns;
mod dat;
mod dsec;
mod ecf;
mod es;
mod evt2;
mod evt21;
mod evt3;
mod mat;
mod mcap;
mod nmnist;
mod npy;
mod npz;
pub(crate) mod raw;
mod records;
pub mod shd;
mod slayer;
mod text;
mod words;
mod zipped;

use std::path::Path;

use cortado_base::{Error, Result, hdf5};

use crate::event::{Geometry, Recording, Trigger, View};
use crate::report::{Policy, Report};

/// How a recording is read; the defaults take everything from the file.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What to do at damage.
    pub policy: Policy,
    /// The sensor, where the file does not say it or says it wrongly.
    pub geometry: Option<Geometry>,
    /// Leave rows as they are stored, also where the file counts them from the bottom.
    pub raw_rows: bool,
    /// Of a file with many samples, such as SHD, the one to read.
    pub sample: usize,
    /// What the columns of a file without names are, a letter for each: `t`, `x`, `y`, `p`, or `_` for none of them.
    pub columns: Option<String>,
}

/// What reads one format from bytes that come in pieces.
pub(crate) trait Decode: Send {
    /// Decodes the whole units at the start of `bytes` and says how many bytes they took; the rest comes again with
    /// what follows it. `offset` is the place of `bytes` in the file; with `last` nothing follows, and a unit that is cut
    /// off is damage.
    fn decode(
        &mut self,
        bytes: Piece<'_>,
        out: &mut Recording,
        report: &mut Report,
    ) -> Result<usize>;

    /// What has to be kept to go on at this place later, if that can be done.
    fn save(&self) -> Option<Vec<u64>> {
        None
    }

    /// Takes up what was saved, after the header was read; `false` if it was not saved by this format.
    fn load(&mut self, _state: &[u64]) -> bool {
        false
    }
}

/// Bytes of a file, with where they are in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'a> {
    pub bytes: &'a [u8],
    /// Place of the first one.
    pub offset: u64,
    /// Whether nothing comes after them.
    pub last: bool,
}

/// What writes one format, in pieces.
pub(crate) trait Encode: Send {
    /// What stands before the first event.
    fn start(&mut self, geometry: Option<Geometry>, out: &mut Vec<u8>) -> Result<()>;

    /// Events and triggers that follow those before; `triggers` are those up to the last of `events`.
    fn encode(&mut self, events: View<'_>, triggers: &[Trigger], out: &mut Vec<u8>) -> Result<()>;

    /// What stands after the last event, and bytes to put elsewhere, each with its place in the file.
    fn finish(&mut self, _out: &mut Vec<u8>) -> Result<Vec<(u64, Vec<u8>)>> {
        Ok(Vec::new())
    }
}

/// What reads a format that is a file of its own kind rather than a stream of bytes, such as HDF5.
pub(crate) trait Batches: Send {
    /// Adds the next events to `out`, about [`BATCH`] of them; `false` if there are none left.
    fn next(&mut self, out: &mut Recording, report: &mut Report) -> Result<bool>;
}

/// What writes a format that is a file of its own kind, at the path where it was begun.
pub(crate) trait Collect: Send {
    /// Events and triggers that follow those before.
    fn collect(&mut self, events: View<'_>, triggers: &[Trigger]) -> Result<()>;

    /// Ends the file.
    fn finish(self: Box<Self>) -> Result<()>;
}

/// Reads a whole recording at once on all cores: what [`Decode`] gives, faster.
pub(crate) type Whole = fn(&[u8], &Options, &mut Recording, &mut Report) -> Result<()>;

/// Events that are handled at once where a recording streams.
pub(crate) const BATCH: usize = 1 << 16;

/// Adds events from columns of integers, `t`, `x`, `y` and `p`; those that do not fit are damage, `first` being the number
/// of the first one. What is above 0 is brighter.
pub(crate) fn events(
    first: usize,
    [t, x, y, p]: [&[i64]; 4],
    out: &mut Recording,
    report: &mut Report,
) -> Result<()> {
    let n = out.events.len();
    let count = t.len().min(x.len()).min(y.len()).min(p.len());
    out.events.resize(n + count);
    let slots = out.events.slots();
    let mut place = n;
    for i in 0..count {
        let fits = (
            u64::try_from(t[i]),
            u16::try_from(x[i]),
            u16::try_from(y[i]),
        );
        if let (Ok(t), Ok(x), Ok(y)) = fits {
            slots.t[place] = t;
            slots.x[place] = x;
            slots.y[place] = y;
            slots.p[place] = p[i] > 0;
            place += 1;
        } else {
            let at = format!("event {}", first.saturating_add(i));
            let expected = "a time from 0 on, and x and y up to 65535";
            let got = format!("t = {}, x = {}, y = {}", t[i], x[i], y[i]);
            if let Err(e) = report.damage_at("event", at, expected, got) {
                out.events.truncate(place);
                return Err(e);
            }
        }
    }
    out.events.truncate(place);
    Ok(())
}

macro_rules! formats {
    ($($(#[$doc:meta])* $format:ident $name:literal $title:literal [$($ending:literal),*];)*) => {
        /// A format by name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Format {
            $(#[doc = $title] $format,)*
        }

        impl Format {
            /// All formats.
            pub const ALL: &[Self] = &[$(Self::$format),*];

            /// The name on the command line.
            pub fn name(self) -> &'static str {
                match self { $(Self::$format => $name,)* }
            }

            /// The name for people.
            pub fn title(self) -> &'static str {
                match self { $(Self::$format => $title,)* }
            }

            /// Usual endings of file names, without the dot.
            pub fn endings(self) -> &'static [&'static str] {
                match self { $(Self::$format => &[$($ending),*],)* }
            }
        }
    };
}

formats! {
    Aedat2 "aedat2" "AEDAT 2.0 of jAER" ["aedat"];
    Aedat31 "aedat3.1" "AEDAT 3.1 of cAER" ["aedat"];
    Aedat4 "aedat4" "AEDAT 4.0 of DV" ["aedat4"];
    Bs1 "bs1" "SLAYER spikes of a line of neurons" ["bs1"];
    Bs3 "bs3" "SLAYER spikes of 12-bit addresses" ["bs3"];
    Csv "csv" "Text, a line an event: t,x,y,p" ["csv"];
    Dat "dat" "Prophesee DAT" ["dat"];
    Dsec "dsec" "HDF5 with a data set for each column, as DSEC" ["h5", "hdf5"];
    Ecf "ecf" "Prophesee HDF5 with the ECF codec" ["hdf5", "h5"];
    Es "es" "Event Stream 2.0" ["es"];
    Evt2 "evt2" "Prophesee EVT 2.0 in a RAW file" ["raw"];
    Evt21 "evt2.1" "Prophesee EVT 2.1 in a RAW file" ["raw"];
    Evt3 "evt3" "Prophesee EVT 3.0 in a RAW file" ["raw"];
    Mat "mat" "MATLAB 5, as ST-MNIST" ["mat"];
    Mcap "mcap" "MCAP with event_camera_msgs of ROS 2" ["mcap"];
    Nmnist "nmnist" "N-MNIST, N-Caltech101 and SLAYER bs2, 40 bits an event" ["bin", "bs2"];
    Npy "npy" "NumPy array, structured or plain" ["npy"];
    Npz "npz" "NumPy archive of columns" ["npz"];
    Rpg "rpg" "Text, a line an event: t x y p in seconds" ["txt", "zip"];
    Shd "shd" "HDF5 of Spiking Heidelberg Digits and Spiking Speech Commands" ["h5"];
}

impl Format {
    pub(crate) fn decoder(self, options: &Options) -> Option<Box<dyn Decode>> {
        Some(match self {
            Self::Csv => Box::new(text::Decoder::new(true, options)),
            Self::Npy => Box::new(npy::Decoder::new(options)),
            Self::Rpg => Box::new(zipped::Decoder::new(options)),
            Self::Aedat2 => Box::new(aedat2::Decoder::new(options)),
            Self::Aedat31 => Box::new(aedat31::Decoder::new(options)),
            Self::Aedat4 => Box::new(aedat4::Decoder::new(options)),
            Self::Bs1 => Box::new(slayer::Decoder::new(options, false)),
            Self::Bs3 => Box::new(slayer::Decoder::new(options, true)),
            Self::Dat => Box::new(dat::Decoder::new(options)),
            Self::Es => Box::new(es::Decoder::new(options)),
            Self::Mat => Box::new(mat::Decoder::new(options)),
            Self::Mcap => Box::new(mcap::Decoder::new(options)),
            Self::Nmnist => Box::new(nmnist::Decoder::new(options)),
            Self::Evt2 => Box::new(words::Decoder::<evt2::Evt2>::new(options)),
            Self::Evt21 => Box::new(words::Decoder::<evt21::Evt21>::new(options)),
            Self::Evt3 => Box::new(words::Decoder::<evt3::Evt3>::new(options)),
            _ => return None,
        })
    }

    pub(crate) fn encoder(self) -> Option<Box<dyn Encode>> {
        Some(match self {
            Self::Csv => Box::new(text::Encoder::new(true)),
            Self::Npy => Box::new(npy::Encoder::default()),
            Self::Rpg => Box::new(text::Encoder::new(false)),
            Self::Aedat2 => Box::new(aedat2::Encoder::default()),
            Self::Aedat31 => Box::new(aedat31::Encoder),
            Self::Aedat4 => Box::new(aedat4::Encoder::new(true)),
            Self::Bs1 => Box::new(slayer::Encoder::new(false)),
            Self::Bs3 => Box::new(slayer::Encoder::new(true)),
            Self::Dat => Box::new(dat::Encoder::default()),
            Self::Es => Box::new(es::Encoder::default()),
            Self::Nmnist => Box::new(nmnist::Encoder::default()),
            Self::Evt2 => Box::new(evt2::Encoder::default()),
            Self::Evt21 => Box::new(evt21::Encoder::default()),
            Self::Evt3 => Box::new(evt3::Encoder::default()),
            _ => return None,
        })
    }

    /// Reads the file of a format that is no stream.
    pub(crate) fn open(
        self,
        path: &Path,
        options: &Options,
        report: &mut Report,
    ) -> Result<Box<dyn Batches>> {
        Ok(match self {
            Self::Dsec => Box::new(dsec::Reader::open(path, options, report)?),
            Self::Ecf => Box::new(ecf::Reader::open(path, options, report)?),
            Self::Npz => Box::new(npz::Reader::open(path, options, report)?),
            Self::Shd => Box::new(shd::Sample::open(path, options, report)?),
            _ => return Err(self.cannot("be read")),
        })
    }

    /// Begins the file of a format that is no stream.
    pub(crate) fn create(
        self,
        path: &Path,
        geometry: Option<Geometry>,
    ) -> Result<Box<dyn Collect>> {
        Ok(match self {
            Self::Dsec => Box::new(dsec::Maker::create(path, geometry)?),
            Self::Ecf => Box::new(ecf::Maker::create(path, geometry)?),
            Self::Npz => Box::new(npz::Maker::create(path)),
            Self::Shd => Box::new(shd::Line::create(path)),
            _ => return Err(self.cannot("be written")),
        })
    }

    /// The way to read it at once on all cores, if there is one.
    pub(crate) fn whole(self) -> Option<Whole> {
        Some(match self {
            Self::Aedat4 => aedat4::whole,
            Self::Dat => dat::whole,
            Self::Evt2 => words::whole::<evt2::Evt2>,
            Self::Evt21 => words::whole::<evt21::Evt21>,
            Self::Evt3 => words::whole::<evt3::Evt3>,
            _ => return None,
        })
    }

    /// The format of an HDF5 file, by the data sets in it.
    pub(crate) fn of_hdf5(path: &Path) -> Result<Self> {
        let file = hdf5::File::open(path)?;
        if ecf::is(&file) {
            Ok(Self::Ecf)
        } else if dsec::is(&file) {
            Ok(Self::Dsec)
        } else if shd::is(&file) {
            Ok(Self::Shd)
        } else {
            let expected =
                "data sets of Prophesee (CD/events), DSEC (events/t), MVSEC or SHD (spikes/times)";
            Err(Error::invalid(
                "HDF5 file",
                file.at(),
                expected,
                "none of them",
            ))
        }
    }

    pub(crate) fn cannot(self, what: &str) -> Error {
        Error::invalid(
            "format",
            self.name(),
            format!("one that can {what}"),
            self.title(),
        )
    }
}
