//! Manifests: those built in against the real files, and those that are refused.

mod common;

use common::real_data;
use cortado_data::Manifest;
use cortado_data::fetch::{self, Checked, State};
use cortado_data::hash::{self, Checksum};

#[test]
fn built_in_manifests_are_sound_and_their_sources_are_known() {
    let refs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/refs.bib"))
        .unwrap();
    for name in Manifest::names() {
        let manifest = Manifest::built_in(name).unwrap();
        assert_eq!(manifest.name, name);
        assert!(!manifest.cite.is_empty() && !manifest.licence.is_empty());
        for key in &manifest.cite {
            assert!(
                refs.contains(&format!("{{{key},")),
                "{name}: {key} in refs.bib"
            );
        }
        // Of what a person fetches, and of what lies in one place only, no more is published.
        let known = manifest.manual.is_none() && name != "dsec";
        for file in manifest.files.iter().filter(|_| known) {
            assert!(
                file.addresses(&manifest.mirrors).len() > 1,
                "{name}: {} has mirrors",
                file.name
            );
            // Somewhere something is known about the bytes.
            let inside = file.unpack.as_ref().map(|u| &u.checksum);
            let sums = [Some(&file.checksum), inside];
            assert!(
                sums.into_iter().flatten().any(|c| *c != Checksum::Unknown),
                "{name}"
            );
        }
    }
}

#[test]
fn the_real_files_are_those_of_the_manifests() {
    for name in ["mnist", "fashion-mnist", "yin-yang"] {
        let Some(folder) = real_data(name) else {
            continue;
        };
        let manifest = Manifest::built_in(name).unwrap();
        assert!(fetch::present(&manifest, &folder));
        for ((name, state), file) in fetch::check(&manifest, &folder)
            .unwrap()
            .iter()
            .zip(&manifest.files)
        {
            let bytes = file.size.unwrap();
            let right = State::There {
                bytes,
                checked: Checked::Sha256,
            };
            assert_eq!(*state, right, "{name}");
        }
    }
}

/// The recordings of our archive are those that the manifest expects of the public one.
#[test]
fn the_recordings_sum_up_to_what_the_manifest_says() {
    let Some(root) = real_data("fsdd") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let manifest = Manifest::built_in("fsdd").unwrap();
    let plan = manifest.files[0].unpack.clone().unwrap();
    let plan = cortado_data::manifest::Unpack { strip: 0, ..plan };
    let archive = root.join("fsdd/recordings.tar.gz");
    let (sums, files) = cortado_data::unpack::unpack(&archive, dir.path(), &plan).unwrap();
    assert_eq!((files, sums.bytes), (3000, 21_128_848));
    assert_eq!(
        hash::of_tree(&dir.path().join("recordings")).unwrap(),
        (sums, 3000)
    );
}

#[test]
fn manifests_that_make_no_sense_are_refused_with_the_reason() {
    let good = "name = 'tiny'\nabout = ''\nlicence = 'CC0'\npage = ''\nmirrors = ['http://h/d']\n\
                [[file]]\nname = 'a.zip'\nsize = 5\nchecksum = 'unknown'\n\
                [file.unpack]\ntake = 'a'\nentries = 1\nbytes = 9\nchecksum = 'unknown'\n";
    Manifest::parse(good, "test").unwrap();
    let cases = [
        ("name = 'tiny'", "name = '../up'", "one name"),
        ("name = 'tiny'", "name = '.hidden'", "one name"),
        ("name = 'a.zip'", "name = '/etc/a.zip'", "one name"),
        ("name = 'a.zip'", "name = 'a.part'", "one name"),
        ("name = 'a.zip'", "name = 'a.npy'", ".tar.gz"),
        ("take = 'a'", "take = 'a/b'", "one name"),
        ("take = 'a'", "take = '..'", "one name"),
        ("take = 'a'", "take = 'a.zip'", "another name"),
        ("size = 5", "size = 5\nmax = 6", "either size or max"),
        ("size = 5", "", "either size or max"),
        ("size = 5", "size = -5", "manifest"),
        ("checksum = 'unknown'", "", "checksum"),
        (
            "checksum = 'unknown'",
            "checksum = 'sha256:12'",
            "64 hexadecimal",
        ),
        ("['http://h/d']", "['file:///etc']", "http"),
        ("['http://h/d']", "[]", "mirrors"),
        ("licence = 'CC0'", "", "licence"),
        ("entries = 1", "entries = 1\nsymlinks = true", "symlinks"),
        (
            "licence = 'CC0'",
            "licence = ''\nmanual = 'click'",
            "either manual or",
        ),
        (
            "licence = 'CC0'",
            "licence = ''\ngeometry = [34, 0]",
            "at least 1 by 1",
        ),
        (
            "licence = 'CC0'",
            "licence = ''\ngeometry = [34]",
            "geometry",
        ),
        (
            "licence = 'CC0'",
            "licence = ''\nclasses = []",
            "classes, each once",
        ),
        (
            "licence = 'CC0'",
            "licence = ''\nclasses = 0",
            "classes, each once",
        ),
        (
            "licence = 'CC0'",
            "licence = ''\nclasses = ['a', 'a']",
            "classes, each once",
        ),
        (
            "[[file]]",
            "[[file]]\nname = 'A'\nsize = 1\nchecksum = 'unknown'\n[[file]]",
            "differ",
        ),
    ];
    for (from, to, word) in cases {
        assert!(good.contains(from), "{from}");
        let text = good.replacen(from, to, 1);
        let error = Manifest::parse(&text, "test").unwrap_err().to_string();
        assert!(error.contains(word), "{to}: {word} in {error}");
    }
    assert!(
        Manifest::find("nope")
            .unwrap_err()
            .to_string()
            .contains("fashion-mnist, fsdd, mnist, mvsec")
    );
    assert!(
        Manifest::find("nowhere/nope.toml")
            .unwrap_err()
            .to_string()
            .contains("cannot read")
    );
}

/// The table of the book has every set of events with its sensor and number of classes.
#[test]
fn the_book_says_what_the_manifests_say() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/book/datasets.md");
    let page = std::fs::read_to_string(page).unwrap();
    let others = ["fashion-mnist", "fsdd", "mnist", "yin-yang"];
    for name in Manifest::names().filter(|n| !others.contains(n)) {
        let manifest = Manifest::built_in(name).unwrap();
        let row = page
            .lines()
            .find(|l| l.starts_with(&format!("| `{name}` |")));
        let cells: Vec<&str> = row.unwrap_or(name).split('|').map(str::trim).collect();
        let sensor = manifest.geometry.map(|[w, h]| format!("{w}x{h}"));
        assert_eq!(cells[3], sensor.as_deref().unwrap_or("12 taxels"), "{name}");
        let classes = manifest
            .classes
            .map_or("-".into(), |c| c.count().to_string());
        assert_eq!(cells[4], classes, "{name}");
        let way = if manifest.manual.is_some() {
            "by hand"
        } else {
            "get"
        };
        assert!(cells[7].starts_with(way), "{name}: {}", cells[7]);
        let stated = cells[6].trim_end_matches("-commercial");
        assert!(manifest.licence.starts_with(stated), "{name}: {}", cells[6]);
        assert!(
            manifest.cite.iter().all(|key| cells[2].contains(key)),
            "{name}"
        );
    }
}
