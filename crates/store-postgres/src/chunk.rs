//! The frame of every chunk: the run is taken at its beginning and written up at its end, in the
//! transaction of the chunk itself.

use std::time::Instant;

use amend_domain::RunState;
use amend_engine::store::{Lease, StoreError, Write};
use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection};

use crate::{
    error::{corrupt, db},
    tx::{ChunkTx, Tx},
};

/// The run as its chunk found it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AtWork {
    pub state: RunState,
    /// Chunk numbers given away so far.
    pub chunk_numbers: i64,
    pub scanned: i64,
    pub changed: i64,
    /// Rows on its list of failed rows.
    pub failed: i64,
}

#[derive(FromRow)]
struct RunRow {
    state: String,
    fence: i64,
    chunk_numbers: i64,
    scanned: i64,
    changed: i64,
    failed: i64,
}

/// Locks the run until the chunk ends: a takeover or a person's request waits for it, so that neither
/// ever meets half a chunk.
pub(crate) async fn take(tx: &mut PgConnection, lease: &Lease) -> Result<AtWork, StoreError> {
    let id = lease.run_id.as_str();
    let run: Option<RunRow> = sqlx::query_as(
        "SELECT state, fence, chunk_numbers, scanned, changed, failed FROM amend.run WHERE id = $1 FOR UPDATE",
    )
    .bind(id)
    .fetch_optional(tx)
    .await
    .map_err(db)?;
    let run = run.ok_or_else(|| StoreError::Missing(format!("run {id}")))?;
    if run.fence != lease.fence {
        return Err(StoreError::LeaseLost);
    }
    let state = active(id, &run.state)?;
    Ok(AtWork {
        state,
        chunk_numbers: run.chunk_numbers,
        scanned: run.scanned,
        changed: run.changed,
        failed: run.failed,
    })
}

/// The state of a run that may still write.
pub(crate) fn active(id: &str, state: &str) -> Result<RunState, StoreError> {
    let state = RunState::parse(state).ok_or_else(|| corrupt("amend.run", "state", id, format!("{state:?}")))?;
    if !state.is_active() {
        return Err(StoreError::Unsupported(format!("Run {id} is {}: it writes no more.", state.as_str())));
    }
    Ok(state)
}

/// What becomes of the run's cursor.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cursor<'a> {
    /// A walk by blocks has none.
    Keep,
    To(Option<&'a str>),
}

/// What stands in `amend.chunk`, and what the run's counters grow by.
#[derive(Debug)]
pub(crate) struct Done<'a> {
    pub no: i64,
    pub at: DateTime<Utc>,
    pub begun: Instant,
    pub scanned: i64,
    pub changed: i64,
    pub skipped: i64,
    pub failed: i64,
    pub conflicts: i64,
    pub deleted: i64,
    pub batch_size: i64,
    pub cursor: Cursor<'a>,
    pub upto: &'a str,
    pub untouched_before: &'a str,
    pub untouched_after: &'a str,
}

impl Done<'_> {
    pub(crate) fn duration_ms(&self) -> i64 {
        i64::try_from(self.begun.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

/// Writes the chunk record, adds to the run's counters and moves its cursor. Not of a run that was paused
/// or ended meanwhile: whoever works along with another server's worker may come too late.
pub(crate) async fn record(tx: &mut ChunkTx, lease: &Lease, done: &Done<'_>) -> Result<(), StoreError> {
    tx.keep_to_limit().await?;
    let touched = sqlx::query(
        "WITH c AS (
           INSERT INTO amend.chunk (run, no, at, scanned, changed, skipped, conflicts, deleted, duration_ms,
                                    batch_size, upto, untouched_before, untouched_after)
           VALUES ($1, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14))
         UPDATE amend.run SET
           scanned = scanned + $5, changed = changed + $6, skipped = skipped + $7, conflicts = conflicts + $8,
           deleted = deleted + $9, chunks = chunks + 1, chunk_numbers = greatest(chunk_numbers, $3),
           cursor = CASE WHEN $15 THEN cursor ELSE $16 END, failed = failed + $17
         WHERE id = $1 AND fence = $2 AND state IN ('running', 'pausing', 'cancelling')",
    )
    .bind(lease.run_id.as_str())
    .bind(lease.fence)
    .bind(done.no)
    .bind(done.at)
    .bind(done.scanned)
    .bind(done.changed)
    .bind(done.skipped)
    .bind(done.conflicts)
    .bind(done.deleted)
    .bind(done.duration_ms())
    .bind(done.batch_size)
    .bind(done.upto)
    .bind(done.untouched_before)
    .bind(done.untouched_after)
    .bind(matches!(done.cursor, Cursor::Keep))
    .bind(match done.cursor {
        Cursor::Keep => None,
        Cursor::To(cursor) => cursor,
    })
    .bind(done.failed)
    .execute(&mut ***tx)
    .await
    .map_err(db)?
    .rows_affected();
    if touched == 1 { Ok(()) } else { Err(StoreError::LeaseLost) }
}

/// Ends the transaction as asked.
pub(crate) async fn end(tx: ChunkTx, write: Write) -> Result<(), StoreError> {
    match write {
        Write::Commit => tx.commit().await,
        Write::Rehearse => tx.rollback().await,
    }
}

/// Undoes a chunk that failed, now rather than when the connection is next used: its locks would
/// stand until then.
pub(crate) async fn undo(tx: impl Into<Tx>, error: StoreError) -> StoreError {
    if let Err(e) = tx.into().rollback().await {
        // The connection is lost and with it the transaction; the first error says more.
        tracing::debug!(error = %e, "rolling a failed chunk back");
    }
    error
}

/// What [`crate::sql::apply`] counts, checked.
#[derive(Debug, FromRow)]
pub(crate) struct Totals {
    pub journalled: i64,
    pub changed: i64,
    pub forced: i64,
    pub refused: i64,
    pub before: String,
    pub after: String,
}

impl Totals {
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        if self.refused > 0 {
            return Err(StoreError::Row(format!(
                "the table stores something else than the value written in {} rows (a trigger, or a type that cuts)",
                self.refused
            )));
        }
        if self.journalled != self.changed {
            return Err(StoreError::Other(format!(
                "{} rows were changed but {} journalled",
                self.changed, self.journalled
            )));
        }
        Ok(())
    }
}
