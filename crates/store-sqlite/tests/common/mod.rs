//! A database file of its own for each test, gone afterwards.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use amend_domain::{Mode, PlanHash, Rule, RunId, RunKind, RunOptions, RunState, Scope};
use amend_engine::store::{
    Catalog as _, ChunkLimits, ChunkOutcome, ChunkRequest, Corrections as _, Lease, NewRun, Runs as _, StoreError,
    Write,
};
use amend_store_sqlite::{SqliteOptions, SqliteStore};
use chrono::{DateTime, Utc};

pub struct Place {
    folder: PathBuf,
}

impl Place {
    pub fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("amend_sqlite_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("a folder for the test");
        Self { folder }
    }

    pub fn file(&self) -> PathBuf {
        self.folder.join("data").join("amend.db")
    }

    pub async fn store(&self) -> SqliteStore {
        let store =
            SqliteStore::open(&self.file().display().to_string(), SqliteOptions::default()).await.expect("it opens");
        store.migrate().await.expect("it migrates");
        store
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            eprintln!("{} stays: {error}", self.folder.display());
        }
    }
}

pub fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_607_200 + seconds, 0).expect("a time")
}

/// Creates a run, leases it and sets it running.
pub async fn begin(store: &SqliteStore, rule: &Rule, id: &str) -> Lease {
    let run = NewRun {
        id: RunId::from_trusted(id),
        rule: rule.slug.clone(),
        kind: RunKind::Correction,
        options: Some(RunOptions::default()),
        rollback: None,
        undoes: None,
        started_by: "tester".into(),
        at: at(0),
        plan_hash: PlanHash::from_trusted("0123456789abcdef"),
        expected: None,
        batch_size: 1_000,
    };
    store.create_run(&run).await.expect("the run is created");
    let lease = store.lease_run(&run.id, "worker", at(0), at(3_600)).await.expect("no error").expect("a lease");
    assert!(store.request_state(&run.id, &[RunState::Queued], RunState::Running, None).await.expect("no error"));
    lease
}

pub async fn end(store: &SqliteStore, lease: &Lease) {
    let over = store.request_state(&lease.run_id, &[RunState::Running], RunState::Succeeded, Some(at(9))).await;
    assert!(over.expect("no error"));
}

pub fn limits(rows: i64, scan: i64) -> ChunkLimits {
    ChunkLimits { rows, scan, lock_timeout: Duration::from_secs(2), statement_timeout: Duration::from_secs(60) }
}

pub async fn correct(
    store: &SqliteStore,
    lease: &Lease,
    rule: &Rule,
    cursor: Option<&str>,
    limits: ChunkLimits,
) -> Result<ChunkOutcome, StoreError> {
    store
        .correct_chunk(&ChunkRequest {
            lease,
            rule,
            mode: Mode::Overwrite,
            scope: &Scope::default(),
            cursor,
            limits,
            write: Write::Commit,
            now: at(1),
        })
        .await
}
