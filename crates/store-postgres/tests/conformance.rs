//! The conformance suite against a real PostgreSQL: the cluster that `AMEND_TEST_POSTGRES` names, a
//! database of its own for each case.

use amend_engine::store::{Store, StoreKind};
use amend_store_postgres::{PostgresOptions, PostgresStore};
use amend_store_testkit::Subject;

mod variants;

fn subject() -> Subject {
    Subject {
        kind: StoreKind::Postgres,
        open: |url| {
            Box::pin(async move {
                let options = PostgresOptions { max_connections: 4, ..PostgresOptions::default() };
                let store = PostgresStore::connect(&url, options).await?;
                Ok(std::sync::Arc::new(store) as std::sync::Arc<dyn Store>)
            })
        },
    }
}

amend_store_testkit::conformance!(crate::subject);
