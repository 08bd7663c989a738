//! Rows that take their time: chunks keep to their limit, and a run is not the worse for it.

use amend_domain::{RollbackOptions, RunId, RunOptions, RunState, RunView};
use amend_engine::{Engine, EngineConfig, EngineParts, store::StoreKind};

use crate::{
    Fixture,
    bench::{self, TICKS, at, known, rule, tick},
    engine_driver::{LEASE, operator, over, overwrite, proven},
};

/// Rows of the table.
const ROWS: i64 = 60;
/// What a chunk should take here: the limit is five times as long.
const TARGET: std::time::Duration = std::time::Duration::from_millis(20);

/// Makes every write of these rows take so many hundredths of a second, more or less.
async fn slow_down(f: &Fixture, which: &str, hundredths: i64) -> anyhow::Result<()> {
    f.execute(&match f.kind() {
        StoreKind::Postgres => format!(
            "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
               PERFORM pg_sleep(0.01 * {hundredths}); RETURN NEW;
             END $$;
             CREATE TRIGGER dawdling BEFORE UPDATE ON {TICKS} FOR EACH ROW WHEN (NEW.\"id\" {which})
               EXECUTE FUNCTION dawdle();"
        ),
        StoreKind::Sqlite => format!(
            "CREATE TRIGGER dawdling BEFORE UPDATE ON {TICKS} WHEN NEW.\"id\" {which} BEGIN
               SELECT max(x) FROM (WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < {})
                   SELECT x FROM c);
             END;",
            hundredths * 60_000
        ),
    })
    .await
}

/// An engine in a hurry over rows that are all missing.
async fn hasty(f: &Fixture, blocks_from: i64) -> anyhow::Result<Engine> {
    let ticks: Vec<_> = (1..=ROWS).map(|id| tick(id, "AAPL", None)).collect();
    bench::fill(f, &[known("AAPL", "STOCK")], &ticks).await?;
    f.store().save_rule(&rule(), at(0)).await?;
    let config = EngineConfig {
        owner: "hasty".into(),
        lease: LEASE,
        target_chunk: TARGET,
        blocks_from,
        workers: 2,
        ..EngineConfig::default()
    };
    Ok(Engine::new(EngineParts { config, ..EngineParts::system(f.shared_store()) }))
}

async fn kinds(f: &Fixture, id: &RunId) -> anyhow::Result<Vec<(String, String)>> {
    Ok(f.store().events(id, 0, 10_000).await?.into_iter().map(|e| (e.kind, e.message)).collect())
}

fn told<'a>(events: &'a [(String, String)], kind: &str) -> Vec<&'a str> {
    events.iter().filter(|(k, _)| k == kind).map(|(_, message)| message.as_str()).collect()
}

async fn correct(f: &Fixture, engine: &Engine) -> anyhow::Result<RunView> {
    let started = engine.start_run(&operator(), &rule().slug, RunOptions { ..overwrite() }, None).await?;
    let ended = over(engine, &started.run_id).await?;
    proven(f, &ended).await?;
    assert_eq!(ended.changed, ROWS);
    Ok(ended)
}

pub async fn rows_that_take_longer_than_a_chunk_may_are_done_alone_with_more_time(f: &Fixture) -> anyhow::Result<()> {
    let engine = hasty(f, i64::MAX).await?;
    slow_down(f, "IN (7, 23)", 40).await?;
    let picture = f.picture(TICKS).await?;
    let ended = correct(f, &engine).await?;
    let events = kinds(f, &ended.run_id).await?;
    assert!(!told(&events, "split").is_empty(), "{events:?}");
    let slow = told(&events, "slow");
    let first = "A chunk of one row ran into the time limit of 100 ms and was undone; it cannot be cut smaller, so it \
                 is tried again with 200 ms.";
    assert!(slow.iter().any(|message| message.starts_with(first)), "{events:?}");
    let pace = told(&events, "batch_size");
    assert!(pace.iter().any(|message| message.ends_with("a chunk ran into its time limit of 100 ms.")), "{events:?}");
    // So does its rollback, which writes the same rows.
    let started = engine.start_rollback(&operator(), &ended.run_id, RollbackOptions::default()).await?;
    let back = over(&engine, &started.run_id).await?;
    proven(f, &back).await?;
    assert!(!told(&kinds(f, &back.run_id).await?, "slow").is_empty());
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}

pub async fn a_step_of_a_slice_that_runs_into_its_limit_gets_more_time(f: &Fixture) -> anyhow::Result<()> {
    let engine = hasty(f, 0).await?;
    if f.store().table_facts(&rule()).await?.blocks.is_none() {
        // A file is walked by key alone.
        return Ok(());
    }
    slow_down(f, "IN (7, 23)", 40).await?;
    let picture = f.picture(TICKS).await?;
    let ended = correct(f, &engine).await?;
    let events = kinds(f, &ended.run_id).await?;
    let slow = told(&events, "slow");
    let first = "A step of a slice ran into the time limit of 100 ms";
    assert!(slow.iter().any(|message| message.starts_with(first)), "{events:?}");
    assert_eq!(told(&events, "left_over"), [""; 0], "{events:?}");
    let started = engine.start_rollback(&operator(), &ended.run_id, RollbackOptions::default()).await?;
    proven(f, &over(&engine, &started.run_id).await?).await?;
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}

pub async fn a_table_that_is_slow_in_every_row_ends_no_run(f: &Fixture) -> anyhow::Result<()> {
    let engine = hasty(f, i64::MAX).await?;
    slow_down(f, "> 0", 4).await?;
    let ended = correct(f, &engine).await?;
    let events = kinds(f, &ended.run_id).await?;
    assert_eq!(ended.state, RunState::Succeeded);
    assert!(!told(&events, "split").is_empty(), "{events:?}");
    assert_eq!(told(&events, "breaker"), [""; 0], "{events:?}");
    Ok(())
}
