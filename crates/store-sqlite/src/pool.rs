//! The connections: one that writes, a few that read.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use amend_engine::store::StoreError;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, SqlSafeStr as _, Sqlite, SqliteConnection, SqlitePool,
    Transaction,
    pool::PoolConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{SqliteOptions, error::db};

/// How long a statement waits for another program's lock, unless a request says otherwise.
const BUSY: Duration = Duration::from_secs(5);
/// How long a caller waits for a connection of ours.
const OUR_TURN: Duration = Duration::from_secs(30);
/// How long opening a file may take where one can do without.
const TO_CONNECT: Duration = Duration::from_millis(200);
/// SQLite asks whether to go on after so many of its instructions: a few ten microseconds.
const INSTRUCTIONS_A_LOOK: i32 = 20_000;

/// The one connection that writes, and what bounds its statements.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    pool: SqlitePool,
    deadline: Arc<Deadline>,
    busy_ms: Arc<AtomicU64>,
}

impl Writer {
    pub(crate) fn open(path: &Path, options: &SqliteOptions, writable: bool, frozen: bool) -> Self {
        let deadline = Arc::new(Deadline::new());
        let busy_ms = Arc::new(AtomicU64::new(0));
        let connect = if writable {
            connect_options(path, options)
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Normal)
                // A load of a million rows leaves a log as large as the table.
                .pragma("journal_size_limit", (64 * 1024 * 1024).to_string())
        } else {
            connect_options(path, options).read_only(true).immutable(frozen)
        };
        let (watched, fresh) = (Arc::clone(&deadline), Arc::clone(&busy_ms));
        let pool = pool_options(1)
            .after_connect(move |connection, _| {
                let deadline = Arc::clone(&watched);
                fresh.store(millis(BUSY), Ordering::Release);
                Box::pin(async move {
                    let mut handle = connection.lock_handle().await?;
                    handle.set_progress_handler(INSTRUCTIONS_A_LOOK, move || !deadline.is_over());
                    Ok(())
                })
            })
            .connect_lazy_with(connect);
        Self { pool, deadline, busy_ms }
    }

    /// The connection, with `lock_timeout` for other programs' locks and for our own turn alike.
    ///
    /// An error such as a full disk makes SQLite roll back by itself, after which sqlx still counts
    /// a transaction as open: such a connection is closed and another one made.
    pub(crate) async fn acquire(&self, lock_timeout: Option<Duration>) -> Result<PoolConnection<Sqlite>, StoreError> {
        let healthy = async {
            loop {
                let mut connection = self.pool.acquire().await?;
                // Waits for what the one before left in the queue, such as its rollback.
                connection.ping().await?;
                if !connection.is_in_transaction() {
                    return Ok(connection);
                }
                tracing::warn!("a connection with a broken transaction is replaced");
                connection.close().await?;
            }
        };
        let mut connection = tokio::time::timeout(lock_timeout.unwrap_or(OUR_TURN), healthy)
            .await
            .map_err(|_| StoreError::Locked("another step of Amend is writing".into()))?
            .map_err(db)?;
        let wanted = millis(lock_timeout.unwrap_or(BUSY));
        if self.busy_ms.load(Ordering::Acquire) != wanted {
            sqlx::query(AssertSqlSafe(format!("PRAGMA busy_timeout = {wanted}")))
                .execute(&mut *connection)
                .await
                .map_err(db)?;
            self.busy_ms.store(wanted, Ordering::Release);
        }
        Ok(connection)
    }

    /// For the migrations, which take their connection themselves.
    pub(crate) const fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// A transaction that owns its connection and holds the write lock from its start.
    pub(crate) async fn begin_on(
        &self,
        connection: PoolConnection<Sqlite>,
    ) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Transaction::begin(connection, Some("BEGIN IMMEDIATE".into_sql_str())).await.map_err(db)
    }

    /// Ends statements of the writer that run past `limit` from now, until the guard is dropped.
    pub(crate) fn limit(&self, limit: Duration) -> Limit {
        self.deadline.set(limit);
        Limit(Arc::clone(&self.deadline))
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

/// Connections that read.
#[derive(Debug, Clone)]
pub(crate) struct Readers {
    pool: SqlitePool,
}

impl Readers {
    pub(crate) fn open(path: &Path, options: &SqliteOptions, frozen: bool) -> Self {
        let connect = connect_options(path, options).read_only(true).immutable(frozen);
        Self { pool: pool_options(options.readers.max(1)).connect_lazy_with(connect) }
    }

    pub(crate) async fn acquire(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        self.pool.acquire().await.map_err(db)
    }

    /// One that nobody uses, if there is one or one more may be made; waits for nobody's.
    pub(crate) async fn try_acquire(&self) -> Option<PoolConnection<Sqlite>> {
        let idle = self.pool.try_acquire();
        if idle.is_some() || self.pool.size() >= self.pool.options().get_max_connections() {
            return idle;
        }
        // Somebody may have been quicker.
        tokio::time::timeout(TO_CONNECT, self.pool.acquire()).await.ok()?.ok()
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

/// Begins a transaction that sees one state of the database from its first statement to its end.
pub(crate) async fn begin_read(connection: &mut SqliteConnection) -> Result<sqlx::Transaction<'_, Sqlite>, StoreError> {
    connection.begin_with("BEGIN DEFERRED").await.map_err(db)
}

fn connect_options(path: &Path, options: &SqliteOptions) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        .pragma("cache_size", format!("-{}", options.cache_kib))
        // Candidates and resolved references are held here; they are a few megabytes.
        .pragma("temp_store", "memory")
        // SQLite runs in a thread of its own; rows cross over to us in heaps, not one by one.
        .row_buffer_size(1_000)
        .disable_statement_logging()
}

fn pool_options(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(OUR_TURN)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

fn millis(duration: Duration) -> u64 {
    // SQLite takes a C int.
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).min(i32::MAX as u64)
}

/// When the running statement must be over; asked from SQLite's own thread.
#[derive(Debug)]
struct Deadline {
    base: Instant,
    /// Milliseconds after `base`; 0 for none.
    at: AtomicU64,
}

impl Deadline {
    fn new() -> Self {
        Self { base: Instant::now(), at: AtomicU64::new(0) }
    }

    fn set(&self, limit: Duration) {
        let at = self.base.elapsed().saturating_add(limit);
        self.at.store(u64::try_from(at.as_millis()).unwrap_or(u64::MAX).max(1), Ordering::Release);
    }

    fn is_over(&self) -> bool {
        let at = self.at.load(Ordering::Acquire);
        at != 0 && self.base.elapsed().as_millis() > u128::from(at)
    }
}

/// See [`Writer::limit`].
#[derive(Debug)]
pub(crate) struct Limit(Arc<Deadline>);

impl Drop for Limit {
    fn drop(&mut self) {
        self.0.at.store(0, Ordering::Release);
    }
}
