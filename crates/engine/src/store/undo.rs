//! Undoing a run by the places where its rows were left, shared by several workers.
//!
//! A walk by blocks journals for each row where its new version lies. A rollback takes the journal's
//! chunks in the order in which they were written, cut into slices as a walk by blocks is. A row that
//! is still where it was left has not been written since, so no later entry of the journal is about it,
//! and the order of undoing does not matter. All others are set aside for a walk by key, which takes the
//! newest entries first.

use std::time::Duration;

use amend_domain::{RollbackScope, Rule, RunId};
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Lease, Slice, SliceOutcome, StoreError};

/// How much of what a run wrote can be found by its place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Places {
    /// Rows that the scope may claim, by what the journal's entries say.
    pub rows: i64,
    /// Those of them whose place is journalled.
    pub placed: i64,
}

/// One step of a slice of a rollback.
#[derive(Debug, Clone)]
pub struct UndoRequest<'a> {
    pub lease: &'a Lease,
    pub rule: &'a Rule,
    pub source: &'a RunId,
    /// Without symbols and rows, which are looked for in the rows themselves.
    pub scope: &'a RollbackScope,
    pub slice: &'a Slice,
    /// Rows at most, but always one whole chunk of `source`.
    pub rows: i64,
    pub lock_timeout: Duration,
    pub statement_timeout: Duration,
    pub now: DateTime<Utc>,
    /// Until when the slice stays the holder's.
    pub until: DateTime<Utc>,
}

#[async_trait]
pub trait Undoes: Send + Sync + 'static {
    /// `None` where the database does not know where a row is.
    async fn places(&self, rule: &Rule, source: &RunId, scope: &RollbackScope) -> Result<Option<Places>, StoreError>;

    /// Begins a walk over the chunks of `source` that have places, sets aside everything else that the
    /// scope may claim, and forgets what is left of an earlier walk; goes on when this run is at that
    /// walk already. Its slices are taken with [`super::Slices::take_slice`], a chunk of `source` counting
    /// as a block.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`]; [`StoreError::Unsupported`] where there are no places.
    async fn begin_undo_walk(
        &self,
        lease: &Lease,
        rule: &Rule,
        source: &RunId,
        scope: &RollbackScope,
        walk: i64,
    ) -> Result<(), StoreError>;

    /// The next step of a slice, in one transaction, as [`super::Slices::correct_slice`]: restores the
    /// rows of the next chunks of `source` that are where they were left and have the value that was
    /// written, journals them with their new places, and sets aside all others, those that others have
    /// locked among them.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when slice or run are another's. On any error nothing is committed.
    async fn undo_slice(&self, request: &UndoRequest<'_>) -> Result<SliceOutcome, StoreError>;

    /// Sets aside all that the next step of a slice would look at, after trouble that belongs to its rows.
    /// True when the slice has no step left.
    async fn set_aside_step(&self, request: &UndoRequest<'_>) -> Result<bool, StoreError>;

    /// Rows that a rollback has set aside, done since or not.
    async fn set_aside_rows(&self, run: &RunId) -> Result<i64, StoreError>;
}
