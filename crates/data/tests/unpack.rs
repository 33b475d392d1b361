//! Archives from strangers: what is unpacked is inside the folder, whole, and no more than allowed.

mod common;

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use common::gzip;
use cortado_data::hash::{self, Checksum};
use cortado_data::manifest::Unpack;
use cortado_data::unpack::{components, unpack};
use proptest::prelude::*;
use tempfile::TempDir;
use zip::write::SimpleFileOptions;

fn plan(strip: usize, take: &str) -> Unpack {
    Unpack {
        strip,
        take: take.into(),
        whole: false,
        entries: 20,
        bytes: 10_000,
        checksum: Checksum::Unknown,
    }
}

/// One entry of a tar with whatever path, kind and link.
fn entry(path: &[u8], kind: u8, link: &[u8], data: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.as_mut_bytes()[..path.len()].copy_from_slice(path);
    header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link);
    header.set_entry_type(tar::EntryType::new(kind));
    header.set_mode(0o777);
    header.set_size(data.len() as u64);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn file(path: &str, data: &[u8]) -> Vec<u8> {
    entry(path.as_bytes(), b'0', b"", data)
}

fn tar_gz(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = entries.concat();
    bytes.extend([0; 1024]);
    gzip(&bytes)
}

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, data) in files {
        writer
            .start_file(*name, SimpleFileOptions::default())
            .unwrap();
        writer.write_all(data).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A folder with `data` inside, in a folder of its own so that what gets out of it is seen.
struct Place {
    outer: TempDir,
    data: PathBuf,
}

impl Place {
    fn new() -> Self {
        let outer = tempfile::tempdir().unwrap();
        let data = outer.path().join("deep/data");
        fs::create_dir_all(&data).unwrap();
        Self { outer, data }
    }

    fn archive(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.outer.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// All paths below, without the archives.
    fn everything(&self) -> Vec<String> {
        let mut all = Vec::new();
        walk(self.outer.path(), self.outer.path(), &mut all);
        all.sort();
        all
    }

    /// The archive is refused with this word, and leaves nothing.
    fn refuses(&self, name: &str, bytes: &[u8], plan: &Unpack, word: &str) {
        let before = self.everything();
        let error = unpack(&self.archive(name, bytes), &self.data, plan);
        let error = error.unwrap_err().to_string();
        assert!(error.contains(word), "{word} in {error}");
        assert_eq!(self.everything(), before, "{error}");
    }
}

fn walk(root: &Path, folder: &Path, all: &mut Vec<String>) {
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let archive = path.extension().is_some_and(|e| e == "gz" || e == "zip");
        if !archive {
            all.push(path.strip_prefix(root).unwrap().display().to_string());
        }
        if path.is_dir() {
            walk(root, &path, all);
        }
    }
}

#[test]
fn a_folder_of_a_tar_is_taken_under_its_own_name() {
    let (place, plan) = (Place::new(), plan(1, "sounds"));
    let long = "n".repeat(120);
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(3);
    header.set_cksum();
    builder
        .append_data(&mut header, format!("top/sounds/{long}"), &b"far"[..])
        .unwrap();
    let long_entry = builder.into_inner().unwrap();
    let bytes = tar_gz(&[
        entry(b"pax_global_header", b'g', b"", b"16 comment=abcd\n"),
        entry(b"top/", b'5', b"", b""),
        file("top/README", b"not wanted"),
        file("./top//sounds/b", b"second"),
        entry(b"top/sounds/sub/", b'5', b"", b""),
        file("top/sounds/sub/a", b"first"),
        long_entry[..long_entry.len() - 1024].to_vec(),
    ]);
    let archive = place.archive("a.tar.gz", &bytes);
    let (sums, files) = unpack(&archive, &place.data, &plan).unwrap();
    assert_eq!((sums.bytes, files), (14, 3));
    let sounds = place.data.join("sounds");
    assert_eq!(fs::read(sounds.join("b")).unwrap(), b"second");
    assert_eq!(fs::read(sounds.join("sub/a")).unwrap(), b"first");
    assert_eq!(fs::read(sounds.join(&long)).unwrap(), b"far");
    assert_eq!(place.data.read_dir().unwrap().count(), 1);
    // The listing as sha256sum would print it.
    let sum = |b: &[u8]| hash::of_bytes(b).sha256;
    let listing = format!(
        "{}  sounds/b\n{}  sounds/{long}\n{}  sounds/sub/a\n",
        sum(b"second"),
        sum(b"far"),
        sum(b"first")
    );
    assert_eq!(sums.sha256, sum(listing.as_bytes()));
    // Once more, over what is there, and with the sum known.
    let known = Unpack {
        checksum: Checksum::Sha256(sums.sha256.clone()),
        ..plan
    };
    fs::write(sounds.join("old"), b"").unwrap();
    assert_eq!(unpack(&archive, &place.data, &known).unwrap(), (sums, 3));
    assert!(!sounds.join("old").exists());
}

#[test]
fn a_file_of_a_zip_and_a_gz() {
    let place = Place::new();
    let bytes = zip(&[("x.h5", b"numbers"), ("__MACOSX/x.h5", b"?")]);
    let (sums, files) = unpack(
        &place.archive("x.zip", &bytes),
        &place.data,
        &plan(0, "x.h5"),
    )
    .unwrap();
    assert_eq!((sums.bytes, files), (7, 1));
    let archive = place.archive("y.bin.gz", &gzip(b"other numbers"));
    unpack(&archive, &place.data, &plan(0, "y.bin")).unwrap();
    assert_eq!(fs::read(place.data.join("x.h5")).unwrap(), b"numbers");
    assert_eq!(
        fs::read(place.data.join("y.bin")).unwrap(),
        b"other numbers"
    );
    assert_eq!(place.data.read_dir().unwrap().count(), 2);
}

#[test]
fn paths_that_leave_the_folder_are_refused() {
    let (place, plan) = (Place::new(), plan(0, "a"));
    for path in [
        "/absolute/a",
        "../a",
        "a/../../a",
        "a/..",
        "..",
        "a\\b",
        "C:a",
        "a/\u{1b}[2J",
    ] {
        let hostile = tar_gz(&[file("a/good", b"x"), file(path, b"x")]);
        place.refuses("t.tar.gz", &hostile, &plan, "plain files and folders");
        let hostile = zip(&[("a/good", b"x"), (path, b"x")]);
        place.refuses("t.zip", &hostile, &plan, "plain files and folders");
    }
    let hostile = tar_gz(&[entry(b"a/\xff", b'0', b"", b"x")]);
    place.refuses("t.tar.gz", &hostile, &plan, "UTF-8");
}

#[test]
fn links_and_devices_are_refused() {
    let (place, plan) = (Place::new(), plan(0, "a"));
    for kind in *b"12346S" {
        let hostile = tar_gz(&[entry(b"a/link", kind, b"../../secret", b"")]);
        let word = if kind == b'S' {
            "sparse"
        } else {
            "a link or a device"
        };
        place.refuses("t.tar.gz", &hostile, &plan, word);
    }
    // A link, and then a file through it.
    let hostile = tar_gz(&[entry(b"a", b'2', b"..", b""), file("a/x", b"x")]);
    place.refuses("t.tar.gz", &hostile, &plan, "a link or a device");
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer
        .add_symlink("a/link", "/etc/passwd", SimpleFileOptions::default())
        .unwrap();
    let hostile = writer.finish().unwrap().into_inner();
    place.refuses("t.zip", &hostile, &plan, "a link or a device");
}

#[test]
fn a_path_that_comes_twice_is_refused() {
    let (place, plan) = (Place::new(), plan(0, "a"));
    for twin in ["a/x", "./a//x"] {
        let hostile = tar_gz(&[file("a/x", b"1"), file(twin, b"2")]);
        place.refuses("t.tar.gz", &hostile, &plan, "comes twice");
    }
    // The writer refuses a second entry of the same name, so one of the same length is renamed.
    let mut hostile = zip(&[("a/x", b"1"), ("a/y", b"2")]);
    for i in 0..hostile.len() - 3 {
        if &hostile[i..i + 3] == b"a/y" {
            hostile[i + 2] = b'x';
        }
    }
    place.refuses("t.zip", &hostile, &plan, "twice");
}

#[test]
fn bombs_are_stopped_where_the_manifest_says() {
    let (place, plan) = (Place::new(), plan(0, "a"));
    let zeros = vec![0; 5_000_000];
    for path in ["a/x", "elsewhere"] {
        let hostile = tar_gz(&[file("a/y", b""), file(path, &zeros)]);
        place.refuses("t.tar.gz", &hostile, &plan, "at most 10000 bytes");
        place.refuses(
            "t.zip",
            &zip(&[(path, &zeros)]),
            &plan,
            "at most 10000 bytes",
        );
    }
    let a_gz = Unpack {
        take: "t".into(),
        ..plan.clone()
    };
    place.refuses("t.gz", &gzip(&zeros), &a_gz, "at most 10000 bytes");
    let parts: Vec<_> = (0..11)
        .map(|i| file(&format!("a/{i}"), &[1; 1000]))
        .collect();
    place.refuses("t.tar.gz", &tar_gz(&parts), &plan, "at most 10000 bytes");
    let many: Vec<_> = (0..21).map(|i| file(&format!("a/{i}"), b"")).collect();
    place.refuses("t.tar.gz", &tar_gz(&many), &plan, "at most 20 entries");
    // A name that is as long as memory, and zeros behind the end.
    let hostile = tar_gz(&[entry(b"././@LongLink", b'L', b"", &zeros), file("a/x", b"")]);
    place.refuses("t.tar.gz", &hostile, &plan, "archive");
    let mut hostile = file("a/x", b"");
    hostile.resize(5_000_000, 0);
    place.refuses("t.tar.gz", &gzip(&hostile), &plan, "at most 10000 bytes");
}

#[test]
fn what_is_damaged_cut_off_or_something_else_is_refused() {
    let (place, plan) = (Place::new(), plan(0, "a"));
    let whole = tar_gz(&[file("a/x", &[7; 3000]), file("a/y", &[8; 3000])]);
    for n in 0..whole.len() {
        place.refuses("t.tar.gz", &whole[..n], &plan, "archive");
    }
    let mut sum = whole.clone();
    let at = sum.len() - 8;
    sum[at] ^= 1;
    place.refuses("t.tar.gz", &sum, &plan, "archive");
    let whole = zip(&[("a/x", &[7; 3000])]);
    for n in 0..whole.len() {
        place.refuses("t.zip", &whole[..n], &plan, "archive");
    }
    for name in ["t.zip", "t.tar.gz"] {
        place.refuses(name, b"<html>not found</html>", &plan, "archive");
    }
    place.refuses("t.zip", &zip(&[("b", b"")]), &plan, "no such entry");
    let known = Checksum::Sha256("0".repeat(64));
    place.refuses(
        "t.zip",
        &whole,
        &Unpack {
            checksum: known,
            ..plan
        },
        "expected 'a' in it with sha256:0",
    );
}

#[test]
fn what_is_there_stays_when_an_archive_is_refused_and_a_killed_run_leaves_no_trace() {
    let (place, plan) = (Place::new(), plan(0, "a"));
    fs::create_dir(place.data.join("a")).unwrap();
    fs::write(place.data.join("a/mine"), b"mine").unwrap();
    place.refuses(
        "t.tar.gz",
        &tar_gz(&[file("a/x", b"1"), file("../x", b"")]),
        &plan,
        "'..'",
    );
    assert_eq!(fs::read(place.data.join("a/mine")).unwrap(), b"mine");
    fs::create_dir(place.data.join(".a.unpack")).unwrap();
    fs::write(place.data.join(".a.unpack/a"), b"half").unwrap();
    let archive = place.archive("t.tar.gz", &tar_gz(&[file("a/x", b"1")]));
    unpack(&archive, &place.data, &plan).unwrap();
    assert_eq!(
        place.everything(),
        ["deep", "deep/data", "deep/data/a", "deep/data/a/x"]
    );
}

/// Paths out of what makes trouble.
fn path() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "a", "b", "..", ".", "", "...", "a b", "ä", "C:", "\\", "\u{7f}",
    ]);
    prop::collection::vec(part, 1..6).prop_map(|parts| parts.join("/"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever a path is, its components are plain, and joined they are that path again.
    #[test]
    fn components_are_plain(bytes in prop::collection::vec(any::<u8>(), 0..40), path in path()) {
        for path in [&bytes[..], path.as_bytes()] {
            let Ok(parts) = components(path) else { continue };
            prop_assert!(!parts.is_empty());
            for part in &parts {
                prop_assert!(!part.contains(['/', '\\', ':', '\0']) && !["", ".", ".."].contains(&part.as_str()));
            }
            let joined = parts.join("/");
            prop_assert_eq!(components(joined.as_bytes()), Ok(parts.clone()));
            let walked: PathBuf = Path::new(std::str::from_utf8(path).unwrap()).components()
                .filter(|c| *c != std::path::Component::CurDir).collect();
            prop_assert_eq!(walked, PathBuf::from(joined));
        }
    }

    /// Archives with any paths write inside the target or nothing.
    #[test]
    fn nothing_gets_out(paths in prop::collection::vec(path(), 1..5), strip in 0usize..3) {
        let place = Place::new();
        let before = place.everything();
        let plan = plan(strip, "a");
        let files: Vec<_> = paths.iter().filter(|p| p.len() < 100).map(|p| file(p, b"x")).collect();
        let archive = place.archive("t.tar.gz", &tar_gz(&files));
        let done = unpack(&archive, &place.data, &plan);
        let after = place.everything();
        let new = after.iter().filter(|p| !before.contains(p));
        for path in new.clone() {
            let inside = path == "deep/data/a" || path.starts_with("deep/data/a/");
            prop_assert!(inside, "{} from {:?}", path, paths);
        }
        prop_assert_eq!(done.is_ok(), new.count() > 0);
    }

    /// Wrong bytes anywhere, and the archive is refused or gives the same file.
    #[test]
    fn wrong_bytes_are_seen(zipped: bool, wrong in prop::collection::vec(any::<(prop::sample::Index, u8)>(), 1..4)) {
        let place = Place::new();
        let data: Vec<u8> = (0..2000u32).map(|i| ((i * i) >> 5) as u8).collect();
        let (name, mut archive) = match zipped {
            true => ("t.zip", zip(&[("a/x", &data)])),
            false => ("t.tar.gz", tar_gz(&[file("a/x", &data)])),
        };
        for (at, to) in wrong {
            let at = at.index(archive.len());
            archive[at] = to;
        }
        let archive = place.archive(name, &archive);
        if unpack(&archive, &place.data, &plan(0, "a")).is_ok() {
            // A zip has no sum over its names.
            let path = place.data.join("a/x");
            prop_assert!(fs::read(&path).is_ok_and(|d| d == data) || zipped && !path.exists());
        }
    }
}

/// All of an archive in a new folder; its paths are looked at as always.
#[test]
fn the_whole_of_an_archive() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.zip");
    fs::write(&path, zip(&[("events.h5", b"one"), ("maps/m.h5", b"four")])).unwrap();
    let all = Unpack {
        whole: true,
        ..plan(0, "left")
    };
    let (sums, files) = unpack(&path, dir.path(), &all).unwrap();
    assert_eq!((sums.bytes, files), (7, 2));
    assert_eq!(
        fs::read(dir.path().join("left/maps/m.h5")).unwrap(),
        b"four"
    );
    fs::write(&path, zip(&[("../events.h5", b"one")])).unwrap();
    let e = unpack(&path, dir.path(), &all).unwrap_err().to_string();
    assert!(e.contains("a path with '..'"), "{e}");
    assert_eq!(fs::read(dir.path().join("left/events.h5")).unwrap(), b"one");
}
