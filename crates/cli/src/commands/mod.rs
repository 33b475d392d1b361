//! One file for each verb of the command line.

pub mod recipes;
pub mod train;
