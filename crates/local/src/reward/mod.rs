//! Three factors: what a synapse has done lately, and a reward.

use crate::{Data, Experiment, Log, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A reward that comes late finds the synapse that earned it (`izhikevich2007`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DistalReward {}

impl Default for DistalReward {
    fn default() -> Self {
        Self {}
    }
}

impl Experiment for DistalReward {
    fn wants_data(&self) -> bool {
        false
    }

    fn run(&self, seed: u64, _: Option<&Data<'_>>, _: Log<'_>) -> Result<Value> {
        Ok(json!({ "metric": 0.0, "metric_name": "none", "seed": seed }))
    }
}
