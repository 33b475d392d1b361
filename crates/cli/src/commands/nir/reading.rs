//! How a NIR file is to be read: options of the command line that all who read one share.

use anyhow::{Result, bail};
use cortado::neuron::{Lanes, ResetTime, Threshold};
use cortado_convert::nir::{
    Current, Discretisation, Gain, Imported, Options, PRODUCERS, ResetRule, Spike, TauUnit, import,
    is_own, restore,
};
use cortado_interop::nir::File;
use serde::de::DeserializeOwned;

/// What a NIR file does not say. `--from` knows what a tool means; what is given beside it wins. Of files that Cortado wrote
/// nothing has to be said.
#[derive(clap::Args, Default)]
#[command(next_help_heading = "What a NIR file leaves open")]
pub struct Reading {
    /// Who wrote it; nir for the text of NIR itself
    #[arg(long, value_name = "PRODUCER", value_parser = PRODUCERS)]
    from: Option<String>,
    /// Unit of times: s, ms, steps, or dt_s for seconds times the step
    #[arg(long, value_name = "UNIT", value_parser = word::<TauUnit>)]
    tau_unit: Option<TauUnit>,
    /// Decay over a step: euler, exp_euler, exact
    #[arg(long, value_name = "SCHEME", value_parser = word::<Discretisation>)]
    discretisation: Option<Discretisation>,
    /// An input spike: a pulse (dirac) or a current for one step (box)
    #[arg(long, value_name = "FORM", value_parser = word::<Spike>)]
    spike: Option<Spike>,
    /// The synaptic current that a membrane takes: of the same step (new) or the one before (old)
    #[arg(long, value_name = "WHICH", value_parser = word::<Current>)]
    current: Option<Current>,
    /// A neuron fires above threshold (gt) or at it (ge)
    #[arg(long, value_name = "TEST", value_parser = word::<Threshold>)]
    threshold: Option<Threshold>,
    /// After a spike: value, subtract, none, or as the file's version says (file)
    #[arg(long, value_name = "RULE", value_parser = word::<ResetRule>)]
    reset: Option<ResetRule>,
    /// When: same_step or next_step
    #[arg(long, value_name = "WHEN", value_parser = word::<ResetTime>)]
    reset_time: Option<ResetTime>,
    /// How an input counts in LIF and CubaLIF: as r says (file), whole, or decayed by a step
    #[arg(long, value_name = "GAIN", value_parser = word::<Gain>)]
    gain: Option<Gain>,
    /// The same in LI and CubaLI
    #[arg(long, value_name = "GAIN", value_parser = word::<Gain>)]
    readout_gain: Option<Gain>,
    /// The same in I and IF
    #[arg(long, value_name = "GAIN", value_parser = word::<Gain>)]
    integrator_gain: Option<Gain>,
    /// The same in the synaptic current of CubaLI and CubaLIF
    #[arg(long, value_name = "GAIN", value_parser = word::<Gain>)]
    synapse_gain: Option<Gain>,
}

/// A word of an option, as its JSON has it.
fn word<T: DeserializeOwned>(text: &str) -> std::result::Result<T, String> {
    serde_json::from_value(text.into()).map_err(|e| e.to_string())
}

fn put<T>(slot: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *slot = given;
    }
}

impl Reading {
    /// Whether anything is said but the step.
    pub fn is_given(&self) -> bool {
        let Self {
            from,
            tau_unit,
            discretisation,
            spike,
            current,
            threshold,
            reset,
            reset_time,
            ..
        } = self;
        let gains = [
            self.gain,
            self.readout_gain,
            self.integrator_gain,
            self.synapse_gain,
        ];
        from.is_some()
            || tau_unit.is_some()
            || discretisation.is_some()
            || spike.is_some()
            || current.is_some()
            || threshold.is_some()
            || reset.is_some()
            || reset_time.is_some()
            || gains.iter().any(Option::is_some)
    }

    /// The options of a file; none where Cortado wrote it and nothing else is asked for.
    ///
    /// # Errors
    /// Nothing that says what the file means, or no step.
    pub fn options(&self, file: &File, dt: Option<f64>) -> Result<Option<Options>> {
        if is_own(file) && !self.is_given() {
            return Ok(None);
        }
        let mut options = match (&self.from, Options::stated(file)) {
            (None, Some(stated)) => stated,
            (None, None) => {
                bail!(
                    "--from: expected who wrote the file, one of {}: it does not say what a step is",
                    PRODUCERS.join(", ")
                )
            }
            (Some(from), _) => {
                let Some(dt) = dt else {
                    bail!(
                        "--dt: expected the step in seconds: no NIR file of another tool says it"
                    );
                };
                match Options::preset(from, dt) {
                    Some(options) => options,
                    None => bail!(
                        "--from: expected one of {}, got {from}",
                        PRODUCERS.join(", ")
                    ),
                }
            }
        };
        put(&mut options.dt, dt);
        if let Some(reset) = self.reset {
            options = options.with_reset(reset);
        }
        put(&mut options.tau_unit, self.tau_unit);
        put(&mut options.discretisation, self.discretisation);
        put(&mut options.spike, self.spike);
        put(&mut options.current, self.current);
        put(&mut options.threshold, self.threshold);
        put(&mut options.reset_time, self.reset_time);
        put(&mut options.gain, self.gain);
        put(&mut options.readout_gain, self.readout_gain);
        put(&mut options.integrator_gain, self.integrator_gain);
        put(&mut options.synapse_gain, self.synapse_gain);
        Ok(Some(options))
    }

    /// The network of a file.
    ///
    /// # Errors
    /// Those of [`Reading::options`]; what has no counterpart here.
    pub fn network<R: Lanes>(&self, file: &File, dt: Option<f64>) -> Result<Imported<R>> {
        Ok(match self.options(file, dt)? {
            None => restore(file)?,
            Some(options) => import(file, &options)?,
        })
    }
}
