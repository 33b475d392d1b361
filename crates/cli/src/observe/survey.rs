//! What the network makes of many test samples.

use super::{Scene, largest};
use anyhow::{Result, bail};
use cortado::neuron::Output;
use cortado::sim::clock::{Input, Probe};
use cortado_plot::charts::{Activity, Confusion, Steps};

/// Values that the probes of one run may record: 64 MiB.
const VALUES: usize = 1 << 24;

/// Numbers of steps after which decisions are taken, at most.
const TIMES: usize = 40;

/// Decisions and spikes of test samples.
pub struct Survey {
    /// Number of samples, the first of the test set.
    pub samples: usize,
    /// Number of samples of the test set.
    pub of: usize,
    /// `[class][decision]`
    pub counts: Vec<Vec<u64>>,
    /// Numbers of steps after which a decision was taken.
    pub steps: Vec<usize>,
    /// Right decisions after each of them.
    pub right: Vec<u64>,
    /// Name and spikes in each step, the input first if it spikes.
    pub activity: Vec<(String, Vec<u64>)>,
    dt: f64,
}

impl Survey {
    /// Runs the first `limit` test samples.
    ///
    /// # Errors
    /// Samples that have no class; those of the run.
    pub fn new(scene: &Scene, limit: usize) -> Result<Self> {
        let (classes, samples) = (scene.test.classes, scene.test.len().min(limit));
        if classes == 0 || samples == 0 {
            bail!("the test set has no classes");
        }
        let total = scene.recipe.steps;
        let every = total.div_ceil(TIMES).max(1);
        let n = classes.max(scene.net.outputs());
        let mut survey = Self {
            samples,
            of: scene.test.len(),
            counts: vec![vec![0; n]; n],
            steps: (1..=total)
                .filter(|t| t % every == 0 || *t == total)
                .collect(),
            right: Vec::new(),
            activity: Vec::new(),
            dt: scene.recipe.network.dt,
        };
        survey.right = vec![0; survey.steps.len()];
        let spiking = scene
            .populations()
            .into_iter()
            .filter(|p| p.spec.output == Output::Spikes);
        let probes: Vec<Probe> = spiking
            .map(|p| Probe {
                node: p.name,
                what: "spikes".into(),
                neurons: Vec::new(),
            })
            .collect();
        let none = (0..probes.len()).map(|i| (probes[i].node.clone(), vec![0; total]));
        survey.activity = none.collect();
        let ids: Vec<usize> = (0..samples).collect();
        let mut done = 0;
        let mut at_once = 1;
        while done < samples {
            let chunk = &ids[done..(done + at_once).min(samples)];
            let width = survey.take(scene, chunk, &probes)?;
            done += chunk.len();
            // The first sample tells how much one records.
            at_once = (VALUES / width.max(1)).clamp(1, 256);
        }
        Ok(survey)
    }

    /// Runs some samples; the number of values that each recorded.
    fn take(&mut self, scene: &Scene, ids: &[usize], probes: &[Probe]) -> Result<usize> {
        let (input, labels) = scene.input(ids)?;
        let Some(labels) = labels else {
            bail!("the test set has no classes");
        };
        let record = scene.net.run(&input, probes)?;
        let ((_, steps), outputs) = (input.extent(), scene.net.outputs());
        let loss = scene.recipe.train.objective.loss;
        for (output, &label) in record.output.chunks(steps * outputs).zip(&labels) {
            for (k, &t) in self.steps.iter().enumerate() {
                let decision = largest(&loss.scores(&output[..t * outputs], outputs));
                self.right[k] += u64::from(decision == label as usize);
                if k + 1 == self.steps.len() {
                    self.counts[label as usize][decision] += 1;
                }
            }
        }
        if let Input::Spikes(s) = &input {
            if self.activity.len() == probes.len() {
                self.activity.insert(0, ("input".into(), vec![0; steps]));
            }
            let rows = (0..s.samples).flat_map(|b| (0..steps).map(move |t| (b, t)));
            rows.for_each(|(b, t)| self.activity[0].1[t] += s.row(b, t).len() as u64);
        }
        let first = self.activity.len() - probes.len();
        for ((_, sums), trace) in self.activity[first..].iter_mut().zip(&record.traces) {
            for (row, z) in trace.data.chunks(trace.neurons.max(1)).enumerate() {
                sums[row % steps] += z.iter().filter(|z| **z != 0.0).count() as u64;
            }
        }
        let recorded: usize = record.traces.iter().map(|t| t.data.len()).sum();
        Ok(recorded / ids.len().max(1))
    }

    /// The share of right decisions after all steps.
    pub fn accuracy(&self) -> f64 {
        self.right
            .last()
            .map_or(0.0, |&r| r as f64 / self.samples as f64)
    }

    /// How many samples it saw, in words.
    pub fn extent(&self) -> String {
        match self.samples < self.of {
            true => format!("the first {} of {} test samples", self.samples, self.of),
            false => format!("all {} test samples", self.of),
        }
    }

    /// The confusion matrix.
    pub fn confusion(&self) -> Confusion {
        let title = format!(
            "Confusion: {}, {:.1} % right",
            self.extent(),
            100.0 * self.accuracy()
        );
        let classes = (0..self.counts.len()).map(|c| c.to_string()).collect();
        Confusion {
            title,
            classes,
            counts: self.counts.clone(),
        }
    }

    /// Accuracy and spikes against time.
    pub fn steps(&self) -> Steps {
        let n = self.samples as f64;
        let so_far = |spikes: &Vec<u64>| {
            let sum = |&t: &usize| spikes[..t.min(spikes.len())].iter().sum::<u64>() as f64 / n;
            self.steps.iter().map(sum).collect()
        };
        let activity = self.activity.iter().map(|(name, spikes)| Activity {
            name: name.clone(),
            spikes: so_far(spikes),
        });
        Steps {
            title: format!("Accuracy and activity over time: {}", self.extent()),
            dt: self.dt,
            steps: self.steps.clone(),
            accuracy: self.right.iter().map(|&r| r as f64 / n).collect(),
            activity: activity.collect(),
        }
    }
}
