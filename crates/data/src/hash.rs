//! Checksums of files and folders.

use std::fmt::{self, Write};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use cortado::{Error, Result};
use md5::Md5;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};

/// What bytes sum up to. That nobody knows is said, not left out.
///
/// Written `sha256:` and 64 hexadecimal digits, `md5:` and 32, or `unknown`.
///
/// ```
/// use cortado_data::hash::Checksum;
/// let sum = Checksum::parse("md5:900150983CD24FB0D6963F7D28E17F72").unwrap();
/// assert_eq!(sum.to_string(), "md5:900150983cd24fb0d6963f7d28e17f72");
/// assert_eq!(sum.matches(&cortado_data::hash::of_bytes(b"abc")), Some(true));
/// assert_eq!(Checksum::Unknown.matches(&cortado_data::hash::of_bytes(b"abc")), None);
/// assert!(Checksum::parse("md5:12").is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// SHA-256, in lower case.
    Sha256(String),
    /// MD5, in lower case, where the authors published only that. It finds damage, not malice.
    Md5(String),
    /// The authors published none. The size is checked, and the sum of the first download is recorded and
    /// expected from then on.
    Unknown,
}

impl Checksum {
    /// Reads the written form; nothing where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = |digits: &str, n: usize| {
            (digits.len() == n && digits.bytes().all(|b| b.is_ascii_hexdigit()))
                .then(|| digits.to_ascii_lowercase())
        };
        match text.split_once(':') {
            Some(("sha256", digits)) => hex(digits, 64).map(Self::Sha256),
            Some(("md5", digits)) => hex(digits, 32).map(Self::Md5),
            None if text == "unknown" => Some(Self::Unknown),
            _ => None,
        }
    }

    /// Whether `sums` are these; nothing where this is unknown.
    pub fn matches(&self, sums: &Sums) -> Option<bool> {
        match self {
            Self::Sha256(sum) => Some(*sum == sums.sha256),
            Self::Md5(sum) => Some(*sum == sums.md5),
            Self::Unknown => None,
        }
    }

    /// The same kind of sum out of `sums`, for an error: the SHA-256 where this is unknown.
    pub fn of(&self, sums: &Sums) -> Self {
        match self {
            Self::Md5(_) => Self::Md5(sums.md5.clone()),
            _ => Self::Sha256(sums.sha256.clone()),
        }
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(sum) => write!(f, "sha256:{sum}"),
            Self::Md5(sum) => write!(f, "md5:{sum}"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

impl<'de> Deserialize<'de> for Checksum {
    fn deserialize<D: Deserializer<'de>>(source: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(source)?;
        Self::parse(&text).ok_or_else(|| {
            D::Error::custom(format!(
                "expected sha256: and 64 hexadecimal digits, md5: and 32, or unknown, got '{text}'"
            ))
        })
    }
}

/// Length and checksums of some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sums {
    /// Number of bytes.
    pub bytes: u64,
    /// SHA-256 as 64 hexadecimal digits.
    pub sha256: String,
    /// MD5 as 32 hexadecimal digits.
    pub md5: String,
}

#[derive(Default)]
struct Summer {
    bytes: u64,
    sha256: Sha256,
    md5: Md5,
}

impl Summer {
    fn add(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.sha256.update(bytes);
        self.md5.update(bytes);
    }

    fn finish(self) -> Sums {
        Sums {
            bytes: self.bytes,
            sha256: hex(&self.sha256.finalize()),
            md5: hex(&self.md5.finalize()),
        }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, b| {
        let _ = write!(text, "{b:02x}");
        text
    })
}

/// Sums of bytes in memory.
pub fn of_bytes(bytes: &[u8]) -> Sums {
    let mut summer = Summer::default();
    summer.add(bytes);
    summer.finish()
}

/// Sums of a file.
///
/// # Errors
/// The operating system's, with the path.
pub fn of_file(path: &Path) -> Result<Sums> {
    let refused = |e| Error::io("cannot read", path, e);
    let mut file = File::open(path).map_err(refused)?;
    let (mut summer, mut buffer) = (Summer::default(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer).map_err(refused)? {
            0 => return Ok(summer.finish()),
            n => summer.add(buffer.get(..n).unwrap_or_default()),
        }
    }
}

/// Sums of a file or of a folder, and the number of files.
///
/// A folder sums up to the sums of its listing: for each file, ordered by the bytes of its path, a line of
/// its SHA-256, two spaces, the path with the folder's own name in front and `/` between, and a line feed.
/// `bytes` counts the files. So `find sounds -type f | LC_ALL=C sort | xargs sha256sum | sha256sum` says
/// the same. A link in place of `path` is followed, one below it is refused.
///
/// # Errors
/// The operating system's, with the path; anything that is neither file nor folder.
pub fn of_tree(path: &Path) -> Result<(Sums, u64)> {
    if path
        .metadata()
        .map_err(|e| Error::io("cannot read", path, e))?
        .is_file()
    {
        return Ok((of_file(path)?, 1));
    }
    let mut files = Vec::new();
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    list(path, &name, &mut files)?;
    files.sort();
    let (mut summer, mut bytes) = (Summer::default(), 0);
    for (name, file) in &files {
        let sums = of_file(file)?;
        bytes += sums.bytes;
        summer.add(format!("{}  {name}\n", sums.sha256).as_bytes());
    }
    let sums = Sums {
        bytes,
        ..summer.finish()
    };
    Ok((sums, files.len() as u64))
}

fn list(folder: &Path, name: &str, files: &mut Vec<(String, PathBuf)>) -> Result<()> {
    let refused = |e| Error::io("cannot read", folder, e);
    for entry in folder.read_dir().map_err(refused)? {
        let entry = entry.map_err(refused)?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(refused)?);
        let name = format!("{name}/{}", entry.file_name().to_string_lossy());
        if kind.is_dir() {
            list(&path, &name, files)?;
        } else if kind.is_file() {
            files.push((name, path));
        } else {
            let at = path.display().to_string();
            return Err(Error::invalid(
                "data set",
                at,
                "files and folders",
                "a link or a device",
            ));
        }
    }
    Ok(())
}
