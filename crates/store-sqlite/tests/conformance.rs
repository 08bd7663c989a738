//! The contract of `amend_engine::store`, case by case, over an SQLite file.

use std::sync::Arc;

use amend_engine::store::{Store, StoreError, StoreKind};
use amend_store_sqlite::{SqliteOptions, SqliteStore};
use amend_store_testkit::{Opened, Subject};

fn open(url: String) -> Opened {
    Box::pin(async move {
        let store = SqliteStore::open(&url, SqliteOptions::default()).await?;
        Ok::<Arc<dyn Store>, StoreError>(Arc::new(store))
    })
}

fn subject() -> Subject {
    Subject { kind: StoreKind::Sqlite, open }
}

amend_store_testkit::conformance!(crate::subject);
