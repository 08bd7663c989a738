//! Restoring from a copy: which rows differ from it, and who wrote what stands there now.
//!
//! A copy knows keys and old values. What a row may be restored by is the journals of the rule's runs from
//! the one that made the copy on: the newest value that they have of a key is what Amend wrote last. A
//! row that still has it is *restorable*; one that has another value, or that no journal knows, is *changed
//! since*.

use std::time::Duration;

use super::{Lease, StoreError};
use amend_domain::{RollbackCounts, RollbackSamples, RollbackScope, Rule, RunId};
use async_trait::async_trait;

/// The list of a restore, to be made.
#[derive(Debug, Clone)]
pub struct ListRequest<'a> {
    pub lease: &'a Lease,
    pub rule: &'a Rule,
    /// The run that made the copy.
    pub source: &'a RunId,
    pub scope: &'a RollbackScope,
    pub lock_timeout: Duration,
    pub statement_timeout: Duration,
}

#[async_trait]
pub trait Snapshots: Send + Sync + 'static {
    /// How many rows of the copy are restorable, original, changed since, deleted.
    ///
    /// # Errors
    /// [`StoreError::NoSnapshot`] when the copy is gone, is of another table, or lacks a column or has it
    /// of another type.
    async fn snapshot_counts(
        &self,
        rule: &Rule,
        source: &RunId,
        scope: &RollbackScope,
    ) -> Result<RollbackCounts, StoreError>;

    /// A few of each, `each` at most 20.
    ///
    /// # Errors
    /// As [`Self::snapshot_counts`].
    async fn snapshot_samples(
        &self,
        rule: &Rule,
        source: &RunId,
        scope: &RollbackScope,
        each: u32,
    ) -> Result<RollbackSamples, StoreError>;

    /// Lists all rows of the copy that are gone or have another value, in one statement, as entries that
    /// [`super::Corrections::restore_chunk`] takes with [`super::Entries::SetAside`], in the order of the key.
    /// An entry's new value is what Amend wrote last; for keys that no journal knows it is the old value
    /// itself, which no row on the list has. A list that the run made before is replaced.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`]; as [`Self::snapshot_counts`].
    async fn list_snapshot(&self, request: &ListRequest<'_>) -> Result<(), StoreError>;

    /// The four counts over what a restore has listed.
    async fn listed_counts(
        &self,
        rule: &Rule,
        run: &RunId,
        scope: &RollbackScope,
    ) -> Result<RollbackCounts, StoreError>;

    /// Forgets the list of a run.
    async fn forget_list(&self, run: &RunId) -> Result<(), StoreError>;
}
