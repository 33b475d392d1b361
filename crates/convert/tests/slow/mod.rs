//! NIR's equations, node by node and step by step: slow, and written apart from the library.

use cortado::neuron::{ResetTime, Threshold};
use cortado_convert::nir::{Current, Discretisation, Gain, Options, ResetRule, Spike, TauUnit};
use cortado_interop::nir::{Graph, Kind, Padding, Tensor};
use std::collections::BTreeMap;

/// The step in seconds.
pub const DT: f64 = 1e-3;

/// What a node hands on in a step: currents, and pulses apart from them.
#[derive(Clone)]
pub struct Signal {
    pub current: Vec<f64>,
    pub pulse: Vec<f64>,
}

impl Signal {
    fn zero(n: usize) -> Self {
        Self {
            current: vec![0.0; n],
            pulse: vec![0.0; n],
        }
    }

    fn each(&self, f: impl Fn(&[f64]) -> Vec<f64>) -> Self {
        Self {
            current: f(&self.current),
            pulse: f(&self.pulse),
        }
    }
}

/// A graph that is stepped in the order of `order`; what comes from later nodes is of the step before.
pub struct Slow<'a> {
    graph: &'a Graph,
    order: Vec<&'a str>,
    shapes: BTreeMap<&'a str, Vec<usize>>,
    o: &'a Options,
    state: BTreeMap<&'a str, [Vec<f64>; 2]>,
    fired: BTreeMap<&'a str, Vec<f64>>,
    pub last: BTreeMap<&'a str, Signal>,
    past: BTreeMap<&'a str, Vec<Signal>>,
}

pub fn size(shape: &[usize]) -> usize {
    shape.iter().product()
}

impl<'a> Slow<'a> {
    pub fn new(graph: &'a Graph, order: &[(&'a str, &[usize])], o: &'a Options) -> Self {
        let shapes: BTreeMap<&str, Vec<usize>> =
            order.iter().map(|(n, s)| (*n, s.to_vec())).collect();
        let mut slow = Self {
            graph,
            order: order.iter().map(|n| n.0).collect(),
            state: BTreeMap::new(),
            fired: BTreeMap::new(),
            last: BTreeMap::new(),
            past: BTreeMap::new(),
            shapes,
            o,
        };
        for (&name, shape) in &slow.shapes {
            let n = size(shape);
            let rest = match &graph.nodes[name].kind {
                Kind::LIF { v_leak, .. }
                | Kind::LI { v_leak, .. }
                | Kind::CubaLI { v_leak, .. }
                | Kind::CubaLIF { v_leak, .. } => of(v_leak, n),
                _ => vec![0.0; n],
            };
            slow.state.insert(name, [rest, vec![0.0; n]]);
            slow.fired.insert(name, vec![0.0; n]);
            slow.last.insert(name, Signal::zero(n));
            slow.past.insert(name, Vec::new());
        }
        slow
    }

    pub fn step(&mut self, x: &[f64], as_pulse: bool) {
        for name in self.order.clone() {
            let kind = &self.graph.nodes[name].kind;
            if let Kind::Input { .. } = kind {
                let mut s = Signal::zero(x.len());
                *(if as_pulse {
                    &mut s.pulse
                } else {
                    &mut s.current
                }) = x.to_vec();
                self.last.insert(name, s);
                continue;
            }
            let from: Vec<&Signal> = self
                .graph
                .edges
                .iter()
                .filter(|e| e.1 == name)
                .map(|e| &self.last[e.0.as_str()])
                .collect();
            let n = from[0].current.len();
            let mut sum = Signal::zero(n);
            for s in &from {
                (0..n).for_each(|i| {
                    sum.current[i] += s.current[i];
                    sum.pulse[i] += s.pulse[i];
                });
            }
            let source = self
                .graph
                .edges
                .iter()
                .find(|e| e.1 == name)
                .map(|e| self.shapes[e.0.as_str()].clone())
                .unwrap();
            let out = self.node(name, kind, sum, &source);
            self.last.insert(name, out);
        }
    }

    fn node(&mut self, name: &'a str, kind: &Kind, x: Signal, source: &[usize]) -> Signal {
        let n = size(&self.shapes[name]);
        let add = |mut s: Signal, bias: &Tensor, each: usize| {
            s.current
                .iter_mut()
                .enumerate()
                .for_each(|(i, c)| *c += bias.data[i / each]);
            s
        };
        match kind {
            Kind::Linear { weight } => x.each(|x| matvec(weight, x)),
            Kind::Affine { weight, bias } => add(x.each(|x| matvec(weight, x)), bias, 1),
            Kind::Scale { scale } => {
                x.each(|x| x.iter().zip(of(scale, n)).map(|(x, s)| x * s).collect())
            }
            Kind::Flatten { .. } | Kind::Output { .. } => x,
            Kind::Delay { delay } => {
                let past = self.past.get_mut(name).unwrap();
                past.push(x);
                let mut out = Signal::zero(n);
                for (i, d) in of(delay, n).iter().enumerate() {
                    let steps = (d / DT).round() as usize;
                    if let Some(s) = past.len().checked_sub(steps + 1).map(|t| &past[t]) {
                        out.current[i] = s.current[i];
                        out.pulse[i] = s.pulse[i];
                    }
                }
                out
            }
            Kind::Conv1d {
                weight,
                stride,
                padding,
                dilation,
                groups,
                bias,
                ..
            } => {
                let [o, c, k] = weight.shape[..] else {
                    panic!()
                };
                let weight = Tensor::f64(&[o, c, 1, k], weight.data.clone());
                let pad = match padding {
                    Padding::By(e) => [0, e.each()[1]],
                    Padding::Valid => [0, 0],
                    Padding::Same => [0, (k - 1) * dilation / 2],
                };
                let out = &self.shapes[name];
                let shape = [out[0], 1, out[1]];
                add(
                    x.each(|x| {
                        conv(
                            &weight,
                            x,
                            &[source[0], 1, source[1]],
                            &shape,
                            [[1, *stride], pad, [1, *dilation]],
                            *groups,
                        )
                    }),
                    bias,
                    out[1],
                )
            }
            Kind::Conv2d {
                weight,
                stride,
                padding,
                dilation,
                groups,
                bias,
                ..
            } => {
                let k = &weight.shape[2..];
                let d = dilation.each();
                let pad = match padding {
                    Padding::By(e) => e.each(),
                    Padding::Valid => [0, 0],
                    // As torch has it: the one zero more, if there is one, stands behind.
                    Padding::Same => [0, 1].map(|a| (k[a] - 1) * d[a] / 2),
                };
                let out = &self.shapes[name];
                let z = x.each(|x| conv(weight, x, source, out, [stride.each(), pad, d], *groups));
                add(z, bias, out[1] * out[2])
            }
            Kind::SumPool2d {
                kernel_size,
                stride,
                padding,
            }
            | Kind::AvgPool2d {
                kernel_size,
                stride,
                padding,
            } => {
                let k = kernel_size.each();
                let value = if matches!(kind, Kind::AvgPool2d { .. }) {
                    1.0 / (k[0] * k[1]) as f64
                } else {
                    1.0
                };
                let weight = Tensor::full(&[source[0], 1, k[0], k[1]], value);
                let out = &self.shapes[name];
                x.each(|x| {
                    conv(
                        &weight,
                        x,
                        source,
                        out,
                        [stride.each(), padding.each(), [1, 1]],
                        source[0],
                    )
                })
            }
            Kind::Threshold { threshold } => {
                let all = x.current.iter().zip(&x.pulse).zip(of(threshold, n));
                self.out(
                    all.map(|((c, p), th)| f64::from(c + p > th)).collect(),
                    true,
                )
            }
            Kind::IF {
                r,
                v_threshold,
                v_reset,
            } => {
                let (o, r) = (self.o, of(r, n));
                let unit = self.unit();
                let [v, _] = self.state.get_mut(name).unwrap();
                for i in 0..n {
                    let (g, f) = match o.integrator_gain {
                        Gain::File => (r[i] * DT / unit, r[i]),
                        _ => (1.0, 1.0),
                    };
                    v[i] +=
                        g * x.current[i] + if o.spike == Spike::Box { g } else { f } * x.pulse[i];
                }
                self.fire(name, v_threshold, v_reset.as_ref())
            }
            Kind::I { r } => {
                let (r, unit, whole) =
                    (of(r, n), self.unit(), self.o.integrator_gain != Gain::File);
                let boxed = self.o.spike == Spike::Box;
                let [v, _] = self.state.get_mut(name).unwrap();
                for i in 0..n {
                    let (g, f) = if whole {
                        (1.0, 1.0)
                    } else {
                        (r[i] * DT / unit, r[i])
                    };
                    v[i] += g * x.current[i] + if boxed { g } else { f } * x.pulse[i];
                }
                let v = v.clone();
                self.out(v, false)
            }
            Kind::LI { tau, r, v_leak } => {
                self.membrane(name, &of(tau, n), &of(r, n), &of(v_leak, n), &x);
                let v = self.state[name][0].clone();
                self.out(v, false)
            }
            Kind::LIF {
                tau,
                r,
                v_leak,
                v_threshold,
                v_reset,
            } => {
                self.membrane(name, &of(tau, n), &of(r, n), &of(v_leak, n), &x);
                self.fire(name, v_threshold, v_reset.as_ref())
            }
            Kind::CubaLI {
                tau_syn,
                tau_mem,
                r,
                v_leak,
                w_in,
            } => {
                self.synapse(name, [tau_syn, tau_mem, r, v_leak], w_in, &x);
                let v = self.state[name][0].clone();
                self.out(v, false)
            }
            Kind::CubaLIF {
                tau_syn,
                tau_mem,
                r,
                v_leak,
                v_threshold,
                v_reset,
                w_in,
            } => {
                self.synapse(name, [tau_syn, tau_mem, r, v_leak], w_in, &x);
                self.fire(name, v_threshold, v_reset.as_ref())
            }
            other => panic!("{other:?}"),
        }
    }

    fn unit(&self) -> f64 {
        match self.o.tau_unit {
            TauUnit::S => 1.0,
            TauUnit::Ms => 1e-3,
            TauUnit::Steps => DT,
            TauUnit::DtS => 1.0 / DT,
        }
    }

    fn gain(&self, name: &str) -> Gain {
        match self.graph.nodes[name].kind {
            Kind::LI { .. } | Kind::CubaLI { .. } => self.o.readout_gain,
            _ => self.o.gain,
        }
    }

    fn decay(&self, tau: f64) -> f64 {
        match self.o.discretisation {
            Discretisation::Euler => 1.0 - DT / (tau * self.unit()),
            _ => (-DT / (tau * self.unit())).exp(),
        }
    }

    /// What a current and a spike are multiplied by.
    fn factors(&self, gain: Gain, [factor, whole]: [f64; 2], tau: f64) -> [f64; 2] {
        let b = self.decay(tau);
        let [g, f] = match gain {
            Gain::File => [factor * (1.0 - b), factor / tau],
            Gain::Whole => [whole; 2],
            Gain::Decayed => [whole * b; 2],
        };
        [g, if self.o.spike == Spike::Box { g } else { f }]
    }

    fn membrane(&mut self, name: &'a str, tau: &[f64], r: &[f64], leak: &[f64], x: &Signal) {
        for i in 0..tau.len() {
            let b = self.decay(tau[i]);
            let [g, f] = self.factors(self.gain(name), [r[i], 1.0], tau[i]);
            let v = &mut self.state.get_mut(name).unwrap()[0][i];
            *v = leak[i] + (*v - leak[i]) * b + g * x.current[i] + f * x.pulse[i];
        }
    }

    fn synapse(
        &mut self,
        name: &'a str,
        [tau_syn, tau_mem, r, leak]: [&Tensor; 4],
        w_in: &Option<Tensor>,
        x: &Signal,
    ) {
        let n = x.current.len();
        let (ts, tm) = (of(tau_syn, n), of(tau_mem, n));
        let (r, leak) = (of(r, n), of(leak, n));
        let w = w_in.as_ref().map_or(vec![1.0; n], |w| of(w, n));
        for i in 0..n {
            let (a, b) = (self.decay(ts[i]), self.decay(tm[i]));
            let [g, f] = self.factors(self.o.synapse_gain, [w[i], w[i]], ts[i]);
            let into = self.factors(self.gain(name), [r[i], 1.0], tm[i])[0];
            let [v, current] = self.state.get_mut(name).unwrap();
            let old = current[i];
            let unit = match self.o.tau_unit {
                TauUnit::S => 1.0,
                TauUnit::Ms => 1e-3,
                TauUnit::Steps => DT,
                TauUnit::DtS => 1.0 / DT,
            };
            if self.o.discretisation == Discretisation::Exact {
                // Simpson's rule over the step, of the current's closed form: an independent propagator.
                let drive = w[i]
                    * (x.current[i]
                        + if self.o.spike == Spike::Box {
                            x.pulse[i]
                        } else {
                            0.0
                        });
                let (ts, tm) = (ts[i] * unit, tm[i] * unit);
                let at = |s: f64| {
                    ((drive + (old - drive) * (-s / ts).exp()) * (-(DT - s) / tm).exp()) / tm
                };
                let m = 64;
                let h = DT / f64::from(m);
                let sum: f64 = (0..m)
                    .map(|k| {
                        (at(f64::from(k) * h)
                            + 4.0 * at((f64::from(k) + 0.5) * h)
                            + at((f64::from(k) + 1.0) * h))
                            * h
                            / 6.0
                    })
                    .sum();
                v[i] = leak[i] + (v[i] - leak[i]) * b + r[i] * sum;
                current[i] = drive
                    + (old - drive) * a
                    + if self.o.spike == Spike::Dirac {
                        f * x.pulse[i]
                    } else {
                        0.0
                    };
                continue;
            }
            current[i] = old * a + g * x.current[i] + f * x.pulse[i];
            let seen = if self.o.current == Current::New {
                current[i]
            } else {
                old
            };
            v[i] = leak[i] + (v[i] - leak[i]) * b + into * seen;
        }
    }

    fn fire(&mut self, name: &'a str, threshold: &Tensor, v_reset: Option<&Tensor>) -> Signal {
        let [v, _] = self.state.get_mut(name).unwrap();
        let n = v.len();
        let th = of(threshold, n);
        let to = v_reset.map_or(vec![0.0; n], |t| of(t, n));
        let reset = |v: f64, i: usize| match self.o.reset {
            ResetRule::Value | ResetRule::File => to[i],
            ResetRule::Subtract => v - th[i],
            ResetRule::None => v,
        };
        let fired = self.fired.get_mut(name).unwrap();
        let late = self.o.reset_time == ResetTime::NextStep;
        let mut z = vec![0.0; n];
        for i in 0..n {
            if late && fired[i] == 1.0 {
                v[i] = reset(v[i], i);
            }
            let fires = if self.o.threshold == Threshold::Gt {
                v[i] > th[i]
            } else {
                v[i] >= th[i]
            };
            z[i] = f64::from(fires);
            fired[i] = z[i];
            if !late && fires {
                v[i] = reset(v[i], i);
            }
        }
        self.out(z, true)
    }

    /// Spikes are pulses where the options say so; what does not spike is a current.
    fn out(&self, values: Vec<f64>, spikes: bool) -> Signal {
        let mut s = Signal::zero(values.len());
        *(if spikes && self.o.spike == Spike::Dirac {
            &mut s.pulse
        } else {
            &mut s.current
        }) = values;
        s
    }
}

fn of(t: &Tensor, n: usize) -> Vec<f64> {
    if t.data.len() == 1 {
        vec![t.data[0]; n]
    } else {
        t.data.clone()
    }
}

fn matvec(w: &Tensor, x: &[f64]) -> Vec<f64> {
    w.data
        .chunks(x.len())
        .map(|row| row.iter().zip(x).map(|(w, x)| w * x).sum())
        .collect()
}

fn conv(
    w: &Tensor,
    x: &[f64],
    from: &[usize],
    to: &[usize],
    [stride, pad, dilation]: [[usize; 2]; 3],
    groups: usize,
) -> Vec<f64> {
    let [_, c, kh, kw] = w.shape[..] else {
        panic!()
    };
    let [_, h, wd] = from[..] else {
        panic!("{from:?}")
    };
    let mut out = Vec::new();
    for o in 0..to[0] {
        let g = o / (to[0] / groups);
        for y in 0..to[1] {
            for z in 0..to[2] {
                let mut sum = 0.0;
                for i in 0..c {
                    for ky in 0..kh {
                        for kx in 0..kw {
                            let py = (y * stride[0] + ky * dilation[0])
                                .checked_sub(pad[0])
                                .filter(|&p| p < h);
                            let px = (z * stride[1] + kx * dilation[1])
                                .checked_sub(pad[1])
                                .filter(|&p| p < wd);
                            if let (Some(py), Some(px)) = (py, px) {
                                sum += w.data[((o * c + i) * kh + ky) * kw + kx]
                                    * x[((g * c + i) * h + py) * wd + px];
                            }
                        }
                    }
                }
                out.push(sum);
            }
        }
    }
    out
}
