//! How well found times match wanted ones.

/// Found times beside wanted ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Matches {
    /// Wanted and found.
    pub hits: usize,
    /// Wanted and not found.
    pub missed: usize,
    /// Found and not wanted.
    pub extra: usize,
}

impl Matches {
    /// Pairs each wanted time with at most one found time that is no further than `tolerance`, as many as possible; both lists
    /// are ascending, in seconds.
    ///
    /// ```
    /// let m = cortado::learn::Matches::new(&[1.0, 1.02, 3.0], &[1.01, 2.0], 0.05);
    /// assert_eq!((m.hits, m.missed, m.extra), (1, 1, 2));
    /// assert_eq!((m.sensitivity(), m.precision()), (0.5, 1.0 / 3.0));
    /// ```
    pub fn new(found: &[f64], wanted: &[f64], tolerance: f64) -> Self {
        let (mut hits, mut i, mut j) = (0, 0, 0);
        while let (Some(f), Some(w)) = (found.get(i), wanted.get(j)) {
            if (f - w).abs() <= tolerance {
                hits += 1;
                i += 1;
                j += 1;
            } else if f < w {
                i += 1;
            } else {
                j += 1;
            }
        }
        Self {
            hits,
            missed: wanted.len() - hits,
            extra: found.len() - hits,
        }
    }

    /// Takes in another sample.
    pub fn add(&mut self, other: Self) {
        self.hits += other.hits;
        self.missed += other.missed;
        self.extra += other.extra;
    }

    /// The share of the wanted that was found; 1 if nothing was wanted.
    pub fn sensitivity(&self) -> f64 {
        share(self.hits, self.missed)
    }

    /// The share of the found that was wanted; 1 if nothing was found.
    pub fn precision(&self) -> f64 {
        share(self.hits, self.extra)
    }

    /// The harmonic mean of both.
    pub fn f1(&self) -> f64 {
        share(2 * self.hits, self.missed + self.extra)
    }
}

fn share(hits: usize, others: usize) -> f64 {
    match hits + others {
        0 => 1.0,
        n => hits as f64 / n as f64,
    }
}
