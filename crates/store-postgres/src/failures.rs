//! [`Failures`]: the list of rows that the table refused.

use std::time::Instant;

use amend_domain::{ErrorCode, FailedRow, Mode, Rule, RunId, Scope};
use amend_engine::store::{
    ChunkLimits, ChunkOutcome, ChunkRequest, Failures, Lease, RefusedRow, RestoreRequest, StoreError,
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::{FromRow, Row as _};

use crate::{
    PostgresStore,
    chunk::{self, Cursor, Done},
    corrections::{read_cursor, scan},
    error::{db, to_json},
    pages::key_text,
    restore,
    shape::Shape,
    sql::{
        self, failed,
        slice::{self, Look},
    },
    tx::{Args, ChunkTx, Tx, fetch_all, fetch_one},
};

#[derive(FromRow)]
struct NextRow {
    looked: i64,
    candidates: i64,
    scanned: i64,
    upto: Option<Vec<String>>,
    symbol: Option<String>,
    cur: Option<String>,
    put: Option<String>,
}

#[derive(FromRow)]
struct ListedRow {
    seq: i64,
    key: String,
    symbol: Option<String>,
    old_value: Option<String>,
    new_value: Option<String>,
    code: String,
    message: String,
    detail: String,
    at: DateTime<Utc>,
    attempts: i64,
}

async fn fail_in(tx: &mut ChunkTx, refused: &RefusedRow<'_>, begun: Instant) -> Result<ChunkOutcome, StoreError> {
    let one = ChunkLimits { rows: 1, ..refused.chunk.limits };
    let request = &ChunkRequest { limits: one, ..refused.chunk.clone() };
    let run = chunk::take(tx, request.lease).await?;
    let shape = Shape::load(tx, request.rule).await?;
    let after = request.cursor.map(|text| read_cursor(text, &shape)).transpose()?;
    let scan = scan(request, run);
    let mut args = Args::default();
    let look = Look { request, cursor: after.as_deref(), scan, pass_over: run.failed > 0 };
    let sql = slice::next(&shape, &look, &mut args);
    let row = NextRow::from_row(&fetch_one(tx, sql, args).await?).map_err(db)?;
    let key = row.upto.as_deref().map(key_text).transpose()?.unwrap_or_default();
    let failed = match &row.upto {
        Some(parts) if row.candidates == 1 => {
            let listing = Listing {
                symbol: row.symbol.as_deref(),
                cur: row.cur.as_deref(),
                put: row.put.as_deref(),
                ..Listing::of(refused, request.lease, request.now)
            };
            list(tx, parts, &key, &listing).await?
        }
        _ => 0,
    };
    let cursor = match &row.upto {
        Some(parts) => Some(to_json(parts)?),
        None => request.cursor.map(Into::into),
    };
    let done = Done {
        no: run.chunk_numbers + 1,
        at: request.now,
        begun,
        scanned: row.scanned,
        changed: 0,
        skipped: 0,
        failed,
        conflicts: 0,
        deleted: 0,
        batch_size: 1,
        cursor: Cursor::To(cursor.as_deref()),
        upto: &key,
        untouched_before: "0",
        untouched_after: "0",
    };
    chunk::record(tx, request.lease, &done).await?;
    Ok(ChunkOutcome {
        done: row.looked < scan && row.candidates < 1,
        scanned: done.scanned,
        changed: 0,
        skipped: 0,
        failed,
        conflicts: 0,
        deleted: 0,
        original: 0,
        touched: false,
        state: run.state,
        duration_ms: done.duration_ms(),
        cursor,
    })
}

#[derive(FromRow)]
struct RestorableRow {
    parts: Vec<String>,
    symbol: Option<String>,
    cur: Option<String>,
    put: Option<String>,
}

async fn fail_restore_in(
    tx: &mut ChunkTx,
    refused: &RefusedRow<'_, RestoreRequest<'_>>,
    begun: Instant,
) -> Result<ChunkOutcome, StoreError> {
    let one = ChunkLimits { rows: 1, ..refused.chunk.limits };
    let request = &RestoreRequest { limits: one, ..refused.chunk.clone() };
    let run = chunk::take(tx, request.lease).await?;
    let shape = Shape::load(tx, request.rule).await?;
    let take = restore::next_parts(tx, &shape, request).await?;
    let parts = take.parts();
    let what = restore::what(request, run, &parts);
    let mut args = Args::default();
    let sql = sql::restore::next(&shape, &what, &mut args)?;
    let found = fetch_all(tx, sql, args).await?;
    let mut outcome = restore::nothing(request, run, begun);
    let Some(row) = found.first() else { return Ok(outcome) };
    let row = RestorableRow::from_row(row).map_err(db)?;
    let key = key_text(&row.parts)?;
    let listing = Listing {
        symbol: row.symbol.as_deref(),
        cur: row.cur.as_deref(),
        put: row.put.as_deref(),
        ..Listing::of(refused, request.lease, request.now)
    };
    outcome.failed = list(tx, &row.parts, &key, &listing).await?;
    outcome.scanned = 1;
    outcome.done = take.is_last();
    let cursor = take.cursor()?;
    let done = Done {
        no: run.chunk_numbers + 1,
        at: request.now,
        begun,
        scanned: 1,
        changed: 0,
        skipped: 0,
        failed: outcome.failed,
        conflicts: 0,
        deleted: 0,
        batch_size: 1,
        cursor: Cursor::To(Some(&cursor)),
        upto: &cursor,
        untouched_before: "0",
        untouched_after: "0",
    };
    chunk::record(tx, request.lease, &done).await?;
    outcome.cursor = Some(cursor);
    Ok(outcome)
}

/// What is listed of a row besides its key.
struct Listing<'a> {
    run: &'a str,
    symbol: Option<&'a str>,
    cur: Option<&'a str>,
    put: Option<&'a str>,
    code: ErrorCode,
    message: &'a str,
    detail: &'a str,
    now: DateTime<Utc>,
}

impl<'a> Listing<'a> {
    fn of<R>(refused: &RefusedRow<'a, R>, lease: &'a Lease, now: DateTime<Utc>) -> Self {
        let RefusedRow { code, message, detail, .. } = *refused;
        Self { run: lease.run_id.as_str(), symbol: None, cur: None, put: None, code, message, detail, now }
    }
}

/// Says how many rows are new on the list.
async fn list(tx: &mut Tx, parts: &[String], key: &str, row: &Listing<'_>) -> Result<i64, StoreError> {
    let new: bool = sqlx::query_scalar(
        "INSERT INTO amend.failed_row AS x
           (run_id, key_parts, key, symbol, old_value, new_value, code, message, detail, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (run_id, key_parts) DO UPDATE SET attempts = x.attempts + 1, old_value = excluded.old_value,
           new_value = excluded.new_value, code = excluded.code, message = excluded.message,
           detail = excluded.detail, at = excluded.at
         RETURNING attempts = 1",
    )
    .bind(row.run)
    .bind(parts)
    .bind(key)
    .bind(row.symbol)
    .bind(row.cur)
    .bind(row.put)
    .bind(row.code.as_str())
    .bind(row.message)
    .bind(row.detail)
    .bind(row.now)
    .fetch_one(&mut **tx)
    .await
    .map_err(db)?;
    Ok(i64::from(new))
}

#[async_trait]
impl Failures for PostgresStore {
    async fn fail_row(&self, refused: &RefusedRow<'_>) -> Result<ChunkOutcome, StoreError> {
        let begun = Instant::now();
        let limits = refused.chunk.limits;
        let mut tx = self.writing(limits.lock_timeout, limits.statement_timeout).await?;
        match fail_in(&mut tx, refused, begun).await {
            Ok(outcome) => chunk::end(tx, refused.chunk.write).await.map(|()| outcome),
            Err(error) => Err(chunk::undo(tx, error).await),
        }
    }

    async fn fail_restore(&self, refused: &RefusedRow<'_, RestoreRequest<'_>>) -> Result<ChunkOutcome, StoreError> {
        let begun = Instant::now();
        let limits = refused.chunk.limits;
        let mut tx = self.writing(limits.lock_timeout, limits.statement_timeout).await?;
        match fail_restore_in(&mut tx, refused, begun).await {
            Ok(outcome) => chunk::end(tx, refused.chunk.write).await.map(|()| outcome),
            Err(error) => Err(chunk::undo(tx, error).await),
        }
    }

    async fn failed_rows(&self, run: &RunId, after: i64, limit: u32) -> Result<Vec<FailedRow>, StoreError> {
        let rows: Vec<ListedRow> = sqlx::query_as(
            "SELECT seq, key, symbol, old_value, new_value, code, message, detail, at, attempts
             FROM amend.failed_row WHERE run_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
        )
        .bind(run.as_str())
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await
        .map_err(db)?;
        let read = |r: ListedRow| FailedRow {
            seq: r.seq,
            key: r.key,
            symbol: r.symbol,
            old: r.old_value,
            new: r.new_value,
            code: r.code,
            message: r.message,
            detail: Some(r.detail),
            at: r.at,
            attempts: r.attempts,
        };
        Ok(rows.into_iter().map(read).collect())
    }

    async fn standing_failures(&self, rule: &Rule, run: &RunId, mode: Mode, scope: &Scope) -> Result<i64, StoreError> {
        let mut tx = self.reading().await?;
        let shape = Shape::load(&mut tx, rule).await?;
        let mut args = Args::default();
        let sql = failed::standing(&shape, rule, run.as_str(), mode, scope, &mut args);
        let count = fetch_one(&mut tx, sql, args).await?.try_get("standing").map_err(db)?;
        tx.commit().await.map_err(db)?;
        Ok(count)
    }

    async fn standing_refusals(&self, rule: &Rule, run: &RunId) -> Result<i64, StoreError> {
        let mut tx = self.reading().await?;
        let shape = Shape::load(&mut tx, rule).await?;
        let mut args = Args::default();
        let sql = failed::as_listed(&shape, run.as_str(), &mut args);
        let count = fetch_one(&mut tx, sql, args).await?.try_get("standing").map_err(db)?;
        tx.commit().await.map_err(db)?;
        Ok(count)
    }
}
