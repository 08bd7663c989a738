//! Engines over the store under test, with leases short enough to wait for.

use std::{sync::Arc, time::Duration};

use amend_domain::{BatchSize, Caller, Door, Mode, Problem, Role, Rule, RunId, RunOptions, RunState, RunView};
use amend_engine::{Engine, EngineConfig, EngineParts, store::Store};

use crate::{
    Fixture,
    bench::{at, every_finding, fill, known, rule, tick},
    driver::journalled,
};

/// Longer than any run here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How long a lease lasts here; a heartbeat comes every third of it.
pub const LEASE: Duration = Duration::from_millis(900);

#[must_use]
pub fn caller(role: Role) -> Caller {
    Caller { name: format!("the {role}"), role, door: Door::CommandLine }
}

#[must_use]
pub fn operator() -> Caller {
    caller(Role::Operator)
}

/// An engine of this name in leases.
#[must_use]
pub fn engine_over(store: Arc<dyn Store>, owner: &str) -> Engine {
    let config = EngineConfig { owner: owner.into(), lease: LEASE, ..EngineConfig::default() };
    Engine::new(EngineParts { config, ..EngineParts::system(store) })
}

/// An engine that walks by blocks wherever the database has them, however small the table.
#[must_use]
pub fn engine_by_blocks(store: Arc<dyn Store>, owner: &str) -> Engine {
    let config =
        EngineConfig { owner: owner.into(), lease: LEASE, blocks_from: 0, workers: 3, ..EngineConfig::default() };
    Engine::new(EngineParts { config, ..EngineParts::system(store) })
}

/// An engine and the rule of the suite's tables, saved.
pub async fn engine(f: &Fixture) -> anyhow::Result<Engine> {
    f.store().save_rule(&rule(), at(0)).await?;
    Ok(engine_over(f.shared_store(), "engine-1"))
}

/// The same over tables with every finding.
pub async fn engine_with_every_finding(f: &Fixture) -> anyhow::Result<Engine> {
    let (tickers, ticks) = every_finding();
    fill(f, &tickers, &ticks).await?;
    engine(f).await
}

/// The same over so many rows of one symbol, all of them missing.
pub async fn engine_with_missing(f: &Fixture, rows: i64) -> anyhow::Result<Engine> {
    let ticks: Vec<_> = (1..=rows).map(|id| tick(id, "AAPL", if id % 2 == 0 { Some(" ") } else { None })).collect();
    fill(f, &[known("AAPL", "STOCK")], &ticks).await?;
    engine(f).await
}

#[must_use]
pub fn overwrite() -> RunOptions {
    RunOptions { mode: Mode::Overwrite, ..RunOptions::default() }
}

#[must_use]
pub fn small(rows: u32) -> RunOptions {
    RunOptions { batch_size: BatchSize::Fixed(rows), ..overwrite() }
}

/// Waits until a run is over.
pub async fn over(engine: &Engine, id: &RunId) -> anyhow::Result<RunView> {
    let view = engine.wait(id, Some(PATIENCE)).await?;
    anyhow::ensure!(view.state.is_over(), "the run is not over: {view:#?}");
    Ok(view)
}

/// A whole run.
pub async fn run(engine: &Engine, rule: &Rule, options: RunOptions) -> anyhow::Result<RunView> {
    let started = engine.start_run(&operator(), &rule.slug, options, None).await?;
    over(engine, &started.run_id).await
}

/// Waits until a run has changed at least so many rows, and says how many.
pub async fn changed_at_least(f: &Fixture, id: &RunId, rows: i64) -> anyhow::Result<RunView> {
    let begun = tokio::time::Instant::now();
    loop {
        let view = crate::driver::view(f, id).await?;
        if view.changed >= rows || view.state.is_over() {
            return Ok(view);
        }
        anyhow::ensure!(begun.elapsed() < PATIENCE, "the run does not get on: {view:#?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Ended well, proven, and every changed row journalled.
pub async fn proven(f: &Fixture, view: &RunView) -> anyhow::Result<()> {
    anyhow::ensure!(view.state == RunState::Succeeded, "{view:#?}");
    anyhow::ensure!(view.validation.as_ref().is_some_and(|v| v.passed), "{view:#?}");
    let rows = journalled(f, &view.run_id).await?;
    anyhow::ensure!(rows == view.changed, "{rows} journalled, {} changed", view.changed);
    Ok(())
}

/// The problem of an act that must be refused.
pub fn problem<T: std::fmt::Debug>(result: Result<T, Problem>) -> anyhow::Result<Problem> {
    match result {
        Err(problem) => Ok(problem),
        Ok(value) => anyhow::bail!("should have been refused, but gave {value:?}"),
    }
}
