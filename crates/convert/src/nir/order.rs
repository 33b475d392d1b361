//! Which edges take a step: delays, and one edge of each loop without any.

use super::flat::{Flat, place};
use super::options::Options;
use super::report::{Fate, Report};
use super::shapes::Shape;
use crate::{Error, Result};
use cortado_interop::nir::Kind;

/// The edges of what is left when nodes that only delay or rename are seen through.
pub(super) struct Wires {
    /// For each node, where its input comes from and how many steps that takes.
    pub into: Vec<Vec<(usize, usize)>>,
    /// Whether a node is there no longer.
    pub gone: Vec<bool>,
}

/// No signal is held back for more steps.
const LONGEST: f64 = 1e6;

/// Sees through delays and flattening that changes nothing, and lets each loop take a step.
///
/// # Errors
/// A delay that is no whole number of steps, or a loop of nodes that only rename.
pub(super) fn wires(
    flat: &Flat<'_>,
    shapes: &[Shape],
    options: &Options,
    report: &mut Report,
) -> Result<Wires> {
    let n = flat.names.len();
    let mut steps = vec![None; n];
    for i in 0..n {
        steps[i] = match flat.kind(i) {
            Kind::Delay { delay } if delay.uniform().is_some() => {
                Some(whole(delay.data[0], options, &flat.names[i])?)
            }
            Kind::Flatten { .. } if flat.from[i].iter().all(|&j| shapes[j] == shapes[i]) => Some(0),
            _ => None,
        };
    }
    let mut into = vec![Vec::new(); n];
    for i in (0..n).filter(|&i| steps[i].is_none()) {
        let mut open: Vec<(usize, usize, usize)> =
            flat.from[i].iter().map(|&j| (j, 0, 0)).collect();
        while let Some((j, d, hops)) = open.pop() {
            match steps[j] {
                None => into[i].push((j, d)),
                Some(_) if hops > n => {
                    return Err(Error::invalid(
                        "loop",
                        place(&flat.names[j]),
                        "a node with state on the way round",
                        "none",
                    ));
                }
                Some(own) => open.extend(flat.from[j].iter().map(|&k| (k, d + own, hops + 1))),
            }
            if open.len() + into[i].len() > 1 << 20 {
                return Err(Error::invalid(
                    "edges",
                    place(&flat.names[i]),
                    "at most 2^20",
                    "more",
                ));
            }
        }
        into[i].sort_unstable();
    }
    let mut wires = Wires {
        into,
        gone: steps.iter().map(Option::is_some).collect(),
    };
    wires.close(flat, report);
    Ok(wires)
}

/// A time of the file as a number of steps.
pub(super) fn whole(delay: f64, options: &Options, name: &str) -> Result<usize> {
    // What Norse writes of time constants it does not write of delays.
    let unit = if options.unit() > 1.0 {
        1.0
    } else {
        options.unit()
    };
    let steps = delay * unit / options.dt;
    let near = steps.round();
    // The nearest number of 32 bits is near enough.
    if !(0.0..=LONGEST).contains(&near) || (steps - near).abs() > 1e-6 * near.max(1.0) {
        let expected = format!("a whole number of steps of {} s", options.dt);
        return Err(Error::invalid(
            "delay",
            place(name),
            expected,
            format!("{steps} steps"),
        ));
    }
    Ok(near as usize)
}

impl Wires {
    /// An edge of a loop without delay takes a step where it does not lead away from the input.
    fn close(&mut self, flat: &Flat<'_>, report: &mut Report) {
        let n = self.into.len();
        let mut out = vec![Vec::new(); n];
        let mut instant = vec![Vec::new(); n];
        for (v, list) in self.into.iter().enumerate() {
            for &(u, d) in list {
                out[u].push(v);
                if d == 0 {
                    instant[u].push(v);
                }
            }
        }
        let mut depth = vec![usize::MAX; n];
        depth[flat.input] = 0;
        let mut layer = vec![flat.input];
        while !layer.is_empty() {
            let mut next = Vec::new();
            for u in layer {
                for &v in &out[u] {
                    if depth[v] == usize::MAX {
                        depth[v] = depth[u] + 1;
                        next.push(v);
                    }
                }
            }
            layer = next;
        }
        let group = components(&instant);
        let mut late = Vec::new();
        for v in 0..n {
            for e in 0..self.into[v].len() {
                let (u, d) = self.into[v][e];
                if d == 0 && group[u] == group[v] && depth[v] <= depth[u] {
                    late.push((u, v, e));
                }
            }
        }
        for (u, v, e) in late {
            let what = format!(
                "the edge from '{}' takes a step: it closes a loop without delay",
                flat.names[u]
            );
            report.node(Fate::Assumed, &flat.names[v], what);
            self.delay(flat, &out, (u, v, e), n);
        }
    }

    /// Lets an edge take a step, before weights that it alone reads: a bias is there from the first step.
    fn delay(
        &mut self,
        flat: &Flat<'_>,
        out: &[Vec<usize>],
        (u, v, e): (usize, usize, usize),
        hops: usize,
    ) {
        let stateless = matches!(
            flat.kind(u),
            Kind::Affine { .. }
                | Kind::Linear { .. }
                | Kind::Conv1d { .. }
                | Kind::Conv2d { .. }
                | Kind::Scale { .. }
        );
        if !stateless || out[u].len() != 1 || hops == 0 || u == v {
            self.into[v][e].1 += 1;
            return;
        }
        for k in 0..self.into[u].len() {
            let (from, _) = self.into[u][k];
            self.delay(flat, out, (from, u, k), hops - 1);
        }
    }
}

/// For each node the number of its strongly connected component.
fn components(out: &[Vec<usize>]) -> Vec<usize> {
    let n = out.len();
    let mut back = vec![Vec::new(); n];
    for (u, list) in out.iter().enumerate() {
        list.iter().for_each(|&v| back[v].push(u));
    }
    // Kosaraju: in the reverse order in which a search leaves nodes, each search against the edges finds one component.
    let mut left = Vec::new();
    let mut seen = vec![false; n];
    for start in 0..n {
        let mut open = vec![(start, 0)];
        if std::mem::replace(&mut seen[start], true) {
            continue;
        }
        while let Some((u, k)) = open.pop() {
            match out[u].get(k) {
                Some(&v) => {
                    open.push((u, k + 1));
                    if !std::mem::replace(&mut seen[v], true) {
                        open.push((v, 0));
                    }
                }
                None => left.push(u),
            }
        }
    }
    let mut group = vec![usize::MAX; n];
    for &start in left.iter().rev() {
        let mut open = vec![start];
        while let Some(u) = open.pop() {
            if group[u] == usize::MAX {
                group[u] = start;
                open.extend(back[u].iter().copied().filter(|&w| group[w] == usize::MAX));
            }
        }
    }
    group
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_are_what_reaches_one_another() {
        // 0 -> 1 <-> 2 -> 3 -> 3, and 4 alone.
        let group = components(&[vec![1], vec![2], vec![1, 3], vec![3], vec![]]);
        assert_eq!(group[1], group[2]);
        let mut distinct = group.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), 4);
    }
}
