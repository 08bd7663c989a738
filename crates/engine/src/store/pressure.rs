//! What presses on the database at this moment, as raw numbers. Which of them hold a run is for the
//! engine to say (`crate::throttle`).

use std::time::Duration;

use amend_domain::Rule;
use async_trait::async_trait;

use super::StoreError;

/// One number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading<T> {
    Known(T),
    /// This database has no such thing (replicas of an SQLite file, of a server without any).
    NotApplicable,
    /// It is there, and this user may not see it; the text says what to do, in one sentence.
    Unobservable(String),
}

/// The numbers of one moment. What Amend does itself is left out wherever it can be told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pressure {
    /// Other sessions that wait for a lock on the rule's target table or on one of its rows.
    pub lock_waiters: Reading<i64>,
    /// How far the slowest connected replica is behind.
    pub replication_lag: Reading<Duration>,
    /// Bytes of write-ahead log ever written: the rate is the difference of two readings.
    pub wal_bytes: Reading<i64>,
    /// Autovacuum workers on the target table.
    pub autovacuum: Reading<i64>,
    /// Other sessions of the whole server that are busy with a statement.
    pub active_sessions: Reading<i64>,
}

impl Pressure {
    /// A database that has none of these.
    #[must_use]
    pub const fn not_applicable() -> Self {
        Self {
            lock_waiters: Reading::NotApplicable,
            replication_lag: Reading::NotApplicable,
            wal_bytes: Reading::NotApplicable,
            autovacuum: Reading::NotApplicable,
            active_sessions: Reading::NotApplicable,
        }
    }

    /// A database that cannot be asked at all.
    #[must_use]
    pub fn unobservable(why: &str) -> Self {
        Self {
            lock_waiters: Reading::Unobservable(why.into()),
            replication_lag: Reading::Unobservable(why.into()),
            wal_bytes: Reading::Unobservable(why.into()),
            autovacuum: Reading::Unobservable(why.into()),
            active_sessions: Reading::Unobservable(why.into()),
        }
    }
}

#[async_trait]
pub trait Pressures: Send + Sync + 'static {
    /// A cheap look that takes no lock; called about once a second while a run works.
    async fn pressure(&self, rule: &Rule) -> Result<Pressure, StoreError>;
}
