//! A crash at every await point, with a writer beside: nothing of others is lost, nothing is journalled
//! twice, and the rollback gives back exactly what was there.

use std::{collections::HashSet, sync::Arc, time::Duration};

use amend_domain::{Mode, RollbackOptions, RunId, RunOptions, RunState};
use amend_engine::{Engine, EngineConfig, EngineParts, store::StoreKind};
use chrono::TimeDelta;

use super::engine_chaos::{keys, values};
use crate::{
    Fixture,
    bench::{self, TICKS, at, every_finding, known, rule, tick},
    crash::{Ahead, crash_at},
    driver::{Job, Step, Undo, correction, journalled, limits, rollback, run_correction, stored, view},
    engine_driver::{LEASE, operator, proven, small},
};

/// Await points that a whole run or a chunk has at most.
const MANY: usize = 5_000;
/// One in so many await points of a whole run is the place of a crash, shifted for each of the rows that
/// somebody writes meanwhile. `AMEND_EVERY_FAULT=1` takes every point, some hundred deaths.
const STRIDE: usize = 5;
/// What a statement takes from a client that is gone to the database, at most.
const AFTERWARDS: Duration = Duration::from_millis(15);

fn every_fault() -> bool {
    std::env::var("AMEND_EVERY_FAULT").is_ok_and(|v| v == "1")
}

/// Waits for the end of what a dead client had sent: a commit that was on its way may still happen.
async fn quiet(f: &Fixture) -> anyhow::Result<()> {
    match f.kind() {
        // Whoever commits holds the right to write until then. This takes it, and writes nothing.
        StoreKind::Sqlite => f.execute("DELETE FROM amend_run WHERE 0").await,
        StoreKind::Postgres => {
            let busy = "SELECT count(*) FROM pg_stat_activity
                        WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active'";
            tokio::time::sleep(AFTERWARDS).await;
            while f.number(busy).await? > 0 {
                tokio::time::sleep(AFTERWARDS).await;
            }
            Ok(())
        }
    }
}

/// Table, journal, counters and chunk log say the same number.
async fn consistent(f: &Fixture, id: &RunId, written: i64) -> anyhow::Result<()> {
    let logged: i64 = f.store().chunks(id, 100_000).await?.iter().map(|c| c.changed).sum();
    let counted = view(f, id).await?.changed;
    assert_eq!((journalled(f, id).await?, logged, counted), (written, written, written));
    Ok(())
}

pub async fn a_chunk_that_dies_at_any_await_is_there_whole_or_not_at_all(f: &Fixture) -> anyhow::Result<()> {
    let ticks: Vec<_> = (1..=3_000).map(|id| tick(id, "AAPL", None)).collect();
    bench::fill(f, &[known("AAPL", "STOCK")], &ticks).await?;
    let job = Job::begin(f, &rule(), &correction(&rule())).await?;
    let written = || f.number("SELECT count(*) FROM \"ticks\" WHERE \"class\" = 'STOCK'");
    let mut died = 0;
    for waits in 0..MANY {
        let cursor = stored(f, &job.id).await?.cursor;
        let step = Step { cursor: cursor.as_deref(), limits: limits(4, 4), ..Step::default() };
        let before = written().await?;
        let (chunk, _) = crash_at(waits, job.correct(f.store(), &step));
        let ended = chunk.await;
        quiet(f).await?;
        let after = written().await?;
        consistent(f, &job.id, after).await?;
        if let Some(outcome) = ended {
            assert_eq!((outcome?.changed, after), (4, before + 4));
            break;
        }
        died += 1;
        assert!([before, before + 4].contains(&after), "{before} and then {after} at wait {waits}");
    }
    assert!((3..MANY).contains(&died), "a chunk waits {died} times");
    job.correct_all(f, &Step::default()).await?;
    consistent(f, &job.id, 3_000).await
}

pub async fn a_restore_that_dies_at_any_await_is_there_whole_or_not_at_all(f: &Fixture) -> anyhow::Result<()> {
    let ticks: Vec<_> = (1..=2_000).map(|id| tick(id, "AAPL", None)).collect();
    bench::fill(f, &[known("AAPL", "STOCK")], &ticks).await?;
    let picture = f.picture(TICKS).await?;
    let (source, _) = run_correction(f, &rule(), &Step { limits: limits(4, 4), ..Step::default() }).await?;
    let job = Job::begin(f, &rule(), &rollback(&rule(), &source.id)).await?;
    let mut died = 0;
    for waits in 0..MANY {
        let cursor = stored(f, &job.id).await?.cursor;
        let undo = Undo { cursor: cursor.as_deref(), limits: limits(4, 4), ..Undo::default() };
        let (chunk, _) = crash_at(waits, job.restore(f.store(), &source.id, &undo));
        let ended = chunk.await;
        quiet(f).await?;
        let restored = f.number("SELECT count(*) FROM \"ticks\" WHERE \"class\" IS NULL").await?;
        consistent(f, &job.id, restored).await?;
        if let Some(outcome) = ended {
            assert_eq!(outcome?.changed, 4);
            break;
        }
        died += 1;
    }
    assert!((3..MANY).contains(&died), "a restore waits {died} times");
    job.restore_all(f, &source.id, &Undo::default()).await?;
    consistent(f, &job.id, 2_000).await?;
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}

/// Servers one after the other, each with a clock by which the leases of those before are over.
struct Servers<'a> {
    f: &'a Fixture,
    ahead: TimeDelta,
}

impl Servers<'_> {
    fn next(&mut self) -> Engine {
        self.ahead += TimeDelta::seconds(10);
        let config = EngineConfig { owner: format!("server-{}", self.ahead), lease: LEASE, ..EngineConfig::default() };
        let clock = Arc::new(Ahead(self.ahead));
        Engine::new(EngineParts { config, clock, ..EngineParts::system(self.f.shared_store()) })
    }

    /// Works on a run until it dies at one of its waits, while somebody writes `sql` at half of them.
    /// Whether it came to its end.
    async fn die(&mut self, id: &RunId, waits: usize, sql: &str) -> anyhow::Result<bool> {
        let engine = self.next();
        let (work, mut passed) = crash_at(waits, engine.work(id));
        let half = waits / 2;
        let write = async {
            // An error says that the worker was through before; then it is as good a moment.
            drop(passed.wait_for(|n| *n >= half).await);
            self.f.execute(sql).await
        };
        let work = async move {
            let ended = work.await;
            ended.transpose()
        };
        let (ended, wrote) = tokio::join!(work, write);
        wrote?;
        quiet(self.f).await?;
        Ok(ended?.is_some())
    }
}

/// One run that dies at `waits` while `theirs` is written, taken over by another server, and its rollback
/// that dies at the same place. Whether the run died at all.
async fn schedule(f: &Fixture, servers: &mut Servers<'_>, waits: usize, theirs: i64) -> anyhow::Result<bool> {
    let before = values(f).await?;
    let options = RunOptions { mode: Mode::Fill, ..small(2) };
    let id = servers.next().queue_run(&operator(), &rule().slug, options, None).await?.run_id;
    let write = format!("UPDATE {TICKS} SET \"class\" = 'THEIRS' WHERE \"id\" = {theirs}");
    let whole = servers.die(&id, waits, &write).await?;
    servers.next().work(&id).await?;
    let done = view(f, &id).await?;
    assert_eq!(done.state, RunState::Succeeded, "wait {waits}, row {theirs}: {done:#?}");
    let journal = keys(f, &id).await?;
    let once: HashSet<_> = journal.iter().collect();
    assert_eq!(once.len(), journal.len(), "wait {waits}, row {theirs}: journalled twice");
    assert_eq!(i64::try_from(journal.len())?, done.changed, "wait {waits}, row {theirs}");
    let after = values(f).await?;
    assert_eq!(after[&theirs].as_deref(), Some("THEIRS"), "wait {waits}: row {theirs} was overwritten");

    if done.changed > 0 {
        let engine = servers.next();
        let back = engine.queue_rollback(&operator(), &id, RollbackOptions::default()).await?.run_id;
        servers.die(&back, waits, "SELECT 1").await?;
        servers.next().work(&back).await?;
        proven(f, &view(f, &back).await?).await?;
    }
    let mut expected = before.clone();
    expected.insert(theirs, Some("THEIRS".into()));
    assert_eq!(values(f).await?, expected, "wait {waits}, row {theirs}");
    let own = before[&theirs].as_deref().map_or_else(|| "NULL".to_owned(), |v| format!("'{v}'"));
    f.execute(&format!("UPDATE {TICKS} SET \"class\" = {own} WHERE \"id\" = {theirs}")).await?;
    Ok(!whole)
}

pub async fn a_run_that_dies_at_any_await_is_taken_over_and_undone_exactly(f: &Fixture) -> anyhow::Result<()> {
    let (tickers, ticks) = every_finding();
    bench::fill(f, &tickers, &ticks).await?;
    f.store().save_rule(&rule(), at(0)).await?;
    let mut servers = Servers { f, ahead: TimeDelta::zero() };
    let stride = if every_fault() { 1 } else { STRIDE };
    // One row that the run changes early, one late, one that it never does.
    for (begin, theirs) in [2, 8, 5].into_iter().enumerate() {
        let mut died = 0;
        for waits in (begin % stride..MANY).step_by(stride) {
            if !schedule(f, &mut servers, waits, theirs).await? {
                break;
            }
            died += 1;
        }
        assert!((3..MANY / stride).contains(&died), "a run died {died} times");
    }
    Ok(())
}
