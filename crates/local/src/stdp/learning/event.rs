//! Learning without a clock.

use super::Learning;
use super::projection::Projection;
use crate::{Error, Result};
use cortado::sim::event::{Engine, Learner, Link, Spike};

impl Learning {
    /// Runs an engine up to `until` seconds, that time not included, while weights learn: see [`Engine::run`]. Pieces give the bits of
    /// the whole. What reaches synapses within the last nanosecond changes them in the next piece, as more may come at that moment.
    ///
    /// # Errors
    /// An engine of another network, or that stands at another time; as [`Engine::run`].
    pub fn run(&mut self, engine: &mut Engine, until: f64, sink: impl FnMut(Spike)) -> Result<()> {
        if engine.now() != self.now {
            let expected = format!("an engine at {} s", self.now);
            return Err(Error::invalid(
                "time",
                "projections that learn",
                expected,
                engine.now(),
            ));
        }
        let mut run = Run {
            places: self.places(engine)?,
            behind: self.behind(engine),
            projections: &mut self.projections,
            sink,
        };
        engine.run_with(until, &mut run)?;
        self.now = engine.now();
        for p in &mut self.projections {
            p.synapses.settle(self.now, &mut |_, _, _| ());
        }
        Ok(())
    }

    /// For each projection of an engine the one that learns.
    fn places(&self, engine: &Engine) -> Result<Vec<Option<usize>>> {
        let names: Vec<&str> = engine.populations().collect();
        let of = |link: Link<'_>| {
            let same = |p: &Projection| {
                let ends =
                    p.node == link.node && p.from == names[link.from] && p.to == names[link.to];
                ends && [p.inputs, p.outputs] == link.size
            };
            self.projections.iter().position(same)
        };
        let places: Vec<_> = engine.projections().map(of).collect();
        match (0..self.projections.len()).find(|&k| !places.contains(&Some(k))) {
            None => Ok(places),
            Some(k) => Err(self.projections[k].stranger()),
        }
    }

    /// For each population of an engine the projections onto it that learn.
    fn behind(&self, engine: &Engine) -> Vec<Vec<usize>> {
        let onto = |name: &str| {
            let all = self.projections.iter().enumerate();
            all.filter(|(_, p)| p.to == name).map(|(k, _)| k).collect()
        };
        engine.populations().map(onto).collect()
    }
}

/// The projections that learn, as an engine numbers them.
struct Run<'a, F> {
    places: Vec<Option<usize>>,
    behind: Vec<Vec<usize>>,
    projections: &'a mut [Projection],
    sink: F,
}

impl<F: FnMut(Spike)> Learner for Run<'_, F> {
    fn learns(&self, projection: usize) -> bool {
        self.places[projection].is_some()
    }

    fn arrive(&mut self, t: f64, projection: usize, from: usize, weights: &mut [f64]) {
        let Some(k) = self.places[projection] else {
            return;
        };
        let synapses = &mut self.projections[k].synapses;
        synapses.settle(t, &mut |_, _, _| ());
        let row = synapses.row(from);
        weights.iter_mut().zip(row).for_each(|(to, w)| *to = w);
        synapses.pre(t, from);
    }

    fn fire(&mut self, spike: Spike) {
        for &k in &self.behind[spike.population] {
            let p = &mut self.projections[k];
            p.synapses.post(spike.t + p.dendritic, spike.neuron);
        }
        (self.sink)(spike);
    }
}
