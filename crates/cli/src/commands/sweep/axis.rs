//! What a sweep runs through: lists, ranges and draws.

use anyhow::{Result, bail};
use cortado::rng::{Purpose, Rng};

/// A key and its values.
#[derive(Debug)]
pub struct Axis {
    /// The key, as `--set` takes it.
    pub key: String,
    values: Values,
}

#[derive(Debug)]
enum Values {
    List(Vec<String>),
    /// `n` values from one end to the other, of the same distance or the same ratio.
    Range {
        ends: [f64; 2],
        n: usize,
        log: bool,
    },
    /// Any value between, or any whole number.
    Between {
        ends: [f64; 2],
        log: bool,
        whole: bool,
    },
}

/// Most values of a range.
const MOST: usize = 10_000;

/// `key=v1,v2,...`, `key=a..b:n` or `key=a..b:n:log`.
pub fn grid(text: &str) -> Result<Axis> {
    parse(
        text,
        "--grid",
        "v1,v2,... or from..to:n or from..to:n:log",
        |ends, words| {
            let (n, log) = match words {
                [n] => (n, false),
                [n, "log"] => (n, true),
                _ => return None,
            };
            let n = n.parse().ok().filter(|n| (1..=MOST).contains(n))?;
            Some(Values::Range { ends, n, log })
        },
    )
}

/// `key=low..high`, with `:log`, `:int` or both, or `key=v1,v2,...`.
pub fn draw(text: &str) -> Result<Axis> {
    let expected = "low..high, low..high:log, low..high:int, low..high:int:log or v1,v2,...";
    parse(text, "--draw", expected, |ends, words| {
        let (whole, log) = match words {
            [] => (false, false),
            ["log"] => (false, true),
            ["int"] => (true, false),
            ["int", "log"] | ["log", "int"] => (true, true),
            _ => return None,
        };
        let fits = !whole || ends.iter().all(|e| e.fract() == 0.0);
        fits.then_some(Values::Between { ends, log, whole })
    })
}

fn parse(
    text: &str,
    option: &str,
    expected: &str,
    range: impl Fn([f64; 2], &[&str]) -> Option<Values>,
) -> Result<Axis> {
    let wrong = || format!("{option} {text}: expected KEY={expected}");
    let Some((key, values)) = text
        .split_once('=')
        .filter(|(k, v)| !k.is_empty() && !v.is_empty())
    else {
        bail!(wrong());
    };
    let values = match values.split_once("..") {
        None => Values::List(list(values)),
        Some((low, rest)) => {
            let words: Vec<&str> = rest.split(':').collect();
            let Some((high, words)) = words.split_first() else {
                bail!(wrong());
            };
            let ends = low.parse::<f64>().ok().zip(high.parse::<f64>().ok());
            let Some((low, high)) = ends.filter(|(a, b)| a.is_finite() && b.is_finite() && a <= b)
            else {
                bail!("{}, the first number not above the second", wrong());
            };
            match range([low, high], words) {
                Some(Values::Range { log: true, .. } | Values::Between { log: true, .. })
                    if low <= 0.0 =>
                {
                    bail!("{option} {text}: expected positive numbers for log, got {low}")
                }
                Some(values) => values,
                None => bail!(wrong()),
            }
        }
    };
    if matches!(&values, Values::List(l) if l.iter().any(String::is_empty)) {
        bail!("{}, got an empty value", wrong());
    }
    Ok(Axis {
        key: key.into(),
        values,
    })
}

/// Parts between commas that stand outside of brackets and quotes.
fn list(text: &str) -> Vec<String> {
    let (mut parts, mut depth, mut quote) = (vec![String::new()], 0i32, None);
    for c in text.chars() {
        match (c, quote) {
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(q)) if c == q => quote = None,
            ('[' | '{', None) => depth += 1,
            (']' | '}', None) => depth -= 1,
            (',', None) if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(last) = parts.last_mut() {
            last.push(c);
        }
    }
    parts.iter().map(|p| p.trim().to_string()).collect()
}

impl Axis {
    /// All values, in order, none twice.
    pub fn values(&self) -> Result<Vec<String>> {
        let mut all = match &self.values {
            Values::List(list) => list.clone(),
            Values::Range { ends, n, log } => {
                let share = |i: usize| i as f64 / (n - 1).max(1) as f64;
                let values = (0..*n).map(|i| number(between(*ends, *log, share(i))));
                values.collect()
            }
            Values::Between { .. } => bail!("{}: expected a list or from..to:n", self.key),
        };
        let mut seen = std::collections::BTreeSet::new();
        all.retain(|v| seen.insert(v.clone()));
        Ok(all)
    }

    /// Draw number `k` under a seed; it depends on these and the key alone.
    pub fn draw(&self, seed: u64, k: u32) -> String {
        let u = Rng::new(seed, k, Purpose::Other, hash(&self.key)).uniform();
        match &self.values {
            Values::List(list) => {
                let i = (u * list.len() as f64) as usize;
                list.get(i).or(list.last()).cloned().unwrap_or_default()
            }
            Values::Between {
                ends: [low, high],
                log,
                whole: true,
            } => {
                // Each whole number has the room of one around it.
                let ends = [low - 0.5, high + 0.5];
                number(between(ends, *log, u).round().clamp(*low, *high))
            }
            Values::Between { ends, log, .. } | Values::Range { ends, log, .. } => {
                number(between(*ends, *log, u))
            }
        }
    }
}

/// From one end (`share` 0) to the other (1).
fn between([a, b]: [f64; 2], log: bool, share: f64) -> f64 {
    match log {
        true => a * (b / a).powf(share),
        false => a + (b - a) * share,
    }
}

/// A number with six figures, as TOML has it: whole ones as integers.
fn number(v: f64) -> String {
    let short: f64 = format!("{v:.5e}").parse().unwrap_or(v);
    if short.fract() == 0.0 && short.abs() < 1e15 {
        return format!("{}", short as i64);
    }
    format!("{short:?}")
}

/// The hash FNV-1a of 64 bits: the same on every machine and in every version.
pub fn hash(text: &str) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325;
    let step = |h: u64, b: u8| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(start, step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values(text: &str) -> Vec<String> {
        grid(text).unwrap().values().unwrap()
    }

    #[test]
    fn lists_and_ranges() {
        assert_eq!(values("a=1,2.5,x"), ["1", "2.5", "x"]);
        assert_eq!(values("a=[1,2],[3]"), ["[1,2]", "[3]"]);
        assert_eq!(values("a=\"x,y\",z,z"), ["\"x,y\"", "z"]);
        assert_eq!(values("a=0..1:5"), ["0", "0.25", "0.5", "0.75", "1"]);
        assert_eq!(values("a=16..256:5:log"), ["16", "32", "64", "128", "256"]);
        assert_eq!(values("a=1e-4..1e-2:3:log"), ["0.0001", "0.001", "0.01"]);
        assert_eq!(values("a=3..3:1"), ["3"]);
    }

    #[test]
    fn what_is_wrong_is_a_sentence() {
        for (text, word) in [
            ("a", "expected KEY="),
            ("=3", "expected KEY="),
            ("a=2..1:3", "not above"),
            ("a=0..1:3:log", "positive"),
            ("a=1..2", "from..to:n"),
            ("a=1..2:0", "from..to:n"),
            ("a=1,,2", "empty"),
            ("a=1..nan:3", "expected KEY="),
        ] {
            let error = grid(text).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        assert!(draw("a=0.5..2:int").is_err() && draw("a=-1..2:log").is_err());
    }

    /// Draws lie in their range, whole ones reach both ends as often as the others, and a draw is the same next time.
    #[test]
    fn draws_have_their_law() {
        let whole = draw("n=2..5:int").unwrap();
        let mut counts = [0; 4];
        for k in 0..4000 {
            let v: usize = whole.draw(1, k).parse().unwrap();
            counts[v - 2] += 1;
        }
        // Five standard deviations of the binomial law.
        assert!(
            counts.iter().all(|&c| (c - 1000i32).abs() < 137),
            "{counts:?}"
        );
        let log = draw("r=1e-4..1:log").unwrap();
        let below = |k: &u32| log.draw(7, *k).parse::<f64>().unwrap() < 1e-2;
        let half = (0..4000).filter(below).count() as i32;
        assert!((half - 2000).abs() < 158, "{half}");
        assert_eq!(log.draw(7, 3), log.draw(7, 3));
        assert_ne!(log.draw(7, 3), log.draw(8, 3));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[a-z]{0,2}=?[-0-9.,:e\\[\\]\"a-z]{0,14}") {
            let _ = grid(&text).and_then(|a| a.values());
            let _ = draw(&text).map(|a| a.draw(0, 1));
        }
    }
}
