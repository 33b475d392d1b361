//! What became of a graph, node by node.

use serde::Serialize;
use std::fmt;

/// The fidelity report: what was taken as it stands, what was assumed, what was lost or refused.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// One thing each, in the order in which they were met.
    pub lines: Vec<Line>,
}

/// One thing that a report says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// What became of it.
    pub fate: Fate,
    /// The node, where it is of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// What it is.
    pub what: String,
}

/// What became of something in a graph or a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It means the same on either side.
    Taken,
    /// The file leaves it open, and an option or preset decides.
    Assumed,
    /// It is not there on the other side, which computes the same without it or for others alone.
    Lost,
    /// It has no counterpart: there is no network, or no graph.
    Refused,
}

impl Fate {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Taken, Self::Assumed, Self::Lost, Self::Refused];

    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Assumed => "assumed",
            Self::Lost => "lost",
            Self::Refused => "refused",
        }
    }
}

impl Report {
    /// Lines of that fate.
    pub fn of(&self, fate: Fate) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(move |l| l.fate == fate)
    }

    /// Whether anything was refused.
    pub fn refuses(&self) -> bool {
        self.of(Fate::Refused).next().is_some()
    }

    pub(super) fn node(&mut self, fate: Fate, node: &str, what: impl Into<String>) {
        self.lines.push(Line {
            fate,
            node: Some(node.into()),
            what: what.into(),
        });
    }

    pub(super) fn graph(&mut self, fate: Fate, what: impl Into<String>) {
        self.lines.push(Line {
            fate,
            node: None,
            what: what.into(),
        });
    }
}

/// As text, by fate.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fate in Fate::ALL {
            let lines: Vec<&Line> = self.of(fate).collect();
            if lines.is_empty() {
                continue;
            }
            writeln!(f, "{}", fate.name())?;
            for line in lines {
                match &line.node {
                    Some(node) => writeln!(f, "  {node}: {}", line.what)?,
                    None => writeln!(f, "  {}", line.what)?,
                }
            }
        }
        Ok(())
    }
}
