//! One step of a rollback: whole entries of the journal, the newest first, so that a row that was
//! written twice comes back to what it was before the first time.

use amend_domain::ConflictPolicy;
use amend_engine::store::{RestoreRequest, StoreError};
use sqlx::{Row as _, SqliteConnection};

use crate::{
    chunk::{Applied, Record, Step, Tally, apply, execute, prepare},
    error::{corrupt, db},
    shape::Bound,
    sql::{and, reference},
    value::{Binds, SqlValue},
};

/// What a journalled row looks like now.
pub(crate) const OURS: i64 = 0;
pub(crate) const ORIGINAL: i64 = 1;
pub(crate) const FOREIGN: i64 = 2;

/// Entries looked at in one step, at most.
const ENTRIES: i64 = 2_000;

pub(crate) async fn step(
    connection: &mut SqliteConnection,
    request: &RestoreRequest<'_>,
    no: i64,
) -> Result<Step, StoreError> {
    let bound = Bound::load(connection, request.rule).await?;
    // So that there is something to forget.
    reference::ensure(connection, &bound).await?;
    prepare(connection, &bound).await?;
    let mut taken = take(connection, &bound, request).await?;
    if taken.is_empty() {
        return Ok(Step { cursor: request.cursor.map(str::to_owned), done: true, ..Step::default() });
    }
    if !collect(connection, &bound, request, &taken).await? {
        // A row was written in two chunks of this step. Within one chunk it cannot be.
        let newest = taken.first().map(|e| e.chunk);
        taken.retain(|e| Some(e.chunk) == newest);
        if !collect(connection, &bound, request, &taken).await? {
            return Err(StoreError::Other("the journal names a row twice in one chunk".into()));
        }
    }
    let seen = count(connection, &bound).await?;
    // A row that is gone has no symbol, so it belongs to no scope of symbols.
    let claimed = match request.scope.symbols {
        None => claimed(connection, &bound, request, &taken).await?,
        Some(_) => seen.total(),
    };
    let tally = Tally {
        scanned: claimed,
        deleted: claimed - seen.total(),
        conflicts: seen.foreign,
        original: seen.original,
        ..Tally::default()
    };
    if request.on_conflict == ConflictPolicy::Stop && seen.foreign > 0 {
        return Ok(Step { cursor: request.cursor.map(str::to_owned), done: false, tally, record: None, halted: true });
    }
    let applied = write(connection, &bound, request, no, &seen).await?;
    let last = taken.last().map_or(0, |e| e.id);
    Ok(Step {
        cursor: Some(last.to_string()),
        done: !any_before(connection, &bound, request, last).await?,
        tally: Tally { changed: applied.changed, skipped: applied.skipped, ..tally },
        record: Some(Record { upto: format!("journal {last}"), applied }),
        halted: false,
    })
}

/// An entry of the journal, without its keys.
#[derive(Debug, Clone, Copy)]
struct Entry {
    id: i64,
    chunk: i64,
    rows: i64,
}

async fn take(
    connection: &mut SqliteConnection,
    bound: &Bound<'_>,
    request: &RestoreRequest<'_>,
) -> Result<Vec<Entry>, StoreError> {
    let before = match request.cursor {
        None => i64::MAX,
        Some(text) => text.parse().map_err(|_| {
            corrupt("amend_run", "cursor", request.lease.run_id.as_str(), "it is no place in the journal")
        })?,
    };
    let mut binds = Binds::default();
    let sql = format!(
        "SELECT j.id, j.chunk, j.row_count FROM amend_journal AS j WHERE {} ORDER BY j.id DESC LIMIT {ENTRIES}",
        entries(bound, request, before, &mut binds)?,
    );
    let rows = binds.query(sql)?.fetch_all(connection).await.map_err(db)?;
    let mut taken: Vec<Entry> = Vec::new();
    let mut sum = 0;
    for row in &rows {
        let entry = Entry {
            id: row.try_get(0).map_err(db)?,
            chunk: row.try_get(1).map_err(db)?,
            rows: row.try_get(2).map_err(db)?,
        };
        sum += entry.rows;
        if sum > request.limits.rows && !taken.is_empty() {
            break;
        }
        taken.push(entry);
    }
    Ok(taken)
}

/// Holds for entries `j` of the source, from before `before`, that have a key of the scope.
fn entries(
    bound: &Bound<'_>,
    request: &RestoreRequest<'_>,
    before: i64,
    binds: &mut Binds,
) -> Result<String, StoreError> {
    let (run, before) = (binds.add(request.source.as_str()), binds.add(before));
    let then = and(&bound.undo_scope(request.scope, binds)?.then);
    Ok(match request.scope.rows {
        None => format!("j.run_id = {run} AND j.id < {before}{then}"),
        Some(_) => format!(
            "j.run_id = {run} AND j.id < {before} AND EXISTS (SELECT 1 FROM json_each(j.row_keys) AS e WHERE TRUE{then})"
        ),
    })
}

/// Keys of these entries that the scope claims, whether their rows are there or not.
async fn claimed(
    connection: &mut SqliteConnection,
    bound: &Bound<'_>,
    request: &RestoreRequest<'_>,
    taken: &[Entry],
) -> Result<i64, StoreError> {
    if request.scope.rows.is_none() {
        return Ok(taken.iter().map(|e| e.rows).sum());
    }
    let mut binds = Binds::default();
    let ids: Vec<i64> = taken.iter().map(|e| e.id).collect();
    let ids = binds.add(serde_json::json!(ids).to_string());
    let then = and(&bound.undo_scope(request.scope, &mut binds)?.then);
    let sql = format!(
        "SELECT count(*) FROM amend_journal AS j CROSS JOIN json_each(j.row_keys) AS e
         WHERE j.id IN (SELECT value FROM json_each({ids})){then}"
    );
    binds.query(sql)?.fetch_one(connection).await.map_err(db)?.try_get(0).map_err(db)
}

/// Puts the rows that the entries name into the table of candidates, with what they look like now.
/// False when one was named twice.
async fn collect(
    connection: &mut SqliteConnection,
    bound: &Bound<'_>,
    request: &RestoreRequest<'_>,
    taken: &[Entry],
) -> Result<bool, StoreError> {
    execute(connection, format!("DELETE FROM {}", bound.candidates())).await?;
    let mut binds = Binds::default();
    let ids: Vec<i64> = taken.iter().map(|e| e.id).collect();
    let ids = binds.add(serde_json::json!(ids).to_string());
    let (into, columns) = bound.candidate_names();
    let scope = bound.undo_scope(request.scope, &mut binds)?;
    let scope: Vec<String> = scope.then.into_iter().chain(scope.now).collect();
    let sql = format!(
        "INSERT OR FAIL INTO {} ({into}, cur, new, what) SELECT {columns}, {}, j.old_value, {}
         FROM amend_journal AS j CROSS JOIN json_each(j.row_keys) AS e CROSS JOIN {} AS t
         WHERE j.id IN (SELECT value FROM json_each({ids})) AND {}{}",
        bound.candidates(),
        bound.stored_value(),
        looks(bound),
        bound.rule.target.table.quoted(),
        bound.named_by_journal(),
        and(&scope),
    );
    match binds.query(sql)?.execute(connection).await {
        Ok(_) => Ok(true),
        Err(sqlx::Error::Database(e)) if e.is_unique_violation() => Ok(false),
        Err(e) => Err(db(e)),
    }
}

/// What a row `t` of an entry `j` looks like.
pub(crate) fn looks(bound: &Bound<'_>) -> String {
    let value = bound.stored_value();
    format!(
        "CASE WHEN {value} IS j.new_value COLLATE BINARY THEN {OURS} \
         WHEN {value} IS j.old_value COLLATE BINARY THEN {ORIGINAL} ELSE {FOREIGN} END"
    )
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    ours: i64,
    original: i64,
    foreign: i64,
}

impl Seen {
    const fn total(self) -> i64 {
        self.ours + self.original + self.foreign
    }
}

async fn count(connection: &mut SqliteConnection, bound: &Bound<'_>) -> Result<Seen, StoreError> {
    let of = |what: i64| format!("count(*) FILTER (WHERE what = {what})");
    let sql = format!("SELECT {}, {}, {} FROM {}", of(OURS), of(ORIGINAL), of(FOREIGN), bound.candidates());
    let row = Binds::default().query(sql)?.fetch_one(connection).await.map_err(db)?;
    Ok(Seen {
        ours: row.try_get(0).map_err(db)?,
        original: row.try_get(1).map_err(db)?,
        foreign: row.try_get(2).map_err(db)?,
    })
}

async fn write(
    connection: &mut SqliteConnection,
    bound: &Bound<'_>,
    request: &RestoreRequest<'_>,
    no: i64,
    seen: &Seen,
) -> Result<Applied, StoreError> {
    let forced = request.on_conflict == ConflictPolicy::Force;
    let kept = if forced { seen.ours + seen.foreign } else { seen.ours };
    if kept < seen.total() {
        let mut binds = Binds::default();
        let also = binds.add(if forced { SqlValue::Int(FOREIGN) } else { SqlValue::Int(OURS) });
        let sql = format!("DELETE FROM {} WHERE what NOT IN ({OURS}, {also})", bound.candidates());
        let left_out = binds.query(sql)?.execute(&mut *connection).await.map_err(db)?.rows_affected();
        if i64::try_from(left_out).ok() != Some(seen.total() - kept) {
            return Err(StoreError::Other(format!("{left_out} candidates were left out, not {}", seen.total() - kept)));
        }
    }
    apply(connection, bound, &request.lease.run_id, no, kept).await
}

async fn any_before(
    connection: &mut SqliteConnection,
    bound: &Bound<'_>,
    request: &RestoreRequest<'_>,
    id: i64,
) -> Result<bool, StoreError> {
    let mut binds = Binds::default();
    let entries = entries(bound, request, id, &mut binds)?;
    let sql = format!("SELECT EXISTS (SELECT 1 FROM amend_journal AS j WHERE {entries})");
    binds.query(sql)?.fetch_one(connection).await.map_err(db)?.try_get(0).map_err(db)
}
