//! What presses on the database, and runs that are held by it.

use std::{sync::Arc, time::Duration};

use amend_domain::{Rule, RunId, RunState, RunView, TableName};
use amend_engine::{
    Engine, EngineConfig, EngineParts,
    store::{Pressure, Reading, Store, StoreError, StoreKind},
    throttle::{Throttle, TimeWindow},
};
use chrono::TimeDelta;

use crate::{
    Fixture,
    bench::{TICKS, rule},
    driver::{Job, correction, refused, view},
    engine_driver::{LEASE, PATIENCE, engine_with_missing, operator, over, overwrite, proven},
};

fn engine_with(store: Arc<dyn Store>, throttle: Throttle) -> Engine {
    let throttle = Throttle { every: Duration::from_millis(50), ..throttle };
    let config = EngineConfig { owner: "engine-t".into(), lease: LEASE, throttle, ..EngineConfig::default() };
    Engine::new(EngineParts { config, ..EngineParts::system(store) })
}

async fn held(f: &Fixture, id: &RunId) -> anyhow::Result<RunView> {
    let begun = tokio::time::Instant::now();
    loop {
        let run = view(f, id).await?;
        if !run.held.is_empty() {
            return Ok(run);
        }
        anyhow::ensure!(begun.elapsed() < PATIENCE && !run.state.is_over(), "the run is not held: {run:#?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Looks until the numbers are as wanted.
async fn pressure(f: &Fixture, wanted: impl Fn(&Pressure) -> bool) -> anyhow::Result<Pressure> {
    let begun = tokio::time::Instant::now();
    loop {
        let seen = f.store().pressure(&rule()).await?;
        if wanted(&seen) {
            return Ok(seen);
        }
        anyhow::ensure!(begun.elapsed() < Duration::from_secs(20), "{seen:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub async fn nothing_waits_for_a_table_that_nobody_uses(f: &Fixture) -> anyhow::Result<()> {
    engine_with_missing(f, 10).await?;
    let seen = f.store().pressure(&rule()).await?;
    match f.kind() {
        StoreKind::Sqlite => assert_eq!(seen, Pressure::not_applicable()),
        StoreKind::Postgres => {
            assert_eq!((&seen.lock_waiters, &seen.autovacuum), (&Reading::Known(0), &Reading::Known(0)));
            assert_eq!(seen.replication_lag, Reading::NotApplicable);
            assert!(matches!(seen.wal_bytes, Reading::Known(n) if n > 0), "{seen:?}");
            // Other tests use the same server at the same time.
            assert!(matches!(seen.active_sessions, Reading::Known(_)), "{seen:?}");
        }
    }
    Ok(())
}

pub async fn a_table_that_is_not_there_is_named(f: &Fixture) -> anyhow::Result<()> {
    let mut nowhere: Rule = rule();
    nowhere.target.table = TableName::new("nowhere");
    match f.kind() {
        StoreKind::Sqlite => assert_eq!(f.store().pressure(&nowhere).await?, Pressure::not_applicable()),
        StoreKind::Postgres => {
            let error = refused(f.store().pressure(&nowhere).await)?;
            assert!(matches!(&error, StoreError::Missing(what) if what.contains("nowhere")), "{error:?}");
        }
    }
    Ok(())
}

pub async fn sessions_that_wait_for_the_table_or_its_rows_are_counted(f: &Fixture) -> anyhow::Result<()> {
    engine_with_missing(f, 10).await?;
    if f.kind() == StoreKind::Sqlite {
        // A file has one lock for all of it, and nobody to ask who waits for it.
        assert_eq!(f.store().pressure(&rule()).await?.lock_waiters, Reading::NotApplicable);
        return Ok(());
    }
    let of = |n| move |p: &Pressure| p.lock_waiters == Reading::Known(n);
    // A row: the first one waits for the transaction that has it, the second for its turn.
    let update = format!("UPDATE {TICKS} SET \"note\" = 'x' WHERE \"id\" = 3");
    let owner = f.hold(&[&update]).await?;
    {
        let statements = [update.as_str()];
        let (one, two) = (f.hold(&statements), f.hold(&statements));
        tokio::pin!(one, two);
        tokio::select! {
            seen = pressure(f, of(2)) => drop(seen?),
            _ = &mut one => anyhow::bail!("the first one did not wait"),
            _ = &mut two => anyhow::bail!("the second one did not wait"),
        }
        owner.roll_back().await?;
        let first = tokio::select! { first = one => first?, second = two => second? };
        pressure(f, of(1)).await?;
        first.roll_back().await?;
    }
    pressure(f, of(0)).await?;
    // The table itself.
    let owner = f.hold(&[&format!("LOCK TABLE {TICKS} IN ACCESS EXCLUSIVE MODE")]).await?;
    let count = format!("SELECT count(*) FROM {TICKS}");
    {
        let statements = [count.as_str()];
        let reader = f.hold(&statements);
        tokio::pin!(reader);
        tokio::select! {
            seen = pressure(f, of(1)) => drop(seen?),
            _ = &mut reader => anyhow::bail!("the reader did not wait"),
        }
        owner.roll_back().await?;
        reader.await?.roll_back().await?;
    }
    pressure(f, of(0)).await?;
    Ok(())
}

pub async fn a_vacuum_by_hand_and_a_quiet_lock_are_no_pressure(f: &Fixture) -> anyhow::Result<()> {
    engine_with_missing(f, 10).await?;
    let statement = match f.kind() {
        StoreKind::Sqlite => format!("UPDATE {TICKS} SET \"note\" = 'x' WHERE \"id\" = 3"),
        // The lock that a vacuum takes.
        StoreKind::Postgres => format!("LOCK TABLE {TICKS} IN SHARE UPDATE EXCLUSIVE MODE"),
    };
    let holder = f.hold(&[&statement]).await?;
    let seen = f.store().pressure(&rule()).await?;
    assert!(!matches!(seen.autovacuum, Reading::Known(1..)), "{seen:?}");
    assert!(!matches!(seen.lock_waiters, Reading::Known(1..)), "{seen:?}");
    holder.roll_back().await
}

pub async fn a_session_that_is_busy_is_counted_as_active(f: &Fixture) -> anyhow::Result<()> {
    engine_with_missing(f, 10).await?;
    if f.kind() == StoreKind::Sqlite {
        assert_eq!(f.store().pressure(&rule()).await?.active_sessions, Reading::NotApplicable);
        return Ok(());
    }
    let statements = ["SELECT pg_sleep(600)"];
    let sleeper = f.hold(&statements);
    tokio::pin!(sleeper);
    tokio::select! {
        seen = pressure(f, |p| matches!(p.active_sessions, Reading::Known(1..))) => drop(seen?),
        _ = &mut sleeper => anyhow::bail!("it did not sleep"),
    }
    Ok(())
}

pub async fn a_pace_is_kept_for_as_long_as_the_run_is_active(f: &Fixture) -> anyhow::Result<()> {
    let job = Job::begin(f, &rule(), &correction(&rule())).await?;
    assert_eq!(view(f, &job.id).await?.pace, 100);
    for percent in [0, 1, 37, 100, 60] {
        assert!(f.store().set_pace(&job.id, percent).await?);
        assert_eq!(view(f, &job.id).await?.pace, percent);
    }
    job.succeed(f).await?;
    assert!(!f.store().set_pace(&job.id, 10).await?);
    assert!(!f.store().set_pace(&RunId::from_trusted("r-nobody"), 10).await?);
    assert_eq!(view(f, &job.id).await?.pace, 60);
    Ok(())
}

pub async fn out_of_the_box_nothing_holds_a_run(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, 2_000).await?;
    let done = crate::engine_driver::run(&engine, &rule(), overwrite()).await?;
    proven(f, &done).await?;
    let events = f.store().events(&done.run_id, 0, 1_000).await?;
    assert!(events.iter().all(|e| e.kind != "held"), "{events:#?}");
    assert_eq!((done.idle_ms, done.held), (0, Vec::new()));
    Ok(())
}

pub async fn a_session_that_waits_for_a_lock_holds_the_run_until_it_is_served(f: &Fixture) -> anyhow::Result<()> {
    engine_with_missing(f, 50).await?;
    let engine = engine_with(f.shared_store(), Throttle::default());
    if f.kind() == StoreKind::Sqlite {
        // Nothing of the kind exists there: the same settings hold nothing.
        proven(f, &crate::engine_driver::run(&engine, &rule(), overwrite()).await?).await?;
        return Ok(());
    }
    let update = format!("UPDATE {TICKS} SET \"note\" = 'x' WHERE \"id\" = 50");
    let owner = f.hold(&[&update]).await?;
    let statements = [update.as_str()];
    let waiter = f.hold(&statements);
    tokio::pin!(waiter);
    tokio::select! {
        seen = pressure(f, |p| p.lock_waiters == Reading::Known(1)) => drop(seen?),
        _ = &mut waiter => anyhow::bail!("it did not wait"),
    }
    let id = engine.start_run(&operator(), &rule().slug, overwrite(), None).await?.run_id;
    let run = held(f, &id).await?;
    assert_eq!(run.held, ["1 session waits for a lock on ticks; limit 0"]);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(view(f, &id).await?.changed, 0);
    owner.roll_back().await?;
    waiter.await?.roll_back().await?;
    let ended = over(&engine, &id).await?;
    proven(f, &ended).await?;
    assert_eq!((ended.changed, ended.held.len()), (50, 0));
    let events = f.store().events(&id, 0, 1_000).await?;
    let told = events.iter().find(|e| e.kind == "held").map(|e| e.message.as_str());
    assert_eq!(told, Some("Held: 1 session waits for a lock on ticks; limit 0."));
    assert!(events.iter().any(|e| e.kind == "released"), "{events:#?}");
    Ok(())
}

pub async fn a_signal_that_cannot_be_observed_holds_the_run_until_it_is_switched_off(
    f: &Fixture,
) -> anyhow::Result<()> {
    engine_with_missing(f, 20).await?;
    let limits = Throttle { active_sessions: Some(1_000), ..Throttle::default() };
    if f.kind() == StoreKind::Sqlite {
        // There is nothing to observe, which is another matter.
        proven(f, &crate::engine_driver::run(&engine_with(f.shared_store(), limits), &rule(), overwrite()).await?)
            .await?;
        return Ok(());
    }
    // A user with every right but that to see others.
    let plain = f.read_only_store().await?;
    f.execute(
        "DO $$ BEGIN EXECUTE format('GRANT UPDATE ON ALL TABLES IN SCHEMA public TO %I', current_database() || '_reader');
         END $$",
    )
    .await?;
    let seen = plain.pressure(&rule()).await?;
    assert!(
        matches!(&seen.active_sessions, Reading::Unobservable(why) if why.contains("pg_read_all_stats")),
        "{seen:?}"
    );
    assert_eq!((seen.lock_waiters, seen.autovacuum), (Reading::Known(0), Reading::Known(0)));
    let engine = engine_with(Arc::clone(&plain), limits);
    let id = engine.start_run(&operator(), &rule().slug, overwrite(), None).await?.run_id;
    let run = held(f, &id).await?;
    assert!(run.held[0].starts_with("The signal active_sessions cannot be observed"), "{:?}", run.held);
    assert!(run.held[0].contains("throttle.off"), "{:?}", run.held);
    // A held run hears a cancel at once.
    engine.cancel(&operator(), &id).await?;
    let ended = over(&engine, &id).await?;
    assert_eq!((ended.state, ended.changed, ended.held.len()), (RunState::Cancelled, 0, 0));
    let engine = engine_with(plain, Throttle::default());
    proven(f, &crate::engine_driver::run(&engine, &rule(), overwrite()).await?).await
}

pub async fn a_run_outside_its_window_is_held_and_can_be_paused(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, 20).await?;
    let later = engine.clock().now() + TimeDelta::hours(6);
    let hours = format!("{}-{}", later.format("%H:%M"), (later + TimeDelta::hours(1)).format("%H:%M"));
    let window = TimeWindow::parse(&hours)?;
    let engine = engine_with(f.shared_store(), Throttle { time_window: Some(window), ..Throttle::default() });
    let id = engine.start_run(&operator(), &rule().slug, overwrite(), None).await?.run_id;
    let run = held(f, &id).await?;
    assert!(run.held[0].ends_with(&format!("in UTC; runs may work {hours}")), "{:?}", run.held);
    engine.pause(&operator(), &id).await?;
    let begun = tokio::time::Instant::now();
    while view(f, &id).await?.state != RunState::Paused {
        anyhow::ensure!(begun.elapsed() < PATIENCE, "a held run is not paused");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let stopped = view(f, &id).await?;
    assert_eq!((stopped.changed, stopped.held.len()), (0, 0));
    // Without the window it goes on.
    let engine = engine_with(f.shared_store(), Throttle::default());
    engine.resume(&operator(), &id).await?;
    proven(f, &over(&engine, &id).await?).await
}
