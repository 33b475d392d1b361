//! From the nodes of a graph to those of a network.

use super::flat::{Flat, place};
use super::neuron::{Cells, Rules, adder, cells};
use super::options::Spike;
use super::order::{Wires, whole};
use super::report::{Fate, Report};
use super::shapes::Shape;
use super::weights::{Weights, each, held, spread, weights};
use crate::{Error, Result};
use cortado::network::NodeKind;
use cortado_interop::nir::Kind;
use std::collections::BTreeSet;

/// A node of the network to be.
pub(super) struct Draft {
    pub name: String,
    pub from: Vec<(String, usize)>,
    pub content: Weights,
}

/// A network that is being put together.
pub(super) struct Assembly<'a> {
    pub flat: &'a Flat<'a>,
    pub shapes: &'a [Shape],
    pub wires: &'a Wires,
    pub rules: &'a Rules<'a>,
    pub drafts: Vec<Draft>,
    /// The draft whose output is a node's.
    pub of: Vec<Option<usize>>,
    pub names: BTreeSet<String>,
    /// The names that nodes have in the network.
    pub own: Vec<String>,
}

impl<'a> Assembly<'a> {
    pub fn new(
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

    pub fn all(&mut self, report: &mut Report) -> Result<()> {
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
    pub fn fires(&self, i: usize) -> Option<bool> {
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

    pub fn push(&mut self, name: String, from: Vec<(String, usize)>, content: Weights) -> usize {
        self.drafts.push(Draft {
            name,
            from,
            content,
        });
        self.drafts.len() - 1
    }

    /// The sources of a node, flattened where they are images and an axis is wanted.
    pub fn sources(
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

pub(super) fn bare(kind: NodeKind) -> Weights {
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
pub(super) fn fresh(names: &mut BTreeSet<String>, wanted: &str) -> String {
    let mut name = wanted.to_string();
    while !names.insert(name.clone()) {
        name.push('_');
    }
    name
}
