//! What holds a run back: signals, each with its name, its reading, its limit and its reason.
//!
//! Any one of them holds the run. One that is there but cannot be observed holds it too, because
//! nobody knows then what the run would do to the others; it can be switched off by its name. What
//! a database does not have at all (replicas of a file) holds nothing.
//!
//! To add a signal: the raw number in `store::Pressure`, a module here, a field in [`Throttle`], a
//! line in [`Signals::new`] and in [`NAMES`], and its key in the server's settings.

mod active_sessions;
mod autovacuum;
mod lock_waiters;
pub(crate) mod operator_pace;
mod replication_lag;
#[cfg(test)]
mod tests;
mod time_window;
mod wal_rate;

use std::time::Duration;

use amend_domain::TableName;
use chrono::{DateTime, Utc};

pub use self::time_window::TimeWindow;
use crate::store::{Pressure, Reading};

/// Every signal that settings can name.
pub const NAMES: [&str; 6] = [
    lock_waiters::NAME,
    replication_lag::NAME,
    wal_rate::NAME,
    autovacuum::NAME,
    active_sessions::NAME,
    time_window::NAME,
];

/// The limits. `None` switches a signal off.
#[derive(Debug, Clone, PartialEq)]
pub struct Throttle {
    /// Other sessions that may wait for a lock on the target table. Default 0.
    pub lock_waiters: Option<i64>,
    /// How far the slowest replica may be behind. Default 10 s.
    pub replication_lag: Option<Duration>,
    /// Bytes of write-ahead log a second that the server may write. Off by default: a run is a good
    /// part of it itself.
    pub wal_rate: Option<i64>,
    /// Autovacuum workers that may be on the target table. Off by default: a large run calls them
    /// itself.
    pub autovacuum: Option<i64>,
    /// Other sessions of the server that may be active. Off by default: what is many depends on it.
    pub active_sessions: Option<i64>,
    /// When runs may work. Off by default: always.
    pub time_window: Option<TimeWindow>,
    /// Between two readings. Default 1 s.
    pub every: Duration,
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            lock_waiters: Some(0),
            replication_lag: Some(Duration::from_secs(10)),
            wal_rate: None,
            autovacuum: None,
            active_sessions: None,
            time_window: None,
            every: Duration::from_secs(1),
        }
    }
}

/// What a signal is told.
pub(crate) struct Seen<'a> {
    pub pressure: &'a Pressure,
    pub table: &'a TableName,
    pub now: DateTime<Utc>,
}

/// What a signal says; each text is one clause or sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The reading, within its limit.
    Calm(String),
    /// Why the run is held.
    Hold(String),
    NotApplicable,
    /// Why it cannot be read.
    Unobservable(String),
}

pub(crate) trait Signal: Send + Sync {
    fn name(&self) -> &'static str;

    /// The limit with its unit.
    fn limit(&self) -> String;

    /// Whether its reading comes from the database.
    fn reads_database(&self) -> bool {
        true
    }

    fn judge(&mut self, seen: &Seen<'_>) -> Verdict;
}

/// One reason for holding a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hold {
    pub name: &'static str,
    pub reason: String,
}

/// One signal at one moment, for `amend doctor`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignalState {
    pub name: &'static str,
    /// With its unit; `None` when it is switched off.
    pub limit: Option<String>,
    /// What was read, or that there is nothing to read.
    pub reading: String,
    /// Why a run would be held now.
    pub hold: Option<String>,
}

/// The signals that are switched on.
pub(crate) struct Signals(Vec<Box<dyn Signal>>);

impl Signals {
    pub(crate) fn new(limits: &Throttle) -> Self {
        let mut all: Vec<Box<dyn Signal>> = Vec::new();
        if let Some(limit) = limits.lock_waiters {
            all.push(Box::new(lock_waiters::LockWaiters { limit }));
        }
        if let Some(limit) = limits.replication_lag {
            all.push(Box::new(replication_lag::ReplicationLag { limit }));
        }
        if let Some(limit) = limits.wal_rate {
            all.push(Box::new(wal_rate::WalRate { limit, last: None }));
        }
        if let Some(limit) = limits.autovacuum {
            all.push(Box::new(autovacuum::Autovacuum { limit }));
        }
        if let Some(limit) = limits.active_sessions {
            all.push(Box::new(active_sessions::ActiveSessions { limit }));
        }
        if let Some(window) = &limits.time_window {
            all.push(Box::new(time_window::InWindow(window.clone())));
        }
        Self(all)
    }

    /// Whether any of them needs a look at the database.
    pub(crate) fn read_database(&self) -> bool {
        self.0.iter().any(|s| s.reads_database())
    }

    /// Every reason for holding a run now.
    pub(crate) fn holds(&mut self, seen: &Seen<'_>) -> Vec<Hold> {
        self.0
            .iter_mut()
            .filter_map(|signal| {
                let reason = hold(signal.name(), &signal.judge(seen))?;
                Some(Hold { name: signal.name(), reason })
            })
            .collect()
    }

    /// Every signal, those that are off included.
    pub(crate) fn states(&mut self, seen: &Seen<'_>) -> Vec<SignalState> {
        NAMES
            .into_iter()
            .map(|name| {
                let Some(signal) = self.0.iter_mut().find(|s| s.name() == name) else {
                    return SignalState { name, limit: None, reading: "switched off".into(), hold: None };
                };
                let verdict = signal.judge(seen);
                let hold = hold(name, &verdict);
                let reading = match verdict {
                    Verdict::Calm(text) | Verdict::Hold(text) => text,
                    Verdict::NotApplicable => "this database has none".into(),
                    Verdict::Unobservable(why) => format!("cannot be observed: {why}"),
                };
                SignalState { name, limit: Some(signal.limit()), reading, hold }
            })
            .collect()
    }
}

fn hold(name: &str, verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Hold(reason) => Some(reason.clone()),
        Verdict::Unobservable(why) => {
            Some(format!("the signal {name} cannot be observed: {why}, or switch it off (throttle.off = [\"{name}\"])"))
        }
        Verdict::Calm(_) | Verdict::NotApplicable => None,
    }
}

/// The reasons as one sentence.
pub(crate) fn sentence(holds: &[Hold]) -> String {
    holds.iter().map(|h| h.reason.as_str()).collect::<Vec<_>>().join("; ")
}

/// Judges a number that there is.
fn known<T: Clone>(reading: &Reading<T>, judge: impl FnOnce(T) -> Verdict) -> Verdict {
    match reading {
        Reading::Known(value) => judge(value.clone()),
        Reading::NotApplicable => Verdict::NotApplicable,
        Reading::Unobservable(why) => Verdict::Unobservable(why.clone()),
    }
}

/// `text` as a calm reading, or as the reason with the limit behind it.
fn within(calm: bool, text: String, limit: &str) -> Verdict {
    if calm { Verdict::Calm(text) } else { Verdict::Hold(format!("{text}; limit {limit}")) }
}

/// `1 session`, `3 sessions`.
fn counted(n: i64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}
