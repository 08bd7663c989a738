//! Transactions with their limits, and statements whose text depends on a rule.

use std::time::{Duration, Instant};

use amend_domain::finding::WHITE_SPACE;
use amend_engine::store::StoreError;
use chrono::{DateTime, Utc};
use sqlx::{
    Arguments, AssertSqlSafe, Encode, PgConnection, Postgres, Transaction, Type,
    postgres::{PgArguments, PgRow},
};

use crate::{PostgresStore, error::db, sql::prevention::AT_WORK};

pub(crate) type Tx = Transaction<'static, Postgres>;

/// A worker that stands still in the middle of a chunk (its machine sleeps, its network is gone) keeps the
/// chunk's locks for no longer than this.
const LEAST_STANDSTILL: Duration = Duration::from_secs(10);

/// The transaction of a chunk, which keeps to its limit as a whole, though the server knows limits of
/// single statements only.
pub(crate) struct ChunkTx {
    tx: Tx,
    begun: Instant,
    limit: Duration,
}

impl ChunkTx {
    /// To be called before a statement that may take long: gives it the time that is left. While less than
    /// a tenth is spent, the limit that was set at the beginning is as good.
    ///
    /// # Errors
    /// [`StoreError::TooSlow`] when nothing is left.
    pub(crate) async fn keep_to_limit(&mut self) -> Result<(), StoreError> {
        let spent = self.begun.elapsed();
        if spent * 10 < self.limit {
            return Ok(());
        }
        let Some(left) = self.limit.checked_sub(spent).filter(|left| left.as_millis() > 0) else {
            return Err(StoreError::TooSlow(format!("{} ms are over", self.limit.as_millis())));
        };
        sqlx::query("SELECT set_config('statement_timeout', $1, true)")
            .bind(milliseconds(left))
            .execute(&mut *self.tx)
            .await
            .map_err(db)?;
        Ok(())
    }

    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        self.tx.commit().await.map_err(db)
    }

    pub(crate) async fn rollback(self) -> Result<(), StoreError> {
        self.tx.rollback().await.map_err(db)
    }
}

impl std::ops::Deref for ChunkTx {
    type Target = Tx;

    fn deref(&self) -> &Tx {
        &self.tx
    }
}

impl std::ops::DerefMut for ChunkTx {
    fn deref_mut(&mut self) -> &mut Tx {
        &mut self.tx
    }
}

impl From<ChunkTx> for Tx {
    fn from(chunk: ChunkTx) -> Self {
        chunk.tx
    }
}

impl PostgresStore {
    /// A transaction.
    pub(crate) async fn begin(&self) -> Result<Tx, StoreError> {
        self.begin_with("BEGIN").await
    }

    /// Runs to its end whatever becomes of the one who asked. A BEGIN whose answer nobody waits for (a
    /// browser that went away, a lane that was stopped) would leave its connection in a transaction that
    /// sqlx does not know of, and the pool's next user would write into it without ever committing.
    async fn begin_with(&self, statement: &'static str) -> Result<Tx, StoreError> {
        let pool = self.pool.clone();
        let begun = tokio::spawn(async move { pool.begin_with(statement).await });
        begun.await.map_err(|e| StoreError::Other(format!("beginning a transaction was cut off: {e}")))?.map_err(db)
    }

    /// A transaction that cannot write, for looking at the tables of a rule.
    pub(crate) async fn reading(&self) -> Result<Tx, StoreError> {
        let mut tx = self.begin_with("BEGIN TRANSACTION READ ONLY").await?;
        limit(&mut tx, self.options.lock_timeout, self.options.statement_timeout).await?;
        Ok(tx)
    }

    /// The same, tuned for one pass over a whole table: workers even where the planner shies from
    /// handing many groups over.
    pub(crate) async fn analysing(&self) -> Result<Tx, StoreError> {
        let mut tx = self.reading().await?;
        sqlx::query("SELECT set_config('parallel_tuple_cost', '0.01', true)").execute(&mut *tx).await.map_err(db)?;
        Ok(tx)
    }

    /// A transaction of one chunk, which may last so long.
    pub(crate) async fn writing(&self, lock: Duration, most: Duration) -> Result<ChunkTx, StoreError> {
        let mut tx = self.begin().await?;
        let begun = Instant::now();
        // Nine tenths: see `ChunkTx::keep_to_limit`.
        limit(&mut tx, lock, most * 9 / 10).await?;
        // A chunk joins at most some ten thousand keys with the table. The planner, which knows the
        // table's size but not how well its keys are cached, would read all of a table of a few
        // million rows for that, once for each chunk.
        // And rows that Amend itself writes pass the triggers that it installed.
        sqlx::query(
            "SELECT set_config('enable_seqscan', 'off', true), set_config($1, 'on', true),
                    set_config('idle_in_transaction_session_timeout', $2, true)",
        )
        .bind(AT_WORK)
        .bind(milliseconds(most.max(LEAST_STANDSTILL)))
        .execute(&mut *tx)
        .await
        .map_err(db)?;
        Ok(ChunkTx { tx, begun, limit: most })
    }

    /// The same for a chunk of a walk by blocks. The planner takes what a CTE gives for a few rows, and
    /// would read a range of blocks once for each of them: what is joined with a range is hashed.
    pub(crate) async fn writing_blocks(&self, lock: Duration, most: Duration) -> Result<ChunkTx, StoreError> {
        let mut tx = self.writing(lock, most).await?;
        sqlx::query("SELECT set_config('enable_nestloop', 'off', true)").execute(&mut **tx).await.map_err(db)?;
        Ok(tx)
    }
}

/// As a setting; zero would mean no limit.
fn milliseconds(time: Duration) -> String {
    format!("{}ms", time.as_millis().max(1))
}

/// Sets the limits of a transaction, and leads the planner where it cannot know better: it has no
/// statistics of what a CTE gives, and would sort whole tables to merge them with it instead of hashing
/// the small side; and compiling a plan costs more than it saves on statements like ours.
pub(crate) async fn limit(tx: &mut PgConnection, lock: Duration, statement: Duration) -> Result<(), StoreError> {
    sqlx::query(
        "SELECT set_config('lock_timeout', $1, true), set_config('statement_timeout', $2, true),
                set_config('jit', 'off', true), set_config('enable_mergejoin', 'off', true),
                set_config('work_mem', greatest(65536, pg_size_bytes(current_setting('work_mem')) / 1024)::text, true)",
    )
    .bind(milliseconds(lock))
    .bind(milliseconds(statement))
    .execute(tx)
    .await
    .map_err(db)?;
    Ok(())
}

/// The bound values of a statement that is put together piece by piece. Each method answers with the
/// placeholder, its type included.
#[derive(Default)]
pub(crate) struct Args {
    args: PgArguments,
    white_space: Option<String>,
    failed: Option<String>,
}

impl Args {
    fn push<'t, T>(&mut self, value: T, type_name: &str) -> String
    where
        T: Encode<'t, Postgres> + Type<Postgres>,
    {
        if let Err(e) = self.args.add(value) {
            self.failed = Some(e.to_string());
        }
        format!("${}::{type_name}", self.args.len())
    }

    pub(crate) fn text(&mut self, value: &str) -> String {
        self.push(value, "text")
    }

    pub(crate) fn texts(&mut self, values: &[String]) -> String {
        self.push(values, "text[]")
    }

    pub(crate) fn nullable_texts(&mut self, values: &[Option<String>]) -> String {
        self.push(values, "text[]")
    }

    pub(crate) fn int(&mut self, value: i64) -> String {
        self.push(value, "bigint")
    }

    pub(crate) fn ints(&mut self, values: &[i64]) -> String {
        self.push(values, "bigint[]")
    }

    pub(crate) fn time(&mut self, value: DateTime<Utc>) -> String {
        self.push(value, "timestamptz")
    }

    /// What `str::trim` trims, bound once a statement.
    pub(crate) fn white_space(&mut self) -> String {
        if let Some(placeholder) = &self.white_space {
            return placeholder.clone();
        }
        let placeholder = self.text(WHITE_SPACE);
        self.white_space = Some(placeholder.clone());
        placeholder
    }

    fn finish(self) -> Result<PgArguments, StoreError> {
        match self.failed {
            None => Ok(self.args),
            Some(e) => Err(StoreError::Other(format!("a value cannot be sent: {e}"))),
        }
    }
}

/// Runs a statement that was put together. Not kept prepared: its text depends on the rule and its
/// best plan on the values.
pub(crate) async fn fetch_all(conn: &mut PgConnection, sql: String, args: Args) -> Result<Vec<PgRow>, StoreError> {
    // Identifiers come quoted from the catalog, values are bound: see `shape` and `Args`.
    sqlx::query_with(AssertSqlSafe(sql), args.finish()?).persistent(false).fetch_all(conn).await.map_err(db)
}

/// The same for a statement that answers with exactly one row.
pub(crate) async fn fetch_one(conn: &mut PgConnection, sql: String, args: Args) -> Result<PgRow, StoreError> {
    sqlx::query_with(AssertSqlSafe(sql), args.finish()?).persistent(false).fetch_one(conn).await.map_err(db)
}

/// The same for a statement that answers with nothing.
pub(crate) async fn execute(conn: &mut PgConnection, sql: String, args: Args) -> Result<(), StoreError> {
    sqlx::query_with(AssertSqlSafe(sql), args.finish()?).persistent(false).execute(conn).await.map_err(db)?;
    Ok(())
}
