//! Undoing a run: only rows whose value is still the one that the run wrote.

use serde::{Deserialize, Serialize};

use crate::{
    backup::BackupInfo,
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

/// Where the old values come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RollbackSource {
    /// What the run's own journal says was there before.
    #[default]
    Journal,
    /// The copy that the run made before its first write: everything that Amend wrote since goes back.
    Snapshot,
}

impl RollbackSource {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Journal => "journal",
            Self::Snapshot => "snapshot",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Journal, Self::Snapshot].into_iter().find(|s| s.as_str() == text)
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
    const fn is_journal(&self) -> bool {
        matches!(self, Self::Journal)
    }

    /// Checks what a scope may name: a snapshot knows keys and old values, and nothing of a run.
    ///
    /// # Errors
    /// Names the first list that is out of bounds or not for this source.
    pub fn check(self, scope: &RollbackScope) -> Result<(), Problem> {
        scope.check()?;
        let of_a_run = [
            ("scope.new_values", scope.new_values.is_some()),
            ("scope.pairs", scope.pairs.is_some()),
            ("scope.chunks", scope.chunks.is_some()),
        ];
        match of_a_run.into_iter().find(|(_, given)| *given) {
            Some((field, _)) if self == Self::Snapshot => Err(Problem::field(
                field,
                "cannot be used with a snapshot, which does not know what a run wrote; use symbols, old_values or rows",
            )),
            _ => Ok(()),
        }
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
    #[serde(default, skip_serializing_if = "RollbackSource::is_journal")]
    pub source: RollbackSource,
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
        self.source.check(&self.scope)
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
    /// Where the old values would come from.
    #[serde(default)]
    pub source: RollbackSource,
    /// The run's snapshot, where it made one and it is still there.
    #[serde(default)]
    pub snapshot: Option<BackupInfo>,
    /// Retention took the run's journal. Nothing tells any more which values it wrote, so its rows are
    /// counted as changed since.
    #[serde(default)]
    pub journal_gone: bool,
}

impl RollbackPlan {
    /// What has to be known where the journal of the run is gone; `None` where it is there.
    #[must_use]
    pub fn unproved(&self) -> Option<String> {
        (self.journal_gone && self.source == RollbackSource::Snapshot).then(|| {
            format!(
                "The journal of run {} is gone, so nothing tells which values it wrote. Rows that differ from the \
                 snapshot ({}) count as changed since: they stay as they are, unless you choose force, which \
                 overwrites them whoever wrote them.",
                self.run_id, self.counts.changed_since
            )
        })
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_from_before_snapshots_take_the_journal() {
        let options: RollbackOptions = serde_json::from_str("{}").unwrap();
        assert_eq!(options.source, RollbackSource::Journal);
        assert!(!serde_json::to_string(&options).unwrap().contains("source"));
        let snapshot = RollbackOptions { source: RollbackSource::Snapshot, ..options };
        let text = serde_json::to_string(&snapshot).unwrap();
        assert_eq!(serde_json::from_str::<RollbackOptions>(&text).unwrap(), snapshot);
    }

    #[test]
    fn a_snapshot_has_no_scope_of_what_a_run_wrote() {
        let scope = RollbackScope { chunks: Some(vec![1]), ..RollbackScope::default() };
        assert_eq!(RollbackSource::Journal.check(&scope), Ok(()));
        assert_eq!(RollbackSource::Snapshot.check(&scope).unwrap_err().field.as_deref(), Some("scope.chunks"));
        let rows = RollbackScope { rows: Some(vec!["1".into()]), old_values: Some(vec![None]), ..scope };
        let rows = RollbackScope { chunks: None, ..rows };
        assert_eq!(RollbackSource::Snapshot.check(&rows), Ok(()));
    }
}
