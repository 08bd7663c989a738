//! A worker as small as it can be: takes a run, drives a store's chunks, ends the run.
//! The engine's own driver does more (pace, retry, validation); the contract of the chunk does not
//! depend on it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use amend_domain::{
    ConflictPolicy, Mode, PlanHash, RollbackOptions, RollbackScope, Rule, RunId, RunKind, RunOptions, RunState,
    RunView, Scope,
};
use amend_engine::store::{
    ChunkLimits, ChunkOutcome, ChunkRequest, Entries, JournalPair, Lease, NewRun, RestoreRequest, RunPatch, Store,
    StoreError, StoredRun, Write,
};
use anyhow::Context as _;

use crate::{Fixture, bench::at};

/// An id that no other run of this test has.
#[must_use]
pub fn new_id(kind: RunKind) -> RunId {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let letter = match kind {
        RunKind::Correction => 'r',
        RunKind::Rollback => 'b',
    };
    RunId::from_trusted(format!("{letter}-{:08}", COUNT.fetch_add(1, Ordering::Relaxed)))
}

/// A correction to be created.
#[must_use]
pub fn correction(rule: &Rule) -> NewRun {
    NewRun {
        id: new_id(RunKind::Correction),
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
    }
}

/// A rollback of `source` to be created.
#[must_use]
pub fn rollback(rule: &Rule, source: &RunId) -> NewRun {
    NewRun {
        id: new_id(RunKind::Rollback),
        kind: RunKind::Rollback,
        options: None,
        rollback: Some(RollbackOptions { reason: "a test".into(), ..RollbackOptions::default() }),
        undoes: Some(source.clone()),
        ..correction(rule)
    }
}

#[must_use]
pub const fn limits(rows: i64, scan: i64) -> ChunkLimits {
    ChunkLimits { rows, scan, lock_timeout: Duration::from_millis(1_500), statement_timeout: Duration::from_secs(30) }
}

/// A leased run in state `running`.
#[derive(Debug, Clone)]
pub struct Job {
    pub id: RunId,
    pub lease: Lease,
    pub rule: Rule,
}

/// One step of a correction, with defaults.
#[derive(Debug, Clone)]
pub struct Step<'a> {
    pub mode: Mode,
    pub scope: Scope,
    pub cursor: Option<&'a str>,
    pub limits: ChunkLimits,
    pub write: Write,
}

impl Default for Step<'_> {
    fn default() -> Self {
        Self {
            mode: Mode::Overwrite,
            scope: Scope::default(),
            cursor: None,
            limits: limits(1_000, 10_000),
            write: Write::Commit,
        }
    }
}

/// One step of a rollback, with defaults.
#[derive(Debug, Clone)]
pub struct Undo<'a> {
    pub entries: Entries,
    pub on_conflict: ConflictPolicy,
    pub scope: RollbackScope,
    pub cursor: Option<&'a str>,
    pub limits: ChunkLimits,
    pub write: Write,
}

impl Default for Undo<'_> {
    fn default() -> Self {
        Self {
            entries: Entries::Whole,
            on_conflict: ConflictPolicy::Skip,
            scope: RollbackScope::default(),
            cursor: None,
            limits: limits(1_000, 10_000),
            write: Write::Commit,
        }
    }
}

/// The sums over a walk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    pub chunks: i64,
    pub scanned: i64,
    pub changed: i64,
    pub skipped: i64,
    pub conflicts: i64,
    pub deleted: i64,
    pub original: i64,
}

impl Totals {
    fn add(&mut self, outcome: &ChunkOutcome) {
        self.chunks += 1;
        self.scanned += outcome.scanned;
        self.changed += outcome.changed;
        self.skipped += outcome.skipped;
        self.conflicts += outcome.conflicts;
        self.deleted += outcome.deleted;
        self.original += outcome.original;
    }
}

/// Steps after which a walk counts as endless.
const ENDLESS: i64 = 20_000;

impl Job {
    /// Creates a run, takes its lease and sets it running.
    pub async fn begin(f: &Fixture, rule: &Rule, new: &NewRun) -> anyhow::Result<Self> {
        let store = f.store();
        store.create_run(new).await?;
        let lease = store.lease_run(&new.id, "worker-1", at(0), at(3_600)).await?.context("the lease is free")?;
        let running = store
            .update_run(
                &lease,
                Some((&[RunState::Queued], RunState::Running)),
                &RunPatch { started_at: Some(at(1)), ..RunPatch::default() },
            )
            .await?;
        anyhow::ensure!(running, "a queued run becomes running");
        Ok(Self { id: new.id.clone(), lease, rule: rule.clone() })
    }

    pub async fn correct(&self, store: &dyn Store, step: &Step<'_>) -> Result<ChunkOutcome, StoreError> {
        store
            .correct_chunk(&ChunkRequest {
                lease: &self.lease,
                rule: &self.rule,
                mode: step.mode,
                scope: &step.scope,
                cursor: step.cursor,
                limits: step.limits,
                write: step.write,
                now: at(10),
            })
            .await
    }

    pub async fn restore(
        &self,
        store: &dyn Store,
        source: &RunId,
        undo: &Undo<'_>,
    ) -> Result<ChunkOutcome, StoreError> {
        store
            .restore_chunk(&RestoreRequest {
                lease: &self.lease,
                rule: &self.rule,
                source,
                entries: undo.entries,
                on_conflict: undo.on_conflict,
                scope: &undo.scope,
                cursor: undo.cursor,
                limits: undo.limits,
                write: undo.write,
                now: at(20),
            })
            .await
    }

    /// One walk over the table.
    pub async fn correct_all(&self, f: &Fixture, step: &Step<'_>) -> anyhow::Result<Totals> {
        let mut totals = Totals::default();
        let mut cursor: Option<String> = None;
        loop {
            let outcome = self.correct(f.store(), &Step { cursor: cursor.as_deref(), ..step.clone() }).await?;
            anyhow::ensure!(outcome.changed <= step.limits.rows, "{outcome:?} changed more than it may");
            anyhow::ensure!(outcome.scanned <= step.limits.scan, "{outcome:?} looked at more than it may");
            totals.add(&outcome);
            if outcome.done {
                return Ok(totals);
            }
            anyhow::ensure!(outcome.cursor != cursor, "{outcome:?} did not move on");
            anyhow::ensure!(totals.chunks < ENDLESS, "the walk does not end");
            cursor = outcome.cursor;
        }
    }

    /// One walk over the journal of `source`.
    pub async fn restore_all(&self, f: &Fixture, source: &RunId, undo: &Undo<'_>) -> anyhow::Result<Totals> {
        let mut totals = Totals::default();
        let mut cursor: Option<String> = None;
        loop {
            let outcome = self.restore(f.store(), source, &Undo { cursor: cursor.as_deref(), ..undo.clone() }).await?;
            totals.add(&outcome);
            if outcome.done {
                return Ok(totals);
            }
            anyhow::ensure!(outcome.cursor != cursor, "{outcome:?} did not move on");
            anyhow::ensure!(totals.chunks < ENDLESS, "the walk does not end");
            cursor = outcome.cursor;
        }
    }

    /// Ends the run as succeeded, which frees the rule's one active place.
    pub async fn succeed(&self, f: &Fixture) -> anyhow::Result<()> {
        let store = f.store();
        let patch = RunPatch { ended_at: Some(at(100)), ..RunPatch::default() };
        let both = store
            .update_run(&self.lease, Some((&[RunState::Running], RunState::Validating)), &RunPatch::default())
            .await?
            && store.update_run(&self.lease, Some((&[RunState::Validating], RunState::Succeeded)), &patch).await?;
        anyhow::ensure!(both, "a running run validates and succeeds");
        store.release_lease(&self.lease).await?;
        Ok(())
    }
}

/// A whole correction, from creation to success.
pub async fn run_correction(f: &Fixture, rule: &Rule, step: &Step<'_>) -> anyhow::Result<(Job, Totals)> {
    let job = Job::begin(f, rule, &correction(rule)).await?;
    let totals = job.correct_all(f, step).await?;
    job.succeed(f).await?;
    Ok((job, totals))
}

/// A whole rollback, from creation to success.
pub async fn run_rollback(f: &Fixture, rule: &Rule, source: &RunId, undo: &Undo<'_>) -> anyhow::Result<(Job, Totals)> {
    let job = Job::begin(f, rule, &rollback(rule, source)).await?;
    let totals = job.restore_all(f, source, undo).await?;
    job.succeed(f).await?;
    Ok((job, totals))
}

/// The run, which must be there.
pub async fn stored(f: &Fixture, id: &RunId) -> anyhow::Result<StoredRun> {
    f.store().run(id).await?.with_context(|| format!("run {id} is not there"))
}

pub async fn view(f: &Fixture, id: &RunId) -> anyhow::Result<RunView> {
    Ok(stored(f, id).await?.view)
}

/// What the journal holds of a run, in one order, equal pairs added up.
pub async fn journal(f: &Fixture, id: &RunId) -> anyhow::Result<Vec<JournalPair>> {
    let mut sums = std::collections::BTreeMap::new();
    for pair in f.store().journal_pairs(id).await? {
        *sums.entry((pair.old, pair.new)).or_insert(0) += pair.rows;
    }
    Ok(sums.into_iter().map(|((old, new), rows)| JournalPair { old, new, rows }).collect())
}

pub async fn journalled(f: &Fixture, id: &RunId) -> anyhow::Result<i64> {
    Ok(journal(f, id).await?.iter().map(|p| p.rows).sum())
}

/// A scope of these symbols.
#[must_use]
pub fn only(symbols: &[&str]) -> Scope {
    Scope { symbols: Some(symbols.iter().map(|s| (*s).to_owned()).collect()), failed_of: None }
}

/// The error of a step that must fail.
pub fn refused<T: std::fmt::Debug>(result: Result<T, StoreError>) -> anyhow::Result<StoreError> {
    match result {
        Err(error) => Ok(error),
        Ok(value) => anyhow::bail!("should have been refused, but gave {value:?}"),
    }
}
