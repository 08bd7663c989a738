//! Undoing a run: only rows whose value is still the one that the run wrote.

use serde::{Deserialize, Serialize};

use crate::{
    error::Problem,
    ids::RunId,
    plan::BatchSize,
    rollback_scope::{RollbackScope, ValuePair},
    rows::FindingRow,
};

/// What to do with a row whose value is no longer the one we wrote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConflictPolicy {
    /// Leave it as it is.
    #[default]
    Skip,
    /// Write the old value all the same.
    Force,
    /// Do not start if there is one; stop at the first that appears.
    Stop,
}

impl ConflictPolicy {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Force => "force",
            Self::Stop => "stop",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Skip, Self::Force, Self::Stop].into_iter().find(|p| p.as_str() == text)
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackOptions {
    /// Why; kept with the run. Up to 500 characters.
    #[serde(default)]
    pub reason: String,
    #[serde(default)]
    pub on_conflict: ConflictPolicy,
    #[serde(default)]
    pub scope: RollbackScope,
    #[serde(default)]
    pub batch_size: BatchSize,
    #[serde(default)]
    pub dry_run: bool,
}

impl RollbackOptions {
    /// Checks bounds.
    ///
    /// # Errors
    /// Names the first field out of bounds.
    pub fn check(&self) -> Result<(), Problem> {
        if self.reason.chars().count() > 500 {
            return Err(Problem::field("reason", "must be at most 500 characters"));
        }
        self.scope.check()
    }
}

/// What the journalled rows of a run look like now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackCounts {
    /// Still the value that we wrote.
    pub restorable: i64,
    /// Already the value from before.
    pub original: i64,
    /// Somebody else's value.
    pub changed_since: i64,
    /// The row is gone.
    pub deleted: i64,
}

impl RollbackCounts {
    #[must_use]
    pub const fn total(&self) -> i64 {
        self.restorable + self.original + self.changed_since + self.deleted
    }
}

/// What a rollback would do, before it is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RollbackPlan {
    pub run_id: RunId,
    pub counts: RollbackCounts,
    /// A few rows of each kind for the wizard.
    pub samples: RollbackSamples,
    /// What the run wrote over what, whatever the scope: the most rows first, at most 50.
    #[serde(default)]
    pub pairs: Vec<RollbackPair>,
}

/// All rows in which a run put the same new value in place of the same old one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackPair {
    pub pair: ValuePair,
    pub rows: i64,
}

/// At most 20 of each. `current` is what stands now, `proposed` what would be written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RollbackSamples {
    pub restorable: Vec<FindingRow>,
    pub changed_since: Vec<FindingRow>,
    /// Only the key is known of these.
    pub deleted: Vec<String>,
}
