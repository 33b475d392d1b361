//! Manifests: what a public data set consists of, where it lies, and how it is recognised.
//!
//! A manifest is a TOML file. Eight are built in ([`Manifest::names`]); `cortado data get` also takes one of
//! the user's own:
//!
//! ```toml
//! name = "tiny"                       # and the folder's name
//! about = "Ten images, two classes"
//! licence = "CC0 1.0"
//! cite = ["lecun1998"]                # keys of docs/refs.bib
//! page = "https://example.org/tiny"
//! mirrors = ["https://example.org/tiny", "https://example.com/mirror"]
//! geometry = [34, 34]                 # columns and rows of the sensor, if there is one
//! classes = ["cat", "dog"]            # names in the order of the labels, or only their number
//! columns = "txyp"                    # of recordings that are arrays without names, if there are such
//!
//! [[file]]
//! name = "images.bin.gz"              # at the mirrors and in the folder
//! size = 1234                         # bytes; or `max`, where only an upper bound is known
//! checksum = "sha256:<64 hex digits>" # or "md5:<32 hex digits>", or "unknown"
//!
//! [[file]]
//! name = "sounds.tar.gz"
//! max = 5_000_000
//! checksum = "unknown"
//!
//! [file.unpack]                       # .tar.gz, .zip or .gz
//! strip = 1                           # leading folders that fall off every path
//! take = "sounds"                     # the file or folder that is wanted, under the name it gets
//! # whole = true                      # or all that is in it, in a new folder of that name
//! entries = 100                       # at most so many
//! bytes = 20_000_000                  # and so many bytes
//! checksum = "unknown"                # of what was unpacked, see [`crate::hash::of_tree`]
//! ```
//!
//! What no program can fetch has in place of addresses `manual = "..."`, what a person has to do; `cortado data get` says it,
//! or checks and unpacks what is there.

use std::collections::BTreeSet;
use std::path::Path;

use cortado::{Error, Result};
use serde::Deserialize;

use crate::hash::Checksum;
use crate::unpack::{self, Format};

macro_rules! built_in {
    ($($name:literal)*) => {
        /// Manifests built in, by name.
        const BUILT_IN: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../manifests/", $name, ".toml")))),*];
    };
}

built_in! {
    "asl-dvs"
    "braille"
    "cifar10-dvs"
    "dsec"
    "dvs-gesture"
    "dvs-lip"
    "fashion-mnist"
    "fsdd"
    "mnist"
    "mvsec"
    "n-caltech101"
    "n-cars"
    "n-mnist"
    "ntidigits"
    "poker-dvs"
    "shd"
    "ssc"
    "yin-yang"
}

/// No manifest of a user may be longer, in bytes.
const LONGEST: u64 = 1 << 20;

/// What a public data set consists of and where it lies.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Name of the data set and of its folder in the data folder.
    pub name: String,
    /// One line for people.
    pub about: String,
    /// Licence of the data.
    pub licence: String,
    /// Keys of `docs/refs.bib`.
    #[serde(default)]
    pub cite: Vec<String>,
    /// Page of the authors.
    pub page: String,
    /// Addresses of folders that hold the files, the first one first.
    #[serde(default)]
    pub mirrors: Vec<String>,
    /// What a person has to do, where no program can fetch the files; then there are no addresses.
    pub manual: Option<String>,
    /// Columns and rows of the sensor; channels and 1 where it is a line of them.
    pub geometry: Option<[u16; 2]>,
    /// The classes, where samples have one.
    pub classes: Option<Classes>,
    /// What the columns of recordings without names are, a letter for each: `t`, `x`, `y`, `p`, or `_` for none of them.
    pub columns: Option<String>,
    /// The files.
    #[serde(rename = "file")]
    pub files: Vec<Source>,
}

/// What the classes of a data set are.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(untagged)]
pub enum Classes {
    /// So many.
    Number(u32),
    /// These, in the order of their labels.
    Names(Vec<String>),
}

impl Classes {
    /// How many there are.
    ///
    /// ```
    /// let set = cortado_data::Manifest::built_in("n-caltech101")?;
    /// assert_eq!(set.classes.map(|c| c.count()), Some(101));
    /// assert_eq!(set.geometry, Some([240, 180]));
    /// # Ok::<(), cortado::Error>(())
    /// ```
    pub fn count(&self) -> usize {
        match self {
            Self::Number(n) => *n as usize,
            Self::Names(names) => names.len(),
        }
    }

    /// Their names, where they are known.
    pub fn names(&self) -> Option<&[String]> {
        match self {
            Self::Number(_) => None,
            Self::Names(names) => Some(names),
        }
    }
}

/// One file of a data set.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Name at the mirrors and in the folder of the data set.
    pub name: String,
    /// Length in bytes, where it is known.
    pub size: Option<u64>,
    /// No file longer than this is accepted, where the length is not known.
    pub max: Option<u64>,
    /// What its bytes sum up to, or that nobody knows.
    pub checksum: Checksum,
    /// Whole addresses of this file, tried before the manifest's mirrors.
    #[serde(default)]
    pub urls: Vec<String>,
    /// How it is unpacked; a file without this stays as it is.
    pub unpack: Option<Unpack>,
}

/// How an archive becomes a file or a folder of the data set.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Unpack {
    /// Number of leading folders that fall off every path of the archive.
    #[serde(default)]
    pub strip: usize,
    /// The file or folder of the archive that is kept, by the name that it has then and gets.
    pub take: String,
    /// Whether all of the archive is kept, in a new folder of the name `take`.
    #[serde(default)]
    pub whole: bool,
    /// Most entries that the archive may have.
    pub entries: u64,
    /// Most bytes that all its files may have together.
    pub bytes: u64,
    /// What the unpacked file or folder sums up to, or that nobody knows.
    pub checksum: Checksum,
}

impl Source {
    /// No more bytes than this are taken: the length, or its bound.
    pub fn limit(&self) -> u64 {
        self.size.or(self.max).unwrap_or(0)
    }

    /// Name of what a user finds in the folder when everything is done.
    pub fn target(&self) -> &str {
        self.unpack.as_ref().map_or(&self.name, |u| &u.take)
    }

    /// Every address of the file, in the order in which they are tried.
    ///
    /// ```
    /// let m = cortado_data::Manifest::built_in("mnist")?;
    /// let urls = m.files[0].addresses(&["http://localhost/d/".into()]);
    /// assert_eq!(urls, ["http://localhost/d/train-images-idx3-ubyte.gz"]);
    /// # Ok::<(), cortado::Error>(())
    /// ```
    pub fn addresses(&self, mirrors: &[String]) -> Vec<String> {
        let joined = |base: &String| format!("{}/{}", base.trim_end_matches('/'), self.name);
        let mut all = self.urls.clone();
        all.extend(mirrors.iter().map(joined));
        all
    }
}

impl Manifest {
    /// Names of the manifests that are built in.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _)| *name)
    }

    /// The built-in manifest `name`.
    ///
    /// # Errors
    /// An unknown name.
    ///
    /// ```
    /// let mnist = cortado_data::Manifest::built_in("mnist")?;
    /// let sizes: u64 = mnist.files.iter().filter_map(|f| f.size).sum();
    /// assert_eq!((mnist.files.len(), sizes), (4, 11_594_722));
    /// # Ok::<(), cortado::Error>(())
    /// ```
    pub fn built_in(name: &str) -> Result<Self> {
        let found = BUILT_IN.iter().find(|(known, _)| *known == name);
        let (name, text) = found.ok_or_else(|| {
            let names: Vec<_> = Self::names().collect();
            let expected = format!("one of {}, or a path that ends in .toml", names.join(", "));
            Error::invalid("data set", "its name", expected, format!("'{name}'"))
        })?;
        Self::parse(text, &format!("built-in manifest {name}"))
    }

    /// The built-in manifest of that name, or the file of that path where it ends in `.toml`.
    ///
    /// # Errors
    /// An unknown name, a file that cannot be read, and what [`Manifest::parse`] refuses.
    pub fn find(name_or_path: &str) -> Result<Self> {
        if !name_or_path.ends_with(".toml") {
            return Self::built_in(name_or_path);
        }
        let path = Path::new(name_or_path);
        let refused = |e| Error::io("cannot read", path, e);
        let length = path.metadata().map_err(refused)?.len();
        if length > LONGEST {
            let expected = format!("at most {LONGEST} bytes");
            return Err(Error::invalid("manifest", name_or_path, expected, length));
        }
        Self::parse(
            &std::fs::read_to_string(path).map_err(refused)?,
            name_or_path,
        )
    }

    /// Reads a manifest; `at` names it in errors.
    ///
    /// # Errors
    /// Text that is no TOML or lacks a key, a name that is not one plain component of a path or comes
    /// twice, an address that is not `http` or `https`, no address at all where a program is to fetch the files or one where a
    /// person is, a file without exactly one of `size` and `max`, an ending that cannot be unpacked, a sensor without
    /// pixels, no classes or one twice.
    pub fn parse(text: &str, at: &str) -> Result<Self> {
        let manifest: Self = toml::from_str(text).map_err(|e| {
            Error::invalid("manifest", at, "TOML as documented", e.to_string().trim())
        })?;
        manifest.validate(at)?;
        Ok(manifest)
    }

    fn validate(&self, at: &str) -> Result<()> {
        let wrong =
            |expected: &str, got: String| Err(Error::invalid("manifest", at, expected, got));
        plain("name of the data set", at, &self.name)?;
        if self.files.is_empty() {
            return wrong("at least one [[file]]", "none".into());
        }
        if let Some([width, height]) = self.geometry.filter(|g| g.contains(&0)) {
            return wrong(
                "geometry of at least 1 by 1",
                format!("{width} by {height}"),
            );
        }
        if let Some(classes) = &self.classes {
            let names = classes.names().unwrap_or_default();
            if classes.count() == 0 || BTreeSet::from_iter(names).len() < names.len() {
                return wrong("classes, each once", format!("{classes:?}"));
            }
        }
        let mut taken = BTreeSet::new();
        for file in &self.files {
            file.validate(at)?;
            let names = [file.name.to_lowercase(), file.target().to_lowercase()];
            for name in BTreeSet::from(names) {
                if !taken.insert(name) {
                    return wrong(
                        "names that differ, not only in case",
                        format!("'{}' twice", file.name),
                    );
                }
            }
            let urls = file.addresses(&self.mirrors);
            if self.manual.is_some() && !urls.is_empty() {
                return wrong(
                    "either manual or addresses",
                    format!("both for '{}'", file.name),
                );
            }
            if urls.is_empty() && self.manual.is_none() {
                return wrong(
                    "mirrors, or urls of every file, or manual",
                    format!("none for '{}'", file.name),
                );
            }
            if let Some(url) = urls.iter().find(|u| !is_web(u)) {
                return wrong(
                    "addresses that begin with http:// or https://",
                    format!("'{url}'"),
                );
            }
        }
        Ok(())
    }
}

impl Source {
    fn validate(&self, at: &str) -> Result<()> {
        let at = format!("{at}, file '{}'", self.name);
        plain("name of the file", &at, &self.name)?;
        if self.size.is_some() == self.max.is_some() {
            let got = if self.size.is_some() {
                "both"
            } else {
                "neither"
            };
            return Err(Error::invalid(
                "manifest",
                at,
                "either size or max, in bytes",
                got,
            ));
        }
        let Some(unpack) = &self.unpack else {
            return Ok(());
        };
        plain("take", &at, &unpack.take)?;
        if unpack.take == self.name {
            let expected = "another name than the archive's";
            return Err(Error::invalid(
                "take",
                at,
                expected,
                format!("'{}'", unpack.take),
            ));
        }
        match Format::of(&self.name) {
            None => {
                let expected = "a name that ends in .tar.gz, .tgz, .zip or .gz, to be unpacked";
                Err(Error::invalid("manifest", at, expected, &self.name))
            }
            Some(Format::Gz) if unpack.strip > 0 || unpack.whole => {
                let expected = "strip 0 and not whole for a single file in .gz";
                let got = format!("strip = {}, whole = {}", unpack.strip, unpack.whole);
                Err(Error::invalid("manifest", at, expected, got))
            }
            Some(_) => Ok(()),
        }
    }
}

/// Whether an address is one of the web.
pub(crate) fn is_web(address: &str) -> bool {
    address.starts_with("http://") || address.starts_with("https://")
}

/// Refuses a name that is not one plain component of a path, is hidden, or is one that a download leaves behind.
fn plain(what: &'static str, at: &str, name: &str) -> Result<()> {
    let parts = unpack::components(name.as_bytes());
    let whole = parts.is_ok_and(|p| p.len() == 1 && p.first().is_some_and(|p| p == name));
    if whole && !name.starts_with('.') && !name.ends_with(".part") && !name.ends_with(".part.from")
    {
        return Ok(());
    }
    let expected = "one name without a path, not hidden and not ending in .part";
    Err(Error::invalid(what, at, expected, format!("{name:?}")))
}
