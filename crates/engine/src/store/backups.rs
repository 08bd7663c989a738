//! Copies made before a run's first write, and what retention takes away again.

use std::time::Duration;

use amend_domain::{BackupInfo, PurgeItem, Rule, RuleSlug, RunId};
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Lease, StoreError};

/// A copy to be made.
#[derive(Debug, Clone)]
pub struct BackupRequest<'a> {
    pub lease: &'a Lease,
    pub rule: &'a Rule,
    /// The copy's name, without a schema: it stands beside the target.
    pub name: &'a str,
    pub lock_timeout: Duration,
    pub statement_timeout: Duration,
    pub now: DateTime<Utc>,
}

#[async_trait]
pub trait Backups: Send + Sync + 'static {
    /// Bytes that a table's name may have; `None` where that is no concern.
    fn longest_name(&self) -> Option<usize>;

    /// Copies key and value columns of all rows of the target, in one statement, and remembers the
    /// copy; both or neither. A run has at most one: where it is there already, that is the answer.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`]; [`StoreError::Unsupported`] when a table has that name already;
    /// [`StoreError::DiskFull`] when there is no room. On any error nothing is left behind.
    async fn create_backup(&self, request: &BackupRequest<'_>) -> Result<BackupInfo, StoreError>;

    /// The copies of a run or of all, newest first, those that somebody dropped by hand left out.
    async fn backups(&self, run: Option<&RunId>) -> Result<Vec<BackupInfo>, StoreError>;

    /// Runs of a rule that ended before, that no active run undoes or tries again, and that still have a
    /// journal, a list of failed rows or, where they ended before `copies_before`, a copy; the oldest
    /// first.
    async fn purgeable(
        &self,
        rule: &RuleSlug,
        ended_before: DateTime<Utc>,
        copies_before: DateTime<Utc>,
    ) -> Result<Vec<PurgeItem>, StoreError>;

    /// From here on the run cannot be rolled back from its journal. False, and nothing done, while it is active
    /// or an active run undoes it or tries its failed rows again. The first time stays where it was marked before.
    async fn mark_purged(&self, run: &RunId, now: DateTime<Utc>) -> Result<bool, StoreError>;

    /// Drops at most so many entries of the journal of a run that is marked, in one transaction; how
    /// many it dropped.
    async fn purge_journal(&self, run: &RunId, entries: u32) -> Result<u64, StoreError>;

    /// Drops the list of failed rows of a run that is marked; how many it had.
    async fn drop_failed_rows(&self, run: &RunId) -> Result<u64, StoreError>;

    /// Drops the copy of a run that is marked; its name where there was one.
    async fn drop_backup(&self, run: &RunId) -> Result<Option<String>, StoreError>;
}
