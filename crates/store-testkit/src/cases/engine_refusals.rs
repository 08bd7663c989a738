//! What the engine refuses, and how a run ends that cannot go on: nothing is ever half done.

use amend_domain::{ColumnName, ErrorCode, Level, Mode, Role, Rule, RuleSlug, RunOptions, RunState, Scope};
use amend_engine::{
    Approved,
    store::{RunFilter, StoreKind},
};
use std::time::Duration;

use crate::{
    Fixture,
    bench::{self, TICKERS, TICKS, at, known, rule, tick},
    driver::journalled,
    engine_driver::{
        caller, engine, engine_over, engine_with_every_finding, engine_with_missing, operator, over, overwrite,
        problem, proven, run, small,
    },
    model::World,
};

async fn runs(f: &Fixture) -> anyhow::Result<usize> {
    Ok(f.store().runs(&RunFilter { limit: 100, ..RunFilter::default() }).await?.len())
}

pub async fn numbers_that_drifted_since_the_preview_stop_the_run_before_its_first_write(
    f: &Fixture,
) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, 100).await?;
    let plan = engine.plan(&operator(), &rule().slug, &overwrite()).await?;
    f.execute(&format!("UPDATE {TICKS} SET \"class\" = 'STOCK' WHERE \"id\" <= 10")).await?;
    let picture = f.picture(TICKS).await?;
    let approved = Approved { hash: plan.hash, counts: plan.counts };
    let started = engine.start_run(&operator(), &rule().slug, overwrite(), Some(approved)).await?;
    let ended = over(&engine, &started.run_id).await?;
    assert_eq!(ended.state, RunState::Failed);
    assert_eq!(ended.error.map(|e| e.code), Some(ErrorCode::Drift));
    assert_eq!((ended.changed, f.picture(TICKS).await?), (0, picture));
    Ok(())
}

pub async fn an_approval_of_other_options_is_refused(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, 10).await?;
    let plan = engine.plan(&operator(), &rule().slug, &overwrite()).await?;
    let approved = Approved { hash: plan.hash, counts: plan.counts };
    let refused = problem(engine.start_run(&operator(), &rule().slug, small(3), Some(approved)).await)?;
    assert_eq!((refused.code, runs(f).await?), (ErrorCode::Drift, 0));
    Ok(())
}

pub async fn a_second_run_of_a_rule_is_refused_while_the_first_is_active(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, 10).await?;
    let first = engine.queue_run(&operator(), &rule().slug, overwrite(), None).await?;
    let other = engine_over(f.another_store().await?, "engine-2");
    for engine in [&engine, &other] {
        let refused = problem(engine.start_run(&operator(), &rule().slug, overwrite(), None).await)?;
        assert_eq!(refused.code, ErrorCode::OperationInProgress);
        assert!(refused.message.contains(first.run_id.as_str()), "{refused}");
    }
    let audit = f.store().audit(10).await?;
    assert_eq!(audit.iter().filter(|e| e.outcome == "refused: OPERATION_IN_PROGRESS").count(), 2);
    Ok(())
}

pub async fn who_may_not_run_is_refused_and_the_refusal_is_logged(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, 10).await?;
    let viewer = caller(Role::Viewer);
    let refused = problem(engine.start_run(&viewer, &rule().slug, overwrite(), None).await)?;
    assert_eq!((refused.code, runs(f).await?), (ErrorCode::Forbidden, 0));
    let audit = f.store().audit(1).await?;
    assert_eq!((audit[0].who.as_str(), audit[0].outcome.as_str()), ("the viewer", "refused: FORBIDDEN"));
    let done = run(&engine, &rule(), overwrite()).await?;
    let refused = problem(engine.start_rollback(&viewer, &done.run_id, Default::default()).await)?;
    assert_eq!(refused.code, ErrorCode::Forbidden);
    Ok(())
}

pub async fn tables_that_a_rule_cannot_use_are_refused_with_advice(f: &Fixture) -> anyhow::Result<()> {
    bench::create(f).await?;
    let engine = engine(f).await?;
    let slug = rule().slug;
    // No rows in the target, then none in the reference.
    for rows in ["target", "reference"] {
        let refused = problem(engine.start_run(&operator(), &slug, overwrite(), None).await)?;
        assert_eq!(refused.code, ErrorCode::RuleUnusable, "{rows}");
        assert!(refused.advice.is_some(), "{refused}");
        bench::add_ticks(f, &[tick(i64::from(rows == "target"), "AAPL", None)]).await?;
    }
    bench::add_tickers(f, &[known("AAPL", "STOCK")]).await?;
    let picture = f.picture(TICKS).await?;
    for (n, change) in [
        (|r| r.target.value.0 = "klass".into()) as fn(&mut Rule),
        |r| r.target.table.name = "Ticks".into(),
        |r| r.reference.matches[0].0 = "Ticker".into(),
        |r| r.target.key[0].0 = "symbol".into(),
    ]
    .into_iter()
    .enumerate()
    {
        let mut crooked = Rule { slug: RuleSlug::from_trusted(format!("crooked-{n}")), ..rule() };
        change(&mut crooked);
        f.store().save_rule(&crooked, at(0)).await?;
        let refused = problem(engine.start_run(&operator(), &crooked.slug, overwrite(), None).await)?;
        assert_eq!(refused.code, ErrorCode::RuleUnusable, "{refused}");
        assert!(refused.advice.is_some(), "{refused}");
    }
    assert_eq!((runs(f).await?, f.picture(TICKS).await?), (0, picture));
    Ok(())
}

pub async fn a_user_who_may_only_read_can_preview_and_not_run(f: &Fixture) -> anyhow::Result<()> {
    let writer = engine_with_missing(f, 10).await?;
    let reader = engine_over(f.read_only_store().await?, "reader");
    if f.kind() == StoreKind::Postgres {
        let plan = reader.plan(&operator(), &rule().slug, &overwrite()).await?;
        assert_eq!(plan.to_change, 10);
    }
    let refused = problem(reader.start_run(&operator(), &rule().slug, overwrite(), None).await)?;
    assert_eq!(refused.code, ErrorCode::ReadOnly, "{refused}");
    proven(f, &run(&writer, &rule(), overwrite()).await?).await
}

async fn trigger(f: &Fixture, postgres: &str, sqlite: &str) -> anyhow::Result<()> {
    match f.kind() {
        StoreKind::Postgres => {
            f.execute(&format!(
                "CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {postgres} RETURN NEW; END $$;
                 CREATE TRIGGER acting BEFORE UPDATE ON {TICKS} FOR EACH ROW WHEN (NEW.\"id\" = 9) EXECUTE FUNCTION act();"
            ))
            .await
        }
        StoreKind::Sqlite => {
            f.execute(&format!(
                "CREATE TRIGGER acting AFTER UPDATE OF \"class\" ON {TICKS} WHEN NEW.\"id\" = 9 BEGIN {sqlite} END;"
            ))
            .await
        }
    }
}

pub async fn a_row_that_a_trigger_refuses_fails_the_run_and_everything_else_is_done(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, 20).await?;
    trigger(f, "RAISE EXCEPTION 'frozen';", "SELECT RAISE(ABORT, 'frozen');").await?;
    let ended = run(&engine, &rule(), small(16)).await?;
    assert_eq!((ended.state, ended.failed), (RunState::Failed, 1));
    // Halved down to the row, which is passed over.
    let counts = World::read(f, &rule()).await?.counts(&Scope::default());
    assert_eq!((ended.changed, counts.correct, journalled(f, &ended.run_id).await?), (19, 19, 19));
    let listed = engine.failed_rows(&operator(), &ended.run_id, 0, 10).await?;
    assert_eq!(listed.iter().map(|r| bench::id_of(&r.key)).collect::<Vec<_>>(), ["9"]);
    assert!(listed[0].detail.as_deref().is_some_and(|d| d.contains("frozen")), "{listed:?}");
    Ok(())
}

/// Row 9 is in the third chunk of four rows.
pub async fn a_trigger_that_touches_another_column_ends_the_run_at_that_chunk(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, 40).await?;
    // Not a plain assignment, which would be read from the trigger's text before the run.
    trigger(
        f,
        "SELECT 'meddled' INTO NEW.note;",
        "UPDATE \"ticks\" SET \"note\" = 'meddled' WHERE \"id\" = NEW.\"id\";",
    )
    .await?;
    let ended = run(&engine, &rule(), small(4)).await?;
    assert_eq!((ended.state, ended.changed, journalled(f, &ended.run_id).await?), (RunState::Failed, 12, 12));
    let error = ended.error.ok_or_else(|| anyhow::anyhow!("no error"))?;
    assert_eq!(error.code, ErrorCode::ValidationFailed);
    let rollback = format!("amend rollback {}", ended.run_id);
    assert!(error.advice.as_deref().is_some_and(|a| a.contains(&rollback)), "{error:?}");
    // What was offered works.
    let back = engine.start_rollback(&operator(), &ended.run_id, Default::default()).await?;
    let back = over(&engine, &back.run_id).await?;
    assert_eq!((back.changed, World::read(f, &rule()).await?.counts(&Scope::default()).missing()), (12, 40));
    let level = engine.validate(&operator(), &rule().slug, Mode::Overwrite).await?;
    let untouched = level.levels.iter().find(|l| l.level == Level::UntouchedColumns);
    assert_eq!(untouched.map(|l| l.passed), Some(false), "{level:?}");
    Ok(())
}

pub async fn columns_that_triggers_keep_are_left_to_them(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, 40).await?;
    trigger(f, "SELECT 'kept' INTO NEW.note;", "UPDATE \"ticks\" SET \"note\" = 'kept' WHERE \"id\" = NEW.\"id\";")
        .await?;
    let mut rule = rule();
    rule.target.kept_by_triggers = vec![ColumnName::new("note")];
    f.store().save_rule(&rule, at(1)).await?;
    let ended = run(&engine, &rule, small(4)).await?;
    proven(f, &ended).await?;
    assert_eq!(
        (ended.changed, f.number(&format!("SELECT count(*) FROM {TICKS} WHERE \"note\" = 'kept'")).await?),
        (40, 1)
    );
    Ok(())
}

pub async fn a_locked_table_is_waited_for_and_then_corrected(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, 20).await?;
    let lock = match f.kind() {
        // Strong enough to keep writers out, and lets the run count first.
        StoreKind::Postgres => "LOCK TABLE \"ticks\" IN SHARE MODE",
        StoreKind::Sqlite => "UPDATE \"ticks\" SET \"note\" = \"note\"",
    };
    let queued = engine.queue_run(&operator(), &rule().slug, overwrite(), None).await?;
    let held = f.hold(&[lock]).await?;
    let worker = tokio::spawn({
        let (engine, id) = (engine.clone(), queued.run_id.clone());
        async move { engine.work(&id).await }
    });
    tokio::time::sleep(Duration::from_millis(700)).await;
    held.roll_back().await?;
    let ended = over(&engine, &queued.run_id).await?;
    worker.await??;
    proven(f, &ended).await?;
    assert_eq!(ended.changed, 20);
    Ok(())
}

pub async fn a_table_that_stays_locked_fails_the_run_with_nothing_changed(f: &Fixture) -> anyhow::Result<()> {
    if f.kind() == StoreKind::Sqlite {
        // The same lock would keep the run from writing down that it failed.
        return Ok(());
    }
    let engine = engine_with_missing(f, 20).await?;
    let held = f.hold(&["LOCK TABLE \"ticks\" IN SHARE MODE"]).await?;
    let options = RunOptions { max_retries: Some(1), retry_initial_ms: Some(1), ..overwrite() };
    let ended = run(&engine, &rule(), options).await?;
    held.roll_back().await?;
    assert_eq!((ended.state, ended.changed), (RunState::Failed, 0));
    assert_eq!(ended.error.map(|e| e.code), Some(ErrorCode::Locked));
    assert_eq!(World::read(f, &rule()).await?.counts(&Scope::default()).missing(), 20);
    proven(f, &run(&engine, &rule(), overwrite()).await?).await
}

pub async fn a_reference_emptied_before_the_worker_came_changes_nothing(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let queued = engine.queue_run(&operator(), &rule().slug, overwrite(), None).await?;
    f.execute(&format!("DELETE FROM {TICKERS}")).await?;
    let picture = f.picture(TICKS).await?;
    engine.work(&queued.run_id).await?;
    let ended = over(&engine, &queued.run_id).await?;
    assert_eq!((ended.changed, f.picture(TICKS).await?), (0, picture));
    Ok(())
}
