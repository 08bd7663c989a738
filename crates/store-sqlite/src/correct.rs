//! One step of a correction.

use amend_engine::store::{ChunkLimits, ChunkRequest, RefusedRow, StoreError, Write};
use sqlx::{Row as _, SqliteConnection};

use crate::{
    ahead::State,
    chunk::{Applied, Ready, Record, Step, Tally, apply, execute, prepare},
    error::{corrupt, db},
    failures::{self, Listing},
    plain::{Plain, Seen},
    shape::Bound,
    sql::{and, candidates::Walk, reference},
    store::SqliteStore,
    value::{Binds, SqlValue},
};

pub(crate) async fn step(
    store: &SqliteStore,
    connection: &mut SqliteConnection,
    request: &ChunkRequest<'_>,
    no: i64,
    pass_over: bool,
    ready: Ready,
) -> Result<Step, StoreError> {
    let bound = Bound::load(connection, request.rule).await?;
    let resolved = reference::ensure(connection, &bound).await?;
    if !pass_over
        && let Some(plain) = Plain::of(connection, &bound, request.mode, request.scope).await?
        && let Some(step) = plainly(store, connection, (&bound, &plain), request, no, &resolved, ready).await?
    {
        return Ok(step);
    }
    prepare(connection, &bound).await?;
    let slicer = Slicer { bound: &bound, request, walk: bound.walk(), pass_over };
    let Some(Looked { scanned, end, candidates }) = slicer.look(connection, &resolved).await? else {
        return Ok(Step { cursor: request.cursor.map(str::to_owned), done: true, ..Step::default() });
    };
    let applied = apply(connection, &bound, &request.lease.run_id, no, candidates).await?;
    Ok(Step {
        cursor: Some(end.to_text(slicer.walk)),
        done: !slicer.any_after(connection, &end).await?,
        tally: Tally { scanned, changed: applied.changed, skipped: applied.skipped, ..Tally::default() },
        record: Some(Record { upto: slicer.key_text(connection, &end).await?, applied }),
        halted: false,
    })
}

/// The step where nothing is peculiar. `None`, with nothing done, where something turns out to be.
async fn plainly(
    store: &SqliteStore,
    connection: &mut SqliteConnection,
    (bound, plain): (&Bound<'_>, &Plain<'_>),
    request: &ChunkRequest<'_>,
    no: i64,
    resolved: &str,
    ready: Ready,
) -> Result<Option<Step>, StoreError> {
    let version: i64 = sqlx::query_scalar("PRAGMA data_version").fetch_one(&mut *connection).await.map_err(db)?;
    let slicer = Slicer { bound, request, walk: bound.walk(), pass_over: false };
    let after = match slicer.start()?.as_ref().map(|place| place.0.as_slice()) {
        None => None,
        Some([SqlValue::Int(n)]) => Some(*n),
        Some(_) => return Ok(None),
    };
    let before = State { version, writes: ready.writes - 1 };
    let seen = match ready.ahead {
        Some(found) if found.state == before => Seen::Batch(found.batch),
        _ => plain.read(connection, resolved, after, request.limits).await?,
    };
    let batch = match seen {
        Seen::Batch(batch) => batch,
        Seen::Peculiar => return Ok(None),
        Seen::Nothing => {
            execute(connection, "SAVEPOINT amend_step").await?;
            return Ok(Some(Step { cursor: request.cursor.map(str::to_owned), done: true, ..Step::default() }));
        }
    };
    let end = Place(vec![SqlValue::Int(batch.end)]);
    let done = !slicer.any_after(connection, &end).await?;
    if !done && request.write == Write::Commit {
        store.ahead.begin(store, request, batch.end, State { version, writes: ready.writes });
    }
    execute(connection, "SAVEPOINT amend_step").await?;
    let Some(applied) = plain.write(connection, resolved, &batch).await? else {
        execute(connection, "ROLLBACK TO amend_step").await?;
        execute(connection, "RELEASE amend_step").await?;
        return Ok(None);
    };
    batch.journal(connection, request.lease.run_id.as_str(), no).await?;
    reference::forget(connection, bound).await?;
    Ok(Some(Step {
        cursor: Some(end.to_text(slicer.walk)),
        done,
        tally: Tally { scanned: batch.scanned, changed: applied.changed, ..Tally::default() },
        record: Some(Record { upto: slicer.key_text(connection, &end).await?, applied }),
        halted: false,
    }))
}

/// Puts the next candidate on the list of failed rows.
pub(crate) async fn fail_row(
    connection: &mut SqliteConnection,
    refused: &RefusedRow<'_>,
    pass_over: bool,
) -> Result<Step, StoreError> {
    let one = ChunkLimits { rows: 1, ..refused.chunk.limits };
    let request = ChunkRequest { limits: one, ..refused.chunk.clone() };
    let bound = Bound::load(connection, request.rule).await?;
    let resolved = reference::ensure(connection, &bound).await?;
    prepare(connection, &bound).await?;
    let slicer = Slicer { bound: &bound, request: &request, walk: bound.walk(), pass_over };
    let Some(Looked { scanned, end, candidates }) = slicer.look(connection, &resolved).await? else {
        return Ok(Step { cursor: request.cursor.map(str::to_owned), done: true, ..Step::default() });
    };
    let upto = slicer.key_text(connection, &end).await?;
    let listing = Listing::of(refused, request.lease, request.now);
    let failed = if candidates == 1 { failures::list(connection, &bound, &listing, &upto).await? } else { 0 };
    Ok(Step {
        cursor: Some(end.to_text(slicer.walk)),
        done: !slicer.any_after(connection, &end).await?,
        tally: Tally { scanned, failed, ..Tally::default() },
        record: Some(Record { upto, applied: Applied::default() }),
        halted: false,
    })
}

/// A place in the walk: the row number, or the key.
#[derive(Debug, Clone, PartialEq)]
struct Place(Vec<SqlValue>);

impl Place {
    fn to_text(&self, walk: Walk) -> String {
        match (walk, self.0.as_slice()) {
            (Walk::RowNumber(_), [SqlValue::Int(n)]) => n.to_string(),
            (_, parts) => serde_json::json!(parts.iter().map(SqlValue::to_tagged).collect::<Vec<_>>()).to_string(),
        }
    }

    fn from_text(text: &str, walk: Walk, width: usize) -> Option<Self> {
        match walk {
            Walk::RowNumber(_) => text.parse().ok().map(|n| Self(vec![SqlValue::Int(n)])),
            Walk::Key => {
                let parts: Vec<String> = serde_json::from_str(text).ok()?;
                let values: Option<Vec<_>> = parts.iter().map(|part| SqlValue::from_tagged(part)).collect();
                values.filter(|v| v.len() == width).map(Self)
            }
        }
    }
}

/// Where slices of the table begin and end. Walking by row number is walking the file in its own order.
struct Slicer<'a> {
    bound: &'a Bound<'a>,
    request: &'a ChunkRequest<'a>,
    walk: Walk,
    /// The run has failed rows, which are no candidates.
    pass_over: bool,
}

/// What the next rows are, once the candidates among them are collected.
struct Looked {
    scanned: i64,
    end: Place,
    candidates: i64,
}

impl Slicer<'_> {
    /// `None` at the end of the table.
    async fn look(&self, connection: &mut SqliteConnection, resolved: &str) -> Result<Option<Looked>, StoreError> {
        let from = self.start()?;
        let Some((slice, end)) = self.slice(connection, from.as_ref()).await? else { return Ok(None) };
        let candidates = self.collect(connection, resolved, from.as_ref(), &end).await?;
        if candidates < self.request.limits.rows {
            return Ok(Some(Looked { scanned: slice, end, candidates }));
        }
        let last = self.last_candidate(connection).await?;
        let scanned = self.count(connection, from.as_ref(), &last).await?;
        Ok(Some(Looked { scanned, end: last, candidates }))
    }

    fn start(&self) -> Result<Option<Place>, StoreError> {
        let Some(cursor) = self.request.cursor else { return Ok(None) };
        match Place::from_text(cursor, self.walk, self.bound.key_width()) {
            Some(place) => Ok(Some(place)),
            None => {
                Err(corrupt("amend_run", "cursor", self.request.lease.run_id.as_str(), "it does not fit the table"))
            }
        }
    }

    /// What the walk is ordered by.
    fn terms(&self) -> String {
        self.ordered("")
    }

    fn ordered(&self, direction: &str) -> String {
        match self.walk {
            Walk::RowNumber(rowid) => format!("t.{rowid}{direction}"),
            Walk::Key => {
                let key = self.bound.rule.target.key.iter();
                key.map(|c| format!("t.{}{direction}", c.quoted())).collect::<Vec<_>>().join(", ")
            }
        }
    }

    fn compared(&self, sign: &str, place: &Place, binds: &mut Binds) -> String {
        let places: Vec<String> = place.0.iter().map(|value| binds.add(value.clone())).collect();
        format!("({}) {sign} ({})", self.terms(), places.join(", "))
    }

    /// `FROM target AS t WHERE ..`: rows of the scope after `from`, up to `end`.
    fn rows(&self, from: Option<&Place>, end: Option<&Place>, binds: &mut Binds) -> String {
        self.rows_with("", from, end, binds)
    }

    /// The same with another table joined.
    fn rows_with(&self, joined: &str, from: Option<&Place>, end: Option<&Place>, binds: &mut Binds) -> String {
        let mut conditions = Vec::new();
        if let Some(from) = from {
            conditions.push(self.compared(">", from, binds));
        }
        if let Some(end) = end {
            conditions.push(self.compared("<=", end, binds));
        }
        conditions.extend(self.bound.scope(self.request.scope, binds));
        format!("FROM {} AS t {joined} WHERE TRUE{}", self.bound.rule.target.table.quoted(), and(&conditions))
    }

    /// How many of the next rows there are, at most `scan`, and where the last of them is.
    async fn slice(
        &self,
        connection: &mut SqliteConnection,
        from: Option<&Place>,
    ) -> Result<Option<(i64, Place)>, StoreError> {
        let mut binds = Binds::default();
        let rows = self.rows(from, None, &mut binds);
        let scan = binds.add(self.request.limits.scan.max(self.request.limits.rows));
        let terms = self.terms();
        match self.walk {
            Walk::RowNumber(_) => {
                let sql =
                    format!("SELECT count(*), max(k) FROM (SELECT {terms} AS k {rows} ORDER BY {terms} LIMIT {scan})");
                let row = binds.query(sql)?.fetch_one(connection).await.map_err(db)?;
                let count: i64 = row.try_get(0).map_err(db)?;
                Ok(if count == 0 { None } else { Some((count, place(&row, 1)?)) })
            }
            Walk::Key => {
                let sql = format!("SELECT count(*) FROM (SELECT 1 {rows} ORDER BY {terms} LIMIT {scan})");
                let count: i64 =
                    binds.query(sql)?.fetch_one(&mut *connection).await.map_err(db)?.try_get(0).map_err(db)?;
                if count == 0 {
                    return Ok(None);
                }
                let mut binds = Binds::default();
                let rows = self.rows(from, None, &mut binds);
                let sql = format!("SELECT {terms} {rows} ORDER BY {terms} LIMIT 1 OFFSET {}", binds.add(count - 1));
                let row = binds.query(sql)?.fetch_one(connection).await.map_err(db)?;
                Ok(Some((count, place(&row, 0)?)))
            }
        }
    }

    /// Puts the rows of the slice that the mode corrects into the table of candidates, at most `rows`.
    async fn collect(
        &self,
        connection: &mut SqliteConnection,
        resolved: &str,
        from: Option<&Place>,
        end: &Place,
    ) -> Result<i64, StoreError> {
        let mut binds = Binds::default();
        // A cross join keeps the order: the slice first, then a look at the reference.
        let rows = self.rows_with(&format!("CROSS JOIN {resolved} AS r"), from, Some(end), &mut binds);
        let (into, columns) = self.bound.candidate_names();
        let listed = if self.pass_over {
            format!(" AND NOT {}", self.bound.stands_failed(&self.request.lease.run_id, &mut binds))
        } else {
            String::new()
        };
        let sql = format!(
            "INSERT OR FAIL INTO {} ({into}, cur, new, what) SELECT {columns}, {}, r.value, 0 {rows} AND {} AND {}{listed}
             ORDER BY {} LIMIT {}",
            self.bound.candidates(),
            self.bound.stored_value(),
            self.bound.matching(),
            self.bound.correctable(self.request.mode),
            self.terms(),
            binds.add(self.request.limits.rows),
        );
        let added = binds.query(sql)?.execute(connection).await.map_err(db)?.rows_affected();
        i64::try_from(added).map_err(|e| StoreError::Other(e.to_string()))
    }

    async fn last_candidate(&self, connection: &mut SqliteConnection) -> Result<Place, StoreError> {
        let bound = self.bound;
        let sql = match self.walk {
            Walk::RowNumber(_) => format!("SELECT max(k) FROM {}", bound.candidates()),
            // In the order of the table's own collations.
            Walk::Key => format!(
                "SELECT {} FROM {} AS c CROSS JOIN {} AS t WHERE {} ORDER BY {} LIMIT 1",
                self.terms(),
                bound.candidates(),
                bound.rule.target.table.quoted(),
                bound.same_row(),
                self.ordered(" DESC"),
            ),
        };
        let row = Binds::default().query(sql)?.fetch_one(connection).await.map_err(db)?;
        place(&row, 0)
    }

    async fn count(
        &self,
        connection: &mut SqliteConnection,
        from: Option<&Place>,
        end: &Place,
    ) -> Result<i64, StoreError> {
        let mut binds = Binds::default();
        let sql = format!("SELECT count(*) {}", self.rows(from, Some(end), &mut binds));
        binds.query(sql)?.fetch_one(connection).await.map_err(db)?.try_get(0).map_err(db)
    }

    async fn any_after(&self, connection: &mut SqliteConnection, end: &Place) -> Result<bool, StoreError> {
        let mut binds = Binds::default();
        let sql = format!("SELECT EXISTS (SELECT 1 {})", self.rows(Some(end), None, &mut binds));
        binds.query(sql)?.fetch_one(connection).await.map_err(db)?.try_get(0).map_err(db)
    }

    /// The key of the row at a place, for people.
    async fn key_text(&self, connection: &mut SqliteConnection, end: &Place) -> Result<String, StoreError> {
        let mut binds = Binds::default();
        let key: Vec<String> = self.bound.rule.target.key.iter().map(|c| format!("t.{}", c.quoted())).collect();
        let at = self.compared("=", end, &mut binds);
        let sql =
            format!("SELECT {} FROM {} AS t WHERE {at} LIMIT 1", key.join(", "), self.bound.rule.target.table.quoted());
        let row = binds.query(sql)?.fetch_one(connection).await.map_err(db)?;
        key_text(&row, 0, key.len())
    }
}

fn place(row: &sqlx::sqlite::SqliteRow, first: usize) -> Result<Place, StoreError> {
    (first..row.len()).map(|at| SqlValue::read(row, at)).collect::<Result<Vec<_>, _>>().map(Place)
}

/// A key as people see it: its text, or a JSON array of the texts of its parts.
pub(crate) fn key_text(row: &sqlx::sqlite::SqliteRow, first: usize, width: usize) -> Result<String, StoreError> {
    let mut parts = Vec::with_capacity(width);
    for at in first..first + width {
        parts.push(SqlValue::read(row, at)?.into_text());
    }
    Ok(match parts.as_mut_slice() {
        [only] => only.take().unwrap_or_default(),
        _ => serde_json::json!(parts).to_string(),
    })
}
