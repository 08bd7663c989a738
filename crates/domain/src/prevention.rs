//! Stopping the fault where it is made: what stands in the table itself.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{error::Problem, ids::RuleSlug};

/// What happens to a row that is written with another value than the reference's. Where the reference
/// gives none (no row, rows that disagree, a blank or one that is not allowed), nothing happens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PreventionKind {
    /// A missing value becomes the reference's; any other value stays as it was written.
    #[default]
    Fill,
    /// The write is refused unless the value is the reference's.
    Refuse,
}

impl PreventionKind {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fill => "fill",
            Self::Refuse => "refuse",
        }
    }

    /// Reads a kind from outside.
    ///
    /// # Errors
    /// Anything but `fill` and `refuse`.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        match text {
            "fill" => Ok(Self::Fill),
            "refuse" => Ok(Self::Refuse),
            _ => Err(Problem::field("kind", "must be fill or refuse")),
        }
    }
}

/// What is to be installed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreventionChoice {
    pub kind: PreventionKind,
    /// Also a CHECK that the value is null or one of the rule's allowed values.
    pub check: bool,
}

/// How far the CHECK has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// It holds for what is written from now on; older rows were not looked at, or some break it.
    NewRows,
    /// It holds for every row.
    AllRows,
}

impl CheckState {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NewRows => "new rows",
            Self::AllRows => "all rows",
        }
    }
}

/// What is installed for a rule, and whether it works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreventionStatus {
    pub rule: RuleSlug,
    /// Whether it acts on rows that are written now.
    pub on: bool,
    pub kind: Option<PreventionKind>,
    pub check: Option<CheckState>,
    /// How often it filled or refused since it was installed; `None` while it is off, and where the
    /// database forgets it (SQLite undoes the count together with the write that was refused).
    pub acted: Option<i64>,
    pub since: Option<DateTime<Utc>>,
    pub installed_by: Option<String>,
    /// What is wrong with what is installed, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

impl PreventionStatus {
    /// Of a rule for which nothing is installed.
    #[must_use]
    pub const fn off(rule: RuleSlug) -> Self {
        Self { rule, on: false, kind: None, check: None, acted: None, since: None, installed_by: None, trouble: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_back_from_their_words() {
        for kind in [PreventionKind::Fill, PreventionKind::Refuse] {
            assert_eq!(PreventionKind::parse(kind.as_str()), Ok(kind));
        }
        assert_eq!(PreventionKind::parse("guess").unwrap_err().field.as_deref(), Some("kind"));
    }
}
