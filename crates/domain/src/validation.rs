//! The proof after a run, level by level.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// No correctable row is missing a value (in the scope of the run).
    Completeness,
    /// Every value that Amend wrote is one of the allowed.
    AllowedValues,
    /// No correctable row disagrees with the reference (overwrite runs).
    Agreement,
    /// Orphans are as many as before: a correction must not make any. Reported, never guessed away.
    Orphans,
    /// Rows changed = rows journalled = drop in findings.
    Reconciliation,
    /// All other columns of the changed rows are as they were, by a digest in each chunk.
    UntouchedColumns,
}

impl Level {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completeness => "completeness",
            Self::AllowedValues => "allowed_values",
            Self::Agreement => "agreement",
            Self::Orphans => "orphans",
            Self::Reconciliation => "reconciliation",
            Self::UntouchedColumns => "untouched_columns",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelResult {
    pub level: Level,
    pub passed: bool,
    /// Rows that break the promise.
    pub violations: i64,
    /// One sentence with the numbers.
    pub detail: String,
    /// A few of what the numbers count, those with most rows first, each in one line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validation {
    pub passed: bool,
    pub levels: Vec<LevelResult>,
}

impl Validation {
    #[must_use]
    pub fn of(levels: Vec<LevelResult>) -> Self {
        Self { passed: levels.iter().all(|l| l.passed), levels }
    }
}
