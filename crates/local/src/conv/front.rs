//! From an image to a wave of spikes: contrast, local normalisation, the strongest first.

use super::Wave;
use crate::range::{NOT_NEGATIVE, fits, within};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// How an image becomes spikes.
///
/// # Equations
/// A filter of width `n` is `G(n / 9) - G(2 n / 9)`, `G` a Gaussian of that width, less its mean, over its largest value; its
/// counterpart has the two exchanged. Of what it answers, values up to `threshold` are dropped; the rest is divided by its mean over
/// a square around it, and all that is left fires in the order of its rank: the same number of spikes in each of `bins`.
///
/// # References
/// `kheradpisheh2018`, `mozafari2019`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Front {
    /// Odd widths of the filters; none for the image itself and its negative.
    pub filters: Vec<usize>,
    /// What an answer must exceed, of an image in 0..=1.
    pub threshold: f32,
    /// Half the side of the square of the local normalisation; 0 for none.
    pub radius: usize,
    /// Bins of time.
    pub bins: usize,
}

impl Default for Front {
    fn default() -> Self {
        Self {
            filters: vec![3, 7, 13],
            threshold: 0.2,
            radius: 8,
            bins: 15,
        }
    }
}

/// The widest square of the local normalisation.
const WIDEST: usize = 1 << 15;

impl Front {
    /// Filters for images of so many rows and columns.
    ///
    /// # Errors
    /// A filter of an even width or wider than 63; no bin, or 255 and more; a threshold below 0; a square beyond every image; no pixel.
    pub fn eye(&self, [rows, columns]: [usize; 2]) -> Result<Eye> {
        if let Some(n) = self.filters.iter().find(|&n| n % 2 == 0 || *n > 63) {
            return Err(Error::invalid("filters", "front", "odd widths up to 63", n));
        }
        if !(1..255).contains(&self.bins) {
            return Err(Error::invalid("bins", "front", "1 to 254", self.bins));
        }
        if self.radius > WIDEST {
            return Err(Error::invalid(
                "radius",
                "front",
                "at most 2^15",
                self.radius,
            ));
        }
        let threshold = f64::from(self.threshold);
        within("front", &[("threshold", threshold, NOT_NEGATIVE)])?;
        if rows == 0 || columns == 0 {
            let got = format!("{rows} x {columns}");
            return Err(Error::invalid("images", "front", "at least a pixel", got));
        }
        fits("neurons", "front", &[rows, columns, 2, self.filters.len()])?;
        let pair = |&n: &usize| {
            let (near, far) = (n as f64 / 9.0, 2.0 * n as f64 / 9.0);
            [contrast(n, near, far), contrast(n, far, near)]
        };
        Ok(Eye {
            front: self.clone(),
            kernels: self.filters.iter().flat_map(pair).collect(),
            rows,
            columns,
        })
    }
}

/// A difference of Gaussians, `n` by `n`.
fn contrast(n: usize, centre: f64, surround: f64) -> Vec<f32> {
    let half = (n / 2) as f64;
    let value = |i: usize| {
        let (y, x) = ((i / n) as f64 - half, (i % n) as f64 - half);
        let bell = |s: f64| (-0.5 * (x * x + y * y) / (s * s)).exp() / (s * s);
        bell(centre) - bell(surround)
    };
    let raw: Vec<f64> = (0..n * n).map(value).collect();
    let mean = raw.iter().sum::<f64>() / raw.len() as f64;
    let top = raw.iter().fold(f64::MIN_POSITIVE, |a, &x| a.max(x - mean));
    raw.iter().map(|x| ((x - mean) / top) as f32).collect()
}

/// Filters for images of one size.
#[derive(Clone, Debug)]
pub struct Eye {
    front: Front,
    kernels: Vec<Vec<f32>>,
    rows: usize,
    columns: usize,
}

impl Eye {
    /// Rows, columns and maps of the waves.
    pub fn shape(&self) -> [usize; 3] {
        [self.rows, self.columns, self.kernels.len().max(2)]
    }

    /// The wave of an image, row by row; pixels that are not there are 0.
    pub fn see(&self, image: &[f32]) -> Wave {
        let answers: Vec<Vec<f32>> = if self.kernels.is_empty() {
            let negative = image.iter().map(|x| 1.0 - x).collect();
            [image.to_vec(), negative].map(|a| self.kept(a)).into()
        } else {
            let answer = |k: &Vec<f32>| self.kept(self.filtered(image, k));
            self.kernels.iter().map(answer).collect()
        };
        let mut ranked: Vec<(f32, usize)> = Vec::new();
        for (map, values) in answers.iter().enumerate() {
            let maps = answers.len();
            let fires = values.iter().enumerate().filter(|(_, x)| **x > 0.0);
            ranked.extend(fires.map(|(i, &x)| (x, i * maps + map)));
        }
        ranked.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut wave = Wave::silent(self.shape());
        for (rank, &(_, i)) in ranked.iter().enumerate() {
            if let Some(t) = wave.times.get_mut(i) {
                *t = (rank * self.front.bins / ranked.len()) as u8;
            }
        }
        wave
    }

    fn filtered(&self, image: &[f32], kernel: &[f32]) -> Vec<f32> {
        let (n, half) = (kernel.len().isqrt(), kernel.len().isqrt() / 2);
        let mut out = vec![0.0f32; self.rows * self.columns];
        let lit = image.iter().take(out.len()).enumerate();
        for (i, &x) in lit.filter(|(_, x)| **x != 0.0) {
            let (r, c) = (i / self.columns, i % self.columns);
            let from = (c + half).saturating_sub(n - 1);
            let to = (c + half).min(self.columns - 1);
            for kr in 0..n {
                let Some(row) = (r + half).checked_sub(kr).filter(|&q| q < self.rows) else {
                    continue;
                };
                for q in from..=to {
                    out[row * self.columns + q] += x * kernel[kr * n + (c + half - q)];
                }
            }
        }
        out
    }

    /// What exceeds the threshold, locally normalised.
    fn kept(&self, mut values: Vec<f32>) -> Vec<f32> {
        for x in &mut values {
            *x = if *x > self.front.threshold { *x } else { 0.0 };
        }
        let radius = self.front.radius;
        if radius == 0 {
            return values;
        }
        let sums = self.sums(&values);
        let wide = self.columns + 1;
        let area = ((2 * radius + 1) * (2 * radius + 1)) as f64;
        for (i, x) in values.iter_mut().enumerate().filter(|(_, x)| **x > 0.0) {
            let (r, c) = (i / self.columns, i % self.columns);
            let rows = [r.saturating_sub(radius), (r + radius + 1).min(self.rows)];
            let columns = [c.saturating_sub(radius), (c + radius + 1).min(self.columns)];
            let [[a, b], [c, d]] = rows.map(|r| columns.map(|c| sums[r * wide + c]));
            *x = (f64::from(*x) * area / (d - b - c + a)) as f32;
        }
        values
    }

    /// Sums of all values above and left of each corner.
    fn sums(&self, values: &[f32]) -> Vec<f64> {
        let wide = self.columns + 1;
        let mut sums = vec![0.0; (self.rows + 1) * wide];
        for r in 0..self.rows {
            let mut row = 0.0;
            for c in 0..self.columns {
                row += f64::from(values[r * self.columns + c]);
                sums[(r + 1) * wide + c + 1] = sums[r * wide + c + 1] + row;
            }
        }
        sums
    }
}
