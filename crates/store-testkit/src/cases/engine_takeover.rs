//! Workers that die in the middle of a run: another takes it over where the last chunk ended.

use std::{future::Future, time::Duration};

use amend_domain::{Backup, RollbackOptions, RollbackSource, RunId, RunOptions, RunState, RunView, Scope};
use amend_engine::Engine;
use tokio::runtime::Runtime;

use crate::{
    Fixture,
    bench::{TICKS, rule},
    driver::{journalled, view},
    engine_driver::{
        LEASE, changed_at_least, engine_over, engine_with_missing, operator, over, overwrite, proven, small,
    },
    model::World,
};

const ROWS: i64 = 2_500;

/// A process of its own, as near as a test comes to it: its runtime, its connections.
fn process() -> anyhow::Result<Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?)
}

/// Begins something in another process and kills that process when at least `rows` rows are
/// changed: every task stops where it stands, the heartbeat and a chunk in flight with it.
async fn killed<F, R>(f: &Fixture, owner: &str, rows: i64, begin: F) -> anyhow::Result<RunView>
where
    F: FnOnce(Engine) -> R + Send + 'static,
    R: Future<Output = anyhow::Result<RunId>> + Send + 'static,
{
    let process = process()?;
    let opening = f.another_store_in(&process);
    let owner = owner.to_owned();
    let id = process
        .spawn(async move {
            let store = opening.await??;
            begin(engine_over(store, &owner)).await
        })
        .await??;
    changed_at_least(f, &id, rows).await?;
    process.shutdown_background();
    // What the database had begun is over in a moment: a chunk in flight is there whole or not at all.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let left = view(f, &id).await?;
    anyhow::ensure!(left.state == RunState::Running, "the run was to be killed in its middle: {left:#?}");
    anyhow::ensure!(left.changed >= rows && left.changed < ROWS, "{left:#?}");
    Ok(left)
}

/// Lets this engine look for interrupted runs until it has taken this one, then waits for its end.
async fn taken_over(engine: &Engine, id: &RunId) -> anyhow::Result<RunView> {
    let begun = tokio::time::Instant::now();
    while !engine.resume_interrupted().await?.contains(id) {
        anyhow::ensure!(begun.elapsed() < LEASE * 10, "nobody may take {id} over");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    over(engine, id).await
}

async fn all_journalled(f: &Fixture, id: &RunId) -> anyhow::Result<i64> {
    let written = f.number(&format!("SELECT count(*) FROM {TICKS} WHERE \"class\" = 'STOCK'")).await?;
    assert_eq!((journalled(f, id).await?, view(f, id).await?.changed), (written, written));
    Ok(written)
}

pub async fn a_run_whose_worker_was_killed_is_taken_over_and_ends_right(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, ROWS).await?;
    let picture = f.picture(TICKS).await?;
    let left = killed(f, "victim", 40, |victim| async move {
        Ok(victim.start_run(&operator(), &rule().slug, small(5), None).await?.run_id)
    })
    .await?;
    all_journalled(f, &left.run_id).await?;
    let ended = taken_over(&engine, &left.run_id).await?;
    proven(f, &ended).await?;
    assert_eq!((ended.takeovers, ended.remaining), (1, 0));
    assert_eq!(all_journalled(f, &left.run_id).await?, ROWS);
    let events = f.store().events(&left.run_id, 0, 1_000).await?;
    assert_eq!(events.iter().filter(|e| e.kind == "takeover").count(), 1);
    let back = engine.start_rollback(&operator(), &left.run_id, RollbackOptions::default()).await?;
    proven(f, &over(&engine, &back.run_id).await?).await?;
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}

pub async fn a_run_survives_several_killed_workers_in_a_row(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, ROWS).await?;
    let queued = engine.queue_run(&operator(), &rule().slug, small(5), None).await?.run_id;
    for (n, rows) in [25, 70, 120].into_iter().enumerate() {
        let id = queued.clone();
        let left = killed(f, &format!("victim-{n}"), rows, move |victim| async move {
            // A process that has just started looks for what was left behind, until it may take it.
            while !victim.resume_interrupted().await?.contains(&id) {
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
            Ok(id)
        })
        .await?;
        all_journalled(f, &left.run_id).await?;
    }
    let ended = taken_over(&engine, &queued).await?;
    proven(f, &ended).await?;
    assert_eq!(ended.takeovers, 3);
    assert_eq!(all_journalled(f, &queued).await?, ROWS);
    Ok(())
}

pub async fn a_rollback_whose_worker_was_killed_is_taken_over_too(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, ROWS).await?;
    let picture = f.picture(TICKS).await?;
    let done = crate::engine_driver::run(&engine, &rule(), small(100)).await?;
    let source = done.run_id.clone();
    let left = killed(f, "victim", 200, move |victim| async move {
        let options = RollbackOptions { batch_size: amend_domain::BatchSize::Fixed(20), ..RollbackOptions::default() };
        Ok(victim.start_rollback(&operator(), &source, options).await?.run_id)
    })
    .await?;
    let ended = taken_over(&engine, &left.run_id).await?;
    proven(f, &ended).await?;
    assert_eq!((ended.takeovers, ended.changed, ended.conflicts), (1, ROWS, 0));
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}

pub async fn a_restore_whose_worker_was_killed_is_taken_over_too(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, ROWS).await?;
    let picture = f.picture(TICKS).await?;
    let options = RunOptions { backup: Backup::Snapshot, ..small(100) };
    let done = crate::engine_driver::run(&engine, &rule(), options).await?;
    let source = done.run_id.clone();
    let left = killed(f, "victim", 200, move |victim| async move {
        let options = RollbackOptions {
            source: RollbackSource::Snapshot,
            batch_size: amend_domain::BatchSize::Fixed(20),
            ..RollbackOptions::default()
        };
        Ok(victim.start_rollback(&operator(), &source, options).await?.run_id)
    })
    .await?;
    let ended = taken_over(&engine, &left.run_id).await?;
    proven(f, &ended).await?;
    assert_eq!((ended.takeovers, ended.changed, ended.conflicts), (1, ROWS, 0));
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}

pub async fn a_worker_that_is_alive_is_left_alone(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, ROWS).await?;
    let other = engine_over(f.another_store().await?, "engine-2");
    let started = engine.start_run(&operator(), &rule().slug, small(5), None).await?;
    changed_at_least(f, &started.run_id, 5).await?;
    while !view(f, &started.run_id).await?.state.is_over() {
        let taken = other.resume_interrupted().await?;
        // It may have ended between the two looks; then nothing was there to take.
        assert!(taken.is_empty() || view(f, &started.run_id).await?.state.is_over(), "{taken:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let ended = view(f, &started.run_id).await?;
    proven(f, &ended).await?;
    assert_eq!((ended.takeovers, ended.changed), (0, ROWS));
    Ok(())
}

pub async fn of_many_engines_that_want_a_run_one_drives_it(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, 400).await?;
    let queued = engine.queue_run(&operator(), &rule().slug, small(5), None).await?;
    let mut workers = tokio::task::JoinSet::new();
    for n in 0..4 {
        let (engine, id) = (engine_over(f.shared_store(), &format!("engine-{n}")), queued.run_id.clone());
        workers.spawn(async move { engine.work(&id).await });
    }
    for worked in workers.join_all().await {
        worked?;
    }
    let ended = over(&engine, &queued.run_id).await?;
    proven(f, &ended).await?;
    assert_eq!((ended.changed, ended.takeovers), (400, 0));
    assert_eq!(World::read(f, &rule()).await?.counts(&Scope::default()).correct, 400);
    Ok(())
}

pub async fn a_run_killed_before_its_first_chunk_starts_where_it_was(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, 50).await?;
    let queued = engine.queue_run(&operator(), &rule().slug, overwrite(), None).await?;
    let store = f.store();
    // Leased and never heard of again.
    let now = engine.clock().now();
    let until = now + chrono::TimeDelta::milliseconds(300);
    assert!(store.lease_run(&queued.run_id, "victim", now, until).await?.is_some());
    let ended = taken_over(&engine, &queued.run_id).await?;
    proven(f, &ended).await?;
    assert_eq!((ended.changed, ended.takeovers), (50, 1));
    Ok(())
}
