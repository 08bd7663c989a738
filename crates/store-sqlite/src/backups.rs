//! [`Backups`]: copies made before a run's first write, and what retention takes away again.

use amend_domain::{BackupInfo, PurgeItem, Rule, RuleSlug, RunId, RunState, TableName};
use amend_engine::store::{BackupRequest, Backups, Lease, StoreError};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqliteConnection, sqlite::SqliteRow};

use crate::{
    chunk::execute,
    disk,
    error::{corrupt, db},
    runs::active_states,
    shape::Bound,
    store::SqliteStore,
    time::{from_micros, micros},
};

/// Rows that the size of a copy is estimated from.
const SAMPLE: i64 = 1_000;
/// What a row takes beyond its values: header, row number, its share of half-full pages.
const ROW_BYTES: u64 = 16;

/// Pages in use times their size.
const USED: &str =
    "SELECT (SELECT page_count FROM pragma_page_count) - (SELECT freelist_count FROM pragma_freelist_count),
    (SELECT page_size FROM pragma_page_size)";

fn info(row: &SqliteRow) -> Result<BackupInfo, StoreError> {
    let run: String = row.try_get("run_id").map_err(db)?;
    Ok(BackupInfo {
        name: row.try_get("name").map_err(db)?,
        source: row.try_get("source").map_err(db)?,
        rule: RuleSlug::from_trusted(row.try_get::<String, _>("rule").map_err(db)?),
        rows: row.try_get("row_count").map_err(db)?,
        bytes: row.try_get("size_bytes").map_err(db)?,
        created_at: from_micros("amend_backup", "created_at", &run, row.try_get("created_at").map_err(db)?)?,
        run_id: RunId::from_trusted(run),
    })
}

/// The fence is compared under the write lock, so it cannot change before the commit.
pub(crate) async fn check_fence(connection: &mut SqliteConnection, lease: &Lease) -> Result<(), StoreError> {
    let row = sqlx::query("SELECT fence, state FROM amend_run WHERE id = ?1")
        .bind(lease.run_id.as_str())
        .fetch_optional(connection)
        .await
        .map_err(db)?
        .ok_or(StoreError::LeaseLost)?;
    let (fence, state): (i64, String) = (row.try_get(0).map_err(db)?, row.try_get(1).map_err(db)?);
    let state = RunState::parse(&state)
        .ok_or_else(|| corrupt("amend_run", "state", lease.run_id.as_str(), format!("{state} is no state")))?;
    if fence == lease.fence && state.is_active() { Ok(()) } else { Err(StoreError::LeaseLost) }
}

async fn used_bytes(connection: &mut SqliteConnection) -> Result<i64, StoreError> {
    let row = sqlx::query(USED).fetch_one(connection).await.map_err(db)?;
    let (pages, size): (i64, i64) = (row.try_get(0).map_err(db)?, row.try_get(1).map_err(db)?);
    Ok(pages * size)
}

fn copied_columns(rule: &Rule) -> Vec<String> {
    rule.target.key.iter().chain([&rule.target.value]).map(|c| c.quoted()).collect()
}

/// About how many bytes a copy takes: the rows there are, as wide as the first ones.
async fn estimate(connection: &mut SqliteConnection, rule: &Rule) -> Result<u64, StoreError> {
    let table = rule.target.table.quoted();
    let wide: Vec<String> = copied_columns(rule).iter().map(|c| format!("coalesce(octet_length({c}), 0)")).collect();
    let sql = format!(
        "SELECT (SELECT count(*) FROM {table}),
                (SELECT coalesce(avg(w), 0.0) FROM (SELECT {} AS w FROM {table} LIMIT {SAMPLE}))",
        wide.join(" + "),
    );
    let row = sqlx::query(AssertSqlSafe(sql)).fetch_one(connection).await.map_err(db)?;
    let (rows, width): (i64, f64) = (row.try_get(0).map_err(db)?, row.try_get(1).map_err(db)?);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an average of lengths")]
    let width = width.ceil() as u64;
    Ok(u64::try_from(rows).unwrap_or(0).saturating_mul(width + ROW_BYTES))
}

async fn copy(
    store: &SqliteStore,
    connection: &mut SqliteConnection,
    request: &BackupRequest<'_>,
) -> Result<BackupInfo, StoreError> {
    check_fence(connection, request.lease).await?;
    let made = sqlx::query("SELECT * FROM amend_backup WHERE run_id = ?1")
        .bind(request.lease.run_id.as_str())
        .fetch_optional(&mut *connection)
        .await
        .map_err(db)?;
    if let Some(made) = made {
        return info(&made);
    }
    // Every column by its name: SQLite would take one that is not there for a text.
    Bound::load(connection, request.rule).await?;
    let table = TableName::new(request.name);
    let taken: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE)")
        .bind(request.name)
        .fetch_one(&mut *connection)
        .await
        .map_err(db)?;
    if taken {
        return Err(StoreError::Unsupported(format!(
            "A table {table} is there already, so the copy cannot have that name. Run again."
        )));
    }
    // Written to the log first and then to the file, so it is there twice for a while.
    let needed = estimate(connection, request.rule).await?.saturating_mul(2);
    if let Some(free) = disk::free_bytes(&store.path).filter(|free| *free < needed) {
        return Err(StoreError::DiskFull(format!("a copy needs about {needed} bytes and {free} are free")));
    }
    let before = used_bytes(connection).await?;
    let source = request.rule.target.table.quoted();
    let columns = copied_columns(request.rule).join(", ");
    execute(connection, format!("CREATE TABLE {} AS SELECT {columns} FROM {source}", table.quoted())).await?;
    let bytes = used_bytes(connection).await? - before;
    let rows: i64 = sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {}", table.quoted())))
        .fetch_one(&mut *connection)
        .await
        .map_err(db)?;
    let added = sqlx::query(
        "INSERT INTO amend_backup (run_id, rule, name, source, row_count, size_bytes, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING *",
    )
    .bind(request.lease.run_id.as_str())
    .bind(request.rule.slug.as_str())
    .bind(request.name)
    .bind(request.rule.target.table.to_string())
    .bind(rows)
    .bind(bytes)
    .bind(micros(request.now))
    .fetch_one(connection)
    .await
    .map_err(db)?;
    info(&added)
}

fn purge_item(row: &SqliteRow) -> Result<PurgeItem, StoreError> {
    let id: String = row.try_get("id").map_err(db)?;
    Ok(PurgeItem {
        rule: RuleSlug::from_trusted(row.try_get::<String, _>("rule").map_err(db)?),
        ended_at: from_micros("amend_run", "ended_at", &id, row.try_get("ended_at").map_err(db)?)?,
        journal_rows: row.try_get("journal_rows").map_err(db)?,
        journal_bytes: row.try_get("journal_bytes").map_err(db)?,
        backup: row.try_get("backup").map_err(db)?,
        backup_bytes: row.try_get("backup_bytes").map_err(db)?,
        failed_rows: row.try_get("failed_rows").map_err(db)?,
        run_id: RunId::from_trusted(id),
    })
}

/// No active run, and none that an active one undoes or tries again: a condition on `r`.
fn at_rest() -> String {
    let active = active_states();
    format!(
        "r.state NOT IN ({active})
         AND NOT EXISTS (SELECT 1 FROM amend_run AS u WHERE u.state IN ({active})
           AND (u.undoes = r.id OR u.options ->> '$.scope.failed_of' = r.id))"
    )
}

#[async_trait]
impl Backups for SqliteStore {
    fn longest_name(&self) -> Option<usize> {
        None
    }

    async fn create_backup(&self, request: &BackupRequest<'_>) -> Result<BackupInfo, StoreError> {
        let mut connection = self.writer.acquire(Some(request.lock_timeout)).await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(db)?;
        let limit = self.writer.limit(request.statement_timeout);
        let result = copy(self, &mut transaction, request).await;
        // The time is up for statements, not for undoing them.
        drop(limit);
        match result {
            Ok(info) => transaction.commit().await.map_err(db).map(|()| info),
            Err(error) => {
                if let Err(undo) = transaction.rollback().await {
                    // SQLite has rolled back by itself; the connection is replaced before its next use.
                    tracing::debug!(error = %undo, "nothing was left to roll back");
                }
                Err(error)
            }
        }
    }

    async fn backups(&self, run: Option<&RunId>) -> Result<Vec<BackupInfo>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        let rows = sqlx::query(
            "SELECT b.* FROM amend_backup AS b
             WHERE (?1 IS NULL OR b.run_id = ?1)
               AND EXISTS (SELECT 1 FROM sqlite_schema AS s WHERE s.type = 'table' AND s.name = b.name)
             ORDER BY b.created_at DESC, b.name",
        )
        .bind(run.map(|id| id.as_str().to_owned()))
        .fetch_all(&mut *connection)
        .await
        .map_err(db)?;
        rows.iter().map(info).collect()
    }

    async fn purgeable(
        &self,
        rule: &RuleSlug,
        ended_before: DateTime<Utc>,
        copies_before: DateTime<Utc>,
    ) -> Result<Vec<PurgeItem>, StoreError> {
        let sql = format!(
            "SELECT * FROM (
               SELECT r.id, r.seq, r.rule, r.ended_at, b.name AS backup, coalesce(b.size_bytes, 0) AS backup_bytes,
                      (SELECT coalesce(sum(row_count), 0) FROM amend_journal WHERE run_id = r.id) AS journal_rows,
                      (SELECT coalesce(sum(octet_length(row_keys)), 0) FROM amend_journal WHERE run_id = r.id)
                        AS journal_bytes,
                      (SELECT count(*) FROM amend_failed_row WHERE run_id = r.id) AS failed_rows
               FROM amend_run AS r LEFT JOIN amend_backup AS b ON b.run_id = r.id AND r.ended_at < ?3
               WHERE r.rule = ?1 AND r.ended_at < ?2 AND {})
             WHERE journal_rows > 0 OR backup IS NOT NULL OR failed_rows > 0 ORDER BY ended_at, seq",
            at_rest()
        );
        let mut connection = self.readers.acquire().await?;
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(rule.as_str())
            .bind(micros(ended_before))
            .bind(micros(copies_before))
            .fetch_all(&mut *connection)
            .await
            .map_err(db)?;
        rows.iter().map(purge_item).collect()
    }

    async fn mark_purged(&self, run: &RunId, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let sql =
            format!("UPDATE amend_run AS r SET purged_at = coalesce(purged_at, ?2) WHERE r.id = ?1 AND {}", at_rest());
        let mut connection = self.writer.acquire(None).await?;
        let marked = sqlx::query(AssertSqlSafe(sql))
            .bind(run.as_str())
            .bind(micros(now))
            .execute(&mut *connection)
            .await
            .map_err(db)?;
        Ok(marked.rows_affected() == 1)
    }

    async fn purge_journal(&self, run: &RunId, entries: u32) -> Result<u64, StoreError> {
        let mut connection = self.writer.acquire(None).await?;
        // The list of a restore that was cancelled while nobody worked on it.
        sqlx::query(
            "DELETE FROM amend_set_aside
             WHERE run_id = ?1 AND EXISTS (SELECT 1 FROM amend_run WHERE id = ?1 AND purged_at IS NOT NULL)",
        )
        .bind(run.as_str())
        .execute(&mut *connection)
        .await
        .map_err(db)?;
        let dropped = sqlx::query(
            "DELETE FROM amend_journal WHERE id IN (
               SELECT j.id FROM amend_journal AS j CROSS JOIN amend_run AS r ON r.id = j.run_id
               WHERE j.run_id = ?1 AND r.purged_at IS NOT NULL ORDER BY j.id LIMIT ?2)",
        )
        .bind(run.as_str())
        .bind(i64::from(entries))
        .execute(&mut *connection)
        .await
        .map_err(db)?;
        Ok(dropped.rows_affected())
    }

    async fn drop_failed_rows(&self, run: &RunId) -> Result<u64, StoreError> {
        let mut connection = self.writer.acquire(None).await?;
        let dropped = sqlx::query(
            "DELETE FROM amend_failed_row
             WHERE run_id = ?1 AND EXISTS (SELECT 1 FROM amend_run WHERE id = ?1 AND purged_at IS NOT NULL)",
        )
        .bind(run.as_str())
        .execute(&mut *connection)
        .await
        .map_err(db)?;
        Ok(dropped.rows_affected())
    }

    async fn drop_backup(&self, run: &RunId) -> Result<Option<String>, StoreError> {
        let mut connection = self.writer.acquire(None).await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(db)?;
        let name: Option<String> = sqlx::query_scalar(
            "DELETE FROM amend_backup
             WHERE run_id = ?1 AND EXISTS (SELECT 1 FROM amend_run WHERE id = ?1 AND purged_at IS NOT NULL) RETURNING name",
        )
        .bind(run.as_str())
        .fetch_optional(&mut *transaction)
        .await
        .map_err(db)?;
        if let Some(name) = &name {
            // Somebody may have dropped it by hand.
            execute(&mut transaction, format!("DROP TABLE IF EXISTS {}", TableName::new(name).quoted())).await?;
        }
        transaction.commit().await.map_err(db)?;
        Ok(name)
    }
}
