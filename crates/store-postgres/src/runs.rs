//! Runs, their leases, their log.

use amend_domain::{ChunkRecord, EventRecord, RollbackSource, RunId, RunState, RunView};
use amend_engine::store::{Lease, NewRun, RunFilter, RunPatch, Runs, StoreError, StoredRun};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{AssertSqlSafe, FromRow};

use crate::{
    PostgresStore,
    error::{db, to_json},
    run_row::{COLUMNS, RunRow},
    tx::Tx,
};

/// The index that holds a rule's one active place.
const ONE_ACTIVE: &str = "run_one_active";

fn words(states: &[RunState]) -> Vec<&'static str> {
    states.iter().map(|s| s.as_str()).collect()
}

fn optional_json<T: Serialize>(value: Option<&T>) -> Result<Option<String>, StoreError> {
    value.map(to_json).transpose()
}

#[derive(FromRow)]
struct ChunkRow {
    no: i64,
    at: DateTime<Utc>,
    scanned: i64,
    changed: i64,
    skipped: i64,
    conflicts: i64,
    deleted: i64,
    duration_ms: i64,
    batch_size: i64,
    upto: String,
    untouched_before: String,
    untouched_after: String,
}

/// Held until the new run is there, so that a purge either sees it or was here before.
async fn refuse_purged(tx: &mut Tx, source: &RunId, new: &NewRun) -> Result<(), StoreError> {
    let purged: Option<bool> =
        sqlx::query_scalar("SELECT purged_at IS NOT NULL FROM amend.run WHERE id = $1 FOR SHARE")
            .bind(source.as_str())
            .fetch_optional(&mut **tx)
            .await
            .map_err(db)?;
    // A snapshot does without the journal.
    let needed = new.rollback.as_ref().is_none_or(|o| o.source == RollbackSource::Journal);
    if purged == Some(true) && needed { Err(StoreError::Purged(source.clone())) } else { Ok(()) }
}

impl PostgresStore {
    /// Whether the run's fence is still the lease's.
    async fn holds(&self, lease: &Lease) -> Result<bool, StoreError> {
        let fence: Option<i64> = sqlx::query_scalar("SELECT fence FROM amend.run WHERE id = $1")
            .bind(lease.run_id.as_str())
            .fetch_optional(&self.pool)
            .await
            .map_err(db)?;
        Ok(fence == Some(lease.fence))
    }

    /// The run that holds the active place of the rule.
    async fn active(&self, run: &NewRun) -> Result<StoreError, StoreError> {
        let id: Option<String> = sqlx::query_scalar("SELECT id FROM amend.run WHERE rule = $1 AND state = ANY($2)")
            .bind(run.rule.as_str())
            .bind(words(&RunState::ACTIVE))
            .fetch_optional(&self.pool)
            .await
            .map_err(db)?;
        Ok(match id {
            Some(id) => StoreError::ActiveRun(RunId::from_trusted(id)),
            // It ended between the refusal and this look.
            None => StoreError::Transient("the rule's active place was just given back".into()),
        })
    }
}

#[async_trait]
impl Runs for PostgresStore {
    async fn create_run(&self, run: &NewRun) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        if let Some(source) = &run.undoes {
            refuse_purged(&mut tx, source, run).await?;
        }
        let result = sqlx::query(
            "INSERT INTO amend.run (id, rule, kind, state, phase, options, rollback, undoes, started_by, created_at,
                                    plan_hash, expected, batch_size)
             VALUES ($1, $2, $3, 'queued', 'waiting', $4::text::jsonb, $5::text::jsonb, $6, $7, $8, $9,
                     $10::text::jsonb, $11)",
        )
        .bind(run.id.as_str())
        .bind(run.rule.as_str())
        .bind(run.kind.as_str())
        .bind(optional_json(run.options.as_ref())?)
        .bind(optional_json(run.rollback.as_ref())?)
        .bind(run.undoes.as_ref().map(RunId::as_str))
        .bind(&run.started_by)
        .bind(run.at)
        .bind(run.plan_hash.as_str())
        .bind(optional_json(run.expected.as_ref())?)
        .bind(run.batch_size)
        .execute(&mut *tx)
        .await;
        match result {
            Ok(_) => tx.commit().await.map_err(db),
            Err(sqlx::Error::Database(e)) if e.constraint() == Some(ONE_ACTIVE) => {
                // Before another connection is asked for: each creator may wait for the other's.
                tx.rollback().await.map_err(db)?;
                Err(self.active(run).await?)
            }
            Err(e) => Err(db(e)),
        }
    }

    async fn run(&self, id: &RunId) -> Result<Option<StoredRun>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM amend.run r WHERE r.id = $1");
        let row: Option<RunRow> =
            sqlx::query_as(AssertSqlSafe(sql)).bind(id.as_str()).fetch_optional(&self.pool).await.map_err(db)?;
        row.map(RunRow::stored).transpose()
    }

    async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunView>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM amend.run r
             WHERE ($1::text IS NULL OR r.rule = $1) AND (cardinality($2::text[]) = 0 OR r.state = ANY($2))
               AND ($3::text IS NULL OR r.kind = $3)
               AND ($4::text IS NULL
                    OR (r.created_at, r.seq) < (SELECT b.created_at, b.seq FROM amend.run b WHERE b.id = $4))
             ORDER BY r.created_at DESC, r.seq DESC LIMIT $5"
        );
        let rows: Vec<RunRow> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(filter.rule.as_ref().map(amend_domain::RuleSlug::as_str))
            .bind(words(&filter.states))
            .bind(filter.kind.map(amend_domain::RunKind::as_str))
            .bind(filter.before.as_ref().map(RunId::as_str))
            .bind(i64::from(filter.limit))
            .fetch_all(&self.pool)
            .await
            .map_err(db)?;
        rows.iter().map(RunRow::view).collect()
    }

    async fn claimable(&self, now: DateTime<Utc>) -> Result<Vec<RunId>, StoreError> {
        let ids: Vec<String> = sqlx::query_scalar(
            "SELECT id FROM amend.run
             WHERE state = ANY($1) AND state <> 'paused' AND (lease_until IS NULL OR lease_until <= $2)
             ORDER BY created_at, seq",
        )
        .bind(words(&RunState::ACTIVE))
        .bind(now)
        .fetch_all(&self.pool)
        .await
        .map_err(db)?;
        Ok(ids.into_iter().map(RunId::from_trusted).collect())
    }

    async fn lease_run(
        &self,
        id: &RunId,
        owner: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Option<Lease>, StoreError> {
        let fence: Option<i64> = sqlx::query_scalar(
            "UPDATE amend.run SET
               fence = fence + 1, lease_owner = $2, lease_until = $4,
               takeovers = takeovers + CASE WHEN lease_owner <> $2 THEN 1 ELSE 0 END
             WHERE id = $1 AND state = ANY($5)
               AND (lease_owner IS NULL OR lease_owner = $2 OR lease_until IS NULL OR lease_until <= $3)
             RETURNING fence",
        )
        .bind(id.as_str())
        .bind(owner)
        .bind(now)
        .bind(until)
        .bind(words(&RunState::ACTIVE))
        .fetch_optional(&self.pool)
        .await
        .map_err(db)?;
        Ok(fence.map(|fence| Lease { run_id: id.clone(), owner: owner.into(), fence }))
    }

    async fn renew_lease(&self, lease: &Lease, until: DateTime<Utc>) -> Result<bool, StoreError> {
        let done =
            sqlx::query("UPDATE amend.run SET lease_until = $4 WHERE id = $1 AND fence = $2 AND lease_owner = $3")
                .bind(lease.run_id.as_str())
                .bind(lease.fence)
                .bind(&lease.owner)
                .bind(until)
                .execute(&self.pool)
                .await
                .map_err(db)?;
        Ok(done.rows_affected() == 1)
    }

    async fn release_lease(&self, lease: &Lease) -> Result<(), StoreError> {
        let done = sqlx::query(
            "UPDATE amend.run SET lease_owner = NULL, lease_until = NULL
             WHERE id = $1 AND fence = $2 AND lease_owner = $3",
        )
        .bind(lease.run_id.as_str())
        .bind(lease.fence)
        .bind(&lease.owner)
        .execute(&self.pool)
        .await
        .map_err(db)?;
        if done.rows_affected() == 0 {
            // Another worker has it by now, or it was given back before: either way it is not ours.
            tracing::debug!(run = %lease.run_id, fence = lease.fence, "the lease to release was no longer held");
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
        let done = sqlx::query(
            "UPDATE amend.run SET state = $3, ended_at = coalesce($4, ended_at) WHERE id = $1 AND state = ANY($2)",
        )
        .bind(id.as_str())
        .bind(words(from))
        .bind(to.as_str())
        .bind(ended_at)
        .execute(&self.pool)
        .await
        .map_err(db)?;
        Ok(done.rows_affected() == 1)
    }

    async fn set_pace(&self, id: &RunId, percent: u8) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE amend.run SET pace = $2 WHERE id = $1 AND state = ANY($3)")
            .bind(id.as_str())
            .bind(i16::from(percent))
            .bind(words(&RunState::ACTIVE))
            .execute(&self.pool)
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
        let done = sqlx::query(
            "UPDATE amend.run SET
               state = coalesce($4, state), phase = coalesce($5, phase),
               started_at = coalesce($6, started_at), ended_at = coalesce($7, ended_at),
               duration_ms = coalesce($8, duration_ms), to_change = coalesce($9, to_change),
               to_scan = coalesce($10, to_scan), remaining = coalesce($11, remaining), rate = coalesce($12, rate),
               batch_size = coalesce($13, batch_size), plan_hash = coalesce($14, plan_hash),
               before = coalesce($15::text::jsonb, before), after = coalesce($16::text::jsonb, after),
               validation = coalesce($17::text::jsonb, validation), error = coalesce($18::text::jsonb, error),
               cursor = CASE WHEN $19 THEN $20 ELSE cursor END,
               scanned = coalesce($21, scanned), changed = coalesce($22, changed), failed = coalesce($23, failed),
               conflicts = coalesce($24, conflicts), deleted = coalesce($25, deleted),
               held = coalesce($26::text::jsonb, held), idle_ms = coalesce($27, idle_ms),
               idle_since = CASE WHEN $28 THEN $29 ELSE idle_since END,
               walk = coalesce($30::text::jsonb, walk), footprint = coalesce($31::text::jsonb, footprint),
               effect = coalesce($32::text::jsonb, effect), skipped = coalesce($33, skipped)
             WHERE id = $1 AND fence = $2 AND ($3::text[] IS NULL OR state = ANY($3))",
        )
        .bind(lease.run_id.as_str())
        .bind(lease.fence)
        .bind(to.map(|(from, _)| words(from)))
        .bind(to.map(|(_, to)| to.as_str()))
        .bind(patch.phase.map(amend_domain::Phase::as_str))
        .bind(patch.started_at)
        .bind(patch.ended_at)
        .bind(patch.duration_ms)
        .bind(patch.to_change)
        .bind(patch.to_scan)
        .bind(patch.remaining)
        .bind(patch.rate)
        .bind(patch.batch_size)
        .bind(patch.plan_hash.as_ref().map(amend_domain::PlanHash::as_str))
        .bind(optional_json(patch.before.as_ref())?)
        .bind(optional_json(patch.after.as_ref())?)
        .bind(optional_json(patch.validation.as_ref())?)
        .bind(optional_json(patch.error.as_ref())?)
        .bind(patch.cursor.is_some())
        .bind(patch.cursor.as_ref().and_then(Option::as_deref))
        .bind(patch.scanned)
        .bind(patch.changed)
        .bind(patch.failed)
        .bind(patch.conflicts)
        .bind(patch.deleted)
        .bind(optional_json(patch.held.as_ref())?)
        .bind(patch.idle_ms)
        .bind(patch.idle_since.is_some())
        .bind(patch.idle_since.flatten())
        .bind(optional_json(patch.walk.as_ref())?)
        .bind(optional_json(patch.footprint.as_ref())?)
        .bind(optional_json(patch.effect.as_ref())?)
        .bind(patch.skipped)
        .execute(&self.pool)
        .await
        .map_err(db)?;
        match done.rows_affected() {
            1 => Ok(true),
            _ if self.holds(lease).await? => Ok(false),
            _ => Err(StoreError::LeaseLost),
        }
    }

    async fn append_event(&self, run: &RunId, at: DateTime<Utc>, kind: &str, message: &str) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO amend.event (run, at, kind, message) VALUES ($1, $2, $3, $4)")
            .bind(run.as_str())
            .bind(at)
            .bind(kind)
            .bind(message)
            .execute(&self.pool)
            .await
            .map_err(db)?;
        Ok(())
    }

    async fn events(&self, run: &RunId, after: i64, limit: u32) -> Result<Vec<EventRecord>, StoreError> {
        let rows: Vec<(i64, DateTime<Utc>, String, String)> = sqlx::query_as(
            "SELECT seq, at, kind, message FROM amend.event WHERE run = $1 AND seq > $2 ORDER BY seq LIMIT $3",
        )
        .bind(run.as_str())
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await
        .map_err(db)?;
        Ok(rows.into_iter().map(|(seq, at, kind, message)| EventRecord { seq, at, kind, message }).collect())
    }

    async fn chunks(&self, run: &RunId, limit: u32) -> Result<Vec<ChunkRecord>, StoreError> {
        let rows: Vec<ChunkRow> = sqlx::query_as(
            "SELECT no, at, scanned, changed, skipped, conflicts, deleted, duration_ms, batch_size, upto,
                    untouched_before, untouched_after
             FROM (SELECT * FROM amend.chunk WHERE run = $1 ORDER BY no DESC LIMIT $2) newest ORDER BY no",
        )
        .bind(run.as_str())
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await
        .map_err(db)?;
        Ok(rows
            .into_iter()
            .map(|c| ChunkRecord {
                no: c.no,
                at: c.at,
                scanned: c.scanned,
                changed: c.changed,
                skipped: c.skipped,
                conflicts: c.conflicts,
                deleted: c.deleted,
                duration_ms: c.duration_ms,
                batch_size: c.batch_size,
                upto: c.upto,
                untouched_before: c.untouched_before,
                untouched_after: c.untouched_after,
            })
            .collect())
    }

    async fn touched_chunks(&self, run: &RunId) -> Result<i64, StoreError> {
        sqlx::query_scalar("SELECT count(*) FROM amend.chunk WHERE run = $1 AND untouched_before <> untouched_after")
            .bind(run.as_str())
            .fetch_one(&self.pool)
            .await
            .map_err(db)
    }
}
