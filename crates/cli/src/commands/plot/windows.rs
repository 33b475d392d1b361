//! Learning windows of the rules of spike timing, from the rules themselves.

use super::{Idea, idea};
use anyhow::Result;
use cortado_local::stdp::{Dependence, Pair, Rule, Synapse, Timing, Triplet, Weight};
use cortado_plot::charts::{Cell, Grid, Line};

/// The picture, by its name.
pub fn all() -> Result<Vec<Idea>> {
    Ok(vec![idea("stdp", 960.0, windows()?)])
}

/// Times from the presynaptic to the postsynaptic spike that are drawn, in milliseconds.
const SPAN: i16 = 100;
/// Pairs of a protocol.
const PAIRS: usize = 60;

/// Pairs alone, and pairs over and over at three frequencies.
pub fn windows() -> Result<Grid> {
    let soft = Weight {
        dependence: Dependence::Multiplicative,
        ..Weight::default()
    };
    // No bound hides what a rule does.
    let free = Weight {
        min: f64::NEG_INFINITY,
        max: f64::INFINITY,
        ..Weight::default()
    };
    let pair = |rule: Pair, weight| Pair { weight, ..rule };
    let soft = pair(Pair::default(), soft);
    let mut cells = vec![
        cell(
            "pairs",
            "20 and 20 ms",
            vec![window(pair(Pair::default(), free), 0.0, None)?],
        ),
        cell(
            "pairs, hippocampus",
            "16.8 and 33.7 ms",
            vec![window(pair(Pair::bi_poo(), free), 0.0, None)?],
        ),
        cell(
            "pairs, soft bounds",
            "weight 0.2 and 0.8",
            vec![window(soft, 0.2, None)?, window(soft, 0.8, None)?],
        ),
    ];
    let triplet = Triplet {
        weight: free,
        ..Triplet::visual_cortex()
    };
    for frequency in [1.0, 20.0, 40.0] {
        let points = window(triplet, 0.0, Some(frequency))?;
        cells.push(cell(
            "triplets, visual cortex",
            &format!("{PAIRS} pairs at {frequency} Hz"),
            vec![points],
        ));
    }
    Ok(Grid {
        title: "What a synapse learns from when spikes come".into(),
        columns: 3,
        x: "post after pre [ms]".into(),
        cells,
        legend: vec![
            "change, as a share of the largest".into(),
            "at the higher weight".into(),
        ],
    })
}

fn cell(title: &str, note: &str, lines: Vec<Vec<[f64; 2]>>) -> Cell {
    let most = lines
        .iter()
        .flatten()
        .map(|p| p[1].abs())
        .fold(0.0, f64::max);
    let line = |(style, points): (usize, Vec<[f64; 2]>)| Line {
        style,
        points: points.into_iter().map(|[x, y]| [x, y / most]).collect(),
    };
    Cell {
        title: title.into(),
        note: note.into(),
        lines: lines.into_iter().enumerate().map(line).collect(),
        impulse: None,
    }
}

/// Change of a weight by the time from pre to post: of one pair, or of [`PAIRS`] at a frequency.
fn window<R: Rule<P, Q>, const P: usize, const Q: usize>(
    rule: R,
    weight: f64,
    frequency: Option<f64>,
) -> Result<Vec<[f64; 2]>> {
    let (pairs, period) = frequency.map_or((1, f64::INFINITY), |f| (PAIRS, 1.0 / f));
    let mut points = Vec::new();
    for ms in -SPAN..=SPAN {
        let delta = f64::from(ms) * 1e-3;
        // Closer to the spike before than to its own there is another pair.
        if delta.abs() * 2.0 > period {
            continue;
        }
        let pre: Vec<f64> = (0..pairs)
            .map(|n| 1.0 + if n > 0 { n as f64 * period } else { 0.0 })
            .collect();
        let post: Vec<f64> = pre.iter().map(|t| t + delta).collect();
        let after = Synapse::run(rule, Timing::default(), weight, &pre, &post)?;
        points.push([f64::from(ms), after - weight]);
    }
    Ok(points)
}
