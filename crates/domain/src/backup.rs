//! Copies of what a run is about to change, and how long they and the journal are kept.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    error::Problem,
    ids::{RuleSlug, RunId},
};

/// What is kept of the values from before a run. The journal is always written, in the transaction
/// of each chunk: no choice leaves it out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backup {
    /// The journal alone.
    #[default]
    Journal,
    /// The journal, and before the first write a copy of all keys and values of the table.
    Snapshot,
    /// The caller asked for none. Overwriting then needs a rule that allows it by name.
    None,
}

impl Backup {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Journal => "journal",
            Self::Snapshot => "snapshot",
            Self::None => "none",
        }
    }

    /// Reads what a person may choose.
    ///
    /// # Errors
    /// Anything but `journal` and `snapshot`.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        match text {
            "journal" => Ok(Self::Journal),
            "snapshot" => Ok(Self::Snapshot),
            _ => Err(Problem::field("backup", "must be journal or snapshot")),
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
    pub(crate) const fn is_journal(&self) -> bool {
        matches!(self, Self::Journal)
    }
}

/// A copy of keys and values, made in the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupInfo {
    /// The copy's table, with its schema where the database has schemas.
    pub name: String,
    /// The table that was copied.
    pub source: String,
    pub rule: RuleSlug,
    pub run_id: RunId,
    pub rows: i64,
    pub bytes: i64,
    pub created_at: DateTime<Utc>,
}

/// How a copy of `table` made at `at` is called.
#[must_use]
pub fn backup_name(table: &str, at: DateTime<Utc>) -> String {
    format!("{table}_backup_{}", at.format("%Y%m%d_%H%M%S"))
}

/// What retention takes, or would take, of one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurgeItem {
    pub run_id: RunId,
    pub rule: RuleSlug,
    pub ended_at: DateTime<Utc>,
    /// Rows whose value from before the journal knows.
    pub journal_rows: i64,
    pub journal_bytes: i64,
    /// The run's copy, where it made one.
    pub backup: Option<String>,
    pub backup_bytes: i64,
    /// Rows on the run's list of failed rows.
    #[serde(default)]
    pub failed_rows: i64,
}

/// One pass of retention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurgeReport {
    /// Nothing was dropped; this is what would be.
    pub dry_run: bool,
    pub items: Vec<PurgeItem>,
}

impl PurgeReport {
    #[must_use]
    pub fn bytes(&self) -> i64 {
        self.items.iter().map(|i| i.journal_bytes + i.backup_bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_named_after_its_table_and_the_moment() {
        let at = "2026-01-05T09:07:03Z".parse().unwrap();
        assert_eq!(backup_name("market_data", at), "market_data_backup_20260105_090703");
    }

    #[test]
    fn nobody_can_choose_none_by_its_word() {
        assert_eq!(Backup::parse("snapshot"), Ok(Backup::Snapshot));
        assert_eq!(Backup::parse("none").unwrap_err().field.as_deref(), Some("backup"));
    }
}
