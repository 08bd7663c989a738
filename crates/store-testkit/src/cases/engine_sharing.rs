//! Several servers on one run. Where the database has no blocks there is nothing to share out, and the same
//! runs go on alone.

use std::{collections::HashSet, sync::Arc, time::Duration};

use amend_domain::{RollbackOptions, RunId, RunState};
use amend_engine::{
    Engine, EngineConfig, EngineParts,
    store::{Store, StoreKind},
};

use super::{engine_chaos::keys, engine_walks::many_rows};
use crate::{
    Fixture,
    bench::{TICKS, at, rule},
    driver::{journalled, view},
    engine_driver::{LEASE, PATIENCE, changed_at_least, engine_by_blocks, operator, over, overwrite, proven},
};

/// Enough for some slices.
const ROWS: i64 = 120_000;
/// So slow that there is time to come along, in percent.
const PACE: u8 = 25;

/// A server with one worker for a run, so that there is room for more.
fn leading(store: Arc<dyn Store>) -> Engine {
    let config =
        EngineConfig { owner: "engine-1".into(), lease: LEASE, blocks_from: 0, workers: 1, ..EngineConfig::default() };
    Engine::new(EngineParts { config, ..EngineParts::system(store) })
}

async fn slow_run(f: &Fixture, leader: &Engine) -> anyhow::Result<RunId> {
    let id = leader.start_run(&operator(), &rule().slug, overwrite(), None).await?.run_id;
    leader.set_pace(&operator(), &id, PACE).await?;
    changed_at_least(f, &id, 1).await?;
    Ok(id)
}

async fn has_joined(f: &Fixture, id: &RunId) -> anyhow::Result<bool> {
    Ok(f.store().events(id, 0, 1_000).await?.iter().any(|e| e.kind == "joined"))
}

/// Asks the second server to come along until it has, where there is something to share.
async fn comes_along(f: &Fixture, second: &Engine, id: &RunId) -> anyhow::Result<()> {
    let begun = tokio::time::Instant::now();
    if f.kind() == StoreKind::Sqlite {
        assert_eq!(second.lend_hands().await?, []);
        return Ok(());
    }
    while !has_joined(f, id).await? {
        second.lend_hands().await?;
        anyhow::ensure!(begun.elapsed() < PATIENCE, "nobody comes along");
        anyhow::ensure!(!view(f, id).await?.state.is_over(), "the run was over before anybody came along");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// Table, journal and counters say the same number, and no row was journalled twice.
async fn consistent(f: &Fixture, id: &RunId) -> anyhow::Result<()> {
    let journal = keys(f, id).await?;
    let once: HashSet<_> = journal.iter().collect();
    assert_eq!(once.len(), journal.len(), "a row was journalled twice");
    let counts = (view(f, id).await?.changed, journalled(f, id).await?);
    let written = i64::try_from(journal.len())?;
    assert_eq!(counts, (written, written));
    Ok(())
}

pub async fn a_second_server_works_along_and_the_run_is_proven(f: &Fixture) -> anyhow::Result<()> {
    many_rows(f, ROWS).await?;
    f.store().save_rule(&rule(), at(0)).await?;
    let leader = leading(f.shared_store());
    let second = engine_by_blocks(f.another_store().await?, "engine-2");
    let picture = f.picture(TICKS).await?;
    let id = slow_run(f, &leader).await?;
    comes_along(f, &second, &id).await?;
    let done = over(&leader, &id).await?;
    proven(f, &done).await?;
    consistent(f, &id).await?;
    if f.kind() == StoreKind::Postgres {
        let theirs = f.number("SELECT count(*) FROM amend.slice WHERE holder LIKE 'engine-2/%'").await?;
        assert!(theirs > 0, "the second server took no slice");
    }
    assert_eq!(done.takeovers, 0);
    let back = leader.start_rollback(&operator(), &id, RollbackOptions::default()).await?.run_id;
    proven(f, &over(&leader, &back).await?).await?;
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}

pub async fn nobody_who_works_along_writes_to_a_run_that_was_cancelled(f: &Fixture) -> anyhow::Result<()> {
    many_rows(f, ROWS).await?;
    f.store().save_rule(&rule(), at(0)).await?;
    let leader = leading(f.shared_store());
    let second = engine_by_blocks(f.another_store().await?, "engine-2");
    let id = slow_run(f, &leader).await?;
    comes_along(f, &second, &id).await?;
    leader.cancel(&operator(), &id).await?;
    let ended = over(&leader, &id).await?;
    assert_eq!(ended.state, RunState::Cancelled, "{ended:#?}");
    consistent(f, &id).await?;
    // Longer than any chunk takes here.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(view(f, &id).await?.changed, ended.changed);
    consistent(f, &id).await
}

pub async fn a_server_that_worked_along_takes_over_when_the_leader_dies(f: &Fixture) -> anyhow::Result<()> {
    many_rows(f, ROWS).await?;
    f.store().save_rule(&rule(), at(0)).await?;
    let process = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let leader = leading(f.another_store_in(&process).await??);
    let second = engine_by_blocks(f.another_store().await?, "engine-2");
    let starting = leader.clone();
    let id = process
        .spawn(async move { starting.start_run(&operator(), &rule().slug, overwrite(), None).await })
        .await??
        .run_id;
    second.set_pace(&operator(), &id, PACE).await?;
    changed_at_least(f, &id, 1).await?;
    comes_along(f, &second, &id).await?;
    process.shutdown_background();
    second.set_pace(&operator(), &id, 100).await?;
    // As a server does all the time.
    let looking = second.spawn_takeover();
    let done = over(&second, &id).await?;
    looking.abort();
    proven(f, &done).await?;
    consistent(f, &id).await?;
    assert_eq!(done.takeovers, 1);
    Ok(())
}
