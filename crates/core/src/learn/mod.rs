//! Learning: losses, regularisers, optimisers, schedules, and backpropagation through time.

mod bptt;
mod checkpoint;
mod detect;
mod fit;
mod init;
mod loss;
mod optim;
mod rates;
mod scores;

pub use bptt::{BatchReport, Objective, Workspace, evaluate, gradients};
pub use detect::Matches;
pub use fit::{Fit, FitSpec};
pub use init::RateInit;
pub use loss::{Loss, Targets};
pub use optim::{Algorithm, Optimizer, OptimizerSpec, Schedule};
pub use rates::Rates;
pub use scores::Scores;
