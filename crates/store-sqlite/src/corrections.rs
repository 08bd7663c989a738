//! [`Corrections`]: steps, and what the journal says.

use amend_domain::{RollbackCounts, RollbackSamples, RollbackScope, Rule, RunId};
use amend_engine::store::{ChunkOutcome, ChunkRequest, Corrections, JournalPair, RestoreRequest, StoreError};
use async_trait::async_trait;
use sqlx::Row as _;

use crate::{
    chunk::{Frame, Work},
    error::db,
    pool::begin_read,
    samples,
    shape::Bound,
    sql::entries::Entries,
    store::SqliteStore,
};

#[async_trait]
impl Corrections for SqliteStore {
    async fn correct_chunk(&self, request: &ChunkRequest<'_>) -> Result<ChunkOutcome, StoreError> {
        Frame::of(self, Work::Correct(request)).run().await
    }

    async fn restore_chunk(&self, request: &RestoreRequest<'_>) -> Result<ChunkOutcome, StoreError> {
        Frame::of(self, Work::Restore(request)).run().await
    }

    async fn rollback_counts(
        &self,
        rule: &Rule,
        run: &RunId,
        scope: &RollbackScope,
    ) -> Result<RollbackCounts, StoreError> {
        let mut connection = self.readers.acquire().await?;
        let mut transaction = begin_read(&mut connection).await?;
        let bound = Bound::load(&mut transaction, rule).await?;
        let counts = samples::counts(&mut transaction, &bound, Entries::Journal(run.as_str()), scope).await?;
        transaction.commit().await.map_err(db)?;
        Ok(counts)
    }

    async fn come_full_circle(&self, rule: &Rule, run: &RunId, scope: &RollbackScope) -> Result<i64, StoreError> {
        let mut connection = self.readers.acquire().await?;
        let mut transaction = begin_read(&mut connection).await?;
        let bound = Bound::load(&mut transaction, rule).await?;
        let circles = samples::circles(&mut transaction, &bound, run.as_str(), scope).await?;
        transaction.commit().await.map_err(db)?;
        Ok(circles)
    }

    async fn rollback_samples(
        &self,
        rule: &Rule,
        run: &RunId,
        scope: &RollbackScope,
        each: u32,
    ) -> Result<RollbackSamples, StoreError> {
        let mut connection = self.readers.acquire().await?;
        let mut transaction = begin_read(&mut connection).await?;
        let bound = Bound::load(&mut transaction, rule).await?;
        let entries = Entries::Journal(run.as_str());
        let samples = samples::samples(&mut transaction, &bound, entries, scope, each).await?;
        transaction.commit().await.map_err(db)?;
        Ok(samples)
    }

    async fn journal_pairs(&self, run: &RunId) -> Result<Vec<JournalPair>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        let rows = sqlx::query(
            "SELECT CAST(old_value AS TEXT), CAST(new_value AS TEXT), sum(row_count)
             FROM amend_journal WHERE run_id = ?1 GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2",
        )
        .bind(run.as_str())
        .fetch_all(&mut *connection)
        .await
        .map_err(db)?;
        rows.iter()
            .map(|row| {
                Ok(JournalPair {
                    old: row.try_get(0).map_err(db)?,
                    new: row.try_get(1).map_err(db)?,
                    rows: row.try_get(2).map_err(db)?,
                })
            })
            .collect()
    }
}
