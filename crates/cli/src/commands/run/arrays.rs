//! Input from arrays.

use super::engine::Given;
use super::model::Model;
use super::presentation;
use super::source::{As, Source, Timed};
use anyhow::{Context, Result, bail};
use cortado::encode::{Encoder, Sample};
use cortado::sim::clock::Input;
use cortado::sim::event::Times;
use cortado::spikes::Spikes;
use cortado_base::npy::{Array, Data};
use cortado_base::{npy, npz};

/// Samples that run together.
const GROUP: usize = 64;

/// The array in the bytes of an `.npy` or `.npz` file, by its name if there are several.
pub fn read(bytes: &[u8], name: &str, wanted: Option<&str>) -> Result<Array> {
    if !bytes.starts_with(b"PK") {
        return Ok(npy::decode(bytes, name)?);
    }
    let mut all = npz::decode(bytes, name, npz::LIMIT)?;
    let names: Vec<String> = all.keys().cloned().collect();
    let key = match (wanted, &names[..]) {
        (Some(key), _) => key.to_string(),
        (None, [one]) => one.clone(),
        _ => bail!("{name}: expected --array with one of {}", names.join(", ")),
    };
    let found = all.remove(&key);
    found.with_context(|| format!("{name}: no array '{key}'; there are {}", names.join(", ")))
}

/// An array as samples.
pub struct Arrays<'a> {
    model: &'a Model,
    kind: As,
    data: Vec<f32>,
    samples: usize,
    /// Numbers of a sample.
    size: usize,
    /// Steps in the array, and steps to run.
    steps: [usize; 2],
    /// Samples handed out.
    done: usize,
    /// The group under way and its steps handed out.
    group: Option<(Input<f32>, usize)>,
    /// Without a clock: the sample under way and its spikes handed out.
    sample: Option<(Times, usize)>,
}

impl<'a> Arrays<'a> {
    /// `kind` says what the array holds where its form does not; `steps` how many steps to run.
    pub fn new(
        array: Array,
        name: &str,
        model: &'a Model,
        kind: Option<As>,
        steps: Option<usize>,
    ) -> Result<Self> {
        let kind = kind.unwrap_or_else(|| guess(&array));
        let (samples, there, size) = match (kind, &array.shape[..]) {
            (As::Values, [samples, rest @ ..]) => {
                let planned = model.recipe.as_ref().map_or(0, |r| r.steps);
                (*samples, planned, rest.iter().product())
            }
            (_, [steps, inputs]) => (1, *steps, steps * inputs),
            (_, [samples, steps, inputs]) => (*samples, *steps, steps * inputs),
            (_, shape) => {
                bail!("shape: expected [steps, inputs] or [samples, steps, inputs], got {shape:?}")
            }
        };
        let data = array.to_f32();
        let source = Self {
            model,
            kind,
            data,
            samples,
            size,
            steps: [there, steps.unwrap_or(there)],
            done: 0,
            group: None,
            sample: None,
        };
        source.check(name, &array.shape)?;
        Ok(source)
    }

    /// The encoder of the run; values are currents where there is none.
    fn encoder(&self) -> Encoder {
        let recipe = self.model.recipe.as_ref();
        recipe.map_or(Encoder::Direct, |r| r.encoder.clone())
    }

    fn check(&self, name: &str, shape: &[usize]) -> Result<()> {
        let inputs = self.model.net.inputs();
        let [there, run] = self.steps;
        if self.data.is_empty() {
            bail!("shape: expected at least one sample and step, got {shape:?}");
        }
        if self.kind == As::Values {
            let encoder = self.encoder();
            if run == 0 {
                bail!(
                    "--steps: expected so many steps for values of a network without a recipe, got none"
                );
            }
            let count = |values: usize| encoder.shape(&[values]).iter().product::<usize>();
            if count(self.size) != inputs {
                bail!(
                    "shape: expected samples of {} values, got {shape:?} (--as says what an array holds)",
                    (inputs - count(0).min(inputs)) / encoder.maps().max(1)
                );
            }
            return Ok(());
        }
        if self.size != there * inputs {
            bail!(
                "shape: expected {inputs} inputs in the last axis, got {shape:?} (--as says what an array holds)"
            );
        }
        if run < there {
            bail!("--steps: expected at least the {there} steps of {name}, got {run}");
        }
        if let (As::Spikes, Some(i)) = (
            self.kind,
            self.data.iter().position(|&v| v != 0.0 && v != 1.0),
        ) {
            let (sample, at) = (i / self.size, i % self.size);
            bail!(
                "spikes at sample {sample}, step {}, input {}: expected 0 or 1, got {} (--as says what an array holds)",
                at / inputs,
                at % inputs,
                self.data[i]
            );
        }
        Ok(())
    }

    fn encode(&self, first: usize, count: usize) -> Result<Input<f32>> {
        let data = &self.data[first * self.size..(first + count) * self.size];
        let inputs = self.model.net.inputs();
        let [there, steps] = self.steps;
        Ok(match self.kind {
            As::Values => {
                let names: Vec<u32> = (first..first + count).map(|i| i as u32).collect();
                let at = presentation(self.model, steps);
                self.encoder().encode(data, &names, &at)?
            }
            As::Spikes => {
                let row = |b: usize, t: usize| match t < there {
                    true => data[b * self.size + t * inputs..][..inputs]
                        .iter()
                        .enumerate()
                        .filter(|(_, v)| **v == 1.0)
                        .map(|(i, _)| i as u32)
                        .collect(),
                    false => Vec::new(),
                };
                let rows = (0..count).flat_map(|b| (0..steps).map(move |t| (b, t)));
                let rows = rows.map(|(b, t)| row(b, t));
                Input::Spikes(Spikes::from_rows(count, steps, inputs, rows)?)
            }
            As::Currents => {
                let mut all = Vec::with_capacity(count * self.size);
                for sample in data.chunks_exact(self.size) {
                    all.extend_from_slice(sample);
                    all.resize(all.len() + (steps - there) * inputs, 0.0);
                }
                Input::Currents {
                    samples: count,
                    steps,
                    data: all,
                }
            }
        })
    }
}

impl Arrays<'_> {
    /// A sample at its times.
    fn times(&self, i: usize) -> Result<Times> {
        let data = &self.data[i * self.size..(i + 1) * self.size];
        if self.kind == As::Values {
            let at = presentation(self.model, self.steps[1]);
            return Ok(self
                .encoder()
                .times(&[Sample::Values(data)], &[i as u32], &at)?);
        }
        match self.encode(i, 1)? {
            Input::Spikes(spikes) => Ok(Times::from_spikes(&spikes, self.model.dt())?),
            _ => bail!(
                "expected spikes, got currents: they are read by the steps of a clock (--engine clock)"
            ),
        }
    }

    /// What it holds; spikes of a step are those of the first samples.
    pub fn given(&self) -> Result<Given> {
        let first = self.samples.min(GROUP);
        let spikes = match self.kind {
            As::Spikes => {
                let data = &self.data[..first * self.size];
                data.iter().filter(|v| **v != 0.0).count()
            }
            As::Values if self.encoder() != Encoder::Direct => {
                let counts = (0..first).map(|i| Ok(self.times(i)?.count()));
                counts.sum::<Result<usize>>()?
            }
            _ => return Ok(Given::Currents),
        };
        let rate = spikes as f64 / (first * self.steps[1]) as f64;
        Ok(Given::Spikes(Some(rate)))
    }
}

impl Timed for Arrays<'_> {
    fn begin(&mut self) -> Result<bool> {
        if self.done == self.samples {
            return Ok(false);
        }
        self.sample = Some((self.times(self.done)?, 0));
        self.done += 1;
        Ok(true)
    }

    fn spike(&mut self) -> Result<Option<(f64, u32)>> {
        let Some((times, at)) = &mut self.sample else {
            return Ok(None);
        };
        let (t, units) = times.sample(0);
        let spike = t.get(*at).copied().zip(units.get(*at).copied());
        *at += 1;
        Ok(spike)
    }

    fn duration(&self) -> f64 {
        self.sample.as_ref().map_or(0.0, |s| s.0.duration)
    }
}

/// What an array holds, by its form: values have no axis of time, spikes are no floats.
fn guess(array: &Array) -> As {
    match (array.shape.len(), &array.data) {
        (2 | 3, Data::F32(_) | Data::F64(_)) => As::Currents,
        (2 | 3, _) => As::Spikes,
        _ => As::Values,
    }
}

impl Source for Arrays<'_> {
    fn next(&mut self) -> Result<Option<usize>> {
        let count = GROUP.min(self.samples - self.done);
        if count == 0 {
            return Ok(None);
        }
        self.group = Some((self.encode(self.done, count)?, 0));
        self.done += count;
        Ok(Some(count))
    }

    fn steps(&mut self, most: usize) -> Result<Option<Input<f32>>> {
        let Some((input, at)) = &mut self.group else {
            return Ok(None);
        };
        let (start, end) = (*at, input.extent().1.min(*at + most));
        *at = end;
        if start == end {
            return Ok(None);
        }
        Ok(Some(input.slice(start..end)?))
    }

    fn chunk(&self) -> usize {
        256
    }
}
