//! Pausing, resuming and slowing down whole runs.

use amend_domain::{BatchSize, ErrorCode, Role, RollbackOptions, RunId, RunState, RunView};
use amend_engine::{Engine, store::RunPatch};
use chrono::TimeDelta;
use std::time::Duration;

use crate::{
    Fixture,
    bench::{TICKS, rule},
    cases::engine_walks,
    driver::{journalled, stored, view},
    engine_driver::{
        LEASE, PATIENCE, caller, changed_at_least, engine_over, engine_with_missing, operator, over, overwrite,
        problem, proven, run, small,
    },
};

const ROWS: i64 = 3_000;

/// Waits until a run is in this state and nobody has its lease.
async fn rests_in(f: &Fixture, id: &RunId, state: RunState) -> anyhow::Result<RunView> {
    let begun = tokio::time::Instant::now();
    loop {
        let run = stored(f, id).await?;
        if run.view.state == state && run.lease_owner.is_none() {
            return Ok(run.view);
        }
        anyhow::ensure!(begun.elapsed() < PATIENCE, "the run does not become {state:?}: {run:#?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A run of small chunks that was paused in its middle.
async fn paused(f: &Fixture, engine: &Engine) -> anyhow::Result<RunView> {
    let started = engine.start_run(&operator(), &rule().slug, small(5), None).await?;
    changed_at_least(f, &started.run_id, 20).await?;
    engine.pause(&operator(), &started.run_id).await?;
    rests_in(f, &started.run_id, RunState::Paused).await
}

async fn kinds(f: &Fixture, id: &RunId) -> anyhow::Result<Vec<String>> {
    let all = f.store().events(id, 0, 1_000).await?;
    Ok(all.into_iter().map(|e| e.kind).filter(|k| k != "batch_size" && k != "walk").collect())
}

pub async fn a_paused_run_stands_still_and_resumed_it_ends_proven(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, ROWS).await?;
    let picture = f.picture(TICKS).await?;
    let stopped = paused(f, &engine).await?;
    assert!(stopped.changed >= 20 && stopped.changed < ROWS && stopped.changed % 5 == 0, "{stopped:#?}");
    assert_eq!(journalled(f, &stopped.run_id).await?, stopped.changed);
    // Nobody takes it up by himself.
    assert!(engine.resume_interrupted().await?.is_empty());
    engine.work(&stopped.run_id).await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(view(f, &stopped.run_id).await?, stopped);
    engine.resume(&operator(), &stopped.run_id).await?;
    let ended = over(&engine, &stopped.run_id).await?;
    proven(f, &ended).await?;
    assert_eq!((ended.changed, ended.takeovers, ended.remaining), (ROWS, 0, 0));
    assert!(ended.idle_ms >= 300 && ended.worked_ms() < ended.duration_ms, "{ended:#?}");
    let expected = ["queued", "started", "counted", "pause_requested", "paused", "resumed", "started", "validated"];
    assert_eq!(kinds(f, &ended.run_id).await?, expected);
    let back = engine.start_rollback(&operator(), &ended.run_id, RollbackOptions::default()).await?;
    proven(f, &over(&engine, &back.run_id).await?).await?;
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}

pub async fn a_pause_lets_at_most_the_chunk_in_flight_commit(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, ROWS).await?;
    // Asked by another server, which the worker does not hear.
    let other = engine_over(f.another_store().await?, "engine-2");
    let started = engine.start_run(&operator(), &rule().slug, small(5), None).await?;
    for target in [20, 100, 200] {
        changed_at_least(f, &started.run_id, target).await?;
        let asked = other.pause(&operator(), &started.run_id).await?;
        let stopped = rests_in(f, &started.run_id, RunState::Paused).await?;
        assert!(stopped.changed - asked.changed <= 5, "{} became {}", asked.changed, stopped.changed);
        engine.resume(&operator(), &started.run_id).await?;
    }
    proven(f, &over(&engine, &started.run_id).await?).await
}

pub async fn a_paused_run_that_is_cancelled_is_over_at_once(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, ROWS).await?;
    let picture = f.picture(TICKS).await?;
    let stopped = paused(f, &engine).await?;
    let ended = engine.cancel(&operator(), &stopped.run_id).await?;
    assert_eq!((ended.state, ended.changed), (RunState::Cancelled, stopped.changed));
    assert!(ended.ended_at.is_some() && ended.held.is_empty(), "{ended:#?}");
    assert_eq!(kinds(f, &ended.run_id).await?.last().map(String::as_str), Some("cancelled"));
    for refused in [
        problem(engine.resume(&operator(), &ended.run_id).await)?,
        problem(engine.pause(&operator(), &ended.run_id).await)?,
        problem(engine.set_pace(&operator(), &ended.run_id, 50).await)?,
        problem(engine.cancel(&operator(), &ended.run_id).await)?,
    ] {
        assert_eq!(refused.code, ErrorCode::WrongState, "{refused}");
        assert!(refused.message.contains("cancelled"), "{refused}");
    }
    let back = engine.start_rollback(&operator(), &ended.run_id, RollbackOptions::default()).await?;
    proven(f, &over(&engine, &back.run_id).await?).await?;
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}

pub async fn a_run_whose_worker_died_while_pausing_ends_up_paused(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, 50).await?;
    let id = engine.queue_run(&operator(), &rule().slug, overwrite(), None).await?.run_id;
    let now = engine.clock().now();
    let lease = f.store().lease_run(&id, "victim", now, now + TimeDelta::milliseconds(200)).await?;
    let lease = lease.ok_or_else(|| anyhow::anyhow!("the lease is free"))?;
    let patch = RunPatch { started_at: Some(now), ..RunPatch::default() };
    assert!(f.store().update_run(&lease, Some((&[RunState::Queued], RunState::Running)), &patch).await?);
    engine.pause(&operator(), &id).await?;
    let begun = tokio::time::Instant::now();
    while !engine.resume_interrupted().await?.contains(&id) {
        anyhow::ensure!(begun.elapsed() < LEASE * 10, "nobody may take {id} over");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let stopped = rests_in(f, &id, RunState::Paused).await?;
    assert_eq!((stopped.changed, stopped.chunks), (0, 0));
    engine.resume(&operator(), &id).await?;
    proven(f, &over(&engine, &id).await?).await
}

pub async fn a_rollback_is_paused_and_resumed_too(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, ROWS).await?;
    let picture = f.picture(TICKS).await?;
    let done = run(&engine, &rule(), small(500)).await?;
    let options = RollbackOptions { batch_size: BatchSize::Fixed(5), ..RollbackOptions::default() };
    let back = engine.start_rollback(&operator(), &done.run_id, options).await?.run_id;
    changed_at_least(f, &back, 20).await?;
    engine.pause(&operator(), &back).await?;
    let stopped = rests_in(f, &back, RunState::Paused).await?;
    assert!(stopped.changed >= 20 && stopped.changed < ROWS, "{stopped:#?}");
    engine.resume(&operator(), &back).await?;
    proven(f, &over(&engine, &back).await?).await?;
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}

pub async fn what_cannot_be_paused_or_resumed_is_refused_with_its_state(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, 20).await?;
    let queued = engine.queue_run(&operator(), &rule().slug, overwrite(), None).await?.run_id;
    let refused = problem(engine.pause(&operator(), &queued).await)?;
    assert_eq!(refused.code, ErrorCode::WrongState);
    assert!(refused.message.contains("queued") && refused.advice.is_some(), "{refused}");
    let refused = problem(engine.resume(&operator(), &queued).await)?;
    assert!(refused.message.contains("queued"), "{refused}");
    let refused = problem(engine.set_pace(&operator(), &queued, 101).await)?;
    assert_eq!((refused.code, refused.field.as_deref()), (ErrorCode::InvalidOptions, Some("percent")));
    let nobody = RunId::from_trusted("r-nobody");
    assert_eq!(problem(engine.pause(&operator(), &nobody).await)?.code, ErrorCode::CorrectionNotFound);
    let viewer = caller(Role::Viewer);
    for refused in [
        problem(engine.pause(&viewer, &queued).await)?,
        problem(engine.resume(&viewer, &queued).await)?,
        problem(engine.set_pace(&viewer, &queued, 10).await)?,
    ] {
        assert_eq!(refused.code, ErrorCode::Forbidden);
    }
    engine.set_pace(&operator(), &queued, 10).await?;
    let audit = f.store().audit(10).await?;
    let of = |act: &str, outcome: &str| audit.iter().filter(|e| e.act == act && e.outcome == outcome).count();
    assert_eq!((of("pause", "refused: FORBIDDEN"), of("resume", "refused: FORBIDDEN")), (1, 1));
    assert_eq!((of("pace", "refused: FORBIDDEN"), of("pace", "done")), (1, 1));
    assert_eq!(view(f, &queued).await?.pace, 10);
    Ok(())
}

pub async fn a_pace_of_zero_holds_a_run_until_it_is_raised(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, 100).await?;
    let id = engine.queue_run(&operator(), &rule().slug, small(10), None).await?.run_id;
    engine.set_pace(&operator(), &id, 0).await?;
    assert!(engine.resume_interrupted().await?.contains(&id));
    let begun = tokio::time::Instant::now();
    while view(f, &id).await?.held.is_empty() {
        anyhow::ensure!(begun.elapsed() < PATIENCE, "the run is not held");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let held = view(f, &id).await?;
    assert_eq!((held.state, held.changed, held.chunks), (RunState::Running, 0, 0));
    assert_eq!(held.held, ["The operator's pace is 0 %"]);
    // Asked by another server.
    engine_over(f.another_store().await?, "engine-2").set_pace(&operator(), &id, 100).await?;
    let ended = over(&engine, &id).await?;
    proven(f, &ended).await?;
    assert!(ended.held.is_empty() && ended.idle_ms >= 300, "{ended:#?}");
    assert_eq!(stored(f, &id).await?.idle_since, None);
    let expected = ["queued", "pace", "started", "held", "pace", "released", "counted", "validated"];
    assert_eq!(kinds(f, &id).await?, expected);
    Ok(())
}

pub async fn a_pace_of_a_tenth_rests_nine_times_as_long_as_it_works(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, 100).await?;
    let id = engine.queue_run(&operator(), &rule().slug, small(5), None).await?.run_id;
    engine.set_pace(&operator(), &id, 10).await?;
    engine.work(&id).await?;
    let ended = over(&engine, &id).await?;
    proven(f, &ended).await?;
    let chunks = f.store().chunks(&id, 100).await?;
    // After the last chunk there is nothing to rest for.
    let last = chunks.len() - 1;
    let worked: i64 = chunks[..last].iter().map(|c| c.duration_ms.max(1)).sum();
    let between = (chunks[last].at - chunks[0].at).num_milliseconds();
    assert!(between >= worked * 9, "{worked} ms of work in {between} ms");
    assert_eq!(ended.idle_ms, 0, "resting is no hold: {ended:#?}");
    Ok(())
}

pub async fn a_resting_run_is_woken_by_a_new_pace_a_pause_and_a_cancel(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, ROWS).await?;
    let id = engine.queue_run(&operator(), &rule().slug, small(1_000), None).await?.run_id;
    engine.set_pace(&operator(), &id, 1).await?;
    assert!(engine.resume_interrupted().await?.contains(&id));
    // A chunk of a thousand rows takes some ten milliseconds: the rest after it is of seconds.
    changed_at_least(f, &id, 1_000).await?;
    let begun = tokio::time::Instant::now();
    engine.pause(&operator(), &id).await?;
    rests_in(f, &id, RunState::Paused).await?;
    engine.resume(&operator(), &id).await?;
    changed_at_least(f, &id, 2_000).await?;
    engine.set_pace(&operator(), &id, 100).await?;
    proven(f, &over(&engine, &id).await?).await?;
    let took = begun.elapsed();
    let chunks = f.store().chunks(&id, 10).await?;
    let asleep: i64 = chunks.iter().take(2).map(|c| c.duration_ms.max(1) * 99).sum();
    assert!(took.as_millis() < u128::from(asleep.unsigned_abs()) / 2, "{took:?} instead of {asleep} ms");
    Ok(())
}

pub async fn a_run_shared_by_several_lanes_is_paused_held_and_resumed_as_one(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_walks::engine_over_many(f).await?;
    let picture = f.picture(TICKS).await?;
    let id = engine.queue_run(&operator(), &rule().slug, overwrite(), None).await?.run_id;
    // Slow enough to be met in its middle.
    engine.set_pace(&operator(), &id, 5).await?;
    assert!(engine.resume_interrupted().await?.contains(&id));
    changed_at_least(f, &id, 1).await?;
    engine.pause(&operator(), &id).await?;
    let stopped = rests_in(f, &id, RunState::Paused).await?;
    assert!(stopped.changed > 0 && stopped.changed < engine_walks::WRONG, "{stopped:#?}");
    assert_eq!(journalled(f, &id).await?, stopped.changed);
    engine.set_pace(&operator(), &id, 0).await?;
    engine.resume(&operator(), &id).await?;
    let begun = tokio::time::Instant::now();
    while view(f, &id).await?.held.is_empty() {
        anyhow::ensure!(begun.elapsed() < PATIENCE, "the run is not held");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(view(f, &id).await?.changed, stopped.changed);
    engine.set_pace(&operator(), &id, 100).await?;
    let ended = over(&engine, &id).await?;
    proven(f, &ended).await?;
    assert_eq!((ended.changed, ended.remaining), (engine_walks::WRONG, 0));
    let back = engine.start_rollback(&operator(), &id, RollbackOptions::default()).await?;
    proven(f, &over(&engine, &back.run_id).await?).await?;
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}
