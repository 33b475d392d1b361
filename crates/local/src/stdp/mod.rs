//! Spike-timing-dependent plasticity.

use crate::{Data, Experiment, Log, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Neurons that inhibit each other learn digits (`diehl2015`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiehlCook {}

impl Default for DiehlCook {
    fn default() -> Self {
        Self {}
    }
}

impl Experiment for DiehlCook {
    fn wants_data(&self) -> bool {
        true
    }

    fn run(&self, seed: u64, _: Option<&Data<'_>>, _: Log<'_>) -> Result<Value> {
        Ok(json!({ "metric": 0.0, "metric_name": "none", "seed": seed }))
    }
}
