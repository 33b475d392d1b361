//! Delays of single weights in steps of the clock.

use super::{Delays, Network, NodeKind, Op, Param};
use crate::kernel::padded;
use crate::neuron::Lanes;
use crate::synapse::{Delay, Kernel, Linear, Taps};
use crate::{Error, Result};

/// A projection whose weights hold spikes back.
struct Held<'n, R> {
    linear: &'n Linear,
    spec: &'n Delays,
    delays: &'n Param<R>,
}

impl<R: Lanes> Network<R> {
    fn held(&self, node: usize) -> Option<Held<'_, R>> {
        let Op::Linear(linear) = &self.nodes[node].op else {
            return None;
        };
        let delays = match linear.delays? {
            Delay::Trained(k) => &self.params[k],
            Delay::Fixed(k) => &self.buffers[k],
        };
        match &self.spec.nodes.get(node.checked_sub(1)?)?.kind {
            NodeKind::Linear {
                delays: Some(spec), ..
            } => Some(Held {
                linear,
                spec,
                delays,
            }),
            _ => None,
        }
    }

    /// Takes over changed delays.
    pub(super) fn refresh_taps(&mut self) {
        for i in 0..self.nodes.len() {
            let kernel = |h: &Held<'_, R>| Kernel::of(h.spec.interpolate);
            let taps = self.held(i).map(|h| h.taps(kernel(&h), self.spec.dt));
            self.nodes[i].taps = taps;
        }
    }

    /// The taps that training has in place of those of a run, by node; empty if there are none.
    pub(crate) fn training_taps(&self) -> Vec<Option<Taps<R>>> {
        let dt = self.spec.dt;
        let of = |i: usize| {
            let h = self.held(i)?;
            let longest = match h.linear.delays {
                Some(Delay::Trained(_)) => h.delays.bounds.map_or(0.0, |[_, high]| high.value()),
                _ => h.delays.data.iter().fold(0.0, |m: f64, d| m.max(d.value())),
            } / dt;
            let kernel = Kernel::in_training(h.spec.interpolate, self.progress, longest)?;
            Some(h.taps(kernel, dt))
        };
        if self.nodes.iter().all(|n| n.taps.is_none()) {
            return Vec::new();
        }
        (0..self.nodes.len()).map(of).collect()
    }

    /// Whether the clock can hold spikes back for as long as the weights ask.
    #[inline]
    pub(crate) fn check_delays(&self) -> Result<()> {
        let wrong = |i: usize| Some((i, self.nodes[i].taps.as_ref()?.wrong?));
        match (0..self.nodes.len()).find_map(wrong) {
            None => Ok(()),
            Some((node, place)) => Err(self.wrong_delay(node, place)),
        }
    }

    /// Whether the steps of the clock have a derivative by all trained delays.
    pub(crate) fn check_trained_delays(&self) -> Result<()> {
        let stiff = |h: &Held<'_, R>| {
            h.spec.interpolate.is_none() && matches!(h.linear.delays, Some(Delay::Trained(_)))
        };
        match (0..self.nodes.len())
            .filter_map(|i| self.held(i))
            .find(stiff)
        {
            None => Ok(()),
            Some(h) => Err(Error::invalid(
                "trained delays",
                format!("'{}'", h.delays.name),
                "`interpolate`, without which steps have no derivative by them",
                "none",
            )),
        }
    }

    #[cold]
    fn wrong_delay(&self, node: usize, place: usize) -> Error {
        let name = &self.nodes[node].name;
        let Some(h) = self.held(node) else {
            return Error::invalid("delay", format!("node '{name}'"), "one", "none");
        };
        let number = self.params[h.linear.weight].places();
        let number = number.iter().position(|&p| p == place);
        let (output, input) = number.map_or((0, 0), |n| (n / h.linear.inputs, n % h.linear.inputs));
        let dt = self.spec.dt;
        let expected = match h.spec.interpolate {
            None => format!("a whole number of steps of {dt} s, up to 65536, or `interpolate`"),
            Some(_) => format!("up to 65536 steps of {dt} s"),
        };
        let got = format!("{} s", h.delay(place));
        let place = format!("weight [{output}, {input}] of node '{name}' under the clock");
        Error::invalid("delay", place, expected, got)
    }
}

impl<R: Lanes> Held<'_, R> {
    fn delay(&self, place: usize) -> R {
        let all = &self.delays.data;
        all[Delay::place(all.len(), self.linear.inputs, place)]
    }

    fn taps(&self, kernel: Kernel, dt: f64) -> Taps<R> {
        let count = self.linear.inputs * padded(self.linear.outputs);
        Taps::new(count, |place| self.delay(place), kernel, dt)
    }
}
