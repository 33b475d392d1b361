//! Numbers in lines of text.

mod common;

use common::{gzip, real_data};
use cortado_data::text::{self, LIMIT, Text};
use proptest::prelude::*;

#[test]
fn muscle() {
    let Some(folder) = real_data("emg") else {
        return;
    };
    let text = text::read(&folder.join("emg/emg.txt.gz"), LIMIT).unwrap();
    assert_eq!(text.value("Sampling Rate (Hz)"), Some("1000.00"));
    assert_eq!(
        (text.value("Labels"), text.value("Label")),
        (Some("EMG"), None)
    );
    assert_eq!(text.comments.len(), 4);
    assert_eq!(text.numbers.len(), 100_000);
    assert_eq!(text.numbers[..4], [2055.0, 2056.0, 2055.0, 2057.0]);
    // Twelve bits, whole numbers.
    assert!(
        text.numbers
            .iter()
            .all(|&x| x.fract() == 0.0 && (0.0..4096.0).contains(&x))
    );
}

#[test]
fn what_is_wrong_is_said() {
    for (bytes, words) in [
        (
            &b"1\n\n# x\n1,5\n"[..],
            "number at a test, line 4: expected a finite one, got 1,5",
        ),
        (b"1\nnan", "line 2: expected a finite one, got nan"),
        (b"1e39", "got 1e39"),
        (b"\xff", "got \\xff"),
        (b"1 2", "got 1 2"),
    ] {
        let e = text::decode(bytes, "a test").unwrap_err().to_string();
        assert!(e.contains(words), "{e}");
    }
    assert_eq!(text::decode(b"", "a test").unwrap(), Text::default());
}

#[test]
fn a_bomb_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.txt.gz");
    std::fs::write(&file, gzip(&vec![b'\n'; 1 << 20])).unwrap();
    assert!(text::read(&file, 1 << 20).unwrap().numbers.is_empty());
    let e = text::read(&file, (1 << 20) - 1).unwrap_err().to_string();
    assert!(
        e.contains("expected at most 1048575 bytes, got more"),
        "{e}"
    );
}

proptest! {
    #[test]
    fn there_and_back(numbers in prop::collection::vec(-1e30f32..1e30, 0..20), packed in any::<bool>()) {
        let lines: String = numbers.iter().map(|x| format!("{x}\r\n")).collect();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        let bytes = if packed { gzip(lines.as_bytes()) } else { lines.into_bytes() };
        std::fs::write(&file, bytes).unwrap();
        prop_assert_eq!(text::read(&file, LIMIT).unwrap().numbers, numbers);
    }
}
