//! Runs, their leases, their log.

use amend_domain::{
    ChunkRecord, Effect, EventRecord, FindingCounts, Footprint, Phase, PlanHash, RollbackOptions, RuleSlug, RunError,
    RunId, RunKind, RunOptions, RunState, RunView, Validation, Walk,
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;

/// A run to be created, in state `queued` and phase `waiting`.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRun {
    pub id: RunId,
    pub rule: RuleSlug,
    pub kind: RunKind,
    pub options: Option<RunOptions>,
    pub rollback: Option<RollbackOptions>,
    pub undoes: Option<RunId>,
    pub started_by: String,
    pub at: DateTime<Utc>,
    pub plan_hash: PlanHash,
    /// What the approved preview counted; the run stops before its first write when the numbers
    /// have drifted from it. `None` where nobody looked at a preview.
    pub expected: Option<FindingCounts>,
    pub batch_size: i64,
}

/// A run with what only its worker needs.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRun {
    pub view: RunView,
    /// Where the last committed chunk ended; the store's own text.
    pub cursor: Option<String>,
    pub expected: Option<FindingCounts>,
    pub lease_owner: Option<String>,
    pub lease_until: Option<DateTime<Utc>>,
    /// The fencing token: grows by one with each lease.
    pub fence: i64,
    /// When the present pause or hold began.
    pub idle_since: Option<DateTime<Utc>>,
    /// The target's files when the run began.
    pub footprint: Option<Footprint>,
}

/// The right to work on a run, until it expires. Every write of a worker carries its fence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub run_id: RunId,
    pub owner: String,
    pub fence: i64,
}

/// What a worker writes about its run besides chunks; `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunPatch {
    pub phase: Option<Phase>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub duration_ms: Option<i64>,
    pub to_change: Option<i64>,
    pub to_scan: Option<i64>,
    pub remaining: Option<i64>,
    pub rate: Option<f64>,
    pub batch_size: Option<i64>,
    pub plan_hash: Option<PlanHash>,
    pub before: Option<FindingCounts>,
    pub after: Option<FindingCounts>,
    pub validation: Option<Validation>,
    pub error: Option<RunError>,
    /// `Some(None)` begins the walk again (a sweep).
    pub cursor: Option<Option<String>>,
    /// Set for a sweep, so that the bar does not run backwards: rows looked at.
    pub scanned: Option<i64>,
    /// Set where chunks cannot see what they pass over.
    pub skipped: Option<i64>,
    /// Counters of a dry run or a failed-row count; chunks count for themselves.
    pub changed: Option<i64>,
    pub failed: Option<i64>,
    pub conflicts: Option<i64>,
    pub deleted: Option<i64>,
    /// Why the run is held; an empty list when it goes on.
    pub held: Option<Vec<String>>,
    /// Milliseconds paused or held in periods that are over.
    pub idle_ms: Option<i64>,
    /// `Some(None)` ends the present pause or hold.
    pub idle_since: Option<Option<DateTime<Utc>>>,
    pub walk: Option<Walk>,
    pub footprint: Option<Footprint>,
    pub effect: Option<Effect>,
}

/// Newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    pub rule: Option<RuleSlug>,
    /// Empty means any.
    pub states: Vec<RunState>,
    pub kind: Option<RunKind>,
    /// Only runs created before this one (the last id of the page before).
    pub before: Option<RunId>,
    pub limit: u32,
}

#[async_trait]
pub trait Runs: Send + Sync + 'static {
    /// # Errors
    /// [`StoreError::ActiveRun`] when the rule has an active run already; [`StoreError::Purged`] when
    /// the run that it undoes has no journal any more.
    async fn create_run(&self, run: &NewRun) -> Result<(), StoreError>;

    async fn run(&self, id: &RunId) -> Result<Option<StoredRun>, StoreError>;

    async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunView>, StoreError>;

    /// Active runs that are not paused and whose lease is absent or over, of any rule.
    async fn claimable(&self, now: DateTime<Utc>) -> Result<Vec<RunId>, StoreError>;

    /// Takes the lease when it is free or over, or already this owner's. Adds one to the fence, and
    /// to the run's takeovers when it had another owner before.
    async fn lease_run(
        &self,
        id: &RunId,
        owner: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Option<Lease>, StoreError>;

    /// The heartbeat. False when the fence is no longer ours.
    async fn renew_lease(&self, lease: &Lease, until: DateTime<Utc>) -> Result<bool, StoreError>;

    async fn release_lease(&self, lease: &Lease) -> Result<(), StoreError>;

    /// A person's request: changes the state when it is one of `from`. False when it is not.
    async fn request_state(
        &self,
        id: &RunId,
        from: &[RunState],
        to: RunState,
        ended_at: Option<DateTime<Utc>>,
    ) -> Result<bool, StoreError>;

    /// A person's pace, in percent. False when the run is over.
    async fn set_pace(&self, id: &RunId, percent: u8) -> Result<bool, StoreError>;

    /// The worker's own writes. With `to`, also changes the state when it is one of `from`; false
    /// (and nothing written) when it is not.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when the fence is not the run's.
    async fn update_run(
        &self,
        lease: &Lease,
        to: Option<(&[RunState], RunState)>,
        patch: &RunPatch,
    ) -> Result<bool, StoreError>;

    async fn append_event(&self, run: &RunId, at: DateTime<Utc>, kind: &str, message: &str) -> Result<(), StoreError>;

    /// Oldest first, after `after`.
    async fn events(&self, run: &RunId, after: i64, limit: u32) -> Result<Vec<EventRecord>, StoreError>;

    /// The last `limit` chunks, oldest first.
    async fn chunks(&self, run: &RunId, limit: u32) -> Result<Vec<ChunkRecord>, StoreError>;

    /// Chunks whose digest of the untouched columns differs before and after.
    async fn touched_chunks(&self, run: &RunId) -> Result<i64, StoreError>;
}
