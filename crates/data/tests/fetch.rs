//! Downloads from a server that is slow, breaks off, lies, or has something else.

mod common;

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use common::server::{Request, Server, good, send, serve};
use cortado_data::Manifest;
use cortado_data::fetch::{self, Checked, Event, Fetched, Options, State};
use cortado_data::hash;
use proptest::prelude::*;

/// Bytes without a pattern that a mistake in an offset would leave alone.
fn bytes(n: usize) -> Vec<u8> {
    (0..n as u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

fn options() -> Options {
    Options {
        connect: Duration::from_secs(20),
        read: Duration::from_secs(20),
        backoff: Duration::from_millis(1),
        proxy: false,
        ..Options::default()
    }
}

enum Known {
    Sum,
    SizeOnly,
    Nothing,
}

fn manifest(mirrors: &[&str], content: &[u8], known: Known) -> Manifest {
    let sum = hash::of_bytes(content).sha256;
    let (size, sum) = match known {
        Known::Sum => (format!("size = {}", content.len()), format!("sha256:{sum}")),
        Known::SizeOnly => (format!("size = {}", content.len()), "unknown".into()),
        Known::Nothing => ("max = 100000".into(), "unknown".into()),
    };
    let text = format!(
        "name = 'tiny'\nabout = ''\nlicence = 'CC0'\npage = ''\nmirrors = {mirrors:?}\n\
         [[file]]\nname = 'a.bin'\n{size}\nchecksum = '{sum}'\n"
    );
    Manifest::parse(&text, "test").unwrap()
}

fn get(manifest: &Manifest, folder: &Path, options: &Options) -> cortado::Result<Vec<Fetched>> {
    fetch::get(manifest, folder, options, &mut |_| {})
}

fn failure(manifest: &Manifest, folder: &Path) -> String {
    get(manifest, folder, &options()).unwrap_err().to_string()
}

/// The file is there with these bytes, and nothing of the download is left over.
fn whole(folder: &Path, content: &[u8]) {
    let folder = folder.join("tiny");
    assert!(fs::read(folder.join("a.bin")).unwrap() == content);
    for left in ["a.bin.part", "a.bin.part.from"] {
        assert!(!folder.join(left).exists(), "{left}");
    }
}

fn starts(server: &Server) -> Vec<Option<usize>> {
    server.requests().iter().map(Request::start).collect()
}

#[test]
fn a_good_server_and_what_is_reported() {
    let content = bytes(50_000);
    let (served, dir) = (content.clone(), tempfile::tempdir().unwrap());
    let server = Server::new(move |r, s| good(r, s, &served));
    let manifest = manifest(&[&server.url], &content, Known::Sum);
    let mut last = 0;
    let fetched = fetch::get(&manifest, dir.path(), &options(), &mut |event| {
        if let Event::Bytes { so_far } = event {
            assert!(so_far > last);
            last = so_far;
        }
    });
    let expected = Fetched {
        name: "a.bin".into(),
        bytes: 50_000,
        from: Some(format!("{}/a.bin", server.url)),
        checked: Checked::Sha256,
    };
    assert_eq!((fetched.unwrap(), last), (vec![expected.clone()], 50_000));
    whole(dir.path(), &content);
    assert_eq!(
        server.requests()[0].header("accept-encoding"),
        Some("identity")
    );
    let again = get(&manifest, dir.path(), &options()).unwrap();
    assert_eq!(
        again,
        [Fetched {
            from: None,
            ..expected
        }]
    );
    assert_eq!(
        server.requests().len(),
        1,
        "what is there is not asked for again"
    );
}

#[test]
fn a_slow_server_is_waited_for_as_long_as_it_sends() {
    let content = bytes(40_000);
    let (served, dir) = (content.clone(), tempfile::tempdir().unwrap());
    let pause = Duration::from_millis(50);
    let server = Server::new(move |r, s| serve(r, s, &served, usize::MAX, pause));
    // All of it takes longer than the longest silence.
    let read = Duration::from_millis(1500);
    let options = Options { read, ..options() };
    get(
        &manifest(&[&server.url], &content, Known::Sum),
        dir.path(),
        &options,
    )
    .unwrap();
    whole(dir.path(), &content);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_server_that_cuts_off_is_asked_for_the_rest() {
    for known in [Known::Sum, Known::SizeOnly, Known::Nothing] {
        let content = bytes(50_000);
        let (served, dir) = (content.clone(), tempfile::tempdir().unwrap());
        let server = Server::new(move |r, s| serve(r, s, &served, 9000, Duration::ZERO));
        get(
            &manifest(&[&server.url], &content, known),
            dir.path(),
            &options(),
        )
        .unwrap();
        whole(dir.path(), &content);
        let starts = starts(&server);
        assert!(starts.len() > 5 && starts[0].is_none(), "{starts:?}");
        assert!(
            starts.windows(2).all(|w| w[0] < w[1]),
            "every try goes on: {starts:?}"
        );
        let requests = server.requests();
        assert_eq!(requests[1].header("if-range"), Some("\"v1\""));
    }
}

#[test]
fn a_part_of_an_earlier_run_goes_on() {
    let content = bytes(50_000);
    let (served, dir) = (content.clone(), tempfile::tempdir().unwrap());
    // The first request breaks off and the second finds nobody: the run ends with a part.
    let server = Server::new(move |r, s| match r.earlier {
        0 => serve(r, s, &served, 20_000, Duration::ZERO),
        1 => send(s, "404 Not Found", "Content-Length: 0\r\n", b""),
        _ => good(r, s, &served),
    });
    let manifest = manifest(&[&server.url], &content, Known::Nothing);
    let error = failure(&manifest, dir.path());
    assert!(error.contains("status 404"), "{error}");
    let part = fs::read(dir.path().join("tiny/a.bin.part")).unwrap();
    assert!(
        !part.is_empty() && content.starts_with(&part),
        "{}",
        part.len()
    );
    let states = fetch::check(&manifest, dir.path()).unwrap();
    let arrived = part.len() as u64;
    assert_eq!(states, [("a.bin".to_string(), State::Absent { arrived })]);
    get(&manifest, dir.path(), &options()).unwrap();
    whole(dir.path(), &content);
    assert_eq!(starts(&server)[2], Some(part.len()));
}

#[test]
fn a_part_whose_file_has_changed_starts_again() {
    let content = bytes(50_000);
    let (served, dir) = (content.clone(), tempfile::tempdir().unwrap());
    let server = Server::new(move |r, s| good(r, s, &served));
    let folder = dir.path().join("tiny");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("a.bin.part"), [7; 1234]).unwrap();
    let from = format!(
        "{{\"url\":\"{}/a.bin\",\"validator\":\"\\\"v0\\\"\"}}",
        server.url
    );
    fs::write(folder.join("a.bin.part.from"), from).unwrap();
    get(
        &manifest(&[&server.url], &content, Known::Nothing),
        dir.path(),
        &options(),
    )
    .unwrap();
    whole(dir.path(), &content);
    let requests = server.requests();
    assert_eq!((requests.len(), requests[0].start()), (1, Some(1234)));
    assert_eq!(requests[0].header("if-range"), Some("\"v0\""));
}

#[test]
fn wrong_bytes_at_the_front_of_a_part_do_not_spoil_a_good_mirror() {
    let content = bytes(50_000);
    let (served, dir) = (content.clone(), tempfile::tempdir().unwrap());
    let bad = Server::new(|r, s| match r.earlier {
        0 => serve(r, s, &[1; 50_000], 20_000, Duration::ZERO),
        _ => send(s, "404 Not Found", "Content-Length: 0\r\n", b""),
    });
    let server = Server::new(move |r, s| good(r, s, &served));
    get(
        &manifest(&[&bad.url, &server.url], &content, Known::Sum),
        dir.path(),
        &options(),
    )
    .unwrap();
    whole(dir.path(), &content);
    let starts = starts(&server);
    assert!(
        starts.len() == 2 && starts[0].is_some() && starts[1].is_none(),
        "{starts:?}"
    );
}

#[test]
fn a_server_that_ignores_ranges_starts_again_from_zero() {
    let content = bytes(50_000);
    let (served, dir) = (content.clone(), tempfile::tempdir().unwrap());
    let server = Server::new(move |r, s| {
        let most = if r.earlier == 0 { 20_000 } else { 50_000 };
        let length = "Content-Length: 50000\r\n";
        send(s, "200 OK", length, &served[..most]);
    });
    get(
        &manifest(&[&server.url], &content, Known::Sum),
        dir.path(),
        &options(),
    )
    .unwrap();
    whole(dir.path(), &content);
    assert!(starts(&server)[1].is_some());
}

#[test]
fn a_range_that_was_not_asked_for_is_refused() {
    let content = bytes(5000);
    let (served, dir) = (content.clone(), tempfile::tempdir().unwrap());
    let server = Server::new(move |r, s| match r.earlier {
        0 => serve(r, s, &served, 2000, Duration::ZERO),
        _ => {
            let headers = "Content-Length: 5000\r\nContent-Range: bytes 0-4999/5000\r\n";
            send(s, "206 Partial Content", headers, &served);
        }
    });
    let error = failure(&manifest(&[&server.url], &content, Known::Sum), dir.path());
    assert!(error.contains("a range from byte"), "{error}");
}

#[test]
fn a_length_that_is_too_long_ends_in_416_and_the_file_is_whole() {
    let content = bytes(5000);
    let (served, dir) = (content.clone(), tempfile::tempdir().unwrap());
    let server = Server::new(move |r, s| match r.start() {
        None => send(
            s,
            "200 OK",
            "Content-Length: 9000\r\nETag: \"v1\"\r\n",
            &served,
        ),
        Some(_) => good(r, s, &served),
    });
    get(
        &manifest(&[&server.url], &content, Known::Nothing),
        dir.path(),
        &options(),
    )
    .unwrap();
    whole(dir.path(), &content);
    assert_eq!(starts(&server), [None, Some(5000)]);
}

#[test]
fn a_416_without_sense_starts_again() {
    let content = bytes(5000);
    let (served, dir) = (content.clone(), tempfile::tempdir().unwrap());
    let server = Server::new(move |r, s| match r.earlier {
        0 => serve(r, s, &served, 2000, Duration::ZERO),
        1 => send(
            s,
            "416 Range Not Satisfiable",
            "Content-Range: bytes */77\r\n",
            b"",
        ),
        _ => good(r, s, &served),
    });
    get(
        &manifest(&[&server.url], &content, Known::Sum),
        dir.path(),
        &options(),
    )
    .unwrap();
    whole(dir.path(), &content);
    assert_eq!(starts(&server)[2], None);
}

#[test]
fn a_length_other_than_the_manifests_is_refused_before_a_byte_is_kept() {
    let content = bytes(5000);
    for length in [10, 4999, 5001, usize::MAX] {
        let (served, dir) = (content.clone(), tempfile::tempdir().unwrap());
        let server = Server::new(move |_, s| {
            send(
                s,
                "200 OK",
                &format!("Content-Length: {length}\r\n"),
                &served,
            );
        });
        let error = failure(&manifest(&[&server.url], &content, Known::Sum), dir.path());
        assert!(
            error.contains(&format!("expected 5000 bytes, got {length}")),
            "{error}"
        );
        let part = dir.path().join("tiny/a.bin.part");
        assert!(!part.exists());
    }
}

#[test]
fn more_than_the_limit_is_not_taken_where_no_length_is_said() {
    let (content, dir) = (bytes(5000), tempfile::tempdir().unwrap());
    let server = Server::new(|_, s: &mut TcpStream| send(s, "200 OK", "", &[0; 200_000]));
    for known in [Known::Sum, Known::Nothing] {
        let error = failure(&manifest(&[&server.url], &content, known), dir.path());
        assert!(error.contains("got more"), "{error}");
    }
    let part = dir.path().join("tiny/a.bin.part");
    assert!(part.metadata().map_or(0, |m| m.len()) <= 100_000);
}

#[test]
fn wrong_bytes_lead_to_the_next_mirror() {
    let content = bytes(5000);
    let (served, dir) = (content.clone(), tempfile::tempdir().unwrap());
    let bad = Server::new(|r, s| good(r, s, &[1; 5000]));
    let server = Server::new(move |r, s| good(r, s, &served));
    let both = manifest(&[&bad.url, &server.url], &content, Known::Sum);
    let fetched = get(&both, dir.path(), &options()).unwrap();
    assert_eq!(fetched[0].from, Some(format!("{}/a.bin", server.url)));
    whole(dir.path(), &content);
    assert_eq!(
        starts(&server),
        [None],
        "nothing of the wrong bytes was kept"
    );
}

#[test]
fn an_error_names_every_mirror_with_its_reason() {
    let (content, dir) = (bytes(5000), tempfile::tempdir().unwrap());
    let wrong = Server::new(|r, s| good(r, s, &[1; 5000]));
    let gone = Server::new(|_, s| send(s, "404 Not Found", "Content-Length: 0\r\n", b""));
    let broken = Server::new(|_, s| send(s, "500 Oh", "Content-Length: 0\r\n", b""));
    let round = Server::new(|r, s| {
        let to = format!("Location: {}\r\nContent-Length: 0\r\n", r.path);
        send(s, "302 Found", &to, b"");
    });
    let hangs = Server::new(|_, _| std::thread::sleep(Duration::from_secs(2)));
    let silent = Server::new(|_, s| {
        send(s, "200 OK", "Content-Length: 5000\r\n", &[1; 100]);
        std::thread::sleep(Duration::from_secs(2));
    });
    let noise = Server::new(|_, s| {
        let _ = std::io::Write::write_all(s, &[0xff; 300]);
    });
    // A port that nobody listens on.
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let mirrors = [&wrong, &gone, &broken, &round, &hangs, &silent, &noise];
    let mut urls: Vec<&str> = mirrors.iter().map(|s| s.url.as_str()).collect();
    urls.push(&nobody);
    let read = Duration::from_millis(500);
    let options = Options { read, ..options() };
    let error = get(&manifest(&urls, &content, Known::Sum), dir.path(), &options);
    let error = error.unwrap_err().to_string();
    for url in &urls {
        assert_eq!(
            error.matches(&format!("{url}/a.bin: ")).count(),
            1,
            "{url} in {error}"
        );
    }
    for reason in [
        "expected sha256:",
        "status 404",
        "status 500",
        "redirect",
        "timeout",
    ] {
        assert!(error.contains(reason), "{reason} in {error}");
    }
    let tries = |s: &Server| s.requests().len();
    assert_eq!(
        (tries(&wrong), tries(&gone), tries(&broken), tries(&hangs)),
        (1, 1, 3, 3)
    );
    assert!(!dir.path().join("tiny/a.bin").exists());
}

#[test]
fn without_a_checksum_the_first_download_is_recorded_and_expected() {
    let content = bytes(5000);
    let (served, dir) = (content.clone(), tempfile::tempdir().unwrap());
    let server = Server::new(move |r, s| match r.earlier {
        0 => good(r, s, &served),
        _ => good(r, s, &[2; 5000]),
    });
    let manifest = manifest(&[&server.url], &content, Known::Nothing);
    let fetched = get(&manifest, dir.path(), &options()).unwrap();
    assert_eq!(fetched[0].checked, Checked::Size);
    let record = fs::read_to_string(dir.path().join("tiny").join(fetch::RECORD)).unwrap();
    assert!(
        record.contains(&hash::of_bytes(&content).sha256),
        "{record}"
    );
    let there = |checked| State::There {
        bytes: 5000,
        checked,
    };
    let states = fetch::check(&manifest, dir.path()).unwrap();
    assert_eq!(states[0].1, there(Checked::Recorded));
    fs::remove_file(dir.path().join("tiny/a.bin")).unwrap();
    let error = failure(&manifest, dir.path());
    assert!(error.contains(&hash::of_bytes(&content).sha256), "{error}");
    let force = Options {
        force: true,
        ..options()
    };
    assert_eq!(
        get(&manifest, dir.path(), &force).unwrap()[0].checked,
        Checked::Size
    );
}

#[test]
fn what_is_there_and_wrong_is_replaced_only_by_force() {
    let content = bytes(5000);
    let (served, dir) = (content.clone(), tempfile::tempdir().unwrap());
    let server = Server::new(move |r, s| good(r, s, &served));
    let manifest = manifest(&[&server.url], &content, Known::Sum);
    get(&manifest, dir.path(), &options()).unwrap();
    fs::write(dir.path().join("tiny/a.bin"), b"mine").unwrap();
    let states = fetch::check(&manifest, dir.path()).unwrap();
    assert!(matches!(states[0].1, State::Wrong { .. }), "{states:?}");
    let error = failure(&manifest, dir.path());
    assert!(error.contains("--force"), "{error}");
    assert_eq!(fs::read(dir.path().join("tiny/a.bin")).unwrap(), b"mine");
    get(
        &manifest,
        dir.path(),
        &Options {
            force: true,
            ..options()
        },
    )
    .unwrap();
    whole(dir.path(), &content);
}

#[test]
fn a_folder_and_another_address_stand_in_for_the_mirrors() {
    let content = bytes(5000);
    let (served, dir) = (content.clone(), tempfile::tempdir().unwrap());
    let (there, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::new(move |r, s| good(r, s, &served));
    let manifest = manifest(&["http://127.0.0.1:9/no"], &content, Known::Sum);
    let from = |from: &str| Options {
        from: Some(from.into()),
        ..options()
    };
    get(&manifest, dir.path(), &from(&format!("{}/x/", server.url))).unwrap();
    assert_eq!(server.requests()[0].path, "/x/a.bin");
    fs::copy(dir.path().join("tiny/a.bin"), there.path().join("a.bin")).unwrap();
    get(
        &manifest,
        other.path(),
        &from(there.path().to_str().unwrap()),
    )
    .unwrap();
    whole(other.path(), &content);
    fs::write(there.path().join("a.bin"), [3; 5000]).unwrap();
    let third = tempfile::tempdir().unwrap();
    let wrong = get(
        &manifest,
        third.path(),
        &from(there.path().to_str().unwrap()),
    );
    assert!(wrong.unwrap_err().to_string().contains("expected sha256:"));
}

#[test]
fn a_second_download_into_the_same_folder_waits_for_nobody() {
    let content = bytes(5000);
    let (served, dir) = (content.clone(), tempfile::tempdir().unwrap());
    let server = Server::new(move |r, s| good(r, s, &served));
    let manifest = manifest(&[&server.url], &content, Known::Sum);
    let mut inner = None;
    let outer = fetch::get(&manifest, dir.path(), &options(), &mut |event| {
        if let Event::Trying { .. } = event {
            inner = Some(get(&manifest, dir.path(), &options()));
        }
    });
    assert!(outer.is_ok());
    let error = inner.unwrap().unwrap_err().to_string();
    assert!(error.contains("one at a time"), "{error}");
}

/// `sounds/a.wav` in a tar, or `path` in its place.
fn archive(path: &str, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
    header.set_size(content.len() as u64);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(512) + 1024, 0);
    common::gzip(&bytes)
}

fn archive_manifest(mirrors: &[&str], inside: &str) -> Manifest {
    let text = format!(
        "name = 'tiny'\nabout = ''\nlicence = 'CC0'\npage = ''\nmirrors = {mirrors:?}\n\
         [[file]]\nname = 's.tar.gz'\nmax = 100000\nchecksum = 'unknown'\n\
         [file.unpack]\ntake = 'sounds'\nentries = 5\nbytes = 5000\nchecksum = '{inside}'\n"
    );
    Manifest::parse(&text, "test").unwrap()
}

#[test]
fn hostile_archives_lead_to_the_next_mirror_and_leave_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut cut = archive("sounds/a.wav", &bytes(3000));
    cut.truncate(cut.len() - 20);
    let hostile = [
        archive("../../escaped", b"x"),
        archive("sounds/a.wav", &bytes(6000)),
        archive("other/a.wav", b"x"),
        archive("sounds/a.wav", b"other bytes"),
        cut,
        b"<html>Please log in</html>".to_vec(),
    ];
    let servers = hostile.map(|bytes| Server::new(move |r, s| good(r, s, &bytes)));
    let content = bytes(3000);
    let served = archive("sounds/a.wav", &content);
    let server = Server::new(move |r, s| good(r, s, &served));
    let mut urls: Vec<&str> = servers.iter().map(|s| s.url.as_str()).collect();
    let listing = format!("{}  sounds/a.wav\n", hash::of_bytes(&content).sha256);
    let inside = format!("sha256:{}", hash::of_bytes(listing.as_bytes()).sha256);
    let error = failure(&archive_manifest(&urls, &inside), dir.path());
    for reason in [
        "'..'",
        "at most 5000 bytes",
        "no such entry",
        "expected 'sounds' in it with",
        "undamaged",
    ] {
        assert!(error.contains(reason), "{reason} in {error}");
    }
    let left = |folder: &Path| {
        folder
            .read_dir()
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect::<Vec<_>>()
    };
    assert_eq!(left(dir.path()), ["tiny"]);
    assert_eq!(left(&dir.path().join("tiny")), [".get.lock"]);
    urls.push(&server.url);
    let manifest = archive_manifest(&urls, &inside);
    let fetched = get(&manifest, dir.path(), &options()).unwrap();
    assert_eq!(
        (fetched[0].bytes, fetched[0].checked),
        (3000, Checked::Sha256)
    );
    assert_eq!(
        fs::read(dir.path().join("tiny/sounds/a.wav")).unwrap(),
        content
    );
    let there = State::There {
        bytes: 3000,
        checked: Checked::Sha256,
    };
    assert_eq!(
        fetch::check(&manifest, dir.path()).unwrap(),
        [("sounds".to_string(), there)]
    );
    assert!(!dir.path().join("tiny/s.tar.gz").exists());
}

#[test]
fn an_archive_that_is_there_is_unpacked_without_a_download() {
    let dir = tempfile::tempdir().unwrap();
    let content = bytes(3000);
    let served = archive("sounds/a.wav", &content);
    let server = Server::new(move |r, s| good(r, s, &served));
    let manifest = archive_manifest(&[&server.url], "unknown");
    let keep = Options {
        keep: true,
        ..options()
    };
    get(&manifest, dir.path(), &keep).unwrap();
    fs::remove_dir_all(dir.path().join("tiny/sounds")).unwrap();
    let fetched = get(&manifest, dir.path(), &keep).unwrap();
    assert_eq!(
        (server.requests().len(), fetched[0].checked),
        (1, Checked::Recorded)
    );
    fs::write(dir.path().join("tiny/sounds/b.wav"), b"").unwrap();
    let states = fetch::check(&manifest, dir.path()).unwrap();
    assert!(matches!(states[0].1, State::Wrong { .. }), "{states:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Wherever a part ends and wherever the server cuts off, the bytes are those of one run.
    #[test]
    fn cuts_leave_no_trace(n in 1usize..20_000, had in 0usize..20_000, cuts in proptest::collection::vec(1usize..9000, 1..6)) {
        let content = bytes(n);
        let (served, dir) = (content.clone(), tempfile::tempdir().unwrap());
        let folder = dir.path().join("tiny");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("a.bin.part"), &content[..had.min(n)]).unwrap();
        let server = Server::new(move |r, s| {
            let most = cuts.get(r.earlier).copied().unwrap_or(usize::MAX);
            serve(r, s, &served, most, Duration::ZERO);
        });
        get(&manifest(&[&server.url], &content, Known::Sum), dir.path(), &options()).unwrap();
        whole(dir.path(), &content);
    }
}

/// A set that a person has to fetch: the sentence, then what is there is checked and unpacked, and stays.
#[test]
fn what_is_fetched_by_hand() {
    let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let whole = common::gzip(&bytes(500));
    let sum = hash::of_bytes(&whole).md5;
    let text = format!(
        "name = 'tiny'\nabout = ''\nlicence = 'CC0'\npage = ''\nmanual = 'click there'\n\
         [[file]]\nname = 'a.bin.gz'\nmax = 1000\nchecksum = 'md5:{sum}'\n\
         [file.unpack]\ntake = 'a.bin'\nentries = 1\nbytes = 500\nchecksum = 'unknown'\n\
         [[file]]\nname = 'letters'\nmax = 1000\nchecksum = 'unknown'\n"
    );
    let manifest = Manifest::parse(&text, "test").unwrap();
    let said = failure(&manifest, dir.path());
    assert!(
        said.contains("a.bin.gz: expected it to be fetched by hand: click there"),
        "{said}"
    );
    let there = dir.path().join("tiny");
    fs::write(there.join("a.bin.gz"), "something else").unwrap();
    let said = failure(&manifest, dir.path());
    assert!(
        said.contains("the published one, got expected md5:"),
        "{said}"
    );
    assert!(there.join("a.bin.gz").exists());
    fs::write(there.join("a.bin.gz"), &whole).unwrap();
    let said = failure(&manifest, dir.path());
    assert!(
        said.contains("letters: expected it to be fetched by hand"),
        "{said}"
    );
    assert_eq!(fs::read(there.join("a.bin")).unwrap(), bytes(500));
    assert!(
        there.join("a.bin.gz").exists(),
        "what a person brought stays"
    );
    fs::create_dir(there.join("letters")).unwrap();
    fs::write(there.join("letters/a"), "a").unwrap();
    let fetched = get(&manifest, dir.path(), &options()).unwrap();
    assert_eq!(fetched[0].checked, Checked::Recorded);
    assert_eq!(
        (fetched[1].checked, fetched[1].bytes),
        (Checked::Nothing, 1)
    );
    // From another folder.
    fs::remove_file(there.join("a.bin")).unwrap();
    fs::rename(there.join("a.bin.gz"), elsewhere.path().join("a.bin.gz")).unwrap();
    let from = Options {
        from: Some(elsewhere.path().display().to_string()),
        ..options()
    };
    assert_eq!(
        get(&manifest, dir.path(), &from).unwrap()[0].checked,
        Checked::Md5
    );
    assert!(elsewhere.path().join("a.bin.gz").exists());
}
