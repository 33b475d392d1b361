//! Networks: a directed graph of named nodes in NIR's words, checked when it is built.

mod build;
mod delays;
mod graph;
mod mark;
mod param;
mod population;
mod shape;
mod spec;
mod summary;

pub(crate) use graph::{Edge, Pace, Stage, whole_steps};
pub use param::Param;
pub(crate) use population::Population;
pub(crate) use shape::Shape;
pub use spec::{
    DelayedEdge, Delays, Draw, Each, EdgeSpec, Interpolation, NetworkSpec, NodeKind, NodeSpec,
    Pair, Values, Window,
};

use crate::neuron::{Lanes, Output};
use crate::synapse::{Conv, Dropout, Linear, Norm, Pool, Taps};

/// A network: nodes, the edges between them, and the numbers that training moves.
pub struct Network<R: Lanes> {
    pub(crate) spec: NetworkSpec,
    /// Node 0 is the input; the last node is the readout.
    pub(crate) nodes: Vec<Node<R>>,
    pub(crate) stages: Vec<Stage>,
    /// The nodes that are batch norm.
    pub(crate) norms: Vec<usize>,
    pub(crate) params: Vec<Param<R>>,
    /// Running statistics.
    pub(crate) buffers: Vec<Param<R>>,
    pub(crate) seed: u64,
    /// The same for networks of the same inputs and specification: a state fits those alone.
    pub(crate) form: u64,
    /// Whether spikes are replaced by the surrogate's integral, to check gradients.
    pub smooth: bool,
    /// The share of training that is done, which training sets: [`Interpolation::Gaussian`] follows it.
    pub progress: f64,
}

/// A node.
pub(crate) struct Node<R: Lanes> {
    pub name: String,
    pub shape: Shape,
    pub op: Op<R>,
    /// Where its input comes from; flattening is seen through.
    pub sources: Vec<Edge>,
    /// Whether another node takes its output.
    pub read: bool,
    /// The largest delay of an edge out of it.
    pub lead: usize,
    /// The population, or the input, whose output reaches it through nodes without state.
    pub stem: usize,
    /// Whether an error has to reach its output.
    pub learns: bool,
    /// The population that alone takes its output, without delay: its error is the error of what reaches that one.
    pub reader: Option<usize>,
    /// The node that hands its error down before any other does, for all steps: it need not add.
    pub first: Option<usize>,
    /// Whether its output is looked at in the step at hand alone, and whether its error is.
    pub brief: [bool; 2],
    /// Whether it is part of a loop.
    pub looped: bool,
    /// In which steps of the clock its weights arrive, if they hold spikes back.
    pub taps: Option<Taps<R>>,
}

/// What a node does.
pub(crate) enum Op<R: Lanes> {
    Input,
    Flatten,
    Linear(Linear),
    Conv(Conv),
    Pool(Pool),
    Norm(Norm),
    Dropout(Dropout),
    Population(Population<R>),
}

impl<R: Lanes> Node<R> {
    /// Whether its weights hold spikes back.
    pub fn delayed(&self) -> bool {
        matches!(&self.op, Op::Linear(l) if l.delays.is_some())
    }
}

impl<R: Lanes> Network<R> {
    /// The same weights; what training draws from now on, dropout and the order of samples, follows another seed.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.nodes[0].shape.size()
    }

    /// Shape of what goes in.
    pub fn input_shape(&self) -> &[usize] {
        &self.nodes[0].shape.dims
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.readout().shape.size()
    }

    /// What it was built from.
    pub fn spec(&self) -> &NetworkSpec {
        &self.spec
    }

    /// Number of trained numbers.
    pub fn parameters(&self) -> usize {
        self.params.iter().map(Param::count).sum()
    }

    /// The trained numbers.
    pub fn params(&self) -> &[Param<R>] {
        &self.params
    }

    /// The running statistics of batch norm.
    pub fn buffers(&self) -> &[Param<R>] {
        &self.buffers
    }

    /// The trained parameter or running statistic of that name.
    pub fn param(&self, name: &str) -> Option<&Param<R>> {
        let all = self.params.iter().chain(&self.buffers);
        all.into_iter().find(|p| p.name == name)
    }

    /// Sets a trained parameter or running statistic, in the order of its shape.
    ///
    /// # Errors
    /// An unknown name; another number of values; a value that is not finite.
    pub fn set(&mut self, name: &str, values: &[R]) -> crate::Result<()> {
        let mut all = self.params.iter_mut().chain(&mut self.buffers);
        let Some(param) = all.find(|p| p.name == name) else {
            drop(all);
            let all = self.params.iter().chain(&self.buffers);
            let names: Vec<&str> = all.map(|p| p.name.as_str()).collect();
            return Err(crate::Error::invalid(
                "parameter",
                "the network",
                names.join(", "),
                format!("'{name}'"),
            ));
        };
        param.set(values)?;
        self.refresh();
        Ok(())
    }

    /// Sets some weights of a linear node or a convolution, each by its number in the order of their shape: what learns between
    /// two steps of the clock need not hand over all of them. If one is refused, those before it are set.
    ///
    /// # Errors
    /// A node without weights; a number that none has; a value that is not finite.
    ///
    /// ```
    /// use cortado::network::{Network, NetworkSpec};
    /// let spec = NetworkSpec::new(1e-3).linear("w", 2).population("p", "lif", &[]);
    /// let mut net = Network::<f32>::new(&[3], &spec, 0).unwrap();
    /// net.set("w.weight", &[0.0; 6]).unwrap();
    /// // From input 1 to output 0 and to output 1.
    /// net.set_weights("w", [(1, 0.5), (4, 0.25)]).unwrap();
    /// assert_eq!(net.param("w.weight").unwrap().values(), [0.0, 0.5, 0.0, 0.0, 0.25, 0.0]);
    /// ```
    pub fn set_weights(
        &mut self,
        node: &str,
        weights: impl IntoIterator<Item = (usize, R)>,
    ) -> crate::Result<()> {
        let at = || format!("node '{node}'");
        let found = self.nodes.iter().find(|n| n.name == node);
        let param = match found.map(|n| &n.op) {
            Some(Op::Linear(l)) => &mut self.params[l.weight],
            Some(Op::Conv(c)) => &mut self.params[c.weight],
            _ => {
                let expected = "a linear node or a convolution";
                return Err(crate::Error::invalid("weights", at(), expected, "none"));
            }
        };
        let count = param.count();
        for (n, w) in weights {
            if n >= count {
                let expected = format!("less than {count}");
                return Err(crate::Error::invalid("weight", at(), expected, n));
            }
            if !w.finite() {
                let place = format!("{}, number {n}", at());
                return Err(crate::Error::invalid("weight", place, "a finite number", w));
            }
            let place = param.place(n);
            param.data[place] = w;
        }
        Ok(())
    }

    /// Takes over changed parameters into what is computed from them.
    pub(crate) fn refresh(&mut self) {
        for node in &mut self.nodes {
            if let Op::Population(p) = &mut node.op
                && p.trained
            {
                p.refresh(&self.params);
            }
        }
        self.refresh_taps();
    }

    /// Shape of what a node hands on, `[n]` or `[channels, height, width]`; `input` is a node too.
    pub fn shape(&self, node: &str) -> Option<&[usize]> {
        let found = self.nodes.iter().find(|n| n.name == node)?;
        Some(&found.shape.dims)
    }

    /// Where a node takes its input from, and how many steps that takes; flattening is seen through.
    ///
    /// ```
    /// use cortado::network::{Network, NetworkSpec};
    /// let spec = NetworkSpec::new(1e-3).linear("w", 3).population("p", "lif", &[]).recurrent();
    /// let net = Network::<f32>::new(&[2], &spec, 0).unwrap();
    /// assert_eq!(net.sources("p"), [("w", 0), ("p_rec", 0)]);
    /// assert_eq!(net.sources("p_rec"), [("p", 1)]);
    /// ```
    pub fn sources(&self, node: &str) -> Vec<(&str, usize)> {
        let found = self.nodes.iter().find(|n| n.name == node);
        let edges = found.map_or(&[][..], |n| &n.sources);
        let named = edges
            .iter()
            .map(|e| (self.nodes[e.node].name.as_str(), e.delay));
        named.collect()
    }

    /// The parameters of a population as its model lists them: a row for all neurons, or one for each in the order of the
    /// shape; nothing of another node.
    pub fn neurons(&self, node: &str) -> Option<Vec<Vec<f64>>> {
        let mut all = self.populations();
        let (_, found) = all.find(|(i, _)| self.nodes[*i].name == node)?;
        Some(found.table(&self.params))
    }

    pub(crate) fn readout(&self) -> &Node<R> {
        &self.nodes[self.nodes.len() - 1]
    }

    /// Whether the readout hands on spikes or its membrane.
    pub fn output(&self) -> Output {
        match &self.readout().op {
            Op::Population(p) => p.output,
            _ => Output::Membrane,
        }
    }

    /// The populations with their names.
    pub(crate) fn populations(&self) -> impl Iterator<Item = (usize, &Population<R>)> {
        self.nodes
            .iter()
            .enumerate()
            .filter_map(|(i, n)| match &n.op {
                Op::Population(p) => Some((i, p)),
                _ => None,
            })
    }
}
