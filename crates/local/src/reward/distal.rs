//! Distal reward: one synapse among 80,000 earns a reward that comes seconds later.

use super::{Rule, Synapses};
use crate::range::{ANY, NOT_NEGATIVE, fits, within};
use crate::{Data, Error, Experiment, Log, Outcome, Result, Tensor};
use cortado::neuron::{Convention, Izhikevich, Neuron, Reset};
use cortado::num::Float;
use cortado_base::rng::{Purpose, Rng};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A reward that comes late finds the synapse that earned it: experiment 1 of `izhikevich2007`.
///
/// Regular-spiking and fast-spiking neurons fire at random under noise. Whenever the neuron behind one synapse fires soon after
/// the neuron before it, a reward follows one to three seconds later. Weights of excitatory synapses change by the [`Rule`].
///
/// # Units
/// Weights and noise in mV per ms, as in the paper; times in seconds.
///
/// # References
/// `izhikevich2007`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DistalReward {
    /// Seeds that run side by side, from that of the run on.
    pub seeds: u32,
    /// Minutes of model time.
    pub minutes: u32,
    /// Excitatory neurons.
    pub excitatory: usize,
    /// Inhibitory neurons.
    pub inhibitory: usize,
    /// Synapses of a neuron.
    pub synapses: usize,
    /// Weight of excitatory synapses at the start, and of inhibitory ones, there with a minus, always.
    pub weight: f64,
    /// Width of the noise, uniform around 0.
    pub noise: f64,
    /// Longest time between the two spikes.
    pub coincidence: f64,
    /// A reward.
    pub reward: f64,
    /// Shortest and longest time to a reward.
    pub wait: [f64; 2],
    /// What the rewarded synapse must reach.
    pub reach: f64,
    /// What the mean of the others must stay below.
    pub below: f64,
    /// How synapses change.
    pub synapse: Rule,
}

impl Default for DistalReward {
    fn default() -> Self {
        Self {
            seeds: 1,
            minutes: 60,
            excitatory: 800,
            inhibitory: 200,
            synapses: 100,
            weight: 1.0,
            noise: 13.0,
            coincidence: 20e-3,
            reward: 0.5,
            wait: [1.0, 3.0],
            reach: 3.5,
            below: 0.5,
            synapse: Rule::default(),
        }
    }
}

impl DistalReward {
    fn check(&self) -> Result<()> {
        let wrong = |at: &str, expected: &str, got: String| {
            Err(Error::invalid("distal_reward", at, expected, got))
        };
        let neurons = self.excitatory.saturating_add(self.inhibitory);
        if self.excitatory == 0 || self.synapses == 0 || neurons > 1 << 20 {
            let got = format!("{}, {}", self.excitatory, self.synapses);
            return wrong("excitatory, synapses", "from 1 to 2^20", got);
        }
        if neurons < 2 {
            return wrong(
                "excitatory, inhibitory",
                "2 neurons at least",
                neurons.to_string(),
            );
        }
        if self.synapses > 1 << 14 {
            return wrong("synapses", "at most 2^14", self.synapses.to_string());
        }
        if !(1..=1000).contains(&self.seeds) || self.minutes == 0 {
            let got = format!("{}, {}", self.seeds, self.minutes);
            return wrong("seeds, minutes", "1 to 1000, at least 1", got);
        }
        let worlds = self.seeds as usize;
        fits(
            "synapses",
            "distal_reward",
            &[worlds, neurons, self.synapses],
        )?;
        let [a, b] = self.wait;
        let dt = self.synapse.dt;
        within(
            "distal_reward",
            &[
                ("weight", self.weight, NOT_NEGATIVE),
                ("noise", self.noise, NOT_NEGATIVE),
                ("coincidence", self.coincidence, NOT_NEGATIVE),
                ("reward", self.reward, ANY),
                ("wait[0]", a, NOT_NEGATIVE),
                ("wait[1]", b, NOT_NEGATIVE),
                ("reach", self.reach, ANY),
                ("below", self.below, ANY),
                ("synapse.dt", dt, 1e-6..=1e-2),
            ],
        )?;
        if a >= b {
            return wrong("wait", "two times, rising", format!("{a}, {b}"));
        }
        Ok(())
    }
}

/// One seed of the experiment, as it stands.
struct World<'a> {
    spec: &'a DistalReward,
    seed: u64,
    /// Excitatory synapses.
    plastic: Synapses,
    /// Targets of the inhibitory ones.
    fixed: Vec<u32>,
    v: Vec<f32>,
    u: Vec<f32>,
    /// Current of the step to come.
    drive: Vec<f32>,
    fired: Vec<u32>,
    step: u64,
    /// Step at which the neuron before the synapse fired last.
    before: Option<u64>,
    /// Steps at which a reward is due.
    due: Vec<u64>,
    /// Rewards and spikes since the last report.
    counts: [u64; 3],
}

impl<'a> World<'a> {
    fn new(spec: &'a DistalReward, seed: u64) -> Result<Self> {
        let n = spec.excitatory + spec.inhibitory;
        let mut rng = Rng::new(seed, 0, Purpose::Weights, 0);
        let mut list = Vec::with_capacity(spec.excitatory * spec.synapses);
        for i in 0..spec.excitatory {
            for _ in 0..spec.synapses {
                list.push((i as u32, rng.below(n as u32), spec.weight));
            }
        }
        list[0].2 = spec.synapse.low;
        // Onto another neuron: one onto itself would never see its two spikes in order.
        while list[0].1 == 0 {
            list[0].1 = rng.below(n as u32);
        }
        let fixed = (0..spec.inhibitory * spec.synapses)
            .map(|_| rng.below(spec.excitatory as u32))
            .collect();
        let [v, u] = Izhikevich::<false>::rest(&params(false)).map(|x| vec![x as f32; n]);
        Ok(Self {
            spec,
            seed,
            plastic: Synapses::new(&spec.synapse, [spec.excitatory, n], &list)?,
            fixed,
            v,
            u,
            drive: vec![0.0; n],
            fired: Vec::new(),
            step: 0,
            before: None,
            due: Vec::new(),
            counts: [0; 3],
        })
    }

    /// A step: spikes of the last one arrive, neurons move, synapses remember, a reward may be due.
    fn step(&mut self) {
        self.arrive();
        self.fired.clear();
        let dt = self.spec.synapse.dt;
        let halves = [0..self.spec.excitatory, self.spec.excitatory..self.v.len()];
        for (range, fast) in halves.into_iter().zip([false, true]) {
            let (half, k) = (constants(fast, dt / 2.0), constants(fast, dt));
            let (v, u) = (&mut self.v[range.clone()], &mut self.u[range.clone()]);
            advance([&half, &k], v, u, &self.drive[range.clone()]);
            for i in 0..v.len() {
                if v[i] >= THRESHOLD {
                    [v[i], u[i]] = Izhikevich::<false>::reset(&k, [v[i], u[i]], 1.0);
                    self.fired.push((range.start + i) as u32);
                }
            }
        }
        let split = self
            .fired
            .partition_point(|&i| (i as usize) < self.spec.excitatory);
        self.counts[1] += split as u64;
        self.counts[2] += (self.fired.len() - split) as u64;
        self.plastic.step(&self.fired[..split], &self.fired);
        self.step += 1;
        self.watch();
    }

    /// The noise and the spikes of the last step.
    fn arrive(&mut self) {
        let mut rng = Rng::new(self.seed, 0, Purpose::Encode, self.step);
        let width = self.spec.noise as f32;
        for x in &mut self.drive {
            *x = width * (rng.uniform_f32() - 0.5);
        }
        for &i in &self.fired {
            match (i as usize).checked_sub(self.spec.excitatory) {
                None => {
                    for (j, w) in self.plastic.from_input(i as usize) {
                        self.drive[j] += w;
                    }
                }
                Some(i) => {
                    for &j in &self.fixed[i * self.spec.synapses..(i + 1) * self.spec.synapses] {
                        self.drive[j as usize] -= self.spec.weight as f32;
                    }
                }
            }
        }
    }

    /// Promises a reward if the two neurons have just fired in order, and gives those that are due.
    fn watch(&mut self) {
        let dt = self.spec.synapse.dt;
        let post = self.plastic.from_input(0).next().map(|s| s.0 as u32);
        let now = self.step;
        if self.fired.first() == Some(&0) {
            self.before = Some(now);
        }
        if post.is_some_and(|p| self.fired.contains(&p))
            && let Some(before) = self.before
            && before < now
            && ((now - before) as f64) * dt < self.spec.coincidence
        {
            let [a, b] = self.spec.wait;
            let wait = a + (b - a) * Rng::new(self.seed, 0, Purpose::Other, now).uniform();
            self.due.push(now + (wait / dt).ceil() as u64);
        }
        let open = self.due.len();
        self.due.retain(|&at| at > now);
        for _ in self.due.len()..open {
            self.plastic.reward(self.spec.reward);
            self.counts[0] += 1;
        }
    }

    /// All weights, the rewarded one first.
    fn weights(&self) -> &[f32] {
        self.plastic.weights()
    }

    /// A minute; the rewarded weight, the mean and the largest of the others, rewards, rates of both kinds.
    ///
    /// # Errors
    /// A membrane that has left the numbers.
    fn minute(&mut self) -> Result<Minute> {
        let steps = (60.0 / self.spec.synapse.dt).round() as u64;
        self.counts = [0; 3];
        for _ in 0..steps {
            self.step();
        }
        if !self.v.iter().all(|v| v.is_finite()) {
            let at = format!("distal_reward, step {}", self.step);
            return Err(Error::invalid("membrane", at, "a finite voltage", "none"));
        }
        let (first, others) = self.plastic.weights().split_at(1);
        let sum: f64 = others.iter().map(|&w| f64::from(w)).sum();
        let rate = |spikes: u64, n: usize| spikes as f64 / 60.0 / n.max(1) as f64;
        Ok(Minute {
            weight: f64::from(first[0]),
            mean: sum / others.len().max(1) as f64,
            largest: others
                .iter()
                .copied()
                .fold(f32::NEG_INFINITY, f32::max)
                .into(),
            rewards: self.counts[0],
            rates: [
                rate(self.counts[1], self.spec.excitatory),
                rate(self.counts[2], self.spec.inhibitory),
            ],
        })
    }
}

/// What a minute came to.
struct Minute {
    weight: f64,
    mean: f64,
    largest: f64,
    rewards: u64,
    rates: [f64; 2],
}

/// Membrane at which a spike is seen, mV.
const THRESHOLD: f32 = 30.0;

/// `a, b, d, v_threshold, v_reset, t_ref` of a regular-spiking or fast-spiking neuron.
fn params(fast: bool) -> [f64; 6] {
    let [a, d] = if fast { [0.1, 2.0] } else { [0.02, 8.0] };
    [a, 0.2, d, THRESHOLD.into(), -65.0, 0.0]
}

fn constants(fast: bool, h: f64) -> [f32; 7] {
    let p = params(fast).map(|x| x as f32);
    Izhikevich::<false>::discretise(&p, &Convention::default(), Reset::Value, h as f32)
}

/// A step as in the paper: the membrane in two halves, then its recovery in one, under a constant current.
fn advance([half, whole]: [&[f32; 7]; 2], v: &mut [f32], u: &mut [f32], drive: &[f32]) {
    f32::vectorize(
        #[inline(always)]
        || {
            for ((v, u), &x) in v.iter_mut().zip(u).zip(drive) {
                let [middle, _] = Izhikevich::<false>::flow(half, [*v, *u], x);
                let [end, _] = Izhikevich::<false>::flow(half, [middle, *u], x);
                [_, *u] = Izhikevich::<false>::flow(whole, [end, *u], x);
                *v = end;
            }
        },
    );
}

impl Experiment for DistalReward {
    fn wants_data(&self) -> bool {
        false
    }

    fn run(&self, seed: u64, _: Option<&Data<'_>>, log: Log<'_>) -> Result<Outcome> {
        self.check()?;
        let mut worlds = (0..u64::from(self.seeds))
            .map(|i| World::new(self, seed.wrapping_add(i)))
            .collect::<Result<Vec<_>>>()?;
        let mut line = json!({});
        let mut reached = vec![None; worlds.len()];
        for minute in 1..=self.minutes {
            let now = worlds.par_iter_mut().map(World::minute);
            let now = now.collect::<Result<Vec<Minute>>>()?;
            for (first, m) in reached.iter_mut().zip(&now) {
                if m.weight >= self.reach && m.mean < self.below {
                    first.get_or_insert(minute);
                }
            }
            let found = reached.iter().flatten().count();
            let each = |f: fn(&Minute) -> f64| now.iter().map(f).collect::<Vec<f64>>();
            line = json!({
                "minute": minute,
                "weight": each(|m| m.weight),
                "mean": each(|m| m.mean),
                "largest": each(|m| m.largest),
                "rewards": now.iter().map(|m| m.rewards).collect::<Vec<_>>(),
                "excitatory_hz": each(|m| m.rates[0]),
                "inhibitory_hz": each(|m| m.rates[1]),
                "reached": reached,
                "metric_name": "found",
                "metric": found as f64 / now.len().max(1) as f64,
            });
            log(line.clone())?;
        }
        let weights: Vec<f32> = worlds.iter().flat_map(World::weights).copied().collect();
        let shape = [worlds.len(), weights.len() / worlds.len().max(1)];
        Ok(Outcome {
            line,
            learned: vec![Tensor::new("weights", &shape, weights)],
        })
    }
}
