//! Learning: losses, regularisers, optimisers, schedules, and backpropagation through time.

mod bptt;
mod checkpoint;
mod fit;
mod loss;
mod optim;
mod rates;

pub use bptt::{BatchReport, Objective, Workspace, evaluate, gradients};
pub use checkpoint::write_atomic;
pub use fit::{Fit, FitSpec};
pub use loss::{Loss, Targets};
pub use optim::{Algorithm, Optimizer, OptimizerSpec, Schedule};
pub use rates::Rates;
