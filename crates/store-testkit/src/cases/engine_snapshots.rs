//! Restoring from a snapshot through the engine.

use std::{sync::Arc, time::Duration};

use amend_domain::{
    Backup, BackupInfo, BatchSize, ConflictPolicy, ErrorCode, Role, RollbackOptions, RollbackScope, RollbackSource,
    RunId, RunKind, RunOptions, RunState, RunView,
};
use amend_engine::{Engine, EngineConfig, EngineParts, store::StoreKind};
use chrono::TimeDelta;

use super::{
    engine_backups::Odd,
    engine_failures::{keys, refuse, thaw},
};
use crate::{
    Fixture,
    bench::{TICKERS, TICKS, add_ticks, at, class_of, id_of, key, open_rule, rule, tick},
    driver::{journalled, view},
    engine_driver::{
        LEASE, PATIENCE, caller, changed_at_least, engine_by_blocks, engine_with_every_finding, engine_with_missing,
        operator, over, overwrite, problem, proven, run,
    },
};

fn snapshot() -> RunOptions {
    RunOptions { backup: Backup::Snapshot, ..overwrite() }
}

fn all() -> RollbackScope {
    RollbackScope::default()
}

fn from_snapshot() -> RollbackOptions {
    RollbackOptions { source: RollbackSource::Snapshot, ..RollbackOptions::default() }
}

fn with(on_conflict: ConflictPolicy) -> RollbackOptions {
    RollbackOptions { on_conflict, ..from_snapshot() }
}

async fn ended(engine: &Engine, id: &RunId, options: RollbackOptions) -> anyhow::Result<RunView> {
    let started = engine.start_rollback(&operator(), id, options).await?;
    over(engine, &started.run_id).await
}

async fn restored(f: &Fixture, engine: &Engine, id: &RunId, options: RollbackOptions) -> anyhow::Result<RunView> {
    let view = ended(engine, id, options).await?;
    proven(f, &view).await?;
    Ok(view)
}

/// Restorable, original, changed since, deleted.
async fn counted(engine: &Engine, id: &RunId, scope: &RollbackScope) -> anyhow::Result<[i64; 4]> {
    let plan = engine.rollback_plan_from(&operator(), id, RollbackSource::Snapshot, scope).await?;
    let c = plan.counts;
    Ok([c.restorable, c.original, c.changed_since, c.deleted])
}

/// The copy of a run, and its table as SQL takes it.
async fn copy_of(engine: &Engine, id: &RunId) -> anyhow::Result<(BackupInfo, String)> {
    let all = engine.backups(&operator()).await?;
    let copy = all.into_iter().find(|b| b.run_id == *id).ok_or_else(|| anyhow::anyhow!("no copy"))?;
    let table = format!("\"{}\"", copy.name.rsplit('.').next().unwrap_or_default());
    Ok((copy, table))
}

/// Waits until no list of a restore is left: the worker forgets it right after the run's end.
async fn no_list_is_left(f: &Fixture) -> anyhow::Result<()> {
    let table = if f.kind() == StoreKind::Postgres { "amend.set_aside" } else { "amend_set_aside" };
    let begun = tokio::time::Instant::now();
    while f.number(&format!("SELECT count(*) FROM {table}")).await? > 0 {
        anyhow::ensure!(begun.elapsed() < PATIENCE, "the list is not forgotten");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// Ticks 9 and 1 have a value of somebody's, 8 is gone, 17 was born; all after the run.
async fn meddle(f: &Fixture) -> anyhow::Result<()> {
    f.execute(&format!(
        "UPDATE {TICKS} SET \"class\" = 'MANUAL' WHERE \"id\" IN (1, 9); DELETE FROM {TICKS} WHERE \"id\" = 8;"
    ))
    .await?;
    add_ticks(f, &[tick(17, "AAPL", "BORN")]).await
}

pub async fn a_run_then_its_snapshot_restored_is_the_identity(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let before = f.picture(TICKS).await?;
    let done = run(&engine, &rule(), snapshot()).await?;
    assert_eq!(counted(&engine, &done.run_id, &all()).await?, [8, 8, 0, 0]);
    let back = restored(f, &engine, &done.run_id, from_snapshot()).await?;
    assert_eq!((back.kind, back.changed, back.scanned, back.remaining), (RunKind::Rollback, 8, 8, 0));
    assert_eq!(back.rollback.map(|o| o.source), Some(RollbackSource::Snapshot));
    assert_eq!(f.picture(TICKS).await?, before);
    assert_eq!(view(f, &done.run_id).await?.undone_by, Some(back.run_id));
    // Half of the rows were written: a plain update of these adds half of the file.
    assert!(back.effect.is_none_or(|e| e.plain_heap_bytes * 2 == e.before.heap_bytes), "{:?}", back.effect);
    no_list_is_left(f).await
}

pub async fn a_second_restore_has_nothing_to_do(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let done = run(&engine, &rule(), snapshot()).await?;
    restored(f, &engine, &done.run_id, from_snapshot()).await?;
    let picture = f.picture(TICKS).await?;
    assert_eq!(counted(&engine, &done.run_id, &all()).await?, [0, 16, 0, 0]);
    let refused = problem(engine.start_rollback(&operator(), &done.run_id, from_snapshot()).await)?;
    assert_eq!((refused.code, f.picture(TICKS).await?), (ErrorCode::AlreadyRolledBack, picture));
    Ok(())
}

pub async fn a_restore_rolled_back_itself_is_the_identity(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let done = run(&engine, &rule(), snapshot()).await?;
    meddle(f).await?;
    let after = f.picture(TICKS).await?;
    let back = restored(f, &engine, &done.run_id, with(ConflictPolicy::Force)).await?;
    assert_eq!((back.changed, back.conflicts, back.deleted), (8, 2, 1));
    let forth = restored(f, &engine, &back.run_id, RollbackOptions::default()).await?;
    assert_eq!((forth.changed, f.picture(TICKS).await?), (8, after));
    Ok(())
}

pub async fn what_others_changed_stays_unless_it_is_forced_and_can_stop_the_restore(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let done = run(&engine, &rule(), snapshot()).await?;
    meddle(f).await?;
    let picture = f.picture(TICKS).await?;
    let stopped = ended(&engine, &done.run_id, with(ConflictPolicy::Stop)).await?;
    assert_eq!((stopped.state, stopped.changed, f.picture(TICKS).await?), (RunState::Failed, 0, picture));
    no_list_is_left(f).await?;

    let skipped = restored(f, &engine, &done.run_id, from_snapshot()).await?;
    assert_eq!((skipped.changed, skipped.conflicts, skipped.deleted), (6, 2, 1));
    let classes = [class_of(f, 1).await?, class_of(f, 9).await?, class_of(f, 2).await?, class_of(f, 5).await?];
    assert_eq!(classes, [Some("MANUAL".into()), Some("MANUAL".into()), None, Some("ETF".into())]);

    let forced = restored(f, &engine, &done.run_id, with(ConflictPolicy::Force)).await?;
    assert_eq!((forced.changed, forced.conflicts, forced.deleted), (2, 2, 1));
    assert_eq!([class_of(f, 1).await?.as_deref(), class_of(f, 9).await?.as_deref()], [Some("STOCK"), Some("crypto")]);
    Ok(())
}

pub async fn rows_that_are_gone_stay_gone_and_rows_born_since_stay_as_they_are(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let done = run(&engine, &rule(), snapshot()).await?;
    meddle(f).await?;
    restored(f, &engine, &done.run_id, with(ConflictPolicy::Force)).await?;
    assert_eq!(f.number(&format!("SELECT count(*) FROM {TICKS} WHERE \"id\" = 8")).await?, 0);
    assert_eq!(class_of(f, 17).await?.as_deref(), Some("BORN"));
    Ok(())
}

pub async fn a_preview_counts_and_shows_what_a_restore_does(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let done = run(&engine, &rule(), snapshot()).await?;
    meddle(f).await?;
    let plan = engine.rollback_plan_from(&operator(), &done.run_id, RollbackSource::Snapshot, &all()).await?;
    let c = plan.counts;
    assert_eq!([c.restorable, c.original, c.changed_since, c.deleted], [6, 7, 2, 1]);
    assert_eq!((plan.source, plan.journal_gone), (RollbackSource::Snapshot, false));
    assert_eq!(plan.snapshot.map(|s| (s.run_id, s.rows)), Some((done.run_id.clone(), 16)));
    let mut shown: Vec<String> = plan.samples.changed_since.iter().map(|r| id_of(&r.key)).collect();
    shown.sort();
    let gone: Vec<String> = plan.samples.deleted.iter().map(|k| id_of(k)).collect();
    assert_eq!((plan.samples.restorable.len(), shown, gone), (6, vec!["1".into(), "9".into()], vec!["8".into()]));
    let five = plan.samples.restorable.iter().find(|r| id_of(&r.key) == "5");
    assert_eq!(five.map(|r| (r.current.as_deref(), r.proposed.as_deref())), Some((Some("STOCK"), Some("ETF"))));
    let back = restored(f, &engine, &done.run_id, from_snapshot()).await?;
    assert_eq!([back.changed, back.conflicts, back.deleted], [c.restorable, c.changed_since, c.deleted]);
    Ok(())
}

pub async fn a_dry_restore_counts_and_writes_nothing(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let done = run(&engine, &rule(), snapshot()).await?;
    meddle(f).await?;
    let picture = f.picture(TICKS).await?;
    let dry = ended(&engine, &done.run_id, RollbackOptions { dry_run: true, ..from_snapshot() }).await?;
    assert_eq!((dry.state, dry.changed, dry.conflicts, dry.deleted), (RunState::Succeeded, 6, 2, 1));
    assert_eq!((f.picture(TICKS).await?, journalled(f, &dry.run_id).await?), (picture, 0));
    no_list_is_left(f).await
}

pub async fn all_that_amend_wrote_since_goes_back_whichever_run_it_was(f: &Fixture) -> anyhow::Result<()> {
    engine_with_every_finding(f).await?;
    let engine = engine_by_blocks(f.shared_store(), "blocks");
    let before = f.picture(TICKS).await?;
    let first = run(&engine, &rule(), snapshot()).await?;
    f.execute(&format!("UPDATE {TICKERS} SET \"class\" = 'FUND' WHERE \"ticker\" = 'AAPL'")).await?;
    // The rule's own list of values does not know FUND.
    f.store().save_rule(&open_rule(), at(0)).await?;
    let second = run(&engine, &rule(), overwrite()).await?;
    proven(f, &second).await?;
    assert_eq!(class_of(f, 1).await?.as_deref(), Some("FUND"));
    let back = restored(f, &engine, &first.run_id, from_snapshot()).await?;
    assert_eq!((back.conflicts, f.picture(TICKS).await?), (0, before));
    Ok(())
}

pub async fn without_a_journal_nothing_is_restored_unless_it_is_forced(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let before = f.picture(TICKS).await?;
    let done = run(&engine, &rule(), snapshot()).await?;
    let after = f.picture(TICKS).await?;
    // Snapshots are kept for longer than journals here.
    let config = EngineConfig {
        owner: "later".into(),
        lease: LEASE,
        snapshot_retention_days: Some(60),
        ..EngineConfig::default()
    };
    let clock = Arc::new(Odd::Ahead(TimeDelta::days(31)));
    let later = Engine::new(EngineParts { config, clock, ..EngineParts::system(f.shared_store()) });
    let dry = later.purge(&operator(), true).await?;
    assert_eq!((dry.items.len(), dry.items[0].journal_rows, dry.items[0].backup.as_deref()), (1, 8, None));
    later.purge(&caller(Role::Admin), false).await?;
    assert_eq!((journalled(f, &done.run_id).await?, engine.backups(&operator()).await?.len()), (0, 1));
    assert!(later.purge(&caller(Role::Admin), true).await?.items.is_empty(), "the copy is not due yet");

    let refused = problem(engine.start_rollback(&operator(), &done.run_id, RollbackOptions::default()).await)?;
    assert!(refused.advice.is_some_and(|a| a.contains("--from snapshot")));
    let plan = engine.rollback_plan_from(&operator(), &done.run_id, RollbackSource::Snapshot, &all()).await?;
    assert_eq!((plan.journal_gone, plan.counts.restorable, plan.counts.changed_since), (true, 0, 8));

    let skipped = restored(f, &engine, &done.run_id, from_snapshot()).await?;
    assert_eq!((skipped.changed, skipped.conflicts, f.picture(TICKS).await?), (0, 8, after));
    let forced = restored(f, &engine, &done.run_id, with(ConflictPolicy::Force)).await?;
    assert_eq!((forced.changed, forced.conflicts, f.picture(TICKS).await?), (8, 8, before));
    Ok(())
}

pub async fn a_part_of_a_snapshot_is_restored_alone(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let before = f.picture(TICKS).await?;
    let done = run(&engine, &rule(), snapshot()).await?;
    let picture = f.picture(TICKS).await?;
    for scope in [
        RollbackScope { new_values: Some(vec![Some("STOCK".into())]), ..all() },
        RollbackScope { chunks: Some(vec![1]), ..all() },
    ] {
        let options = RollbackOptions { scope, ..from_snapshot() };
        let refused = problem(engine.start_rollback(&operator(), &done.run_id, options).await)?;
        assert_eq!(refused.code, ErrorCode::InvalidOptions);
        assert!(refused.field.is_some_and(|field| field.starts_with("scope.")));
    }
    assert_eq!(f.picture(TICKS).await?, picture);
    let parts = [
        (RollbackScope { rows: Some(vec![key(5), key(1)]), ..all() }, 1),
        (RollbackScope { old_values: Some(vec![None]), ..all() }, 2),
        (RollbackScope { symbols: Some(vec!["BTC".into()]), ..all() }, 1),
        (all(), 4),
    ];
    for (scope, rows) in parts {
        let counts = counted(&engine, &done.run_id, &scope).await?;
        let back = restored(f, &engine, &done.run_id, RollbackOptions { scope, ..from_snapshot() }).await?;
        assert_eq!((counts[0], back.changed), (rows, rows), "{:?}", back.rollback);
    }
    assert_eq!(f.picture(TICKS).await?, before);
    Ok(())
}

pub async fn a_snapshot_that_is_gone_or_fits_no_more_is_refused_with_its_reason(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let plain = run(&engine, &rule(), overwrite()).await?;
    f.execute(&format!("UPDATE {TICKS} SET \"class\" = NULL WHERE \"id\" IN (2, 3)")).await?;
    let done = run(&engine, &rule(), snapshot()).await?;
    let (copy, table) = copy_of(&engine, &done.run_id).await?;
    let picture = f.picture(TICKS).await?;
    let text = f.types().text;
    let steps = [
        (None, &plain.run_id, "has no snapshot".to_owned()),
        (Some(format!("ALTER TABLE {table} DROP COLUMN \"class\"")), &done.run_id, "has no column class".into()),
        (
            Some(format!(
                "DROP TABLE {table}; CREATE TABLE {table} AS SELECT CAST(\"id\" AS {text}) AS \"id\", \"class\" FROM {TICKS}"
            )),
            &done.run_id,
            "type".into(),
        ),
        (Some(format!("DROP TABLE {table}")), &done.run_id, "was dropped".into()),
    ];
    for (change, id, reason) in steps {
        if let Some(change) = change {
            f.execute(&change).await?;
        }
        let plan = engine.rollback_plan_from(&operator(), id, RollbackSource::Snapshot, &all()).await;
        for refused in [
            problem(plan.map(|p| p.counts))?,
            problem(engine.start_rollback(&operator(), id, from_snapshot()).await.map(|v| v.run_id))?,
        ] {
            assert_eq!(refused.code, ErrorCode::WrongState, "{refused}");
            assert!(refused.message.contains(&reason) && refused.message.contains("Nothing was changed"), "{refused}");
        }
        assert_eq!(f.picture(TICKS).await?, picture, "{reason}");
    }
    assert_eq!(copy.rows, 16);
    Ok(())
}

pub async fn a_snapshot_dropped_before_its_restore_begins_fails_it_and_changes_nothing(
    f: &Fixture,
) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let done = run(&engine, &rule(), snapshot()).await?;
    let (_, table) = copy_of(&engine, &done.run_id).await?;
    let picture = f.picture(TICKS).await?;
    let queued = engine.queue_rollback(&operator(), &done.run_id, from_snapshot()).await?;
    f.execute(&format!("DROP TABLE {table}")).await?;
    engine.work(&queued.run_id).await?;
    let failed = over(&engine, &queued.run_id).await?;
    assert_eq!((failed.state, failed.changed, f.picture(TICKS).await?), (RunState::Failed, 0, picture));
    assert!(failed.error.is_some_and(|e| e.message.contains("was dropped")));
    Ok(())
}

pub async fn a_restore_in_many_chunks_is_paused_and_resumed_where_it_was(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, 2_500).await?;
    let before = f.picture(TICKS).await?;
    let done = run(&engine, &rule(), snapshot()).await?;
    let options = RollbackOptions { batch_size: BatchSize::Fixed(7), ..from_snapshot() };
    let started = engine.start_rollback(&operator(), &done.run_id, options).await?;
    changed_at_least(f, &started.run_id, 20).await?;
    engine.pause(&operator(), &started.run_id).await?;
    let begun = tokio::time::Instant::now();
    while view(f, &started.run_id).await?.state != RunState::Paused {
        anyhow::ensure!(begun.elapsed() < PATIENCE, "it does not pause");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let paused = view(f, &started.run_id).await?;
    assert!(paused.changed >= 20 && paused.changed < 2_500, "{paused:#?}");
    engine.resume(&operator(), &started.run_id).await?;
    let back = over(&engine, &started.run_id).await?;
    proven(f, &back).await?;
    assert_eq!((back.changed, back.conflicts, f.picture(TICKS).await?), (2_500, 0, before));
    Ok(())
}

pub async fn rows_that_refuse_their_old_value_are_listed_and_tried_again(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let before = f.picture(TICKS).await?;
    let done = run(&engine, &rule(), snapshot()).await?;
    refuse(f, "NEW.\"id\" = 5").await?;
    let back = ended(&engine, &done.run_id, from_snapshot()).await?;
    assert_eq!((back.state, back.changed, back.failed), (RunState::Failed, 7, 1));
    assert_eq!(keys(&engine, &back.run_id).await?, ["5"]);
    thaw(f).await?;
    let again = engine.retry_failed(&operator(), &back.run_id).await?;
    let again = over(&engine, &again.run_id).await?;
    proven(f, &again).await?;
    assert_eq!(again.rollback.map(|o| o.source), Some(RollbackSource::Snapshot));
    assert_eq!((again.changed, f.picture(TICKS).await?), (1, before));
    Ok(())
}

pub async fn a_snapshot_being_restored_is_not_purged(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let done = run(&engine, &rule(), snapshot()).await?;
    let queued = engine.queue_rollback(&operator(), &done.run_id, from_snapshot()).await?;
    let clock = Arc::new(Odd::Ahead(TimeDelta::days(31)));
    let later = Engine::new(EngineParts { clock, ..EngineParts::system(f.shared_store()) });
    assert!(later.purge(&caller(Role::Admin), false).await?.items.is_empty());
    engine.work(&queued.run_id).await?;
    proven(f, &over(&engine, &queued.run_id).await?).await
}
