//! One conformance suite that every store passes: the contract of `amend_engine::store`, case by
//! case, each case a test of its own in the store's test binary.
//!
//! It is not a mock and holds none: each case has a real, empty database with Amend's migrations
//! applied. Cases arrange and check by plain SQL over a connection that the store does not know,
//! and compare with [`model`], which knows nothing but `amend_domain::finding::classify`.
//!
//! To add a case: a `pub async fn` with a sentence for a name in the file of its subject under
//! `cases/`, and its name in `list.rs` (a test here fails while it is missing there).
//! To add a store: a [`Backend`] here, and in the store's crate
//!
//! ```ignore
//! fn subject() -> Subject { Subject { kind: StoreKind::Sqlite, open } }
//! amend_store_testkit::conformance!(crate::subject);
//! ```

#![forbid(unsafe_code)]

pub mod backend;
pub mod bench;
pub mod cases;
pub mod crash;
pub mod driver;
mod each;
pub mod engine_driver;
mod list;
pub mod model;
pub mod properties;
mod tables;

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use amend_engine::store::{Store, StoreError, StoreKind};

pub use backend::{Backend, Held, Types};
pub use tables::Tables;

/// What opening a store gives, in time.
pub type Opened = Pin<Box<dyn Future<Output = Result<Arc<dyn Store>, StoreError>> + Send>>;

/// The store under test.
#[derive(Debug, Clone, Copy)]
pub struct Subject {
    pub kind: StoreKind,
    /// Opens the store at an address. Migrations are applied by the suite, through the store.
    pub open: fn(String) -> Opened,
}

/// A case that hangs is a failure, not a wait.
const LONGEST_CASE: Duration = Duration::from_secs(300);

/// Longer where somebody asked for many schedules, each of which has a limit of its own.
fn longest_case() -> Duration {
    let schedules = cases::engine_schedules::asked_for().and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    LONGEST_CASE + Duration::from_secs(1) * schedules
}

/// One real database and the store over it.
pub struct Fixture {
    subject: Subject,
    tables: Tables,
    backend: Box<dyn Backend>,
    store: Arc<dyn Store>,
}

impl Fixture {
    async fn new(subject: Subject, tables: Tables) -> anyhow::Result<Self> {
        let backend: Box<dyn Backend> = match subject.kind {
            StoreKind::Sqlite => Box::new(backend::sqlite::SqliteBackend::create().await?),
            StoreKind::Postgres => Box::new(backend::postgres::PostgresBackend::create().await?),
        };
        let store = (subject.open)(backend.url()).await?;
        store.migrate().await?;
        Ok(Self { subject, tables, backend, store })
    }

    #[must_use]
    pub fn kind(&self) -> StoreKind {
        self.subject.kind
    }

    #[must_use]
    pub fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    #[must_use]
    pub fn shared_store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    /// A second store over the same database, as a second server would have it.
    pub async fn another_store(&self) -> anyhow::Result<Arc<dyn Store>> {
        Ok((self.subject.open)(self.backend.url()).await?)
    }

    /// The same in another runtime, with connections that end when it does.
    pub fn another_store_in(
        &self,
        process: &tokio::runtime::Runtime,
    ) -> tokio::task::JoinHandle<Result<Arc<dyn Store>, StoreError>> {
        process.spawn((self.subject.open)(self.backend.url()))
    }

    /// A store that may read everything and write none of the rule's tables.
    pub async fn read_only_store(&self) -> anyhow::Result<Arc<dyn Store>> {
        Ok((self.subject.open)(self.backend.read_only_url().await?).await?)
    }

    /// How this database spells the types of the suite's tables.
    #[must_use]
    pub fn types(&self) -> Types {
        self.backend.types()
    }

    /// What a case writes, in the words of the tables that it works on.
    fn words<'a>(&self, sql: &'a str) -> std::borrow::Cow<'a, str> {
        self.tables.sql(self.subject.kind, sql)
    }

    pub async fn execute(&self, sql: &str) -> anyhow::Result<()> {
        self.backend.execute(&self.words(sql)).await
    }

    pub async fn query(&self, sql: &str) -> anyhow::Result<Vec<Vec<Option<String>>>> {
        self.backend.query_rows(&self.words(sql)).await
    }

    /// The one number that a query gives.
    pub async fn number(&self, sql: &str) -> anyhow::Result<i64> {
        let rows = self.query(sql).await?;
        let text = rows.first().and_then(|row| row.first()).and_then(Option::as_deref);
        Ok(text.ok_or_else(|| anyhow::anyhow!("{sql} gave no number"))?.parse()?)
    }

    /// Every row of a table with every column and its type, in an order of its own: two pictures
    /// are equal exactly when the tables are. `table` is quoted already.
    pub async fn picture(&self, table: &str) -> anyhow::Result<Vec<String>> {
        self.backend.picture(&self.words(table)).await
    }

    /// A second connection that has run these statements in a transaction it keeps open.
    pub async fn hold(&self, statements: &[&str]) -> anyhow::Result<Held> {
        let statements: Vec<_> = statements.iter().map(|sql| self.words(sql)).collect();
        self.backend.hold(&statements.iter().map(AsRef::as_ref).collect::<Vec<_>>()).await
    }
}

/// Runs one case over a fresh database and removes the database, whatever comes.
///
/// # Panics
/// When the case fails, which is how a test says so.
pub async fn run<F>(subject: Subject, case: F)
where
    F: for<'a> FnOnce(&'a Fixture) -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send + 'a>> + Send + 'static,
{
    run_over(subject, Tables::Ticks, case).await;
}

/// The same over these tables.
///
/// # Panics
/// When the case fails.
pub async fn run_over<F>(subject: Subject, tables: Tables, case: F)
where
    F: for<'a> FnOnce(&'a Fixture) -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send + 'a>> + Send + 'static,
{
    let fixture = match Fixture::new(subject, tables).await {
        Ok(fixture) => Arc::new(fixture),
        Err(error) => panic!("the fixture could not be made: {error:?}"),
    };
    let inner = Arc::clone(&fixture);
    // A task of its own, so that a panic in the case still comes to the clean-up.
    let ended = tokio::spawn(tables::with(tables, subject.kind, async move {
        tokio::time::timeout(longest_case(), case(&inner)).await
    }))
    .await;
    let cleaned = fixture.backend.destroy().await;
    match ended {
        Err(join) if join.is_panic() => std::panic::resume_unwind(join.into_panic()),
        Err(join) => panic!("the case was stopped: {join}"),
        Ok(Err(_)) => panic!("the case took longer than {} s", longest_case().as_secs()),
        Ok(Ok(Err(error))) => panic!("{error:?}"),
        Ok(Ok(Ok(()))) => {}
    }
    if let Err(error) = cleaned {
        panic!("the database could not be removed: {error:?}");
    }
}
