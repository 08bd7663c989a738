//! The PostgreSQL server that is measured on: databases copied from one another, plain SQL.

use std::{str::FromStr as _, time::Instant};

use anyhow::Context as _;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgConnection, postgres::PgConnectOptions,
};

use crate::report::Side;

/// The cluster, and the database that every copy is made from.
pub(crate) struct Server {
    url: String,
}

/// Bytes now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    wal: i64,
    heap: i64,
    index: i64,
}

impl Server {
    /// # Errors
    /// Without `AMEND_BENCH_POSTGRES`.
    pub(crate) fn of_environment() -> anyhow::Result<Self> {
        let url = std::env::var("AMEND_BENCH_POSTGRES").context(
            "AMEND_BENCH_POSTGRES is not set: `cargo xtask bench NAME` makes a throw-away cluster and sets it",
        )?;
        Ok(Self { url })
    }

    fn options(&self, database: &str) -> anyhow::Result<PgConnectOptions> {
        Ok(PgConnectOptions::from_str(&self.url)?.database(database))
    }

    /// The address of a database.
    pub(crate) fn address(&self, database: &str) -> anyhow::Result<String> {
        Ok(self.options(database)?.to_url_lossy().to_string())
    }

    pub(crate) async fn connect(&self, database: &str) -> anyhow::Result<PgConnection> {
        Ok(self.options(database)?.connect().await?)
    }

    pub(crate) async fn run(&self, database: &str, statements: &[String]) -> anyhow::Result<()> {
        let mut connection = self.connect(database).await?;
        for statement in statements {
            connection
                .execute(AssertSqlSafe(statement.clone()))
                .await
                .with_context(|| statement.chars().take(80).collect::<String>())?;
        }
        Ok(connection.close().await?)
    }

    /// Makes the database that the others are copied from.
    pub(crate) async fn make_base(&self, statements: &[String]) -> anyhow::Result<()> {
        self.admin("DROP DATABASE IF EXISTS base").await?;
        self.admin("CREATE DATABASE base").await?;
        self.run("base", statements).await
    }

    /// A fresh copy, with everything of the copying on disk.
    pub(crate) async fn copy(&self, from: &str, to: &str) -> anyhow::Result<()> {
        self.remove(to).await?;
        // Copying through the log, the newer default, is slower for so much.
        let how = if self.version().await? >= 150_000 { " STRATEGY file_copy" } else { "" };
        self.admin(&format!("CREATE DATABASE {to} TEMPLATE {from}{how}")).await?;
        self.admin("CHECKPOINT").await
    }

    pub(crate) async fn remove(&self, database: &str) -> anyhow::Result<()> {
        self.admin(&format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)")).await
    }

    async fn version(&self) -> anyhow::Result<i32> {
        let mut connection = self.connect("postgres").await?;
        let version =
            sqlx::query_scalar("SELECT current_setting('server_version_num')::int").fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok(version)
    }

    async fn admin(&self, sql: &str) -> anyhow::Result<()> {
        self.run("postgres", &[sql.to_owned()]).await
    }

    pub(crate) async fn sizes(&self, database: &str) -> anyhow::Result<Sizes> {
        let mut connection = self.connect(database).await?;
        let (wal, heap, index) = sqlx::query_as(
            "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint, pg_relation_size('market_data'),
                    pg_indexes_size('market_data')",
        )
        .fetch_one(&mut connection)
        .await?;
        connection.close().await?;
        Ok(Sizes { wal, heap, index })
    }

    /// "PostgreSQL 15.1, shared_buffers 2GB, fsync on, synchronous_commit on, 2 cores".
    pub(crate) async fn words(&self) -> anyhow::Result<String> {
        let mut connection = self.connect("postgres").await?;
        let words: String = sqlx::query_scalar(
            "SELECT format('PostgreSQL %s, shared_buffers %s, fsync %s, synchronous_commit %s',
                           split_part(current_setting('server_version'), ' ', 1), current_setting('shared_buffers'),
                           current_setting('fsync'), current_setting('synchronous_commit'))",
        )
        .fetch_one(&mut connection)
        .await?;
        connection.close().await?;
        let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
        Ok(format!("{words}, {cores} cores"))
    }
}

/// What a side did, from before to after.
#[expect(clippy::cast_precision_loss, reason = "megabytes for people")]
pub(crate) fn side(begun: Instant, before: Sizes, after: Sizes) -> Side {
    let mb = |bytes: i64| bytes as f64 / 1_048_576.0;
    Side {
        seconds: begun.elapsed().as_secs_f64(),
        wal_mb: mb(after.wal - before.wal),
        heap_mb: mb(after.heap - before.heap),
        index_mb: mb(after.index - before.index),
        ..Side::default()
    }
}
