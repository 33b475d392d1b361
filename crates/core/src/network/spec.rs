//! A network as a recipe says it: nodes in NIR's words, and where each takes its input from.

use crate::neuron::{Convention, Reset};
use crate::rng::Rng;
use crate::surrogate::Surrogate;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A network, as a recipe says it.
///
/// ```
/// use cortado::network::{Network, NetworkSpec};
/// let spec: NetworkSpec = toml::from_str(r#"
///     dt = 1e-3
///     nodes = [
///         { name = "fc1", type = "linear", n = 256 },
///         { name = "hidden", type = "population", neuron = "lif" },
///         { name = "fc2", type = "linear", n = 10 },
///         { name = "readout", type = "population", neuron = "li" },
///     ]"#).unwrap();
/// let net = Network::<f32>::new(&[784], &spec, 0).unwrap();
/// assert_eq!(net.parameters(), 784 * 256 + 256 * 10);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkSpec {
    /// The clock's step in seconds.
    pub dt: f64,
    /// The order of operations in a step.
    #[serde(default)]
    pub convention: Convention,
    /// What stands for the derivative of a spike.
    #[serde(default)]
    pub surrogate: Surrogate,
    /// Whether the gradient stops at the reset.
    #[serde(default = "yes")]
    pub detach_reset: bool,
    /// The nodes; the last one is the readout.
    pub nodes: Vec<NodeSpec>,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeSpec {
    /// Its name.
    pub name: String,
    /// Where its input comes from: names of nodes, or `input`; the node before it if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Vec<EdgeSpec>>,
    /// What it does.
    #[serde(flatten)]
    pub kind: NodeKind,
}

/// An edge into a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum EdgeSpec {
    /// From a node, without delay; with one of one step where it closes a loop.
    Node(String),
    /// From a node, with a delay.
    Delayed(DelayedEdge),
}

/// An edge with a delay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DelayedEdge {
    /// The node it comes from.
    pub node: String,
    /// Its delay in seconds: a whole number of steps.
    pub delay: f64,
}

/// What a node does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum NodeKind {
    /// Weights from all inputs to all outputs.
    Linear {
        /// Number of outputs; as many as the population behind it has neurons, if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        n: Option<usize>,
        /// Whether a trained constant is added in every step.
        #[serde(default)]
        bias: bool,
        /// Initial weights are normal with standard deviation `scale / sqrt(inputs)`.
        #[serde(default = "one")]
        scale: f64,
        /// The mean of initial weights.
        #[serde(default, skip_serializing_if = "is_zero")]
        mean: f64,
        /// How long each weight holds a spike back, besides the delay of the edge.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        delays: Option<Delays>,
    },
    /// A convolution over `[channels, height, width]`.
    #[serde(rename = "conv2d")]
    Conv2d {
        /// Number of channels of the output.
        channels: usize,
        /// Height and width of the kernel.
        kernel: Pair,
        /// Steps of the window.
        #[serde(default)]
        stride: Pair,
        /// Zeros around the input.
        #[serde(default = "Pair::zero")]
        padding: Pair,
        /// Groups of channels that do not mix.
        #[serde(default = "one_usize")]
        groups: usize,
        /// Whether each channel has a trained constant.
        #[serde(default)]
        bias: bool,
        /// Initial weights are normal with standard deviation `scale / sqrt(inputs of a kernel)`.
        #[serde(default = "one")]
        scale: f64,
    },
    /// Sum over windows.
    #[serde(rename = "sum_pool2d")]
    SumPool2d(Window),
    /// Mean over windows.
    #[serde(rename = "avg_pool2d")]
    AvgPool2d(Window),
    /// Maximum over windows.
    #[serde(rename = "max_pool2d")]
    MaxPool2d(Window),
    /// Lets those spikes of a window pass whose input has fired more often than spikes have passed, so that the number that
    /// passed is at every step the largest of the inputs' (`rueckauer2017`).
    #[serde(rename = "gated_max_pool2d")]
    GatedMaxPool2d(Window),
    /// One axis from all.
    Flatten {},
    /// Normalises each channel over samples and steps, then scales and shifts it by trained numbers (`ioffe2015`).
    BatchNorm {
        /// The share of a new batch in the running mean and variance.
        #[serde(default = "tenth")]
        momentum: f64,
        /// Added to the variance.
        #[serde(default = "small")]
        epsilon: f64,
    },
    /// Silences a share of its inputs for a whole presentation and scales the others up (`srivastava2014`).
    Dropout {
        /// The share.
        p: f64,
    },
    /// Neurons.
    Population {
        /// The neuron model, see [`crate::neuron::models`].
        neuron: String,
        /// Parameters that are not the model's defaults: one number for all neurons, or one for each.
        #[serde(default)]
        params: BTreeMap<String, Values>,
        /// What a spike does to the membrane.
        #[serde(default)]
        reset: Reset,
        /// Names of the parameters to train.
        #[serde(default)]
        train: Vec<String>,
        /// Least and largest value of a trained parameter: it is put back after each step of the optimiser.
        #[serde(default)]
        bounds: BTreeMap<String, [f64; 2]>,
        /// Whether each neuron trains parameters of its own.
        #[serde(default)]
        per_neuron: bool,
    },
}

impl NodeKind {
    /// The word for it in a recipe.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Linear { .. } => "linear",
            Self::Conv2d { .. } => "conv2d",
            Self::SumPool2d(_) => "sum_pool2d",
            Self::AvgPool2d(_) => "avg_pool2d",
            Self::MaxPool2d(_) => "max_pool2d",
            Self::GatedMaxPool2d(_) => "gated_max_pool2d",
            Self::Flatten {} => "flatten",
            Self::BatchNorm { .. } => "batch_norm",
            Self::Dropout { .. } => "dropout",
            Self::Population { .. } => "population",
        }
    }
}

/// How long weights hold spikes back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delays {
    /// Seconds: one number for all weights, one for each in the order `[outputs, inputs]`, or a law to draw each from.
    pub values: Values,
    /// What has a delay of its own; of inputs there is one number for each.
    #[serde(default, skip_serializing_if = "Each::is_weight")]
    pub each: Each,
    /// Whether they are trained.
    #[serde(default)]
    pub train: bool,
    /// Least and largest delay that training may reach; from 0 to a second if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounds: Option<[f64; 2]>,
    /// Their learning rate as a multiple of the optimiser's, in seconds.
    #[serde(default = "one")]
    pub rate: f64,
    /// What the clock makes of a delay that is no whole number of its steps; such a delay is an error if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interpolate: Option<Interpolation>,
}

impl From<Values> for Delays {
    /// Delays that stay as they are, whole steps under the clock.
    fn from(values: Values) -> Self {
        Self {
            values,
            each: Each::Weight,
            train: false,
            bounds: None,
            rate: 1.0,
            interpolate: None,
        }
    }
}

/// What has a delay of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Each {
    /// Each weight: a synapse.
    #[default]
    Weight,
    /// Each input, the same for all its weights: an axon.
    Input,
}

impl Each {
    fn is_weight(&self) -> bool {
        *self == Self::Weight
    }
}

/// How the clock spreads a weight over the steps around a delay that is no whole number of them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interpolation {
    /// Over the step before and the step after, the nearer one getting more.
    Linear,
    /// In training by a Gaussian around the delay (`hammouamri2024`): its standard deviation starts at that many steps and
    /// shrinks geometrically to 0.23 over the first quarter of the epochs. Otherwise all to the nearest step.
    Gaussian(f64),
}

/// The window of a pooling node.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Height and width.
    pub kernel: Pair,
    /// Steps of the window; its size if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stride: Option<Pair>,
}

/// A height and a width, or one number for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Pair {
    /// The same for both.
    Both(usize),
    /// Height and width.
    Each([usize; 2]),
}

impl Pair {
    fn zero() -> Self {
        Self::Both(0)
    }

    /// Height and width.
    pub fn get(self) -> [usize; 2] {
        match self {
            Self::Both(n) => [n, n],
            Self::Each(pair) => pair,
        }
    }
}

impl Default for Pair {
    fn default() -> Self {
        Self::Both(1)
    }
}

/// One number for all neurons, one for each, or a law to draw one for each from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Values {
    /// For all.
    One(f64),
    /// For each.
    Each(Vec<f64>),
    /// Drawn for each, under the network's seed.
    Drawn(Draw),
}

/// A law that the parameters of neurons are drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Draw {
    /// Evenly between two numbers.
    Uniform([f64; 2]),
    /// The gamma law of that shape and mean, no more than three times the mean and no less than a step of the clock
    /// (`pereznieves2021`, there of shape 3).
    Gamma {
        /// The shape.
        shape: f64,
        /// The mean.
        mean: f64,
    },
}

impl Draw {
    /// A number, `dt` being a step of the clock.
    pub(crate) fn draw(&self, rng: &mut Rng, dt: f64) -> f64 {
        match *self {
            Self::Uniform([low, high]) => low + (high - low) * rng.uniform(),
            Self::Gamma { shape, mean } => {
                (rng.gamma(shape) * mean / shape).clamp(dt.min(3.0 * mean), 3.0 * mean)
            }
        }
    }

    /// Checks the constants.
    pub(crate) fn check(&self, at: impl Fn() -> String) -> crate::Result<()> {
        let fine = match *self {
            Self::Uniform([low, high]) => low <= high && low.is_finite() && high.is_finite(),
            Self::Gamma { shape, mean } => {
                shape > 0.0 && mean > 0.0 && shape.is_finite() && mean.is_finite()
            }
        };
        if fine {
            return Ok(());
        }
        let expected = "a range from low to high, or a positive shape and mean";
        let got = format!("{self:?}");
        Err(crate::Error::invalid("law", at(), expected, got))
    }
}

fn is_zero(x: &f64) -> bool {
    *x == 0.0
}

fn one() -> f64 {
    1.0
}

fn one_usize() -> usize {
    1
}

fn tenth() -> f64 {
    0.1
}

fn small() -> f64 {
    1e-5
}

fn yes() -> bool {
    true
}

impl NetworkSpec {
    /// No nodes yet; steps of `dt` seconds.
    ///
    /// ```
    /// use cortado::network::{Network, NetworkSpec};
    /// let spec = NetworkSpec::new(1e-3)
    ///     .linear("fc1", 256)
    ///     .population("hidden", "lif", &[("tau_mem", 10e-3)])
    ///     .recurrent()
    ///     .linear("fc2", 20)
    ///     .population("readout", "li", &[]);
    /// let net = Network::<f32>::new(&[700], &spec, 0).unwrap();
    /// assert_eq!(net.parameters(), 700 * 256 + 256 * 256 + 256 * 20);
    /// ```
    pub fn new(dt: f64) -> Self {
        Self {
            dt,
            convention: Convention::default(),
            surrogate: Surrogate::default(),
            detach_reset: true,
            nodes: Vec::new(),
        }
    }

    /// Adds a node behind the last one.
    pub fn node(mut self, name: &str, kind: NodeKind) -> Self {
        self.nodes.push(NodeSpec {
            name: name.into(),
            from: None,
            kind,
        });
        self
    }

    /// Weights onto `n` outputs.
    pub fn linear(self, name: &str, n: usize) -> Self {
        self.node(
            name,
            NodeKind::Linear {
                n: Some(n),
                bias: false,
                scale: 1.0,
                mean: 0.0,
                delays: None,
            },
        )
    }

    /// A convolution with a square kernel, stride 1 and no padding.
    pub fn conv2d(self, name: &str, channels: usize, kernel: usize) -> Self {
        self.node(
            name,
            NodeKind::Conv2d {
                channels,
                kernel: Pair::Both(kernel),
                stride: Pair::Both(1),
                padding: Pair::Both(0),
                groups: 1,
                bias: false,
                scale: 1.0,
            },
        )
    }

    /// The maximum over square windows that do not overlap.
    pub fn max_pool2d(self, name: &str, size: usize) -> Self {
        self.node(
            name,
            NodeKind::MaxPool2d(Window {
                kernel: Pair::Both(size),
                stride: None,
            }),
        )
    }

    /// One axis from all.
    pub fn flatten(self, name: &str) -> Self {
        self.node(name, NodeKind::Flatten {})
    }

    /// Neurons with a reset to value; the parameters named differ from the model's defaults.
    pub fn population(self, name: &str, neuron: &str, params: &[(&str, f64)]) -> Self {
        self.node(
            name,
            NodeKind::Population {
                neuron: neuron.into(),
                params: params
                    .iter()
                    .map(|&(k, v)| (k.into(), Values::One(v)))
                    .collect(),
                reset: Reset::Value,
                train: Vec::new(),
                bounds: BTreeMap::new(),
                per_neuron: false,
            },
        )
    }

    /// Gives the last population weights onto itself, one step late, in a node named `NAME_rec`.
    pub fn recurrent(mut self) -> Self {
        let Some(mut last) = self.nodes.pop() else {
            return self;
        };
        let before = self.nodes.last().map_or("input", |n| n.name.as_str());
        let rec = format!("{}_rec", last.name);
        let edges = last
            .from
            .get_or_insert_with(|| vec![EdgeSpec::Node(before.into())]);
        edges.push(EdgeSpec::Node(rec.clone()));
        self.nodes.push(NodeSpec {
            name: rec,
            from: Some(vec![EdgeSpec::Node(last.name.clone())]),
            kind: NodeKind::Linear {
                n: None,
                bias: false,
                scale: 1.0,
                mean: 0.0,
                delays: None,
            },
        });
        self.nodes.push(last);
        self
    }
}
