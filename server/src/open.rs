//! From a database URL to a store: the one place that knows both.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use amend_domain::{ErrorCode, Problem};
use amend_engine::store::{Store, StoreError};
use amend_store_postgres::{PostgresOptions, PostgresStore};
use amend_store_sqlite::{SqliteOptions, SqliteStore};

/// Whether a SQLite file may be made when it is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// For `serve`, `demo` and `import`, which fill it.
    Create,
    /// For all others: a mistyped path must not look like an empty database.
    Refuse,
}

/// A database URL, told apart by its scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// The file, without parameters.
    Sqlite(PathBuf),
    Postgres,
}

impl Address {
    /// Reads `sqlite://PATH`, `sqlite:PATH`, `postgres://...` and `postgresql://...`.
    ///
    /// # Errors
    /// Any other scheme, and a SQLite URL without a file.
    pub fn parse(url: &str) -> Result<Self, Problem> {
        let bad = |what: &str| {
            Problem::field("database", what)
                .advice("Examples: sqlite://amend-data/amend.db, postgres://amend@localhost/markets")
        };
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgres);
        }
        let Some(rest) = url.strip_prefix("sqlite:") else {
            return Err(bad("must begin with sqlite:// or postgres://"));
        };
        let path = rest.strip_prefix("//").unwrap_or(rest).split('?').next().unwrap_or_default();
        if path.is_empty() || path.starts_with(":memory:") {
            return Err(bad("must name a file after sqlite://"));
        }
        Ok(Self::Sqlite(PathBuf::from(path)))
    }
}

/// Opens the store that the URL names. Amend's own tables are not touched yet.
///
/// # Errors
/// A URL that cannot be read, a file that is not there, a database that cannot be reached.
pub async fn open(url: &str, missing: Missing) -> Result<Arc<dyn Store>, Problem> {
    match Address::parse(url)? {
        Address::Sqlite(path) => {
            if missing == Missing::Refuse && !path.exists() {
                return Err(absent(&path));
            }
            let store = SqliteStore::open(url, SqliteOptions::default()).await.map_err(|error| told(&error))?;
            Ok(Arc::new(store))
        }
        Address::Postgres => {
            let store = PostgresStore::connect(url, PostgresOptions::default()).await.map_err(|error| told(&error))?;
            Ok(Arc::new(store))
        }
    }
}

fn absent(path: &Path) -> Problem {
    Problem::new(ErrorCode::DatabaseUnavailable, format!("There is no database file {}.", path.display()))
        .advice("Name another with --database, or make one with `amend demo` or `amend import`.")
}

/// The public face of a store's error; its own words go to the log, once, here.
#[must_use]
pub fn told(error: &StoreError) -> Problem {
    let problem = error.problem();
    if problem.code == ErrorCode::Internal {
        tracing::error!(error = %error, "database error");
    } else {
        tracing::info!(error = %error, "database error");
    }
    problem
}

/// The URL as it may be shown.
#[must_use]
pub fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let shown = match authority.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((name, _)) => format!("{name}:***@{host}"),
            None => authority.to_owned(),
        },
        None => authority.to_owned(),
    };
    // libpq takes the password as a parameter as well.
    let tail = match tail.split_once('?') {
        Some((path, query)) => {
            let kept: Vec<&str> =
                query.split('&').filter(|p| !p.to_ascii_lowercase().starts_with("password=")).collect();
            if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) }
        }
        None => tail.to_owned(),
    };
    format!("{scheme}://{shown}{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_their_database() {
        assert_eq!(Address::parse("sqlite://a/b.db"), Ok(Address::Sqlite("a/b.db".into())));
        assert_eq!(Address::parse("sqlite:///a/b.db"), Ok(Address::Sqlite("/a/b.db".into())));
        assert_eq!(Address::parse("sqlite:b.db"), Ok(Address::Sqlite("b.db".into())));
        let postgres = "postgresql://u@h/d";
        assert_eq!(Address::parse(postgres), Ok(Address::Postgres));
        assert_eq!(Address::parse("sqlite://b.db?mode=ro"), Ok(Address::Sqlite("b.db".into())));
        for bad in ["", "mysql://h/d", "sqlite://", "sqlite::memory:", "/a/b.db"] {
            assert_eq!(Address::parse(bad).unwrap_err().code.exit_code(), 2, "{bad}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            ("postgres://u:secret@h:5432/d", "postgres://u:***@h:5432/d"),
            ("postgres://u:sec@ret@h/d?sslmode=require", "postgres://u:***@h/d?sslmode=require"),
            ("postgres://u@h/d?password=secret", "postgres://u@h/d"),
            ("postgres://h/d", "postgres://h/d"),
            ("sqlite://a/b.db", "sqlite://a/b.db"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }
}
