//! From a NIR graph to a network.

use super::flat::{Flat, place};
use super::neuron::{Cells, Rules, adder, cells};
use super::options::{Current, Discretisation, Gain, Options, ResetRule, Spike, TauUnit};
use super::order::{Wires, whole, wires};
use super::report::{Fate, Report};
use super::shapes::{Shape, infer};
use super::weights::{Weights, diagonal, each, held, spread, weights};
use crate::{Error, Result};
use cortado::network::{DelayedEdge, EdgeSpec, Network, NetworkSpec, NodeKind, NodeSpec};
use cortado::neuron::{Arrivals, Convention, Decay, Lanes, Pulse};
use cortado::surrogate::Surrogate;
use cortado_interop::nir::{File, Kind};
use std::collections::{BTreeMap, BTreeSet};

/// A network that a graph stands for.
pub struct Imported<R: Lanes> {
    /// The network, with the graph's weights.
    pub network: Network<R>,
    /// What was taken, assumed and lost.
    pub report: Report,
}

/// Parameters by name.
pub(super) type Values = Vec<(String, Vec<f64>)>;

/// What a graph says, before it is built.
pub(super) struct Plan {
    pub input: Shape,
    pub spec: NetworkSpec,
    pub values: Values,
}

/// The network that computes what a graph means under those options.
///
/// ```
/// use cortado_convert::nir::{Options, import};
/// use cortado_interop::nir::{File, Graph, Kind, Tensor};
/// let mut g = Graph::default();
/// g.add("in", Kind::Input { shape: vec![2] });
/// g.add("w", Kind::Linear { weight: Tensor::f64(&[1, 2], vec![0.5, 0.5]) });
/// let of = |v| Tensor::full(&[1], v);
/// g.add("lif", Kind::LIF { tau: of(2e-3), r: of(2.0), v_leak: of(0.0), v_threshold: of(0.9), v_reset: Some(of(0.0)) });
/// g.add("out", Kind::Output { shape: vec![1] });
/// ["in", "w", "lif", "out"].windows(2).for_each(|e| g.connect(e[0], e[1]));
/// let options = Options::preset("spikingjelly", 1e-3).unwrap();
/// let net = import::<f32>(&File::new(g), &options).unwrap().network;
/// assert_eq!(net.param("w.weight").unwrap().values(), [0.5, 0.5]);
/// ```
///
/// # Errors
/// What has no counterpart, with the node's name: [`check`] says it with everything else.
pub fn import<R: Lanes>(file: &File, options: &Options) -> Result<Imported<R>> {
    let mut report = Report::default();
    let plan = plan(file, options, &mut report)?;
    Ok(Imported {
        network: plan.build()?,
        report,
    })
}

/// What would become of a graph under those options, what is refused included.
pub fn check(file: &File, options: &Options) -> Report {
    let mut report = Report::default();
    let built = plan(file, options, &mut report).and_then(|p| p.build::<f32>());
    if let Err(e) = built {
        report.graph(Fate::Refused, e.to_string());
    }
    report
}

impl Plan {
    pub fn build<R: Lanes>(&self) -> Result<Network<R>> {
        let mut net = Network::<R>::new(&self.input, &self.spec, 0)?;
        for (name, values) in &self.values {
            let values: Vec<R> = values.iter().map(|&v| R::of(v)).collect();
            net.set(name, &values)?;
        }
        Ok(net)
    }
}

fn plan(file: &File, options: &Options, report: &mut Report) -> Result<Plan> {
    if !(options.dt > 0.0 && options.dt.is_finite()) {
        return Err(Error::invalid(
            "step",
            "the options",
            "a positive number of seconds",
            options.dt,
        ));
    }
    file.notes
        .iter()
        .for_each(|n| report.graph(Fate::Assumed, n.as_str()));
    let flat = Flat::new(&file.root)?;
    let shapes = infer(&flat)?;
    let wires = wires(&flat, &shapes, options, report)?;
    let rules = Rules {
        options,
        unscaled: unscaled(&flat, options),
        subtracts: older(&file.version),
    };
    assumptions(file, &flat, &rules, report);
    let mut net = Assembly::new(&flat, &shapes, &wires, &rules);
    net.all(report)?;
    net.finish(report)
}

/// Whether a file is of a version that subtracts the threshold.
fn older(version: &str) -> bool {
    let mut numbers = version.split('.').map(|n| n.parse::<u32>().ok());
    match [numbers.next(), numbers.next(), numbers.next()] {
        [Some(Some(a)), Some(Some(b)), Some(Some(c))] => (a, b, c) < (1, 0, 6),
        _ => false,
    }
}

/// Whether everything that neurons take counts whole.
fn unscaled(flat: &Flat<'_>, o: &Options) -> bool {
    let whole = |kind: &Kind| match kind {
        Kind::I { .. } | Kind::IF { .. } => o.integrator_gain != Gain::File,
        Kind::LI { .. } => o.readout_gain == Gain::Whole,
        Kind::LIF { .. } => o.gain == Gain::Whole,
        Kind::CubaLI { .. } => [o.readout_gain, o.synapse_gain] == [Gain::Whole; 2],
        Kind::CubaLIF { .. } => [o.gain, o.synapse_gain] == [Gain::Whole; 2],
        _ => true,
    };
    o.spike == Spike::Box && flat.nodes.iter().all(|n| whole(&n.kind))
}

/// What the file leaves open, as the options decide it.
fn assumptions(file: &File, flat: &Flat<'_>, rules: &Rules<'_>, report: &mut Report) {
    let o = rules.options;
    let mut say = |what: String| report.graph(Fate::Assumed, what);
    say(format!("a step is {} s", o.dt));
    say(match o.tau_unit {
        TauUnit::S => "times are in seconds".into(),
        TauUnit::Ms => "times are in milliseconds".into(),
        TauUnit::Steps => "times are in steps".into(),
        TauUnit::DtS => "time constants are in seconds times the step".into(),
    });
    say(format!(
        "a decay over a step is {}",
        match o.discretisation {
            Discretisation::Euler => "1 - dt / tau (Euler)",
            Discretisation::ExpEuler => "exp(-dt / tau), each state by itself",
            Discretisation::Exact => "exp(-dt / tau), states solved together",
        }
    ));
    say(match o.spike {
        Spike::Box => "a spike is a current of 1 for one step".into(),
        Spike::Dirac => {
            "a spike is a pulse of area 1, at the end of the step; the graph's input is spikes"
                .into()
        }
    });
    say(format!(
        "a neuron fires {} threshold",
        match o.threshold {
            cortado::neuron::Threshold::Gt => "above",
            cortado::neuron::Threshold::Ge => "at",
        }
    ));
    let is = |f: fn(&Kind) -> bool| flat.nodes.iter().any(|n| f(&n.kind));
    if is(|k| matches!(k, Kind::IF { .. } | Kind::LIF { .. } | Kind::CubaLIF { .. })) {
        let rule = match o.reset {
            ResetRule::Value => "goes to v_reset".into(),
            ResetRule::Subtract => "is lowered by the threshold".into(),
            ResetRule::None => "stays".into(),
            ResetRule::File if rules.subtracts => {
                format!(
                    "goes to v_reset, or is lowered by the threshold where there is none, as in version {}",
                    file.version
                )
            }
            ResetRule::File => format!(
                "goes to v_reset, 0 if there is none, as in version {}",
                file.version
            ),
        };
        let when = match o.reset_time {
            cortado::neuron::ResetTime::SameStep => "in the step of the spike",
            cortado::neuron::ResetTime::NextStep => "in the step after the spike",
        };
        say(format!("after a spike the membrane {rule}, {when}"));
    }
    if is(|k| matches!(k, Kind::CubaLIF { .. } | Kind::CubaLI { .. }))
        && o.discretisation != Discretisation::Exact
    {
        say(format!(
            "a membrane takes the synaptic current of {}",
            match o.current {
                Current::New => "the same step",
                Current::Old => "the step before",
            }
        ));
    }
    say("membranes start at v_leak, currents at 0".into());
    let preset = format!("by the preset '{}'", o.producer);
    o.unwritten()
        .iter()
        .for_each(|what| say(format!("{what} ({preset})")));
    if !o.is_held() {
        say(format!(
            "the preset '{}' follows the source text of the tool and is not held to its spikes",
            o.producer
        ));
    }
    for (i, node) in flat.nodes.iter().enumerate() {
        if !node.metadata.is_empty() {
            let keys: Vec<&str> = node.metadata.keys().map(String::as_str).collect();
            report.node(
                Fate::Lost,
                &flat.names[i],
                format!("metadata is not looked at: {}", keys.join(", ")),
            );
        }
    }
    if !file.root.metadata.is_empty() {
        let keys: Vec<&str> = file.root.metadata.keys().map(String::as_str).collect();
        report.graph(
            Fate::Lost,
            format!("metadata is not looked at: {}", keys.join(", ")),
        );
    }
}

/// A node of the network to be.
struct Draft {
    name: String,
    from: Vec<(String, usize)>,
    content: Weights,
}

/// A network that is being put together.
struct Assembly<'a> {
    flat: &'a Flat<'a>,
    shapes: &'a [Shape],
    wires: &'a Wires,
    rules: &'a Rules<'a>,
    drafts: Vec<Draft>,
    /// The draft whose output is a node's.
    of: Vec<Option<usize>>,
    names: BTreeSet<String>,
    own: Vec<String>,
}

impl<'a> Assembly<'a> {
    fn new(
        flat: &'a Flat<'a>,
        shapes: &'a [Shape],
        wires: &'a Wires,
        rules: &'a Rules<'a>,
    ) -> Self {
        let mut names = BTreeSet::from(["input".to_string()]);
        let own = (0..flat.names.len()).map(|i| match i == flat.input {
            true => "input".into(),
            false => fresh(&mut names, &flat.names[i]),
        });
        let own = own.collect();
        Self {
            flat,
            shapes,
            wires,
            rules,
            drafts: Vec::new(),
            of: vec![None; flat.names.len()],
            names,
            own,
        }
    }

    fn all(&mut self, report: &mut Report) -> Result<()> {
        let nodes = (0..self.flat.names.len())
            .filter(|&i| !self.wires.gone[i] && i != self.flat.input && i != self.flat.output);
        let nodes: Vec<usize> = nodes.collect();
        let (stateless, neurons): (Vec<usize>, Vec<usize>) =
            nodes.into_iter().partition(|&i| self.fires(i).is_none());
        for &i in &stateless {
            self.weights(i, report)?;
        }
        for &i in &neurons {
            self.neurons(i, report)?;
        }
        for &i in stateless.iter().chain(&neurons) {
            if self.own[i] != self.flat.names[i] {
                report.node(
                    Fate::Taken,
                    &self.flat.names[i],
                    format!("it is called '{}'", self.own[i]),
                );
            }
        }
        Ok(())
    }

    /// Whether a node of neurons spikes; nothing of other nodes.
    fn fires(&self, i: usize) -> Option<bool> {
        match self.flat.kind(i) {
            Kind::IF { .. } | Kind::LIF { .. } | Kind::CubaLIF { .. } | Kind::Threshold { .. } => {
                Some(true)
            }
            Kind::I { .. } | Kind::LI { .. } | Kind::CubaLI { .. } => Some(false),
            _ => None,
        }
    }

    /// Whether what a node hands on comes of spikes.
    fn spiking(&self, mut i: usize) -> bool {
        for _ in 0..self.flat.names.len() {
            match (self.fires(i), self.wires.into[i].first()) {
                (Some(fires), _) => return fires,
                (None, Some(&(j, _))) => i = j,
                (None, None) => return i == self.flat.input,
            }
        }
        false
    }

    fn push(&mut self, name: String, from: Vec<(String, usize)>, content: Weights) -> usize {
        self.drafts.push(Draft {
            name,
            from,
            content,
        });
        self.drafts.len() - 1
    }

    /// The sources of a node, flattened where they are images and an axis is wanted.
    fn sources(
        &mut self,
        i: usize,
        axis: bool,
        report: &mut Report,
    ) -> Result<Vec<(String, usize)>> {
        let mut out = Vec::new();
        if self.wires.into[i].is_empty() {
            return Err(Error::invalid(
                "edges",
                place(&self.flat.names[i]),
                "one into it",
                "none",
            ));
        }
        for (j, delay) in self.wires.into[i].clone() {
            let (name, shape) = (self.own[j].clone(), &self.shapes[j]);
            if j == i {
                let ones = vec![1.0; shape.iter().product()];
                let content = each(&ones, shape, &self.flat.names[i])?;
                let loop_name = fresh(&mut self.names, &format!("{name}.loop"));
                self.push(loop_name.clone(), vec![(name, delay)], content);
                out.push((loop_name, 0));
            } else if axis && shape.len() == 3 {
                let flat = fresh(&mut self.names, &format!("{}.flatten", self.own[i]));
                let what = format!(
                    "{shape:?} from '{}' is taken as one axis",
                    self.flat.names[j]
                );
                report.node(Fate::Assumed, &self.flat.names[i], what);
                self.push(
                    flat.clone(),
                    vec![(name, delay)],
                    bare(NodeKind::Flatten {}),
                );
                out.push((flat, 0));
            } else {
                out.push((name, delay));
            }
        }
        Ok(out)
    }

    /// One source for a node that cannot add.
    fn one(
        &mut self,
        i: usize,
        from: Vec<(String, usize)>,
        report: &mut Report,
    ) -> Result<(String, usize)> {
        if let [one] = &from[..] {
            return Ok(one.clone());
        }
        let name = &self.flat.names[i];
        if self.rules.options.spike == Spike::Dirac {
            let expected = "one edge into a node without state, where spikes are pulses";
            return Err(Error::invalid("edges", place(name), expected, from.len()));
        }
        report.node(
            Fate::Taken,
            name,
            "what reaches it is added by a population without memory",
        );
        let sum = fresh(&mut self.names, &format!("{}.sum", self.own[i]));
        self.push(sum.clone(), from, bare(adder(self.rules.options)));
        Ok((sum, 0))
    }

    fn weights(&mut self, i: usize, report: &mut Report) -> Result<()> {
        let (flat, kind) = (self.flat, self.flat.kind(i));
        let name = &flat.names[i];
        let axis = matches!(kind, Kind::Affine { .. } | Kind::Linear { .. });
        let from = self.sources(i, axis, report)?;
        let source = self.wires.into[i][0].0;
        if let Some(&(other, _)) = self.wires.into[i]
            .iter()
            .find(|e| self.shapes[e.0] != self.shapes[source])
        {
            let (got, expected) = (&self.shapes[other], &self.shapes[source]);
            return Err(Error::invalid(
                "shape",
                place(name),
                format!("{expected:?} from all"),
                format!("{got:?}"),
            ));
        }
        let from = self.one(i, from, report)?;
        let source = &self.shapes[source];
        let content = match kind {
            Kind::Delay { delay } => {
                let n = source.iter().product();
                let dt = self.rules.options.dt;
                let steps = spread(delay, n, name)?
                    .into_iter()
                    .map(|d| whole(d, self.rules.options, name));
                let seconds: Result<Vec<f64>> = steps.map(|s| Ok(s? as f64 * dt)).collect();
                held(seconds?, source, name)?
            }
            _ => weights(flat, i, source, report)?,
        };
        report.node(
            Fate::Taken,
            name,
            format!(
                "{}: {} -> {}",
                kind.name(),
                dims(source),
                dims(&self.shapes[i])
            ),
        );
        self.of[i] = Some(self.push(self.own[i].clone(), vec![from], content));
        Ok(())
    }

    fn neurons(&mut self, i: usize, report: &mut Report) -> Result<()> {
        let (name, kind, shape) = (&self.flat.names[i], self.flat.kind(i), &self.shapes[i]);
        let made = cells(name, kind, shape, self.rules, report)?;
        report.node(
            Fate::Taken,
            name,
            format!("{} of {} neurons", kind.name(), dims(shape)),
        );
        self.adjust(i, &made)?;
        let from = self.sources(i, shape.len() == 1, report)?;
        let own = self.own[i].clone();
        let from = match made.synapse {
            None => from,
            Some(synapse) => {
                let first = fresh(&mut self.names, &format!("{own}.synapse"));
                self.push(first.clone(), from, bare(synapse));
                vec![(first, usize::from(made.late))]
            }
        };
        self.of[i] = Some(self.push(own, from, bare(made.body)));
        Ok(())
    }

    /// Multiplies weights and biases into neurons by what these ask for.
    fn adjust(&mut self, i: usize, cells: &Cells) -> Result<()> {
        let folds = cells.fold.iter().any(|&f| f != 1.0);
        let plain = cells
            .bias
            .as_ref()
            .is_some_and(|b| b.iter().all(|&b| b == 1.0));
        let name = &self.flat.names[i];
        for &(j, _) in &self.wires.into[i] {
            let readers = self
                .wires
                .into
                .iter()
                .flatten()
                .filter(|e| e.0 == j)
                .count();
            let content = self.of[j].map(|d| &mut self.drafts[d].content);
            let content = content.filter(|c| !c.weight.is_empty() && readers == 1);
            if folds {
                let Some(content) = content else {
                    let expected =
                        format!("weights that '{name}' alone reads, to take up its gain");
                    return Err(Error::invalid(
                        "edge",
                        place(&self.flat.names[j]),
                        expected,
                        self.flat.kind(j).name(),
                    ));
                };
                content.scale(&rows(&cells.fold, content, name)?);
            }
            if !plain && self.spiking(j) {
                self.adjust_bias(i, j, cells, readers)?;
            }
        }
        Ok(())
    }

    /// A bias is a current, and where spikes are pulses it comes among them.
    fn adjust_bias(&mut self, i: usize, j: usize, cells: &Cells, readers: usize) -> Result<()> {
        let biased = |d: Option<usize>, drafts: &[Draft]| {
            d.and_then(|d| drafts[d].content.bias.as_ref())
                .is_some_and(|b| b.iter().any(|&b| b != 0.0))
        };
        let refuse = |at: usize, got: &str| {
            let expected = format!(
                "no bias, or one that '{}' alone takes, as spikes are pulses",
                self.flat.names[i]
            );
            Err(Error::invalid(
                "bias",
                place(&self.flat.names[at]),
                expected,
                got,
            ))
        };
        let mut above = j;
        while let (None, Some(&(up, _))) = (self.fires(above), self.wires.into[above].first()) {
            above = up;
            if self.fires(above).is_none() && biased(self.of[above], &self.drafts) {
                return refuse(above, "a bias that passes further weights");
            }
        }
        if !biased(self.of[j], &self.drafts) {
            return Ok(());
        }
        let Some(bias) = cells.bias.as_ref().filter(|_| readers == 1) else {
            return refuse(j, "a bias");
        };
        if let Some(d) = self.of[j] {
            let content = &mut self.drafts[d].content;
            let rows = rows(bias, content, &self.flat.names[i])?;
            content.scale_bias(&rows);
        }
        Ok(())
    }

    /// The network, its readout last.
    fn finish(mut self, report: &mut Report) -> Result<Plan> {
        let (o, out) = (self.rules.options, self.flat.output);
        let sources = self.wires.into[out].clone();
        let last = match sources[..] {
            [(j, 0)] if self.fires(j).is_some() && self.shapes[j].len() == 1 => self.of[j],
            _ => None,
        };
        let last = match last {
            Some(d) => d,
            None => self.readout(report)?,
        };
        let name = self.drafts[last].name.clone();
        let order = self.order(last);
        let mut nodes = Vec::new();
        let mut values = Vec::new();
        let mut drafts: Vec<Option<Draft>> = self.drafts.into_iter().map(Some).collect();
        for d in order.into_iter().filter_map(|d| drafts[d].take()) {
            let from = d.from.into_iter().map(|(node, steps)| match steps {
                0 => EdgeSpec::Node(node),
                steps => EdgeSpec::Delayed(DelayedEdge {
                    node,
                    delay: steps as f64 * o.dt,
                }),
            });
            let Weights { kind, weight, bias } = d.content;
            if !weight.is_empty() {
                values.push((format!("{}.weight", d.name), weight));
            }
            if let Some(bias) = bias {
                values.push((format!("{}.bias", d.name), bias));
            }
            nodes.push(NodeSpec {
                name: d.name,
                from: Some(from.collect()),
                kind,
            });
        }
        report.graph(Fate::Taken, format!("the output is that of '{name}'"));
        let convention = Convention {
            arrivals: Arrivals::AfterFlow,
            decay: match o.discretisation {
                Discretisation::Euler => Decay::Euler,
                Discretisation::ExpEuler => Decay::ExponentialEuler,
                Discretisation::Exact => Decay::Exact,
            },
            gain: if self.rules.unscaled {
                cortado::neuron::Gain::Unscaled
            } else {
                cortado::neuron::Gain::Scaled
            },
            pulse: match o.spike {
                Spike::Box => Pulse::Box,
                Spike::Dirac => Pulse::Dirac,
            },
            threshold: o.threshold,
            reset: o.reset_time,
        };
        let spec = NetworkSpec {
            dt: o.dt,
            convention,
            surrogate: Surrogate::default(),
            detach_reset: true,
            nodes,
        };
        Ok(Plan {
            input: self.shapes[self.flat.input].clone(),
            spec,
            values,
        })
    }

    /// A population that hands on what the output takes, where that is not one population's.
    fn readout(&mut self, report: &mut Report) -> Result<usize> {
        let out = self.flat.output;
        let mut from = self.sources(out, true, report)?;
        if self.shapes[out].len() == 3 {
            // What is flattened stands in the order of memory until weights have read it.
            let n = self.shapes[out].iter().product();
            for (source, _) in &mut from {
                let name = fresh(&mut self.names, &format!("{}.order", self.own[out]));
                let content = diagonal(&vec![1.0; n], &self.flat.names[out])?;
                self.push(name.clone(), vec![(source.clone(), 0)], content);
                *source = name;
            }
        }
        report.node(
            Fate::Taken,
            &self.flat.names[out],
            "what leaves is handed on by a population without memory",
        );
        Ok(self.push(self.own[out].clone(), from, bare(adder(self.rules.options))))
    }

    /// Drafts in the order in which a signal passes them, `last` at the end.
    fn order(&self, last: usize) -> Vec<usize> {
        let number: BTreeMap<&str, usize> = self
            .drafts
            .iter()
            .enumerate()
            .map(|(i, d)| (d.name.as_str(), i))
            .collect();
        let mut waits: Vec<usize> = vec![0; self.drafts.len()];
        let mut next = vec![Vec::new(); self.drafts.len()];
        for (i, d) in self.drafts.iter().enumerate() {
            for j in d
                .from
                .iter()
                .filter(|f| f.1 == 0)
                .filter_map(|f| number.get(f.0.as_str()))
            {
                waits[i] += 1;
                next[*j].push(i);
            }
        }
        let mut ready: BTreeSet<usize> = (0..waits.len()).filter(|&i| waits[i] == 0).collect();
        let mut order = Vec::new();
        while let Some(i) = ready.pop_first() {
            order.push(i);
            for &j in &next[i] {
                waits[j] -= 1;
                if waits[j] == 0 {
                    ready.insert(j);
                }
            }
        }
        // What is left is a loop without delay, which the network refuses by name.
        let left = (0..waits.len()).filter(|i| waits[*i] > 0);
        order.extend(left.collect::<Vec<_>>());
        order.retain(|&i| i != last);
        order.push(last);
        order
    }
}

/// A number for each row of weights, from one for each neuron.
fn rows(values: &[f64], content: &Weights, name: &str) -> Result<Vec<f64>> {
    let NodeKind::Conv2d { channels, .. } = content.kind else {
        return Ok(values.to_vec());
    };
    let size = values.len() / channels.max(1);
    let each: Vec<f64> = (0..channels).map(|c| values[c * size]).collect();
    if values
        .iter()
        .enumerate()
        .any(|(i, v)| *v != each[i / size.max(1)])
    {
        let expected =
            "the same gain for all neurons of a channel, as a convolution is before them";
        return Err(Error::invalid("gain", place(name), expected, "others"));
    }
    Ok(each)
}

fn bare(kind: NodeKind) -> Weights {
    Weights {
        kind,
        weight: Vec::new(),
        bias: None,
    }
}

fn dims(shape: &Shape) -> String {
    let each: Vec<String> = shape.iter().map(ToString::to_string).collect();
    each.join(" x ")
}

/// A name that no node has yet.
fn fresh(names: &mut BTreeSet<String>, wanted: &str) -> String {
    let mut name = wanted.to_string();
    while !names.insert(name.clone()) {
        name.push('_');
    }
    name
}
