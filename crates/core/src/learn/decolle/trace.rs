//! What has arrived through a projection, as the neurons behind it see it: the derivative of their gaps by its weights.

use crate::kernel::Layout;
use crate::learn::online::Filter;
use crate::neuron::Lanes;
use crate::num::Aligned;
use crate::sim::Signal;

/// The trace of each input of a projection, and of its bias, over a chunk of steps.
#[derive(Debug, Default)]
pub(super) struct Trace<R> {
    /// `[states][width]`, and of the bias `[states]`.
    state: Aligned<R>,
    still: Vec<R>,
    next: Aligned<R>,
    /// `[step][width]`, and of the bias `[step]`.
    seen: Aligned<R>,
    bias: Vec<R>,
    z: Aligned<R>,
    width: usize,
}

impl<R: Lanes> Trace<R> {
    /// All zero, for so many inputs.
    pub fn begin(&mut self, filter: &Filter<R>, width: usize) {
        self.width = width;
        self.state.resize(filter.states * width);
        self.state.fill(R::ZERO);
        self.still.clear();
        self.still.resize(filter.states, R::ZERO);
        self.next.resize(filter.states * width);
        self.z.resize(width);
    }

    /// Takes in `steps` steps of what arrives as a current (port 0) or as a pulse (port 1).
    pub fn follow(
        &mut self,
        filter: &Filter<R>,
        source: &Signal<'_, R>,
        (port, steps): (usize, usize),
    ) {
        self.seen.resize(steps * self.width);
        self.bias.resize(steps, R::ZERO);
        for t in 0..steps {
            self.z.fill(R::ZERO);
            source.nonzeros(0, t, |i, v| self.z[i] = v);
            let seen = &mut self.seen[t * self.width..][..self.width];
            let (s, next, z) = (&mut self.state, &mut self.next, &self.z);
            R::vectorize(
                #[inline(always)]
                || step(filter, port, (s, next), z, seen),
            );
            let mut all = vec![R::ZERO; filter.states];
            let seen = std::slice::from_mut(&mut self.bias[t]);
            step(filter, port, (&mut self.still, &mut all), &[R::ONE], seen);
        }
    }

    /// The trace of a chunk of so many steps.
    pub fn signal(&self, steps: usize) -> Signal<'_, R> {
        Signal::Dense {
            data: &self.seen,
            layout: Layout::by_step(steps, 1, self.width),
            row: self.width,
        }
    }

    /// That of the bias, by step.
    pub fn bias(&self) -> &[R] {
        &self.bias
    }
}

/// One step of all inputs: `seen = c s + d z`, `s <- P s + b z`.
#[inline(always)]
fn step<R: Lanes>(
    filter: &Filter<R>,
    port: usize,
    (state, next): (&mut [R], &mut [R]),
    z: &[R],
    seen: &mut [R],
) {
    let (states, width) = (filter.states, z.len());
    let row = |n: usize| n * width..(n + 1) * width;
    let d = filter.instant[port];
    seen.iter_mut().zip(z).for_each(|(y, &z)| *y = d * z);
    for n in 0..states {
        let c = filter.sees[n];
        seen.iter_mut()
            .zip(&state[row(n)])
            .for_each(|(y, &s)| *y += c * s);
    }
    for i in 0..states {
        let (b, next) = (filter.gain[port][i], &mut next[row(i)]);
        next.iter_mut().zip(z).for_each(|(s, &z)| *s = b * z);
        for n in 0..states {
            let p = filter.step[i * states + n];
            next.iter_mut()
                .zip(&state[row(n)])
                .for_each(|(s, &old)| *s += p * old);
        }
    }
    state.copy_from_slice(next);
}
