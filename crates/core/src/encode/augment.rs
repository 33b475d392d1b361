//! Augmentation: a sample as it might have been, a little later, slower, shifted or incomplete.

use super::{Distort, Presentation};
use crate::rng::{Purpose, Rng};
use crate::sim::event::Times;
use crate::spikes::Spikes;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// What is changed in the spikes of a training sample (`cramer2020`, and others); draws are named by seed, sample and round.
///
/// In this order: time is stretched, the sample is shifted in time and among channels, each spike moves among channels, and
/// some are dropped. What leaves the presentation, or its map of channels, is lost; spikes that meet are one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augment {
    /// The sample is stretched by a factor between `1 - warp` and `1 + warp`.
    pub warp: f64,
    /// The sample comes up to so many seconds earlier or later.
    pub shift: f64,
    /// The sample moves by up to so many channels up or down.
    pub channel_shift: u32,
    /// Each spike moves by a normal number of channels of this standard deviation.
    pub channel_jitter: f64,
    /// Each spike is lost with this probability.
    pub drop: f64,
    /// What is added to a signal before it is encoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distort: Option<Distort>,
}

impl Augment {
    /// Checks the constants.
    ///
    /// # Errors
    /// One that is out of its range.
    pub fn check(&self) -> Result<()> {
        for (name, value, least, most) in [
            ("warp", self.warp, 0.0, 0.99),
            ("shift", self.shift, 0.0, 1e6),
            ("channel_jitter", self.channel_jitter, 0.0, 1e6),
            ("drop", self.drop, 0.0, 1.0),
        ] {
            if !(least..=most).contains(&value) {
                let expected = format!("{least} to {most}");
                return Err(Error::invalid("augmentation", name, expected, value));
            }
        }
        self.distort.as_ref().map_or(Ok(()), Distort::check)
    }

    /// Whether spikes are left as they are.
    pub fn keeps_spikes(&self) -> bool {
        let signal = Self {
            distort: self.distort,
            ..Self::default()
        };
        *self == signal
    }

    /// Changes the spikes of one sample; channels come in maps of `neighbours`, among which they move.
    ///
    /// ```
    /// use cortado::{encode::{Augment, Presentation}, spikes::Spikes};
    /// let one = Spikes::from_dense(1, 3, 2, &[0.0, 1.0, 0.0, 0.0, 0.0, 0.0]).unwrap();
    /// let at = Presentation { steps: 3, dt: 1e-3, seed: 0, round: 1 };
    /// let lost = Augment { drop: 1.0, ..Augment::default() };
    /// assert_eq!(lost.apply(&one, 2, 0, &at).count(), 0);
    /// assert_eq!(Augment::default().apply(&one, 2, 0, &at), one);
    /// ```
    pub fn apply(&self, one: &Spikes, neighbours: usize, id: u32, at: &Presentation) -> Spikes {
        let mut change = self.change(neighbours, id, at);
        let shift = (change.shift / at.dt).round();
        let mut rows = vec![Vec::new(); one.steps];
        for t in 0..one.steps {
            let moved = (t as f64 * change.stretch).round() + shift;
            for &i in one.row(0, t) {
                let channel = change.channel(i);
                if let Some(i) = channel.filter(|_| (0.0..one.steps as f64).contains(&moved)) {
                    rows[moved as usize].push(i);
                }
            }
        }
        let mut out = Spikes::builder(1, one.steps, one.width);
        for row in &mut rows {
            row.sort_unstable();
            row.dedup();
            out.push_row(row.drain(..));
        }
        out
    }

    /// Changes the spikes of samples that have times and no steps; each sample is drawn as `apply` draws it, but moves by any time.
    ///
    /// # Errors
    /// Another number of names than of samples.
    pub fn apply_to_times(
        &self,
        times: &Times,
        neighbours: usize,
        ids: &[u32],
        at: &Presentation,
    ) -> Result<Times> {
        if ids.len() != times.samples() {
            let expected = times.samples().to_string();
            return Err(Error::invalid("names", "the samples", expected, ids.len()));
        }
        let one = |(b, &id): (usize, &u32)| {
            let mut change = self.change(neighbours, id, at);
            let (all, units) = times.sample(b);
            let spikes = all.iter().zip(units).filter_map(|(&t, &i)| {
                let (moved, channel) = (t * change.stretch + change.shift, change.channel(i));
                channel
                    .filter(|_| (0.0..times.duration).contains(&moved))
                    .map(|i| (moved, i))
            });
            let mut spikes: Vec<(f64, u32)> = spikes.collect();
            spikes.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            spikes.dedup();
            spikes
        };
        let samples: Vec<_> = ids.iter().enumerate().map(one).collect();
        Times::new(times.width, times.duration, samples)
    }

    fn change(&self, neighbours: usize, id: u32, at: &Presentation) -> Change<'_> {
        let mut rng = Rng::new(at.seed, id, Purpose::Augment, at.round);
        let mut between = |most: f64| (2.0 * rng.uniform() - 1.0) * most;
        let (stretch, shift) = (1.0 + between(self.warp), between(self.shift));
        let most = f64::from(self.channel_shift);
        let up = between(most + 0.5).round().clamp(-most, most);
        Change {
            of: self,
            rng,
            stretch,
            shift,
            up,
            map: neighbours.max(1) as f64,
        }
    }
}

/// What happens to one sample.
struct Change<'a> {
    of: &'a Augment,
    rng: Rng,
    stretch: f64,
    /// Seconds.
    shift: f64,
    /// Channels.
    up: f64,
    /// Channels among which spikes move.
    map: f64,
}

impl Change<'_> {
    /// The channel of a spike of channel `i` now, if it is not lost.
    fn channel(&mut self, i: u32) -> Option<u32> {
        let jitter = match self.of.channel_jitter {
            0.0 => 0.0,
            sd => (self.rng.normal() * sd).round(),
        };
        let lost = self.of.drop > 0.0 && self.rng.uniform() < self.of.drop;
        let first = (f64::from(i) / self.map).floor() * self.map;
        let place = f64::from(i) - first + self.up + jitter;
        let stays = !lost && (0.0..self.map).contains(&place);
        stays.then_some((first + place) as u32)
    }
}
