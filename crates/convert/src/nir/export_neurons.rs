//! Neurons and the weights into them as a graph has them.

use super::export::{Fed, VALUES, Writer};
use super::report::{Fate, Report};
use crate::{Error, Result};
use cortado::network::NodeKind;
use cortado::neuron::{self, Arrivals, Convention, Decay, Lanes, Pulse, Reset};
use cortado_interop::nir::{Kind, Tensor, Value};

/// A neuron's constants of a step.
struct Step {
    /// Decay of the membrane and of the synaptic current.
    b: f64,
    a: Option<f64>,
    /// From the synaptic current into the membrane.
    into: f64,
    /// What a weighted spike is multiplied by, and what a current is.
    pulse: f64,
    current: f64,
}

/// Weights as a node of a graph holds them.
pub(super) struct Held {
    pub shape: Vec<usize>,
    pub weight: Vec<f64>,
    pub bias: Option<Vec<f64>>,
}

impl<R: Lanes> Writer<'_, R> {
    /// Shape, weights and bias of a node, where currents come through them as these count.
    pub fn weights(&mut self, name: &str) -> Result<Held> {
        let missing = || Error::invalid("weight", format!("node '{name}'"), "one", "none");
        let (shape, mut weight) = self.values(&format!("{name}.weight")).ok_or_else(missing)?;
        let mut bias = self.values(&format!("{name}.bias")).map(|b| b.1);
        if self.fed == Fed::Currents && self.convention().pulse == Pulse::Dirac && self.analog(name)
        {
            for (part, values) in [("weight", Some(&weight)), ("bias", bias.as_ref())] {
                if let Some(values) = values {
                    let dims = if part == "weight" {
                        &shape[..]
                    } else {
                        &shape[..1]
                    };
                    self.extra.insert(
                        format!("{VALUES}{name}.{part}"),
                        Value::Numbers(self.tensor(dims, values.clone())),
                    );
                }
            }
            let rows = self.gains(name, shape[0])?;
            let width = weight.len() / rows.len().max(1);
            for (row, s) in weight.chunks_exact_mut(width.max(1)).zip(&rows) {
                row.iter_mut().for_each(|w| *w *= s);
            }
            if let Some(bias) = &mut bias {
                bias.iter_mut().zip(&rows).for_each(|(b, s)| *b *= s);
            }
        }
        Ok(Held {
            shape,
            weight,
            bias,
        })
    }

    /// Whether currents come to a node without a population on the way.
    fn analog(&self, name: &str) -> bool {
        let mut at = name.to_string();
        for _ in 0..=self.net.spec().nodes.len() {
            let Some(&(from, _)) = self.net.sources(&at).first() else {
                return at == "input";
            };
            if self.net.neurons(from).is_some() {
                return false;
            }
            at = from.to_string();
        }
        false
    }

    /// What a current counts of a spike, for each row of weights before neurons; 1 where weights follow.
    fn gains(&self, name: &str, rows: usize) -> Result<Vec<f64>> {
        let mut out: Option<Vec<f64>> = None;
        for node in &self.net.spec().nodes {
            if self.net.sources(&node.name).iter().all(|s| s.0 != name) {
                continue;
            }
            let NodeKind::Population { neuron, .. } = &node.kind else {
                continue;
            };
            let steps = self.steps(&node.name, neuron)?;
            let size = self.shape(&node.name).iter().product::<usize>() / rows.max(1);
            let ratio = |row: usize| {
                let step = &steps[if steps.len() == 1 { 0 } else { row * size }];
                step.current / step.pulse
            };
            let each: Vec<f64> = (0..rows).map(ratio).collect();
            if out.as_ref().is_some_and(|o| *o != each) {
                let expected = "neurons of one gain behind weights that take currents";
                return Err(Error::invalid(
                    "gain",
                    format!("node '{name}'"),
                    expected,
                    "several",
                ));
            }
            out = Some(each);
        }
        Ok(out.unwrap_or_else(|| vec![1.0; rows]))
    }

    /// The constants of a step of a population, one for all or for each neuron.
    fn steps(&self, name: &str, neuron: &str) -> Result<Vec<Step>> {
        let c = self.convention();
        let model = neuron::model::<f64>(
            neuron,
            &Convention {
                reset: Default::default(),
                ..*c
            },
            false,
        )?;
        let rows = self.net.neurons(name).unwrap_or_default();
        let early = c.arrivals == Arrivals::BeforeFlow;
        let boxed = c.pulse == Pulse::Box;
        rows.iter()
            .map(|row| {
                let k = model.discretise(row, c, Reset::None, self.net.spec().dt);
                Ok(match (neuron, &k[..]) {
                    ("if" | "i", &[g, ..]) => Step { b: 1.0, a: None, into: 0.0, pulse: if boxed { g } else { 1.0 }, current: g },
                    ("lif" | "li", &[b, g, ..]) => {
                        let jump = if early { b } else { 1.0 };
                        Step { b, a: None, into: 0.0, pulse: if boxed { g } else { jump }, current: g }
                    }
                    ("cuba_lif" | "cuba_li", &[b, a, vi, vx, ix, ..]) => {
                        let currents = boxed || self.fed == Fed::Currents && self.analog_into(name);
                        if currents && (vx != 0.0 || early && !boxed) {
                            let expected = "spikes into a synaptic current, or Euler steps of currents after the flow";
                            return Err(Error::invalid("currents", format!("node '{name}'"), expected, "others"));
                        }
                        Step { b, a: Some(a), into: vi, pulse: if boxed { ix } else { 1.0 }, current: ix }
                    }
                    _ => return Err(Error::invalid("neuron", format!("node '{name}'"), "if, i, lif, li, cuba_lif or cuba_li", neuron)),
                })
            })
            .collect()
    }

    /// Whether currents come to a population without another on the way.
    fn analog_into(&self, name: &str) -> bool {
        self.net
            .sources(name)
            .iter()
            .any(|&(from, _)| self.net.neurons(from).is_none() && self.analog(from))
    }

    pub fn population(
        &mut self,
        name: &str,
        neuron: &str,
        reset: Reset,
        report: &mut Report,
    ) -> Result<Kind> {
        let steps = self.steps(name, neuron)?;
        let rows = self.net.neurons(name).unwrap_or_default();
        let model = neuron::models().into_iter().find(|m| m.name == neuron);
        let shape = self.shape(name);
        let n: usize = shape.iter().product();
        let dt = self.net.spec().dt;
        if self.fed == Fed::Currents
            && self
                .net
                .sources(name)
                .iter()
                .any(|s| s.0 == "input" || !self.weighs(s.0) && self.analog(s.0))
        {
            let same = steps.iter().all(|s| s.current == s.pulse);
            if !same && self.convention().pulse == Pulse::Dirac {
                let expected =
                    "weights between it and the input, where a current counts unlike a spike";
                return Err(Error::invalid(
                    "currents",
                    format!("node '{name}'"),
                    expected,
                    "none",
                ));
            }
        }
        let full = |list: Vec<f64>| {
            Tensor::f64(
                &shape,
                if list.len() == n {
                    list
                } else {
                    vec![list[0]; n]
                },
            )
        };
        let param = |wanted: &str| {
            let k = model.and_then(|m| m.param(wanted));
            k.map(|k| full(rows.iter().map(|r| r[k]).collect()))
        };
        let of = |f: &dyn Fn(&Step) -> f64| full(steps.iter().map(f).collect());
        let euler = self.convention().decay == Decay::Euler;
        let tau = |wanted: &str, decay: &dyn Fn(&Step) -> f64| match param(wanted) {
            Some(own) if euler => own,
            _ => of(&|s| dt / (1.0 - decay(s))),
        };
        let zero = || Tensor::full(&shape, 0.0);
        let v_leak = param("v_leak").unwrap_or_else(zero);
        let v_threshold = param("v_threshold").unwrap_or_else(zero);
        let v_reset = Some(if reset == Reset::Value {
            param("v_reset").unwrap_or_else(zero)
        } else {
            zero()
        });
        if let Some(v) = param("v_init").filter(|v| v.data.iter().any(|&v| v != 0.0)) {
            let first = v.data.iter().copied().fold(0.0, f64::max);
            report.node(Fate::Lost, name, format!("a membrane that starts at up to {first}, which stands in metadata: other readers start at 0"));
        }
        if let Some(t) = param("t_ref").filter(|t| t.data.iter().any(|&t| t > 0.0)) {
            let longest = t.data.iter().copied().fold(0.0, f64::max);
            report.node(Fate::Lost, name, format!("a refractory period of {longest} s, which stands in metadata: other readers run it without"));
        }
        if steps
            .iter()
            .any(|s| s.b >= 1.0 && !matches!(neuron, "if" | "i") || s.a.is_some_and(|a| a >= 1.0))
        {
            return Err(Error::invalid(
                "decay",
                format!("node '{name}'"),
                "a state that decays within a step",
                1.0,
            ));
        }
        let membrane = |s: &Step| s.into / (1.0 - s.b);
        let synapse = |s: &Step| s.pulse / (1.0 - s.a.unwrap_or(0.0));
        Ok(match neuron {
            "if" => Kind::IF {
                r: of(&|s| s.pulse / dt),
                v_threshold,
                v_reset,
            },
            "i" => Kind::I {
                r: of(&|s| s.pulse / dt),
            },
            "li" | "lif" => {
                let (tau, r) = (tau("tau_mem", &|s| s.b), of(&|s| s.pulse / (1.0 - s.b)));
                match neuron {
                    "li" => Kind::LI { tau, r, v_leak },
                    _ => Kind::LIF {
                        tau,
                        r,
                        v_leak,
                        v_threshold,
                        v_reset,
                    },
                }
            }
            _ => {
                let (tau_mem, r, w_in) =
                    (tau("tau_mem", &|s| s.b), of(&membrane), Some(of(&synapse)));
                let tau_syn = tau("tau_syn", &|s| s.a.unwrap_or(0.0));
                match neuron {
                    "cuba_li" => Kind::CubaLI {
                        tau_syn,
                        tau_mem,
                        r,
                        v_leak,
                        w_in,
                    },
                    _ => Kind::CubaLIF {
                        tau_syn,
                        tau_mem,
                        r,
                        v_leak,
                        v_threshold,
                        v_reset,
                        w_in,
                    },
                }
            }
        })
    }

    /// Whether a node has weights.
    fn weighs(&self, name: &str) -> bool {
        self.net.param(&format!("{name}.weight")).is_some()
    }
}
