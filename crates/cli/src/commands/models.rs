//! `cortado models`: each neuron model from its one definition.

use crate::refs;
use anyhow::{Result, bail};
use cortado::neuron::{Output, Param, Spec, models};
use serde_json::{Value, json};
use std::io::Write;

/// Arguments of `cortado models`.
#[derive(clap::Args)]
#[command(after_help = "\
Keys of --json: an array of objects with name, title, equations, output (spikes or membrane), states (name, unit; the \
membrane first), params (name, symbol, unit, default, min, max, logarithm: whether it is trained as its logarithm), \
resets (what `reset` of a population may be), nir (its node type in NIR, or null), order (of the integrator, or null \
where the flow is exact), source (key in docs/refs.bib, text).")]
pub struct Args {
    /// One model; all if absent
    name: Option<String>,
    /// One JSON array
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let all = models();
    let chosen: Vec<&Spec> = match &args.name {
        None => all.to_vec(),
        Some(name) => all.iter().copied().filter(|s| s.name == name).collect(),
    };
    if let (true, Some(name)) = (chosen.is_empty(), &args.name) {
        let known: Vec<&str> = all.iter().map(|s| s.name).collect();
        bail!("no model '{name}': there are {}", known.join(", "));
    }
    let mut out = std::io::stdout();
    if args.json {
        let rows: Vec<Value> = chosen.iter().map(|s| value(s)).collect();
        writeln!(out, "{}", Value::Array(rows))?;
    } else {
        let pages: Vec<String> = chosen.iter().map(|s| page(s)).collect();
        write!(out, "{}", pages.join("\n"))?;
    }
    Ok(())
}

/// What a population of the model may have as `reset`: a readout does not spike.
fn resets(spec: &Spec) -> &'static [&'static str] {
    match spec.output {
        Output::Spikes => &["value", "subtract", "none"],
        Output::Membrane => &[],
    }
}

fn output(spec: &Spec) -> &'static str {
    match spec.output {
        Output::Spikes => "spikes",
        Output::Membrane => "membrane",
    }
}

fn value(spec: &Spec) -> Value {
    let states = spec.states.iter();
    let states: Vec<Value> = states
        .map(|s| json!({ "name": s.name, "unit": s.unit }))
        .collect();
    let param = |p: &Param| {
        json!({
            "name": p.name, "symbol": p.symbol, "unit": p.unit, "default": p.default,
            "min": p.min, "max": p.max, "logarithm": p.positive,
        })
    };
    json!({
        "name": spec.name, "title": spec.title, "equations": spec.equations,
        "output": output(spec), "states": states,
        "params": spec.params.iter().map(param).collect::<Vec<_>>(),
        "resets": resets(spec), "nir": spec.nir, "order": spec.order,
        "source": { "key": spec.reference, "text": refs::find(spec.reference) },
    })
}

/// A model as a page of text.
fn page(spec: &Spec) -> String {
    let mut text = format!("{}: {}\n", spec.name, spec.title);
    for line in spec.equations.split(';') {
        text += &format!("    {}\n", line.trim());
    }
    let states: Vec<String> = spec
        .states
        .iter()
        .map(|s| format!("{} ({})", s.name, s.unit))
        .collect();
    text += &format!("  states      {}\n", states.join(", "));
    text += &format!("  output      {}\n", output(spec));
    let resets = resets(spec).join(", ");
    let none = |s: &str| {
        if s.is_empty() {
            "none".into()
        } else {
            s.to_string()
        }
    };
    text += &format!("  reset       {}\n", none(&resets));
    let order = spec.order.map(|o| format!("Runge-Kutta of order {o}"));
    text += &format!("  integrator  {}\n", order.unwrap_or("exact".into()));
    text += &format!("  NIR         {}\n", spec.nir.unwrap_or("none"));
    let source = refs::find(spec.reference).unwrap_or_default();
    text += &format!("  source      {}: {source}\n", spec.reference);
    text += &table(spec.params);
    text
}

/// Name, symbol, default, unit and range of each parameter.
fn table(params: &[Param]) -> String {
    let mut rows = vec![["parameter", "symbol", "default", "unit", "range"].map(String::from)];
    rows.extend(params.iter().map(|p| {
        let number = |v: f64| match v.abs() {
            0.0 => "0".to_string(),
            a if (1e-3..1e5).contains(&a) => format!("{v}"),
            _ => format!("{v:e}"),
        };
        let default = number(p.default);
        let range = format!("{} to {}", number(p.min), number(p.max));
        [p.name, p.symbol, &default, p.unit, &range].map(String::from)
    }));
    super::align(&rows, "    ")
}
