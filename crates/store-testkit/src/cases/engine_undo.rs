//! Rollbacks of large runs, which several workers share where the journal knows the places of rows,
//! and rollbacks over tables that refuse rows.

use std::time::Duration;

use amend_domain::{BatchSize, ErrorCode, RollbackOptions, RollbackScope, RunId, RunState, RunView, Strategy};
use amend_engine::{Engine, store::StoreKind};

use super::{
    engine_failures::{keys, refuse, thaw},
    engine_walks::{ROWS, WRONG, engine_over_many, strategy},
};
use crate::{
    Fixture,
    bench::{TICKS, class_of, rule},
    driver::{journalled, view},
    engine_driver::{
        caller, changed_at_least, engine_by_blocks, engine_with_missing, operator, over, overwrite, problem, proven,
        run, small,
    },
};

async fn start(engine: &Engine, id: &RunId, options: RollbackOptions) -> anyhow::Result<RunId> {
    Ok(engine.start_rollback(&operator(), id, options).await?.run_id)
}

async fn undo(engine: &Engine, id: &RunId, options: RollbackOptions) -> anyhow::Result<RunView> {
    let started = start(engine, id, options).await?;
    over(engine, &started).await
}

/// A corrected large table, its picture from before, and the run.
async fn corrected(f: &Fixture) -> anyhow::Result<(Engine, Vec<String>, RunView)> {
    let engine = engine_over_many(f).await?;
    let picture = f.picture(TICKS).await?;
    let done = run(&engine, &rule(), overwrite()).await?;
    proven(f, &done).await?;
    Ok((engine, picture, done))
}

/// How a whole rollback of a large table goes.
fn by_places(f: &Fixture) -> Option<Strategy> {
    (f.kind() == StoreKind::Postgres).then_some(Strategy::Blocks)
}

pub async fn a_large_run_is_undone_redone_and_undone_by_the_places_of_its_rows(f: &Fixture) -> anyhow::Result<()> {
    let (engine, before, done) = corrected(f).await?;
    let corrected = f.picture(TICKS).await?;
    let mut last = done.run_id;
    for picture in [&before, &corrected, &before] {
        let back = undo(&engine, &last, RollbackOptions::default()).await?;
        proven(f, &back).await?;
        assert_eq!((strategy(&back), back.changed, back.scanned), (by_places(f), WRONG, WRONG));
        assert_eq!((back.conflicts, back.deleted, back.skipped, back.remaining), (0, 0, 0, 0));
        assert!(f.picture(TICKS).await? == *picture, "the table is not as it was");
        let chunks = f.store().chunks(&back.run_id, 10_000).await?;
        assert!(chunks.windows(2).all(|w| w[0].no < w[1].no), "{chunks:?}");
        assert_eq!(chunks.iter().map(|c| c.changed).sum::<i64>(), WRONG);
        last = back.run_id;
    }
    Ok(())
}

pub async fn rows_that_moved_since_are_restored_and_what_others_wrote_stays(f: &Fixture) -> anyhow::Result<()> {
    let (engine, _, done) = corrected(f).await?;
    // Ids of the form 3k and 3k + 1 were wrong; those of a multiple of 500 have no reference.
    f.execute(&format!(
        "UPDATE {TICKS} SET \"note\" = 'moved' WHERE \"id\" % 30 = 3;
         UPDATE {TICKS} SET \"class\" = 'MANUAL' WHERE \"id\" % 300 = 61;
         DELETE FROM {TICKS} WHERE \"id\" % 300 = 91;"
    ))
    .await?;
    let (theirs, gone) = (ROWS / 300, ROWS / 300);
    let back = undo(&engine, &done.run_id, RollbackOptions::default()).await?;
    proven(f, &back).await?;
    assert_eq!((back.changed, back.conflicts, back.deleted), (WRONG - theirs - gone, theirs, gone), "{back:#?}");
    assert_eq!(back.scanned, WRONG);
    let manual = f.number(&format!("SELECT count(*) FROM {TICKS} WHERE \"class\" = 'MANUAL'")).await?;
    let moved =
        f.number(&format!("SELECT count(*) FROM {TICKS} WHERE \"note\" = 'moved' AND \"class\" IS NULL")).await?;
    // One in fifty of these has symbol S0, was never corrected, and had no value before.
    let never = f.number(&format!("SELECT count(*) FROM {TICKS} WHERE \"id\" % 30 = 3")).await?;
    assert_eq!((manual, moved), (theirs, never));
    assert_eq!((class_of(f, 4).await?.as_deref(), class_of(f, 61).await?.as_deref()), (Some("ETF"), Some("MANUAL")));
    Ok(())
}

pub async fn a_table_that_was_written_anew_is_restored_by_keys(f: &Fixture) -> anyhow::Result<()> {
    let (engine, picture, done) = corrected(f).await?;
    // Every row has another place, and every place another row.
    f.execute(match f.kind() {
        StoreKind::Postgres => "CREATE INDEX backwards ON \"ticks\" ((- \"id\")); CLUSTER \"ticks\" USING backwards;",
        StoreKind::Sqlite => "VACUUM",
    })
    .await?;
    let back = undo(&engine, &done.run_id, RollbackOptions::default()).await?;
    proven(f, &back).await?;
    assert_eq!((back.changed, back.scanned), (WRONG, WRONG));
    assert!(f.picture(TICKS).await? == picture, "the table is not as it was");
    Ok(())
}

pub async fn conflicts_of_a_large_rollback_can_be_forced_or_stop_it(f: &Fixture) -> anyhow::Result<()> {
    use amend_domain::ConflictPolicy::{Force, Stop};
    let (engine, picture, done) = corrected(f).await?;
    f.execute(&format!("UPDATE {TICKS} SET \"class\" = 'MANUAL' WHERE \"id\" % 300 = 61")).await?;
    let stopped =
        undo(&engine, &done.run_id, RollbackOptions { on_conflict: Stop, ..RollbackOptions::default() }).await?;
    assert_eq!((stopped.state, stopped.changed), (RunState::Failed, 0), "{stopped:#?}");
    let options = RollbackOptions { on_conflict: Force, reason: "a test".into(), ..RollbackOptions::default() };
    let forced = undo(&engine, &done.run_id, options).await?;
    proven(f, &forced).await?;
    assert_eq!((forced.changed, forced.conflicts), (WRONG, ROWS / 300));
    assert!(f.picture(TICKS).await? == picture, "the table is not as it was");
    Ok(())
}

pub async fn a_part_told_by_values_is_undone_by_places_and_the_rest_later(f: &Fixture) -> anyhow::Result<()> {
    let (engine, picture, done) = corrected(f).await?;
    let part = RollbackScope { old_values: Some(vec![None]), ..RollbackScope::default() };
    let first = undo(&engine, &done.run_id, RollbackOptions { scope: part, ..RollbackOptions::default() }).await?;
    proven(f, &first).await?;
    let missing =
        f.number(&format!("SELECT count(*) FROM {TICKS} WHERE \"class\" IS NULL AND \"symbol\" <> 'S0'")).await?;
    assert_eq!((strategy(&first), first.changed), (by_places(f), missing));
    let second = undo(&engine, &done.run_id, RollbackOptions::default()).await?;
    proven(f, &second).await?;
    assert_eq!(second.changed, WRONG - missing);
    assert!(f.picture(TICKS).await? == picture, "the table is not as it was");
    Ok(())
}

pub async fn rows_that_others_hold_during_a_large_rollback_are_restored_once_they_are_free(
    f: &Fixture,
) -> anyhow::Result<()> {
    if f.kind() == StoreKind::Sqlite {
        // One lock for all: nothing can be passed over.
        return Ok(());
    }
    let (engine, _, done) = corrected(f).await?;
    let held = f.hold(&["UPDATE \"ticks\" SET \"note\" = 'theirs' WHERE \"id\" % 1000 = 1"]).await?;
    let back = start(&engine, &done.run_id, RollbackOptions::default()).await?;
    let patience = tokio::time::Instant::now();
    while !f.store().events(&back, 0, 1_000).await?.iter().any(|e| e.kind == "sweep") {
        anyhow::ensure!(patience.elapsed() < Duration::from_secs(30), "no sweep has come");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    held.commit().await?;
    let back = over(&engine, &back).await?;
    proven(f, &back).await?;
    assert_eq!(back.changed, WRONG);
    assert_eq!(f.number("SELECT count(*) FROM \"ticks\" WHERE \"note\" = 'theirs'").await?, ROWS / 1_000);
    Ok(())
}

pub async fn a_killed_rollback_is_taken_over_and_no_row_is_restored_twice(f: &Fixture) -> anyhow::Result<()> {
    let (engine, picture, done) = corrected(f).await?;
    let process = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let opening = f.another_store_in(&process);
    let source = done.run_id.clone();
    let id = process
        .spawn(async move {
            let victim = engine_by_blocks(opening.await??, "victim");
            start(&victim, &source, RollbackOptions::default()).await
        })
        .await??;
    changed_at_least(f, &id, 1).await?;
    process.shutdown_background();
    let patience = tokio::time::Instant::now();
    while view(f, &id).await?.state.is_active() && !engine.resume_interrupted().await?.contains(&id) {
        anyhow::ensure!(patience.elapsed() < Duration::from_secs(20), "nobody may take {id} over");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let back = over(&engine, &id).await?;
    proven(f, &back).await?;
    assert_eq!((back.changed, back.scanned), (WRONG, WRONG));
    assert!(f.picture(TICKS).await? == picture, "the table is not as it was");
    Ok(())
}

pub async fn a_large_rollback_is_paused_resumed_cancelled_and_begun_again(f: &Fixture) -> anyhow::Result<()> {
    let (engine, picture, done) = corrected(f).await?;
    let back = start(&engine, &done.run_id, RollbackOptions::default()).await?;
    changed_at_least(f, &back, 1).await?;
    // It may be over already on a fast machine; then there is nothing to steer.
    if engine.pause(&operator(), &back).await.is_ok() {
        let patience = tokio::time::Instant::now();
        while view(f, &back).await?.state == RunState::Pausing {
            anyhow::ensure!(patience.elapsed() < Duration::from_secs(20), "it does not pause");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if view(f, &back).await?.state == RunState::Paused {
            let paused = view(f, &back).await?;
            assert_eq!(journalled(f, &back).await?, paused.changed);
            engine.resume(&operator(), &back).await?;
        }
    }
    let cancelled = engine.cancel(&operator(), &back).await.is_ok();
    let ended = over(&engine, &back).await?;
    assert_eq!(ended.state == RunState::Cancelled, cancelled, "{ended:#?}");
    assert_eq!(journalled(f, &back).await?, ended.changed);
    if cancelled && ended.changed < WRONG {
        let rest = undo(&engine, &done.run_id, RollbackOptions::default()).await?;
        proven(f, &rest).await?;
        assert_eq!(rest.changed, WRONG - ended.changed);
    }
    assert!(f.picture(TICKS).await? == picture, "the table is not as it was");
    Ok(())
}

/// Failed because rows were refused, with so many of them.
fn refused(ended: &RunView, rows: i64) -> anyhow::Result<()> {
    assert_eq!((ended.state, ended.failed, ended.remaining), (RunState::Failed, rows, rows), "{ended:#?}");
    let error = ended.error.clone().ok_or_else(|| anyhow::anyhow!("no error"))?;
    assert_eq!(error.code, ErrorCode::RowsRefused);
    assert!(error.advice.is_some_and(|a| a.contains(&format!("amend retry {}", ended.run_id))));
    Ok(())
}

pub async fn a_row_that_refuses_its_old_value_does_not_end_a_rollback(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, 40).await?;
    let picture = f.picture(TICKS).await?;
    let done = run(&engine, &rule(), small(16)).await?;
    refuse(f, "NEW.\"id\" IN (9, 30)").await?;
    let options = RollbackOptions { batch_size: BatchSize::Fixed(16), ..RollbackOptions::default() };
    let back = undo(&engine, &done.run_id, options).await?;
    refused(&back, 2)?;
    assert_eq!((back.changed, journalled(f, &back.run_id).await?), (38, 38));
    let mut listed = engine.failed_rows(&operator(), &back.run_id, 0, 10).await?;
    listed.sort_by_key(|row| row.key.len());
    let [nine, thirty] = listed.as_slice() else { anyhow::bail!("{listed:?}") };
    assert_eq!((nine.key.as_str(), nine.old.as_deref(), nine.new.as_deref()), ("9", Some("STOCK"), None));
    assert_eq!((thirty.key.as_str(), thirty.new.as_deref(), thirty.attempts), ("30", Some(" "), 1));
    assert_eq!(thirty.symbol.as_deref(), Some("AAPL"));
    assert!(thirty.detail.as_deref().is_some_and(|d| d.contains("secret")), "{thirty:?}");
    // A rollback may be tried again by whoever may roll back.
    let forbidden = problem(engine.retry_failed(&caller(amend_domain::Role::Viewer), &back.run_id).await)?;
    assert_eq!(forbidden.code, ErrorCode::Forbidden);
    let again = engine.retry_failed(&operator(), &back.run_id).await?;
    refused(&over(&engine, &again.run_id).await?, 2)?;
    thaw(f).await?;
    // Somebody broke another row meanwhile: no business of the retry.
    f.execute(&format!("UPDATE {TICKS} SET \"class\" = 'STOCK' WHERE \"id\" = 1")).await?;
    let again = engine.retry_failed(&operator(), &again.run_id).await?;
    let again = over(&engine, &again.run_id).await?;
    proven(f, &again).await?;
    assert_eq!((again.changed, class_of(f, 1).await?.as_deref()), (2, Some("STOCK")));
    f.execute(&format!("UPDATE {TICKS} SET \"class\" = NULL WHERE \"id\" = 1")).await?;
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}

pub async fn rows_refused_in_a_large_rollback_are_found_among_thousands(f: &Fixture) -> anyhow::Result<()> {
    let (engine, picture, done) = corrected(f).await?;
    refuse(f, "NEW.\"id\" IN (300, 4999, 5001)").await?;
    let back = undo(&engine, &done.run_id, RollbackOptions::default()).await?;
    refused(&back, 3)?;
    assert_eq!((back.changed, journalled(f, &back.run_id).await?), (WRONG - 3, WRONG - 3));
    let mut listed = keys(&engine, &back.run_id).await?;
    listed.sort_unstable();
    assert_eq!(listed, ["300", "4999", "5001"]);
    thaw(f).await?;
    let again = engine.retry_failed(&operator(), &back.run_id).await?;
    proven(f, &over(&engine, &again.run_id).await?).await?;
    assert!(f.picture(TICKS).await? == picture, "the table is not as it was");
    Ok(())
}

pub async fn a_table_that_refuses_every_old_value_opens_the_breaker(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, 100).await?;
    let done = run(&engine, &rule(), small(50)).await?;
    refuse(f, "NEW.\"id\" > 0").await?;
    let options = RollbackOptions { batch_size: BatchSize::Fixed(4), ..RollbackOptions::default() };
    let back = undo(&engine, &done.run_id, options).await?;
    assert_eq!((back.state, back.changed), (RunState::Failed, 0), "{back:#?}");
    assert_eq!(back.error.as_ref().map(|e| e.code), Some(ErrorCode::BreakerOpen), "{back:#?}");
    assert_eq!(i64::try_from(keys(&engine, &back.run_id).await?.len())?, back.failed);
    Ok(())
}

pub async fn a_dry_rollback_counts_what_would_be_refused(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, 40).await?;
    let done = run(&engine, &rule(), overwrite()).await?;
    refuse(f, "NEW.\"id\" IN (9, 10)").await?;
    let picture = f.picture(TICKS).await?;
    let back = undo(&engine, &done.run_id, RollbackOptions { dry_run: true, ..RollbackOptions::default() }).await?;
    assert_eq!((back.state, back.changed, back.failed), (RunState::Succeeded, 38, 2), "{back:#?}");
    assert!(keys(&engine, &back.run_id).await?.is_empty());
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}
