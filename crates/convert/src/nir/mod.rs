//! What a NIR graph means: networks from graphs, and graphs from networks.
//!
//! A file of `cortado_interop::nir` says equations. [`Options`] say what of a step it leaves open, [`import`] builds the
//! network that computes the same, and [`Report`] says what was taken, assumed and lost.

mod assemble;
mod assume;
mod export;
mod export_links;
mod export_neurons;
mod finish;
mod flat;
mod import;
mod neuron;
mod options;
mod order;
mod report;
mod restore;
mod settle;
mod shapes;
mod table;
mod weights;

pub use export::{Exported, Fed, export};
pub use import::{Imported, check, import};
pub use options::{Current, Discretisation, Gain, Options, PRODUCERS, ResetRule, Spike, TauUnit};
pub use report::{Fate, Line, Report};
pub use restore::{is_own, restore};
