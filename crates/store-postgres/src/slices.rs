//! Walking by heap blocks: the frontier, the slices cut off it, and their steps.

use std::time::Instant;

use amend_domain::{Footprint, Rule, RunId, RunState};
use amend_engine::store::{Cut, Lease, Slice, SliceOutcome, SliceRequest, Slices, StoreError, TableFacts};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection};

use crate::{
    PostgresStore,
    chunk::{self, Cursor, Done, Totals},
    error::{db, json, to_json},
    facts,
    shape::Shape,
    sql::blocks::{self, Part},
    tx::{Args, ChunkTx, fetch_one},
};

/// What the next slice is cut off.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Frontier {
    pub walk: i64,
    /// Names, quoted, with their blocks when the walk began.
    pub leaves: Vec<(String, i64)>,
    /// The first leaf that is not wholly cut up.
    pub leaf: usize,
    /// Its first block that belongs to no slice.
    pub block: i64,
}

/// Blocks of one leaf.
#[derive(Debug, PartialEq, Eq)]
struct Piece {
    leaf: String,
    from: i64,
    to: i64,
}

impl Frontier {
    /// Of all leaves, cut off or not.
    fn blocks(&self) -> i64 {
        self.leaves.iter().map(|(_, blocks)| blocks).sum()
    }

    /// Takes at most so many blocks of one leaf.
    fn cut(&mut self, blocks: i64) -> Option<Piece> {
        while let Some((leaf, size)) = self.leaves.get(self.leaf) {
            if self.block < *size {
                let (from, to) = (self.block, size.min(&(self.block + blocks.max(1))).to_owned());
                self.block = to;
                return Some(Piece { leaf: leaf.clone(), from, to });
            }
            self.leaf += 1;
            self.block = 0;
        }
        None
    }
}

/// A slice as stored.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct SliceRow {
    pub leaf: String,
    pub from_block: i64,
    pub to_block: i64,
    part_blocks: i64,
    parts: i64,
    stripes: i64,
    pub step: i64,
    through: i64,
    rest: i64,
    pub first_chunk: i64,
}

impl SliceRow {
    /// The part whose turn it is, from 0.
    const fn part(&self) -> i64 {
        self.step % self.parts
    }

    fn now(&self) -> Part {
        let part = self.part();
        let from_block = self.from_block + part * self.part_blocks;
        Part {
            from_block,
            to_block: self.to_block.min(from_block + self.part_blocks),
            stripes: self.stripes,
            stripe: self.step / self.parts,
            and_the_rest: self.rest >> part & 1 == 1,
        }
    }

    /// Rows of the step that is next: its stripes' share of its part.
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "an average times a few blocks")]
    fn rows_looked_at(&self, rows_per_block: f64) -> i64 {
        let part = self.now();
        // What all stripes up to one have together, so that rounding does not add up.
        let upto = |stripes: i64| {
            let blocks = (part.to_block - part.from_block) * stripes;
            (blocks as f64 * rows_per_block / part.stripes as f64).round() as i64
        };
        let end = if part.and_the_rest { part.stripes } else { part.stripe + 1 };
        upto(end) - upto(part.stripe)
    }

    /// Moves on. `few` says that the step met so few candidates that the part's other stripes are
    /// worth one step together.
    fn advance(&mut self, few: bool) {
        let bit = 1 << self.part();
        if self.rest & bit != 0 {
            self.through |= bit;
        } else if few {
            self.rest |= bit;
        }
        self.step += 1;
        while !self.is_done() && self.through >> self.part() & 1 == 1 {
            self.step += 1;
        }
    }

    pub const fn is_done(&self) -> bool {
        self.step >= self.parts * self.stripes
    }
}

const SLICE: &str = "s.leaf, s.from_block, s.to_block, s.part_blocks, s.parts, s.stripes, s.step, s.through, s.rest,
    s.first_chunk";

#[derive(FromRow)]
struct StepRow {
    locked: i64,
    #[sqlx(flatten)]
    totals: Totals,
}

/// The slice, locked until its step ends: whoever takes it over waits for that, and then sees where
/// the step ended.
pub(crate) async fn hold(tx: &mut PgConnection, lease: &Lease, slice: &Slice) -> Result<SliceRow, StoreError> {
    let sql = format!(
        "SELECT {SLICE} FROM amend.slice s
         WHERE s.run_id = $1 AND s.no = $2 AND s.holder = $3 AND s.fence = $4 AND NOT s.done FOR UPDATE"
    );
    sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(lease.run_id.as_str())
        .bind(slice.no)
        .bind(&slice.holder)
        .bind(lease.fence)
        .fetch_optional(tx)
        .await
        .map_err(db)?
        .ok_or(StoreError::LeaseLost)
}

/// State and number of failed rows of the run, which is not locked: other workers of it write up their
/// own steps meanwhile. Its fence is asked for again when this one is written up.
pub(crate) async fn running(tx: &mut PgConnection, lease: &Lease) -> Result<(RunState, i64), StoreError> {
    let id = lease.run_id.as_str();
    let (state, failed): (String, i64) =
        sqlx::query_as("SELECT state, failed FROM amend.run WHERE id = $1 AND fence = $2")
            .bind(id)
            .bind(lease.fence)
            .fetch_optional(tx)
            .await
            .map_err(db)?
            .ok_or(StoreError::LeaseLost)?;
    Ok((chunk::active(id, &state)?, failed))
}

pub(crate) async fn save(
    tx: &mut PgConnection,
    lease: &Lease,
    slice: &Slice,
    row: &SliceRow,
    until: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE amend.slice SET step = $3, through = $4, rest = $5, done = $6, held_until = coalesce($7, held_until)
         WHERE run_id = $1 AND no = $2",
    )
    .bind(lease.run_id.as_str())
    .bind(slice.no)
    .bind(row.step)
    .bind(row.through)
    .bind(row.rest)
    .bind(row.is_done())
    .bind(until)
    .execute(tx)
    .await
    .map_err(db)?;
    Ok(())
}

async fn step(tx: &mut ChunkTx, request: &SliceRequest<'_>, begun: Instant) -> Result<SliceOutcome, StoreError> {
    let lease = request.lease;
    let mut row = hold(tx, lease, request.slice).await?;
    let (state, failed) = running(tx, lease).await?;
    let shape = Shape::load(tx, request.rule).await?;
    shape.check_writable()?;
    let leaf = shape.of_leaf(&row.leaf);
    let (part, no) = (row.now(), row.first_chunk + row.step);
    let mut args = Args::default();
    let sql = blocks::correct(&leaf, request, part, no, failed > 0, &mut args);
    tx.keep_to_limit().await?;
    let found = StepRow::from_row(&fetch_one(tx, sql, args).await?).map_err(db)?;
    found.totals.check()?;
    let scanned = row.rows_looked_at(request.rows_per_block);
    row.advance(found.locked <= request.few);
    tx.keep_to_limit().await?;
    save(tx, lease, request.slice, &row, Some(request.until)).await?;
    let done = Done {
        no,
        at: request.now,
        begun,
        scanned,
        changed: found.totals.changed,
        // What others hold was not seen; the look after the walk counts it.
        skipped: found.locked - found.totals.changed,
        failed: 0,
        conflicts: 0,
        deleted: 0,
        batch_size: part.to_block - part.from_block,
        cursor: Cursor::Keep,
        upto: &format!("{} blocks {}-{}, stripe {}", row.leaf, part.from_block, part.to_block - 1, part.stripe + 1),
        untouched_before: &found.totals.before,
        untouched_after: &found.totals.after,
    };
    // Last, because from here to the commit the other workers of the run wait.
    chunk::record(tx, lease, &done).await?;
    Ok(SliceOutcome {
        done: row.is_done(),
        scanned: done.scanned,
        changed: done.changed,
        touched: done.untouched_before != done.untouched_after,
        state,
        duration_ms: done.duration_ms(),
    })
}

#[derive(FromRow)]
struct FrontierRow {
    frontier: Option<String>,
    chunk_numbers: i64,
}

/// The run, locked, if it is still the lease's.
pub(crate) async fn frontier(tx: &mut PgConnection, lease: &Lease) -> Result<(Option<Frontier>, i64), StoreError> {
    let id = lease.run_id.as_str();
    let row: FrontierRow = sqlx::query_as(
        "SELECT frontier::text AS frontier, chunk_numbers FROM amend.run WHERE id = $1 AND fence = $2
         FOR NO KEY UPDATE",
    )
    .bind(id)
    .bind(lease.fence)
    .fetch_optional(tx)
    .await
    .map_err(db)?
    .ok_or(StoreError::LeaseLost)?;
    let frontier = row.frontier.map(|text| json("amend.run", "frontier", id, &text)).transpose()?;
    Ok((frontier, row.chunk_numbers))
}

/// Forgets the slices of an earlier walk and keeps what the new one's are cut off.
pub(crate) async fn begin(tx: &mut PgConnection, lease: &Lease, begun: &Frontier) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM amend.slice WHERE run_id = $1")
        .bind(lease.run_id.as_str())
        .execute(&mut *tx)
        .await
        .map_err(db)?;
    sqlx::query("UPDATE amend.run SET frontier = $2::text::jsonb WHERE id = $1")
        .bind(lease.run_id.as_str())
        .bind(to_json(begun)?)
        .execute(tx)
        .await
        .map_err(db)?;
    Ok(())
}

/// Cuts the next slice and reserves its chunk numbers.
async fn cut(
    tx: &mut PgConnection,
    lease: &Lease,
    holder: &str,
    cut: Cut,
    until: DateTime<Utc>,
) -> Result<Option<Slice>, StoreError> {
    let (frontier, numbers) = frontier(tx, lease).await?;
    let mut frontier =
        frontier.ok_or_else(|| StoreError::Other("a slice was asked for before a walk had begun".into()))?;
    let Some(piece) = frontier.cut(cut.blocks.saturating_mul(cut.parts)) else { return Ok(None) };
    let parts = (piece.to - piece.from + cut.blocks - 1) / cut.blocks.max(1);
    let no: i64 = sqlx::query_scalar(
        "INSERT INTO amend.slice (run_id, no, walk, leaf, from_block, to_block, part_blocks, parts, stripes,
                                  first_chunk, holder, fence, held_until)
         SELECT $1, coalesce(max(no), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12
         FROM amend.slice WHERE run_id = $1 RETURNING no",
    )
    .bind(lease.run_id.as_str())
    .bind(frontier.walk)
    .bind(&piece.leaf)
    .bind(piece.from)
    .bind(piece.to)
    .bind(cut.blocks)
    .bind(parts)
    .bind(cut.stripes)
    .bind(numbers + 1)
    .bind(holder)
    .bind(lease.fence)
    .bind(until)
    .fetch_one(&mut *tx)
    .await
    .map_err(db)?;
    sqlx::query("UPDATE amend.run SET frontier = $2::text::jsonb, chunk_numbers = chunk_numbers + $3 WHERE id = $1")
        .bind(lease.run_id.as_str())
        .bind(to_json(&frontier)?)
        .bind(parts * cut.stripes)
        .execute(tx)
        .await
        .map_err(db)?;
    Ok(Some(Slice { no, holder: holder.into(), steps_done: 0 }))
}

#[async_trait]
impl Slices for PostgresStore {
    async fn table_facts(&self, rule: &Rule) -> Result<TableFacts, StoreError> {
        self.facts(rule).await
    }

    async fn footprint(&self, rule: &Rule) -> Result<Option<Footprint>, StoreError> {
        self.files(rule).await
    }

    async fn begin_block_walk(&self, lease: &Lease, rule: &Rule, walk: i64) -> Result<i64, StoreError> {
        let mut tx = self.begin().await?;
        let (present, _) = frontier(&mut tx, lease).await?;
        if let Some(present) = present.filter(|f| f.walk == walk) {
            return Ok(present.blocks());
        }
        let leaves = facts::leaves(&mut tx, rule).await?.into_iter().map(|l| (l.name, l.blocks)).collect();
        let begun = Frontier { walk, leaves, leaf: 0, block: 0 };
        begin(&mut tx, lease, &begun).await?;
        tx.commit().await.map_err(db)?;
        Ok(begun.blocks())
    }

    async fn take_slice(
        &self,
        lease: &Lease,
        holder: &str,
        wanted: Cut,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Option<Slice>, StoreError> {
        let mut tx = self.begin().await?;
        // Not one that a step of its old holder still has locked.
        let left: Option<(i64, i64)> = sqlx::query_as(
            "UPDATE amend.slice SET holder = $2, fence = $3, held_until = $5
             WHERE run_id = $1 AND no = (
               SELECT no FROM amend.slice
               WHERE run_id = $1 AND NOT done AND (holder IS NULL OR fence <> $3 OR held_until <= $4)
               ORDER BY no LIMIT 1 FOR UPDATE SKIP LOCKED)
             RETURNING no, step",
        )
        .bind(lease.run_id.as_str())
        .bind(holder)
        .bind(lease.fence)
        .bind(now)
        .bind(until)
        .fetch_optional(&mut *tx)
        .await
        .map_err(db)?;
        let slice = match left {
            Some((no, steps_done)) => {
                // An old lease must not take slices from a newer one.
                frontier(&mut tx, lease).await?;
                Some(Slice { no, holder: holder.into(), steps_done })
            }
            None => cut(&mut tx, lease, holder, wanted, until).await?,
        };
        tx.commit().await.map_err(db)?;
        Ok(slice)
    }

    async fn correct_slice(&self, request: &SliceRequest<'_>) -> Result<SliceOutcome, StoreError> {
        let begun = Instant::now();
        let mut tx = self.writing_blocks(request.lock_timeout, request.statement_timeout).await?;
        match step(&mut tx, request, begun).await {
            Ok(outcome) => tx.commit().await.map(|()| outcome),
            Err(error) => Err(chunk::undo(tx, error).await),
        }
    }

    async fn skip_slice_step(&self, lease: &Lease, slice: &Slice) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let mut row = hold(&mut tx, lease, slice).await?;
        row.advance(false);
        save(&mut tx, lease, slice, &row, None).await?;
        tx.commit().await.map_err(db)?;
        Ok(row.is_done())
    }

    async fn release_slice(&self, lease: &Lease, slice: &Slice) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE amend.slice SET holder = NULL WHERE run_id = $1 AND no = $2 AND holder = $3 AND fence = $4",
        )
        .bind(lease.run_id.as_str())
        .bind(slice.no)
        .bind(&slice.holder)
        .bind(lease.fence)
        .execute(&self.pool)
        .await
        .map_err(db)?;
        Ok(())
    }

    async fn slices_in_work(&self, run: &RunId) -> Result<i64, StoreError> {
        sqlx::query_scalar("SELECT count(*) FROM amend.slice WHERE run_id = $1 AND NOT done")
            .bind(run.as_str())
            .fetch_one(&self.pool)
            .await
            .map_err(db)
    }

    async fn slice_holders(&self, run: &RunId, now: DateTime<Utc>) -> Result<i64, StoreError> {
        sqlx::query_scalar(
            "SELECT count(DISTINCT holder) FROM amend.slice WHERE run_id = $1 AND NOT done AND held_until > $2",
        )
        .bind(run.as_str())
        .bind(now)
        .fetch_one(&self.pool)
        .await
        .map_err(db)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(parts: i64, stripes: i64) -> SliceRow {
        SliceRow {
            leaf: "t".into(),
            from_block: 100,
            to_block: 100 + parts * 10 - 3,
            part_blocks: 10,
            parts,
            stripes,
            step: 0,
            through: 0,
            rest: 0,
            first_chunk: 1,
        }
    }

    #[test]
    fn every_stripe_of_every_part_is_visited_once_and_parts_take_turns() {
        let mut row = slice(3, 4);
        let mut seen = Vec::new();
        while !row.is_done() {
            let part = row.now();
            seen.push((part.stripe, part.from_block, part.to_block));
            row.advance(false);
        }
        let parts = [(100, 110), (110, 120), (120, 127)];
        let all: Vec<_> = (0..4).flat_map(|stripe| parts.map(|(from, to)| (stripe, from, to))).collect();
        assert_eq!(seen, all);
    }

    #[test]
    fn a_part_with_few_candidates_takes_its_other_stripes_in_one_step() {
        let mut row = slice(2, 8);
        let mut seen = Vec::new();
        while !row.is_done() {
            let part = row.now();
            seen.push((part.from_block, part.stripe, part.and_the_rest));
            row.advance(part.from_block == 100);
        }
        assert_eq!(seen.iter().filter(|s| s.0 == 100).collect::<Vec<_>>(), [&(100, 0, false), &(100, 1, true)]);
        assert_eq!(seen.iter().filter(|s| s.0 == 110).count(), 8);
    }

    #[test]
    fn cutting_gives_every_block_once_and_crosses_no_leaf() {
        let leaves = vec![("a".to_owned(), 5), ("empty".to_owned(), 0), ("b".to_owned(), 3)];
        let mut frontier = Frontier { walk: 1, leaves, leaf: 0, block: 0 };
        let mut pieces = Vec::new();
        while let Some(piece) = frontier.cut(2) {
            pieces.push((piece.leaf, piece.from, piece.to));
        }
        let expected = [("a", 0, 2), ("a", 2, 4), ("a", 4, 5), ("b", 0, 2), ("b", 2, 3)];
        assert_eq!(pieces, expected.map(|(leaf, from, to)| (leaf.to_owned(), from, to)));
    }
}
