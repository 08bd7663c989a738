//! What a database can answer besides success, in classes that decide what the engine does.

use amend_domain::{ErrorCode, Problem, RunId};

/// An error of a store. Texts of the database are kept for the log only.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The rule already has an active run (held by a unique index, not by a look before).
    #[error("run {0} is active")]
    ActiveRun(RunId),
    /// Retention took the run's before-images away.
    #[error("run {0} has no journal any more")]
    Purged(RunId),
    /// The lease's fencing token is no longer the run's: another worker took over.
    #[error("the lease was lost")]
    LeaseLost,
    /// A lock was not granted within its time limit, or SQLite stayed busy.
    #[error("a lock was not granted in time: {0}")]
    Locked(String),
    /// Serialization failure, deadlock, lost connection: the same again may succeed.
    #[error("passing trouble: {0}")]
    Transient(String),
    /// The transaction ran into its time limit: half of it may succeed, or the same with more time.
    #[error("a time limit was reached: {0}")]
    TooSlow(String),
    /// The statement needed more memory or room than there is: half of it may succeed.
    #[error("too much at once: {0}")]
    TooLarge(String),
    /// A constraint or trigger refused a row.
    #[error("a row was refused: {0}")]
    Row(String),
    /// Rights are missing, or the database is read-only.
    #[error("not allowed to write: {0}")]
    ReadOnly(String),
    #[error("disk full: {0}")]
    DiskFull(String),
    /// A table or column is not there.
    #[error("missing in the database: {0}")]
    Missing(String),
    /// The copy that a restore needs is not there, or does not fit the table any more.
    #[error("no snapshot to restore from: {0}")]
    NoSnapshot(String),
    /// The database cannot do what the rule needs; the text says what and what to do instead.
    #[error("{0}")]
    Unsupported(String),
    /// A row of our own tables that cannot be read.
    #[error("{table}.{column} of {key} cannot be read: {why}")]
    Corrupt { table: &'static str, column: &'static str, key: String, why: String },
    /// The database cannot be reached.
    #[error("the database cannot be reached: {0}")]
    Unavailable(String),
    #[error("database error: {0}")]
    Other(String),
}

/// What to do about an error of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The same again, after a pause.
    Retry,
    /// Half as many rows.
    Split,
    /// Give up the run; what is committed stays.
    Stop,
}

impl StoreError {
    #[must_use]
    pub const fn trouble(&self) -> Trouble {
        match self {
            Self::Locked(_) | Self::Transient(_) | Self::Unavailable(_) => Trouble::Retry,
            Self::TooSlow(_) | Self::TooLarge(_) | Self::Row(_) => Trouble::Split,
            _ => Trouble::Stop,
        }
    }

    /// The public face of the error: what happened and what to do, without the database's text.
    #[must_use]
    pub fn problem(&self) -> Problem {
        match self {
            Self::ActiveRun(id) => {
                Problem::new(ErrorCode::OperationInProgress, format!("Run {id} of this rule is still active."))
                    .advice(format!("Wait for it, or cancel it: amend cancel {id}"))
            }
            Self::Purged(id) => Problem::new(
                ErrorCode::WrongState,
                format!(
                    "Run {id} cannot be rolled back any more: its journal was dropped when its retention was over."
                ),
            )
            .advice(format!(
                "Where the run made a snapshot that is still there: amend rollback {id} --from snapshot. Set retention_days \
                 higher, for the rule or in [engine], to keep the journals of later runs longer."
            )),
            Self::LeaseLost => Problem::new(ErrorCode::LeaseLost, "Another worker has taken this run over.")
                .advice("Look at the run's page: it goes on there."),
            Self::Locked(_) => Problem::new(
                ErrorCode::Locked,
                "A lock on the table was not granted in time; nothing was changed by this step.",
            )
            .advice("See who holds it (pg_locks, or other programs with the SQLite file open) and try again."),
            Self::Transient(_) => Problem::new(
                ErrorCode::DatabaseUnavailable,
                "The database gave up this step for a passing reason; it was undone whole.",
            )
            .advice("Try again."),
            Self::TooSlow(_) => {
                Problem::new(ErrorCode::Timeout, "The step took longer than its time limit and was undone whole.")
                    .advice("Try a smaller batch size.")
            }
            Self::TooLarge(_) => Problem::new(
                ErrorCode::Timeout,
                "The step was too large for the database (memory, or a limit of its own) and was undone whole.",
            )
            .advice("Try a smaller batch size."),
            Self::Row(_) => Problem::new(
                ErrorCode::RowsRefused,
                "A constraint or trigger of the table refused a row; the step was undone whole.",
            )
            .advice("The log has the database's own words."),
            Self::ReadOnly(_) => {
                Problem::new(ErrorCode::ReadOnly, "The database user may not write here; nothing was changed.").advice(
                    "Grant UPDATE on the target table and rights on Amend's own tables; `amend doctor` lists them.",
                )
            }
            Self::DiskFull(_) => {
                Problem::new(ErrorCode::DiskFull, "The database has no space left; the step was undone whole.")
                    .advice("Free space, then resume.")
            }
            Self::Missing(what) => Problem::new(ErrorCode::RuleUnusable, format!("Missing in the database: {what}."))
                .advice("Compare the rule with the database: `amend init` proposes one that fits."),
            Self::NoSnapshot(why) => Problem::new(ErrorCode::WrongState, format!("{why} Nothing was changed."))
                .advice("`amend backups` lists the snapshots there are; without one, roll back from the journal."),
            Self::Unsupported(what) => Problem::new(ErrorCode::RuleUnusable, what.clone()),
            Self::Unavailable(_) => Problem::new(ErrorCode::DatabaseUnavailable, "The database cannot be reached.")
                .advice("Check the address, that it runs, and the password; `amend doctor` tries each."),
            Self::Corrupt { table, .. } => {
                Problem::new(ErrorCode::Internal, format!("A row of Amend's own table {table} cannot be read."))
                    .advice("The log names the row. Nothing was changed.")
            }
            Self::Other(_) => Problem::new(
                ErrorCode::Internal,
                "The database answered with an error that Amend does not know; nothing was changed by this step.",
            )
            .advice("The log has the database's own words."),
        }
    }
}
