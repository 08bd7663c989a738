//! [`Slices`]: a file has one writer and no blocks to address, so there is nothing to share out; all
//! walks are by key.

use amend_domain::{Footprint, Rule, RunId};
use amend_engine::store::{Cut, Lease, Slice, SliceOutcome, SliceRequest, Slices, StoreError, TableFacts};
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::store::SqliteStore;

fn no_blocks<T>() -> Result<T, StoreError> {
    Err(StoreError::Unsupported("A table in an SQLite file cannot be walked by blocks.".into()))
}

#[async_trait]
impl Slices for SqliteStore {
    async fn table_facts(&self, _rule: &Rule) -> Result<TableFacts, StoreError> {
        Ok(TableFacts {
            no_blocks_because: Some("an SQLite file has one writer, and rows are found by their key alone".into()),
            leaves: 1,
            ..TableFacts::default()
        })
    }

    async fn footprint(&self, _rule: &Rule) -> Result<Option<Footprint>, StoreError> {
        Ok(None)
    }

    async fn begin_block_walk(&self, _lease: &Lease, _rule: &Rule, _walk: i64) -> Result<i64, StoreError> {
        no_blocks()
    }

    async fn take_slice(
        &self,
        _lease: &Lease,
        _holder: &str,
        _cut: Cut,
        _now: DateTime<Utc>,
        _until: DateTime<Utc>,
    ) -> Result<Option<Slice>, StoreError> {
        no_blocks()
    }

    async fn correct_slice(&self, _request: &SliceRequest<'_>) -> Result<SliceOutcome, StoreError> {
        no_blocks()
    }

    async fn skip_slice_step(&self, _lease: &Lease, _slice: &Slice) -> Result<bool, StoreError> {
        no_blocks()
    }

    async fn release_slice(&self, _lease: &Lease, _slice: &Slice) -> Result<(), StoreError> {
        no_blocks()
    }

    async fn slices_in_work(&self, _run: &RunId) -> Result<i64, StoreError> {
        Ok(0)
    }

    async fn slice_holders(&self, _run: &RunId, _now: DateTime<Utc>) -> Result<i64, StoreError> {
        Ok(0)
    }
}
