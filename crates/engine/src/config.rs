//! The engine's numbers, each with its unit and default.

use std::time::Duration;

use crate::throttle::Throttle;

#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Who this process is in leases: `pid-number@host` or any other text that no other process has.
    pub owner: String,
    /// How long a lease lasts without a heartbeat. Default 10 s; a heartbeat comes every third of it.
    pub lease: Duration,
    /// What a chunk should take. Default 400 ms.
    pub target_chunk: Duration,
    /// How long a statement may wait for a lock. Default 2 s.
    pub lock_timeout: Duration,
    /// Share of the planned rows by which the numbers may have moved since an approved preview.
    /// Default 0.01.
    pub drift_tolerance: f64,
    /// Walks over the table after which a run gives up on rows that others keep locked. Default 5.
    pub max_walks: u32,
    /// Rows that a chunk may look at for each row that it may change. Default 20.
    pub scan_factor: i64,
    /// What holds runs back.
    pub throttle: Throttle,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            owner: format!("{}-{:08x}", std::process::id(), rand::random::<u32>()),
            lease: Duration::from_secs(10),
            target_chunk: Duration::from_millis(400),
            lock_timeout: Duration::from_secs(2),
            drift_tolerance: 0.01,
            max_walks: 5,
            scan_factor: 20,
            throttle: Throttle::default(),
        }
    }
}
