//! [`Failures`]: the list of rows that the table refused.

use amend_domain::{ErrorCode, FailedRow, Mode, Rule, RunId, Scope};
use amend_engine::store::{ChunkOutcome, Failures, Lease, RefusedRow, RestoreRequest, StoreError};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};

use crate::{
    chunk::{Frame, Work},
    error::db,
    pool::begin_read,
    shape::Bound,
    store::SqliteStore,
    time::{from_micros, micros},
    value::Binds,
};

/// What is listed of the one candidate besides what is read from its row.
pub(crate) struct Listing<'a> {
    run: &'a RunId,
    code: ErrorCode,
    message: &'a str,
    detail: &'a str,
    now: DateTime<Utc>,
}

impl<'a> Listing<'a> {
    pub(crate) const fn of<R>(refused: &RefusedRow<'a, R>, lease: &'a Lease, now: DateTime<Utc>) -> Self {
        let RefusedRow { code, message, detail, .. } = *refused;
        Self { run: &lease.run_id, code, message, detail, now }
    }
}

/// Lists the one candidate, and says how many rows are new on the list.
pub(crate) async fn list(
    connection: &mut SqliteConnection,
    bound: &Bound<'_>,
    listing: &Listing<'_>,
    key: &str,
) -> Result<i64, StoreError> {
    let before = listed(connection, listing.run).await?;
    let mut binds = Binds::default();
    let sql = format!(
        "INSERT INTO amend_failed_row (run_id, key_parts, key, symbol, old_value, new_value, code, message, detail, at)
         SELECT {}, {}, {}, {}, c.cur, c.new, {}, {}, {}, {} FROM {} AS c CROSS JOIN {} AS t WHERE {}
         ON CONFLICT (run_id, key_parts) DO UPDATE SET attempts = attempts + 1, old_value = excluded.old_value,
             new_value = excluded.new_value, code = excluded.code, message = excluded.message,
             detail = excluded.detail, at = excluded.at",
        binds.add(listing.run.as_str()),
        bound.key_parts("t"),
        binds.add(key),
        bound.symbol(),
        binds.add(listing.code.as_str()),
        binds.add(listing.message),
        binds.add(listing.detail),
        binds.add(micros(listing.now)),
        bound.candidates(),
        bound.rule.target.table.quoted(),
        bound.same_row(),
    );
    binds.query(sql)?.execute(&mut *connection).await.map_err(db)?;
    Ok(listed(connection, listing.run).await? - before)
}

async fn listed(connection: &mut SqliteConnection, run: &RunId) -> Result<i64, StoreError> {
    sqlx::query_scalar("SELECT count(*) FROM amend_failed_row WHERE run_id = ?1")
        .bind(run.as_str())
        .fetch_one(connection)
        .await
        .map_err(db)
}

fn read(row: &SqliteRow) -> Result<FailedRow, StoreError> {
    let key: String = row.try_get("key").map_err(db)?;
    Ok(FailedRow {
        seq: row.try_get("seq").map_err(db)?,
        symbol: row.try_get("symbol").map_err(db)?,
        old: row.try_get("old").map_err(db)?,
        new: row.try_get("new_value").map_err(db)?,
        code: row.try_get("code").map_err(db)?,
        message: row.try_get("message").map_err(db)?,
        detail: row.try_get("detail").map_err(db)?,
        at: from_micros("amend_failed_row", "at", &key, row.try_get("at").map_err(db)?)?,
        attempts: row.try_get("attempts").map_err(db)?,
        key,
    })
}

#[async_trait]
impl Failures for SqliteStore {
    async fn fail_row(&self, refused: &RefusedRow<'_>) -> Result<ChunkOutcome, StoreError> {
        Frame::of(self, Work::Fail(refused)).run().await
    }

    async fn fail_restore(&self, refused: &RefusedRow<'_, RestoreRequest<'_>>) -> Result<ChunkOutcome, StoreError> {
        Frame::of(self, Work::FailRestore(refused)).run().await
    }

    async fn failed_rows(&self, run: &RunId, after: i64, limit: u32) -> Result<Vec<FailedRow>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        let rows = sqlx::query(
            "SELECT seq, key, symbol, CAST(old_value AS TEXT) AS old, new_value, code, message, detail, at, attempts
             FROM amend_failed_row WHERE run_id = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
        )
        .bind(run.as_str())
        .bind(after)
        .bind(limit)
        .fetch_all(&mut *connection)
        .await
        .map_err(db)?;
        rows.iter().map(read).collect()
    }

    async fn standing_failures(&self, rule: &Rule, run: &RunId, mode: Mode, scope: &Scope) -> Result<i64, StoreError> {
        let mut connection = self.readers.acquire().await?;
        let mut transaction = begin_read(&mut connection).await?;
        let bound = Bound::load(&mut transaction, rule).await?;
        let mut binds = Binds::default();
        let resolved = bound.resolve_sql(&mut binds);
        // The list first: it is short beside the table, whose key finds the rows.
        let sql = format!(
            "SELECT count(*) FROM amend_failed_row AS x CROSS JOIN {} AS t CROSS JOIN ({resolved}) AS r
             WHERE x.run_id = {} AND {} AND {} AND {} AND {} AND {}",
            rule.target.table.quoted(),
            binds.add(run.as_str()),
            bound.same_as_listed(),
            bound.as_listed(),
            bound.matching(),
            bound.correctable(mode),
            bound.scope(scope, &mut binds).unwrap_or_else(|| "TRUE".into()),
        );
        let count = binds.query(sql)?.fetch_one(&mut *transaction).await.map_err(db)?.try_get(0).map_err(db)?;
        transaction.commit().await.map_err(db)?;
        Ok(count)
    }

    async fn standing_refusals(&self, rule: &Rule, run: &RunId) -> Result<i64, StoreError> {
        let mut connection = self.readers.acquire().await?;
        let mut transaction = begin_read(&mut connection).await?;
        let bound = Bound::load(&mut transaction, rule).await?;
        let mut binds = Binds::default();
        let sql = format!(
            "SELECT count(*) FROM amend_failed_row AS x CROSS JOIN {} AS t WHERE x.run_id = {} AND {} AND {}",
            rule.target.table.quoted(),
            binds.add(run.as_str()),
            bound.same_as_listed(),
            bound.as_listed(),
        );
        let count = binds.query(sql)?.fetch_one(&mut *transaction).await.map_err(db)?.try_get(0).map_err(db)?;
        transaction.commit().await.map_err(db)?;
        Ok(count)
    }
}
