//! [`Runs`]: runs, their leases, their log.

use amend_domain::{ChunkRecord, EventRecord, RollbackSource, RunId, RunState, RunView};
use amend_engine::store::{Lease, NewRun, RunFilter, RunPatch, Runs, StoreError, StoredRun};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqliteConnection};

use crate::{
    analyses::json,
    error::db,
    run_row::{SELECT_RUN, read_stored, read_view},
    store::SqliteStore,
    time::{from_micros, micros},
    value::Binds,
};

pub(crate) fn active_states() -> String {
    words(&RunState::ACTIVE)
}

/// `'queued', 'running'`: our own words, without a quote among them.
fn words(states: &[RunState]) -> String {
    states.iter().map(|s| format!("'{}'", s.as_str())).collect::<Vec<_>>().join(", ")
}

fn optional_json<T: serde::Serialize>(value: Option<&T>) -> Result<Option<String>, StoreError> {
    value.map(json).transpose()
}

async fn active_run(connection: &mut SqliteConnection, rule: &str) -> Result<Option<RunId>, StoreError> {
    let sql = format!("SELECT id FROM amend_run WHERE rule = ?1 AND state IN ({})", active_states());
    let id: Option<String> =
        sqlx::query_scalar(AssertSqlSafe(sql)).bind(rule).fetch_optional(connection).await.map_err(db)?;
    Ok(id.map(RunId::from_trusted))
}

async fn refuse_purged(connection: &mut SqliteConnection, source: &RunId, new: &NewRun) -> Result<(), StoreError> {
    let purged: Option<bool> = sqlx::query_scalar("SELECT purged_at IS NOT NULL FROM amend_run WHERE id = ?1")
        .bind(source.as_str())
        .fetch_optional(connection)
        .await
        .map_err(db)?;
    // A snapshot does without the journal.
    let needed = new.rollback.as_ref().is_none_or(|o| o.source == RollbackSource::Journal);
    if purged == Some(true) && needed { Err(StoreError::Purged(source.clone())) } else { Ok(()) }
}

#[async_trait]
impl Runs for SqliteStore {
    async fn create_run(&self, run: &NewRun) -> Result<(), StoreError> {
        let mut connection = self.writer.acquire(None).await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(db)?;
        if let Some(source) = &run.undoes {
            refuse_purged(&mut transaction, source, run).await?;
        }
        let inserted = sqlx::query(
            "INSERT INTO amend_run (id, rule, kind, state, phase, options, rollback, undoes, started_by,
                                    created_at, plan_hash, expected, batch_size)
             VALUES (?1, ?2, ?3, 'queued', 'waiting', ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )
        .bind(run.id.as_str())
        .bind(run.rule.as_str())
        .bind(run.kind.as_str())
        .bind(optional_json(run.options.as_ref())?)
        .bind(optional_json(run.rollback.as_ref())?)
        .bind(run.undoes.as_ref().map(|id| id.as_str().to_owned()))
        .bind(&run.started_by)
        .bind(micros(run.at))
        .bind(run.plan_hash.as_str())
        .bind(optional_json(run.expected.as_ref())?)
        .bind(run.batch_size)
        .execute(&mut *transaction)
        .await;
        match inserted {
            Ok(done) if done.rows_affected() == 1 => transaction.commit().await.map_err(db),
            Ok(_) => Err(StoreError::Other("the run was not created".into())),
            // The write lock is still ours, so the run that stands in the way is still there.
            Err(sqlx::Error::Database(e)) if e.is_unique_violation() => {
                let other = active_run(&mut transaction, run.rule.as_str()).await?;
                Err(other.map_or_else(|| db(sqlx::Error::Database(e)), StoreError::ActiveRun))
            }
            Err(e) => Err(db(e)),
        }
    }

    async fn run(&self, id: &RunId) -> Result<Option<StoredRun>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        let row = sqlx::query(AssertSqlSafe(format!("{SELECT_RUN} WHERE run.id = ?1")))
            .bind(id.as_str())
            .fetch_optional(&mut *connection)
            .await
            .map_err(db)?;
        row.as_ref().map(read_stored).transpose()
    }

    async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunView>, StoreError> {
        let mut binds = Binds::default();
        let mut sql = format!("{SELECT_RUN} WHERE TRUE");
        if let Some(rule) = &filter.rule {
            sql += &format!(" AND run.rule = {}", binds.add(rule.as_str()));
        }
        if !filter.states.is_empty() {
            sql += &format!(" AND run.state IN ({})", words(&filter.states));
        }
        if let Some(kind) = filter.kind {
            sql += &format!(" AND run.kind = {}", binds.add(kind.as_str()));
        }
        if let Some(before) = &filter.before {
            sql += &format!(" AND run.seq < (SELECT seq FROM amend_run WHERE id = {})", binds.add(before.as_str()));
        }
        sql += &format!(" ORDER BY run.seq DESC LIMIT {}", binds.add(i64::from(filter.limit)));
        let mut connection = self.readers.acquire().await?;
        let rows = binds.query(sql)?.fetch_all(&mut *connection).await.map_err(db)?;
        rows.iter().map(read_view).collect()
    }

    async fn claimable(&self, now: DateTime<Utc>) -> Result<Vec<RunId>, StoreError> {
        let sql = format!(
            "SELECT id FROM amend_run WHERE state IN ({}) AND state <> 'paused'
               AND (lease_owner IS NULL OR lease_until <= ?1) ORDER BY seq",
            active_states()
        );
        let mut connection = self.readers.acquire().await?;
        let ids: Vec<String> =
            sqlx::query_scalar(AssertSqlSafe(sql)).bind(micros(now)).fetch_all(&mut *connection).await.map_err(db)?;
        Ok(ids.into_iter().map(RunId::from_trusted).collect())
    }

    async fn lease_run(
        &self,
        id: &RunId,
        owner: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Option<Lease>, StoreError> {
        let sql = format!(
            "UPDATE amend_run SET lease_owner = ?2, lease_until = ?4, fence = fence + 1,
                    takeovers = takeovers + (lease_owner IS NOT NULL AND lease_owner <> ?2)
             WHERE id = ?1 AND state IN ({})
               AND (lease_owner IS NULL OR lease_owner = ?2 OR lease_until <= ?3)
             RETURNING fence",
            active_states()
        );
        let mut connection = self.writer.acquire(None).await?;
        let fence: Option<i64> = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(id.as_str())
            .bind(owner)
            .bind(micros(now))
            .bind(micros(until))
            .fetch_optional(&mut *connection)
            .await
            .map_err(db)?;
        Ok(fence.map(|fence| Lease { run_id: id.clone(), owner: owner.to_owned(), fence }))
    }

    async fn renew_lease(&self, lease: &Lease, until: DateTime<Utc>) -> Result<bool, StoreError> {
        let mut connection = self.writer.acquire(None).await?;
        let done =
            sqlx::query("UPDATE amend_run SET lease_until = ?4 WHERE id = ?1 AND fence = ?2 AND lease_owner = ?3")
                .bind(lease.run_id.as_str())
                .bind(lease.fence)
                .bind(&lease.owner)
                .bind(micros(until))
                .execute(&mut *connection)
                .await
                .map_err(db)?;
        Ok(done.rows_affected() == 1)
    }

    async fn release_lease(&self, lease: &Lease) -> Result<(), StoreError> {
        let mut connection = self.writer.acquire(None).await?;
        let done = sqlx::query(
            "UPDATE amend_run SET lease_owner = NULL, lease_until = NULL
             WHERE id = ?1 AND fence = ?2 AND lease_owner = ?3",
        )
        .bind(lease.run_id.as_str())
        .bind(lease.fence)
        .bind(&lease.owner)
        .execute(&mut *connection)
        .await
        .map_err(db)?;
        if done.rows_affected() == 0 {
            // Somebody else has it: there is nothing of ours to give back.
            tracing::debug!(run.id = %lease.run_id, "the lease was another worker's already");
        }
        Ok(())
    }

    async fn request_state(
        &self,
        id: &RunId,
        from: &[RunState],
        to: RunState,
        ended_at: Option<DateTime<Utc>>,
    ) -> Result<bool, StoreError> {
        let sql = format!(
            "UPDATE amend_run SET state = ?2, ended_at = coalesce(?3, ended_at) WHERE id = ?1 AND state IN ({})",
            words(from)
        );
        let mut connection = self.writer.acquire(None).await?;
        let done = sqlx::query(AssertSqlSafe(sql))
            .bind(id.as_str())
            .bind(to.as_str())
            .bind(ended_at.map(micros))
            .execute(&mut *connection)
            .await
            .map_err(db)?;
        Ok(done.rows_affected() == 1)
    }

    async fn set_pace(&self, id: &RunId, percent: u8) -> Result<bool, StoreError> {
        let sql = format!("UPDATE amend_run SET pace = ?2 WHERE id = ?1 AND state IN ({})", active_states());
        let mut connection = self.writer.acquire(None).await?;
        let done = sqlx::query(AssertSqlSafe(sql))
            .bind(id.as_str())
            .bind(percent)
            .execute(&mut *connection)
            .await
            .map_err(db)?;
        Ok(done.rows_affected() == 1)
    }

    async fn update_run(
        &self,
        lease: &Lease,
        to: Option<(&[RunState], RunState)>,
        patch: &RunPatch,
    ) -> Result<bool, StoreError> {
        let mut binds = Binds::default();
        let sql = update_sql(lease, to, patch, &mut binds)?;
        let mut connection = self.writer.acquire(None).await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(db)?;
        let done = binds.query(sql)?.execute(&mut *transaction).await.map_err(db)?;
        let ours: Option<i64> = sqlx::query_scalar("SELECT 1 FROM amend_run WHERE id = ?1 AND fence = ?2")
            .bind(lease.run_id.as_str())
            .bind(lease.fence)
            .fetch_optional(&mut *transaction)
            .await
            .map_err(db)?;
        transaction.commit().await.map_err(db)?;
        match (done.rows_affected(), ours) {
            (_, None) => Err(StoreError::LeaseLost),
            (written, Some(_)) => Ok(written == 1),
        }
    }

    async fn append_event(&self, run: &RunId, at: DateTime<Utc>, kind: &str, message: &str) -> Result<(), StoreError> {
        let mut connection = self.writer.acquire(None).await?;
        let done = sqlx::query(
            "INSERT INTO amend_event (run_id, seq, at, kind, message)
             SELECT ?1, coalesce(max(seq), 0) + 1, ?2, ?3, ?4 FROM amend_event WHERE run_id = ?1",
        )
        .bind(run.as_str())
        .bind(micros(at))
        .bind(kind)
        .bind(message)
        .execute(&mut *connection)
        .await
        .map_err(db)?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Other("the event was not written".into())) }
    }

    async fn events(&self, run: &RunId, after: i64, limit: u32) -> Result<Vec<EventRecord>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        let rows = sqlx::query(
            "SELECT seq, at, kind, message FROM amend_event WHERE run_id = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
        )
        .bind(run.as_str())
        .bind(after)
        .bind(limit)
        .fetch_all(&mut *connection)
        .await
        .map_err(db)?;
        rows.iter()
            .map(|row| {
                Ok(EventRecord {
                    seq: row.try_get(0).map_err(db)?,
                    at: from_micros("amend_event", "at", run.as_str(), row.try_get(1).map_err(db)?)?,
                    kind: row.try_get(2).map_err(db)?,
                    message: row.try_get(3).map_err(db)?,
                })
            })
            .collect()
    }

    async fn chunks(&self, run: &RunId, limit: u32) -> Result<Vec<ChunkRecord>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        let rows = sqlx::query(
            "SELECT * FROM (SELECT * FROM amend_chunk WHERE run_id = ?1 ORDER BY no DESC LIMIT ?2) ORDER BY no",
        )
        .bind(run.as_str())
        .bind(limit)
        .fetch_all(&mut *connection)
        .await
        .map_err(db)?;
        rows.iter()
            .map(|row| {
                Ok(ChunkRecord {
                    no: row.try_get("no").map_err(db)?,
                    at: from_micros("amend_chunk", "at", run.as_str(), row.try_get("at").map_err(db)?)?,
                    scanned: row.try_get("scanned").map_err(db)?,
                    changed: row.try_get("changed").map_err(db)?,
                    skipped: row.try_get("skipped").map_err(db)?,
                    conflicts: row.try_get("conflicts").map_err(db)?,
                    deleted: row.try_get("deleted").map_err(db)?,
                    duration_ms: row.try_get("duration_ms").map_err(db)?,
                    batch_size: row.try_get("batch_size").map_err(db)?,
                    upto: row.try_get("upto").map_err(db)?,
                    untouched_before: row.try_get("untouched_before").map_err(db)?,
                    untouched_after: row.try_get("untouched_after").map_err(db)?,
                })
            })
            .collect()
    }

    async fn touched_chunks(&self, run: &RunId) -> Result<i64, StoreError> {
        let mut connection = self.readers.acquire().await?;
        sqlx::query_scalar("SELECT count(*) FROM amend_chunk WHERE run_id = ?1 AND untouched_before <> untouched_after")
            .bind(run.as_str())
            .fetch_one(&mut *connection)
            .await
            .map_err(db)
    }
}

/// The statement of a worker's own write: only what the patch names.
fn update_sql(
    lease: &Lease,
    to: Option<(&[RunState], RunState)>,
    patch: &RunPatch,
    binds: &mut Binds,
) -> Result<String, StoreError> {
    let mut sets: Vec<String> = Vec::new();
    let mut set = |column: &str, place: String| sets.push(format!("{column} = {place}"));
    if let Some((_, state)) = to {
        set("state", binds.add(state.as_str()));
    }
    if let Some(phase) = patch.phase {
        set("phase", binds.add(phase.as_str()));
    }
    for (column, time) in [("started_at", patch.started_at), ("ended_at", patch.ended_at)] {
        if let Some(time) = time {
            set(column, binds.add(micros(time)));
        }
    }
    let numbers = [
        ("duration_ms", patch.duration_ms),
        ("to_change", patch.to_change),
        ("to_scan", patch.to_scan),
        ("remaining", patch.remaining),
        ("batch_size", patch.batch_size),
        ("scanned", patch.scanned),
        ("skipped", patch.skipped),
        ("changed", patch.changed),
        ("failed", patch.failed),
        ("conflicts", patch.conflicts),
        ("deleted", patch.deleted),
        ("idle_ms", patch.idle_ms),
    ];
    for (column, number) in numbers {
        if let Some(number) = number {
            set(column, binds.add(number));
        }
    }
    if let Some(rate) = patch.rate {
        set("rate", binds.add(crate::value::SqlValue::Real(rate)));
    }
    if let Some(hash) = &patch.plan_hash {
        set("plan_hash", binds.add(hash.as_str()));
    }
    for (column, counts) in [("found_before", &patch.before), ("found_after", &patch.after)] {
        if let Some(counts) = counts {
            set(column, binds.add(json(counts)?));
        }
    }
    if let Some(validation) = &patch.validation {
        set("validation", binds.add(json(validation)?));
    }
    if let Some(error) = &patch.error {
        set("error", binds.add(json(error)?));
    }
    if let Some(held) = &patch.held {
        set("held", binds.add(json(held)?));
    }
    if let Some(since) = patch.idle_since {
        set("idle_since", binds.add(since.map(micros)));
    }
    if let Some(walk) = &patch.walk {
        set("walk", binds.add(json(walk)?));
    }
    if let Some(footprint) = &patch.footprint {
        set("footprint", binds.add(json(footprint)?));
    }
    if let Some(effect) = &patch.effect {
        set("effect", binds.add(json(effect)?));
    }
    if let Some(cursor) = &patch.cursor {
        set("cursor", binds.add(cursor.clone()));
    }
    if sets.is_empty() {
        // Nothing to write, but the fence is still asked for.
        sets.push("fence = fence".into());
    }
    let mut sql = format!(
        "UPDATE amend_run SET {} WHERE id = {} AND fence = {}",
        sets.join(", "),
        binds.add(lease.run_id.as_str()),
        binds.add(lease.fence),
    );
    if let Some((from, _)) = to {
        sql += &format!(" AND state IN ({})", words(from));
    }
    Ok(sql)
}
