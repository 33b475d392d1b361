//! Which nodes matter and in which order they run.

use super::wrong;
use crate::{Error, Result};
use cortado_interop::onnx::{Attribute, Model, Port};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

/// The one input that is not a stored tensor.
pub(super) fn input(model: &Model) -> Result<&Port> {
    let mut open = model
        .inputs
        .iter()
        .filter(|p| !model.tensors.contains_key(&p.name));
    match (open.next(), open.next()) {
        (Some(input), None) => Ok(input),
        (first, second) => {
            let names: Vec<_> = first.iter().chain(&second).map(|p| &p.name).collect();
            Err(Error::invalid(
                "inputs",
                "ONNX graph",
                "one",
                format!("{names:?}"),
            ))
        }
    }
}

/// Numbers of the nodes that the output needs, each after those that it takes from, otherwise as in the file.
pub(super) fn order(model: &Model) -> Result<Vec<usize>> {
    let [output] = model.outputs.as_slice() else {
        let names: Vec<_> = model.outputs.iter().map(|p| &p.name).collect();
        return Err(Error::invalid(
            "outputs",
            "ONNX graph",
            "one",
            format!("{names:?}"),
        ));
    };
    let mut maker: HashMap<&str, usize> = HashMap::new();
    let mut given: HashSet<&str> = model.tensors.keys().map(String::as_str).collect();
    given.extend(model.inputs.iter().map(|p| p.name.as_str()));
    for (i, node) in model.nodes.iter().enumerate() {
        for name in node.outputs.iter().filter(|n| !n.is_empty()) {
            if given.contains(name.as_str()) || maker.insert(name, i).is_some() {
                let expected = "values that nothing else gives";
                return Err(wrong(node, "output", expected, format!("'{name}'")));
            }
        }
    }
    if !given.contains(output.name.as_str()) && !maker.contains_key(output.name.as_str()) {
        let got = format!("'{}'", output.name);
        return Err(Error::invalid(
            "output",
            "ONNX graph",
            "a value that a node gives",
            got,
        ));
    }

    // Backwards from the output: what is needed, and what each needs.
    let mut needed = vec![false; model.nodes.len()];
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); model.nodes.len()];
    let mut waits = vec![0usize; model.nodes.len()];
    let mut stack: Vec<usize> = maker
        .get(output.name.as_str())
        .copied()
        .into_iter()
        .collect();
    while let Some(i) = stack.pop() {
        if std::mem::replace(&mut needed[i], true) {
            continue;
        }
        let node = &model.nodes[i];
        for name in node.inputs.iter().filter(|n| !n.is_empty()) {
            match maker.get(name.as_str()) {
                Some(&j) => {
                    users[j].push(i);
                    waits[i] += 1;
                    stack.push(j);
                }
                None if given.contains(name.as_str()) => {}
                None => {
                    let expected = "values that the graph holds";
                    return Err(wrong(node, "input", expected, format!("'{name}'")));
                }
            }
        }
    }

    let ready = |i: &usize| needed[*i] && waits[*i] == 0;
    let mut heap: BinaryHeap<_> = (0..needed.len()).filter(ready).map(Reverse).collect();
    let mut order = Vec::new();
    while let Some(Reverse(i)) = heap.pop() {
        order.push(i);
        for &user in &users[i] {
            waits[user] -= 1;
            if waits[user] == 0 {
                heap.push(Reverse(user));
            }
        }
    }
    match (0..needed.len()).find(|&i| needed[i] && waits[i] > 0) {
        Some(i) => Err(wrong(
            &model.nodes[i],
            "graph",
            "no loop",
            "one around or before this node",
        )),
        None => Ok(order),
    }
}

/// Whether images come with the channels last: the model turns them before anything that minds.
pub(super) fn channels_last(model: &Model, input: &str, order: &[usize]) -> bool {
    let through = [
        "Identity", "Cast", "Dropout", "Add", "Sub", "Mul", "Div", "Neg", "Relu", "Clip",
    ];
    let mut same = HashSet::from([input]);
    for &i in order {
        let node = &model.nodes[i];
        if !node.inputs.iter().any(|n| same.contains(n.as_str())) {
            continue;
        }
        if through.contains(&node.op.as_str()) {
            same.extend(node.outputs.first().map(String::as_str));
        }
        let turn = node.attributes.get("perm");
        if node.op == "Transpose" && turn == Some(&Attribute::Ints(vec![0, 3, 1, 2])) {
            return true;
        }
    }
    false
}
