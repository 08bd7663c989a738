//! Amend's store on PostgreSQL 14 and later.
//!
//! It holds no policy (what to correct, when to stop, how fast: that is the engine's) and answers in
//! the engine's words alone: no type of sqlx leaves this crate. Amend's own tables stand in schema
//! `amend`, with the migrations' bookkeeping beside them; the tables that rules name stand wherever
//! they are.
//!
//! Where things are: [`connect`](PostgresStore::connect) here; the traits one file a subject
//! (`catalog` with `remarks`, `findings` with `pages`, `assignments`, `runs`, `slices`, `corrections` with `restore`,
//! `undo`, `snapshots`, `backups`, `prevention`, `people`, `pressure`, `bulk`); the SQL that depends on a rule is built in `sql/`, from a [`shape::Shape`], which
//! is what the database says about the rule's tables. To add a method: a case in the store testkit, the method in the file
//! of its subject, and its SQL inline when it is short and fixed, otherwise in `sql/`.

#![forbid(unsafe_code)]

mod assignments;
mod backups;
mod bulk;
mod catalog;
mod chunk;
mod corrections;
mod error;
mod facts;
mod failures;
mod findings;
mod pages;
mod people;
mod pressure;
mod prevention;
mod probe;
mod remarks;
mod restore;
mod rollback;
mod run_row;
mod runs;
mod shape;
mod slices;
mod snapshots;
mod sql;
mod tx;
mod undo;

use std::{str::FromStr, time::Duration};

use amend_engine::store::StoreError;
use sqlx::{
    ConnectOptions, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::error::db;

/// How to talk to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresOptions {
    /// Connections at most; a run in progress needs two (chunks, heartbeat).
    pub max_connections: u32,
    /// How long to wait for a connection.
    pub acquire_timeout: Duration,
    /// How long reading waits for a table that somebody has locked. Chunks bring their own.
    pub lock_timeout: Duration,
    /// How long one reading statement may take. Chunks bring their own.
    pub statement_timeout: Duration,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            max_connections: 10,
            acquire_timeout: Duration::from_secs(10),
            lock_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(10 * 60),
        }
    }
}

/// A database of a PostgreSQL server.
#[derive(Debug, Clone)]
pub struct PostgresStore {
    pool: PgPool,
    /// Without the password.
    location: String,
    options: PostgresOptions,
}

impl PostgresStore {
    /// Connects; `url` is what sqlx takes (`postgres://user:password@host:port/database`, with
    /// `sslmode`, `sslrootcert`, `sslcert`, `sslkey`, `options` and `application_name` as parameters;
    /// what is left out comes from the `PG*` environment variables).
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the address cannot be read or nobody answers there.
    pub async fn connect(url: &str, options: PostgresOptions) -> Result<Self, StoreError> {
        let mut to = PgConnectOptions::from_str(url).map_err(db)?.disable_statement_logging();
        if to.get_application_name().is_none() {
            to = to.application_name("amend");
        }
        let location = location(&to);
        let pool = PgPoolOptions::new()
            .max_connections(options.max_connections)
            .acquire_timeout(options.acquire_timeout)
            .connect_with(to)
            .await
            .map_err(db)?;
        Ok(Self { pool, location, options })
    }

    /// Closes every connection, waiting for those in use.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

fn location(to: &PgConnectOptions) -> String {
    let database = to.get_database().unwrap_or_else(|| to.get_username());
    match to.get_socket() {
        Some(folder) => format!("postgres://{}@{}/{database}", to.get_username(), folder.display()),
        None => format!("postgres://{}@{}:{}/{database}", to.get_username(), to.get_host(), to.get_port()),
    }
}
