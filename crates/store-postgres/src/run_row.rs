//! `amend.run` as a row, and from there as the words of the domain.

use amend_domain::{PlanHash, RuleSlug, RunId, RunKind, RunState, RunView, state::Phase};
use amend_engine::store::{StoreError, StoredRun};
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use sqlx::FromRow;

use crate::error::{corrupt, json};

/// The list behind `SELECT`, over `amend.run r`. `undone_by` is the newest rollback of the run that is
/// in force: a rollback of the whole of it takes it out of force, and one of that brings it back.
pub(crate) const COLUMNS: &str = "r.id, r.rule, r.kind, r.state, r.phase, r.options::text AS options,
    r.rollback::text AS rollback, r.undoes,
    (WITH RECURSIVE back AS (
       SELECT u.id AS first, u.id, u.seq, 1 AS depth, true AS whole FROM amend.run u
       WHERE u.undoes = r.id AND u.state = 'succeeded' AND NOT coalesce((u.rollback ->> 'dry_run')::boolean, false)
       UNION ALL
       SELECT b.first, u.id, u.seq, b.depth + 1, coalesce(u.rollback -> 'scope', '{}') = '{}'
       FROM back b JOIN amend.run u ON u.undoes = b.id
       WHERE u.state = 'succeeded' AND NOT coalesce((u.rollback ->> 'dry_run')::boolean, false))
     SELECT b.first FROM back b
     WHERE b.depth = 1
       AND (SELECT l.depth % 2 = 1 FROM back l WHERE l.first = b.first AND l.whole ORDER BY l.seq DESC LIMIT 1)
     ORDER BY b.seq DESC LIMIT 1) AS undone_by,
    r.started_by, r.created_at, r.started_at, r.ended_at, r.plan_hash, r.expected::text AS expected,
    r.before::text AS before, r.after::text AS after, r.validation::text AS validation, r.error::text AS error,
    r.changed, r.skipped, r.failed, r.conflicts, r.deleted, r.remaining, r.chunks, r.scanned, r.duration_ms,
    r.to_change, r.to_scan, r.rate, r.batch_size, r.takeovers, r.cursor, r.lease_owner, r.lease_until, r.fence,
    r.walk::text AS walk, r.effect::text AS effect, r.footprint::text AS footprint, r.pace, r.held::text AS held,
    r.idle_ms, r.idle_since, r.purged_at";

#[derive(FromRow)]
pub(crate) struct RunRow {
    id: String,
    rule: String,
    kind: String,
    state: String,
    phase: String,
    options: Option<String>,
    rollback: Option<String>,
    undoes: Option<String>,
    undone_by: Option<String>,
    started_by: String,
    created_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
    plan_hash: String,
    expected: Option<String>,
    before: Option<String>,
    after: Option<String>,
    validation: Option<String>,
    error: Option<String>,
    changed: i64,
    skipped: i64,
    failed: i64,
    conflicts: i64,
    deleted: i64,
    remaining: i64,
    chunks: i64,
    scanned: i64,
    duration_ms: i64,
    to_change: Option<i64>,
    to_scan: Option<i64>,
    rate: Option<f64>,
    batch_size: i64,
    takeovers: i64,
    cursor: Option<String>,
    lease_owner: Option<String>,
    lease_until: Option<DateTime<Utc>>,
    fence: i64,
    pace: i16,
    held: String,
    idle_ms: i64,
    idle_since: Option<DateTime<Utc>>,
    walk: Option<String>,
    effect: Option<String>,
    footprint: Option<String>,
    purged_at: Option<DateTime<Utc>>,
}

impl RunRow {
    fn word<T>(&self, column: &'static str, text: &str, parse: fn(&str) -> Option<T>) -> Result<T, StoreError> {
        parse(text).ok_or_else(|| corrupt("amend.run", column, &self.id, format!("{text:?} is not a word of it")))
    }

    fn value<T: DeserializeOwned>(&self, column: &'static str, text: Option<&str>) -> Result<Option<T>, StoreError> {
        text.map(|text| json("amend.run", column, &self.id, text)).transpose()
    }

    pub(crate) fn view(&self) -> Result<RunView, StoreError> {
        Ok(RunView {
            run_id: RunId::from_trusted(&self.id),
            kind: self.word("kind", &self.kind, RunKind::parse)?,
            state: self.word("state", &self.state, RunState::parse)?,
            changed: self.changed,
            skipped: self.skipped,
            failed: self.failed,
            conflicts: self.conflicts,
            deleted: self.deleted,
            remaining: self.remaining,
            chunks: self.chunks,
            duration_ms: self.duration_ms,
            plan_hash: PlanHash::from_trusted(&self.plan_hash),
            validation: self.value("validation", self.validation.as_deref())?,
            rule: RuleSlug::from_trusted(&self.rule),
            phase: self.word("phase", &self.phase, Phase::parse)?,
            options: self.value("options", self.options.as_deref())?,
            rollback: self.value("rollback", self.rollback.as_deref())?,
            undoes: self.undoes.as_deref().map(RunId::from_trusted),
            undone_by: self.undone_by.as_deref().map(RunId::from_trusted),
            rollback_until: None,
            purged_at: self.purged_at,
            started_by: self.started_by.clone(),
            created_at: self.created_at,
            started_at: self.started_at,
            ended_at: self.ended_at,
            to_change: self.to_change,
            scanned: self.scanned,
            to_scan: self.to_scan,
            rate: self.rate,
            batch_size: self.batch_size,
            before: self.value("before", self.before.as_deref())?,
            after: self.value("after", self.after.as_deref())?,
            error: self.value("error", self.error.as_deref())?,
            takeovers: self.takeovers,
            pace: u8::try_from(self.pace).map_err(|e| corrupt("amend.run", "pace", &self.id, e))?,
            held: json("amend.run", "held", &self.id, &self.held)?,
            idle_ms: self.idle_ms,
            walk: self.value("walk", self.walk.as_deref())?,
            effect: self.value("effect", self.effect.as_deref())?,
        })
    }

    pub(crate) fn stored(self) -> Result<StoredRun, StoreError> {
        Ok(StoredRun {
            view: self.view()?,
            expected: self.value("expected", self.expected.as_deref())?,
            footprint: self.value("footprint", self.footprint.as_deref())?,
            cursor: self.cursor,
            lease_owner: self.lease_owner,
            lease_until: self.lease_until,
            fence: self.fence,
            idle_since: self.idle_since,
        })
    }
}
