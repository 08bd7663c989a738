//! Ours: runs of the engine over a store, as `amend run` drives them.

use std::sync::Arc;

use amend_domain::{Caller, Door, Mode, Role, RollbackOptions, RunId, RunOptions, RunState, RunView};
use amend_engine::{
    Engine, EngineParts,
    clock::{Clock as _, SystemClock},
    store::Store,
};
use amend_store_postgres::{PostgresOptions, PostgresStore};
use amend_store_sqlite::{SqliteOptions, SqliteStore};
use anyhow::ensure;

use crate::data;

pub(crate) fn caller() -> Caller {
    Caller { name: "bench".into(), role: Role::Operator, door: Door::CommandLine }
}

async fn engine(store: Arc<dyn Store>, workers: u32) -> anyhow::Result<Engine> {
    store.migrate().await?;
    store.save_rule(&data::rule(), SystemClock.now()).await?;
    let mut parts = EngineParts::system(store);
    parts.config.workers = workers;
    Ok(Engine::new(parts))
}

pub(crate) async fn over_postgres(url: &str, workers: u32) -> anyhow::Result<(Engine, PostgresStore)> {
    let store = PostgresStore::connect(url, PostgresOptions::default()).await?;
    Ok((engine(Arc::new(store.clone()), workers).await?, store))
}

pub(crate) async fn over_sqlite(path: &str) -> anyhow::Result<(Engine, SqliteStore)> {
    let store = SqliteStore::open(path, SqliteOptions::default()).await?;
    Ok((engine(Arc::new(store.clone()), 1).await?, store))
}

/// A whole run with journal, sweep and validation.
pub(crate) async fn correct(engine: &Engine) -> anyhow::Result<RunView> {
    let options = RunOptions { mode: Mode::Overwrite, ..RunOptions::default() };
    let started = engine.start_run(&caller(), &data::rule().slug, options, None).await?;
    over(engine, &started.run_id).await
}

/// A run held to so many percent of its pace for some time, and then cancelled.
pub(crate) async fn correct_gently(engine: &Engine, percent: u8, time: std::time::Duration) -> anyhow::Result<()> {
    let options = RunOptions { mode: Mode::Overwrite, ..RunOptions::default() };
    let started = engine.start_run(&caller(), &data::rule().slug, options, None).await?;
    engine.set_pace(&caller(), &started.run_id, percent).await?;
    tokio::time::sleep(time).await;
    engine.cancel(&caller(), &started.run_id).await?;
    let view = engine.wait(&started.run_id, None).await?;
    ensure!(view.changed > 0 && view.state == RunState::Cancelled, "the run was no run to measure beside: {view:#?}");
    Ok(())
}

pub(crate) async fn roll_back(engine: &Engine, run: &RunId) -> anyhow::Result<RunView> {
    let options = RollbackOptions { reason: "measured".into(), ..RollbackOptions::default() };
    let started = engine.start_rollback(&caller(), run, options).await?;
    over(engine, &started.run_id).await
}

async fn over(engine: &Engine, id: &RunId) -> anyhow::Result<RunView> {
    let view = engine.wait(id, None).await?;
    ensure!(view.state == RunState::Succeeded, "the run did not succeed: {view:#?}");
    Ok(view)
}
