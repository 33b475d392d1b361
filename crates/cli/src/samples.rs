//! The data of a recipe, as it reaches the network.

use crate::recipe::Recipe;
use anyhow::{Context, Result, bail};
use cortado::Error;
use cortado::encode::{Presentation, Sample, Series};
use cortado::learn::{Batch, Rule, Signals, Targets};
use cortado::rng::{Purpose, Rng};
use cortado::sim::clock::Input;
use cortado::sim::event::Times;
use cortado::spikes::Spikes;
use cortado_data::Dataset;
use rayon::prelude::*;
use std::ops::Deref;

/// The data of a recipe.
pub struct Data {
    /// What is learned from.
    pub train: Samples,
    /// What is tested.
    pub test: Samples,
    /// Shape of what reaches the network.
    pub shape: Vec<usize>,
}

/// Samples, and the spikes that they become where those are the same each time.
pub struct Samples {
    set: Dataset,
    /// One for each sample, or none.
    codes: Vec<Spikes>,
}

impl Deref for Samples {
    type Target = Dataset;
    fn deref(&self) -> &Dataset {
        &self.set
    }
}

impl Data {
    /// The data of a recipe, encoded where that can be done once.
    pub fn load(recipe: &Recipe) -> Result<Self> {
        let wanted = &recipe.data;
        recipe.augment.check()?;
        wanted.distort.as_ref().map_or(Ok(()), |d| d.check())?;
        let split = cortado_data::load_changed(
            &wanted.name,
            &wanted.place(),
            &wanted.split,
            &wanted.transforms,
            recipe.seed,
        );
        let mut split = split.context("data")?;
        let times = split.train.times(0).is_some();
        match (&recipe.detect, split.train.classes) {
            (None, 0) if times => bail!(
                "data: '{}' has times in place of classes: the recipe needs [detect]",
                wanted.name
            ),
            (Some(_), 1..) => bail!("detect: '{}' has classes, no times to detect", wanted.name),
            (Some(_), 0) if !times => bail!("detect: '{}' has signals, no times", wanted.name),
            (Some(d), 0) if !(d.delay.is_finite() && d.tolerance >= 0.0) => {
                bail!("detect: expected seconds, a tolerance of at least 0, got {d:?}")
            }
            _ => {}
        }
        if wanted.holdout > 0 {
            split.test = split.train.split_off(wanted.holdout);
        }
        if wanted.limit > 0 {
            split.train.truncate(wanted.limit);
        }
        let shape = recipe.encoder.shape(&split.train.shape);
        let steady = recipe.augment.distort.is_none();
        Ok(Self {
            train: Samples::new(recipe, split.train, steady)?,
            test: Samples::new(recipe, split.test, wanted.distort.is_none())?,
            shape,
        })
    }
}

impl Samples {
    /// Samples of a recipe; `steady` if nothing is added to them.
    fn new(recipe: &Recipe, set: Dataset, steady: bool) -> Result<Self> {
        let values = !set.is_empty() && matches!(set.sample(0), Sample::Values(_));
        let mut codes = Vec::new();
        if steady && set.times(0).is_none() && !recipe.encoder.random() && !values {
            let one = |i| encode(recipe, set.sample(i), i, 0, recipe.steps);
            let all = (0..set.len()).into_par_iter().map(one);
            for input in all.collect::<cortado::Result<Vec<_>>>()? {
                match input {
                    Input::Spikes(s) => codes.push(s),
                    _ => break,
                }
            }
        }
        Ok(Self { set, codes })
    }
}

fn presentation(recipe: &Recipe, round: u64, steps: usize) -> Presentation {
    Presentation {
        steps,
        dt: recipe.network.dt,
        seed: recipe.seed,
        round,
    }
}

/// One sample as a recipe has it encoded, noise included; `round` 0 is the test, the epochs follow.
pub fn encode(
    recipe: &Recipe,
    sample: Sample<'_>,
    id: usize,
    round: u64,
    steps: usize,
) -> cortado::Result<Input<f32>> {
    let at = presentation(recipe, round, steps);
    let distort = match round {
        0 => recipe.data.distort,
        _ => recipe.augment.distort,
    };
    let encode = |sample| recipe.encoder.present(&[sample], &[id as u32], &at);
    match (sample, distort) {
        (Sample::Series(series), Some(distort)) => {
            let mut rng = Rng::new(recipe.seed, id as u32, Purpose::Distort, round);
            let data = distort.apply(&series, &mut rng);
            encode(Sample::Series(Series {
                data: &data,
                ..series
            }))
        }
        (other, Some(_)) => {
            let got = format!("a sample of width {}", other.width());
            Err(Error::invalid(
                "distort",
                "the data",
                "signals in time",
                got,
            ))
        }
        _ => encode(sample),
    }
}

/// Samples as a recipe has them encoded, and what they stand for; `round` 0 is the test, the epochs follow.
pub fn batch(
    recipe: &Recipe,
    data: &Samples,
    ids: &[usize],
    round: u64,
) -> cortado::Result<(Input<f32>, Targets<'static>)> {
    let at = presentation(recipe, round, recipe.steps);
    let distorted = match round {
        0 => recipe.data.distort.is_some(),
        _ => recipe.augment.distort.is_some(),
    };
    let vary = round > 0 && !recipe.augment.keeps_spikes();
    let input = if vary || distorted || !data.codes.is_empty() {
        let one = |&i: &usize| spikes(recipe, data, i, vary, &at);
        let parts: Vec<Spikes> = ids.iter().map(one).collect::<cortado::Result<_>>()?;
        Input::Spikes(Spikes::stack(&parts)?)
    } else {
        let samples: Vec<Sample<'_>> = ids.iter().map(|&i| data.sample(i)).collect();
        let names: Vec<u32> = ids.iter().map(|&i| i as u32).collect();
        recipe.encoder.present(&samples, &names, &at)?
    };
    Ok((input, targets(recipe, data, ids)?))
}

/// As [`batch`], as the recipe's rule of learning takes it: by the steps of its clock, or by times.
pub fn presented(
    recipe: &Recipe,
    data: &Samples,
    ids: &[usize],
    round: u64,
) -> cortado::Result<(Batch<f32>, Targets<'static>)> {
    let exact = recipe.train.rule == Rule::Eventprop;
    let same = recipe.augment.keeps_spikes() || round == 0;
    let timed = same || recipe.encoder.exact();
    if exact && timed && recipe.augment.distort.is_none() && recipe.data.distort.is_none() {
        let at = presentation(recipe, round, recipe.steps);
        let samples: Vec<Sample<'_>> = ids.iter().map(|&i| data.sample(i)).collect();
        let names: Vec<u32> = ids.iter().map(|&i| i as u32).collect();
        let mut times = recipe.encoder.times(&samples, &names, &at)?;
        if !same {
            let neighbours = recipe.encoder.neighbours(data.features());
            times = (recipe.augment).apply_to_times(&times, neighbours, &names, &at)?;
        }
        return Ok((times.into(), targets(recipe, data, ids)?));
    }
    let (input, targets) = batch(recipe, data, ids, round)?;
    if !exact {
        return Ok((input.into(), targets));
    }
    let Input::Spikes(spikes) = input else {
        let expected = "an encoder that makes spikes";
        return Err(Error::invalid("input", "eventprop", expected, "a current"));
    };
    Ok((
        Times::from_spikes(&spikes, recipe.network.dt)?.into(),
        targets,
    ))
}

/// The spikes of one sample, varied or not.
fn spikes(
    recipe: &Recipe,
    data: &Samples,
    id: usize,
    vary: bool,
    at: &Presentation,
) -> cortado::Result<Spikes> {
    let spikes = match data.codes.get(id) {
        Some(spikes) => spikes.clone(),
        None => match encode(recipe, data.sample(id), id, at.round, at.steps)? {
            Input::Spikes(spikes) => spikes,
            _ => {
                let expected = "an encoder that makes spikes";
                return Err(Error::invalid(
                    "augmentation",
                    "the encoder",
                    expected,
                    "a current",
                ));
            }
        },
    };
    if !vary {
        return Ok(spikes);
    }
    let neighbours = recipe.encoder.neighbours(data.features());
    Ok(recipe.augment.apply(&spikes, neighbours, id as u32, at))
}

/// What samples stand for: their classes, spikes at their times, or signals.
fn targets(recipe: &Recipe, data: &Samples, ids: &[usize]) -> cortado::Result<Targets<'static>> {
    if data.signals_of(0).is_some() {
        return Ok(signals(recipe, data, ids)?.into());
    }
    let Some(detect) = recipe.detect else {
        let labels: Vec<u32> = ids.iter().map(|&i| data.label(i)).collect();
        return Ok(labels.into());
    };
    let steps = recipe.steps;
    let late = |t: &f64| ((t + detect.delay) / recipe.network.dt).round() as usize;
    let mut rows = vec![Vec::new(); ids.len() * steps];
    for (b, &i) in ids.iter().enumerate() {
        let times = data.times(i).unwrap_or(&[]).iter().map(late);
        for t in times.filter(|&t| t < steps) {
            rows[b * steps + t] = vec![0];
        }
    }
    Ok(Spikes::from_rows(ids.len(), steps, 1, rows)?.into())
}

/// The signals that samples stand for, a frame for each step.
pub fn signals(recipe: &Recipe, data: &Samples, ids: &[usize]) -> cortado::Result<Signals> {
    let (steps, dt) = (recipe.steps, recipe.network.dt);
    let (mut all, mut outputs) = (Vec::new(), 1);
    for &i in ids {
        let Some(s) = data.signals_of(i) else {
            continue;
        };
        outputs = s.outputs;
        let frames = s.data.len() / outputs;
        if frames < steps || (s.period - dt).abs() > 1e-9 * dt {
            let expected = format!("{frames} frames of {} s at most", s.period);
            let got = format!("{steps} steps of {dt} s");
            let place = format!("sample {i}");
            return Err(Error::invalid("signal", place, expected, got));
        }
        all.extend_from_slice(&s.data[..steps * outputs]);
    }
    Signals::new([ids.len(), steps, outputs], all)
}
