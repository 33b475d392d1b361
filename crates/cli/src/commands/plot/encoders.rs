//! What each encoder makes of a small input.

use super::{Idea, idea};
use anyhow::{Context, Result};
use cortado::encode::{Encoder, Presentation, Sample, Series};
use cortado::sim::clock::Input;
use cortado_plot::charts::{Coded, Encoding};

/// An encoder to draw: its name, the table of a recipe that makes it, what it is shown, and what it does.
type Entry = (&'static str, &'static str, Show, &'static str);

/// What an encoder is shown.
#[derive(Clone, Copy)]
enum Show {
    /// Sixteen values from 0 to 1.
    Ramp,
    /// Four values.
    Few,
    /// A slow wave with a quick one on it, a frame each millisecond.
    Wave,
    /// A tone that rises from 300 Hz to 3 kHz in the time that is drawn, and on, at 16 kHz.
    Chirp,
}

/// A new encoder is a line here.
const ENTRIES: [Entry; 10] = [
    (
        "direct",
        r#"type = "direct""#,
        Show::Ramp,
        "the value as a current, in every step",
    ),
    (
        "bernoulli",
        r#"type = "bernoulli""#,
        Show::Ramp,
        "a spike in each step with the value as its chance",
    ),
    (
        "poisson",
        "type = \"poisson\"\nrate = 200.0",
        Show::Ramp,
        "a Poisson process, 200 Hz at value 1",
    ),
    (
        "latency_linear",
        r#"type = "latency_linear""#,
        Show::Ramp,
        "one spike, the larger the earlier",
    ),
    (
        "latency_log",
        "type = \"latency_log\"\ntau = 50e-3\nthreshold = 0.2",
        Show::Ramp,
        "one spike, when a leaky integrator under the value reaches 0.2",
    ),
    (
        "burst",
        "type = \"burst\"\nshortest = 2e-3\nlongest = 10e-3",
        Show::Ramp,
        "a burst, the larger the more spikes and the closer",
    ),
    (
        "population",
        "type = \"population\"\nn = 5\ncode = { latency = { threshold = 0.1 } }",
        Show::Few,
        "5 receptive fields for each value, the best fit first",
    ),
    (
        "delta",
        "type = \"delta\"\nthresholds = [0.1]",
        Show::Wave,
        "neuron 0 when the signal rose by 0.1, neuron 1 when it fell",
    ),
    (
        "mel",
        "type = \"mel\"\nbands = 20",
        Show::Chirp,
        "bands of sound on the mel scale, rate and onset",
    ),
    (
        "cochlea",
        "type = \"cochlea\"\nbands = 20",
        Show::Chirp,
        "band-pass filters, hair cells and their spikes",
    ),
];

/// Steps of a presentation.
const STEPS: usize = 100;
/// A step in seconds.
const DT: f64 = 1e-3;

impl Show {
    /// The numbers, and the seconds between them if they are a signal.
    fn values(self) -> (Vec<f32>, Option<f64>) {
        let turn = 2.0 * std::f64::consts::PI;
        let wave = |t: f64| 0.5 + 0.35 * (turn * 12.0 * t).sin() + 0.12 * (turn * 55.0 * t).sin();
        let chirp = |t: f64| 0.8 * (turn * (300.0 * t + 13_500.0 * t * t)).sin();
        match self {
            Self::Ramp => ((0..16u8).map(|i| f32::from(i) / 15.0).collect(), None),
            Self::Few => (vec![0.1, 0.4, 0.65, 0.95], None),
            Self::Wave => (
                (0..=100)
                    .map(|i| wave(f64::from(i) * 1e-3) as f32)
                    .collect(),
                Some(1e-3),
            ),
            Self::Chirp => (
                (0..2400)
                    .map(|i| chirp(f64::from(i) / 16e3) as f32)
                    .collect(),
                Some(1.0 / 16e3),
            ),
        }
    }
}

/// One picture for each encoder.
pub fn all() -> Result<Vec<Idea>> {
    let one = |e: &Entry| Ok(idea(format!("encoder-{}", e.0), 720.0, encoding(e)?));
    ENTRIES.iter().map(one).collect()
}

fn encoding(&(name, table, show, what): &Entry) -> Result<Encoding> {
    let encoder: Encoder = toml::from_str(table).with_context(|| format!("encoder '{name}'"))?;
    let (values, every) = show.values();
    let sample = match every {
        None => Sample::Values(&values),
        Some(period) => Sample::Series(Series {
            data: &values,
            channels: 1,
            period,
        }),
    };
    let at = Presentation {
        steps: STEPS,
        dt: DT,
        seed: 0,
        round: 0,
    };
    let input: Input<f32> = encoder
        .present(&[sample], &[0], &at)
        .with_context(|| format!("encoder '{name}'"))?;
    let coded = match &input {
        Input::Spikes(s) => {
            let rows = (0..STEPS).flat_map(|t| s.row(0, t).iter().map(move |&n| [t as u32, n]));
            (s.width, Coded::Spikes(rows.collect()))
        }
        Input::Current { data, .. } => {
            let once = data.iter().map(|&v| f64::from(v));
            let all = (0..STEPS).flat_map(|_| once.clone());
            (data.len(), Coded::Currents(all.collect()))
        }
        Input::Currents { data, .. } => {
            let all = data.iter().map(|&v| f64::from(v));
            (data.len() / STEPS, Coded::Currents(all.collect()))
        }
    };
    Ok(Encoding {
        title: format!("{name}: {what}"),
        dt: DT,
        steps: STEPS,
        neurons: coded.0,
        values: values.iter().map(|&v| f64::from(v)).collect(),
        every,
        coded: coded.1,
    })
}
