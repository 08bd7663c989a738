//! [`Pressures`]: what presses on the server, from its own views.

use std::time::Duration;

use amend_domain::Rule;
use amend_engine::store::{Pressure, Pressures, Reading, StoreError};
use async_trait::async_trait;
use sqlx::FromRow;

use crate::{PostgresStore, error::db, shape::lookup_name};

/// What a user without it cannot see of other users' sessions.
const GRANT: &str = "the database user may not see other users' sessions; grant it pg_read_all_stats";

#[derive(FromRow)]
struct Row {
    found: bool,
    lock_waiters: i64,
    autovacuum: i64,
    wal_bytes: Option<i64>,
    sees_all: bool,
    active_sessions: i64,
    replicas: i64,
    hidden_replicas: i64,
    lag_ms: Option<i64>,
}

#[async_trait]
impl Pressures for PostgresStore {
    async fn pressure(&self, rule: &Rule) -> Result<Pressure, StoreError> {
        let table = &rule.target.table;
        let row: Row = sqlx::query_as(include_str!("sql/pressure.sql"))
            .bind(lookup_name(table))
            .fetch_one(&self.pool)
            .await
            .map_err(db)?;
        if !row.found {
            return Err(StoreError::Missing(format!("table {table}")));
        }
        Ok(Pressure {
            lock_waiters: Reading::Known(row.lock_waiters),
            autovacuum: Reading::Known(row.autovacuum),
            // A standby has no log of its own; it refuses to write anyway.
            wal_bytes: row.wal_bytes.map_or(Reading::NotApplicable, Reading::Known),
            active_sessions: if row.sees_all {
                Reading::Known(row.active_sessions)
            } else {
                Reading::Unobservable(GRANT.into())
            },
            replication_lag: match row.lag_ms {
                _ if row.hidden_replicas > 0 => Reading::Unobservable(GRANT.into()),
                _ if row.replicas == 0 => Reading::NotApplicable,
                lag => Reading::Known(Duration::from_millis(lag.and_then(|ms| u64::try_from(ms).ok()).unwrap_or(0))),
            },
        })
    }
}
