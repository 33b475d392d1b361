//! A recipe of either kind: of a network and its training, or of a local rule.

use crate::local;
use crate::recipe::{self, Recipe};
use anyhow::{Context, Result};
use serde::Serialize;

/// A recipe of either kind.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum AnyRecipe {
    /// A network and its training.
    Network(Box<Recipe>),
    /// A local rule.
    Local(Box<local::Recipe>),
}

impl AnyRecipe {
    /// The recipe of that name, or in the file of that name if it ends in `.toml`, with `key=value` overrides.
    ///
    /// # Errors
    /// As [`recipe::text`] and [`AnyRecipe::parse`].
    pub fn load(name: &str, set: &[String]) -> Result<Self> {
        Self::parse(&recipe::text(name)?, set).with_context(|| format!("recipe '{name}'"))
    }

    /// A recipe from its text: a table `learn` makes it one of a local rule.
    ///
    /// # Errors
    /// As [`recipe::parse`].
    pub fn parse(text: &str, set: &[String]) -> Result<Self> {
        let table = text.parse::<toml::Table>();
        Ok(match table.is_ok_and(|t| t.contains_key("learn")) {
            true => Self::Local(Box::new(recipe::parse(text, set)?)),
            false => Self::Network(Box::new(recipe::parse(text, set)?)),
        })
    }

    /// Seed of all random numbers.
    pub fn seed(&self) -> u64 {
        match self {
            Self::Network(r) => r.seed,
            Self::Local(r) => r.seed,
        }
    }
}
