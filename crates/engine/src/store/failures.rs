//! Rows that the table refuses alone: put on a list and passed over.

use amend_domain::{ErrorCode, FailedRow, Mode, Rule, RunId, Scope};
use async_trait::async_trait;

use super::{ChunkOutcome, ChunkRequest, RestoreRequest, StoreError};

/// A row whose correction or restoring failed although it was the only one of its chunk.
#[derive(Debug, Clone)]
pub struct RefusedRow<'a, R = ChunkRequest<'a>> {
    /// The chunk of one row that failed.
    pub chunk: &'a R,
    pub code: ErrorCode,
    /// For people.
    pub message: &'a str,
    /// The database's own text, for operators.
    pub detail: &'a str,
}

#[async_trait]
pub trait Failures: Send + Sync + 'static {
    /// In one transaction: check the fence; find the one row that a chunk of these limits would change
    /// next, and leave it as it is; put it on the run's list of failed rows, or count another attempt
    /// where it is there already; write the chunk's record, add to the run's counters and move its
    /// cursor past the row. Where no such row is found any more nothing is listed, and the cursor is
    /// that of a chunk that changed nothing.
    ///
    /// Later chunks of the run pass over a listed row as long as it has the value with which it was
    /// listed.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when the fence is old. On any error nothing is committed.
    async fn fail_row(&self, refused: &RefusedRow<'_>) -> Result<ChunkOutcome, StoreError>;

    /// The same for a rollback: the one row that a step of these limits would restore next. Where no such
    /// row is found any more nothing is written and the cursor stays.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when the fence is old. On any error nothing is committed.
    async fn fail_restore(&self, refused: &RefusedRow<'_, RestoreRequest<'_>>) -> Result<ChunkOutcome, StoreError>;

    /// What a run lists, in the order of failing, after `after`.
    async fn failed_rows(&self, run: &RunId, after: i64, limit: u32) -> Result<Vec<FailedRow>, StoreError>;

    /// How many listed rows still have the value with which they were listed and would still be
    /// corrected by this mode and scope.
    async fn standing_failures(&self, rule: &Rule, run: &RunId, mode: Mode, scope: &Scope) -> Result<i64, StoreError>;

    /// How many rows that a rollback lists still have the value with which they were listed.
    async fn standing_refusals(&self, rule: &Rule, run: &RunId) -> Result<i64, StoreError>;
}
