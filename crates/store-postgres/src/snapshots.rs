//! [`Snapshots`]: restoring from a copy.

use amend_domain::{RollbackCounts, RollbackSamples, RollbackScope, Rule, RunId, TableName};
use amend_engine::store::{ListRequest, Snapshots, StoreError};
use async_trait::async_trait;
use sqlx::FromRow;

use crate::{
    PostgresStore, chunk,
    error::db,
    shape::Shape,
    sql::{
        restore::From,
        snapshot::{self, Copy},
    },
    tx::{Args, Tx, execute, limit},
};

#[derive(FromRow)]
struct CopyRow {
    schema: String,
    name: String,
    source: String,
}

#[derive(FromRow)]
struct ColumnRow {
    name: String,
    copied: Option<String>,
    present: Option<String>,
    same: bool,
}

/// The copy of a run, quoted as SQL takes it, once it is sure that it fits the table as both are now.
async fn copy_of(tx: &mut Tx, shape: &Shape, rule: &Rule, run: &RunId) -> Result<String, StoreError> {
    let row: Option<CopyRow> = sqlx::query_as(
        "SELECT schema, name, source FROM amend.backup WHERE run_id = $1
         AND to_regclass(format('%I.%I', schema, name)) IS NOT NULL",
    )
    .bind(run.as_str())
    .fetch_optional(&mut **tx)
    .await
    .map_err(db)?;
    let Some(row) = row else {
        return Err(StoreError::NoSnapshot(format!("Run {run} has no snapshot, or its table was dropped.")));
    };
    let copy = TableName::in_schema(&row.schema, &row.name);
    if row.source != rule.target.table.to_string() {
        return Err(StoreError::NoSnapshot(format!(
            "Snapshot {copy} is one of table {}, and the rule's table is {} now.",
            row.source, rule.target.table
        )));
    }
    let quoted = copy.quoted();
    let wanted: Vec<&str> = shape.key.iter().chain([&shape.value]).map(|c| c.name.as_str()).collect();
    let columns: Vec<ColumnRow> = sqlx::query_as(
        "SELECT n.name, format_type(c.atttypid, NULL) AS copied, format_type(t.atttypid, NULL) AS present,
                c.atttypid IS NOT DISTINCT FROM t.atttypid AS same
         FROM unnest($1::text[]) AS n(name)
         LEFT JOIN pg_attribute c ON c.attrelid = to_regclass($2) AND c.attname = n.name AND NOT c.attisdropped
         LEFT JOIN pg_attribute t ON t.attrelid = to_regclass($3) AND t.attname = n.name AND NOT t.attisdropped",
    )
    .bind(wanted)
    .bind(&quoted)
    .bind(&shape.target)
    .fetch_all(&mut **tx)
    .await
    .map_err(db)?;
    for column in columns {
        match (&column.copied, &column.present) {
            (None, _) => {
                return Err(StoreError::NoSnapshot(format!("Snapshot {copy} has no column {}.", column.name)));
            }
            (Some(copied), present) if !column.same => {
                return Err(StoreError::NoSnapshot(format!(
                    "Column {} of snapshot {copy} is of type {copied}, that of {} of type {}.",
                    column.name,
                    rule.target.table,
                    present.as_deref().unwrap_or("none")
                )));
            }
            _ => {}
        }
    }
    Ok(quoted)
}

/// The planner knows nothing of what the journals name, and little of a fresh copy: with loops it may
/// look up each of a million rows in what it took for ten.
async fn hash_alone(tx: &mut Tx) -> Result<(), StoreError> {
    sqlx::query("SELECT set_config('enable_nestloop', 'off', true)").execute(&mut **tx).await.map_err(db)?;
    Ok(())
}

async fn list(tx: &mut Tx, request: &ListRequest<'_>) -> Result<(), StoreError> {
    limit(tx, request.lock_timeout, request.statement_timeout).await?;
    hash_alone(tx).await?;
    let run = request.lease.run_id.as_str();
    let shape = Shape::load(tx, request.rule).await?;
    shape.check_writable()?;
    let table = copy_of(tx, &shape, request.rule, request.source).await?;
    let copy = Copy { table: &table, run: request.source.as_str() };
    sqlx::query("DELETE FROM amend.set_aside WHERE run_id = $1").bind(run).execute(&mut **tx).await.map_err(db)?;
    let mut args = Args::default();
    let sql = snapshot::list(&shape, copy, run, request.scope, &mut args)?;
    execute(tx, sql, args).await?;
    // Only now, so that heartbeat and requests need not wait for the list.
    chunk::take(tx, request.lease).await?;
    Ok(())
}

#[async_trait]
impl Snapshots for PostgresStore {
    async fn snapshot_counts(
        &self,
        rule: &Rule,
        source: &RunId,
        scope: &RollbackScope,
    ) -> Result<RollbackCounts, StoreError> {
        let mut tx = self.analysing().await?;
        hash_alone(&mut tx).await?;
        let shape = Shape::load(&mut tx, rule).await?;
        let table = copy_of(&mut tx, &shape, rule, source).await?;
        let mut args = Args::default();
        let looks = snapshot::looks(&shape, Copy { table: &table, run: source.as_str() }, scope, &mut args)?;
        Self::counted(tx, &looks, scope, args).await
    }

    async fn snapshot_samples(
        &self,
        rule: &Rule,
        source: &RunId,
        scope: &RollbackScope,
        each: u32,
    ) -> Result<RollbackSamples, StoreError> {
        let mut tx = self.analysing().await?;
        hash_alone(&mut tx).await?;
        let shape = Shape::load(&mut tx, rule).await?;
        let table = copy_of(&mut tx, &shape, rule, source).await?;
        let mut args = Args::default();
        let looks = snapshot::looks(&shape, Copy { table: &table, run: source.as_str() }, scope, &mut args)?;
        Self::sampled(tx, &shape, rule, source, &looks, scope, (each.min(20), args)).await
    }

    async fn list_snapshot(&self, request: &ListRequest<'_>) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        match list(&mut tx, request).await {
            Ok(()) => tx.commit().await.map_err(db),
            Err(error) => Err(chunk::undo(tx, error).await),
        }
    }

    async fn listed_counts(
        &self,
        rule: &Rule,
        run: &RunId,
        scope: &RollbackScope,
    ) -> Result<RollbackCounts, StoreError> {
        self.count_entries(rule, From::SetAside(run.as_str()), scope).await
    }

    async fn forget_list(&self, run: &RunId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM amend.set_aside WHERE run_id = $1")
            .bind(run.as_str())
            .execute(&self.pool)
            .await
            .map_err(db)?;
        Ok(())
    }
}
