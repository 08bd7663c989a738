//! Walks by heap blocks, shared by several workers. Where the database has no blocks the same runs go
//! by key and must end the same.

use std::time::Duration;

use amend_domain::{Mode, RollbackOptions, RunState, RunView, Scope, Strategy};
use amend_engine::{Engine, store::StoreKind};

use crate::{
    Fixture,
    bench::{self, TICKERS, TICKS, at, every_finding, fill, rule},
    driver::{journalled, view},
    engine_driver::{changed_at_least, engine_by_blocks, engine_over, operator, over, overwrite, proven, run},
    model::World,
};

/// Enough rows for some hundred blocks.
pub(super) const ROWS: i64 = 12_000;

/// Many rows of many symbols, wide enough to fill blocks; two of three are wrong.
pub(super) async fn many(f: &Fixture) -> anyhow::Result<()> {
    many_rows(f, ROWS).await
}

pub(super) async fn many_rows(f: &Fixture, rows: i64) -> anyhow::Result<()> {
    bench::create(f).await?;
    let numbers = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
         SELECT i, 'S' || (i % 500)"
    );
    f.execute(&format!(
        "INSERT INTO {TICKERS} (\"id\", \"ticker\", \"class\") {numbers}, 'STOCK' FROM n WHERE i < 500;
         INSERT INTO {TICKS} (\"id\", \"symbol\", \"frame\", \"class\", \"note\") {numbers}, '1d',
             CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN 'ETF' ELSE 'STOCK' END,
             'a note of some length, so that a block holds a few dozen rows and no more than that' FROM n;"
    ))
    .await
}

/// Rows that a run is to change: symbol S0 has no reference.
pub(super) const WRONG: i64 = ROWS / 3 * 2 - ROWS / 500 / 3 * 2;

pub(super) async fn engine(f: &Fixture) -> anyhow::Result<Engine> {
    f.store().save_rule(&rule(), at(0)).await?;
    Ok(engine_by_blocks(f.shared_store(), "engine-1"))
}

pub(super) async fn engine_over_many(f: &Fixture) -> anyhow::Result<Engine> {
    many(f).await?;
    engine(f).await
}

pub(super) fn strategy(run: &RunView) -> Option<Strategy> {
    run.walk.as_ref().map(|w| w.strategy)
}

/// What this database walks a plain table by.
pub(super) fn by_blocks(f: &Fixture) -> Strategy {
    match f.kind() {
        StoreKind::Postgres => Strategy::Ladder,
        StoreKind::Sqlite => Strategy::Key,
    }
}

async fn undo(engine: &Engine, done: &RunView) -> anyhow::Result<RunView> {
    let started = engine.start_rollback(&operator(), &done.run_id, RollbackOptions::default()).await?;
    over(engine, &started.run_id).await
}

async fn correctable(f: &Fixture) -> anyhow::Result<i64> {
    Ok(World::read(f, &rule()).await?.correctable(Mode::Overwrite, &Scope::default()))
}

pub async fn a_large_table_is_corrected_proven_and_restored_to_the_byte(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_over_many(f).await?;
    let picture = f.picture(TICKS).await?;
    let wrong = correctable(f).await?;
    let done = run(&engine, &rule(), overwrite()).await?;
    proven(f, &done).await?;
    assert_eq!((strategy(&done), done.changed, done.remaining), (Some(by_blocks(f)), wrong, 0));
    assert_eq!((done.scanned, correctable(f).await?), (ROWS, 0));
    let back = undo(&engine, &done).await?;
    proven(f, &back).await?;
    assert_eq!(back.changed, wrong);
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}

pub async fn a_second_run_by_blocks_changes_nothing(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_over_many(f).await?;
    run(&engine, &rule(), overwrite()).await?;
    let picture = f.picture(TICKS).await?;
    let again = run(&engine, &rule(), overwrite()).await?;
    proven(f, &again).await?;
    assert_eq!((again.changed, again.scanned), (0, ROWS));
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}

pub async fn the_run_says_how_it_walked_and_what_that_did_to_the_files(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_over_many(f).await?;
    let done = run(&engine, &rule(), overwrite()).await?;
    let walk = done.walk.clone().ok_or_else(|| anyhow::anyhow!("no walk is remembered"))?;
    assert!(walk.reason.len() > 20, "{walk:?}");
    let events = f.store().events(&done.run_id, 0, 1_000).await?;
    assert!(events.iter().any(|e| e.kind == "walk" && e.message == walk.reason), "{events:?}");
    match f.kind() {
        StoreKind::Postgres => {
            assert_eq!((walk.workers, walk.stripes), (3, 8));
            let effect = done.effect.ok_or_else(|| anyhow::anyhow!("no effect is remembered"))?;
            let heap = f.number(&format!("SELECT pg_relation_size('{TICKS}')")).await?;
            assert_eq!(effect.after.heap_bytes, heap);
            assert!(effect.before.heap_bytes > 0 && effect.wal() > 0, "{effect:?}");
            // Two of three rows were written, which one UPDATE pays with so much more heap.
            assert!(effect.plain_heap_bytes * 10 > effect.before.heap_bytes * 6, "{effect:?}");
        }
        StoreKind::Sqlite => assert_eq!((walk.workers, walk.stripes, done.effect), (1, 1, None)),
    }
    Ok(())
}

pub async fn every_chunk_of_a_walk_by_blocks_has_a_number_of_its_own(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_over_many(f).await?;
    let done = run(&engine, &rule(), overwrite()).await?;
    let chunks = f.store().chunks(&done.run_id, 1_000).await?;
    assert!(chunks.windows(2).all(|w| w[0].no < w[1].no), "{chunks:?}");
    assert_eq!(chunks.len(), usize::try_from(done.chunks)?);
    assert_eq!(chunks.iter().map(|c| c.changed).sum::<i64>(), done.changed);
    assert!(chunks.iter().all(|c| c.untouched_before == c.untouched_after));
    Ok(())
}

pub async fn rows_that_others_hold_are_passed_over_and_found_by_the_sweep(f: &Fixture) -> anyhow::Result<()> {
    if f.kind() == StoreKind::Sqlite {
        // One lock for all: nothing can be passed over.
        return Ok(());
    }
    let engine = engine_over_many(f).await?;
    let held = f.hold(&["UPDATE \"ticks\" SET \"note\" = 'theirs' WHERE \"id\" % 1000 = 1"]).await?;
    let started = engine.start_run(&operator(), &rule().slug, overwrite(), None).await?;
    let patience = tokio::time::Instant::now();
    while !f.store().events(&started.run_id, 0, 1_000).await?.iter().any(|e| e.kind == "sweep") {
        anyhow::ensure!(patience.elapsed() < Duration::from_secs(30), "no sweep has come");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    held.commit().await?;
    let done = over(&engine, &started.run_id).await?;
    proven(f, &done).await?;
    assert!(done.skipped > 0, "{done:#?}");
    assert_eq!(f.number("SELECT count(*) FROM \"ticks\" WHERE \"note\" = 'theirs'").await?, ROWS / 1_000);
    Ok(())
}

pub async fn rows_that_arrive_during_the_walk_are_found_by_the_sweep(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_over_many(f).await?;
    let started = engine.start_run(&operator(), &rule().slug, overwrite(), None).await?;
    changed_at_least(f, &started.run_id, 1).await?;
    f.execute(&format!(
        "WITH RECURSIVE n(i) AS (SELECT {ROWS} + 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS} + 300)
         INSERT INTO {TICKS} (\"id\", \"symbol\", \"frame\", \"note\") SELECT i, 'S1', '1d', 'late' FROM n"
    ))
    .await?;
    let done = over(&engine, &started.run_id).await?;
    // They came while it was at work, or else when its proof was through: then they are a new finding.
    if done.ended_at.is_some() && correctable(f).await? == 0 {
        assert_eq!((done.state, done.changed), (RunState::Succeeded, WRONG + 300));
        assert_eq!(journalled(f, &done.run_id).await?, WRONG + 300);
    } else {
        assert_eq!(journalled(f, &done.run_id).await?, done.changed);
    }
    Ok(())
}

pub async fn a_killed_walk_by_blocks_is_taken_over_and_no_row_is_journalled_twice(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_over_many(f).await?;
    let picture = f.picture(TICKS).await?;
    let process = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let (opening, slug) = (f.another_store_in(&process), rule().slug);
    let id = process
        .spawn(async move {
            let victim = engine_by_blocks(opening.await??, "victim");
            anyhow::Ok(victim.start_run(&operator(), &slug, overwrite(), None).await?.run_id)
        })
        .await??;
    changed_at_least(f, &id, 1).await?;
    process.shutdown_background();
    let patience = tokio::time::Instant::now();
    while view(f, &id).await?.state.is_active() && !engine.resume_interrupted().await?.contains(&id) {
        anyhow::ensure!(patience.elapsed() < Duration::from_secs(20), "nobody may take {id} over");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let done = over(&engine, &id).await?;
    proven(f, &done).await?;
    assert_eq!((done.changed, done.scanned), (WRONG, ROWS));
    let back = undo(&engine, &done).await?;
    assert_eq!((back.state, back.changed), (RunState::Succeeded, WRONG));
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}

pub async fn a_cancelled_walk_by_blocks_leaves_whole_chunks_that_roll_back(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_over_many(f).await?;
    let picture = f.picture(TICKS).await?;
    let started = engine.start_run(&operator(), &rule().slug, overwrite(), None).await?;
    changed_at_least(f, &started.run_id, 1).await?;
    // It may be over already on a fast machine; then there is nothing to cancel.
    let cancelled = engine.cancel(&operator(), &started.run_id).await.is_ok();
    let done = over(&engine, &started.run_id).await?;
    assert_eq!(done.state == RunState::Cancelled, cancelled, "{done:#?}");
    assert_eq!(journalled(f, &done.run_id).await?, done.changed);
    let back = undo(&engine, &done).await?;
    assert_eq!((back.state, back.changed), (RunState::Succeeded, done.changed));
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}

pub async fn a_row_that_a_trigger_refuses_is_met_by_key_and_listed(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_over_many(f).await?;
    match f.kind() {
        StoreKind::Postgres => {
            f.execute(
                "CREATE FUNCTION \"refuse\"() RETURNS trigger LANGUAGE plpgsql AS $$
                   BEGIN IF NEW.\"id\" = 4999 THEN RAISE EXCEPTION 'not this one'; END IF; RETURN NEW; END $$;
                 CREATE TRIGGER \"refuse\" BEFORE UPDATE ON \"ticks\" FOR EACH ROW EXECUTE FUNCTION \"refuse\"();",
            )
            .await?;
        }
        StoreKind::Sqlite => {
            f.execute(
                "CREATE TRIGGER \"refuse\" BEFORE UPDATE ON \"ticks\" WHEN NEW.\"id\" = 4999
                 BEGIN SELECT RAISE(ABORT, 'not this one'); END;",
            )
            .await?;
        }
    }
    let done = run(&engine, &rule(), overwrite()).await?;
    assert_eq!(done.state, RunState::Failed, "{done:#?}");
    assert_eq!(journalled(f, &done.run_id).await?, done.changed);
    if f.kind() == StoreKind::Postgres {
        // The stripe with the row was left to a walk by key.
        let events = f.store().events(&done.run_id, 0, 10_000).await?;
        assert!(events.iter().any(|e| e.kind == "left_over"), "{events:?}");
    }
    assert_eq!((done.changed, done.failed, done.remaining), (WRONG - 1, 1, 1), "{done:#?}");
    let listed = engine.failed_rows(&operator(), &done.run_id, 0, 10).await?;
    assert_eq!(listed.iter().map(|r| bench::id_of(&r.key)).collect::<Vec<_>>(), ["4999"]);
    Ok(())
}

pub async fn only_what_the_reference_decides_is_written_by_blocks(f: &Fixture) -> anyhow::Result<()> {
    let (tickers, ticks) = every_finding();
    fill(f, &tickers, &ticks).await?;
    let engine = engine(f).await?;
    let before = World::read(f, &rule()).await?;
    let by_key = engine_over(f.shared_store(), "engine-2");
    let done = run(&engine, &rule(), overwrite()).await?;
    proven(f, &done).await?;
    assert_eq!(done.changed, before.correctable(Mode::Overwrite, &Scope::default()));
    // What is left is nothing that another way of walking would change.
    let again = run(&by_key, &rule(), overwrite()).await?;
    assert_eq!((again.state, again.changed), (RunState::Succeeded, 0));
    Ok(())
}
