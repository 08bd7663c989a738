//! Databases for the suite, reached by plain SQL beside the store.

pub mod postgres;
pub mod sqlite;

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

/// How a database spells the types of the suite's tables.
#[derive(Debug, Clone, Copy)]
pub struct Types {
    pub text: &'static str,
    pub int: &'static str,
    pub uuid: &'static str,
    pub time: &'static str,
    pub number: &'static str,
}

/// A fresh, empty database of one test, and ways into it that the store knows nothing of.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// Where the store is to connect.
    fn url(&self) -> String;

    /// Where a store is to connect that must not write to tables made so far.
    async fn read_only_url(&self) -> anyhow::Result<String>;

    fn types(&self) -> Types;

    /// One or several statements.
    async fn execute(&self, sql: &str) -> anyhow::Result<()>;

    /// Rows with every value as the database's text.
    async fn query_rows(&self, sql: &str) -> anyhow::Result<Vec<Vec<Option<String>>>>;

    /// See [`crate::Fixture::picture`].
    async fn picture(&self, table: &str) -> anyhow::Result<Vec<String>>;

    /// See [`crate::Fixture::hold`].
    async fn hold(&self, statements: &[&str]) -> anyhow::Result<Held>;

    /// Removes the database.
    async fn destroy(&self) -> anyhow::Result<()>;
}

/// A transaction on a connection of its own. Dropped, it is rolled back with its connection.
#[derive(Debug)]
pub enum Held {
    Sqlite(sqlx::SqliteConnection),
    Postgres(sqlx::PgConnection),
}

impl Held {
    pub async fn commit(self) -> anyhow::Result<()> {
        self.end("COMMIT").await
    }

    pub async fn roll_back(self) -> anyhow::Result<()> {
        self.end("ROLLBACK").await
    }

    async fn end(self, how: &'static str) -> anyhow::Result<()> {
        use sqlx::Connection as _;
        match self {
            Self::Sqlite(mut connection) => {
                sqlx::raw_sql(how).execute(&mut connection).await?;
                connection.close().await?;
            }
            Self::Postgres(mut connection) => {
                sqlx::raw_sql(how).execute(&mut connection).await?;
                connection.close().await?;
            }
        }
        Ok(())
    }
}

/// A name that no other test of this machine uses at the same time.
fn unique_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("amend_case_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A text as an SQL literal, null as `NULL`; the same in both databases.
#[must_use]
pub fn literal<'a>(text: impl Into<Option<&'a str>>) -> String {
    match text.into() {
        Some(text) => format!("'{}'", text.replace('\'', "''")),
        None => "NULL".into(),
    }
}

/// A time as an SQL literal that both databases take for their time type.
#[must_use]
pub fn time_literal(time: Option<DateTime<Utc>>) -> String {
    match time {
        Some(time) => format!("'{}'", time.format("%Y-%m-%dT%H:%M:%SZ")),
        None => "NULL".into(),
    }
}
