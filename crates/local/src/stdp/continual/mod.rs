//! Tasks one after the other, each seen once: supervised prototypes keep what backpropagation forgets.

mod backprop;
mod prototypes;

use crate::range::{LARGEST, NOT_NEGATIVE, fits, within};
use crate::{Data, Error, Experiment, Log, Outcome, Result, Set};
use backprop::Backprop;
use cortado_base::rng::{Purpose, Rng};
use prototypes::Prototypes;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The most neurons of a class.
const MOST: usize = 10_000;

/// Split classes: the first two classes are learnt, then the next two, each image once, nothing shown again (`vandeven2022`).
///
/// Tested are all classes at once: nobody says which task an image is of. Backpropagation learns the same images in the same order, with
/// one output for each class.
///
/// The local learner is a nearest-prototype classifier whose prototypes are recruited and moved by a supervised winner-take-all rule:
/// within the class of the label the neuron nearest to the input wins, and it alone moves its weights to the mean of what it has won. The
/// rule is local: a weight sees its input, itself and whether its neuron won.
///
/// # Deviations
/// It is no rule of spike timing, and nothing in it runs in time. There is no membrane; an image is coded by how many spikes each input has,
/// `round(spikes value) / spikes`, not by when. A neuron belongs to the class it was recruited for, and a label lets neurons of no other
/// class learn: what was learnt of earlier classes does not change, and is only confused with what is new.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Continual {
    /// Classes of a task.
    pub classes: usize,
    /// Neurons that a class may recruit.
    pub neurons: usize,
    /// Spikes that code an input of value 1; only their number counts.
    pub spikes: f32,
    /// A neuron is recruited where the square of the distance to the winner is more than this share of the image's own.
    pub novelty: f32,
    /// Hidden neurons of the network that learns by backpropagation.
    pub hidden: usize,
    /// Its batch.
    pub batch: usize,
    /// Its learning rate.
    pub rate: f64,
}

impl Default for Continual {
    fn default() -> Self {
        Self {
            classes: 2,
            neurons: 200,
            spikes: 16.0,
            novelty: 0.25,
            hidden: 128,
            batch: 64,
            rate: 1e-3,
        }
    }
}

/// Accuracy on each task after each.
#[derive(Clone, Debug, Default)]
struct Table(Vec<Vec<f64>>);

impl Table {
    /// Mean accuracy over all tasks at the end.
    fn average(&self) -> f64 {
        self.0.last().map_or(0.0, |row| mean(row.iter().copied()))
    }

    /// By how much a task's accuracy has fallen since its best, on the mean over all but the last task.
    fn forgetting(&self) -> f64 {
        let last = self.0.len() - 1;
        mean((0..last).map(|k| {
            let best = (k..last).map(|t| self.0[t][k]).fold(0.0, f64::max);
            best - self.0[last][k]
        }))
    }

    /// What later tasks did to a task's accuracy, on the mean over all but the last.
    fn backward_transfer(&self) -> f64 {
        let last = self.0.len() - 1;
        mean((0..last).map(|k| self.0[last][k] - self.0[k][k]))
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = values.len().max(1) as f64;
    values.sum::<f64>() / n
}

impl Continual {
    fn check(&self, data: &Data<'_>) -> Result<()> {
        let wrong =
            |what, expected: &str, got: String| Err(Error::invalid(what, "learn", expected, got));
        if self.classes == 0 || !data.classes.is_multiple_of(self.classes) {
            let got = format!("{} of {}", self.classes, data.classes);
            return wrong("classes", "a task's classes to divide all", got);
        }
        if self.neurons > MOST {
            return wrong("neurons", "ten thousand at most", self.neurons.to_string());
        }
        if self.neurons == 0 || self.hidden == 0 || self.batch == 0 {
            return wrong(
                "number",
                "at least 1 of neurons, hidden and batch",
                "0".into(),
            );
        }
        within(
            "learn",
            &[
                ("spikes", self.spikes.into(), 1.0..=LARGEST),
                ("novelty", self.novelty.into(), NOT_NEGATIVE),
                ("rate", self.rate, NOT_NEGATIVE),
            ],
        )?;
        data.check()?;
        let inputs = data.train.sample(0).len();
        let weights = |n: &[usize]| fits("weights", "learn", &[&[inputs], n].concat());
        weights(&[data.classes, self.neurons])?;
        weights(&[self.hidden])?;
        fits("weights", "learn", &[self.hidden, data.classes])
    }

    /// Number of spikes of each input, as a share of the most.
    fn code(&self, image: &[f32]) -> Vec<f32> {
        let count = |v: &f32| (v * self.spikes).round() / self.spikes;
        image.iter().map(count).collect()
    }

    /// The images of a task.
    fn of(&self, set: &Set<'_>, task: usize) -> Vec<usize> {
        let here = |&i: &usize| set.labels[i] as usize / self.classes == task;
        (0..set.len()).filter(here).collect()
    }

    fn accuracy(&self, layer: &Prototypes, set: &Set<'_>, ids: &[usize]) -> f64 {
        let right = |&&i: &&usize| layer.class(&self.code(set.sample(i))) == Some(set.labels[i]);
        ids.par_iter().filter(right).count() as f64 / ids.len().max(1) as f64
    }
}

impl Experiment for Continual {
    fn wants_data(&self) -> bool {
        true
    }

    fn run(&self, seed: u64, data: Option<&Data<'_>>, log: Log<'_>) -> Result<Outcome> {
        let Some(data) = data else {
            return Err(Error::invalid("data", "learn", "images", "none"));
        };
        self.check(data)?;
        let tasks = data.classes / self.classes;
        let mut layer = Prototypes::new(data.train.sample(0).len(), data.classes * self.neurons);
        let mut net = Backprop::new(self, data.shape, data.classes, data.train.len(), seed)?;
        let tests: Vec<Vec<usize>> = (0..tasks).map(|k| self.of(&data.test, k)).collect();
        let (mut local, mut backprop) = (Table::default(), Table::default());
        for task in 0..tasks {
            let mut order = self.of(&data.train, task);
            Rng::new(seed, 0, Purpose::Shuffle, task as u64).shuffle(&mut order);
            for &i in &order {
                let x = self.code(data.train.sample(i));
                layer.learn(&x, data.train.labels[i], self.novelty, self.neurons);
            }
            net.learn(&data.train, &order, self.batch)?;
            let of = |ids: &Vec<usize>| self.accuracy(&layer, &data.test, ids);
            local.0.push(tests.iter().map(of).collect());
            let of = |ids: &Vec<usize>| net.accuracy(&data.test, ids);
            backprop
                .0
                .push(tests.iter().map(of).collect::<Result<_>>()?);
            log(json!({
                "task": task + 1,
                "neurons": layer.len(),
                "local": local.0[task],
                "backprop": backprop.0[task],
            }))?;
        }
        let line = json!({
            "metric": local.average(),
            "metric_name": "average_accuracy",
            "accuracy": local.average(),
            "forgetting": local.forgetting(),
            "backward_transfer": local.backward_transfer(),
            "backprop_accuracy": backprop.average(),
            "backprop_forgetting": backprop.forgetting(),
            "backprop_backward_transfer": backprop.backward_transfer(),
            "neurons": layer.len(),
        });
        Ok(Outcome {
            line,
            learned: layer.tensors(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_of_a_table() {
        let table = Table(vec![
            vec![0.9, 0.0, 0.0],
            vec![1.0, 0.8, 0.0],
            vec![0.5, 0.7, 0.6],
        ]);
        assert!((table.average() - 0.6).abs() < 1e-12);
        assert!((table.forgetting() - (0.5 + 0.1) / 2.0).abs() < 1e-12);
        assert!((table.backward_transfer() - (-0.4 - 0.1) / 2.0).abs() < 1e-12);
        assert_eq!(Table(vec![vec![0.5]]).forgetting(), 0.0);
    }
}
