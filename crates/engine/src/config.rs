//! The engine's numbers, each with its unit and default.

use std::time::Duration;

use amend_domain::RuleSlug;

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
    /// Sweeps that leave no fewer rows than the one before, after which a run gives up. Default 5.
    pub max_walks: u32,
    /// Rows that a chunk may look at for each row that it may change. Default 20.
    pub scan_factor: i64,
    /// What holds runs back.
    pub throttle: Throttle,
    /// Workers that share a walk by blocks. Default 0: as many as this machine has cores, at most 4.
    /// Set it where the database has fewer cores to spare.
    pub workers: u32,
    /// From so many blocks on a table is walked by blocks, where it can be. Default 256 (2 MB).
    pub blocks_from: i64,
    /// Days after a run's end for which its journal and copy are kept, where the rule says nothing
    /// else. Default 30.
    pub retention_days: u32,
    /// Days for which snapshots are kept, where that is longer than the journal.
    pub snapshot_retention_days: Option<u32>,
    /// Share of failed chunks, in percent, at which a run stops by itself: see `worker::breaker`.
    /// Default 50.
    pub breaker_percent: u32,
    /// Rules that the settings file has: it says how they are at every start, so they are changed there
    /// alone. Default: none.
    pub rules_in_settings: Vec<RuleSlug>,
}

impl EngineConfig {
    /// The number of workers, once decided: as many as are set; otherwise a core each, of those that other
    /// sessions leave free. No database says how many cores it has, so this machine's are taken for it.
    pub(crate) fn workers(&self, busy_sessions: Option<i64>) -> u32 {
        if self.workers != 0 {
            return self.workers;
        }
        let cores = std::thread::available_parallelism().map_or(1, |n| i64::try_from(n.get()).unwrap_or(i64::MAX));
        allowed(cores, busy_sessions.unwrap_or(0))
    }
}

/// One worker always, four at most.
fn allowed(cores: i64, busy: i64) -> u32 {
    u32::try_from(cores.saturating_sub(busy).clamp(1, 4)).unwrap_or(1)
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
            workers: 0,
            blocks_from: 256,
            retention_days: 30,
            snapshot_retention_days: None,
            breaker_percent: 50,
            rules_in_settings: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_what_cores_and_load_allow_unless_they_are_set() {
        let of = |cores, busy| allowed(cores, busy);
        assert_eq!([of(1, 0), of(2, 0), of(16, 0), of(4, 3), of(4, 9), of(16, 10)], [1, 2, 4, 1, 1, 4]);
        let set = EngineConfig { workers: 7, ..EngineConfig::default() };
        assert_eq!(set.workers(Some(100)), 7);
    }
}
