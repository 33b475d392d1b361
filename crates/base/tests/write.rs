//! Writing in place of what is there.
#![cfg(unix)]

use cortado_base::{Draft, no_file, write_atomic};
use std::os::unix::fs::symlink;

#[test]
fn a_link_stays_and_its_file_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("file"), folder.path().join("link"));
    std::fs::write(&file, "old").unwrap();
    symlink("file", &link).unwrap();
    write_atomic(&link, b"new").unwrap();
    assert!(link.is_symlink());
    assert_eq!(std::fs::read(&file).unwrap(), b"new");
    // Left alone, a draft leaves nothing.
    let mut draft = Draft::new(&file).unwrap();
    draft.write(b"half").unwrap();
    drop(draft);
    assert_eq!(std::fs::read(&file).unwrap(), b"new");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn what_is_no_file_is_written_to() {
    use std::io::Read;
    use std::os::unix::net::UnixListener;
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .unwrap();
    assert!(made.success());
    let reader = {
        let pipe = pipe.clone();
        std::thread::spawn(move || {
            let mut all = Vec::new();
            std::fs::File::open(pipe)
                .unwrap()
                .read_to_end(&mut all)
                .unwrap();
            all
        })
    };
    write_atomic(&pipe, b"through").unwrap();
    assert_eq!(reader.join().unwrap(), b"through");
    assert!(!std::fs::metadata(&pipe).unwrap().is_file());
    // A socket cannot be opened, a folder not be written; a free name is for a file.
    let socket = folder.path().join("socket");
    let _listens = UnixListener::bind(&socket).unwrap();
    assert!(no_file(&socket).is_err() && no_file(folder.path()).is_err());
    assert!(no_file(&folder.path().join("free")).unwrap().is_none());
}
