//! What the environment says of the cache.

use std::ffi::OsString;
use std::path::PathBuf;

use cortado_base::{Error, Result};

/// The folder of the cache, from variables of the environment.
pub(super) fn folder(get: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    match get("CORTADO_CACHE") {
        Some(v) if v.is_empty() || v == "off" => return None,
        Some(v) => return Some(v.into()),
        None => {}
    }
    // A relative folder is to be ignored, by the specification.
    let set = |name| get(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let caches = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")))?;
    Some(caches.join("cortado"))
}

/// Bytes of a size such as `500MB`, `8GiB` or `1000000`; `K`, `M`, `G` and `T` alone are those of 1024.
///
/// # Errors
/// Anything else.
pub(super) fn size(text: &str) -> Result<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let unit = unit.trim().to_ascii_lowercase();
    let factor = match unit.as_str() {
        "" | "b" => Some(1.0),
        unit => {
            let first = unit.chars().next().unwrap_or_default();
            let power = "kmgt".find(first).map(|p| p as i32 + 1);
            let base = match unit.get(1..) {
                Some("" | "ib") => Some(1024.0f64),
                Some("b") => Some(1000.0),
                _ => None,
            };
            power.zip(base).map(|(power, base)| base.powi(power))
        }
    };
    let bytes = number.parse::<f64>().ok().zip(factor).map(|(n, f)| n * f);
    bytes.map(|b| b as u64).ok_or_else(|| {
        let expected = "bytes, or a number with kB, MB, GB, TB, KiB, MiB, GiB or TiB";
        Error::invalid("size", "CORTADO_CACHE_MAX", expected, format!("'{text}'"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_names_the_folder() {
        let of = |set: &[(&str, &str)]| {
            let get = |name: &str| {
                let found = set.iter().find(|(n, _)| *n == name);
                found.map(|(_, value)| OsString::from(value))
            };
            folder(&get)
        };
        let home = ("HOME", "/somebody");
        assert_eq!(of(&[home]), Some("/somebody/.cache/cortado".into()));
        let caches = ("XDG_CACHE_HOME", "/var/me");
        assert_eq!(of(&[home, caches]), Some("/var/me/cortado".into()));
        let relative = ("XDG_CACHE_HOME", "me");
        assert_eq!(of(&[home, relative]), of(&[home]));
        assert_eq!(
            of(&[home, caches, ("CORTADO_CACHE", "here")]),
            Some("here".into())
        );
        for off in ["", "off"] {
            assert_eq!(of(&[home, ("CORTADO_CACHE", off)]), None);
        }
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn sizes_have_units() {
        let all = [
            ("0", 0),
            ("12 B", 12),
            ("3k", 3072),
            ("3 KiB", 3072),
            ("3kB", 3000),
            ("2mb", 2_000_000),
            ("8GiB", 8 << 30),
            ("1.5 GiB", 1_610_612_736),
            ("0.5T", 1 << 39),
        ];
        for (text, bytes) in all {
            assert_eq!(size(text).unwrap(), bytes, "{text}");
        }
        for text in [
            "", "k", "-1", "1e3", "1..2", "5 \u{b5}", "5 kbytes", "8 gigs", "nan",
        ] {
            let sentence = size(text).unwrap_err().to_string();
            assert!(
                sentence.starts_with("size at CORTADO_CACHE_MAX: expected bytes"),
                "{sentence}"
            );
        }
    }
}
