//! Changing: one chunk of a correction. Rollbacks are in `restore`, looks at the journal in `rollback`.

use std::time::Instant;

use amend_domain::{RollbackCounts, RollbackSamples, RollbackScope, Rule, RunId};
use amend_engine::store::{ChunkOutcome, ChunkRequest, Corrections, JournalPair, RestoreRequest, StoreError};
use async_trait::async_trait;
use sqlx::FromRow;

use crate::{
    PostgresStore,
    chunk::{self, AtWork, Cursor, Done, Totals},
    error::{db, to_json},
    pages::key_text,
    shape::Shape,
    sql::slice::{self, Look},
    tx::{Args, ChunkTx, fetch_one},
};

/// Rows that a chunk always looks at when it may: below it, looking costs less than another round.
const LEAST_SCAN: i64 = 5_000;

#[derive(FromRow)]
struct SliceRow {
    looked: i64,
    candidates: i64,
    scanned: i64,
    upto: Option<Vec<String>>,
    #[sqlx(flatten)]
    totals: Totals,
}

impl PostgresStore {
    async fn correct(&self, request: &ChunkRequest<'_>) -> Result<ChunkOutcome, StoreError> {
        let begun = Instant::now();
        let mut tx = self.writing(request.limits.lock_timeout, request.limits.statement_timeout).await?;
        match correct_in(&mut tx, request, begun).await {
            Ok(outcome) => chunk::end(tx, request.write).await.map(|()| outcome),
            Err(error) => Err(chunk::undo(tx, error).await),
        }
    }
}

async fn correct_in(tx: &mut ChunkTx, request: &ChunkRequest<'_>, begun: Instant) -> Result<ChunkOutcome, StoreError> {
    let run = chunk::take(tx, request.lease).await?;
    let shape = Shape::load(tx, request.rule).await?;
    shape.check_writable()?;
    let after = request.cursor.map(|text| read_cursor(text, &shape)).transpose()?;
    let scan = scan(request, run);
    let no = run.chunk_numbers + 1;
    let mut args = Args::default();
    let look = Look { request, cursor: after.as_deref(), scan, pass_over: run.failed > 0 };
    tx.keep_to_limit().await?;
    let sql = slice::correct(&shape, &look, no, &mut args);
    let row = SliceRow::from_row(&fetch_one(tx, sql, args).await?).map_err(db)?;
    row.totals.check()?;
    let cursor = match &row.upto {
        Some(key) => Some(to_json(key)?),
        None => request.cursor.map(Into::into),
    };
    let done = Done {
        no,
        at: request.now,
        begun,
        scanned: row.scanned,
        changed: row.totals.changed,
        skipped: row.candidates - row.totals.changed,
        failed: 0,
        conflicts: 0,
        deleted: 0,
        batch_size: request.limits.rows,
        cursor: Cursor::To(cursor.as_deref()),
        upto: &row.upto.as_deref().map(key_text).transpose()?.unwrap_or_default(),
        untouched_before: &row.totals.before,
        untouched_after: &row.totals.after,
    };
    chunk::record(tx, request.lease, &done).await?;
    Ok(ChunkOutcome {
        done: row.looked < scan && row.candidates < request.limits.rows,
        scanned: done.scanned,
        changed: done.changed,
        skipped: done.skipped,
        failed: 0,
        conflicts: 0,
        deleted: 0,
        original: 0,
        touched: done.untouched_before != done.untouched_after,
        state: run.state,
        duration_ms: done.duration_ms(),
        cursor,
    })
}

/// How many rows to look at. Looking at all that a chunk may look at would be wasted where far fewer
/// hold as many candidates as it may change, so the run's own share so far says how many may be needed.
pub(crate) fn scan(request: &ChunkRequest<'_>, run: AtWork) -> i64 {
    let most = request.limits.scan.max(request.limits.rows).max(1);
    let needed = if run.scanned == 0 {
        request.limits.rows.saturating_mul(3)
    } else {
        // A tenth more, because shares vary along a table.
        let share =
            i128::from(request.limits.rows) * i128::from(run.scanned) * 11 / (i128::from(run.changed.max(1)) * 10);
        i64::try_from(share).unwrap_or(i64::MAX)
    };
    needed.clamp(request.limits.rows.max(LEAST_SCAN).min(most), most)
}

/// A cursor is the key of the last row that was dealt with.
pub(crate) fn read_cursor(text: &str, shape: &Shape) -> Result<Vec<String>, StoreError> {
    let key: Vec<String> = serde_json::from_str(text).map_err(|_| foreign_cursor(text))?;
    if key.len() == shape.key.len() { Ok(key) } else { Err(foreign_cursor(text)) }
}

fn foreign_cursor(text: &str) -> StoreError {
    StoreError::Other(format!("{text:?} is no cursor of a correction with this key"))
}

#[async_trait]
impl Corrections for PostgresStore {
    async fn correct_chunk(&self, request: &ChunkRequest<'_>) -> Result<ChunkOutcome, StoreError> {
        self.correct(request).await
    }

    async fn restore_chunk(&self, request: &RestoreRequest<'_>) -> Result<ChunkOutcome, StoreError> {
        self.restore(request).await
    }

    async fn rollback_counts(
        &self,
        rule: &Rule,
        run: &RunId,
        scope: &RollbackScope,
    ) -> Result<RollbackCounts, StoreError> {
        self.count_rollback(rule, run, scope).await
    }

    async fn come_full_circle(&self, rule: &Rule, run: &RunId, scope: &RollbackScope) -> Result<i64, StoreError> {
        self.count_circles(rule, run, scope).await
    }

    async fn rollback_samples(
        &self,
        rule: &Rule,
        run: &RunId,
        scope: &RollbackScope,
        each: u32,
    ) -> Result<RollbackSamples, StoreError> {
        self.sample_rollback(rule, run, scope, each.min(20)).await
    }

    async fn journal_pairs(&self, run: &RunId) -> Result<Vec<JournalPair>, StoreError> {
        self.pairs(run).await
    }
}
