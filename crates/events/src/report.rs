//! What a reader found besides events: damage, and what it took for granted.

use std::collections::BTreeMap;

use cortado_base::{Error, Result};

/// What a reader does at the first damage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// It stops with the offset in bytes and the word there.
    Strict,
    /// It skips what is damaged, counts it, and goes on.
    #[default]
    Lenient,
}

/// So many places of damage are described, the rest only counted.
const DESCRIBED: usize = 8;

/// What a reader has to say about a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    policy: Policy,
    at: String,
    damage: BTreeMap<&'static str, u64>,
    places: Vec<String>,
    assumptions: Vec<String>,
    /// How often the counter of time began again.
    pub wraps: u64,
    /// Events that came before the sensor had said a time, and were left out.
    pub untimed: u64,
    /// What stands in the header, in order.
    pub header: Vec<(String, String)>,
}

impl Report {
    /// Nothing found yet in `at`, which errors name.
    pub fn new(policy: Policy, at: impl Into<String>) -> Self {
        Self {
            policy,
            at: at.into(),
            ..Self::default()
        }
    }

    /// An empty one for a part of the same recording.
    pub(crate) fn fresh(&self) -> Self {
        Self::new(self.policy, self.at.clone())
    }

    /// What is read, as errors name it.
    pub fn at(&self) -> &str {
        &self.at
    }

    /// Damage at an offset in bytes: counted, or with [`Policy::Strict`] an error.
    ///
    /// # Errors
    /// With [`Policy::Strict`] always.
    pub fn damage(
        &mut self,
        what: &'static str,
        offset: u64,
        expected: impl Into<String>,
        got: impl ToString,
    ) -> Result<()> {
        self.damage_at(what, format_args!("byte {offset}"), expected, got)
    }

    /// [`Report::damage`] at a place that is no offset, such as `line 3`.
    ///
    /// # Errors
    /// With [`Policy::Strict`] always.
    pub fn damage_at(
        &mut self,
        what: &'static str,
        place: impl std::fmt::Display,
        expected: impl Into<String>,
        got: impl ToString,
    ) -> Result<()> {
        let at = format!("{}, {place}", self.at);
        let error = Error::invalid(what, at, expected, got);
        if self.policy == Policy::Strict {
            return Err(error);
        }
        *self.damage.entry(what).or_default() += 1;
        if self.places.len() < DESCRIBED {
            self.places.push(error.to_string());
        }
        Ok(())
    }

    /// An error at an offset in bytes, for what cannot be skipped.
    pub fn wrong(
        &self,
        what: &'static str,
        offset: u64,
        expected: impl Into<String>,
        got: impl ToString,
    ) -> Error {
        Error::invalid(what, format!("{}, byte {offset}", self.at), expected, got)
    }

    /// Notes once what was taken for granted.
    pub fn assume(&mut self, what: impl Into<String>) {
        let what = what.into();
        // In an order that does not depend on which was noted first, since parts of a recording may be read side by side.
        if let Err(place) = self.assumptions.binary_search(&what) {
            self.assumptions.insert(place, what);
        }
    }

    /// How much damage was skipped.
    pub fn damaged(&self) -> u64 {
        self.damage.values().sum()
    }

    /// Damage by kind.
    pub fn kinds(&self) -> &BTreeMap<&'static str, u64> {
        &self.damage
    }

    /// The first places of damage, in words.
    pub fn places(&self) -> &[String] {
        &self.places
    }

    /// What was taken for granted.
    pub fn assumptions(&self) -> &[String] {
        &self.assumptions
    }

    /// Adds what another reader found in a later part of the same recording.
    pub fn merge(&mut self, later: Self) {
        for (what, count) in later.damage {
            *self.damage.entry(what).or_default() += count;
        }
        self.places.extend(later.places);
        self.places.truncate(DESCRIBED);
        later.assumptions.into_iter().for_each(|a| self.assume(a));
        self.wraps += later.wraps;
        self.untimed += later.untimed;
        self.header.extend(later.header);
    }
}
