//! Which column or field of a table is what, and events from its numbers.

use cortado_base::hdf5::Kind;
use cortado_base::{Error, Result};

use super::Options;
use crate::event::Recording;
use crate::report::Report;

/// Places of the columns `t`, `x`, `y` and `p`; a table without rows or polarities has no `y` or `p`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub t: usize,
    pub x: usize,
    pub y: Option<usize>,
    pub p: Option<usize>,
    /// How many columns there are.
    pub width: usize,
}

/// What `t`, `x`, `y` and `p` may be called.
const NAMES: [&[&str]; 4] = [
    &[
        "t",
        "ts",
        "time",
        "timestamp",
        "timestamps",
        "t_us",
        "timestamp_us",
    ],
    &["x", "xs", "x_", "addr", "unit"],
    &["y", "ys", "y_"],
    &["p", "ps", "p_", "pol", "polarity", "on"],
];

/// Which of `t`, `x`, `y` and `p` a name means, 0 to 3.
pub(crate) fn meaning(name: &str) -> Option<usize> {
    let name = name.trim().trim_matches('"').to_ascii_lowercase();
    // A unit may stand behind the name, as in `t [us]`.
    let bare = name.split([' ', '[', '(']).next().unwrap_or_default();
    NAMES.iter().position(|names| names.contains(&bare))
}

impl Order {
    /// The order that names say; nothing without a time and an `x`, or with a name twice.
    pub fn named<'a>(names: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut found = [None; 4];
        let mut width = 0;
        for (i, name) in names.enumerate() {
            width += 1;
            if let Some(which) = meaning(name)
                && found[which].replace(i).is_some()
            {
                return None;
            }
        }
        let [t, x, y, p] = found;
        let (t, x) = (t?, x?);
        Some(Self { t, x, y, p, width })
    }

    /// The order that the options give, or else the usual one, which is then noted.
    ///
    /// # Errors
    /// Letters that are no order of so many columns; none where there is no usual order.
    pub fn given(
        options: &Options,
        usual: Option<&str>,
        width: usize,
        report: &mut Report,
    ) -> Result<Self> {
        let refused = |got: &str| {
            let expected = "columns, a letter for each of t, x, y, p, and _ for none of them";
            let got = format!("{width} columns, order '{}'", got.escape_debug());
            Error::invalid("order", report.at(), expected, got)
        };
        let letters = options.columns.as_deref().or(usual).ok_or(refused(""))?;
        let names = letters
            .char_indices()
            .map(|(i, c)| &letters[i..i + c.len_utf8()]);
        let known = letters.chars().all(|c| "txyp_".contains(c));
        let order = Self::named(names).filter(|o| known && o.width <= width);
        let order = order.ok_or_else(|| refused(letters))?;
        if options.columns.is_none() {
            report.assume(format!(
                "columns in the order {letters}, since they have no names"
            ));
        }
        Ok(Self { width, ..order })
    }

    /// Adds events from rows of numbers of one type; `first` is the number of the first row.
    ///
    /// # Errors
    /// Damage, if that is not to be skipped; numbers of another type.
    pub fn numbers(
        &self,
        bytes: &[u8],
        kind: &Kind,
        first: usize,
        out: &mut Recording,
        report: &mut Report,
    ) -> Result<()> {
        let parts = [Some(self.t), Some(self.x), self.y, self.p];
        let parts = parts.map(|place| place.map(|i| (i * kind.size(), kind)));
        rows(bytes, self.width * kind.size(), parts, first, out, report)
    }
}

/// Adds events from rows of `stride` bytes, in which `t`, `x`, `y` and `p` have these places and types.
///
/// # Errors
/// Damage, if that is not to be skipped; numbers of another type.
pub(crate) fn rows(
    bytes: &[u8],
    stride: usize,
    parts: [Option<(usize, &Kind)>; 4],
    first: usize,
    out: &mut Recording,
    report: &mut Report,
) -> Result<()> {
    let count = bytes.len() / stride.max(1);
    let mut columns = [const { Vec::new() }; 4];
    for (which, (part, column)) in parts.iter().zip(&mut columns).enumerate() {
        match part {
            Some((place, kind)) => {
                let bytes = &bytes[..count * stride];
                let bytes = bytes.get(*place..).unwrap_or_default();
                let done = convert(which, kind, bytes, stride, column);
                done.filter(|()| column.len() == count).ok_or_else(|| {
                    let at = format!("{}, row {first} and after", report.at());
                    let expected = "integers up to 2^63 - 1, or floating point";
                    Error::invalid("column", at, expected, kind)
                })?;
            }
            None => column.resize(count, i64::from(which == 3)),
        }
    }
    if let Some((_, Kind::Real { bytes, .. })) = parts[0] {
        report.assume("times in seconds, since they are numbers of floating point");
        if *bytes < 8 {
            report.assume("times no finer than such numbers are: 24 bits or less");
        }
    }
    let [t, x, y, p] = &columns;
    super::events(first, [t, x, y, p], out, report)
}

/// Integers of a column; what is no time or no pixel becomes -1.
fn convert(
    which: usize,
    kind: &Kind,
    bytes: &[u8],
    stride: usize,
    out: &mut Vec<i64>,
) -> Option<()> {
    if matches!(kind, Kind::Integer { .. }) {
        let before = out.len();
        if kind.wholes(bytes, stride, out).is_some() {
            return Some(());
        }
        // Some number is beyond an `i64`, and so no time and no pixel.
        out.truncate(before);
        let mut one = Vec::new();
        out.extend(bytes.chunks(stride.max(1)).map(|row| {
            one.clear();
            let whole = kind.wholes(row, stride, &mut one);
            whole.and_then(|()| one.first().copied()).unwrap_or(-1)
        }));
        return Some(());
    }
    let mut reals = Vec::new();
    kind.reals(bytes, stride, &mut reals)?;
    let within = |x: f64, end: f64| {
        if (0.0..end).contains(&x) {
            x as i64
        } else {
            -1
        }
    };
    out.extend(reals.iter().map(|&x| match which {
        0 => within((x * 1e6).round(), 9.2e18),
        1 | 2 if x.fract() == 0.0 => within(x, 65536.0),
        1 | 2 => -1,
        _ => i64::from(x > 0.0),
    }));
    Some(())
}
