//! Rollbacks by places: the journal's chunks in the order in which they were written, cut into slices
//! as blocks are. A slice of a rollback has chunks of the undone run for blocks, one part each, and its
//! step is the next of them.

use std::time::Instant;

use amend_domain::{RollbackScope, Rule, RunId};
use amend_engine::store::{Lease, Places, SliceOutcome, StoreError, UndoRequest, Undoes};
use async_trait::async_trait;
use sqlx::FromRow;

use crate::{
    PostgresStore,
    chunk::{self, Cursor, Done, Totals},
    error::db,
    shape::Shape,
    slices::{self, Frontier, SliceRow},
    sql::{
        apply::Find,
        undo::{self, Chunks, Stage, Undo},
    },
    tx::{Args, ChunkTx, Tx, execute, fetch_all, fetch_one},
};

#[derive(FromRow)]
struct PlacesRow {
    rows: i64,
    placed: i64,
    last: i64,
}

#[derive(FromRow)]
struct ChunkRow {
    chunk: i64,
    leaf: String,
    rows: i64,
    from_block: i64,
    to_block: i64,
}

#[derive(FromRow)]
struct UndoneRow {
    named: i64,
    aside: i64,
    #[sqlx(flatten)]
    totals: Totals,
}

/// What a step takes.
#[derive(Debug, PartialEq, Eq)]
struct Take {
    leaf: String,
    chunks: Chunks,
    rows: i64,
    from_block: i64,
    to_block: i64,
}

impl Take {
    /// Reading a range costs about as much for a block as being led to a row.
    const fn find(&self) -> Find {
        match self.chunks.stage {
            Stage::AtHome if self.to_block - self.from_block <= self.rows => {
                Find::ByTid { from_block: self.from_block, to_block: self.to_block }
            }
            _ => Find::Anywhere,
        }
    }
}

/// What the parts of a frontier are called; kept with each slice.
const AT_HOME: &str = "at home";
const MOVED: &str = "moved";

async fn look(tx: &mut Tx, shape: &Shape, source: &RunId, scope: &RollbackScope) -> Result<PlacesRow, StoreError> {
    let mut args = Args::default();
    let sql = undo::places(shape, source.as_str(), scope, &mut args);
    PlacesRow::from_row(&fetch_one(tx, sql, args).await?).map_err(db)
}

/// Chunks of one leaf until there are `rows`, but one at least. `None` when the slice has none left.
fn take(found: &[ChunkRow], rows: i64, left: Chunks) -> Option<Take> {
    let first = found.first()?;
    let mut sum = 0;
    let more = found.iter().position(|next| {
        let fits = next.leaf == first.leaf && (sum == 0 || sum + next.rows <= rows);
        sum += next.rows;
        !fits
    });
    let to = more.and_then(|at| found.get(at)).map_or(left.to, |next| next.chunk);
    let taken = &found[..more.unwrap_or(found.len())];
    Some(Take {
        leaf: first.leaf.clone(),
        chunks: Chunks { from: first.chunk, to, ..left },
        rows: taken.iter().map(|c| c.rows).sum(),
        from_block: taken.iter().map(|c| c.from_block).min()?,
        to_block: taken.iter().map(|c| c.to_block).max()?,
    })
}

async fn next(
    tx: &mut Tx,
    shape: &Shape,
    request: &UndoRequest<'_>,
    row: &SliceRow,
) -> Result<Option<Take>, StoreError> {
    let stage = if row.leaf == MOVED { Stage::Moved } else { Stage::AtHome };
    let left = Chunks { from: row.from_block + row.step, to: row.to_block, stage };
    let mut args = Args::default();
    let sql = undo::next(shape, request.source.as_str(), request.scope, left, &mut args);
    let found: Vec<ChunkRow> = fetch_all(tx, sql, args)
        .await?
        .iter()
        .map(|row| ChunkRow::from_row(row).map_err(db))
        .collect::<Result<_, _>>()?;
    Ok(take(&found, request.rows, left))
}

async fn step(tx: &mut ChunkTx, request: &UndoRequest<'_>, begun: Instant) -> Result<SliceOutcome, StoreError> {
    let (lease, scope) = (request.lease, request.scope);
    let mut row = slices::hold(tx, lease, request.slice).await?;
    let (state, _) = slices::running(tx, lease).await?;
    let shape = Shape::load(tx, request.rule).await?;
    shape.check_writable()?;
    let Some(taken) = next(tx, &shape, request, &row).await? else {
        row.step = row.to_block - row.from_block;
        slices::save(tx, lease, request.slice, &row, None).await?;
        return Ok(SliceOutcome { done: true, scanned: 0, changed: 0, touched: false, state, duration_ms: 0 });
    };
    let (Take { leaf, chunks, .. }, find) = (&taken, taken.find());
    let no = row.first_chunk + chunks.from - row.from_block;
    let (run, source) = (lease.run_id.as_str(), request.source.as_str());
    let mut args = Args::default();
    let what = Undo { run, source, scope, chunks: *chunks, find, chunk: no };
    let sql = undo::undo(&shape, &shape.of_leaf(leaf), &what, &mut args);
    tx.keep_to_limit().await?;
    let undone = UndoneRow::from_row(&fetch_one(tx, sql, args).await?).map_err(db)?;
    undone.totals.check()?;
    row.step = chunks.to - row.from_block;
    tx.keep_to_limit().await?;
    slices::save(tx, lease, request.slice, &row, Some(request.until)).await?;
    let scanned = undone.named - undone.aside;
    let done = Done {
        no,
        at: request.now,
        begun,
        scanned,
        changed: undone.totals.changed,
        skipped: scanned - undone.totals.changed,
        failed: 0,
        conflicts: 0,
        deleted: 0,
        batch_size: request.rows,
        cursor: Cursor::Keep,
        upto: &format!("{leaf}, chunks {}-{} of {source}", chunks.from, chunks.to - 1),
        untouched_before: &undone.totals.before,
        untouched_after: &undone.totals.after,
    };
    // Last, because from here to the commit the other workers of the run wait.
    chunk::record(tx, lease, &done).await?;
    Ok(SliceOutcome {
        done: row.is_done(),
        scanned,
        changed: done.changed,
        touched: done.untouched_before != done.untouched_after,
        state,
        duration_ms: done.duration_ms(),
    })
}

#[async_trait]
impl Undoes for PostgresStore {
    async fn places(&self, rule: &Rule, source: &RunId, scope: &RollbackScope) -> Result<Option<Places>, StoreError> {
        let mut tx = self.reading().await?;
        let shape = Shape::load(&mut tx, rule).await?;
        let found = look(&mut tx, &shape, source, scope).await?;
        tx.commit().await.map_err(db)?;
        Ok(Some(Places { rows: found.rows, placed: found.placed }))
    }

    async fn begin_undo_walk(
        &self,
        lease: &Lease,
        rule: &Rule,
        source: &RunId,
        scope: &RollbackScope,
        walk: i64,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let (present, _) = slices::frontier(&mut tx, lease).await?;
        if present.is_some_and(|f| f.walk == walk) {
            return Ok(());
        }
        let shape = Shape::load(&mut tx, rule).await?;
        let found = look(&mut tx, &shape, source, scope).await?;
        sqlx::query("DELETE FROM amend.set_aside WHERE run_id = $1")
            .bind(lease.run_id.as_str())
            .execute(&mut *tx)
            .await
            .map_err(db)?;
        let mut args = Args::default();
        let sql = undo::set_aside_unplaced(&shape, lease.run_id.as_str(), source.as_str(), scope, &mut args);
        execute(&mut tx, sql, args).await?;
        // The chunks are its blocks, twice: once for each stage.
        let leaves = [AT_HOME, MOVED].map(|stage| (stage.to_owned(), found.last + 1)).to_vec();
        // From the first chunk there may be, so that a slice has the chunks of one slice.
        slices::begin(&mut tx, lease, &Frontier { walk, leaves, leaf: 0, block: 1 }).await?;
        tx.commit().await.map_err(db)
    }

    async fn undo_slice(&self, request: &UndoRequest<'_>) -> Result<SliceOutcome, StoreError> {
        let begun = Instant::now();
        let mut tx = self.writing_blocks(request.lock_timeout, request.statement_timeout).await?;
        match step(&mut tx, request, begun).await {
            Ok(outcome) => tx.commit().await.map(|()| outcome),
            Err(error) => Err(chunk::undo(tx, error).await),
        }
    }

    async fn set_aside_step(&self, request: &UndoRequest<'_>) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let mut row = slices::hold(&mut tx, request.lease, request.slice).await?;
        let shape = Shape::load(&mut tx, request.rule).await?;
        let to = match next(&mut tx, &shape, request, &row).await? {
            Some(Take { chunks, .. }) => {
                let (run, source) = (request.lease.run_id.as_str(), request.source.as_str());
                let mut args = Args::default();
                let sql = undo::set_aside(&shape, run, source, request.scope, chunks, &mut args);
                execute(&mut tx, sql, args).await?;
                chunks.to
            }
            None => row.to_block,
        };
        row.step = to - row.from_block;
        slices::save(&mut tx, request.lease, request.slice, &row, None).await?;
        tx.commit().await.map_err(db)?;
        Ok(row.is_done())
    }

    async fn set_aside_rows(&self, run: &RunId) -> Result<i64, StoreError> {
        sqlx::query_scalar("SELECT coalesce(sum(row_count), 0)::bigint FROM amend.set_aside WHERE run_id = $1")
            .bind(run.as_str())
            .fetch_one(&self.pool)
            .await
            .map_err(db)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(of: &[(i64, &str, i64)]) -> Vec<ChunkRow> {
        let row = |&(chunk, leaf, rows): &(i64, &str, i64)| ChunkRow {
            chunk,
            leaf: leaf.into(),
            rows,
            from_block: chunk * 10,
            to_block: chunk * 10 + 10,
        };
        of.iter().map(row).collect()
    }

    /// The steps over these chunks, as leaf and range.
    fn steps(of: &[(i64, &str, i64)], rows: i64, end: i64) -> Vec<(String, i64, i64)> {
        let mut seen = Vec::new();
        let mut left = of.to_vec();
        let all = Chunks { from: 0, to: end, stage: Stage::AtHome };
        while let Some(Take { leaf, chunks: c, rows: sum, from_block, to_block }) = take(&chunks(&left), rows, all) {
            let of_step: Vec<_> = left.extract_if(.., |(chunk, ..)| *chunk < c.to).collect();
            assert_eq!(sum, of_step.iter().map(|(.., rows)| rows).sum::<i64>());
            assert_eq!((from_block, to_block), (c.from * 10, of_step[of_step.len() - 1].0 * 10 + 10));
            seen.push((leaf, c.from, c.to));
        }
        seen
    }

    #[test]
    fn a_step_takes_small_chunks_together_and_a_large_one_alone() {
        let of = [(3, "a", 10), (4, "a", 20), (7, "a", 900), (8, "a", 60), (9, "a", 41)];
        let a = |from, to| ("a".to_owned(), from, to);
        assert_eq!(steps(&of, 100, 33), [a(3, 7), a(7, 8), a(8, 9), a(9, 33)]);
        assert_eq!(steps(&of, 1, 33).len(), 5);
        assert_eq!(steps(&of, 10_000, 33), [a(3, 33)]);
    }

    #[test]
    fn a_step_stays_in_one_leaf() {
        let of = [(1, "a", 1), (2, "b", 1), (3, "b", 1), (4, "a", 1)];
        let seen = steps(&of, 100, 5);
        let expected = [("a", 1, 2), ("b", 2, 4), ("a", 4, 5)];
        assert_eq!(seen, expected.map(|(leaf, from, to)| (leaf.to_owned(), from, to)));
    }
}
