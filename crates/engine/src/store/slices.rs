//! Walking a table by ranges of heap blocks, shared by several workers.
//!
//! A walk has a frontier. Taking a slice cuts the next blocks off it, or picks up a slice that a dead
//! worker left, so that the queue is as long as there are slices in work and no longer. A slice is
//! dealt with in steps, each a chunk with its own transaction, which moves the slice on.

use std::time::Duration;

use amend_domain::{Footprint, Mode, Rule, RunId, RunState, Scope};
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Lease, StoreError};

/// What can be seen of a target before a walk is chosen. `None` where the database cannot say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TableFacts {
    /// Blocks of the heap, over all partitions; `None` where rows cannot be addressed by block.
    pub blocks: Option<i64>,
    /// Why not, as a sentence for people.
    pub no_blocks_because: Option<String>,
    /// Leaf partitions, 1 for a plain table.
    pub leaves: i64,
    /// Whether an index holds the value column, so that no update of it can be heap-only.
    pub value_is_indexed: bool,
    /// Sessions of others that are at work in the server now.
    pub busy_sessions: Option<i64>,
    /// Blocks that the database's own cache holds.
    pub cache_blocks: Option<i64>,
    /// How far the order of the key is the order of the rows on disk, 0 (not at all) to 1.
    pub key_correlation: Option<f64>,
    /// Seconds since the oldest snapshot of other sessions began, which keeps dead rows from being
    /// pruned.
    pub oldest_snapshot_s: Option<f64>,
}

/// How blocks are cut off the frontier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Blocks of one part.
    pub blocks: i64,
    /// Parts between which a worker rotates, 1 to [`Cut::MOST_PARTS`].
    pub parts: i64,
    /// A power of two.
    pub stripes: i64,
}

impl Cut {
    /// The parts that are through are kept as bits of one number.
    pub const MOST_PARTS: i64 = 32;
}

/// Blocks of the table in the hands of one worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    pub no: i64,
    /// The worker that holds it, until its next step is committed or its time is up.
    pub holder: String,
    /// Steps done so far, so that a slice that was taken over is known as such.
    pub steps_done: i64,
}

/// One step of a slice.
#[derive(Debug, Clone)]
pub struct SliceRequest<'a> {
    pub lease: &'a Lease,
    pub rule: &'a Rule,
    pub mode: Mode,
    pub scope: &'a Scope,
    pub slice: &'a Slice,
    /// Once a stripe of a part had at most so many candidates, the part's other stripes are dealt with
    /// in one step.
    pub few: i64,
    /// Rows of a block, on average: what a step looked at is told by its blocks, because counting rows
    /// that pass no filter would cost a pass of its own.
    pub rows_per_block: f64,
    pub lock_timeout: Duration,
    pub statement_timeout: Duration,
    pub now: DateTime<Utc>,
    /// Until when the slice stays the holder's.
    pub until: DateTime<Utc>,
}

/// What a step did; it is committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceOutcome {
    /// The slice has no step left.
    pub done: bool,
    /// Told by its blocks: see [`SliceRequest::rows_per_block`].
    pub scanned: i64,
    pub changed: i64,
    /// Something besides the value changed, by the digests.
    pub touched: bool,
    /// The run's state as the transaction saw it.
    pub state: RunState,
    pub duration_ms: i64,
}

#[async_trait]
pub trait Slices: Send + Sync + 'static {
    /// # Errors
    /// [`StoreError::Missing`], or trouble with the database.
    async fn table_facts(&self, rule: &Rule) -> Result<TableFacts, StoreError>;

    /// The size of the target's files now; `None` where the database does not say.
    async fn footprint(&self, rule: &Rule) -> Result<Option<Footprint>, StoreError>;

    /// Begins a walk over all blocks that the target has now, and forgets what is left of an earlier
    /// one; goes on when this run is at that walk already, as after a takeover. Gives the blocks that
    /// the walk has in all.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`]; [`StoreError::Unsupported`] where there are no blocks.
    async fn begin_block_walk(&self, lease: &Lease, rule: &Rule, walk: i64) -> Result<i64, StoreError>;

    /// A slice whose holder is gone (its time is up, or it worked under an older lease), otherwise the
    /// next blocks of the frontier. `None` when nothing is left to take: others may still be at work.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`].
    async fn take_slice(
        &self,
        lease: &Lease,
        holder: &str,
        cut: Cut,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Option<Slice>, StoreError>;

    /// The next step of a slice, in one transaction: check that the slice is still the holder's; look
    /// at one stripe of one part; change those rows that the reference, read in this same transaction,
    /// resolves and `mode` corrects, and only where the value is still as seen, passing over rows that
    /// others have locked; write the before-image and the chunk record with the digests of all other
    /// columns; move the slice on; add to the run's counters, if its fence is still the lease's.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when slice or run are another's. On any error nothing is committed.
    async fn correct_slice(&self, request: &SliceRequest<'_>) -> Result<SliceOutcome, StoreError>;

    /// Gives up the present step of a slice, after trouble that belongs to its rows; the rows are left
    /// to a walk by key. True when the slice has no step left.
    async fn skip_slice_step(&self, lease: &Lease, slice: &Slice) -> Result<bool, StoreError>;

    /// Gives a slice back unfinished, for whoever takes it next.
    async fn release_slice(&self, lease: &Lease, slice: &Slice) -> Result<(), StoreError>;

    /// Slices of the present walk that are not finished, in whosever hands.
    async fn slices_in_work(&self, run: &RunId) -> Result<i64, StoreError>;

    /// Workers, of all servers, that hold a slice of the present walk now.
    async fn slice_holders(&self, run: &RunId, now: DateTime<Utc>) -> Result<i64, StoreError>;
}
