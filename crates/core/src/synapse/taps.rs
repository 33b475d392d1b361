//! Delays of weights in steps of a clock: which steps a weight arrives in, and what share of it.
//!
//! A weight `w` of delay `d` is added `n` steps after the spike as `w k[n]`. With `p = d / dt`:
//!
//! ```text
//! whole      k[p] = 1
//! linear     k[floor p] = 1 - f, k[floor p + 1] = f             f = p - floor p
//! gaussian   k[n] = g(n) / sum_m g(m)                           g(n) = exp(-(n - p)^2 / (2 s^2))
//! ```

use crate::kernel::TILE;
use crate::network::Interpolation;
use crate::num::{Aligned, Float};

/// The width that Gaussian taps end at (`hammouamri2024`), in steps, and the share of training after which they stay there.
const LAST_WIDTH: f64 = 0.23;
const SHRINKING: f64 = 0.25;

/// No weight may hold a spike back for more steps.
const MOST_STEPS: f64 = 65536.0;

/// Where the shares of a weight go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kernel {
    /// All to the step at the delay, which has to be a whole number of them.
    Whole,
    /// All to the step nearest to the delay.
    Nearest,
    /// To the steps before and after the delay.
    Linear,
    /// To steps around the delay, none past the last one.
    Gaussian { sigma: f64, last: usize },
}

impl Kernel {
    /// That of a run.
    pub fn of(interpolate: Option<Interpolation>) -> Self {
        match interpolate {
            None => Self::Whole,
            Some(Interpolation::Linear) => Self::Linear,
            Some(Interpolation::Gaussian(_)) => Self::Nearest,
        }
    }

    /// That of training where it is another one, after a share of it; `longest` is the largest delay in steps.
    pub fn in_training(
        interpolate: Option<Interpolation>,
        progress: f64,
        longest: f64,
    ) -> Option<Self> {
        let Some(Interpolation::Gaussian(first)) = interpolate else {
            return None;
        };
        let part = (progress / SHRINKING).clamp(0.0, 1.0);
        Some(Self::Gaussian {
            sigma: first * (LAST_WIDTH / first).powf(part),
            // Rounding of the quotient is no step.
            last: (longest.min(MOST_STEPS) - 1e-3).max(0.0).ceil() as usize,
        })
    }

    /// Steps from the delay to the outermost tap: what lies four widths away is left out.
    fn reach(sigma: f64) -> usize {
        (4.0 * sigma).ceil() as usize
    }

    /// Taps of a weight.
    fn width(self) -> usize {
        match self {
            Self::Whole | Self::Nearest => 1,
            Self::Linear => 2,
            Self::Gaussian { sigma, last } => (2 * Self::reach(sigma)).min(last + 1),
        }
    }

    /// The lag of the first tap of a delay of `p` steps; share and derivative by `p` of each tap are written.
    fn taps(self, p: f64, share: &mut [f64], slope: &mut [f64]) -> usize {
        let whole = p.floor();
        match self {
            Self::Whole | Self::Nearest => {
                (share[0], slope[0]) = (1.0, 0.0);
                p.round() as usize
            }
            Self::Linear => {
                share.copy_from_slice(&[1.0 - (p - whole), p - whole]);
                slope.copy_from_slice(&[-1.0, 1.0]);
                whole as usize
            }
            Self::Gaussian { sigma, last } => {
                let first = (whole as usize + 1).saturating_sub(Self::reach(sigma));
                let first = first.min(last + 1 - share.len());
                let away = |n: usize| ((first + n) as f64 - p) / sigma;
                // The nearest tap has 1, so that not all vanish.
                let least = (0..share.len()).fold(f64::INFINITY, |m, n| m.min(away(n).abs()));
                let (mut sum, mut mean) = (0.0, 0.0);
                for (n, share) in share.iter_mut().enumerate() {
                    *share = (0.5 * (least * least - away(n) * away(n))).exp();
                    sum += *share;
                    mean += *share * away(n);
                }
                for (n, (share, slope)) in share.iter_mut().zip(slope).enumerate() {
                    *share /= sum;
                    *slope = *share * (away(n) - mean / sum) / sigma;
                }
                first
            }
        }
    }
}

/// The taps of the weights of a projection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taps<R> {
    /// Taps of a weight.
    pub width: usize,
    /// The largest lag of a tap.
    pub longest: usize,
    /// The lag of the first tap of each weight, as the weights stand.
    pub first: Vec<u32>,
    /// `[row of weights][width][64]`: the share of each tap; none if there is but one, which takes all.
    pub share: Aligned<R>,
    /// The derivative of the share by the delay, per second.
    pub slope: Aligned<R>,
    /// The first place in memory whose delay cannot be, if there is one; there are no taps then.
    pub wrong: Option<usize>,
}

impl<R: Float> Taps<R> {
    /// The taps of so many delays in seconds, as the weights stand, in steps of `dt` seconds.
    pub fn new(count: usize, delay: impl Fn(usize) -> R, kernel: Kernel, dt: f64) -> Self {
        // What is a whole number of steps up to rounding is one.
        let rounding = if size_of::<R>() == 4 { 1e-6 } else { 1e-9 };
        let width = kernel.width();
        let shared = if width > 1 { count * width } else { 0 };
        let mut taps = Self {
            width,
            longest: 0,
            first: Vec::with_capacity(count),
            share: Aligned::zeros(shared),
            slope: Aligned::zeros(shared),
            wrong: None,
        };
        let (mut share, mut slope) = (vec![0.0; width], vec![0.0; width]);
        for place in 0..count {
            let mut p = delay(place).value() / dt;
            let whole = (p - p.round()).abs() <= rounding * p.max(1.0);
            if whole {
                p = p.round();
            }
            if !(0.0..=MOST_STEPS).contains(&p) || (kernel == Kernel::Whole && !whole) {
                return Self {
                    wrong: Some(place),
                    ..Self::default()
                };
            }
            let first = kernel.taps(p, &mut share, &mut slope);
            taps.longest = taps.longest.max(first + width - 1);
            taps.first.push(first as u32);
            for m in 0..shared / count {
                let at = (place / TILE * width + m) * TILE + place % TILE;
                taps.share[at] = R::of(share[m]);
                taps.slope[at] = R::of(slope[m] / dt);
            }
        }
        taps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shares add up to one, and their derivatives are those of central differences.
    #[test]
    fn shares_are_whole_and_slopes_are_their_differences() {
        let h = 1e-6;
        let gaussian = |sigma| Kernel::Gaussian { sigma, last: 25 };
        for kernel in [
            Kernel::Linear,
            gaussian(0.23),
            gaussian(0.7),
            gaussian(12.5),
        ] {
            for p in [0.3, 3.25, 11.5, 24.7] {
                let at = |p| {
                    let taps = Taps::new(TILE, |_| p * 2e-3, kernel, 2e-3);
                    assert!(taps.wrong.is_none() && taps.longest <= 26);
                    let of =
                        |row: &[f64]| -> Vec<f64> { row.iter().step_by(TILE).copied().collect() };
                    (taps.first, of(&taps.share), of(&taps.slope))
                };
                let ((first, share, slope), low, high) = (at(p), at(p - h), at(p + h));
                assert!((share.iter().sum::<f64>() - 1.0).abs() < 1e-12);
                assert_eq!((&first, &first), (&low.0, &high.0));
                for n in 0..share.len() {
                    let difference = (high.1[n] - low.1[n]) / (2.0 * h * 2e-3);
                    assert!((slope[n] - difference).abs() < 1e-5, "{kernel:?} {p} {n}");
                }
            }
        }
    }

    #[test]
    fn a_gaussian_has_the_width_that_training_gives_it() {
        let spread = Some(Interpolation::Gaussian(8.0));
        let sigma = |progress| match Kernel::in_training(spread, progress, 25.0) {
            Some(Kernel::Gaussian { sigma, last: 25 }) => sigma,
            other => panic!("{other:?}"),
        };
        assert_eq!((sigma(0.0), sigma(0.25), sigma(0.9)), (8.0, 0.23, 0.23));
        assert!((sigma(0.125) - (8.0f64 * 0.23).sqrt()).abs() < 1e-12);
        let last = Kernel::in_training(spread, 0.0, 25.000001);
        assert!(matches!(last, Some(Kernel::Gaussian { last: 25, .. })));
        assert_eq!(Kernel::in_training(None, 0.0, 1.0), None);
    }

    #[test]
    fn a_delay_that_cannot_be_is_found() {
        let taps = |delays: &[f32], kernel| {
            Taps::new(TILE, |n| delays[n.min(delays.len() - 1)], kernel, 1e-3)
        };
        // Delays in seconds are whole up to the rounding of a float.
        let whole = taps(&[0.0, 7e-3, 0.333, 65.536], Kernel::Whole);
        assert_eq!(
            (&whole.first[..4], whole.wrong),
            (&[0, 7, 333, 65536][..], None)
        );
        assert_eq!(taps(&[1e-3, 1.5e-3], Kernel::Whole).wrong, Some(1));
        assert_eq!(taps(&[1.4e-3, 1.6e-3], Kernel::Nearest).first[..2], [1, 2]);
        for wrong in [-1e-3, f32::NAN, 70.0] {
            assert_eq!(taps(&[1e-3, wrong], Kernel::Linear).wrong, Some(1));
        }
    }
}
