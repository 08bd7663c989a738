//! Opening a file.

use std::{
    path::{Path, PathBuf},
    str::FromStr as _,
    sync::Arc,
};

use amend_engine::store::StoreError;
use sqlx::sqlite::SqliteConnectOptions;

use crate::{
    ahead::Ahead,
    disk,
    error::db,
    pool::{Readers, Writer},
};

/// How to open the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Access {
    /// Create folder and file when they are absent, write where the file system allows it, and only
    /// read where it does not.
    #[default]
    WriteIfPossible,
    /// Never write, whatever the file system allows. The file must exist.
    ReadOnly,
}

/// What can be chosen when opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqliteOptions {
    pub access: Access,
    /// Connections that read at the same time.
    pub readers: u32,
    /// Page cache of each connection in kibibytes.
    pub cache_kib: u32,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { access: Access::WriteIfPossible, readers: 4, cache_kib: 64 * 1024 }
    }
}

/// A database file with Amend's tables beside the user's.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    pub(crate) path: PathBuf,
    pub(crate) writable: bool,
    pub(crate) cache_kib: u32,
    pub(crate) writer: Writer,
    pub(crate) readers: Readers,
    pub(crate) ahead: Arc<Ahead>,
}

impl SqliteStore {
    /// Opens `sqlite://PATH`, `sqlite:PATH` or a path. `?mode=ro` opens it for reading alone.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the file cannot be opened or created, and
    /// [`StoreError::Unsupported`] when it is no database or is not a file at all (`:memory:`).
    pub async fn open(url_or_path: &str, options: SqliteOptions) -> Result<Self, StoreError> {
        let place = Place::parse(url_or_path)?;
        let read_only = place.read_only || options.access == Access::ReadOnly;
        let path = place.path;
        let writable = !read_only && prepare(&path)?;
        if !writable && !path.exists() {
            return Err(StoreError::Unavailable(format!("there is no file {}", path.display())));
        }
        let frozen = !writable && !can_share_wal(&path);
        let readers = Readers::open(&path, &options, frozen);
        let writer = Writer::open(&path, &options, writable, frozen);
        // Both at once, so that what cannot be opened is said now and not in the middle of a run.
        drop(writer.acquire(None).await?);
        let mut reader = readers.acquire().await?;
        sqlx::query("SELECT count(*) FROM sqlite_schema").execute(&mut *reader).await.map_err(db)?;
        Ok(Self { path, writable, cache_kib: options.cache_kib, writer, readers, ahead: Arc::default() })
    }

    /// Closes all connections; SQLite then folds the write-ahead log into the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

struct Place {
    path: PathBuf,
    read_only: bool,
}

impl Place {
    fn parse(text: &str) -> Result<Self, StoreError> {
        let memory = || {
            StoreError::Unsupported(
                "Amend keeps its journal on disk, so the database must be a file. Name one: sqlite://./amend-data/amend.db".into(),
            )
        };
        let Some(rest) = text.strip_prefix("sqlite:") else {
            return if text.is_empty() || text.contains(":memory:") {
                Err(memory())
            } else {
                Ok(Self { path: text.into(), read_only: false })
            };
        };
        let query = rest.split_once('?').map_or("", |(_, query)| query);
        let mode = |wanted: &str| query.split('&').any(|pair| pair == wanted);
        if rest.contains(":memory:") || mode("mode=memory") {
            return Err(memory());
        }
        let parsed = SqliteConnectOptions::from_str(text).map_err(|e| {
            StoreError::Unsupported(format!("{text} is no address of an SQLite file ({e}). Write sqlite://PATH."))
        })?;
        let path = parsed.get_filename().to_path_buf();
        if path.as_os_str().is_empty() {
            return Err(memory());
        }
        Ok(Self { path, read_only: mode("mode=ro") || mode("immutable=true") })
    }
}

/// Makes the folder of a new file; says whether the file can be written.
fn prepare(path: &Path) -> Result<bool, StoreError> {
    let folder = disk::folder_of(path);
    if path.exists() {
        // Beside the file SQLite writes its log, so the folder counts too.
        return Ok(disk::may_write(path) && disk::may_write(folder));
    }
    std::fs::create_dir_all(folder)
        .map_err(|e| StoreError::Unavailable(format!("cannot create the folder {}: {e}", folder.display())))?;
    Ok(true)
}

/// A reader of a file with a write-ahead log needs the log's index beside the file. Where it is not
/// there and cannot be made, and no log is left to be read, the file can only be read as frozen.
fn can_share_wal(path: &Path) -> bool {
    let beside = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let log_is_empty = std::fs::metadata(beside("-wal")).map_or(true, |m| m.len() == 0);
    disk::may_write(disk::folder_of(path)) || beside("-shm").exists() || !log_is_empty
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_paths_are_told_apart() {
        let path = |text| Place::parse(text).map(|p| (p.path.display().to_string(), p.read_only)).ok();
        assert_eq!(path("sqlite://./data/a.db"), Some(("./data/a.db".into(), false)));
        assert_eq!(path("sqlite:///tmp/a.db?mode=ro"), Some(("/tmp/a.db".into(), true)));
        assert_eq!(path("sqlite:a.db"), Some(("a.db".into(), false)));
        assert_eq!(path("data/a.db"), Some(("data/a.db".into(), false)));
        for bad in ["", ":memory:", "sqlite::memory:", "sqlite://", "sqlite://x?mode=memory"] {
            assert_eq!(path(bad), None, "{bad}");
        }
    }
}
