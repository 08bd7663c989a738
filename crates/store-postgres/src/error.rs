//! SQLSTATEs and the driver's own errors, in the engine's classes.

use amend_engine::store::StoreError;
use sqlx::{error::DatabaseError, migrate::MigrateError};

/// The class of an error of sqlx.
pub(crate) fn db(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(e) => by_sqlstate(&*e),
        sqlx::Error::Io(e) => StoreError::Unavailable(e.to_string()),
        sqlx::Error::Tls(e) | sqlx::Error::Configuration(e) => StoreError::Unavailable(e.to_string()),
        e @ (sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed) => StoreError::Unavailable(e.to_string()),
        e => StoreError::Other(e.to_string()),
    }
}

fn by_sqlstate(e: &dyn DatabaseError) -> StoreError {
    let code = e.code().unwrap_or_default().into_owned();
    let text = format!("{code}: {}", e.message());
    match code.as_str() {
        "55P03" => StoreError::Locked(text),
        // Serialization failure, deadlock, an administrator's or a crash's shutdown, a session that was ended
        // because its transaction stood still.
        "40001" | "40P01" | "57P01" | "57P02" | "57P03" | "57P04" | "57P05" | "25P03" | "25P04" => {
            StoreError::Transient(text)
        }
        // Cancelled, by statement_timeout mostly.
        "57014" => StoreError::TooSlow(text),
        // Out of memory, too complex.
        "53200" | "54000" | "54001" => StoreError::TooLarge(text),
        "53100" => StoreError::DiskFull(text),
        "53300" | "3D000" => StoreError::Unavailable(text),
        "42501" | "25006" => StoreError::ReadOnly(text),
        "42P01" => StoreError::Missing(named("a table", "table", e.message())),
        "42703" => StoreError::Missing(named("a column", "column", e.message())),
        "3F000" => StoreError::Missing(named("a schema", "schema", e.message())),
        "428C9" => StoreError::Unsupported("The column is a generated one: the database alone writes it.".into()),
        "P0001" => StoreError::Row(text),
        _ => match code.get(..2).unwrap_or_default() {
            "08" => StoreError::Transient(text),
            "28" => StoreError::Unavailable(text),
            // Constraints, and values that the column's type does not take (too long, no such label).
            "22" | "23" | "44" => StoreError::Row(text),
            _ => StoreError::Other(text),
        },
    }
}

/// The name in the message's quotes; the message itself stays inside.
fn named(unknown: &str, what: &str, message: &str) -> String {
    match message.split('"').nth(1) {
        Some(name) if !name.is_empty() => format!("{what} {name}"),
        _ => unknown.into(),
    }
}

/// The class of an error of the migrations.
pub(crate) fn migration(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(e) | MigrateError::ExecuteMigration(e, _) => db(e),
        MigrateError::VersionMissing(n) => StoreError::Unsupported(format!(
            "The database has Amend's migration {n}, which this program does not know. Use the newer Amend that made it."
        )),
        MigrateError::VersionMismatch(n) => StoreError::Unsupported(format!(
            "Amend's migration {n} in the database is not the one of this program. Use the Amend that made it."
        )),
        e => StoreError::Other(e.to_string()),
    }
}

/// A row of our own tables that cannot be read.
pub(crate) fn corrupt(table: &'static str, column: &'static str, key: &str, why: impl ToString) -> StoreError {
    StoreError::Corrupt { table, column, key: key.into(), why: why.to_string() }
}

/// Reads a JSON column that was fetched as text.
pub(crate) fn json<T: serde::de::DeserializeOwned>(
    table: &'static str,
    column: &'static str,
    key: &str,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|e| corrupt(table, column, key, e))
}

/// Writes a value for a JSON column.
pub(crate) fn to_json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::Other(format!("a value cannot be written as JSON: {e}")))
}
