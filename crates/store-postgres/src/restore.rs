//! One chunk of a rollback: the newest journal entries first, because that is how a row that was
//! changed twice comes back to what it was before.

use std::time::Instant;

use amend_domain::{ConflictPolicy, RollbackScope};
use amend_engine::store::{ChunkOutcome, Entries, RestoreRequest, StoreError};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, Row};

use crate::{
    PostgresStore,
    chunk::{self, AtWork, Cursor, Done, Totals},
    error::{db, to_json},
    shape::Shape,
    sql::restore::{self, From, Part, Restore},
    tx::{Args, ChunkTx, Tx, fetch_all, fetch_one},
};

/// Where the next step begins: after `skip` keys of entry `entry`, then entries with lower numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    entry: i64,
    skip: i64,
}

/// Behind the last entry.
const END: Position = Position { entry: 0, skip: 0 };

/// Journal entries that one step reads about at most.
const MOST_ENTRIES: i64 = 2_000;

#[derive(FromRow)]
struct EntryRow {
    id: i64,
    chunk: i64,
    rows: i64,
}

#[derive(FromRow)]
struct RestoreRow {
    restorable: i64,
    original: i64,
    changed_since: i64,
    deleted: i64,
    todo: i64,
    #[sqlx(flatten)]
    totals: Totals,
}

/// What a step takes, each part with the chunk that wrote it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Take {
    parts: Vec<(i64, Part)>,
    /// `None` when nothing is left.
    next: Option<Position>,
}

impl Take {
    pub(crate) fn parts(&self) -> Vec<Part> {
        self.parts.iter().map(|(_, part)| *part).collect()
    }

    pub(crate) const fn is_last(&self) -> bool {
        self.next.is_none()
    }

    pub(crate) fn cursor(&self) -> Result<String, StoreError> {
        to_json(&self.next.unwrap_or(END))
    }
}

impl PostgresStore {
    pub(crate) async fn restore(&self, request: &RestoreRequest<'_>) -> Result<ChunkOutcome, StoreError> {
        let begun = Instant::now();
        let mut tx = self.writing(request.limits.lock_timeout, request.limits.statement_timeout).await?;
        match restore_in(&mut tx, request, begun).await {
            Ok((outcome, Kept::Yes)) => chunk::end(tx, request.write).await.map(|()| outcome),
            Ok((outcome, Kept::No)) => tx.rollback().await.map(|()| outcome),
            Err(error) => Err(chunk::undo(tx, error).await),
        }
    }
}

/// Whether a step is to be committed.
enum Kept {
    Yes,
    No,
}

async fn restore_in(
    tx: &mut ChunkTx,
    request: &RestoreRequest<'_>,
    begun: Instant,
) -> Result<(ChunkOutcome, Kept), StoreError> {
    let run = chunk::take(tx, request.lease).await?;
    let shape = Shape::load(tx, request.rule).await?;
    shape.check_writable()?;
    let take = next_parts(tx, &shape, request).await?;
    let parts = take.parts();
    let what = what(request, run, &parts);
    let mut args = Args::default();
    let sql = restore::restore(&shape, &what, &mut args)?;
    tx.keep_to_limit().await?;
    let row = RestoreRow::from_row(&fetch_one(tx, sql, args).await?).map_err(db)?;
    if request.on_conflict == ConflictPolicy::Stop && row.changed_since > 0 {
        let stopped = ChunkOutcome { conflicts: row.changed_since, ..nothing(request, run, begun) };
        return Ok((stopped, Kept::No));
    }
    row.totals.check()?;
    let cursor = take.cursor()?;
    let done = Done {
        no: what.chunk,
        at: request.now,
        begun,
        scanned: scanned(request.scope, &parts, &row),
        changed: row.totals.changed,
        skipped: row.todo - row.totals.changed,
        failed: 0,
        conflicts: match request.on_conflict {
            ConflictPolicy::Force => row.totals.forced,
            ConflictPolicy::Skip | ConflictPolicy::Stop => row.changed_since,
        },
        deleted: row.deleted,
        batch_size: request.limits.rows,
        cursor: Cursor::To(Some(&cursor)),
        upto: &cursor,
        untouched_before: &row.totals.before,
        untouched_after: &row.totals.after,
    };
    chunk::record(tx, request.lease, &done).await?;
    let outcome = ChunkOutcome {
        done: take.is_last(),
        scanned: done.scanned,
        changed: done.changed,
        skipped: done.skipped,
        failed: 0,
        conflicts: done.conflicts,
        deleted: done.deleted,
        original: row.original,
        touched: done.untouched_before != done.untouched_after,
        state: run.state,
        duration_ms: done.duration_ms(),
        cursor: Some(cursor),
    };
    Ok((outcome, Kept::Yes))
}

/// What a step restores.
pub(crate) fn what<'a>(request: &'a RestoreRequest<'_>, run: AtWork, parts: &'a [Part]) -> Restore<'a> {
    Restore {
        parts,
        from: from(request),
        scope: request.scope,
        on_conflict: request.on_conflict,
        pass_over: run.failed > 0,
        run: request.lease.run_id.as_str(),
        chunk: run.chunk_numbers + 1,
    }
}

/// Where the entries of a step stand.
fn from<'a>(request: &RestoreRequest<'a>) -> From<'a> {
    match request.entries {
        Entries::Whole => From::Journal(request.source.as_str()),
        Entries::SetAside => From::SetAside(request.lease.run_id.as_str()),
    }
}

/// Keys that the scope claims: all of the parts, unless it looks at the rows one by one.
fn scanned(scope: &RollbackScope, parts: &[Part], row: &RestoreRow) -> i64 {
    if scope.symbols.is_none() && scope.rows.is_none() {
        parts.iter().map(|p| p.len).sum()
    } else {
        row.restorable + row.original + row.changed_since + row.deleted
    }
}

/// A step that did nothing and does not move on.
pub(crate) fn nothing(request: &RestoreRequest<'_>, run: AtWork, begun: Instant) -> ChunkOutcome {
    ChunkOutcome {
        cursor: request.cursor.map(Into::into),
        done: false,
        scanned: 0,
        changed: 0,
        skipped: 0,
        failed: 0,
        conflicts: 0,
        deleted: 0,
        original: 0,
        touched: false,
        state: run.state,
        duration_ms: i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX),
    }
}

pub(crate) async fn next_parts(tx: &mut Tx, shape: &Shape, request: &RestoreRequest<'_>) -> Result<Take, StoreError> {
    let from: Option<Position> = request
        .cursor
        .map(|text| {
            serde_json::from_str(text).map_err(|_| StoreError::Other(format!("{text:?} is no cursor of a rollback")))
        })
        .transpose()?;
    let rows = request.limits.rows.max(1);
    let most = rows.saturating_add(1).min(MOST_ENTRIES);
    let mut args = Args::default();
    let start = from.map_or(i64::MAX, |p| p.entry);
    let sql = restore::entries(shape, self::from(request), request.scope, start, most, &mut args)?;
    let found = fetch_all(tx, sql, args).await?;
    let entries: Vec<EntryRow> =
        found.iter().map(|row| EntryRow::from_row(row).map_err(db)).collect::<Result<_, _>>()?;
    let all_there = i64::try_from(entries.len()).unwrap_or(i64::MAX) < most;
    let mut take = pick(&entries, from, rows, all_there);
    if take.parts.windows(2).any(|w| w[0].0 != w[1].0) {
        let parts = take.parts();
        let mut args = Args::default();
        let sql = restore::overlap(self::from(request), &parts, &mut args);
        if fetch_one(tx, sql, args).await?.try_get("twice").map_err(db)? {
            cut_to_one_chunk(&mut take);
        }
    }
    Ok(take)
}

/// Parts of `entries` (newest first) until there are `rows` keys. `all_there` says that no entry
/// follows the last of them.
fn pick(entries: &[EntryRow], from: Option<Position>, rows: i64, all_there: bool) -> Take {
    let mut parts = Vec::new();
    let mut room = rows;
    for entry in entries {
        let skip = from.filter(|p| p.entry == entry.id).map_or(0, |p| p.skip);
        let len = (entry.rows - skip).min(room);
        if len > 0 {
            parts.push((entry.chunk, Part { entry: entry.id, skip, len }));
            room -= len;
        }
        if skip + len < entry.rows {
            return Take { parts, next: Some(Position { entry: entry.id, skip: skip + len }) };
        }
    }
    let next = match entries.last() {
        Some(last) if !all_there => Some(Position { entry: last.id - 1, skip: 0 }),
        _ => None,
    };
    Take { parts, next }
}

/// Within one chunk no row is written twice.
fn cut_to_one_chunk(take: &mut Take) {
    let Some(first) = take.parts.first().map(|(chunk, _)| *chunk) else { return };
    if let Some(at) = take.parts.iter().position(|(chunk, _)| *chunk != first) {
        let (_, part) = take.parts[at];
        take.next = Some(Position { entry: part.entry, skip: part.skip });
        take.parts.truncate(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: i64, chunk: i64, rows: i64) -> EntryRow {
        EntryRow { id, chunk, rows }
    }

    fn lens(take: &Take) -> Vec<(i64, i64, i64)> {
        take.parts.iter().map(|(_, p)| (p.entry, p.skip, p.len)).collect()
    }

    #[test]
    fn steps_of_any_size_take_every_key_once() {
        let entries = [entry(9, 3, 5), entry(8, 3, 1), entry(4, 2, 7), entry(1, 1, 2)];
        for rows in 1..=20 {
            let mut from = None;
            let mut keys = Vec::new();
            loop {
                let left: Vec<EntryRow> = entries
                    .iter()
                    .filter(|e| from.is_none_or(|p: Position| e.id <= p.entry))
                    .map(|e| entry(e.id, e.chunk, e.rows))
                    .collect();
                let take = pick(&left, from, rows, true);
                assert!(take.parts.iter().map(|(_, p)| p.len).sum::<i64>() <= rows);
                keys.extend(lens(&take).into_iter().flat_map(|(e, skip, len)| (skip..skip + len).map(move |k| (e, k))));
                match take.next {
                    Some(next) => from = Some(next),
                    None => break,
                }
            }
            let all: Vec<(i64, i64)> = entries.iter().flat_map(|e| (0..e.rows).map(move |k| (e.id, k))).collect();
            assert_eq!(keys, all, "{rows} rows a step");
        }
    }

    #[test]
    fn a_step_that_would_meet_a_key_twice_ends_with_its_first_chunk() {
        let mut take = pick(&[entry(9, 3, 5), entry(8, 3, 1), entry(4, 2, 7)], None, 100, true);
        cut_to_one_chunk(&mut take);
        assert_eq!((lens(&take), take.next), (vec![(9, 0, 5), (8, 0, 1)], Some(Position { entry: 4, skip: 0 })));
    }

    #[test]
    fn entries_that_were_not_read_yet_come_next() {
        let take = pick(&[entry(9, 3, 1)], None, 100, false);
        assert_eq!(take.next, Some(Position { entry: 8, skip: 0 }));
    }
}
