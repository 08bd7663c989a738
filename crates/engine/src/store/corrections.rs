//! Changing: one chunk, one transaction, with its before-image.

use std::time::Duration;

use amend_domain::{
    ConflictPolicy, Mode, RollbackCounts, RollbackSamples, RollbackScope, Rule, RunId, RunState, Scope,
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Lease, StoreError};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// Commit.
    Commit,
    /// Do all the work in the transaction, then roll it back: neither table, journal, chunk
    /// record nor run is changed. The outcome still has the counts and the next cursor.
    Rehearse,
}

/// What bounds one chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkLimits {
    /// Rows changed at most.
    pub rows: i64,
    /// Rows looked at, at most (at least `rows`).
    pub scan: i64,
    pub lock_timeout: Duration,
    pub statement_timeout: Duration,
}

/// One step of a correction.
#[derive(Debug, Clone)]
pub struct ChunkRequest<'a> {
    pub lease: &'a Lease,
    pub rule: &'a Rule,
    pub mode: Mode,
    pub scope: &'a Scope,
    /// `None` begins at the start of the table.
    pub cursor: Option<&'a str>,
    pub limits: ChunkLimits,
    pub write: Write,
    pub now: DateTime<Utc>,
}

/// What a rollback goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entries {
    /// The journal of the run that is undone.
    Whole,
    /// What the rollback's own walk by places has set aside.
    SetAside,
}

/// One step of a rollback: journal entries of `source` after `cursor`.
#[derive(Debug, Clone)]
pub struct RestoreRequest<'a> {
    pub lease: &'a Lease,
    pub rule: &'a Rule,
    pub source: &'a RunId,
    pub entries: Entries,
    pub on_conflict: ConflictPolicy,
    pub scope: &'a RollbackScope,
    pub cursor: Option<&'a str>,
    pub limits: ChunkLimits,
    pub write: Write,
    pub now: DateTime<Utc>,
}

/// What a step did; committed when the request said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkOutcome {
    /// Where the next step begins.
    pub cursor: Option<String>,
    /// Nothing is left after this step.
    pub done: bool,
    pub scanned: i64,
    pub changed: i64,
    /// Candidates that were locked by others or changed under our eyes.
    pub skipped: i64,
    /// Rows that were put on the list of failed rows.
    pub failed: i64,
    /// Rollback: changed by somebody since. With `Force` they were overwritten (and are in
    /// `changed` too). With `Stop` and a conflict nothing of the step is committed and `done` is false.
    pub conflicts: i64,
    pub deleted: i64,
    /// Rollback: rows that had their old value already.
    pub original: i64,
    /// Something besides the value changed, by the digests.
    pub touched: bool,
    /// The run's state as the transaction saw it, so that a cancel is noticed within one chunk.
    pub state: RunState,
    pub duration_ms: i64,
}

/// All journalled rows of a run with the same old and new value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalPair {
    pub old: Option<String>,
    pub new: Option<String>,
    pub rows: i64,
}

#[async_trait]
pub trait Corrections: Send + Sync + 'static {
    /// In one transaction: check the fence; look at the next `scan` rows in key order after the
    /// cursor (`SKIP LOCKED` where the database has it); change at most `rows` of those that the
    /// reference, read in this same transaction, resolves and `mode` corrects, and only where the
    /// value is still as seen; write the before-image to the journal; write the chunk record with
    /// the digests of all other columns; add to the run's counters and move its cursor.
    /// When `rows` were changed the cursor is the last changed row, otherwise the last one looked at.
    /// The run must be in an active state.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when the fence is old. On any error nothing is committed.
    async fn correct_chunk(&self, request: &ChunkRequest<'_>) -> Result<ChunkOutcome, StoreError>;

    /// The same for a rollback: takes whole journal entries of `source` until about `rows` keys,
    /// restores each row whose value is still the journalled new one (or any, with `Force`), and
    /// journals what it wrote under its own run.
    async fn restore_chunk(&self, request: &RestoreRequest<'_>) -> Result<ChunkOutcome, StoreError>;

    /// How many journalled rows of `run` are restorable, original, changed since, deleted.
    async fn rollback_counts(
        &self,
        rule: &Rule,
        run: &RunId,
        scope: &RollbackScope,
    ) -> Result<RollbackCounts, StoreError>;

    /// Of the restorable ones, those of rows that a run wrote several times and that have the value again
    /// with which it began: some entry about them always fits, but there is nothing to undo. Where others
    /// wrote in between, it began anew with what they wrote.
    async fn come_full_circle(&self, rule: &Rule, run: &RunId, scope: &RollbackScope) -> Result<i64, StoreError>;

    /// A few of each, `each` at most 20.
    async fn rollback_samples(
        &self,
        rule: &Rule,
        run: &RunId,
        scope: &RollbackScope,
        each: u32,
    ) -> Result<RollbackSamples, StoreError>;

    /// What the journal holds of a run, by old and new value, the most rows first.
    async fn journal_pairs(&self, run: &RunId) -> Result<Vec<JournalPair>, StoreError>;
}
