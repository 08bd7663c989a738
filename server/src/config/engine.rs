use std::time::Duration;

use amend_domain::Problem;
use amend_engine::EngineConfig;
use serde::{Deserialize, Serialize};

/// `[engine]`: how runs behave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineSection {
    /// `AMEND_ENGINE_LEASE_S`. Seconds after which a run whose process died can be taken over.
    /// Default 10; 3 to 600.
    pub lease_s: u64,
    /// `AMEND_ENGINE_TARGET_CHUNK_MS`. Milliseconds that one transaction should take when the batch
    /// size is `auto`. Default 400; 20 to 10,000.
    pub target_chunk_ms: u64,
    /// `AMEND_ENGINE_LOCK_TIMEOUT_MS`. Milliseconds that a statement may wait for a lock. Default
    /// 2,000; 10 to 60,000.
    pub lock_timeout_ms: u64,
    /// `AMEND_ENGINE_DRIFT_TOLERANCE_PERCENT`. Percent by which the numbers may have moved since an
    /// approved preview. Default 1; 0 to 100.
    pub drift_tolerance_percent: f64,
    /// `AMEND_ENGINE_RETENTION_DAYS`. Days after a run's end for which it can be rolled back, where its
    /// rule says nothing else. Default 30; 1 to 3,650.
    pub retention_days: u32,
    /// `AMEND_ENGINE_SNAPSHOT_RETENTION_DAYS`. Days after a run's end for which its snapshot is kept, where that
    /// is longer than its journal. Left out, both go together; 1 to 3,650.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot_retention_days: Option<u32>,
    /// `AMEND_ENGINE_WORKERS`. Workers that share a run over a large table of PostgreSQL. Default 0: one
    /// for each core of this machine that other active sessions of the database leave free, 1 to 4; set it where
    /// the database stands elsewhere. Otherwise 1 to 32.
    pub workers: u32,
    /// `AMEND_ENGINE_BREAKER_PERCENT`. Percent of the last 20 chunks (at least 10) that may fail before a
    /// run stops by itself. Default 50; 1 to 100.
    pub breaker_percent: u32,
}

impl Default for EngineSection {
    fn default() -> Self {
        Self {
            lease_s: 10,
            target_chunk_ms: 400,
            lock_timeout_ms: 2_000,
            drift_tolerance_percent: 1.0,
            retention_days: 30,
            snapshot_retention_days: None,
            workers: 0,
            breaker_percent: 50,
        }
    }
}

impl EngineSection {
    /// Checks bounds.
    ///
    /// # Errors
    /// Names the first key out of bounds.
    pub fn check(&self) -> Result<(), Problem> {
        if !(3..=600).contains(&self.lease_s) {
            return Err(Problem::field("engine.lease_s", "must be 3 to 600"));
        }
        if !(20..=10_000).contains(&self.target_chunk_ms) {
            return Err(Problem::field("engine.target_chunk_ms", "must be 20 to 10000"));
        }
        if !(10..=60_000).contains(&self.lock_timeout_ms) {
            return Err(Problem::field("engine.lock_timeout_ms", "must be 10 to 60000"));
        }
        if !(0.0..=100.0).contains(&self.drift_tolerance_percent) {
            return Err(Problem::field("engine.drift_tolerance_percent", "must be 0 to 100"));
        }
        if !(1..=3_650).contains(&self.retention_days) {
            return Err(Problem::field("engine.retention_days", "must be 1 to 3650"));
        }
        if self.snapshot_retention_days.is_some_and(|days| !(1..=3_650).contains(&days)) {
            return Err(Problem::field(
                "engine.snapshot_retention_days",
                "must be 1 to 3650; leave it out for retention_days",
            ));
        }
        if self.workers > 32 {
            return Err(Problem::field("engine.workers", "must be 0 to 32"));
        }
        if !(1..=100).contains(&self.breaker_percent) {
            return Err(Problem::field("engine.breaker_percent", "must be 1 to 100"));
        }
        Ok(())
    }

    /// The engine's own form, for a worker that others know as `owner`.
    #[must_use]
    pub fn with_owner(&self, owner: String) -> EngineConfig {
        EngineConfig {
            owner,
            lease: Duration::from_secs(self.lease_s),
            target_chunk: Duration::from_millis(self.target_chunk_ms),
            lock_timeout: Duration::from_millis(self.lock_timeout_ms),
            drift_tolerance: self.drift_tolerance_percent / 100.0,
            retention_days: self.retention_days,
            snapshot_retention_days: self.snapshot_retention_days,
            workers: self.workers,
            breaker_percent: self.breaker_percent,
            ..EngineConfig::default()
        }
    }
}
