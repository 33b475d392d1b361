//! The nodes of a step.

use super::neuron::{CONSTANT, CURRENT, Formula, PULSE, SPIKE};
use super::tape::Entry;
use super::{State, Step};
use crate::onnx::OPSET;
use crate::onnx::export::{ints, port};
use cortado::network::{Network, Window};
use cortado::neuron::{Output, Threshold};
use cortado_interop::onnx::{Attribute, Data, Element, Model, Node, Tensor};
use std::collections::BTreeMap;

/// A model that grows.
pub(super) struct Writer<'a> {
    net: &'a Network<f32>,
    model: Model,
    states: Vec<State>,
    /// How many steps back each node is read.
    lead: BTreeMap<String, usize>,
    count: usize,
}

impl<'a> Writer<'a> {
    pub fn new(net: &'a Network<f32>) -> Self {
        let mut lead = BTreeMap::new();
        for node in &net.spec().nodes {
            for (from, delay) in net.sources(&node.name) {
                let most = lead.entry(from.to_string()).or_insert(0);
                *most = delay.max(*most);
            }
        }
        lead.retain(|_, delay| *delay > 0);
        let spec = net.spec();
        let convention = serde_json::to_string(&spec.convention).unwrap_or_default();
        let notes = [
            ("cortado.dt", format!("{:e}", spec.dt)),
            ("cortado.convention", convention),
        ];
        let notes = notes.map(|(k, v)| (k.to_string(), v));
        Self {
            net,
            model: Model {
                ir_version: 8,
                opset: OPSET,
                producer: "cortado".into(),
                name: "step".into(),
                notes: notes.into(),
                inputs: vec![port("input", net.input_shape())],
                ..Model::default()
            },
            states: Vec::new(),
            lead,
            count: 0,
        }
    }

    fn shape(&self, node: &str) -> &'a [usize] {
        self.net.shape(node).unwrap_or_default()
    }

    fn param(&self, node: &str, part: &str) -> Option<Tensor> {
        let param = self.net.param(&format!("{node}.{part}"))?;
        Tensor::new(param.shape.clone(), Data::F32(param.values())).ok()
    }

    /// Stores a parameter of a node; its name.
    fn store(&mut self, node: &str, part: &str) -> Option<String> {
        let name = format!("{node}.{part}");
        let tensor = self.param(node, part)?;
        self.model.tensors.insert(name.clone(), tensor);
        Some(name)
    }

    /// Stores numbers; their name.
    fn keep(&mut self, name: String, shape: Vec<usize>, data: Data) -> String {
        if let Ok(tensor) = Tensor::new(shape, data) {
            self.model.tensors.insert(name.clone(), tensor);
        }
        name
    }

    /// Whole numbers that operators take as inputs.
    fn whole(&mut self, list: &[i64], scalar: bool) -> String {
        let words: Vec<String> = list.iter().map(ToString::to_string).collect();
        let kind = if scalar { "int" } else { "ints" };
        let shape = if scalar { vec![] } else { vec![list.len()] };
        self.keep(
            format!("{kind} {}", words.join(" ")),
            shape,
            Data::I64(list.to_vec()),
        )
    }

    /// A number for all.
    fn number(&mut self, x: f64) -> String {
        let x = x as f32;
        self.keep(format!("number {x:e}"), vec![], Data::F32(vec![x]))
    }

    /// A node; the name of what it gives.
    fn op(
        &mut self,
        op: &str,
        inputs: &[&str],
        output: &str,
        settings: &[(&str, Attribute)],
    ) -> String {
        let settings = settings.iter().map(|(k, v)| (k.to_string(), v.clone()));
        self.model.nodes.push(Node {
            name: output.into(),
            op: op.into(),
            domain: String::new(),
            inputs: inputs.iter().map(ToString::to_string).collect(),
            outputs: vec![output.into()],
            attributes: settings.collect(),
        });
        output.into()
    }

    /// A name that is not taken.
    fn fresh(&mut self, node: &str) -> String {
        self.count += 1;
        format!("{node}.{}", self.count)
    }

    /// What a node takes from another: of this step or an earlier one, as one axis if it is not of images itself.
    pub fn read(&mut self, node: &str, from: &str, delay: usize) -> String {
        let mut value = from.to_string();
        if delay > 0 {
            let (past, at) = (
                format!("{from}.past"),
                self.whole(&[delay as i64 - 1], true),
            );
            let name = self.fresh(node);
            value = self.op(
                "Gather",
                &[&past, &at],
                &name,
                &[("axis", Attribute::Int(1))],
            );
        }
        if self.shape(from).len() > 1 && self.shape(node).len() == 1 {
            let name = self.fresh(node);
            value = self.op("Flatten", &[&value], &name, &[("axis", Attribute::Int(1))]);
        }
        value
    }

    pub fn same(&mut self, node: &str, from: &str) {
        self.op("Identity", &[from], node, &[]);
    }

    pub fn linear(&mut self, node: &str, from: &str) {
        let mut inputs = vec![from.to_string()];
        inputs.extend(self.store(node, "weight"));
        inputs.extend(self.store(node, "bias"));
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        self.op("Gemm", &inputs, node, &[("transB", Attribute::Int(1))]);
    }

    pub fn conv(
        &mut self,
        node: &str,
        from: &str,
        stride: [usize; 2],
        padding: [usize; 2],
        groups: usize,
    ) {
        let mut inputs = vec![from.to_string()];
        inputs.extend(self.store(node, "weight"));
        inputs.extend(self.store(node, "bias"));
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let settings = [
            ("strides", ints(&stride)),
            ("pads", ints(&[padding, padding].concat())),
            ("group", Attribute::Int(groups as i64)),
        ];
        self.op("Conv", &inputs, node, &settings);
    }

    pub fn pool(&mut self, node: &str, from: &str, window: &Window, kind: &str) {
        let kernel = window.kernel.get();
        let stride = window.stride.map_or(kernel, |s| s.get());
        let settings = [("kernel_shape", ints(&kernel)), ("strides", ints(&stride))];
        match kind {
            "max" => self.op("MaxPool", &[from], node, &settings),
            "mean" => self.op("AveragePool", &[from], node, &settings),
            _ => {
                let (mean, count) = (self.fresh(node), (kernel[0] * kernel[1]) as f64);
                let mean = self.op("AveragePool", &[from], &mean, &settings);
                let count = self.number(count);
                self.op("Mul", &[&mean, &count], node, &[])
            }
        };
    }

    /// Of the spikes of a window those that raise the largest count pass.
    pub fn gate(&mut self, node: &str, from: &str, window: &Window) {
        let shape = self
            .net
            .sources(node)
            .first()
            .map_or(vec![], |s| self.shape(s.0).to_vec());
        let (count, next) = (format!("{node}.count"), format!("{node}.count.next"));
        self.state(count.clone(), shape, &[0.0]);
        self.op("Add", &[&count, from], &next, &[]);
        let [before, after] = [&count, &next].map(|counts| {
            let name = self.fresh(node);
            self.pool(&name, counts, window, "max");
            name
        });
        self.op("Sub", &[&after, &before], node, &[]);
    }

    pub fn norm(&mut self, node: &str, from: &str, epsilon: f64) {
        let mut inputs = vec![from.to_string()];
        for part in ["weight", "bias", "running_mean", "running_var"] {
            inputs.extend(self.store(node, part));
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let epsilon = Attribute::Float(epsilon as f32);
        self.op("BatchNormalization", &inputs, node, &[("epsilon", epsilon)]);
    }

    /// The sum of what arrives.
    fn sum(&mut self, node: &str, values: &[String]) -> String {
        match values {
            [one] => one.clone(),
            many => {
                let many: Vec<&str> = many.iter().map(String::as_str).collect();
                let name = self.fresh(node);
                self.op("Sum", &many, &name, &[])
            }
        }
    }

    /// A population; `ports` are currents and spikes that reach it.
    pub fn population(
        &mut self,
        node: &str,
        f: &Formula,
        ports: &[Vec<String>; 2],
        threshold: Threshold,
    ) {
        let arrived = [0, 1].map(|i| match ports[i].as_slice() {
            [] => String::new(),
            some => self.sum(node, some),
        });
        let shape = self.shape(node).to_vec();
        for (state, rest) in f.states.iter().zip(&f.rest) {
            self.state(format!("{node}.{state}"), shape.clone(), rest);
        }
        // The number of an entry, and the name of its value.
        let mut names: Vec<String> = Vec::with_capacity(f.entries.len());
        let spike = f
            .entries
            .iter()
            .position(|e| matches!(e, Entry::Given(SPIKE)));
        let needed = needed(f, spike);
        for (i, entry) in f.entries.iter().enumerate() {
            let name = match *entry {
                _ if !needed[i] => String::new(),
                Entry::Given(SPIKE) => self.fire(node, &names[f.gap], threshold),
                Entry::Given(CURRENT) => arrived[0].clone(),
                Entry::Given(PULSE) => arrived[1].clone(),
                Entry::Given(k) if k >= CONSTANT => {
                    let each = f.constants[k - CONSTANT].clone();
                    let name = format!("{node}.constant {}", k - CONSTANT);
                    self.keep(name, [&[1], shape.as_slice()].concat(), Data::F32(each))
                }
                Entry::Given(s) => format!("{node}.{}", f.states[s]),
                Entry::Literal(x) => self.number(x),
                Entry::One(op, a) => {
                    let name = self.fresh(node);
                    self.op(op, &[&names[a]], &name, &[])
                }
                Entry::Two(op, a, b) => {
                    let name = self.fresh(node);
                    self.op(op, &[&names[a], &names[b]], &name, &[])
                }
                Entry::Choice => String::new(),
            };
            names.push(name);
        }
        if f.output == Output::Membrane {
            self.op("Identity", &[&names[f.membrane]], node, &[]);
        }
        for (state, &after) in f.states.iter().zip(&f.after) {
            let next = format!("{node}.{state}.next");
            self.op("Identity", &[&names[after]], &next, &[]);
        }
    }

    /// Spikes where the gap is positive, under the name of the population.
    fn fire(&mut self, node: &str, gap: &str, threshold: Threshold) -> String {
        let zero = self.number(0.0);
        let op = match threshold {
            Threshold::Gt => "Greater",
            Threshold::Ge => "GreaterOrEqual",
        };
        let name = self.fresh(node);
        let above = self.op(op, &[gap, &zero], &name, &[]);
        let float = Attribute::Int(i64::from(Element::F32.number()));
        self.op("Cast", &[&above], node, &[("to", float)])
    }

    /// A state, from its input to its output.
    fn state(&mut self, name: String, shape: Vec<usize>, rest: &[f32]) {
        self.model.inputs.push(port(&name, &shape));
        let count = shape.iter().product();
        let rest = match rest {
            [one] => vec![*one; count],
            each => each.to_vec(),
        };
        let note = match rest.as_slice() {
            [first, more @ ..] if more.iter().all(|x| x == first) => format!("{first}"),
            each => format!("{each:?}"),
        };
        self.model
            .notes
            .insert(format!("cortado.rest.{name}"), note);
        self.states.push(State { name, shape, rest });
    }

    /// What nodes handed on in the steps before, and the outputs.
    pub fn finish(mut self) -> Step {
        for (node, lead) in std::mem::take(&mut self.lead) {
            let shape = [&[lead], self.shape(&node)].concat();
            let past = format!("{node}.past");
            let next = format!("{past}.next");
            self.state(past.clone(), shape, &[0.0]);
            let axis = self.whole(&[1], false);
            if lead == 1 {
                self.op("Unsqueeze", &[&node, &axis], &next, &[]);
                continue;
            }
            let (newest, kept) = (self.fresh(&node), self.fresh(&node));
            let newest = self.op("Unsqueeze", &[&node, &axis], &newest, &[]);
            let (start, end) = (
                self.whole(&[0], false),
                self.whole(&[lead as i64 - 1], false),
            );
            let kept = self.op("Slice", &[&past, &start, &end, &axis], &kept, &[]);
            self.op(
                "Concat",
                &[&newest, &kept],
                &next,
                &[("axis", Attribute::Int(1))],
            );
        }
        let nodes = &self.net.spec().nodes;
        let readout = nodes.last().map_or("input", |n| n.name.as_str());
        self.op("Identity", &[readout], "output", &[]);
        self.model.outputs.push(port("output", self.shape(readout)));
        for state in &self.states {
            let next = format!("{}.next", state.name);
            self.model.outputs.push(port(&next, &state.shape));
        }
        Step {
            model: self.model,
            states: self.states,
        }
    }
}

/// Which entries of a formula lead to its results.
fn needed(f: &Formula, spike: Option<usize>) -> Vec<bool> {
    let mut needed = vec![false; f.entries.len()];
    let result = match f.output {
        Output::Spikes => f.gap,
        Output::Membrane => f.membrane,
    };
    for &i in f.after.iter().chain([&result]).chain(spike.iter()) {
        needed[i] = true;
    }
    for i in (0..f.entries.len()).rev() {
        match f.entries[i] {
            _ if !needed[i] => {}
            Entry::One(_, a) => needed[a] = true,
            Entry::Two(_, a, b) => {
                needed[a] = true;
                needed[b] = true;
            }
            _ => {}
        }
    }
    needed
}
