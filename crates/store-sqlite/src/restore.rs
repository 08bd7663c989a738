//! One step of a rollback: entries of the journal, the newest first, so that a row that was
//! written twice comes back to what it was before the first time.

use amend_domain::ConflictPolicy;
use amend_engine::store::{ChunkLimits, Entries, RefusedRow, RestoreRequest, StoreError};
use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};

use crate::{
    chunk::{Applied, Record, Step, Tally, apply, execute, prepare},
    correct::key_text,
    error::{corrupt, db},
    failures::{self, Listing},
    shape::Bound,
    sql::{and, reference},
    value::{Binds, SqlValue},
};

/// What a journalled row looks like now.
pub(crate) const OURS: i64 = 0;
pub(crate) const ORIGINAL: i64 = 1;
pub(crate) const FOREIGN: i64 = 2;

/// Where entries stand.
pub(crate) const JOURNAL: &str = "amend_journal";
pub(crate) const SET_ASIDE: &str = "amend_set_aside";

/// Entries looked at in one step, at most.
const ENTRIES: i64 = 2_000;

pub(crate) async fn step(
    connection: &mut SqliteConnection,
    request: &RestoreRequest<'_>,
    no: i64,
    pass_over: bool,
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
    let applied = write(connection, &bound, request, no, pass_over).await?;
    let place = Place::after(&taken);
    Ok(Step {
        cursor: Some(place.to_text()),
        done: is_last(connection, &bound, request, place).await?,
        tally: Tally { changed: applied.changed, skipped: applied.skipped, ..tally },
        record: Some(Record { upto: format!("journal {}", place.to_text()), applied }),
        halted: false,
    })
}

/// Puts the one row that a step would restore next on the list of failed rows.
pub(crate) async fn fail_row(
    connection: &mut SqliteConnection,
    refused: &RefusedRow<'_, RestoreRequest<'_>>,
    pass_over: bool,
) -> Result<Step, StoreError> {
    let one = ChunkLimits { rows: 1, ..refused.chunk.limits };
    let request = &RestoreRequest { limits: one, ..refused.chunk.clone() };
    let bound = Bound::load(connection, request.rule).await?;
    reference::ensure(connection, &bound).await?;
    prepare(connection, &bound).await?;
    let taken = take(connection, &bound, request).await?;
    collect(connection, &bound, request, &taken).await?;
    let stays = Step { cursor: request.cursor.map(str::to_owned), ..Step::default() };
    if leave_out(connection, &bound, request, pass_over).await? != 1 {
        return Ok(stays);
    }
    let key = candidate_key(connection, &bound).await?;
    let failed = failures::list(connection, &bound, &Listing::of(refused, request.lease, request.now), &key).await?;
    let place = Place::after(&taken);
    Ok(Step {
        cursor: Some(place.to_text()),
        done: is_last(connection, &bound, request, place).await?,
        tally: Tally { scanned: 1, failed, ..Tally::default() },
        record: Some(Record { upto: format!("journal {}", place.to_text()), applied: Applied::default() }),
        halted: false,
    })
}

/// The key of the one candidate, for people.
async fn candidate_key(connection: &mut SqliteConnection, bound: &Bound<'_>) -> Result<String, StoreError> {
    let key: Vec<String> = bound.rule.target.key.iter().map(|c| format!("t.{}", c.quoted())).collect();
    let sql = format!(
        "SELECT {} FROM {} AS c CROSS JOIN {} AS t WHERE {}",
        key.join(", "),
        bound.candidates(),
        bound.rule.target.table.quoted(),
        bound.same_row()
    );
    let row = Binds::default().query(sql)?.fetch_one(connection).await.map_err(db)?;
    key_text(&row, 0, key.len())
}

/// Where a step begins: within an entry after so many of its keys, then at entries with lower numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    entry: i64,
    /// `None` when nothing of the entry is left.
    skip: Option<i64>,
}

impl Place {
    /// Behind the last of these.
    fn after(taken: &[Entry]) -> Self {
        match taken.last() {
            Some(last) => Self { entry: last.id, skip: (last.to < last.rows).then_some(last.to) },
            None => Self { entry: 0, skip: None },
        }
    }

    fn to_text(self) -> String {
        match self.skip {
            Some(skip) => format!("{}+{skip}", self.entry),
            None => self.entry.to_string(),
        }
    }

    fn from_text(text: &str) -> Option<Self> {
        match text.split_once('+') {
            Some((entry, skip)) => Some(Self { entry: entry.parse().ok()?, skip: Some(skip.parse().ok()?) }),
            None => Some(Self { entry: text.parse().ok()?, skip: None }),
        }
    }

    /// The first entry number that is behind it.
    const fn before(self) -> i64 {
        if self.skip.is_some() { self.entry.saturating_add(1) } else { self.entry }
    }
}

/// An entry of the journal, without its keys, of which those from `from` to before `to` are taken.
#[derive(Debug, Clone, Copy)]
struct Entry {
    id: i64,
    chunk: i64,
    rows: i64,
    from: i64,
    to: i64,
}

/// The table of the entries that a step goes through, and the run that they are of.
fn source<'a>(request: &RestoreRequest<'a>) -> (&'static str, &'a str) {
    match request.entries {
        Entries::Whole => (JOURNAL, request.source.as_str()),
        Entries::SetAside => (SET_ASIDE, request.lease.run_id.as_str()),
    }
}

async fn take(
    connection: &mut SqliteConnection,
    bound: &Bound<'_>,
    request: &RestoreRequest<'_>,
) -> Result<Vec<Entry>, StoreError> {
    let start = match request.cursor {
        None => Place { entry: i64::MAX, skip: None },
        Some(text) => Place::from_text(text).ok_or_else(|| {
            corrupt("amend_run", "cursor", request.lease.run_id.as_str(), "it is no place in the journal")
        })?,
    };
    let mut binds = Binds::default();
    let sql = format!(
        "SELECT j.id, j.chunk, j.row_count FROM {} AS j WHERE {} ORDER BY j.id DESC LIMIT {ENTRIES}",
        source(request).0,
        entries(bound, request, start.before(), &mut binds)?,
    );
    let rows = binds.query(sql)?.fetch_all(connection).await.map_err(db)?;
    let mut taken: Vec<Entry> = Vec::new();
    let mut sum = 0;
    for row in &rows {
        let (id, rows): (i64, i64) = (row.try_get(0).map_err(db)?, row.try_get(2).map_err(db)?);
        let from = start.skip.filter(|_| id == start.entry).unwrap_or(0);
        let mut entry = Entry { id, chunk: row.try_get(1).map_err(db)?, rows, from, to: rows };
        sum += entry.to - from;
        if sum > request.limits.rows {
            // An entry is read as one text, so it is divided only where it is too large alone.
            if taken.is_empty() {
                entry.to = from + request.limits.rows.max(1);
                taken.push(entry);
            }
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
    let (run, before) = (binds.add(source(request).1), binds.add(before));
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
        return Ok(taken.iter().map(|e| e.to - e.from).sum());
    }
    let mut binds = Binds::default();
    let ids: Vec<i64> = taken.iter().map(|e| e.id).collect();
    let ids = binds.add(serde_json::json!(ids).to_string());
    let then = and(&bound.undo_scope(request.scope, &mut binds)?.then);
    let sql = format!(
        "SELECT count(*) FROM {} AS j CROSS JOIN json_each(j.row_keys) AS e
         WHERE j.id IN (SELECT value FROM json_each({ids})) AND {}{then}",
        source(request).0,
        within(taken)
    );
    binds.query(sql)?.fetch_one(connection).await.map_err(db)?.try_get(0).map_err(db)
}

/// Holds for keys `e` that are taken of their entries `j`: only the first entry may lack keys before them,
/// only the last one keys behind them.
fn within(taken: &[Entry]) -> String {
    let mut parts = vec!["TRUE".to_owned()];
    parts.extend(taken.first().filter(|e| e.from > 0).map(|e| format!("NOT (j.id = {} AND e.key < {})", e.id, e.from)));
    parts
        .extend(taken.last().filter(|e| e.to < e.rows).map(|e| format!("NOT (j.id = {} AND e.key >= {})", e.id, e.to)));
    parts.join(" AND ")
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
         FROM {} AS j CROSS JOIN json_each(j.row_keys) AS e CROSS JOIN {} AS t
         WHERE j.id IN (SELECT value FROM json_each({ids})) AND {} AND {}{}",
        bound.candidates(),
        bound.stored_value(),
        looks(bound),
        source(request).0,
        bound.rule.target.table.quoted(),
        within(taken),
        bound.named_by_journal(),
        and(&scope),
    );
    match binds.query(sql)?.execute(connection).await {
        Ok(_) => Ok(true),
        Err(sqlx::Error::Database(e)) if e.is_unique_violation() => Ok(false),
        Err(e) => Err(db(e)),
    }
}

/// What a row `t` of an entry `j` looks like. That it is as it was before says more than that it is as it was
/// written: a list made of a copy names no other value where nobody knows what Amend wrote.
pub(crate) fn looks(bound: &Bound<'_>) -> String {
    let value = bound.stored_value();
    format!(
        "CASE WHEN {value} IS j.old_value COLLATE BINARY THEN {ORIGINAL} \
         WHEN {value} IS j.new_value COLLATE BINARY THEN {OURS} ELSE {FOREIGN} END"
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
    pass_over: bool,
) -> Result<Applied, StoreError> {
    let kept = leave_out(connection, bound, request, pass_over).await?;
    apply(connection, bound, &request.lease.run_id, no, kept).await
}

/// Leaves out candidates that are not to be restored, and says how many are left.
async fn leave_out(
    connection: &mut SqliteConnection,
    bound: &Bound<'_>,
    request: &RestoreRequest<'_>,
    pass_over: bool,
) -> Result<i64, StoreError> {
    let mut binds = Binds::default();
    let also = if request.on_conflict == ConflictPolicy::Force { FOREIGN } else { OURS };
    let sql =
        format!("DELETE FROM {} WHERE what NOT IN ({OURS}, {})", bound.candidates(), binds.add(SqlValue::Int(also)));
    binds.query(sql)?.execute(&mut *connection).await.map_err(db)?;
    if pass_over {
        let mut binds = Binds::default();
        let sql = format!(
            "DELETE FROM {} AS c WHERE EXISTS (SELECT 1 FROM {} AS t WHERE {} AND {})",
            bound.candidates(),
            bound.rule.target.table.quoted(),
            bound.same_row(),
            bound.stands_failed(&request.lease.run_id, &mut binds),
        );
        binds.query(sql)?.execute(&mut *connection).await.map_err(db)?;
    }
    sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {}", bound.candidates())))
        .fetch_one(connection)
        .await
        .map_err(db)
}

/// Whether nothing is left behind a place.
async fn is_last(
    connection: &mut SqliteConnection,
    bound: &Bound<'_>,
    request: &RestoreRequest<'_>,
    place: Place,
) -> Result<bool, StoreError> {
    Ok(place.skip.is_none() && !any_before(connection, bound, request, place.entry).await?)
}

async fn any_before(
    connection: &mut SqliteConnection,
    bound: &Bound<'_>,
    request: &RestoreRequest<'_>,
    id: i64,
) -> Result<bool, StoreError> {
    let mut binds = Binds::default();
    let entries = entries(bound, request, id, &mut binds)?;
    let sql = format!("SELECT EXISTS (SELECT 1 FROM {} AS j WHERE {entries})", source(request).0);
    binds.query(sql)?.fetch_one(connection).await.map_err(db)?.try_get(0).map_err(db)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_within_an_entry_is_written_and_read_back() {
        let entry = Entry { id: 7, chunk: 1, rows: 10, from: 2, to: 5 };
        let within = Place::after(&[entry]);
        assert_eq!((within.to_text().as_str(), within.before()), ("7+5", 8));
        let behind = Place::after(&[Entry { to: 10, ..entry }]);
        assert_eq!((behind.to_text().as_str(), behind.before()), ("7", 7));
        for place in [within, behind] {
            assert_eq!(Place::from_text(&place.to_text()), Some(place));
        }
        assert_eq!(Place::from_text("7+"), None);
    }
}
