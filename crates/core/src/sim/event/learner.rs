//! What sees all spikes of a run, and may change weights by them.

use super::Spike;

/// What a projection of an engine leads from and to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link<'a> {
    /// The node whose output reaches the population behind.
    pub node: &'a str,
    /// The population before, by its place in [`Engine::populations`](super::Engine::populations).
    pub from: usize,
    /// The population behind.
    pub to: usize,
    /// Neurons of both.
    pub size: [usize; 2],
}

/// Weights that change while an engine runs, see [`Engine::run_with`](super::Engine::run_with).
///
/// A projection is a number: its place in [`Engine::projections`](super::Engine::projections).
///
/// ```
/// use cortado::{network::{Network, NetworkSpec}, sim::event::{Engine, Learner, Spike}};
/// /// One weight, which grows by 1 after each spike that it passes on.
/// struct Growing(f64, Vec<f64>);
/// impl Learner for Growing {
///     fn learns(&self, projection: usize) -> bool {
///         projection == 0
///     }
///     fn arrive(&mut self, _: f64, _: usize, _: usize, weights: &mut [f64]) {
///         weights[0] = self.0;
///         self.0 += 1.0;
///     }
///     fn fire(&mut self, spike: Spike) {
///         self.1.push(spike.t);
///     }
/// }
/// let spec = NetworkSpec::new(1e-3).linear("w", 1).population("p", "if", &[("v_threshold", 2.5)]);
/// let mut engine = Engine::new(&Network::<f64>::new(&[1], &spec, 0).unwrap()).unwrap();
/// (1..4).for_each(|t| engine.feed(f64::from(t), 0).unwrap());
/// let mut learner = Growing(1.0, Vec::new());
/// engine.run_with(4.0, &mut learner).unwrap();
/// assert_eq!((learner.0, learner.1), (4.0, vec![2.0, 3.0]));
/// ```
pub trait Learner {
    /// Whether the weights of a projection are the learner's; always the same for a projection.
    fn learns(&self, projection: usize) -> bool;

    /// A spike of neuron `from` arrives at `t` seconds over a projection that learns: the weights that it meets are written, one
    /// for each neuron of the population behind, in place of zeros.
    fn arrive(&mut self, t: f64, projection: usize, from: usize, weights: &mut [f64]);

    /// A neuron fires. What arrives at its time in its population has arrived.
    fn fire(&mut self, spike: Spike);
}

/// Hands spikes on, and learns nothing.
pub(super) struct Sink<F>(pub F);

impl<F: FnMut(Spike)> Learner for Sink<F> {
    #[inline(always)]
    fn learns(&self, _: usize) -> bool {
        false
    }

    fn arrive(&mut self, _: f64, _: usize, _: usize, _: &mut [f64]) {}

    #[inline(always)]
    fn fire(&mut self, spike: Spike) {
        (self.0)(spike);
    }
}
