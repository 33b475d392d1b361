//! What follows from the graph once it stands: which stages run together, who reads whom, what is needed how long.

use super::graph::{Pace, Stage};
use super::{Network, Node, Op};
use crate::neuron::Lanes;

impl<R: Lanes> Network<R> {
    /// Makes one stage of neighbouring stages of images. Batch norm, whose sums need all steps, stands alone.
    pub(super) fn merge_images(&mut self) {
        let mut merged: Vec<Stage> = Vec::new();
        for mut stage in std::mem::take(&mut self.stages) {
            let node = &self.nodes[stage.nodes[0]];
            let whole = matches!(node.op, Op::Linear(_) | Op::Norm(_));
            if stage.pace == Pace::Whole && node.shape.image().is_some() && !whole {
                stage.pace = Pace::Image;
            }
            match merged.last_mut() {
                Some(last) if last.pace == Pace::Image && stage.pace == Pace::Image => {
                    last.nodes.extend(stage.nodes);
                }
                _ => merged.push(stage),
            }
        }
        self.stages = merged;
    }

    /// Fills in what follows from the graph.
    pub(super) fn mark(&mut self) {
        let n = self.nodes.len();
        let norm = |&i: &usize| matches!(self.nodes[i].op, Op::Norm(_));
        self.norms = (0..n).filter(norm).collect();
        for stage in &self.stages {
            for &i in &stage.nodes {
                self.nodes[i].looped = stage.pace == Pace::Loop;
            }
        }
        for i in 1..n {
            for e in self.nodes[i].sources.clone() {
                let from = &mut self.nodes[e.node];
                from.read = true;
                from.lead = e.delay.max(from.lead);
            }
        }
        for i in 0..n {
            let readers: Vec<(usize, usize)> = (1..n)
                .filter(|&j| !matches!(self.nodes[j].op, Op::Flatten))
                .flat_map(|j| self.nodes[j].sources.iter().map(move |e| (j, e)))
                .filter(|(_, e)| e.node == i)
                .map(|(j, e)| (j, e.delay))
                .collect();
            let node = &self.nodes[i];
            self.nodes[i].reader = match (&readers[..], &node.op) {
                ([(j, delay)], op)
                    if *delay == 0 && !matches!(op, Op::Population(_) | Op::Input) =>
                {
                    matches!(self.nodes[*j].op, Op::Population(_)).then_some(*j)
                }
                _ => None,
            };
        }
        for i in 0..n - 1 {
            let reads = |j: usize| {
                let edges = self.nodes[j].sources.iter().filter(|e| e.node == i);
                let flat = matches!(self.nodes[j].op, Op::Flatten);
                if flat {
                    Vec::new()
                } else {
                    edges.map(|e| e.delay).collect()
                }
            };
            let order = self
                .stages
                .iter()
                .rev()
                .flat_map(|s| s.nodes.iter().rev().copied());
            let first = order
                .map(|j| (j, self.nodes[j].looped, reads(j)))
                .find(|r| !r.2.is_empty());
            let first = match first {
                Some((j, false, delays)) if delays == [0] && !self.nodes[j].delayed() => Some(j),
                _ => None,
            };
            let stage = self.stages.iter().find(|s| s.nodes.contains(&i));
            let here =
                |j: usize| stage.is_some_and(|s| s.pace == Pace::Image && s.nodes.contains(&j));
            let beside = |j: usize| reads(j).iter().all(|&delay| delay == 0 && here(j));
            let node = &self.nodes[i];
            let brief = [
                node.reader.is_some_and(here),
                first.is_some_and(here) && (0..n).all(beside),
            ];
            (self.nodes[i].first, self.nodes[i].brief) = (first, brief);
        }
        // What depends on a loop settles after as many passes as there are nodes.
        for _ in 0..n {
            for i in 0..n {
                let from = |f: fn(&Node<R>) -> bool, node: &Node<R>| {
                    node.sources.iter().any(|e| f(&self.nodes[e.node]))
                };
                let node = &self.nodes[i];
                let stem = match (&node.op, node.sources.first()) {
                    (Op::Population(_), _) | (_, None) => i,
                    (_, Some(e)) => self.nodes[e.node].stem,
                };
                let trained = match &node.op {
                    Op::Linear(_) | Op::Conv(_) | Op::Norm(_) => true,
                    Op::Population(p) => p.trained,
                    _ => false,
                };
                let learns = trained || from(|s| s.learns, node);
                self.nodes[i].stem = stem;
                self.nodes[i].learns = learns;
            }
        }
    }
}
