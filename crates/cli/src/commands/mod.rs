//! One file for each verb of the command line.

pub mod bench;
pub mod cost;
pub mod data;
pub mod eval;
mod limits;
pub mod plot;
pub mod recipes;
pub mod report;
pub mod train;
