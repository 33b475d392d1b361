//! The clock-driven engine: a block of samples forward over all steps, and the adjoint back.

use super::TILE;
use super::kernel::{Backward, Forward, Incoming, Port, Rules, Source, Term};
use crate::network::{Network, Population, Weights};
use crate::neuron::{Arrivals, Lanes, Output, Pulse, Threshold};
use crate::num::{Float, Mat};
use crate::spikes::{Spikes, push_bits};
use crate::{Error, Result};
use rayon::prelude::*;

/// What goes into a network.
#[derive(Clone, Debug)]
pub enum Input<R> {
    /// Spikes.
    Spikes(Spikes),
    /// A current `[samples][inputs]` that stays the same for all steps: its product with the weights is taken once.
    Current {
        /// Number of samples.
        samples: usize,
        /// Number of steps.
        steps: usize,
        /// `[samples][inputs]`
        data: Vec<R>,
    },
}

impl<R> Input<R> {
    /// Number of samples and of steps.
    pub fn extent(&self) -> (usize, usize) {
        match self {
            Self::Spikes(s) => (s.samples, s.steps),
            Self::Current { samples, steps, .. } => (*samples, *steps),
        }
    }
}

/// What one population did.
pub struct Activity<R> {
    /// Its spikes.
    pub spikes: Spikes,
    /// The membrane before the reset of a readout, `[samples][steps][tiles * 64]`; empty otherwise.
    pub membrane: Vec<R>,
    tape: Vec<R>,
    width: usize,
}

/// What a run left.
pub struct Record<R> {
    /// One for each population.
    pub activity: Vec<Activity<R>>,
}

/// Gradients, in the order of [`Network::weights_mut`].
pub type Gradients<R> = Vec<Weights<R>>;

/// The error of the last population's output.
pub struct OutputError<R> {
    /// The same for each step, `[samples][tiles * 64]`, or one for each, `[samples][steps][tiles * 64]`.
    pub data: Vec<R>,
    /// Whether it stays the same for all steps.
    pub constant: bool,
}

impl<R: Lanes> Network<R> {
    /// Runs a block of samples from rest, keeping a tape for [`Network::backward`] if `train`.
    ///
    /// # Errors
    /// An input of another width, no steps or no samples, a value that is not finite.
    pub fn forward(&self, input: &Input<R>, train: bool) -> Result<Record<R>> {
        let (samples, steps) = input.extent();
        let width = match input {
            Input::Spikes(s) => s.width,
            Input::Current { data, .. } => data.len() / samples.max(1),
        };
        if width != self.inputs || samples == 0 || steps == 0 {
            return Err(Error::invalid(
                "input",
                "the network",
                format!("{} inputs, at least one sample and step", self.inputs),
                format!("{width} inputs, {samples} samples, {steps} steps"),
            ));
        }
        if let Input::Current { data, .. } = input
            && data.iter().any(|v| !v.finite())
        {
            return Err(Error::invalid(
                "value",
                "the input",
                "finite currents",
                "NaN or infinity",
            ));
        }
        if matches!(input, Input::Current { .. })
            && self.pulse_port() == Port::Pulse
            && self.populations[0].recurrent.is_some()
        {
            return Err(Error::invalid(
                "input",
                "a recurrent population",
                "spikes, or pulses of the convention 'box'",
                "a current",
            ));
        }
        let mut activity: Vec<Activity<R>> = Vec::new();
        for p in &self.populations {
            let next = match activity.last() {
                None => self.run(p, input, train),
                Some(before) => self.run(p, &Input::Spikes(before.spikes.clone()), train),
            };
            if next.membrane.iter().any(|v| !v.finite()) {
                return Err(Error::invalid(
                    "membrane",
                    format!("population '{}'", p.spec.name),
                    "finite values",
                    "NaN or infinity",
                ));
            }
            activity.push(next);
        }
        Ok(Record { activity })
    }

    fn rules(&self) -> Rules {
        let c = &self.spec.convention;
        Rules {
            before: c.arrivals == Arrivals::BeforeFlow,
            at_threshold: c.threshold == Threshold::Ge,
            smooth: self.smooth.then_some(self.spec.surrogate),
        }
    }

    fn pulse_port(&self) -> Port {
        match self.spec.convention.pulse {
            Pulse::Dirac => Port::Pulse,
            Pulse::Box => Port::Current,
        }
    }

    fn run(&self, p: &Population<R>, input: &Input<R>, train: bool) -> Activity<R> {
        let (samples, steps) = input.extent();
        let (tiles, states) = (p.tiles(), p.model.states());
        let width = states + if p.model.affine() { 0 } else { 2 };
        let currents = match input {
            Input::Current { data, .. } => product(data, samples, &p.weights),
            Input::Spikes(_) => Vec::new(),
        };
        let readout = p.output() == Output::Membrane;
        let row = if readout { tiles * TILE } else { 0 };
        let mut fired = vec![0u64; samples * tiles * steps];
        let mut tape = vec![
            R::ZERO;
            if train {
                samples * tiles * steps * width * TILE
            } else {
                0
            }
        ];
        let mut membrane = vec![R::ZERO; samples * steps * row];
        let chunk = |len: usize| (len / samples).max(1);
        let (tape_chunk, membrane_chunk) = (chunk(tape.len()), chunk(membrane.len()));
        let jobs: Vec<_> = {
            let mut tapes = tape.chunks_mut(tape_chunk);
            let mut membranes = membrane.chunks_mut(membrane_chunk);
            fired
                .chunks_mut(tiles * steps)
                .map(|f| (f, tapes.next(), membranes.next()))
                .collect()
        };
        jobs.into_par_iter()
            .enumerate()
            .for_each(|(b, (fired, mut tape, mut membrane))| {
                let mut state: Vec<R> = (0..tiles)
                    .flat_map(|_| p.rest.iter().flat_map(|&r| std::iter::repeat_n(r, TILE)))
                    .collect();
                // Row t holds the spikes of step t - 1.
                let mut own = vec![0u32; 2];
                let mut own_index: Vec<u32> = Vec::new();
                // A loop needs all tiles of a step before the next step; without one, a tile runs through.
                let stride = if p.recurrent.is_some() { 1 } else { steps };
                for t in (0..steps).step_by(stride) {
                    for tile in 0..tiles {
                        let outside = match input {
                            Input::Spikes(s) => Term {
                                port: self.pulse_port(),
                                source: Source::Rows {
                                    offsets: &s.offsets,
                                    index: &s.index,
                                    values: None,
                                    first: b * steps,
                                    weights: p.weights.tile(tile),
                                },
                            },
                            Input::Current { .. } => Term {
                                port: Port::Current,
                                source: Source::Constant(
                                    &currents[(b * tiles + tile) * TILE..][..TILE],
                                ),
                            },
                        };
                        let inside = p.recurrent.as_ref().map(|w| Term {
                            port: self.pulse_port(),
                            source: Source::Rows {
                                offsets: &own,
                                index: &own_index,
                                values: None,
                                first: 0,
                                weights: w.tile(tile),
                            },
                        });
                        let terms: Vec<Term<'_, R>> =
                            std::iter::once(outside).chain(inside).collect();
                        p.model.forward(&mut Forward {
                            constants: &p.constants,
                            rules: self.rules(),
                            terms: &terms,
                            first: t,
                            steps: stride,
                            state: &mut state[tile * states * TILE..][..states * TILE],
                            tape: tape.as_deref_mut().map(|x| {
                                &mut x[(tile * steps + t) * width * TILE..][..stride * width * TILE]
                            }),
                            width,
                            fired: &mut fired[tile * steps + t..][..stride],
                            membrane: membrane
                                .as_deref_mut()
                                .map(|x| (&mut x[t * row + tile * TILE..], row)),
                            graded: None,
                        });
                    }
                    if p.recurrent.is_some() {
                        (0..tiles).for_each(|tile| {
                            push_bits(fired[tile * steps + t], tile, p.spec.n, &mut own_index)
                        });
                        own.push(own_index.len() as u32);
                    }
                }
            });
        Activity {
            spikes: Spikes::from_bits(samples, steps, p.spec.n, &fired),
            membrane,
            tape,
            width,
        }
    }

    /// Gradients by all weights, from the error of the last population's output; consumes the record.
    pub fn backward(
        &self,
        input: &Input<R>,
        mut record: Record<R>,
        error: &OutputError<R>,
    ) -> Gradients<R> {
        let (samples, steps) = input.extent();
        let mut all = Vec::new();
        let mut down: Option<Vec<R>> = None;
        for (l, p) in self.populations.iter().enumerate().rev() {
            let Activity {
                spikes,
                mut tape,
                width,
                ..
            } = record.activity.pop().unwrap_or_else(|| Activity {
                spikes: Spikes::builder(0, 0, 0),
                membrane: Vec::new(),
                tape: Vec::new(),
                width: 1,
            });
            let port = match input {
                Input::Current { .. } if l == 0 => Port::Current,
                _ => self.pulse_port(),
            };
            self.adjoint(
                p,
                samples,
                steps,
                &mut tape,
                width,
                error,
                down.as_deref(),
                port,
            );
            let errors = Errors {
                tape: &tape,
                width,
                samples,
                steps,
                tiles: p.tiles(),
            };
            let recurrent = p
                .recurrent
                .as_ref()
                .map(|w| errors.by_weights(&spikes, 1, w));
            let before = record.activity.last().map(|a| &a.spikes);
            let gradient = match (before, input) {
                (Some(s), _) | (None, Input::Spikes(s)) => errors.by_weights(s, 0, &p.weights),
                (None, Input::Current { data, .. }) => errors.by_current(data, &p.weights),
            };
            down = (l > 0).then(|| errors.down(&p.weights));
            all.extend(recurrent);
            all.push(gradient);
        }
        all.reverse();
        all
    }

    #[allow(clippy::too_many_arguments)]
    fn adjoint(
        &self,
        p: &Population<R>,
        samples: usize,
        steps: usize,
        tape: &mut [R],
        width: usize,
        error: &OutputError<R>,
        down: Option<&[R]>,
        port: Port,
    ) {
        let (tiles, states) = (p.tiles(), p.model.states());
        let row = tiles * TILE;
        let initial: Vec<R> = p
            .rest
            .iter()
            .flat_map(|&r| std::iter::repeat_n(r, TILE))
            .collect();
        tape.par_chunks_mut(tape.len() / samples)
            .enumerate()
            .for_each(|(b, tape)| {
                let mut carry = vec![R::ZERO; tiles * states * TILE];
                let mut own = vec![R::ZERO; if p.recurrent.is_some() { row } else { 0 }];
                let stride = if p.recurrent.is_some() { 1 } else { steps };
                for t in (0..steps).step_by(stride).rev() {
                    for tile in 0..tiles {
                        let outside = match down {
                            Some(data) => Incoming::Each {
                                data,
                                offset: b * steps * row + tile * TILE,
                                stride: row,
                            },
                            None if error.constant => {
                                Incoming::Constant(&error.data[b * row + tile * TILE..][..TILE])
                            }
                            None => Incoming::Each {
                                data: &error.data,
                                offset: b * steps * row + tile * TILE,
                                stride: row,
                            },
                        };
                        let inside = match p.recurrent {
                            Some(_) => Incoming::Constant(&own[tile * TILE..][..TILE]),
                            None => Incoming::Zero,
                        };
                        let readout = p.output() == Output::Membrane;
                        p.model.backward(&mut Backward {
                            constants: &p.constants,
                            rules: self.rules(),
                            surrogate: self.spec.surrogate,
                            detach: self.spec.detach_reset,
                            first: t,
                            steps: stride,
                            initial: &initial,
                            carry: &mut carry[tile * states * TILE..][..states * TILE],
                            tape: &mut tape[tile * steps * width * TILE..][..steps * width * TILE],
                            width,
                            pulse_column: (port == Port::Pulse).then_some(0),
                            current_column: (port == Port::Current).then_some(0),
                            spikes: [if readout { Incoming::Zero } else { outside }, inside],
                            membrane: if readout { outside } else { Incoming::Zero },
                            by_constants: None,
                        });
                    }
                    if let Some(w) = &p.recurrent {
                        own.fill(R::ZERO);
                        for tile in 0..tiles {
                            let delta = &tape[(tile * steps + t) * width * TILE..][..TILE];
                            for i in 0..p.spec.n {
                                let weights = &w.tile(tile)[i * TILE..][..TILE];
                                own[i] += delta
                                    .iter()
                                    .zip(weights)
                                    .fold(R::ZERO, |s, (&d, &w)| s + d * w);
                            }
                        }
                    }
                }
            });
    }
}

/// `[samples][tiles * 64]`: a current times the weights.
fn product<R: Float>(data: &[R], samples: usize, w: &Weights<R>) -> Vec<R> {
    let row = w.outputs.div_ceil(TILE) * TILE;
    let mut out = vec![R::ZERO; samples * row];
    out.par_chunks_mut(16 * row)
        .zip(data.par_chunks(16 * w.inputs))
        .for_each(|(out, data)| {
            for tile in 0..row / TILE {
                let a = Mat {
                    data,
                    rs: w.inputs,
                    cs: 1,
                };
                let b = Mat {
                    data: w.tile(tile),
                    rs: TILE,
                    cs: 1,
                };
                R::gemm(
                    data.len() / w.inputs,
                    w.inputs,
                    TILE,
                    a,
                    b,
                    false,
                    &mut out[tile * TILE..],
                    row,
                );
            }
        });
    out
}

/// The errors that an adjoint left on the tape: `[samples][tiles][steps][width][64]`, the first column.
struct Errors<'a, R> {
    tape: &'a [R],
    width: usize,
    samples: usize,
    steps: usize,
    tiles: usize,
}

impl<R: Float> Errors<'_, R> {
    fn row(&self, sample: usize, tile: usize, step: usize) -> &[R] {
        &self.tape[((sample * self.tiles + tile) * self.steps + step) * self.width * TILE..][..TILE]
    }

    /// Sum over samples and steps of (spike `delay` steps ago) times error; samples in order within a tile.
    fn by_weights(&self, spikes: &Spikes, delay: usize, like: &Weights<R>) -> Weights<R> {
        let mut out = Weights::zeros(like.inputs, like.outputs);
        out.data
            .par_chunks_mut(like.inputs * TILE)
            .enumerate()
            .for_each(|(tile, out)| {
                R::vectorize(
                    #[inline(always)]
                    || {
                        for b in 0..self.samples {
                            for t in delay..self.steps {
                                let error = self.row(b, tile, t);
                                for &i in spikes.row(b, t - delay) {
                                    for (o, &e) in
                                        out[i as usize * TILE..][..TILE].iter_mut().zip(error)
                                    {
                                        *o += e;
                                    }
                                }
                            }
                        }
                    },
                );
            });
        out
    }

    /// Sum over samples of (current) times (error summed over steps).
    fn by_current(&self, data: &[R], like: &Weights<R>) -> Weights<R> {
        let mut out = Weights::zeros(like.inputs, like.outputs);
        out.data
            .par_chunks_mut(like.inputs * TILE)
            .enumerate()
            .for_each(|(tile, out)| {
                let mut sums = vec![R::ZERO; self.samples * TILE];
                for (b, sum) in sums.chunks_mut(TILE).enumerate() {
                    for t in 0..self.steps {
                        sum.iter_mut()
                            .zip(self.row(b, tile, t))
                            .for_each(|(s, &e)| *s += e);
                    }
                }
                let a = Mat {
                    data,
                    rs: 1,
                    cs: like.inputs,
                };
                R::gemm(
                    like.inputs,
                    self.samples,
                    TILE,
                    a,
                    Mat {
                        data: &sums,
                        rs: TILE,
                        cs: 1,
                    },
                    false,
                    out,
                    TILE,
                );
            });
        out
    }

    /// Errors of the spikes that came in: `[samples][steps][tiles of the inputs * 64]`.
    fn down(&self, w: &Weights<R>) -> Vec<R> {
        let row = w.inputs.div_ceil(TILE) * TILE;
        let mut out = vec![R::ZERO; self.samples * self.steps * row];
        out.par_chunks_mut(self.steps * row)
            .enumerate()
            .for_each(|(b, out)| {
                for tile in 0..self.tiles {
                    let data =
                        &self.tape[(b * self.tiles + tile) * self.steps * self.width * TILE..];
                    let a = Mat {
                        data,
                        rs: self.width * TILE,
                        cs: 1,
                    };
                    let weights = Mat {
                        data: w.tile(tile),
                        rs: 1,
                        cs: TILE,
                    };
                    R::gemm(self.steps, TILE, w.inputs, a, weights, tile > 0, out, row);
                }
            });
        out
    }
}
