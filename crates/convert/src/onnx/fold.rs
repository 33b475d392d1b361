//! Working out what follows from constants: the arithmetic of shapes, weights that are turned or scaled.

use super::constant::{Constant, Numbers, axis};
use super::{attributes, wrong};
use crate::{Error, Result};
use cortado_interop::onnx::{Attribute, Element, Node};

/// Numbers of one result.
const MOST: usize = 1 << 27;
/// Numbers of a result that has more of them than what it is made of.
const MOST_GROWN: usize = 1 << 22;

/// What a node gives for constants; nothing if it is not known here.
pub(super) fn fold(node: &Node, inputs: &[Option<&Constant>]) -> Result<Option<Constant>> {
    let input = |i: usize| {
        let there = inputs.get(i).copied().flatten();
        there.ok_or_else(|| Error::invalid("input", "constant", "one more", inputs.len()))
    };
    Ok(Some(match node.op.as_str() {
        "Constant" => constant(node)?,
        "Identity" => input(0)?.clone(),
        "Cast" => cast(node, input(0)?)?,
        "CastLike" => match (&input(0)?.data, &input(1)?.data) {
            (Numbers::Whole(_), Numbers::Floats(_)) => floats(input(0)?)?,
            (Numbers::Floats(_), Numbers::Whole(_)) => whole(input(0)?)?,
            _ => input(0)?.clone(),
        },
        "Gather" => gather(node, input(0)?, input(1)?)?,
        "Concat" => {
            let list: Result<Vec<_>> = (0..inputs.len()).map(input).collect();
            concat(node, &list?)?
        }
        "Slice" => slice(node, inputs)?,
        "Unsqueeze" => {
            let x = input(0)?;
            let axes = axes(node, inputs)?.unwrap_or_default();
            reshaped(x, unsqueezed(&x.shape, &axes)?)?
        }
        "Squeeze" => {
            let x = input(0)?;
            reshaped(x, squeezed(&x.shape, axes(node, inputs)?.as_deref())?)?
        }
        "Reshape" => {
            let (x, to) = (input(0)?, input(1)?.ints()?);
            let keep = attributes::int(node, "allowzero", 0)? == 0;
            reshaped(x, target(&x.shape, &to, keep)?)?
        }
        "Transpose" => transpose(node, input(0)?)?,
        "Expand" => {
            let (x, to) = (input(0)?, input(1)?.ints()?);
            let to = lengths(&to)?;
            let to = together(&x.shape, &to)?;
            Constant {
                data: x.data.pick(&places(&x.shape, &to, x.data.len())?),
                shape: to,
            }
        }
        "ConstantOfShape" => {
            let shape = lengths(&input(0)?.ints()?)?;
            let one = match node.attributes.get("value") {
                Some(Attribute::Tensor(t)) => Constant::of(t)?,
                None => Constant {
                    shape: vec![],
                    data: Numbers::Floats(vec![0.0]),
                },
                Some(_) => return Err(wrong(node, "attribute", "a tensor", "another")),
            };
            one.one()?;
            Constant {
                data: one.data.pick(&vec![0; grown(&shape, 0)?]),
                shape,
            }
        }
        "ReduceProd" => product(node, inputs)?,
        "Add" | "Sub" | "Mul" | "Div" => arithmetic(&node.op, input(0)?, input(1)?)?,
        "Neg" => arithmetic("Sub", &zero(input(0)?), input(0)?)?,
        "Sqrt" | "Reciprocal" => {
            let f = if node.op == "Sqrt" {
                f64::sqrt
            } else {
                f64::recip
            };
            let x = floats(input(0)?)?;
            let list = x.floats()?.into_iter().map(f).collect();
            Constant {
                data: Numbers::Floats(list),
                ..x
            }
        }
        _ => return Ok(None),
    }))
}

fn constant(node: &Node) -> Result<Constant> {
    let float = |f: &f32| f64::from(*f);
    let found = node.attributes.iter().next();
    Ok(match found.map(|(k, v)| (k.as_str(), v)) {
        Some(("value", Attribute::Tensor(t))) => Constant::of(t)?,
        Some(("value_int", Attribute::Int(i))) => Constant {
            shape: vec![],
            data: Numbers::Whole(vec![Some(*i)]),
        },
        Some(("value_ints", Attribute::Ints(v))) => {
            Constant::list(v.iter().copied().map(Some).collect())
        }
        Some(("value_float", Attribute::Float(f))) => Constant {
            shape: vec![],
            data: Numbers::Floats(vec![float(f)]),
        },
        Some(("value_floats", Attribute::Floats(v))) => Constant {
            shape: vec![v.len()],
            data: Numbers::Floats(v.iter().map(float).collect()),
        },
        other => {
            let got = other.map_or("none", |(k, _)| k);
            return Err(wrong(node, "value", "a tensor or numbers", got));
        }
    })
}

fn floats(x: &Constant) -> Result<Constant> {
    Ok(Constant {
        shape: x.shape.clone(),
        data: Numbers::Floats(x.floats()?),
    })
}

fn whole(x: &Constant) -> Result<Constant> {
    let list = x.floats()?.iter().map(|&x| Some(x as i64)).collect();
    Ok(Constant {
        shape: x.shape.clone(),
        data: Numbers::Whole(list),
    })
}

fn cast(node: &Node, x: &Constant) -> Result<Constant> {
    let to = attributes::int(node, "to", 0)?;
    let element = i32::try_from(to).ok().and_then(Element::of);
    match (element, &x.data) {
        (None | Some(Element::Bool), _) => Err(wrong(node, "type", "floats or whole numbers", to)),
        (Some(Element::I32 | Element::I64), Numbers::Floats(_)) => whole(x),
        (Some(Element::I32 | Element::I64), Numbers::Whole(_)) => Ok(x.clone()),
        (Some(Element::F32), _) => {
            // Rounded as the file has it.
            let list = x.floats()?.iter().map(|&x| f64::from(x as f32)).collect();
            Ok(Constant {
                shape: x.shape.clone(),
                data: Numbers::Floats(list),
            })
        }
        (Some(Element::F64 | Element::F16), _) => floats(x),
    }
}

fn zero(x: &Constant) -> Constant {
    let data = match x.data {
        Numbers::Floats(_) => Numbers::Floats(vec![0.0]),
        Numbers::Whole(_) => Numbers::Whole(vec![Some(0)]),
    };
    Constant {
        shape: vec![],
        data,
    }
}

/// The axes that a node names, as a setting or an input; nothing if it names none.
pub(super) fn axes(node: &Node, inputs: &[Option<&Constant>]) -> Result<Option<Vec<i64>>> {
    if let Some(axes) = attributes::ints(node, "axes")? {
        return Ok(Some(axes.to_vec()));
    }
    inputs
        .get(1)
        .copied()
        .flatten()
        .map(Constant::ints)
        .transpose()
}

/// How many numbers a shape has. What goes through an axis is bounded even where another has no length.
pub(super) fn count(shape: &[usize]) -> Result<usize> {
    let product = |least: usize| {
        let mut lengths = shape.iter().map(|&d| d.max(least));
        lengths.try_fold(1usize, |a, b| a.checked_mul(b))
    };
    let bounded = product(1).is_some_and(|n| n <= MOST);
    product(0).filter(|_| bounded).ok_or_else(|| {
        let expected = format!("at most {MOST} numbers");
        Error::invalid("shape", "constant", expected, format!("{shape:?}"))
    })
}

/// As [`count`], for a result made of `from` numbers.
fn grown(shape: &[usize], from: usize) -> Result<usize> {
    let n = count(shape)?;
    if n > from.max(MOST_GROWN) {
        let expected = format!("at most {MOST_GROWN} numbers");
        return Err(Error::invalid(
            "shape",
            "constant",
            expected,
            format!("{shape:?}"),
        ));
    }
    Ok(n)
}

fn lengths(list: &[i64]) -> Result<Vec<usize>> {
    let all: std::result::Result<Vec<_>, _> = list.iter().map(|&i| usize::try_from(i)).collect();
    all.map_err(|_| {
        Error::invalid(
            "shape",
            "constant",
            "no length below 0",
            format!("{list:?}"),
        )
    })
}

fn reshaped(x: &Constant, shape: Vec<usize>) -> Result<Constant> {
    if count(&shape)? != x.data.len() {
        let expected = format!("{} numbers", x.data.len());
        return Err(Error::invalid(
            "shape",
            "constant",
            expected,
            format!("{shape:?}"),
        ));
    }
    Ok(Constant {
        shape,
        data: x.data.clone(),
    })
}

/// The shape that `Reshape` means: 0 keeps a length, -1 is what is left.
pub(super) fn target(from: &[usize], to: &[i64], keep: bool) -> Result<Vec<usize>> {
    let bad = || {
        Error::invalid(
            "shape",
            "reshape",
            format!("one for {from:?}"),
            format!("{to:?}"),
        )
    };
    let mut shape = Vec::with_capacity(to.len());
    let mut open = None;
    for (i, &n) in to.iter().enumerate() {
        shape.push(match n {
            0 if keep => *from.get(i).ok_or_else(bad)?,
            -1 if open.replace(i).is_none() => 1,
            _ => usize::try_from(n).map_err(|_| bad())?,
        });
    }
    if let Some(i) = open {
        let (have, rest) = (count(from)?, count(&shape)?);
        if rest == 0 || have % rest != 0 {
            return Err(bad());
        }
        shape[i] = have / rest;
    }
    if count(&shape)? != count(from)? {
        return Err(bad());
    }
    Ok(shape)
}

/// A shape with axes of length 1 put in.
pub(super) fn unsqueezed(shape: &[usize], axes: &[i64]) -> Result<Vec<usize>> {
    let rank = shape.len() + axes.len();
    let mut new = vec![None; rank];
    for &a in axes {
        if new[axis(a, rank)?].replace(1).is_some() {
            return Err(Error::invalid(
                "axes",
                "shape",
                "each once",
                format!("{axes:?}"),
            ));
        }
    }
    let mut old = shape.iter().copied();
    Ok(new
        .into_iter()
        .filter_map(|d| d.or_else(|| old.next()))
        .collect())
}

/// A shape with axes of length 1 taken out: those named, or all.
pub(super) fn squeezed(shape: &[usize], axes: Option<&[i64]>) -> Result<Vec<usize>> {
    let mut out: Vec<bool> = shape.iter().map(|&d| d == 1).collect();
    if let Some(axes) = axes {
        let mut named = vec![false; shape.len()];
        for &a in axes {
            let a = axis(a, shape.len())?;
            if shape[a] != 1 {
                return Err(Error::invalid("axis", "shape", "a length of 1", shape[a]));
            }
            named[a] = true;
        }
        out = named;
    }
    let kept = shape.iter().zip(out).filter(|(_, out)| !out);
    Ok(kept.map(|(&d, _)| d).collect())
}

fn gather(node: &Node, x: &Constant, at: &Constant) -> Result<Constant> {
    let along = axis(attributes::int(node, "axis", 0)?, x.shape.len())?;
    let picked: Result<Vec<_>> = at
        .ints()?
        .iter()
        .map(|&i| axis(i, x.shape[along]))
        .collect();
    let data = picked_along(x, along, &picked?)?;
    let shape = [&x.shape[..along], &at.shape, &x.shape[along + 1..]].concat();
    count(&shape)?;
    Ok(Constant { shape, data })
}

/// The numbers at these places of an axis.
fn picked_along(x: &Constant, along: usize, picked: &[usize]) -> Result<Numbers> {
    let mut shape = x.shape.clone();
    shape[along] = picked.len();
    let mut places = Vec::with_capacity(grown(&shape, x.data.len())?);
    let outer: usize = x.shape[..along].iter().product();
    let inner: usize = x.shape[along + 1..].iter().product();
    for o in 0..outer {
        for &p in picked {
            let start = (o * x.shape[along] + p) * inner;
            places.extend(start..start + inner);
        }
    }
    Ok(x.data.pick(&places))
}

/// Along the first axis only, where shapes are put together.
fn concat(node: &Node, list: &[&Constant]) -> Result<Constant> {
    let bad = || wrong(node, "shapes", "lists of one axis and one type", "others");
    if list.iter().any(|x| x.shape.len() != 1) || attributes::int(node, "axis", 0)? > 0 {
        return Err(bad());
    }
    let total = list
        .iter()
        .try_fold(0usize, |n, x| n.checked_add(x.data.len()));
    count(&[total.unwrap_or(usize::MAX)])?;
    let mut all = list.iter();
    let mut data = all.next().ok_or_else(bad)?.data.clone();
    for next in all {
        match (&mut data, &next.data) {
            (Numbers::Floats(a), Numbers::Floats(b)) => a.extend(b),
            (Numbers::Whole(a), Numbers::Whole(b)) => a.extend(b),
            _ => return Err(bad()),
        }
    }
    Ok(Constant {
        shape: vec![data.len()],
        data,
    })
}

fn slice(node: &Node, inputs: &[Option<&Constant>]) -> Result<Constant> {
    let bad = |got: &str| {
        wrong(
            node,
            "slice",
            "bounds for each axis, steps that are not 0",
            got,
        )
    };
    let x = inputs.first().copied().flatten();
    let mut x = x.ok_or_else(|| bad("no constant"))?.clone();
    let part = |i: usize, name: &str| match inputs.get(i).copied().flatten() {
        Some(c) => c.ints().map(Some),
        None => Ok(attributes::ints(node, name)?.map(<[i64]>::to_vec)),
    };
    let (Some(starts), Some(ends)) = (part(1, "starts")?, part(2, "ends")?) else {
        return Err(bad("none"));
    };
    let axes = part(3, "axes")?;
    let axes = axes.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = part(4, "steps")?.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] || steps.contains(&0) {
        return Err(bad("others"));
    }
    for i in 0..starts.len() {
        let along = axis(axes[i], x.shape.len())?;
        let n = x.shape[along] as i64;
        let from_start = |at: i64| if at < 0 { at.saturating_add(n) } else { at };
        let (start, end, step) = (from_start(starts[i]), from_start(ends[i]), steps[i]);
        let picked: Vec<usize> = if step > 0 {
            let all = start.clamp(0, n)..end.clamp(0, n);
            all.step_by(step as usize).map(|p| p as usize).collect()
        } else {
            let all = end.clamp(-1, n - 1) + 1..start.clamp(-1, n - 1) + 1;
            let step = usize::try_from(step.unsigned_abs()).unwrap_or(usize::MAX);
            all.rev().step_by(step).map(|p| p as usize).collect()
        };
        x.data = picked_along(&x, along, &picked)?;
        x.shape[along] = picked.len();
    }
    Ok(x)
}

/// The whole product of a list.
fn product(node: &Node, inputs: &[Option<&Constant>]) -> Result<Constant> {
    let x = inputs.first().copied().flatten();
    let list = x.map(Constant::ints).transpose()?.unwrap_or_default();
    if x.is_none_or(|x| x.shape.len() > 1) {
        return Err(wrong(node, "shape", "a list", "another"));
    }
    let all = list.iter().try_fold(1i64, |a, &b| a.checked_mul(b));
    let all = all.ok_or_else(|| wrong(node, "product", "one of 64 bits", "a larger one"))?;
    let keep = attributes::int(node, "keepdims", 1)? != 0;
    let shape = if keep { vec![1] } else { vec![] };
    Ok(Constant {
        shape,
        data: Numbers::Whole(vec![Some(all)]),
    })
}

fn transpose(node: &Node, x: &Constant) -> Result<Constant> {
    let rank = x.shape.len();
    let turn: Vec<usize> = match attributes::ints(node, "perm")? {
        None => (0..rank).rev().collect(),
        Some(list) => {
            let all: Result<Vec<_>> = list.iter().map(|&a| axis(a, rank)).collect();
            let all = all?;
            let mut sorted = all.clone();
            sorted.sort_unstable();
            if sorted != (0..rank).collect::<Vec<_>>() {
                let expected = format!("each of {rank} axes once");
                return Err(wrong(node, "axes", expected, format!("{list:?}")));
            }
            all
        }
    };
    let strides = strides(&x.shape);
    let shape: Vec<usize> = turn.iter().map(|&a| x.shape[a]).collect();
    let steps: Vec<usize> = turn.iter().map(|&a| strides[a]).collect();
    Ok(Constant {
        data: x.data.pick(&walk(&shape, &steps, x.data.len())?),
        shape,
    })
}

fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for i in (1..shape.len()).rev() {
        strides[i - 1] = strides[i] * shape[i];
    }
    strides
}

/// Places of all numbers of a shape, the last axis running fastest, where an axis makes these steps.
fn walk(shape: &[usize], steps: &[usize], from: usize) -> Result<Vec<usize>> {
    let mut places = vec![0];
    grown(shape, from)?;
    for (&n, &step) in shape.iter().zip(steps) {
        let along = places
            .iter()
            .flat_map(|&p| (0..n).map(move |i| p + i * step));
        places = along.collect();
    }
    Ok(places)
}

/// The shape of two that meet, each axis the longer one where the other has length 1.
fn together(a: &[usize], b: &[usize]) -> Result<Vec<usize>> {
    let rank = a.len().max(b.len());
    let length = |s: &[usize], i: usize| (i + s.len()).checked_sub(rank).map_or(1, |i| s[i]);
    let one = |i| match (length(a, i), length(b, i)) {
        (x, y) if x == y || y == 1 => Ok(x),
        (1, y) => Ok(y),
        _ => Err(Error::invalid(
            "shape",
            "constants",
            format!("{a:?}"),
            format!("{b:?}"),
        )),
    };
    (0..rank).map(one).collect()
}

/// Where the numbers of a shape are found when it is stretched to another.
fn places(from: &[usize], to: &[usize], numbers: usize) -> Result<Vec<usize>> {
    let mut steps = vec![0; to.len()];
    let more = to.len() - from.len();
    for ((step, stride), &n) in steps[more..].iter_mut().zip(strides(from)).zip(from) {
        *step = if n == 1 { 0 } else { stride };
    }
    walk(to, &steps, numbers)
}

fn arithmetic(op: &str, a: &Constant, b: &Constant) -> Result<Constant> {
    let shape = together(&a.shape, &b.shape)?;
    let most = a.data.len().max(b.data.len());
    let at = places(&a.shape, &shape, most)?;
    let bt = places(&b.shape, &shape, most)?;
    let data = match (a.data.pick(&at), b.data.pick(&bt)) {
        (Numbers::Floats(x), Numbers::Floats(y)) => {
            let f = |(x, y): (f64, f64)| match op {
                "Add" => x + y,
                "Sub" => x - y,
                "Mul" => x * y,
                _ => x / y,
            };
            Numbers::Floats(x.into_iter().zip(y).map(f).collect())
        }
        (Numbers::Whole(x), Numbers::Whole(y)) => {
            let f = |(x, y): (Option<i64>, Option<i64>)| {
                let known = x.zip(y);
                let done = known.and_then(|(x, y)| match op {
                    "Add" => x.checked_add(y),
                    "Sub" => x.checked_sub(y),
                    "Mul" => x.checked_mul(y),
                    _ => x.checked_div(y),
                });
                done.map(Some).ok_or_else(|| {
                    let expected = "known numbers and a result of 64 bits";
                    Error::invalid(
                        "arithmetic",
                        "whole constants",
                        expected,
                        format!("{x:?}, {y:?}"),
                    )
                })
            };
            Numbers::Whole(x.into_iter().zip(y).map(f).collect::<Result<_>>()?)
        }
        _ => return Err(Error::invalid("types", "constants", "one type", "two")),
    };
    Ok(Constant { shape, data })
}
