//! Whole runs through the engine's facade, over the store under test.

use amend_domain::{
    BatchSize, ConflictPolicy, ErrorCode, Level, LiveMessage, Mode, Phase, RollbackOptions, RollbackScope, RunKind,
    RunOptions, RunState, Scope,
};

use anyhow::Context;

use crate::{
    Fixture,
    bench::{TICKS, rule},
    driver::{journalled, only, view},
    engine_driver::{
        changed_at_least, engine_with_every_finding, engine_with_missing, operator, over, overwrite, problem, proven,
        run, small,
    },
    model::World,
};

pub async fn a_run_corrects_proves_and_remembers(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let before = World::read(f, &rule()).await?.counts(&Scope::default());
    let done = run(&engine, &rule(), overwrite()).await?;
    proven(f, &done).await?;
    assert_eq!((done.kind, done.changed, done.remaining, done.phase), (RunKind::Correction, 8, 0, Phase::Done));
    assert_eq!((done.before, done.to_change, done.error.clone()), (Some(before), Some(8), None));
    assert_eq!(done.after, Some(World::read(f, &rule()).await?.counts(&Scope::default())));
    assert!(done.started_at.is_some() && done.ended_at.is_some() && done.progress() >= 100.0);
    let analysis = engine.last_analysis(&operator(), &rule().slug).await?;
    assert_eq!(analysis.map(|a| a.counts()), done.after);
    let detail = engine.run_detail(&operator(), &done.run_id).await?;
    assert!(detail.events.windows(2).all(|w| w[0].seq < w[1].seq) && detail.events.len() >= 3);
    assert_eq!(detail.chunk_log.iter().map(|c| c.changed).sum::<i64>(), 8);
    Ok(())
}

pub async fn a_fill_leaves_other_values_alone_and_passes(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let done = run(&engine, &rule(), RunOptions { mode: Mode::Fill, ..overwrite() }).await?;
    proven(f, &done).await?;
    let counts = World::read(f, &rule()).await?.counts(&Scope::default());
    assert_eq!((done.changed, counts.missing(), counts.mismatched, counts.variant), (4, 0, 1, 3));
    Ok(())
}

pub async fn a_run_does_what_its_plan_said(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    for options in [
        RunOptions { mode: Mode::Fill, ..overwrite() },
        RunOptions { scope: only(&["BTC"]), ..overwrite() },
        RunOptions { max_records: Some(2), ..overwrite() },
        overwrite(),
    ] {
        let plan = engine.plan(&operator(), &rule().slug, &options).await?;
        let approved = amend_engine::Approved { hash: plan.hash.clone(), counts: plan.counts };
        let started = engine.start_run(&operator(), &rule().slug, options, Some(approved)).await?;
        let done = over(&engine, &started.run_id).await?;
        proven(f, &done).await?;
        assert_eq!((done.changed, &done.plan_hash), (plan.to_change, &plan.hash));
    }
    assert_eq!(World::read(f, &rule()).await?.correctable(Mode::Overwrite, &Scope::default()), 0);
    Ok(())
}

pub async fn a_rollback_is_a_proven_run_of_its_own(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let picture = f.picture(TICKS).await?;
    let done = run(&engine, &rule(), overwrite()).await?;
    let plan = engine.rollback_plan(&operator(), &done.run_id, &RollbackScope::default()).await?;
    assert_eq!((plan.counts.restorable, plan.counts.total(), plan.samples.restorable.len()), (8, 8, 8));
    let options = RollbackOptions { reason: "a test".into(), ..RollbackOptions::default() };
    let started = engine.start_rollback(&operator(), &done.run_id, options).await?;
    let back = over(&engine, &started.run_id).await?;
    proven(f, &back).await?;
    assert_eq!((back.kind, back.undoes.as_ref(), back.changed), (RunKind::Rollback, Some(&done.run_id), 8));
    assert_eq!(f.picture(TICKS).await?, picture);
    assert_eq!(view(f, &done.run_id).await?.undone_by, Some(back.run_id));
    let refused = problem(engine.start_rollback(&operator(), &done.run_id, RollbackOptions::default()).await)?;
    assert_eq!(refused.code, ErrorCode::AlreadyRolledBack);
    Ok(())
}

pub async fn a_dry_run_counts_and_changes_nothing(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let picture = f.picture(TICKS).await?;
    let dry =
        run(&engine, &rule(), RunOptions { dry_run: true, batch_size: BatchSize::Fixed(3), ..overwrite() }).await?;
    assert_eq!((dry.state, dry.changed, journalled(f, &dry.run_id).await?), (RunState::Succeeded, 8, 0));
    assert_eq!(f.picture(TICKS).await?, picture);
    let real = run(&engine, &rule(), overwrite()).await?;
    let options = RollbackOptions { dry_run: true, ..RollbackOptions::default() };
    let picture = f.picture(TICKS).await?;
    let started = engine.start_rollback(&operator(), &real.run_id, options).await?;
    let back = over(&engine, &started.run_id).await?;
    assert_eq!((back.state, back.changed, f.picture(TICKS).await?), (RunState::Succeeded, 8, picture));
    Ok(())
}

pub async fn a_limit_of_rows_is_kept_to_the_row(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, 50).await?;
    for (limit, left) in [(7, 43), (1, 42), (40, 2), (100, 0)] {
        let done = run(&engine, &rule(), RunOptions { max_records: Some(limit), ..small(3) }).await?;
        proven(f, &done).await?;
        let counts = World::read(f, &rule()).await?.counts(&Scope::default());
        assert_eq!((counts.missing(), done.remaining), (left, left), "limit {limit}");
    }
    Ok(())
}

pub async fn a_verdict_names_examples_of_what_it_counts(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let done = run(&engine, &rule(), RunOptions::default()).await?;
    let verdict = done.validation.as_ref().context("a verdict")?;
    let examples = |level: Level| {
        let of = verdict.levels.iter().find(|l| l.level == level);
        of.map(|l| l.examples.clone()).unwrap_or_default()
    };
    assert_eq!(examples(Level::Completeness), Vec::<String>::new());
    let wrong = examples(Level::Agreement);
    assert!(!wrong.is_empty() && wrong.iter().all(|line| line.contains(", the reference says ")), "{wrong:?}");
    let orphans = examples(Level::Orphans);
    assert!(!orphans.is_empty() && orphans.iter().all(|line| !line.contains("reference says")), "{orphans:?}");
    // They are kept with the run, not only told once.
    assert_eq!(view(f, &done.run_id).await?.validation, done.validation);
    Ok(())
}

pub async fn a_cancelled_run_keeps_whole_chunks_that_can_be_rolled_back(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, 3_000).await?;
    let picture = f.picture(TICKS).await?;
    let started = engine.start_run(&operator(), &rule().slug, small(5), None).await?;
    changed_at_least(f, &started.run_id, 20).await?;
    engine.cancel(&operator(), &started.run_id).await?;
    let ended = over(&engine, &started.run_id).await?;
    assert_eq!(ended.state, RunState::Cancelled);
    assert!(ended.changed >= 20 && ended.changed < 3_000 && ended.changed % 5 == 0, "{ended:#?}");
    let written = f.number(&format!("SELECT count(*) FROM {TICKS} WHERE \"class\" = 'STOCK'")).await?;
    assert_eq!((journalled(f, &ended.run_id).await?, written), (ended.changed, ended.changed));
    let refused = problem(engine.cancel(&operator(), &ended.run_id).await)?;
    assert_eq!(refused.code, ErrorCode::WrongState);
    let back = engine.start_rollback(&operator(), &ended.run_id, RollbackOptions::default()).await?;
    proven(f, &over(&engine, &back.run_id).await?).await?;
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}

pub async fn a_queued_run_that_nobody_took_is_cancelled_at_once(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, 5).await?;
    let queued = engine.queue_run(&operator(), &rule().slug, overwrite(), None).await?;
    assert_eq!(queued.state, RunState::Queued);
    assert_eq!(engine.cancel(&operator(), &queued.run_id).await?.state, RunState::Cancelled);
    engine.work(&queued.run_id).await?;
    assert_eq!(view(f, &queued.run_id).await?.changed, 0);
    run(&engine, &rule(), overwrite()).await?;
    Ok(())
}

pub async fn progress_is_shown_live_and_never_runs_backwards(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, 3_000).await?;
    let mut live = engine.subscribe();
    let started = engine.start_run(&operator(), &rule().slug, small(4), None).await?;
    let mut shown: Vec<f64> = Vec::new();
    loop {
        // One that lags has lost old states only: the newest is still to come.
        let message = match live.recv().await {
            Ok(message) => message,
            Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => continue,
            Err(closed) => anyhow::bail!("{closed}"),
        };
        if let LiveMessage::Run { run } = message
            && run.run_id == started.run_id
        {
            shown.push(run.progress());
            if run.state.is_over() {
                assert_eq!(run.state, RunState::Succeeded, "{run:#?}");
                break;
            }
        }
    }
    assert!(shown.windows(2).all(|w| w[0] <= w[1]), "{shown:?}");
    shown.dedup();
    assert!(shown.len() >= 5, "{shown:?}");
    Ok(())
}

pub async fn a_rollback_with_stop_does_not_start_over_a_conflict(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let done = run(&engine, &rule(), overwrite()).await?;
    f.execute(&format!("UPDATE {TICKS} SET \"class\" = 'MANUAL' WHERE \"id\" = 9")).await?;
    let picture = f.picture(TICKS).await?;
    let stop = RollbackOptions { on_conflict: ConflictPolicy::Stop, ..RollbackOptions::default() };
    let started = engine.start_rollback(&operator(), &done.run_id, stop).await?;
    let ended = over(&engine, &started.run_id).await?;
    assert_eq!((ended.state, ended.changed), (RunState::Failed, 0));
    assert!(ended.error.is_some());
    assert_eq!(f.picture(TICKS).await?, picture);
    // The place is free again: skip goes through and leaves the one row.
    let started = engine.start_rollback(&operator(), &done.run_id, RollbackOptions::default()).await?;
    let ended = over(&engine, &started.run_id).await?;
    proven(f, &ended).await?;
    assert_eq!((ended.changed, ended.conflicts), (7, 1));
    Ok(())
}
