//! Reading the next step's candidates while the present one is written.
//!
//! A reading connection looks at a state that is a moment old. The step may use what it found when
//! nobody else has committed since (`PRAGMA data_version` of the writing connection) and this process has
//! written nothing to users' tables or to the assignments but the step before, which changed other rows. Otherwise it reads
//! for itself. The change itself asks its question again under the write lock either way.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicI64, Ordering},
};

use amend_domain::{Mode, Rule, Scope};
use amend_engine::store::{ChunkLimits, ChunkRequest, StoreError};
use tokio::task::JoinHandle;

use crate::{
    plain::{Batch, Plain, Seen},
    pool::begin_read,
    shape::Bound,
    sql::reference,
    store::SqliteStore,
};

/// What is being read for the next step; one at a time.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    next: Mutex<Option<Reading>>,
    /// Counts what this process writes to users' tables and to the assignments.
    writes: AtomicI64,
}

/// The state of the database that a reading holds for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State {
    /// Of the writing connection: moves when another one commits.
    pub(crate) version: i64,
    pub(crate) writes: i64,
}

#[derive(Debug)]
struct Reading {
    purpose: String,
    state: State,
    task: JoinHandle<Result<Option<Batch>, StoreError>>,
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What was read ahead, and the state it holds for.
pub(crate) struct Found {
    pub(crate) state: State,
    pub(crate) batch: Batch,
}

impl Ahead {
    /// Somebody is about to write what a step reads. The number of this writing.
    pub(crate) fn writes(&self) -> i64 {
        self.writes.fetch_add(1, Ordering::AcqRel) + 1
    }

    fn swap(&self, next: Option<Reading>) -> Option<Reading> {
        std::mem::replace(&mut *self.next.lock().unwrap_or_else(PoisonError::into_inner), next)
    }

    /// What was read for this step, once it is read.
    pub(crate) async fn take(&self, request: &ChunkRequest<'_>) -> Option<Found> {
        let mut reading = self.swap(None)?;
        if reading.purpose != purpose(request, request.cursor) {
            return None;
        }
        let batch = match (&mut reading.task).await {
            Ok(Ok(batch)) => batch?,
            Ok(Err(error)) => {
                tracing::debug!(%error, "reading ahead failed; the step reads for itself");
                return None;
            }
            Err(error) => {
                tracing::debug!(%error, "reading ahead ended early; the step reads for itself");
                return None;
            }
        };
        let limits = request.limits;
        let fits = batch.rows <= limits.rows && batch.scanned <= limits.scan.max(limits.rows);
        fits.then_some(Found { state: reading.state, batch })
    }

    /// Begins to read for the step after this one.
    pub(crate) fn begin(&self, store: &SqliteStore, request: &ChunkRequest<'_>, after: i64, state: State) {
        let job =
            Job { store: store.clone(), rule: request.rule.clone(), mode: request.mode, after, limits: request.limits };
        let purpose = purpose(request, Some(&after.to_string()));
        let task = tokio::spawn(async move { job.run().await });
        drop(self.swap(Some(Reading { purpose, state, task })));
    }
}

/// Differs for steps that would read something else.
fn purpose(request: &ChunkRequest<'_>, cursor: Option<&str>) -> String {
    serde_json::json!([request.lease.run_id.as_str(), request.mode, request.rule, cursor]).to_string()
}

struct Job {
    store: SqliteStore,
    rule: Rule,
    mode: Mode,
    after: i64,
    limits: ChunkLimits,
}

impl Job {
    async fn run(&self) -> Result<Option<Batch>, StoreError> {
        // People who look at something come first.
        let Some(mut connection) = self.store.readers.try_acquire().await else { return Ok(None) };
        let mut transaction = begin_read(&mut connection).await?;
        let bound = Bound::load(&mut transaction, &self.rule).await?;
        let resolved = reference::ensure(&mut transaction, &bound).await?;
        let Some(plain) = Plain::of(&mut transaction, &bound, self.mode, &Scope::default()).await? else {
            return Ok(None);
        };
        let seen = plain.read(&mut transaction, &resolved, Some(self.after), self.limits).await?;
        transaction.commit().await.map_err(crate::error::db)?;
        Ok(match seen {
            Seen::Batch(batch) => Some(batch),
            Seen::Nothing | Seen::Peculiar => None,
        })
    }
}
