//! One file for each verb of the command line.

pub mod bench;
mod limits;
pub mod recipes;
pub mod train;
