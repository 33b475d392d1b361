//! Learning: losses, regularisers, optimisers, schedules, backpropagation through time, and rules that learn online.

mod bptt;
mod checkpoint;
pub mod decolle;
mod detect;
pub mod eprop;
pub mod eventprop;
mod fit;
mod init;
mod loss;
mod online;
mod optim;
mod rates;
mod scores;
mod signals;

pub use bptt::{BatchReport, Objective, Workspace, evaluate, gradients};
pub use detect::Matches;
pub use fit::{Batch, Fit, FitSpec, Rule};
pub use init::RateInit;
pub use loss::{Loss, Targets};
pub use optim::{Algorithm, Optimizer, OptimizerSpec, Schedule};
pub use rates::Rates;
pub use scores::Scores;
pub use signals::Signals;
