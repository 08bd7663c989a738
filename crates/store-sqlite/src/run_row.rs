//! A row of `amend_run` as the domain knows it.

use amend_domain::{Phase, PlanHash, RuleSlug, RunId, RunKind, RunState, RunView};
use amend_engine::store::{StoreError, StoredRun};
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use sqlx::{Decode, Row as _, Sqlite, Type, sqlite::SqliteRow};

use crate::{
    error::{corrupt, db},
    time::from_micros,
};

const TABLE: &str = "amend_run";

/// Every column. `undone_by` is the newest rollback of the run that is in force: a rollback of the
/// whole of it takes it out of force, and one of that brings it back.
pub(crate) const SELECT_RUN: &str = "SELECT run.*,
    (WITH RECURSIVE back (first, id, seq, depth, whole) AS (
       SELECT u.id, u.id, u.seq, 1, 1 FROM amend_run AS u
       WHERE u.undoes = run.id AND u.state = 'succeeded' AND coalesce(json_extract(u.rollback, '$.dry_run'), 0) = 0
       UNION ALL
       SELECT b.first, u.id, u.seq, b.depth + 1, coalesce(json_extract(u.rollback, '$.scope'), '{}') = '{}'
       FROM back AS b CROSS JOIN amend_run AS u ON u.undoes = b.id
       WHERE u.state = 'succeeded' AND coalesce(json_extract(u.rollback, '$.dry_run'), 0) = 0)
     SELECT b.first FROM back AS b
     WHERE b.depth = 1
       AND (SELECT l.depth % 2 = 1 FROM back AS l WHERE l.first = b.first AND l.whole ORDER BY l.seq DESC LIMIT 1)
     ORDER BY b.seq DESC LIMIT 1) AS undone_by
    FROM amend_run AS run";

struct Reader<'r> {
    row: &'r SqliteRow,
    id: String,
}

impl<'r> Reader<'r> {
    fn get<T>(&self, column: &'static str) -> Result<T, StoreError>
    where
        T: Decode<'r, Sqlite> + Type<Sqlite>,
    {
        self.row.try_get(column).map_err(|e| corrupt(TABLE, column, &self.id, e))
    }

    fn word<T>(&self, column: &'static str, parse: impl Fn(&str) -> Option<T>) -> Result<T, StoreError> {
        let text: String = self.get(column)?;
        parse(&text).ok_or_else(|| corrupt(TABLE, column, &self.id, format!("{text:?} is no word of ours")))
    }

    fn time(&self, column: &'static str) -> Result<Option<DateTime<Utc>>, StoreError> {
        let micros: Option<i64> = self.get(column)?;
        micros.map(|m| from_micros(TABLE, column, &self.id, m)).transpose()
    }

    fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<Option<T>, StoreError> {
        let text: Option<String> = self.get(column)?;
        text.map(|t| serde_json::from_str(&t).map_err(|e| corrupt(TABLE, column, &self.id, e))).transpose()
    }
}

pub(crate) fn read_view(row: &SqliteRow) -> Result<RunView, StoreError> {
    let id: String = row.try_get("id").map_err(db)?;
    let r = Reader { row, id };
    let run_id = |text: Option<String>| text.map(RunId::from_trusted);
    Ok(RunView {
        run_id: RunId::from_trusted(r.id.clone()),
        kind: r.word("kind", RunKind::parse)?,
        state: r.word("state", RunState::parse)?,
        changed: r.get("changed")?,
        skipped: r.get("skipped")?,
        failed: r.get("failed")?,
        conflicts: r.get("conflicts")?,
        deleted: r.get("deleted")?,
        remaining: r.get("remaining")?,
        chunks: r.get("chunks")?,
        duration_ms: r.get("duration_ms")?,
        plan_hash: PlanHash::from_trusted(r.get::<String>("plan_hash")?),
        validation: r.json("validation")?,
        rule: RuleSlug::from_trusted(r.get::<String>("rule")?),
        phase: r.word("phase", Phase::parse)?,
        options: r.json("options")?,
        rollback: r.json("rollback")?,
        undoes: run_id(r.get("undoes")?),
        undone_by: run_id(r.get("undone_by")?),
        rollback_until: None,
        purged_at: r.time("purged_at")?,
        started_by: r.get("started_by")?,
        created_at: r.time("created_at")?.ok_or_else(|| corrupt(TABLE, "created_at", &r.id, "it is null"))?,
        started_at: r.time("started_at")?,
        ended_at: r.time("ended_at")?,
        to_change: r.get("to_change")?,
        scanned: r.get("scanned")?,
        to_scan: r.get("to_scan")?,
        rate: r.get("rate")?,
        batch_size: r.get("batch_size")?,
        before: r.json("found_before")?,
        after: r.json("found_after")?,
        error: r.json("error")?,
        takeovers: r.get("takeovers")?,
        pace: r.get("pace")?,
        held: r.json("held")?.unwrap_or_default(),
        idle_ms: r.get("idle_ms")?,
        walk: r.json("walk")?,
        effect: r.json("effect")?,
    })
}

pub(crate) fn read_stored(row: &SqliteRow) -> Result<StoredRun, StoreError> {
    let view = read_view(row)?;
    let r = Reader { row, id: view.run_id.as_str().to_owned() };
    Ok(StoredRun {
        cursor: r.get("cursor")?,
        expected: r.json("expected")?,
        footprint: r.json("footprint")?,
        lease_owner: r.get("lease_owner")?,
        lease_until: r.time("lease_until")?,
        fence: r.get("fence")?,
        idle_since: r.time("idle_since")?,
        view,
    })
}
