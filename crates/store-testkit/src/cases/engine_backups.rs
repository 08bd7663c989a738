//! Backups and retention through the engine.

use std::{sync::Arc, time::Duration};

use amend_domain::{Backup, ErrorCode, Mode, Role, RollbackOptions, RollbackScope, Rule, RunOptions, RunState};
use amend_engine::{
    Engine, EngineConfig, EngineParts,
    clock::{Clock, SystemClock},
    store::StoreKind,
};
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::engine_failures::{keys, refuse};
use crate::{
    Fixture,
    bench::{TICKS, at, rule},
    driver::{journalled, rollback, view},
    engine_driver::{
        LEASE, caller, engine_with_every_finding, engine_with_missing, operator, over, overwrite, problem, proven, run,
    },
};

/// A clock that stands still, or is ahead.
pub(super) enum Odd {
    Still(DateTime<Utc>),
    Ahead(TimeDelta),
}

#[async_trait]
impl Clock for Odd {
    fn now(&self) -> DateTime<Utc> {
        match self {
            Self::Still(at) => *at,
            Self::Ahead(by) => SystemClock.now() + *by,
        }
    }

    async fn sleep(&self, time: Duration) {
        SystemClock.sleep(time).await;
    }
}

pub(super) fn with_clock(f: &Fixture, clock: Odd) -> Engine {
    let config = EngineConfig { owner: "odd".into(), lease: LEASE, ..EngineConfig::default() };
    Engine::new(EngineParts { config, clock: Arc::new(clock), ..EngineParts::system(f.shared_store()) })
}

fn snapshot() -> RunOptions {
    RunOptions { backup: Backup::Snapshot, ..overwrite() }
}

const ROWS: &str = "SELECT \"id\", \"class\" FROM";

pub async fn a_snapshot_holds_what_stood_there_before_the_run(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let before = f.query(&format!("{ROWS} {TICKS} ORDER BY 1")).await?;
    let done = run(&engine, &rule(), snapshot()).await?;
    proven(f, &done).await?;
    let detail = engine.run_detail(&operator(), &done.run_id).await?;
    let made = detail.backup.ok_or_else(|| anyhow::anyhow!("no copy"))?;
    assert_eq!((made.rows, &made.run_id), (16, &done.run_id));
    let name = made.name.rsplit('.').next().unwrap_or_default();
    assert!(name.starts_with("ticks_backup_") && name.len() == "ticks_backup_20260105_100000".len(), "{name}");
    assert_eq!(f.query(&format!("{ROWS} \"{name}\" ORDER BY 1")).await?, before);
    assert!(detail.events.iter().any(|e| e.kind == "backup" && e.message.contains(name)), "{:?}", detail.events);
    assert_eq!(engine.backups(&caller(Role::Viewer)).await?, [made]);
    Ok(())
}

pub async fn a_dry_run_makes_no_snapshot(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let dry = run(&engine, &rule(), RunOptions { dry_run: true, ..snapshot() }).await?;
    assert_eq!((dry.state, dry.changed), (RunState::Succeeded, 8));
    assert!(engine.backups(&operator()).await?.is_empty());
    Ok(())
}

pub async fn a_run_whose_snapshot_cannot_be_made_writes_nothing(f: &Fixture) -> anyhow::Result<()> {
    engine_with_every_finding(f).await?;
    let engine = with_clock(f, Odd::Still(at(0)));
    f.execute("CREATE TABLE \"ticks_backup_20260105_100000\" (\"x\" int)").await?;
    let picture = f.picture(TICKS).await?;
    let ended = run(&engine, &rule(), snapshot()).await?;
    assert_eq!((ended.state, ended.changed, ended.chunks), (RunState::Failed, 0, 0));
    let error = ended.error.ok_or_else(|| anyhow::anyhow!("no error"))?;
    assert!(error.message.contains("nothing was written") && error.message.contains("ticks_backup_"), "{error:?}");
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}

pub async fn a_name_that_is_too_long_is_refused_before_the_run(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let long = "t".repeat(41);
    f.execute(&format!("ALTER TABLE {TICKS} RENAME TO \"{long}\"")).await?;
    let mut rule = rule();
    rule.target.table.name = long;
    f.store().save_rule(&rule, at(0)).await?;
    let started = engine.start_run(&operator(), &rule.slug, snapshot(), None).await;
    if f.kind() == StoreKind::Postgres {
        let refused = problem(started)?;
        assert_eq!((refused.code, refused.field.as_deref()), (ErrorCode::InvalidOptions, Some("backup")));
        assert!(refused.message.contains("63"), "{refused}");
    } else {
        proven(f, &over(&engine, &started?.run_id).await?).await?;
    }
    Ok(())
}

pub async fn overwriting_without_a_backup_needs_a_rule_that_allows_it(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let none = RunOptions { backup: Backup::None, ..overwrite() };
    let fill = RunOptions { mode: Mode::Fill, ..none.clone() };
    for refused in [
        problem(engine.start_run(&operator(), &rule().slug, none.clone(), None).await)?,
        problem(engine.plan(&operator(), &rule().slug, &none).await)?,
    ] {
        assert_eq!((refused.code, refused.field.as_deref()), (ErrorCode::InvalidOptions, Some("createBackup")));
    }
    let filled = run(&engine, &rule(), fill).await?;
    proven(f, &filled).await?;
    f.store().save_rule(&Rule { allow_without_backup: true, ..rule() }, at(0)).await?;
    // The journal is written all the same: the proof counts its rows.
    let done = run(&engine, &rule(), none).await?;
    proven(f, &done).await?;
    assert_eq!((filled.changed, done.changed), (4, 4));
    Ok(())
}

pub async fn retention_drops_journal_and_copy_of_old_runs_alone(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let done = run(&engine, &rule(), snapshot()).await?;
    let kept = engine.run(&operator(), &done.run_id).await?;
    assert_eq!(kept.rollback_until, kept.ended_at.map(|at| at + TimeDelta::days(30)));
    let admin = caller(Role::Admin);
    assert!(engine.purge(&admin, false).await?.items.is_empty(), "nothing is old yet");

    let later = with_clock(f, Odd::Ahead(TimeDelta::days(31)));
    f.store().save_rule(&Rule { retention_days: Some(40), ..rule() }, at(0)).await?;
    assert!(later.purge(&admin, true).await?.items.is_empty(), "the rule keeps it longer");
    assert_eq!(
        engine.run(&operator(), &done.run_id).await?.rollback_until,
        kept.ended_at.map(|at| at + TimeDelta::days(40))
    );
    f.store().save_rule(&rule(), at(0)).await?;

    let refused = problem(later.purge(&operator(), false).await)?;
    assert_eq!(refused.code, ErrorCode::Forbidden);
    let dry = later.purge(&caller(Role::Viewer), true).await?;
    assert_eq!((dry.dry_run, dry.items.len(), dry.items[0].journal_rows), (true, 1, 8));
    assert!(dry.bytes() > 0);
    assert_eq!((journalled(f, &done.run_id).await?, engine.backups(&operator()).await?.len()), (8, 1));

    let purged = later.purge(&admin, false).await?;
    assert_eq!((purged.dry_run, &purged.items), (false, &dry.items));
    assert_eq!((journalled(f, &done.run_id).await?, engine.backups(&operator()).await?.len()), (0, 0));
    let audit = f.store().audit(10).await?;
    assert!(audit.iter().any(|e| e.act == "purge" && e.object == done.run_id.as_str() && e.outcome == "done"));
    assert!(later.purge(&admin, false).await?.items.is_empty(), "there is nothing left");
    Ok(())
}

pub async fn a_purged_run_says_that_it_cannot_be_rolled_back(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let done = run(&engine, &rule(), overwrite()).await?;
    let picture = f.picture(TICKS).await?;
    with_clock(f, Odd::Ahead(TimeDelta::days(31))).purge(&caller(Role::Admin), false).await?;
    assert!(view(f, &done.run_id).await?.purged_at.is_some());
    for refused in [
        problem(engine.rollback_plan(&operator(), &done.run_id, &RollbackScope::default()).await)?,
        problem(engine.start_rollback(&operator(), &done.run_id, RollbackOptions::default()).await)?,
    ] {
        assert_eq!(refused.code, ErrorCode::WrongState);
        assert!(refused.message.contains("retention") && refused.advice.is_some(), "{refused}");
    }
    // The table's own proof does not miss the journal.
    let proof = engine.validate(&operator(), &rule().slug, Mode::Overwrite).await?;
    assert!(proof.levels.iter().all(|l| l.level != amend_domain::Level::Reconciliation), "{proof:?}");
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}

pub async fn a_run_that_is_being_rolled_back_keeps_its_journal(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, 10).await?;
    let done = run(&engine, &rule(), overwrite()).await?;
    let back = rollback(&rule(), &done.run_id);
    f.store().create_run(&back).await?;
    let later = with_clock(f, Odd::Ahead(TimeDelta::days(31)));
    assert!(later.purge(&caller(Role::Admin), false).await?.items.is_empty());
    assert_eq!(journalled(f, &done.run_id).await?, 10);
    engine.work(&back.id).await?;
    proven(f, &over(&engine, &back.id).await?).await
}

pub async fn failed_rows_go_with_the_retention_of_their_run(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, 40).await?;
    refuse(f, "NEW.\"id\" = 9").await?;
    let ended = run(&engine, &rule(), overwrite()).await?;
    assert_eq!((ended.failed, keys(&engine, &ended.run_id).await?), (1, vec!["9".to_owned()]));
    let later = with_clock(f, Odd::Ahead(TimeDelta::days(31)));
    let dry = later.purge(&operator(), true).await?;
    assert_eq!((dry.items.len(), dry.items[0].failed_rows, dry.items[0].journal_rows), (1, 1, 39));
    assert_eq!(keys(&engine, &ended.run_id).await?.len(), 1, "a dry run drops nothing");

    // A run that tries these rows again needs them.
    let again = RunOptions {
        scope: amend_domain::Scope { failed_of: Some(ended.run_id.clone()), symbols: None },
        ..overwrite()
    };
    let queued = engine.queue_run(&operator(), &rule().slug, again, None).await?;
    assert!(later.purge(&caller(Role::Admin), false).await?.items.is_empty());
    engine.cancel(&operator(), &queued.run_id).await?;

    let purged = later.purge(&caller(Role::Admin), false).await?;
    assert_eq!(purged.items, dry.items);
    assert!(keys(&engine, &ended.run_id).await?.is_empty());
    let told = f.store().events(&ended.run_id, 0, 1_000).await?;
    assert!(told.iter().any(|e| e.kind == "purged" && e.message.contains("list of 1 failed rows was dropped")));
    let refused = problem(engine.retry_failed(&operator(), &ended.run_id).await)?;
    assert!(refused.code == ErrorCode::WrongState && refused.message.contains("retention"), "{refused}");
    assert!(later.purge(&caller(Role::Admin), false).await?.items.is_empty(), "there is nothing left");
    Ok(())
}
