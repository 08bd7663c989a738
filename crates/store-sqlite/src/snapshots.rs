//! [`Snapshots`]: restoring from a copy.

use amend_domain::{RollbackCounts, RollbackSamples, RollbackScope, Rule, RunId, TableName};
use amend_engine::store::{ListRequest, Snapshots, StoreError};
use async_trait::async_trait;
use sqlx::{Connection as _, Row as _, SqliteConnection};

use crate::{
    backups::check_fence,
    error::db,
    pool::begin_read,
    restore::SET_ASIDE,
    samples,
    shape::{Bound, TableShape},
    sql::{
        and,
        entries::{Copied, Entries},
        numbered,
    },
    store::SqliteStore,
    value::Binds,
};

/// Keys of one entry of a list, at most.
const KEYS: i64 = 1_000;

/// The copy of a run, quoted as SQL takes it, once it is sure that it fits the table as both are now.
async fn copy_of(connection: &mut SqliteConnection, bound: &Bound<'_>, run: &RunId) -> Result<String, StoreError> {
    let row = sqlx::query("SELECT name, source FROM amend_backup WHERE run_id = ?1")
        .bind(run.as_str())
        .fetch_optional(&mut *connection)
        .await
        .map_err(db)?;
    let gone = || StoreError::NoSnapshot(format!("Run {run} has no snapshot, or its table was dropped."));
    let row = row.ok_or_else(gone)?;
    let (name, source): (String, String) = (row.try_get(0).map_err(db)?, row.try_get(1).map_err(db)?);
    let copy = TableName::new(&name);
    let shape = TableShape::load(connection, &copy).await?.ok_or_else(gone)?;
    let target = &bound.rule.target;
    if source != target.table.to_string() {
        return Err(StoreError::NoSnapshot(format!(
            "Snapshot {copy} is one of table {source}, and the rule's table is {} now.",
            target.table
        )));
    }
    for column in target.key.iter().chain([&target.value]) {
        let Some(copied) = shape.column(column) else {
            return Err(StoreError::NoSnapshot(format!("Snapshot {copy} has no column {column}.")));
        };
        // The copy keeps no more of a column's type than what becomes of values that are stored in it; of
        // `ANY` it depends on the table.
        let present = bound.target.column(column).filter(|c| c.type_name != "any");
        if present.is_some_and(|present| present.affinity() != copied.affinity()) {
            return Err(StoreError::NoSnapshot(format!(
                "Column {column} of snapshot {copy} is of another type than that of {}.",
                target.table
            )));
        }
    }
    Ok(copy.quoted())
}

/// Entries of what differs, the last key first: entries are taken from the highest number down.
fn list_sql(
    bound: &Bound<'_>,
    copy: Copied<'_>,
    run: &str,
    scope: &RollbackScope,
    binds: &mut Binds,
) -> Result<String, StoreError> {
    let k = numbered("k", bound.key_width()).join(", ");
    let gone = format!("t.{} IS NULL", bound.rule.target.key.first().map(|c| c.quoted()).unwrap_or_default());
    let other = format!("NOT {gone} AND {} IS NOT j.old_value COLLATE BINARY", bound.stored_value());
    let (entries, _) = Entries::Snapshot(copy).sql(bound, binds);
    let scope = bound.undo_scope(scope, binds)?;
    let wanted = match scope.now {
        // A row that is gone has no symbol, so it belongs to no scope of symbols.
        Some(now) => format!("({other} AND {now})"),
        None => format!("({gone} OR ({other}))"),
    };
    Ok(format!(
        "INSERT INTO {SET_ASIDE} (run_id, chunk, old_value, new_value, row_count, row_keys)
         SELECT {run}, part + 1, old_value, new_value, count(*), json_group_array({key})
         FROM (SELECT {k}, j.old_value, j.new_value, (row_number() OVER (ORDER BY {k}) - 1) / {KEYS} AS part
               FROM {entries} CROSS JOIN json_each(j.row_keys) AS e LEFT JOIN {target} AS t ON {same}
               WHERE {wanted}{then})
         GROUP BY part, old_value, typeof(old_value), new_value, typeof(new_value) ORDER BY part DESC",
        run = binds.add(run),
        key = bound.journal_key(),
        target = bound.rule.target.table.quoted(),
        same = bound.named_by_journal(),
        then = and(&scope.then),
    ))
}

async fn list(connection: &mut SqliteConnection, request: &ListRequest<'_>) -> Result<(), StoreError> {
    check_fence(connection, request.lease).await?;
    let bound = Bound::load(connection, request.rule).await?;
    let table = copy_of(connection, &bound, request.source).await?;
    let run = request.lease.run_id.as_str();
    forget(connection, run).await?;
    let mut binds = Binds::default();
    let copy = Copied { table: &table, run: request.source.as_str() };
    let sql = list_sql(&bound, copy, run, request.scope, &mut binds)?;
    binds.query(sql)?.execute(connection).await.map_err(db)?;
    Ok(())
}

async fn forget(connection: &mut SqliteConnection, run: &str) -> Result<(), StoreError> {
    let mut binds = Binds::default();
    let sql = format!("DELETE FROM {SET_ASIDE} WHERE run_id = {}", binds.add(run));
    binds.query(sql)?.execute(connection).await.map_err(db)?;
    Ok(())
}

#[async_trait]
impl Snapshots for SqliteStore {
    async fn snapshot_counts(
        &self,
        rule: &Rule,
        source: &RunId,
        scope: &RollbackScope,
    ) -> Result<RollbackCounts, StoreError> {
        let mut connection = self.readers.acquire().await?;
        let mut transaction = begin_read(&mut connection).await?;
        let bound = Bound::load(&mut transaction, rule).await?;
        let table = copy_of(&mut transaction, &bound, source).await?;
        let entries = Entries::Snapshot(Copied { table: &table, run: source.as_str() });
        let counts = samples::counts(&mut transaction, &bound, entries, scope).await?;
        transaction.commit().await.map_err(db)?;
        Ok(counts)
    }

    async fn snapshot_samples(
        &self,
        rule: &Rule,
        source: &RunId,
        scope: &RollbackScope,
        each: u32,
    ) -> Result<RollbackSamples, StoreError> {
        let mut connection = self.readers.acquire().await?;
        let mut transaction = begin_read(&mut connection).await?;
        let bound = Bound::load(&mut transaction, rule).await?;
        let table = copy_of(&mut transaction, &bound, source).await?;
        let entries = Entries::Snapshot(Copied { table: &table, run: source.as_str() });
        let samples = samples::samples(&mut transaction, &bound, entries, scope, each).await?;
        transaction.commit().await.map_err(db)?;
        Ok(samples)
    }

    async fn list_snapshot(&self, request: &ListRequest<'_>) -> Result<(), StoreError> {
        let mut connection = self.writer.acquire(Some(request.lock_timeout)).await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(db)?;
        let limit = self.writer.limit(request.statement_timeout);
        let result = list(&mut transaction, request).await;
        // The time is up for statements, not for undoing them.
        drop(limit);
        match result {
            Ok(()) => transaction.commit().await.map_err(db),
            Err(error) => {
                if let Err(undo) = transaction.rollback().await {
                    // SQLite has rolled back by itself; the connection is replaced before its next use.
                    tracing::debug!(error = %undo, "nothing was left to roll back");
                }
                Err(error)
            }
        }
    }

    async fn listed_counts(
        &self,
        rule: &Rule,
        run: &RunId,
        scope: &RollbackScope,
    ) -> Result<RollbackCounts, StoreError> {
        let mut connection = self.readers.acquire().await?;
        let mut transaction = begin_read(&mut connection).await?;
        let bound = Bound::load(&mut transaction, rule).await?;
        let counts = samples::counts(&mut transaction, &bound, Entries::SetAside(run.as_str()), scope).await?;
        transaction.commit().await.map_err(db)?;
        Ok(counts)
    }

    async fn forget_list(&self, run: &RunId) -> Result<(), StoreError> {
        let mut connection = self.writer.acquire(None).await?;
        forget(&mut connection, run.as_str()).await
    }
}
