//! From data to pixels, and round numbers on axes.

/// A linear scale: `domain` in data stands at `range` in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// The data at both ends.
    pub domain: [f64; 2],
    /// The pixels at both ends.
    pub range: [f64; 2],
}

impl Scale {
    /// A scale; a domain without extent is widened to both sides.
    ///
    /// ```
    /// use cortado_plot::Scale;
    /// assert_eq!(Scale::new([0.0, 10.0], [100.0, 0.0]).at(2.5), 75.0);
    /// ```
    pub fn new(domain: [f64; 2], range: [f64; 2]) -> Self {
        // The difference of the two must be a number that one can divide by.
        let [a, b] = domain.map(|v| {
            if v.is_finite() {
                v.clamp(-1e300, 1e300)
            } else {
                0.0
            }
        });
        let wide = b - a > (1e-12 * a.abs().max(b.abs())).max(1e-290);
        let pad = if a.abs() < 1e-290 { 1.0 } else { 0.1 * a.abs() };
        let domain = if wide { [a, b] } else { [a - pad, a + pad] };
        Self { domain, range }
    }

    /// The pixel of a value.
    pub fn at(&self, v: f64) -> f64 {
        let ([a, b], [p, q]) = (self.domain, self.range);
        p + (v / (b - a) - a / (b - a)) * (q - p)
    }

    /// Whether a value lies in the domain.
    pub(crate) fn holds(&self, v: f64) -> bool {
        let slack = 1e-9 * (self.domain[1] - self.domain[0]);
        v >= self.domain[0] - slack && v <= self.domain[1] + slack
    }
}

/// Round numbers in `a..=b`, about `count` of them: multiples of 1, 2 or 5 times a power of ten; and their labels.
///
/// ```
/// let (values, labels) = cortado_plot::ticks([0.0, 1.0], 5);
/// assert_eq!(labels, ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
/// assert_eq!(values[1], 0.2);
/// ```
pub fn ticks([a, b]: [f64; 2], count: usize) -> (Vec<f64>, Vec<String>) {
    let rough = (b - a) / count.max(1) as f64;
    if !(rough > 0.0 && rough.is_finite()) || rough < 1e-15 * a.abs().max(b.abs()) {
        return (vec![a], vec![short(a)]);
    }
    let power = rough.log10().floor() as i32;
    let unit = 10f64.powi(power);
    let factors = [1.0, 2.0, 5.0, 10.0];
    let factor = factors.into_iter().find(|f| f * unit >= rough * 0.999);
    let factor = factor.unwrap_or(10.0);
    let (first, last) = (
        (a / (factor * unit) - 1e-9).ceil(),
        (b / (factor * unit) + 1e-9).floor(),
    );
    if last < first {
        return ticks([a, b], count + 1);
    }
    let digits = if factor == 10.0 { -power - 1 } else { -power };
    let number = |i: usize| {
        let v = (first + i as f64) * factor * unit;
        // What 0.1 * 3 leaves in its last digit goes.
        let text = format!("{v:.0$}", digits.clamp(0, 300) as usize);
        text.parse().unwrap_or(v)
    };
    let n = (last - first).clamp(0.0, 100.0) as usize;
    let values: Vec<f64> = (0..=n).map(number).collect();
    let large = values.iter().fold(0f64, |m, v| m.max(v.abs()));
    let plain = large < 1e6 && digits <= 5;
    let label = |v: &f64| {
        if plain {
            trim(&format!("{v:.0$}", digits.max(0) as usize))
        } else {
            short(*v)
        }
    };
    let labels = values.iter().map(label).collect();
    (values, labels)
}

/// A number in few characters: `0.034`, `1.2e-5`, `12k` never, `1.2e6`.
pub(crate) fn short(v: f64) -> String {
    let a = v.abs();
    if v == 0.0 {
        "0".into()
    } else if !v.is_finite() {
        "–".into()
    } else if !(1e-3..1e6).contains(&a) {
        let text = format!("{v:.2e}");
        match text.split_once('e') {
            Some((m, e)) => format!("{}e{e}", trim(m)),
            None => text,
        }
    } else {
        let digits = (2 - a.log10().floor() as i32).clamp(0, 5);
        trim(&format!("{v:.0$}", digits as usize))
    }
}

fn trim(text: &str) -> String {
    if !text.contains('.') {
        return text.into();
    }
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" {
        "0".into()
    } else {
        text.into()
    }
}

/// The unit in which a span of time reads best.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Time {
    /// That many of the unit are a second.
    pub factor: f64,
    /// `µs`, `ms` or `s`.
    pub unit: &'static str,
}

impl Time {
    /// The unit for a span in seconds.
    ///
    /// ```
    /// assert_eq!(cortado_plot::Time::of(0.1).unit, "ms");
    /// ```
    pub fn of(span: f64) -> Self {
        let (factor, unit) = match span {
            s if s < 1e-3 => (1e6, "µs"),
            s if s < 3.0 => (1e3, "ms"),
            _ => (1.0, "s"),
        };
        Self { factor, unit }
    }

    /// The label of an axis.
    pub(crate) fn label(&self) -> String {
        format!("time ({})", self.unit)
    }
}

/// The smallest and largest finite values; `None` without any.
pub(crate) fn extent(values: impl IntoIterator<Item = f64>) -> Option<[f64; 2]> {
    let finite = values.into_iter().filter(|v| v.is_finite());
    finite.fold(None, |e, v| {
        let [a, b] = e.unwrap_or([v, v]);
        Some([v.min(a), v.max(b)])
    })
}

/// An extent with a margin, as a share of it, at both ends.
pub(crate) fn padded([a, b]: [f64; 2], share: f64) -> [f64; 2] {
    let room = if b > a { (b - a) * share } else { 0.0 };
    [a - room, b + room]
}
