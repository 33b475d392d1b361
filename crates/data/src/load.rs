//! Data sets by name.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use cortado::{Error, Result};
use cortado_events::transform::Pipeline;

use crate::cache::Cache;
use crate::recordings::Changes;
use crate::{Split, braille, digits, ecg, eprop, fsdd, idx, ntidigits, recordings, shd, yin_yang};

/// The names that [`load`] knows.
pub const NAMES: [&str; 13] = [
    "digits",
    "digits-ordered",
    "mnist",
    "fashion-mnist",
    "yin-yang",
    "sines",
    "evidence",
    "fsdd",
    "braille",
    "ecg",
    "ntidigits",
    "shd",
    "ssc",
];

/// Loads the data set `name`, from a folder of that name in `folder` where it is not built in.
///
/// `mnist` and `fashion-mnist` are the four IDX files under their usual names, `train-images-idx3-ubyte`
/// and so on, with or without `.gz`; the name without comes first. `yin-yang` has the seed
/// [`yin_yang::SEED`], `sines` and `evidence` have [`eprop::SEED`]. Any other name is that of a folder of recordings of events ([`recordings::load`]).
///
/// # Shapes
/// Samples `[1, 8, 8]` (digits), `[1, 28, 28]` (mnist, fashion-mnist) or `[4]` (yin-yang); signals of 1 channel (fsdd, ecg)
/// or 12 (braille); spikes of 700 channels (shd, ssc), 64
/// (ntidigits), 100 (sines) or 40 (evidence), or of `[2, rows, columns]` (recordings).
///
/// # Errors
/// An unknown name, a missing file, or a file that its reader refuses.
///
/// ```
/// let split = cortado_data::load("yin-yang", std::path::Path::new("nowhere"))?;
/// assert_eq!(split.train.len(), 5000);
/// # Ok::<(), cortado::Error>(())
/// ```
pub fn load(name: &str, folder: &Path) -> Result<Split> {
    load_split(name, folder, "")
}

/// As [`load`], cut into training and test as `split` says; as usual if that is empty.
///
/// `fsdd` knows `official` and the speakers to leave out ([`fsdd::load`]), `braille` numbers of random splits, 0 being the usual
/// one ([`braille::load`]), `shd` and `ssc` what [`shd::load`] says, `ntidigits` `official`.
///
/// # Errors
/// As [`load`]; a split that the data set does not have.
pub fn load_split(name: &str, folder: &Path, split: &str) -> Result<Split> {
    load_changed(name, folder, split, &Pipeline::default(), 0)
}

/// As [`load_split`], each recording of events changed by `transforms` once, random ones drawn under `seed`.
///
/// Recordings that were decoded and changed before come from [`Cache::from_env`].
///
/// # Errors
/// As [`load_split`]; a limit of the cache that is no size; transforms where there are no recordings, or of which the last gives no events.
pub fn load_changed(
    name: &str,
    folder: &Path,
    split: &str,
    transforms: &Pipeline,
    seed: u64,
) -> Result<Split> {
    let recordings = !NAMES.contains(&name) && folder.join(name).is_dir();
    if !transforms.0.is_empty() && !recordings {
        let expected = "none, as the data set has no recordings of events";
        return Err(Error::invalid(
            "transforms",
            name,
            expected,
            transforms.0.len(),
        ));
    }
    if recordings {
        let changes = Changes {
            transforms,
            seed,
            cache: &Cache::from_env()?,
        };
        return recordings::load(name, &folder.join(name), split, &changes);
    }
    let or = |usual| if split.is_empty() { usual } else { split };
    let needs: &[&str] = match name {
        "fsdd" => &["recordings", "recordings.tar.gz"],
        "braille" => &["braille.npz"],
        "ecg" => &["100.hea"],
        "ntidigits" => &["n-tidigits.hdf5"],
        "shd" => &["shd_train.h5"],
        "ssc" => &["ssc_train.h5"],
        _ => &[],
    };
    let there = |file: &&str| folder.join(name).join(file).exists();
    if !needs.is_empty() && !needs.iter().any(there) {
        return Err(missing(name, &folder.join(name), &needs.join(" or ")));
    }
    match name {
        "fsdd" => return fsdd::load(&folder.join(name), or("official")),
        "braille" => return braille::load(&folder.join(name), or("0")),
        "ntidigits" => return ntidigits::load(&folder.join(name), or("official")),
        "shd" | "ssc" => return shd::load(name, &folder.join(name), or("official")),
        _ if !split.is_empty() => {
            let expected = "none: the data set comes with one";
            return Err(Error::invalid(
                "split",
                name,
                expected,
                format!("'{split}'"),
            ));
        }
        _ => {}
    }
    match name {
        "digits" => digits::interleaved(),
        "digits-ordered" => digits::ordered(),
        "mnist" | "fashion-mnist" => load_idx(name, &folder.join(name)),
        "ecg" => ecg::load(&folder.join(name)),
        "yin-yang" => yin_yang::generate(yin_yang::SEED),
        "sines" => eprop::sines(eprop::SEED),
        "evidence" => eprop::evidence(eprop::SEED),
        _ => Err(Error::invalid(
            "data set",
            "its name",
            format!(
                "one of {}, or a folder of recordings in {}",
                NAMES.join(", "),
                folder.display()
            ),
            format!("'{name}'"),
        )),
    }
}

/// The folder of the data sets: the environment variable `CORTADO_DATA`, or else `../shared/data`.
pub fn default_folder() -> PathBuf {
    folder_from(std::env::var_os("CORTADO_DATA"))
}

fn folder_from(variable: Option<OsString>) -> PathBuf {
    variable
        .filter(|v| !v.is_empty())
        .map_or_else(|| "../shared/data".into(), PathBuf::from)
}

fn load_idx(name: &str, folder: &Path) -> Result<Split> {
    let part = |prefix: &str| {
        let images = find(name, folder, &format!("{prefix}-images-idx3-ubyte"))?;
        let labels = find(name, folder, &format!("{prefix}-labels-idx1-ubyte"))?;
        idx::read(&images, &labels, 10)
    };
    let (train, test) = (part("train")?, part("t10k")?);
    if train.shape != test.shape {
        return Err(Error::invalid(
            "shape of the test images",
            folder.display().to_string(),
            format!("{:?} as in training", train.shape),
            format!("{:?}", test.shape),
        ));
    }
    Ok(Split {
        name: name.into(),
        train,
        test,
    })
}

/// `file` in `folder`, with or without `.gz`.
fn find(name: &str, folder: &Path, file: &str) -> Result<PathBuf> {
    [file.to_string(), format!("{file}.gz")]
        .iter()
        .map(|candidate| folder.join(candidate))
        .find(|path| path.exists())
        .ok_or_else(|| missing(name, folder, &format!("{file} or {file}.gz")))
}

/// A data set that is not where it was looked for, and what can be done.
fn missing(name: &str, folder: &Path, files: &str) -> Error {
    let expected = format!(
        "{files} (CORTADO_DATA or --set data.folder= names the folder that holds the folder {name}; \
         'cortado data list' says what can be downloaded)"
    );
    Error::invalid(
        "data set",
        format!("{} ({name})", folder.display()),
        expected,
        "no such file",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_names_the_folder_unless_empty() {
        assert_eq!(
            folder_from(Some("elsewhere".into())),
            Path::new("elsewhere")
        );
        assert_eq!(folder_from(Some("".into())), Path::new("../shared/data"));
        assert_eq!(folder_from(None), Path::new("../shared/data"));
    }
}
