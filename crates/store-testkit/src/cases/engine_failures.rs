//! Runs over tables that refuse rows, and over connections that break.

use std::time::Duration;

use amend_domain::{BatchSize, ErrorCode, Role, RunId, RunOptions, RunState, RunView, Scope, number::were};
use amend_engine::{Engine, store::StoreKind};

use super::engine_walks::{WRONG, engine_over_many};
use crate::{
    Fixture,
    bench::{TICKS, class_of, id_of, rule},
    driver::journalled,
    engine_driver::{caller, engine_with_missing, operator, over, overwrite, problem, proven, run, small},
    model::World,
};

/// A trigger that refuses the rows of a condition.
pub(super) async fn refuse(f: &Fixture, condition: &str) -> anyhow::Result<()> {
    f.execute(&match f.kind() {
        StoreKind::Postgres => format!(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN RAISE EXCEPTION 'the secret of row %', NEW.\"id\"; END $$;
             CREATE TRIGGER frozen BEFORE UPDATE ON {TICKS} FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION refuse();"
        ),
        StoreKind::Sqlite => format!(
            "CREATE TRIGGER frozen BEFORE UPDATE ON {TICKS} WHEN {condition}
             BEGIN SELECT RAISE(ABORT, 'the secret of the row'); END;"
        ),
    })
    .await
}

pub(super) async fn thaw(f: &Fixture) -> anyhow::Result<()> {
    f.execute(&match f.kind() {
        StoreKind::Postgres => format!("DROP TRIGGER frozen ON {TICKS}"),
        StoreKind::Sqlite => "DROP TRIGGER frozen".to_owned(),
    })
    .await
}

pub(super) async fn keys(engine: &Engine, id: &RunId) -> anyhow::Result<Vec<String>> {
    Ok(engine.failed_rows(&operator(), id, 0, 1_000).await?.into_iter().map(|r| id_of(&r.key)).collect())
}

async fn events(f: &Fixture, id: &RunId, kind: &str) -> anyhow::Result<usize> {
    Ok(f.store().events(id, 0, 10_000).await?.iter().filter(|e| e.kind == kind).count())
}

/// Failed because rows were refused, with so many of them, and everything else proven.
async fn refused(f: &Fixture, ended: &RunView, rows: i64) -> anyhow::Result<()> {
    assert_eq!((ended.state, ended.failed, ended.remaining), (RunState::Failed, rows, rows), "{ended:#?}");
    assert_eq!(journalled(f, &ended.run_id).await?, ended.changed);
    let error = ended.error.clone().ok_or_else(|| anyhow::anyhow!("no error"))?;
    assert_eq!(error.code, ErrorCode::RowsRefused);
    assert!(error.message.starts_with(&format!("{} refused by the table", were(rows))), "{error:?}");
    let retry = format!("amend retry {}", ended.run_id);
    assert!(error.advice.is_some_and(|a| a.contains(&retry)));
    assert!(ended.validation.as_ref().is_some_and(|v| v.levels.len() == 6), "{ended:#?}");
    Ok(())
}

pub async fn chunks_are_as_large_as_before_once_the_refused_row_is_through(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, 40).await?;
    refuse(f, "NEW.\"id\" = 9").await?;
    let ended = run(&engine, &rule(), small(16)).await?;
    refused(f, &ended, 1).await?;
    let log = f.store().chunks(&ended.run_id, 100).await?;
    // The second walk changes nothing any more.
    let changed: Vec<i64> = log.iter().map(|c| c.changed).filter(|n| *n > 0).collect();
    assert_eq!(changed, [8, 16, 15], "{log:#?}");
    Ok(())
}

pub async fn refused_rows_are_not_tried_again_by_the_sweep(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, 200).await?;
    refuse(f, "NEW.\"id\" % 50 = 7").await?;
    let ended = run(&engine, &rule(), small(100)).await?;
    refused(f, &ended, 4).await?;
    assert_eq!((ended.changed, events(f, &ended.run_id, "sweep").await?), (196, 0));
    assert_eq!(keys(&engine, &ended.run_id).await?, ["7", "57", "107", "157"]);
    assert!(engine.failed_rows(&operator(), &ended.run_id, 0, 9).await?.iter().all(|r| r.attempts == 1));
    Ok(())
}

pub async fn rows_that_failed_are_tried_again_by_a_run_of_their_own(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, 60).await?;
    refuse(f, "NEW.\"id\" IN (9, 30)").await?;
    let ended = run(&engine, &rule(), small(16)).await?;
    refused(f, &ended, 2).await?;
    // Somebody broke another row meanwhile: no business of the second run.
    f.execute(&format!("UPDATE {TICKS} SET \"class\" = NULL WHERE \"id\" = 1")).await?;
    let again = engine.retry_failed(&operator(), &ended.run_id).await?;
    let again = over(&engine, &again.run_id).await?;
    refused(f, &again, 2).await?;
    thaw(f).await?;
    let again = engine.retry_failed(&operator(), &again.run_id).await?;
    let again = over(&engine, &again.run_id).await?;
    proven(f, &again).await?;
    assert_eq!((again.changed, again.scanned, again.failed), (2, 2, 0));
    assert_eq!((class_of(f, 9).await?.as_deref(), class_of(f, 1).await?), (Some("STOCK"), None));
    Ok(())
}

pub async fn a_retry_needs_the_right_to_run_and_rows_that_failed(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, 20).await?;
    let done = run(&engine, &rule(), overwrite()).await?;
    let none = problem(engine.retry_failed(&operator(), &done.run_id).await)?;
    assert_eq!(none.code, ErrorCode::WrongState);
    f.execute(&format!("UPDATE {TICKS} SET \"class\" = NULL")).await?;
    refuse(f, "NEW.\"id\" = 9").await?;
    let ended = run(&engine, &rule(), overwrite()).await?;
    let viewer = caller(Role::Viewer);
    let refused = problem(engine.retry_failed(&viewer, &ended.run_id).await)?;
    assert_eq!(refused.code, ErrorCode::Forbidden);
    // The database's own words are for operators.
    let theirs = engine.failed_rows(&viewer, &ended.run_id, 0, 10).await?;
    let ours = engine.failed_rows(&operator(), &ended.run_id, 0, 10).await?;
    assert_eq!((theirs.len(), theirs[0].detail.as_deref()), (1, None));
    assert!(ours[0].detail.as_deref().is_some_and(|d| d.contains("secret")), "{ours:?}");
    assert!(!theirs[0].message.contains("secret"));
    Ok(())
}

pub async fn a_dry_run_counts_what_would_be_refused(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, 40).await?;
    refuse(f, "NEW.\"id\" IN (9, 10)").await?;
    let picture = f.picture(TICKS).await?;
    let done = run(&engine, &rule(), RunOptions { dry_run: true, ..small(16) }).await?;
    assert_eq!((done.state, done.changed, done.failed), (RunState::Succeeded, 38, 2), "{done:#?}");
    assert!(keys(&engine, &done.run_id).await?.is_empty());
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}

async fn broken(f: &Fixture, ended: &RunView) -> anyhow::Result<()> {
    assert_eq!(ended.state, RunState::Failed, "{ended:#?}");
    assert_eq!(ended.error.as_ref().map(|e| e.code), Some(ErrorCode::BreakerOpen), "{ended:#?}");
    assert_eq!(events(f, &ended.run_id, "breaker").await?, 1);
    assert_eq!(journalled(f, &ended.run_id).await?, ended.changed);
    Ok(())
}

pub async fn a_table_that_refuses_every_row_opens_the_breaker_and_what_is_committed_stays(
    f: &Fixture,
) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, 100).await?;
    refuse(f, "NEW.\"id\" > 8").await?;
    let ended = run(&engine, &rule(), small(4)).await?;
    broken(f, &ended).await?;
    assert_eq!((ended.changed, ended.failed), (8, 8));
    assert_eq!(keys(&engine, &ended.run_id).await?.len(), 8);
    assert_eq!(World::read(f, &rule()).await?.counts(&Scope::default()).correct, 8);
    Ok(())
}

pub async fn a_table_that_refuses_every_row_opens_the_breaker_of_a_walk_by_blocks(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_over_many(f).await?;
    refuse(f, "NEW.\"id\" > 0").await?;
    let ended = run(&engine, &rule(), overwrite()).await?;
    broken(f, &ended).await?;
    assert_eq!(ended.changed, 0);
    Ok(())
}

/// Every so many writes something breaks, once.
async fn now_and_then(f: &Fixture, every: i64, what: &str) -> anyhow::Result<()> {
    f.execute(&format!(
        "CREATE SEQUENCE writes;
         CREATE FUNCTION breaking() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF nextval('writes') % {every} = 0 THEN {what}; END IF; RETURN NEW; END $$;
         CREATE TRIGGER breaking BEFORE UPDATE ON {TICKS} FOR EACH ROW EXECUTE FUNCTION breaking();"
    ))
    .await
}

const CUT: &str = "PERFORM pg_terminate_backend(pg_backend_pid())";

pub async fn sessions_that_are_cut_in_the_middle_of_a_chunk_lose_and_repeat_nothing(f: &Fixture) -> anyhow::Result<()> {
    if f.kind() == StoreKind::Sqlite {
        // There is no session that could be cut.
        return Ok(());
    }
    let engine = engine_with_missing(f, 300).await?;
    now_and_then(f, 70, CUT).await?;
    let done = run(&engine, &rule(), RunOptions { retry_initial_ms: Some(1), ..small(20) }).await?;
    proven(f, &done).await?;
    assert_eq!((done.changed, done.failed), (300, 0));
    assert!(events(f, &done.run_id, "retry").await? > 2);
    Ok(())
}

pub async fn sessions_that_are_cut_under_a_walk_by_blocks_lose_and_repeat_nothing(f: &Fixture) -> anyhow::Result<()> {
    if f.kind() == StoreKind::Sqlite {
        return Ok(());
    }
    let engine = engine_over_many(f).await?;
    now_and_then(f, 3_500, CUT).await?;
    let done = run(&engine, &rule(), RunOptions { retry_initial_ms: Some(1), ..overwrite() }).await?;
    proven(f, &done).await?;
    assert_eq!(done.changed, WRONG);
    assert!(events(f, &done.run_id, "retry").await? > 1);
    Ok(())
}

pub async fn serialization_failures_are_retried_until_everything_is_done(f: &Fixture) -> anyhow::Result<()> {
    if f.kind() == StoreKind::Sqlite {
        return Ok(());
    }
    let engine = engine_with_missing(f, 300).await?;
    now_and_then(f, 70, "RAISE EXCEPTION 'again' USING ERRCODE = 'serialization_failure'").await?;
    let done = run(&engine, &rule(), RunOptions { retry_initial_ms: Some(1), ..small(20) }).await?;
    proven(f, &done).await?;
    assert_eq!((done.changed, done.failed), (300, 0));
    Ok(())
}

/// The chunk holds row 5 and wants the side table, whose holder wants row 5.
pub async fn a_chunk_that_loses_a_deadlock_is_tried_again(f: &Fixture) -> anyhow::Result<()> {
    if f.kind() == StoreKind::Sqlite {
        // One lock for all: nobody waits in a circle.
        return Ok(());
    }
    let engine = engine_with_missing(f, 20).await?;
    f.execute(&format!(
        "CREATE TABLE side (n int); INSERT INTO side VALUES (0);
         CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             UPDATE side SET n = n + 1; RETURN NEW; END $$;
         CREATE TRIGGER touching AFTER UPDATE OF \"class\" ON {TICKS} FOR EACH ROW EXECUTE FUNCTION touch();"
    ))
    .await?;
    let other = async {
        // The chunk has its rows and waits for the side table by the time that this one wants a row.
        let row = format!("UPDATE {TICKS} SET \"note\" = 'theirs' WHERE \"id\" = 5");
        f.hold(&["UPDATE side SET n = 0", "SELECT pg_sleep(0.7)", &row]).await?.commit().await
    };
    let ours = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let options = RunOptions { batch_size: BatchSize::Fixed(20), ..overwrite() };
        run(&engine, &rule(), options).await
    };
    let (theirs, ours) = tokio::join!(other, ours);
    theirs?;
    let done = ours?;
    proven(f, &done).await?;
    assert_eq!(done.changed, 20);
    let deadlocks = f.number("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").await?;
    assert!(events(f, &done.run_id, "retry").await? > 0 && deadlocks >= 0, "{done:#?}");
    assert_eq!(f.number(&format!("SELECT count(*) FROM {TICKS} WHERE \"note\" = 'theirs'")).await?, 1);
    Ok(())
}
