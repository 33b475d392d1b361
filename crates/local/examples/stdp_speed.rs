//! Times plastic synapses: 1,000 Poisson inputs at 15 Hz onto 100 LIF neurons, additive pair rule; prints one JSON line.
//!
//! `stdp_speed [SECONDS [SEED]]`, of model time; `bench/peers/stdp_brian2.py` runs Brian2 beside it.

use cortado_base::rng::{Purpose, Rng};
use cortado_local::stdp::{Driven, Pair, Weight};
use serde_json::json;
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let mut model = Driven::default();
    if let Some(seconds) = args.next() {
        model.seconds = seconds.parse()?;
    }
    let seed = args.next().map_or(Ok(0), |s| s.parse())?;
    let max = 0.01;
    let rule = Pair {
        a_plus: 0.01 * max,
        a_minus: 0.0105 * max,
        weight: Weight {
            max,
            ..Weight::default()
        },
        ..Pair::default()
    };
    let mut rng = Rng::new(seed, 0, Purpose::Weights, 0);
    let weights = (0..model.inputs * model.neurons)
        .map(|_| max * rng.uniform())
        .collect();
    let start = Instant::now();
    let out = model.run(rule, weights, seed, |_, _, _| ())?;
    let took = start.elapsed().as_secs_f64();
    let spikes = out.spikes.iter().sum::<u64>() as f64;
    println!(
        "{}",
        json!({
            "work": "stdp",
            "peer": "cortado",
            "seconds": took,
            "model_seconds": model.seconds,
            "input_rate": out.inputs as f64 / model.seconds / model.inputs as f64,
            "rate": spikes / model.seconds / model.neurons as f64,
            "mean_weight": out.weights.iter().sum::<f64>() / out.weights.len() as f64 / max,
        })
    );
    Ok(())
}
