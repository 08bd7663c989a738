//! Copies made before a run's first write, and what retention takes away again.

use amend_domain::{BackupInfo, PurgeItem, RuleSlug, RunId, RunState, TableName};
use amend_engine::store::{BackupRequest, Backups, Lease, StoreError};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, FromRow};

use crate::{
    PostgresStore, chunk,
    error::db,
    shape::Shape,
    tx::{Tx, limit},
};

#[derive(FromRow)]
struct BackupRow {
    run_id: String,
    rule: String,
    schema: String,
    name: String,
    source: String,
    row_count: i64,
    size_bytes: i64,
    created_at: DateTime<Utc>,
}

impl BackupRow {
    fn info(self) -> BackupInfo {
        BackupInfo {
            name: format!("{}.{}", self.schema, self.name),
            source: self.source,
            rule: RuleSlug::from_trusted(self.rule),
            run_id: RunId::from_trusted(self.run_id),
            rows: self.row_count,
            bytes: self.size_bytes,
            created_at: self.created_at,
        }
    }
}

#[derive(FromRow)]
struct PurgeRow {
    id: String,
    rule: String,
    ended_at: DateTime<Utc>,
    journal_rows: i64,
    journal_bytes: i64,
    backup: Option<String>,
    backup_bytes: i64,
    failed_rows: i64,
}

const LIST: &str = "SELECT run_id, rule, schema, name, source, row_count, size_bytes, created_at FROM amend.backup b
    WHERE to_regclass(format('%I.%I', b.schema, b.name)) IS NOT NULL AND ($1::text IS NULL OR b.run_id = $1)
    ORDER BY created_at DESC, name";

/// No active run `r` ($3 are the active states), and none that an active one undoes or tries again.
const AT_REST: &str = "r.state <> ALL($3) AND NOT EXISTS (
    SELECT 1 FROM amend.run u WHERE u.state = ANY($3)
    AND (u.undoes = r.id OR u.options -> 'scope' ->> 'failed_of' = r.id))";

fn active() -> Vec<&'static str> {
    RunState::ACTIVE.iter().map(|s| s.as_str()).collect()
}

/// Where the target stands, and what the copy is called there.
struct Place {
    schema: String,
    copy: String,
}

async fn place(tx: &mut Tx, shape: &Shape, name: &str) -> Result<Place, StoreError> {
    let (schema, taken): (String, bool) = sqlx::query_as(
        "SELECT n.nspname::text, EXISTS (SELECT 1 FROM pg_class o WHERE o.relnamespace = n.oid AND o.relname = $2)
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1)",
    )
    .bind(&shape.target)
    .bind(name)
    .fetch_one(&mut **tx)
    .await
    .map_err(db)?;
    if taken {
        return Err(StoreError::Unsupported(format!(
            "A table or index {schema}.{name} is there already, so the copy cannot have that name. Run again."
        )));
    }
    let copy = TableName::in_schema(&schema, name).quoted();
    Ok(Place { schema, copy })
}

async fn copy(tx: &mut Tx, request: &BackupRequest<'_>) -> Result<BackupInfo, StoreError> {
    limit(tx, request.lock_timeout, request.statement_timeout).await?;
    let shape = Shape::load(tx, request.rule).await?;
    let place = place(tx, &shape, request.name).await?;
    let columns: Vec<String> = shape.key.iter().chain([&shape.value]).map(|c| c.of("t")).collect();
    let sql = format!("CREATE TABLE {} AS SELECT {} FROM {} t", place.copy, columns.join(", "), shape.target);
    let rows = sqlx::query(AssertSqlSafe(sql)).execute(&mut **tx).await.map_err(db)?.rows_affected();
    let bytes: i64 = sqlx::query_scalar("SELECT pg_total_relation_size(to_regclass($1))")
        .bind(&place.copy)
        .fetch_one(&mut **tx)
        .await
        .map_err(db)?;
    // Only now, so that heartbeat and requests need not wait for the copy.
    chunk::take(tx, request.lease).await?;
    let row = BackupRow {
        run_id: request.lease.run_id.as_str().into(),
        rule: request.rule.slug.as_str().into(),
        schema: place.schema,
        name: request.name.into(),
        source: request.rule.target.table.to_string(),
        row_count: i64::try_from(rows).unwrap_or(i64::MAX),
        size_bytes: bytes,
        created_at: request.now,
    };
    sqlx::query(
        "INSERT INTO amend.backup (run_id, rule, schema, name, source, row_count, size_bytes, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(&row.run_id)
    .bind(&row.rule)
    .bind(&row.schema)
    .bind(&row.name)
    .bind(&row.source)
    .bind(row.row_count)
    .bind(row.size_bytes)
    .bind(row.created_at)
    .execute(&mut **tx)
    .await
    .map_err(db)?;
    Ok(row.info())
}

/// The copy that the run has made before, as long as the run is still this lease's.
async fn made_before(store: &PostgresStore, lease: &Lease) -> Result<Option<BackupInfo>, StoreError> {
    let mut tx = store.begin().await?;
    chunk::take(&mut tx, lease).await?;
    tx.rollback().await.map_err(db)?;
    Ok(store.backups(Some(&lease.run_id)).await?.into_iter().next())
}

#[async_trait]
impl Backups for PostgresStore {
    fn longest_name(&self) -> Option<usize> {
        Some(63)
    }

    async fn create_backup(&self, request: &BackupRequest<'_>) -> Result<BackupInfo, StoreError> {
        if let Some(made) = made_before(self, request.lease).await? {
            return Ok(made);
        }
        let mut tx = self.begin().await?;
        match copy(&mut tx, request).await {
            Ok(info) => tx.commit().await.map_err(db).map(|()| info),
            Err(error) => Err(chunk::undo(tx, error).await),
        }
    }

    async fn backups(&self, run: Option<&RunId>) -> Result<Vec<BackupInfo>, StoreError> {
        let rows: Vec<BackupRow> =
            sqlx::query_as(LIST).bind(run.map(RunId::as_str)).fetch_all(&self.pool).await.map_err(db)?;
        Ok(rows.into_iter().map(BackupRow::info).collect())
    }

    async fn purgeable(
        &self,
        rule: &RuleSlug,
        ended_before: DateTime<Utc>,
        copies_before: DateTime<Utc>,
    ) -> Result<Vec<PurgeItem>, StoreError> {
        let sql = format!(
            "SELECT r.id, r.rule, r.ended_at, coalesce(j.rows, 0) AS journal_rows,
                    coalesce(j.bytes, 0) AS journal_bytes, b.schema || '.' || b.name AS backup,
                    coalesce(b.size_bytes, 0) AS backup_bytes, f.rows AS failed_rows
             FROM amend.run r
             LEFT JOIN LATERAL (SELECT sum(row_count)::bigint AS rows, sum(pg_column_size(row_keys))::bigint AS bytes
                                FROM amend.journal WHERE run_id = r.id) j ON true
             CROSS JOIN LATERAL (SELECT count(*) AS rows FROM amend.failed_row WHERE run_id = r.id) f
             LEFT JOIN amend.backup b ON b.run_id = r.id AND r.ended_at < $4
             WHERE r.rule = $1 AND r.ended_at < $2 AND {AT_REST}
               AND (j.rows IS NOT NULL OR b.run_id IS NOT NULL OR f.rows > 0)
             ORDER BY r.ended_at, r.seq"
        );
        let rows: Vec<PurgeRow> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(rule.as_str())
            .bind(ended_before)
            .bind(active())
            .bind(copies_before)
            .fetch_all(&self.pool)
            .await
            .map_err(db)?;
        Ok(rows
            .into_iter()
            .map(|row| PurgeItem {
                run_id: RunId::from_trusted(row.id),
                rule: RuleSlug::from_trusted(row.rule),
                ended_at: row.ended_at,
                journal_rows: row.journal_rows,
                journal_bytes: row.journal_bytes,
                backup: row.backup,
                backup_bytes: row.backup_bytes,
                failed_rows: row.failed_rows,
            })
            .collect())
    }

    async fn mark_purged(&self, run: &RunId, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        // Waits for a rollback that is being created; the next statement then sees it.
        sqlx::query("SELECT 1 FROM amend.run WHERE id = $1 FOR UPDATE")
            .bind(run.as_str())
            .execute(&mut *tx)
            .await
            .map_err(db)?;
        let sql = format!("UPDATE amend.run r SET purged_at = coalesce(purged_at, $2) WHERE r.id = $1 AND {AT_REST}");
        let marked = sqlx::query(AssertSqlSafe(sql))
            .bind(run.as_str())
            .bind(now)
            .bind(active())
            .execute(&mut *tx)
            .await
            .map_err(db)?
            .rows_affected();
        tx.commit().await.map_err(db)?;
        Ok(marked == 1)
    }

    async fn purge_journal(&self, run: &RunId, entries: u32) -> Result<u64, StoreError> {
        // Of no use without the journal of the run that it undid, which goes as well.
        sqlx::query(
            "DELETE FROM amend.set_aside s USING amend.run r
             WHERE s.run_id = $1 AND r.id = s.run_id AND r.purged_at IS NOT NULL",
        )
        .bind(run.as_str())
        .execute(&self.pool)
        .await
        .map_err(db)?;
        let dropped = sqlx::query(
            "DELETE FROM amend.journal WHERE id IN (
               SELECT j.id FROM amend.journal j JOIN amend.run r ON r.id = j.run_id
               WHERE j.run_id = $1 AND r.purged_at IS NOT NULL ORDER BY j.id LIMIT $2)",
        )
        .bind(run.as_str())
        .bind(i64::from(entries))
        .execute(&self.pool)
        .await
        .map_err(db)?;
        Ok(dropped.rows_affected())
    }

    async fn drop_failed_rows(&self, run: &RunId) -> Result<u64, StoreError> {
        let dropped = sqlx::query(
            "DELETE FROM amend.failed_row f USING amend.run r
             WHERE f.run_id = $1 AND r.id = f.run_id AND r.purged_at IS NOT NULL",
        )
        .bind(run.as_str())
        .execute(&self.pool)
        .await
        .map_err(db)?;
        Ok(dropped.rows_affected())
    }

    async fn drop_backup(&self, run: &RunId) -> Result<Option<String>, StoreError> {
        let mut tx = self.begin().await?;
        limit(&mut tx, self.options.lock_timeout, self.options.statement_timeout).await?;
        let gone: Option<(String, String)> = sqlx::query_as(
            "DELETE FROM amend.backup b USING amend.run r
             WHERE b.run_id = $1 AND r.id = b.run_id AND r.purged_at IS NOT NULL RETURNING b.schema, b.name",
        )
        .bind(run.as_str())
        .fetch_optional(&mut *tx)
        .await
        .map_err(db)?;
        let Some((schema, name)) = gone else { return Ok(None) };
        // Somebody may have dropped it by hand.
        let sql = format!("DROP TABLE IF EXISTS {}", TableName::in_schema(&schema, &name).quoted());
        sqlx::query(AssertSqlSafe(sql)).execute(&mut *tx).await.map_err(db)?;
        tx.commit().await.map_err(db)?;
        Ok(Some(format!("{schema}.{name}")))
    }
}
