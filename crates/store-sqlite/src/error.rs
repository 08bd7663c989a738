//! The one place where SQLite's result codes become the engine's errors.

use amend_engine::store::StoreError;
use sqlx::migrate::MigrateError;

/// Maps an error of sqlx. SQLite's extended codes keep the primary one in their low byte.
pub(crate) fn db(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(e) => {
            let code = e.code().and_then(|c| c.parse::<i32>().ok()).unwrap_or(1);
            by_code(code & 0xff, e.message().to_owned())
        }
        sqlx::Error::PoolTimedOut => StoreError::Locked("Amend's own connections were all busy".into()),
        sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => StoreError::Unavailable(error.to_string()),
        sqlx::Error::Io(e) => StoreError::Unavailable(e.to_string()),
        other => StoreError::Other(other.to_string()),
    }
}

fn by_code(primary: i32, text: String) -> StoreError {
    match primary {
        // BUSY, LOCKED
        5 | 6 => StoreError::Locked(text),
        // PERM, READONLY, AUTH
        3 | 8 | 23 => StoreError::ReadOnly(text),
        // INTERRUPT: our time limit
        9 => StoreError::TooSlow(text),
        // NOMEM, TOOBIG
        7 | 18 => StoreError::TooLarge(text),
        // FULL
        13 => StoreError::DiskFull(text),
        // CANTOPEN
        14 => StoreError::Unavailable(text),
        // SCHEMA: it changed while a statement was being made ready.
        17 => StoreError::Transient(text),
        // CONSTRAINT, with RAISE of a trigger
        19 => StoreError::Row(text),
        // CORRUPT, NOTADB
        11 | 26 => StoreError::Unsupported(format!(
            "The file is damaged or is no SQLite database ({text}). Restore it from a copy, or name another file."
        )),
        _ => match missing(&text) {
            Some(what) => StoreError::Missing(what),
            None => StoreError::Other(text),
        },
    }
}

/// What a text of SQLite says is not there.
fn missing(text: &str) -> Option<String> {
    let after = |mark: &str| text.split_once(mark).map(|(_, name)| name.to_owned());
    after("no such table: ")
        .map(|name| format!("table {name}"))
        .or_else(|| after("no such column: ").map(|name| format!("column {name}")))
        .or_else(|| after("has no column named ").map(|name| format!("column {name}")))
}

/// Maps an error of the migrations.
pub(crate) fn migration(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(e) | MigrateError::ExecuteMigration(e, _) => db(e),
        MigrateError::VersionMissing(version) => StoreError::Unsupported(format!(
            "Amend's tables are newer than this program (migration {version}). Use the program that made them, or a newer one."
        )),
        other => StoreError::Other(other.to_string()),
    }
}

/// A row of our own tables that cannot be read.
pub(crate) fn corrupt(table: &'static str, column: &'static str, key: &str, why: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt { table, column, key: key.into(), why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_decide_what_the_engine_does() {
        assert!(matches!(by_code(5, "database is locked".into()), StoreError::Locked(_)));
        assert!(matches!(by_code(8, "attempt to write a readonly database".into()), StoreError::ReadOnly(_)));
        assert!(matches!(by_code(13, "database or disk is full".into()), StoreError::DiskFull(_)));
        assert!(matches!(by_code(1, "something new".into()), StoreError::Other(_)));
    }

    #[test]
    fn what_is_missing_is_named() {
        let text = |e| match e {
            StoreError::Missing(what) => what,
            other => other.to_string(),
        };
        assert_eq!(text(by_code(1, "no such table: main.ticks".into())), "table main.ticks");
        assert_eq!(text(by_code(1, "no such column: t.class".into())), "column t.class");
        assert_eq!(text(by_code(1, "table ticks has no column named x".into())), "column x");
    }
}
