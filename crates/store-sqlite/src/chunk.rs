//! What a step of a correction and a step of a rollback have in common: the right to write, the
//! change itself with its proof and its before-image, and the record of the step.

use std::time::{Duration, Instant};

use amend_domain::{RunId, RunState};
use amend_engine::store::{
    ChunkLimits, ChunkOutcome, ChunkRequest, Lease, RefusedRow, RestoreRequest, StoreError, Write,
};
use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqliteConnection};

use crate::{
    ahead::Found,
    correct,
    error::{corrupt, db},
    prevention, restore,
    shape::Bound,
    sql::{numbered, reference},
    store::SqliteStore,
    time::micros,
    value::Binds,
};

/// The run as the step's transaction sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunNow {
    pub(crate) state: RunState,
    chunks: i64,
    /// Rows on its list of failed rows.
    pub(crate) failed: i64,
}

/// What a step found out and did.
#[derive(Debug, Clone, Default)]
pub(crate) struct Step {
    /// Where the next one begins.
    pub(crate) cursor: Option<String>,
    pub(crate) done: bool,
    pub(crate) tally: Tally,
    /// What is to be remembered of the step; `None` where there was nothing to look at.
    pub(crate) record: Option<Record>,
    /// The step must not stand, although nothing failed: a conflict stops it.
    pub(crate) halted: bool,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) scanned: i64,
    pub(crate) changed: i64,
    pub(crate) skipped: i64,
    pub(crate) failed: i64,
    pub(crate) conflicts: i64,
    pub(crate) deleted: i64,
    pub(crate) original: i64,
}

#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) upto: String,
    pub(crate) applied: Applied,
}

/// The change of the candidates.
#[derive(Debug, Clone, Default)]
pub(crate) struct Applied {
    pub(crate) changed: i64,
    pub(crate) skipped: i64,
    before: String,
    after: String,
}

impl Applied {
    pub(crate) const fn of(changed: i64, before: String, after: String) -> Self {
        Self { changed, skipped: 0, before, after }
    }

    /// No candidates.
    pub(crate) fn nothing() -> Self {
        let nothing = digest("");
        Self::of(0, nothing.clone(), nothing)
    }
}

/// The kinds of step.
#[derive(Clone, Copy)]
pub(crate) enum Work<'a> {
    Correct(&'a ChunkRequest<'a>),
    Fail(&'a RefusedRow<'a>),
    Restore(&'a RestoreRequest<'a>),
    FailRestore(&'a RefusedRow<'a, RestoreRequest<'a>>),
}

impl Work<'_> {
    async fn step(
        self,
        store: &SqliteStore,
        connection: &mut SqliteConnection,
        run: RunNow,
        ready: Ready,
    ) -> Result<Step, StoreError> {
        let no = run.chunks + 1;
        match self {
            Self::Correct(request) => correct::step(store, connection, request, no, run.failed > 0, ready).await,
            Self::Fail(refused) => correct::fail_row(connection, refused, run.failed > 0).await,
            Self::Restore(request) => restore::step(connection, request, no, run.failed > 0).await,
            Self::FailRestore(refused) => restore::fail_row(connection, refused, run.failed > 0).await,
        }
    }
}

/// What was found out before the step.
pub(crate) struct Ready {
    pub(crate) ahead: Option<Found>,
    /// The number of this writing.
    pub(crate) writes: i64,
}

/// Who asks for a step, and within which bounds.
pub(crate) struct Frame<'a> {
    store: &'a SqliteStore,
    work: Work<'a>,
    lease: &'a Lease,
    limits: ChunkLimits,
    write: Write,
    now: DateTime<Utc>,
}

impl<'a> Frame<'a> {
    pub(crate) fn of(store: &'a SqliteStore, work: Work<'a>) -> Self {
        let (lease, limits, write, now) = match work {
            Work::Correct(r) => (r.lease, r.limits, r.write, r.now),
            Work::Fail(r) => (r.chunk.lease, r.chunk.limits, r.chunk.write, r.chunk.now),
            Work::Restore(r) => (r.lease, r.limits, r.write, r.now),
            Work::FailRestore(r) => (r.chunk.lease, r.chunk.limits, r.chunk.write, r.chunk.now),
        };
        Self { store, work, lease, limits, write, now }
    }

    /// Does the step in one transaction that holds the write lock from its start. It is committed
    /// with the step's record and the run's new counters, or nothing of it is there.
    pub(crate) async fn run(&self) -> Result<ChunkOutcome, StoreError> {
        let begun = Instant::now();
        let ahead = match self.work {
            Work::Correct(request) => self.store.ahead.take(request).await,
            Work::Fail(_) | Work::Restore(_) | Work::FailRestore(_) => None,
        };
        let mut connection = self.store.writer.acquire(Some(self.limits.lock_timeout)).await?;
        // The connection is ours alone, so that writings are counted in their order.
        let ready = Ready { ahead, writes: self.store.ahead.writes() };
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(db)?;
        let limit = self.store.writer.limit(self.limits.statement_timeout);
        let result = self.inside(&mut transaction, begun, ready).await;
        // The time is up for statements, not for undoing them.
        drop(limit);
        match result {
            Ok(outcome) => {
                transaction.commit().await.map_err(db)?;
                Ok(outcome)
            }
            Err(error) => {
                if let Err(undo) = transaction.rollback().await {
                    // SQLite has rolled back by itself; the connection is replaced before its next use.
                    tracing::debug!(error = %undo, "nothing was left to roll back");
                }
                Err(error)
            }
        }
    }

    async fn inside(
        &self,
        connection: &mut SqliteConnection,
        begun: Instant,
        ready: Ready,
    ) -> Result<ChunkOutcome, StoreError> {
        let run = self.run_now(connection).await?;
        let no = run.chunks + 1;
        let step = self.work.step(self.store, connection, run, ready).await?;
        let touched = step.record.as_ref().is_some_and(|r| r.applied.before != r.applied.after);
        let stands = self.write == Write::Commit && !step.halted;
        if stands {
            if let Some(record) = &step.record {
                self.remember(connection, no, &step, record, begun.elapsed()).await?;
            }
            execute(connection, "RELEASE amend_step").await?;
        } else {
            // To the savepoint and no further: what was resolved of the reference stays known.
            execute(connection, "ROLLBACK TO amend_step").await?;
            execute(connection, "RELEASE amend_step").await?;
        }
        Ok(ChunkOutcome {
            cursor: step.cursor,
            done: step.done,
            scanned: step.tally.scanned,
            changed: step.tally.changed,
            skipped: step.tally.skipped,
            failed: step.tally.failed,
            conflicts: step.tally.conflicts,
            deleted: step.tally.deleted,
            original: step.tally.original,
            touched,
            state: run.state,
            duration_ms: whole_millis(begun.elapsed()),
        })
    }

    /// The fence is compared under the write lock, so it cannot change before the commit.
    async fn run_now(&self, connection: &mut SqliteConnection) -> Result<RunNow, StoreError> {
        let id = &self.lease.run_id;
        let row = sqlx::query("SELECT state, chunks, fence, failed FROM amend_run WHERE id = ?1")
            .bind(id.as_str())
            .fetch_optional(connection)
            .await
            .map_err(db)?
            .ok_or(StoreError::LeaseLost)?;
        let text: String = row.try_get(0).map_err(db)?;
        let state = RunState::parse(&text)
            .ok_or_else(|| corrupt("amend_run", "state", id.as_str(), format!("{text} is no state")))?;
        let fence: i64 = row.try_get(2).map_err(db)?;
        // A run that is over belongs to no worker any more.
        if fence != self.lease.fence || state.is_over() {
            return Err(StoreError::LeaseLost);
        }
        Ok(RunNow { state, chunks: row.try_get(1).map_err(db)?, failed: row.try_get(3).map_err(db)? })
    }

    async fn remember(
        &self,
        connection: &mut SqliteConnection,
        no: i64,
        step: &Step,
        record: &Record,
        took: Duration,
    ) -> Result<(), StoreError> {
        let tally = step.tally;
        let added = sqlx::query(
            "INSERT INTO amend_chunk (run_id, no, at, scanned, changed, skipped, conflicts, deleted,
                                      duration_ms, batch_size, upto, untouched_before, untouched_after)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )
        .bind(self.lease.run_id.as_str())
        .bind(no)
        .bind(micros(self.now))
        .bind(tally.scanned)
        .bind(tally.changed)
        .bind(tally.skipped)
        .bind(tally.conflicts)
        .bind(tally.deleted)
        .bind(whole_millis(took))
        .bind(self.limits.rows)
        .bind(&record.upto)
        .bind(&record.applied.before)
        .bind(&record.applied.after)
        .execute(&mut *connection)
        .await
        .map_err(db)?;
        let moved = sqlx::query(
            "UPDATE amend_run SET scanned = scanned + ?3, changed = changed + ?4, skipped = skipped + ?5,
                    conflicts = conflicts + ?6, deleted = deleted + ?7, chunks = chunks + 1, cursor = ?8, failed = failed + ?9
             WHERE id = ?1 AND fence = ?2",
        )
        .bind(self.lease.run_id.as_str())
        .bind(self.lease.fence)
        .bind(tally.scanned)
        .bind(tally.changed)
        .bind(tally.skipped)
        .bind(tally.conflicts)
        .bind(tally.deleted)
        .bind(&step.cursor)
        .bind(tally.failed)
        .execute(connection)
        .await
        .map_err(db)?;
        if added.rows_affected() == 1 && moved.rows_affected() == 1 { Ok(()) } else { Err(StoreError::LeaseLost) }
    }
}

/// An empty table of candidates and a point to come back to. Before it, so that it outlives a
/// rehearsal, comes what is only looked up.
pub(crate) async fn prepare(connection: &mut SqliteConnection, bound: &Bound<'_>) -> Result<(), StoreError> {
    execute(connection, bound.create_candidates()).await?;
    execute(connection, format!("DELETE FROM {}", bound.candidates())).await?;
    execute(connection, "SAVEPOINT amend_step").await
}

/// Changes the candidates, takes the digests, writes the journal.
pub(crate) async fn apply(
    connection: &mut SqliteConnection,
    bound: &Bound<'_>,
    run: &RunId,
    no: i64,
    candidates: i64,
) -> Result<Applied, StoreError> {
    if candidates == 0 {
        return Ok(Applied::nothing());
    }
    check_keys(connection, bound).await?;
    let (before, present, _) = picture(connection, bound).await?;
    if present != candidates {
        return Err(StoreError::Unsupported(format!(
            "The key of table {} does not name each row once. Name a unique key in the rule.",
            bound.rule.target.table
        )));
    }
    let value = bound.stored_value();
    let update = format!(
        "UPDATE {} AS t SET {} = c.new FROM {} AS c WHERE {} AND {value} IS c.cur COLLATE BINARY",
        bound.rule.target.table.quoted(),
        bound.rule.target.value.quoted(),
        bound.candidates(),
        bound.same_row(),
    );
    prevention::pass(connection).await?;
    let written = sqlx::query(AssertSqlSafe(update)).execute(&mut *connection).await.map_err(db)?.rows_affected();
    prevention::pass_end(connection).await?;
    reference::forget(connection, bound).await?;
    let (after, still_present, changed) = picture(connection, bound).await?;
    if changed != candidates {
        leave_out_unwritten(connection, bound, still_present == candidates).await?;
    } else if i64::try_from(written).ok() != Some(candidates) && bound.target.rowid.is_some() {
        return Err(StoreError::Other(format!("{written} rows were written where {candidates} should have been")));
    }
    journal(connection, bound, run, no, changed).await?;
    Ok(Applied { changed, skipped: candidates - changed, before, after })
}

/// The digest of all other columns of the candidates' rows, how many of these rows there are, and
/// how many of them have their new value.
async fn picture(connection: &mut SqliteConnection, bound: &Bound<'_>) -> Result<(String, i64, i64), StoreError> {
    // The candidates are read in the order of their key both times.
    let sql = format!(
        "SELECT group_concat({}, char(10)), count(*), coalesce(sum({} IS c.new COLLATE BINARY), 0)
         FROM {} AS c CROSS JOIN {} AS t WHERE {}",
        bound.row_text(),
        bound.stored_value(),
        bound.candidates(),
        bound.rule.target.table.quoted(),
        bound.same_row(),
    );
    let row = sqlx::query(AssertSqlSafe(sql)).fetch_one(connection).await.map_err(db)?;
    let text: Option<String> = row.try_get(0).map_err(db)?;
    Ok((digest(&text.unwrap_or_default()), row.try_get(1).map_err(db)?, row.try_get(2).map_err(db)?))
}

fn digest(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().as_str()[..16].to_owned()
}

/// A trigger may pass a row over, which is not our change; it may also put another value in the place
/// of ours, which could never be undone.
async fn leave_out_unwritten(
    connection: &mut SqliteConnection,
    bound: &Bound<'_>,
    all_present: bool,
) -> Result<(), StoreError> {
    let (table, value, same) = (bound.rule.target.table.quoted(), bound.stored_value(), bound.same_row());
    let sql = format!(
        "SELECT count(*) FROM {} AS c CROSS JOIN {table} AS t
         WHERE {same} AND {value} IS NOT c.new COLLATE BINARY AND {value} IS NOT c.cur COLLATE BINARY",
        bound.candidates()
    );
    let foreign: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *connection).await.map_err(db)?;
    if foreign > 0 || !all_present {
        return Err(StoreError::Row(format!(
            "a trigger of table {} replaced what was written",
            bound.rule.target.table
        )));
    }
    let sql = format!(
        "DELETE FROM {} AS c WHERE EXISTS (SELECT 1 FROM {table} AS t WHERE {same} AND {value} IS NOT c.new COLLATE BINARY)",
        bound.candidates()
    );
    execute(connection, sql).await
}

/// The journal is JSON, which holds numbers and texts, and nothing else.
async fn check_keys(connection: &mut SqliteConnection, bound: &Bound<'_>) -> Result<(), StoreError> {
    let tests: Vec<String> = numbered("k", bound.key_width())
        .iter()
        .map(|k| format!("max(CASE WHEN typeof({k}) IN ('integer', 'real', 'text') THEN NULL ELSE typeof({k}) END)"))
        .collect();
    let sql = format!("SELECT {} FROM {}", tests.join(", "), bound.candidates());
    let row = sqlx::query(AssertSqlSafe(sql)).fetch_one(connection).await.map_err(db)?;
    for (at, column) in bound.rule.target.key.iter().enumerate() {
        if let Some(class) = row.try_get::<Option<String>, _>(at).map_err(db)? {
            return Err(StoreError::Unsupported(format!(
                "Key column {column} of table {} holds a value of type {class}, which the journal cannot keep exactly. \
                 Name a unique key of numbers or texts in the rule.",
                bound.rule.target.table
            )));
        }
    }
    Ok(())
}

async fn journal(
    connection: &mut SqliteConnection,
    bound: &Bound<'_>,
    run: &RunId,
    no: i64,
    changed: i64,
) -> Result<(), StoreError> {
    let mut binds = Binds::default();
    let (run, no) = (binds.add(run.as_str()), binds.add(no));
    let sql = format!(
        "INSERT INTO amend_journal (run_id, chunk, old_value, new_value, row_count, row_keys)
         SELECT {run}, {no}, cur, new, count(*), json_group_array({}) FROM {} GROUP BY cur, new
         RETURNING row_count",
        bound.journal_key(),
        bound.candidates(),
    );
    let rows = binds.query(sql)?.fetch_all(connection).await.map_err(db)?;
    let mut journalled = 0;
    for row in &rows {
        journalled += row.try_get::<i64, _>(0).map_err(db)?;
    }
    if journalled == changed {
        Ok(())
    } else {
        Err(StoreError::Other(format!("{journalled} rows were journalled where {changed} were written")))
    }
}

pub(crate) async fn execute(connection: &mut SqliteConnection, sql: impl Into<String>) -> Result<(), StoreError> {
    sqlx::query(AssertSqlSafe(sql.into())).execute(connection).await.map_err(db)?;
    Ok(())
}

fn whole_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
