//! `cortado bench engines`: the engine without a clock beside the clock, on one network from little to much activity.

use super::bench::Args;
use super::run::engine::SPARSE;
use anyhow::{Result, bail};
use cortado::network::{DelayedEdge, EdgeSpec, Network, NetworkSpec, NodeKind};
use cortado::rng::{Purpose, Rng};
use cortado::sim::clock::{Input, Probe};
use cortado::sim::event::{Engine, Spike, Times};
use cortado::spikes::Spikes;
use serde_json::{Value, json};
use std::hint::black_box;
use std::io::Write;
use std::time::Instant;

/// What activity is counted in: a neuron is active in a millisecond in which it spikes.
const CELL: f64 = 1e-3;
const INPUTS: usize = 700;
const OUTPUTS: usize = 20;

/// The network at a step of `dt` seconds: loops take a millisecond at any.
fn network(args: &Args, dt: f64, seed: u64) -> Result<Network<f32>> {
    let n = args.n.unwrap_or(256);
    let mut spec = NetworkSpec::new(dt)
        .linear("fc1", n)
        .population("hidden", &args.neuron, &[])
        .recurrent()
        .linear("fc2", OUTPUTS)
        .population("readout", &args.neuron, &[]);
    for node in &mut spec.nodes {
        if node.name == "hidden_rec" {
            let edge = DelayedEdge {
                node: "hidden".into(),
                delay: CELL,
            };
            node.from = Some(vec![EdgeSpec::Delayed(edge)]);
        }
        if let NodeKind::Linear { scale, mean, .. } = &mut node.kind {
            (*scale, *mean) = match &node.name[..] {
                "hidden_rec" => (0.2, 0.0),
                "fc1" => (1.0, 0.3 / (INPUTS as f64).sqrt()),
                _ => (1.0, 0.3 / (n as f64).sqrt()),
            };
        }
    }
    Ok(Network::new(&[INPUTS], &spec, seed)?)
}

/// A Poisson process on each input, active in a share of the milliseconds.
fn poisson(activity: f64, seconds: f64, seed: u64) -> Result<Times> {
    let rate = -(1.0 - activity).ln() / CELL;
    let mut spikes = Vec::new();
    for i in 0..INPUTS as u32 {
        let mut rng = Rng::new(seed, i, Purpose::Encode, 0);
        let mut t = 0.0;
        loop {
            t -= (1.0 - rng.uniform()).ln() / rate;
            if t >= seconds {
                break;
            }
            spikes.push((t, i));
        }
    }
    Ok(Times::new(INPUTS, seconds, [spikes])?)
}

/// Spikes in the steps that their times fall into.
fn steps(times: &Times, dt: f64) -> Result<Spikes> {
    let count = (times.duration / dt).round() as usize;
    let mut rows = vec![Vec::new(); count];
    let (at, units) = times.sample(0);
    for (&t, &i) in at.iter().zip(units) {
        rows[((t / dt) as usize).min(count - 1)].push(i);
    }
    for row in &mut rows {
        row.sort_unstable();
        row.dedup();
    }
    Ok(Spikes::from_rows(1, count, INPUTS, rows)?)
}

/// A stream through the engine without a clock: each spike goes in when all before it has happened.
fn stream(engine: &mut Engine, times: &Times, mut sink: impl FnMut(Spike)) -> Result<()> {
    engine.reset();
    let (at, units) = times.sample(0);
    for (&t, &i) in at.iter().zip(units) {
        engine.run(t, &mut sink)?;
        engine.feed(t, i as usize)?;
    }
    Ok(engine.run(times.duration, sink)?)
}

/// The share of milliseconds in which a neuron of a population spikes.
fn active(engine: &mut Engine, times: &Times, (population, n): (usize, usize)) -> Result<f64> {
    let cells = (times.duration / CELL).round() as usize;
    let mut seen = vec![false; n * cells];
    stream(engine, times, |s| {
        if s.population == population {
            seen[s.neuron * cells + ((s.t / CELL) as usize).min(cells - 1)] = true;
        }
    })?;
    Ok(seen.iter().filter(|s| **s).count() as f64 / seen.len() as f64)
}

/// The same under the clock, and the synaptic events.
fn active_by_clock(net: &Network<f32>, spikes: &Spikes) -> Result<(f64, f64)> {
    let probe = Probe {
        node: "hidden".into(),
        what: "spikes".into(),
        neurons: Vec::new(),
    };
    let (mut state, mut cells, mut active, mut synops) = (net.rest(1), 0, 0, 0);
    let per = (CELL / net.spec().dt).round() as usize;
    for start in (0..spikes.steps).step_by(per) {
        let chunk = spikes.slice(start..(start + per).min(spikes.steps));
        let given = chunk.count();
        let record = net.advance(
            &mut state,
            &Input::Spikes(chunk),
            std::slice::from_ref(&probe),
        )?;
        let (data, n) = (&record.traces[0].data, record.traces[0].neurons);
        let fires = |j: &usize| data[*j..].iter().step_by(n).any(|z| *z != 0.0);
        active += (0..n).filter(fires).count();
        cells += n;
        synops += given * n + record.activity[0].spikes * (n + OUTPUTS);
    }
    Ok((active as f64 / cells as f64, synops as f64))
}

/// Scales weights until a population is active in a share of the milliseconds.
fn tune(
    net: &mut Network<f32>,
    weight: &str,
    population: usize,
    times: &Times,
    share: f64,
) -> Result<()> {
    let Some(param) = net.param(weight) else {
        bail!("no parameter '{weight}'");
    };
    let start = param.values();
    let neurons = match population {
        1 => start.len() / INPUTS,
        _ => OUTPUTS,
    };
    let mut scaled = |factor: f64| -> Result<f64> {
        let scaled: Vec<f32> = start.iter().map(|w| w * factor as f32).collect();
        net.set(weight, &scaled)?;
        active(&mut Engine::new(net)?, times, (population, neurons))
    };
    let (mut low, mut high) = (0.01f64.ln(), 1e4f64.ln());
    let mut best = (f64::INFINITY, 1.0);
    for _ in 0..14 {
        let middle = 0.5 * (low + high);
        let reached = scaled(middle.exp())?;
        let off = (reached / share).ln().abs();
        if off < best.0 {
            best = (off, middle.exp());
        }
        if reached < share {
            low = middle;
        } else {
            high = middle;
        }
    }
    scaled(best.1)?;
    Ok(())
}

/// Quantiles of durations in microseconds: the median, and what 99 of 100 do not exceed.
fn quantiles(mut took: Vec<f64>) -> [f64; 2] {
    took.sort_by(f64::total_cmp);
    [0.5, 0.99].map(|q| took[((took.len() - 1) as f64 * q) as usize] * 1e6)
}

/// Wall-clock seconds from an input event to the first spike of the readout before the next event, or to the end of all that
/// happens before that.
fn event_latency(engine: &mut Engine, times: &Times) -> Result<Vec<f64>> {
    engine.reset();
    let (at, units) = times.sample(0);
    if at.is_empty() {
        bail!("no input fires at this activity: raise --activity");
    }
    let readout = engine.populations().len() - 1;
    let mut took = Vec::with_capacity(at.len());
    for k in 0..at.len() {
        let next = at.get(k + 1).copied().unwrap_or(times.duration);
        let (start, mut first) = (Instant::now(), None);
        engine.feed(at[k], units[k] as usize)?;
        engine.run(next, |s| {
            if s.population == readout {
                first.get_or_insert_with(Instant::now);
            }
        })?;
        let end = first.unwrap_or_else(Instant::now);
        took.push((end - start).as_secs_f64());
    }
    Ok(took)
}

/// The clock at one step.
struct Clocked {
    dt: f64,
    net: Network<f32>,
    steps: Vec<Input<f32>>,
    active: f64,
    synops: f64,
}

/// Both engines at one activity.
fn measure(args: &Args, activity: f64) -> Result<Value> {
    if !(activity > 0.0 && activity < 1.0) {
        bail!("--activity: expected shares between 0 and 1, got {activity}");
    }
    let seed = args.seed.unwrap_or(1);
    let cells = args
        .t
        .unwrap_or(((40_000.0 / (INPUTS as f64 * activity)) as usize).clamp(100, 2000));
    let times = poisson(activity, cells as f64 * CELL, seed)?;
    let mut net = network(args, CELL, seed)?;
    tune(&mut net, "fc1.weight", 1, &times, activity)?;
    tune(&mut net, "fc2.weight", 2, &times, activity)?;
    let mut engine = Engine::new(&net)?;
    let n = args.n.unwrap_or(256);
    let reached = active(&mut engine, &times, (1, n))?;
    let synops = engine.traffic().delivered as f64;
    let mut clocks = Vec::new();
    for &dt in &args.dt {
        let mut other = network(args, dt, seed)?;
        for param in net.params() {
            other.set(&param.name, &param.values())?;
        }
        let spikes = steps(&times, dt)?;
        let (active, synops) = active_by_clock(&other, &spikes)?;
        let steps = (0..spikes.steps).map(|t| Input::Spikes(spikes.slice(t..t + 1)));
        clocks.push(Clocked {
            dt,
            net: other,
            steps: steps.collect(),
            active,
            synops,
        });
    }
    let mut states: Vec<_> = clocks.iter().map(|c| c.net.rest(1)).collect();
    let mut output = Vec::new();
    let mut walls = vec![Vec::new(); 1 + clocks.len()];
    let start = Instant::now();
    // In turns, so that what else the machine does meets all.
    while walls[0].len() < args.repeats.max(1) + 1
        || (start.elapsed().as_secs_f64() < args.budget && walls[0].len() < 1000)
    {
        let now = Instant::now();
        let mut count = 0;
        stream(&mut engine, &times, |_| count += 1)?;
        black_box(count);
        walls[0].push(now.elapsed().as_secs_f64());
        for (c, clock) in clocks.iter().enumerate() {
            let now = Instant::now();
            states[c].reset();
            for step in &clock.steps {
                clock.net.stream(&mut states[c], step, &mut output)?;
            }
            walls[1 + c].push(now.elapsed().as_secs_f64());
        }
    }
    // The first round warms up.
    let least = |w: &Vec<f64>| w[1..].iter().copied().fold(f64::INFINITY, f64::min);
    let walls: Vec<f64> = walls.iter().map(least).collect();
    let latency = quantiles(event_latency(&mut engine, &times)?);
    let mut by_clock = Vec::new();
    for (c, clock) in clocks.iter().enumerate() {
        states[c].reset();
        let mut took = Vec::with_capacity(clock.steps.len());
        for step in &clock.steps {
            let now = Instant::now();
            clock.net.stream(&mut states[c], step, &mut output)?;
            took.push(now.elapsed().as_secs_f64());
        }
        let given = times.count() as f64 / clock.steps.len() as f64;
        let auto = if given < SPARSE { "event" } else { "clock" };
        by_clock.push(json!({
            "dt": clock.dt, "activity": clock.active, "auto": auto, "wall_s": walls[1 + c], "synops": clock.synops,
            "synops_per_s": clock.synops / walls[1 + c], "latency_us": quantiles(took), "wait_us": 0.5e6 * clock.dt,
        }));
    }
    Ok(json!({
        "activity": activity, "input_spikes_per_ms": times.count() as f64 / cells as f64, "model_s": times.duration,
        "event": {
            "activity": reached, "wall_s": walls[0], "synops": synops,
            "synops_per_s": synops / walls[0], "latency_us": latency,
        },
        "clock": by_clock,
    }))
}

/// Where one engine overtakes the other, on a straight line between logarithms.
fn crossover(rows: &[Value], c: usize) -> Option<f64> {
    let point = |r: &Value| {
        let ratio = r["event"]["wall_s"].as_f64()? / r["clock"][c]["wall_s"].as_f64()?;
        Some((r["activity"].as_f64()?.ln(), ratio.ln()))
    };
    let points: Vec<(f64, f64)> = rows.iter().filter_map(point).collect();
    let pair = points.windows(2).find(|p| p[0].1 <= 0.0 && p[1].1 > 0.0)?;
    let [(x0, y0), (x1, y1)] = [pair[0], pair[1]];
    Some((x0 - y0 * (x1 - x0) / (y1 - y0)).exp())
}

/// Runs it.
pub fn run(args: &Args, out: &mut impl Write) -> Result<()> {
    let mut rows: Vec<Value> = Vec::new();
    if !args.json {
        head(args, out)?;
    }
    for &activity in &args.activity {
        rows.push(measure(args, activity)?);
        let last = &rows[rows.len().saturating_sub(2)..];
        for (c, dt) in args.dt.iter().enumerate().filter(|_| !args.json) {
            if let Some(at) = crossover(last, c) {
                writeln!(
                    out,
                    "-- {:.2} %: beyond, the clock at {dt:e} s is faster",
                    100.0 * at
                )?;
            }
        }
        match rows.last() {
            Some(row) if args.json => writeln!(out, "{row}")?,
            Some(row) => line(row, out)?,
            None => {}
        }
    }
    for (c, dt) in args.dt.iter().enumerate().filter(|_| args.json) {
        let at = crossover(&rows, c);
        writeln!(out, "{}", json!({ "dt": dt, "crossover": at }))?;
    }
    Ok(())
}

fn head(args: &Args, out: &mut impl Write) -> Result<()> {
    writeln!(
        out,
        "{INPUTS} -> {} recurrent {} -> {OUTPUTS}; activity: share of neurons and milliseconds with a spike; ratio: time of the clock \
         over that of the engine without one; auto: what `run` chooses",
        args.n.unwrap_or(256),
        args.neuron
    )?;
    write!(
        out,
        "{:>8} {:>9} | {:>8} {:>8} {:>7} {:>7}",
        "activity", "spikes/ms", "reached", "Msynev/s", "us", "p99 us"
    )?;
    for dt in &args.dt {
        let dt = format!("dt {dt:e}");
        write!(
            out,
            " | {dt:>8} {:>8} {:>7} {:>7} {:>6} {:>5}",
            "Msynev/s", "us", "wait us", "ratio", "auto"
        )?;
    }
    Ok(writeln!(out)?)
}

fn line(row: &Value, out: &mut impl Write) -> Result<()> {
    let number = |v: &Value| v.as_f64().unwrap_or(f64::NAN);
    let e = &row["event"];
    write!(
        out,
        "{:6.1} % {:9.1} | {:6.2} % {:8.0} {:7.2} {:7.2}",
        100.0 * number(&row["activity"]),
        number(&row["input_spikes_per_ms"]),
        100.0 * number(&e["activity"]),
        1e-6 * number(&e["synops_per_s"]),
        number(&e["latency_us"][0]),
        number(&e["latency_us"][1])
    )?;
    for c in row["clock"].as_array().into_iter().flatten() {
        write!(
            out,
            " | {:6.2} % {:8.0} {:7.2} {:7.0} {:6.2} {:>5}",
            100.0 * number(&c["activity"]),
            1e-6 * number(&c["synops_per_s"]),
            number(&c["latency_us"][0]),
            number(&c["wait_us"]),
            number(&c["wall_s"]) / number(&e["wall_s"]),
            c["auto"].as_str().unwrap_or_default()
        )?;
    }
    Ok(writeln!(out)?)
}
