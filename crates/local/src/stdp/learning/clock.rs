//! Learning under the clock, step by step.

use super::Learning;
use super::projection::Projection;
use crate::{Error, Result};
use cortado::network::Network;
use cortado::neuron::Lanes;
use cortado::sim::clock::{Input, Probe, Record, State};

impl Learning {
    /// Runs a chunk of steps of one sample on from `state` while the weights of the network learn: see [`Network::advance`]. Chunks give
    /// the bits of one long run.
    ///
    /// What reaches synapses in a step changes them at its end: the next step is the first to see it.
    ///
    /// # Errors
    /// Several samples, or no steps; currents into weights that learn; a dendritic delay that is not a whole number of steps; a time that is not
    /// that of the last step; another network; as [`Network::advance`].
    ///
    /// ```
    /// use cortado::{network::{Network, NetworkSpec}, sim::clock::Input, spikes::Spikes};
    /// use cortado_local::stdp::{Learning, Pair, Timing};
    /// let spec = NetworkSpec::new(10e-3).linear("w", 1).population("p", "if", &[("v_threshold", 0.8)]);
    /// let mut net = Network::<f64>::new(&[1], &spec, 0).unwrap();
    /// net.set("w.weight", &[0.5]).unwrap();
    /// let mut learning = Learning::default();
    /// learning.add(&net, "w", Pair::default(), Timing::default()).unwrap();
    /// let input = Input::Spikes(Spikes::from_dense(1, 2, 1, &[1.0, 1.0]).unwrap());
    /// let mut state = net.rest(1);
    /// let record = learning.advance(&mut net, &mut state, &input, &[]).unwrap();
    /// assert_eq!(record.output, [0.0, 1.0]);
    /// let w = net.param("w.weight").unwrap().values()[0];
    /// assert!((w - 0.5 - 0.01 * (-0.5f64).exp()).abs() < 1e-15);
    /// ```
    pub fn advance<F: Lanes>(
        &mut self,
        net: &mut Network<F>,
        state: &mut State<F>,
        input: &Input<F>,
        probes: &[Probe],
    ) -> Result<Record<F>> {
        let dt = net.spec().dt;
        let back = self.check(net, input)?;
        let populations = self.populations();
        let mut wanted = probes.to_vec();
        wanted.extend(populations.iter().map(|name| Probe {
            node: name.clone(),
            what: "spikes".into(),
            neurons: Vec::new(),
        }));
        let mut all = Record {
            activity: Vec::new(),
            output: Vec::new(),
            traces: Vec::new(),
        };
        for step in 0..input.extent().1 {
            let now = input.slice(step..step + 1)?;
            let mut record = net.advance(state, &now, &wanted)?;
            let seen = record.traces.split_off(probes.len());
            let fired = |name: &str| -> Vec<usize> {
                let ones = |z: &[F]| (0..z.len()).filter(|&i| z[i] == F::ONE).collect();
                match (populations.iter().position(|p| p == name), &now) {
                    (Some(k), _) => ones(&seen[k].data),
                    (None, Input::Spikes(s)) => s.row(0, 0).iter().map(|&i| i as usize).collect(),
                    (None, _) => Vec::new(),
                }
            };
            let time = |delay: u64| (self.steps + delay) as f64 * dt;
            for (p, &back) in self.projections.iter_mut().zip(&back) {
                for i in fired(&p.from) {
                    p.synapses.pre(time(p.axonal(i)), i);
                }
                for j in fired(&p.to) {
                    p.synapses.post(time(back), j);
                }
                settle(p, time(1), net)?;
            }
            self.steps += 1;
            self.now = self.steps as f64 * dt;
            append(&mut all, record);
        }
        Ok(all)
    }

    /// Steps back to the synapses of each projection.
    fn check<F: Lanes>(&self, net: &Network<F>, input: &Input<F>) -> Result<Vec<u64>> {
        let dt = net.spec().dt;
        let size = |node: &str| net.shape(node).map(|s| s.iter().product());
        let learns = "projections that learn";
        let (samples, steps) = input.extent();
        if samples != 1 || steps == 0 {
            let got = format!("{samples} of {steps} steps");
            return Err(Error::invalid("samples", learns, "one, of some steps", got));
        }
        if self.now != self.steps as f64 * dt {
            let expected = format!("that after {} steps of {dt} s", self.steps);
            let got = format!("{} s", self.now);
            return Err(Error::invalid("time", learns, expected, got));
        }
        let spikes = matches!(input, Input::Spikes(_));
        let back = |p: &Projection| {
            let place = format!("'{}', which learns under the clock", p.node);
            let steps = (p.dendritic / dt).round();
            if [&p.from, &p.to].map(|n| size(n)) != [Some(p.inputs), Some(p.outputs)] {
                return Err(p.stranger());
            }
            if p.from == "input" && !spikes {
                return Err(Error::invalid("input", place, "spikes", "currents"));
            }
            if (steps * dt - p.dendritic).abs() > 1e-9 * dt.max(p.dendritic) {
                let expected = format!("a whole number of steps of {dt} s");
                let got = format!("{} s", p.dendritic);
                return Err(Error::invalid("dendritic delay", place, expected, got));
            }
            Ok(steps as u64)
        };
        self.projections.iter().map(back).collect()
    }

    /// The populations on either side of weights that learn.
    fn populations(&self) -> Vec<String> {
        let ends = self.projections.iter().flat_map(|p| [&p.from, &p.to]);
        let mut names: Vec<String> = ends.filter(|n| *n != "input").cloned().collect();
        names.sort();
        names.dedup();
        names
    }
}

/// What reaches synapses before `t` changes them, and the network's weights with them.
fn settle<F: Lanes>(p: &mut Projection, t: f64, net: &mut Network<F>) -> Result<()> {
    let (node, inputs) = (&p.node, p.inputs);
    let mut outcome = Ok(());
    p.synapses.settle(t, &mut |synapses, rows, columns| {
        let row = |&i: &usize| {
            let weights = synapses.row(i).enumerate();
            weights.map(move |(j, w)| (j * inputs + i, F::of(w)))
        };
        let column = |&j: &usize| {
            let weights = synapses.column(j).enumerate();
            weights.map(move |(i, w)| (j * inputs + i, F::of(w)))
        };
        let changed = rows.iter().flat_map(row);
        let changed = changed.chain(columns.iter().flat_map(column));
        if outcome.is_ok() {
            outcome = net.set_weights(node, changed);
        }
    });
    outcome
}

/// Adds a step to what is known of those before.
fn append<F: Lanes>(all: &mut Record<F>, step: Record<F>) {
    all.output.extend(step.output);
    if all.activity.is_empty() {
        (all.activity, all.traces) = (step.activity, step.traces);
        return;
    }
    for (a, b) in all.activity.iter_mut().zip(step.activity) {
        a.spikes += b.spikes;
    }
    for (a, b) in all.traces.iter_mut().zip(step.traces) {
        a.data.extend(b.data);
    }
}
