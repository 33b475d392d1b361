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
//! entries = 100                       # at most so many
//! bytes = 20_000_000                  # and so many bytes
//! checksum = "unknown"                # of what was unpacked, see [`crate::hash::of_tree`]
//! ```

use std::collections::BTreeSet;
use std::path::Path;

use cortado::{Error, Result};
use serde::Deserialize;

use crate::hash::Checksum;
use crate::unpack::{self, Format};

/// Manifests built in, by name.
const BUILT_IN: [(&str, &str); 8] = [
    (
        "fashion-mnist",
        include_str!("../manifests/fashion-mnist.toml"),
    ),
    ("fsdd", include_str!("../manifests/fsdd.toml")),
    ("mnist", include_str!("../manifests/mnist.toml")),
    (
        "n-caltech101",
        include_str!("../manifests/n-caltech101.toml"),
    ),
    ("n-mnist", include_str!("../manifests/n-mnist.toml")),
    ("shd", include_str!("../manifests/shd.toml")),
    ("ssc", include_str!("../manifests/ssc.toml")),
    ("yin-yang", include_str!("../manifests/yin-yang.toml")),
];

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
    /// The files.
    #[serde(rename = "file")]
    pub files: Vec<Source>,
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
    /// twice, an address that is not `http` or `https`, no address at all, a file without exactly one of
    /// `size` and `max`, an ending that cannot be unpacked.
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
            if urls.is_empty() {
                return wrong(
                    "mirrors, or urls of every file",
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
            Some(Format::Gz) if unpack.strip > 0 => Err(Error::invalid(
                "strip",
                at,
                "0 for a single file in .gz",
                unpack.strip,
            )),
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
