//! [`Undoes`]: a rowid is no place that moves, and a file has one writer: rollbacks go by key.

use amend_domain::{RollbackScope, Rule, RunId};
use amend_engine::store::{Lease, Places, SliceOutcome, StoreError, UndoRequest, Undoes};
use async_trait::async_trait;

use crate::store::SqliteStore;

fn no_places<T>() -> Result<T, StoreError> {
    Err(StoreError::Unsupported("The journal of an SQLite file knows no places of rows.".into()))
}

#[async_trait]
impl Undoes for SqliteStore {
    async fn places(&self, _: &Rule, _: &RunId, _: &RollbackScope) -> Result<Option<Places>, StoreError> {
        Ok(None)
    }

    async fn begin_undo_walk(
        &self,
        _: &Lease,
        _: &Rule,
        _: &RunId,
        _: &RollbackScope,
        _: i64,
    ) -> Result<(), StoreError> {
        no_places()
    }

    async fn undo_slice(&self, _: &UndoRequest<'_>) -> Result<SliceOutcome, StoreError> {
        no_places()
    }

    async fn set_aside_step(&self, _: &UndoRequest<'_>) -> Result<bool, StoreError> {
        no_places()
    }

    async fn set_aside_rows(&self, _: &RunId) -> Result<i64, StoreError> {
        Ok(0)
    }
}
