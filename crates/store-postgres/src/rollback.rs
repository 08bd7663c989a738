//! Looks at the journal: what a rollback would find, and what a run wrote.

use amend_domain::{FindingRow, RollbackCounts, RollbackSamples, RollbackScope, Rule, RunId};
use amend_engine::store::{JournalPair, StoreError};
use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, FromRow, Row as _};

use crate::{
    PostgresStore,
    error::{db, json},
    pages::{finding, key_text},
    shape::Shape,
    sql::restore::{self, From},
    tx::{Args, Tx, fetch_all, fetch_one},
};

/// Rows that are read in one pass in the time of looking one up by its key.
const FETCHES_A_PASS: i64 = 20;

#[derive(FromRow)]
struct CountRow {
    restorable: i64,
    original: i64,
    changed_since: i64,
    deleted: i64,
}

#[derive(FromRow)]
struct SampleRow {
    kind: String,
    key: String,
    symbol: Option<String>,
    ts: Option<DateTime<Utc>>,
    dimensions: Vec<Option<String>>,
    cur: Option<String>,
    put: Option<String>,
    finding: String,
}

impl PostgresStore {
    pub(crate) async fn count_rollback(
        &self,
        rule: &Rule,
        run: &RunId,
        scope: &RollbackScope,
    ) -> Result<RollbackCounts, StoreError> {
        self.count_entries(rule, From::Journal(run.as_str()), scope).await
    }

    pub(crate) async fn count_entries(
        &self,
        rule: &Rule,
        from: From<'_>,
        scope: &RollbackScope,
    ) -> Result<RollbackCounts, StoreError> {
        let mut tx = self.analysing().await?;
        let shape = Shape::load(&mut tx, rule).await?;
        if is_large(&mut tx, &shape, from).await? {
            // The planner takes a journal's entry for ten keys. Looking each of a million up in an index
            // takes many times as long as one pass over the table.
            sqlx::query(
                "SELECT set_config('enable_indexscan', 'off', true), set_config('enable_indexonlyscan', 'off', true),
                        set_config('enable_bitmapscan', 'off', true)",
            )
            .execute(&mut *tx)
            .await
            .map_err(db)?;
        }
        let mut args = Args::default();
        let looks = restore::looks(&shape, from, scope, &mut args)?;
        Self::counted(tx, &looks, scope, args).await
    }

    /// Counts what `looks` makes of `seen`, and ends the transaction.
    pub(crate) async fn counted(
        mut tx: Tx,
        looks: &str,
        scope: &RollbackScope,
        args: Args,
    ) -> Result<RollbackCounts, StoreError> {
        let sql = restore::count(looks, scope);
        let row = CountRow::from_row(&fetch_one(&mut tx, sql, args).await?).map_err(db)?;
        tx.commit().await.map_err(db)?;
        Ok(RollbackCounts {
            restorable: row.restorable,
            original: row.original,
            changed_since: row.changed_since,
            deleted: row.deleted,
        })
    }

    pub(crate) async fn count_circles(
        &self,
        rule: &Rule,
        run: &RunId,
        scope: &RollbackScope,
    ) -> Result<i64, StoreError> {
        let mut tx = self.analysing().await?;
        let shape = Shape::load(&mut tx, rule).await?;
        let mut args = Args::default();
        let sql = restore::circles(&shape, run.as_str(), scope, &mut args)?;
        let circles = fetch_one(&mut tx, sql, args).await?.try_get("circles").map_err(db)?;
        tx.commit().await.map_err(db)?;
        Ok(circles)
    }

    pub(crate) async fn sample_rollback(
        &self,
        rule: &Rule,
        run: &RunId,
        scope: &RollbackScope,
        each: u32,
    ) -> Result<RollbackSamples, StoreError> {
        let mut tx = self.analysing().await?;
        let shape = Shape::load(&mut tx, rule).await?;
        let mut args = Args::default();
        let looks = restore::looks(&shape, From::Journal(run.as_str()), scope, &mut args)?;
        Self::sampled(tx, &shape, rule, run, &looks, scope, (each, args)).await
    }

    /// Samples of what `looks` makes of `seen`; ends the transaction.
    pub(crate) async fn sampled(
        mut tx: Tx,
        shape: &Shape,
        rule: &Rule,
        run: &RunId,
        looks: &str,
        scope: &RollbackScope,
        (each, mut args): (u32, Args),
    ) -> Result<RollbackSamples, StoreError> {
        let sql = restore::samples(shape, rule, looks, scope, each, &mut args);
        let mut samples = RollbackSamples::default();
        for row in fetch_all(&mut tx, sql, args).await? {
            let row = SampleRow::from_row(&row).map_err(db)?;
            let key = shown_key(shape, run, row.key)?;
            let list = match row.kind.as_str() {
                "restorable" => &mut samples.restorable,
                "changed" => &mut samples.changed_since,
                _ => {
                    samples.deleted.push(key);
                    continue;
                }
            };
            list.push(FindingRow {
                key,
                symbol: row.symbol,
                timestamp: row.ts,
                dimensions: row.dimensions,
                current: row.cur,
                proposed: row.put,
                finding: finding(&row.finding)?,
            });
        }
        tx.commit().await.map_err(db)?;
        Ok(samples)
    }

    pub(crate) async fn pairs(&self, run: &RunId) -> Result<Vec<JournalPair>, StoreError> {
        let rows: Vec<(Option<String>, Option<String>, i64)> = sqlx::query_as(
            "SELECT old_value, new_value, sum(row_count)::bigint FROM amend.journal WHERE run_id = $1
             GROUP BY 1, 2 ORDER BY 3 DESC, 2, 1",
        )
        .bind(run.as_str())
        .fetch_all(&self.pool)
        .await
        .map_err(db)?;
        Ok(rows.into_iter().map(|(old, new, rows)| JournalPair { old, new, rows }).collect())
    }
}

/// Whether a run wrote so many of its table's rows that reading all of them is the cheaper way to look at
/// those.
async fn is_large(tx: &mut Tx, shape: &Shape, from: From<'_>) -> Result<bool, StoreError> {
    sqlx::query_scalar(AssertSqlSafe(format!(
        "SELECT coalesce((SELECT sum(row_count) FROM {} WHERE run_id = $1), 0) * $3::bigint > coalesce(sum(c.reltuples), 0)::float8::numeric
         FROM pg_class c
         WHERE c.relkind = 'r' AND (c.oid = to_regclass($2) OR c.oid IN (
             SELECT relid FROM pg_partition_tree(to_regclass($2))))",
        from.table()
    )))
    .bind(from.run())
    .bind(&shape.target)
    .bind(FETCHES_A_PASS)
    .fetch_one(&mut **tx)
    .await
    .map_err(db)
}

/// A journalled key as rows show theirs.
fn shown_key(shape: &Shape, run: &RunId, journalled: String) -> Result<String, StoreError> {
    if shape.key.len() == 1 {
        return Ok(journalled);
    }
    let parts: Vec<String> = json("amend.journal", "row_keys", run.as_str(), &journalled)?;
    key_text(&parts)
}
