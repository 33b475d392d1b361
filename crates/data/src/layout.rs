//! Where the recordings of a data set lie: folders of training and test, and in them a folder for each class.

use std::path::{Path, PathBuf};

use cortado_base::{Error, Result};

use crate::manifest::{Classes, Manifest};

/// Where there is no division into training and test, the test set is one in so many of a class.
const PARTS: usize = 10;
/// The list of recordings of DVS128 Gesture.
pub(crate) const TRIALS: &str = "trials_to_train.txt";

/// A recording of a data set.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub path: PathBuf,
    pub class: u32,
    pub test: bool,
}

/// What is in the folder of a data set.
pub(crate) struct Layout {
    /// Number of classes.
    pub classes: usize,
    /// Those of training first, each part in the order of paths.
    pub files: Vec<File>,
}

/// Finds the recordings in `root`; `known` is the manifest built in for this name.
pub(crate) fn find(
    name: &str,
    root: &Path,
    split: &str,
    known: Option<&Manifest>,
) -> Result<Layout> {
    let unknown = |expected: &str| Error::invalid("split", name, expected, format!("'{split}'"));
    let known = known.and_then(|m| m.classes.as_ref());
    let (classes, mut files) = match division(root)? {
        Some((train, test)) => {
            if !matches!(split, "" | "official") {
                return Err(unknown("official"));
            }
            let classes = classes(name, &train, known)?;
            // What is only in the test was never learned.
            self::classes(name, &test, Some(&Classes::Names(classes.clone())))?;
            let train = files(&train, &classes, &|_| false)?;
            let test = files(&test, &classes, &|_| true)?;
            (classes, [train, test].concat())
        }
        None => {
            let number = match split {
                "" => Some(PARTS - 1),
                number => number.parse().ok(),
            };
            let number = number
                .filter(|&n| n < PARTS)
                .ok_or_else(|| unknown("a number from 0 to 9"))?;
            let classes = classes(name, root, known)?;
            let all = files(root, &classes, &|i| i % PARTS == number)?;
            (classes, all)
        }
    };
    if files.is_empty() {
        let expected = "folders of recordings, one for each class";
        let at = root.display().to_string();
        return Err(Error::invalid("data set", at, expected, "none"));
    }
    files.sort_by(|a, b| (a.test, &a.path).cmp(&(b.test, &b.path)));
    let classes = known.map_or(classes.len(), Classes::count);
    Ok(Layout { classes, files })
}

/// `folder`, or the only folder in it if that holds folders in turn, as archives unpack.
pub(crate) fn root(folder: &Path) -> Result<PathBuf> {
    if let [only] = &folders(folder)?[..]
        && (only.join(TRIALS).is_file() || !folders(only)?.is_empty())
    {
        return Ok(only.clone());
    }
    Ok(folder.to_path_buf())
}

/// The folders of training and of test: `train` and `test` in any case, both alone or after the same beginning and `_` or `-`.
fn division(root: &Path) -> Result<Option<(PathBuf, PathBuf)>> {
    let all = folders(root)?;
    let beginning = |path: &Path, part: &str| {
        let name = name(path).to_lowercase();
        let before = name.strip_suffix(part)?;
        (before.is_empty() || before.ends_with(['_', '-'])).then(|| before.to_string())
    };
    let mut pairs = Vec::new();
    for train in &all {
        let Some(before) = beginning(train, "train") else {
            continue;
        };
        let same = |path: &&PathBuf| beginning(path, "test").as_ref() == Some(&before);
        pairs.extend(all.iter().find(same).map(|test| (before, train, test)));
    }
    // Nothing comes before any beginning.
    pairs.sort();
    match &pairs[..] {
        [] => Ok(None),
        [(before, train, test), others @ ..] if others.is_empty() || before.is_empty() => {
            Ok(Some((self::root(train)?, self::root(test)?)))
        }
        _ => {
            let found: Vec<String> = pairs.iter().map(|(_, train, _)| name(train)).collect();
            let at = root.display().to_string();
            let expected = "one pair of folders of training and test";
            Err(Error::invalid("data set", at, expected, found.join(", ")))
        }
    }
}

/// The classes in the order of their labels: those of the data set, or those for which there are folders, numbers in their
/// order or else names in theirs.
fn classes(name: &str, folder: &Path, known: Option<&Classes>) -> Result<Vec<String>> {
    let mut found: Vec<String> = folders(folder)?.iter().map(|p| self::name(p)).collect();
    found.sort_by_key(|n| (n.parse::<u64>().unwrap_or(u64::MAX), n.clone()));
    let at = || folder.display().to_string();
    match known {
        Some(Classes::Names(names)) => match found.iter().find(|f| !names.contains(f)) {
            Some(other) => {
                let expected = format!("folders of classes of {name}: {}", some(names));
                Err(Error::invalid(
                    "class",
                    at(),
                    expected,
                    format!("'{other}'"),
                ))
            }
            None => Ok(names.clone()),
        },
        Some(Classes::Number(n)) if found.len() > *n as usize => {
            let expected = format!("at most {n} folders, one for each class of {name}");
            Err(Error::invalid("classes", at(), expected, found.len()))
        }
        _ => Ok(found),
    }
}

/// The first few of many names.
fn some(names: &[String]) -> String {
    let first = &names[..names.len().min(12)];
    let more = if first.len() < names.len() {
        ", ..."
    } else {
        ""
    };
    format!("{}{more}", first.join(", "))
}

/// The files of all classes; `test` says which of a class are for the test.
fn files(folder: &Path, classes: &[String], test: &dyn Fn(usize) -> bool) -> Result<Vec<File>> {
    let mut all = Vec::new();
    for (class, name) in classes.iter().enumerate() {
        let folder = folder.join(name);
        if !folder.is_dir() {
            continue;
        }
        let paths = entries(&folder)?.into_iter().filter(|p| p.is_file());
        all.extend(paths.enumerate().map(|(i, path)| File {
            path,
            class: class as u32,
            test: test(i),
        }));
    }
    Ok(all)
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut all = entries(folder)?;
    all.retain(|p| p.is_dir());
    Ok(all)
}

/// What is in a folder, by name; hidden things are left out.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let refused = |e| Error::io("cannot read", folder, e);
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(refused)? {
        let path = entry.map_err(refused)?.path();
        if !name(&path).starts_with('.') {
            all.push(path);
        }
    }
    all.sort();
    Ok(all)
}
