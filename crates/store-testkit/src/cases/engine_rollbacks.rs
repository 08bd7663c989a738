//! Rollbacks through the engine: of a part, of what a part left, and of rollbacks themselves.

use amend_domain::{ErrorCode, RollbackOptions, RollbackScope, RunId, RunKind, RunState, RunView};
use amend_engine::Engine;

use crate::{
    Fixture,
    bench::{self, TICKS, class_of, key, known, rule, tick},
    driver::{Job, Step, correction, view},
    engine_driver::{engine, engine_with_every_finding, operator, over, overwrite, problem, proven, run},
};

async fn undo(f: &Fixture, engine: &Engine, id: &RunId, scope: RollbackScope) -> anyhow::Result<RunView> {
    let options = RollbackOptions { scope, ..RollbackOptions::default() };
    let started = engine.start_rollback(&operator(), id, options).await?;
    let ended = over(engine, &started.run_id).await?;
    proven(f, &ended).await?;
    Ok(ended)
}

fn all() -> RollbackScope {
    RollbackScope::default()
}

fn rows(ids: &[i64]) -> RollbackScope {
    RollbackScope { rows: Some(ids.iter().map(|id| key(*id)).collect()), ..all() }
}

async fn undone_by(f: &Fixture, id: &RunId) -> anyhow::Result<Option<RunId>> {
    Ok(view(f, id).await?.undone_by)
}

/// What a run wrote twice may be what it found: of the entries about such a row one always fits.
pub async fn a_rollback_of_a_row_that_came_full_circle_comes_to_its_end(f: &Fixture) -> anyhow::Result<()> {
    let reference = [known("AAPL", "STOCK"), known("BTC", "CRYPTO")];
    let ticks = [tick(1, "AAPL", "CRYPTO"), tick(2, "AAPL", "CRYPTO"), tick(3, "AAPL", None), tick(4, "BTC", "STOCK")];
    bench::fill(f, &reference, &ticks).await?;
    let engine = engine(f).await?;
    let picture = f.picture(TICKS).await?;
    let job = Job::begin(f, &rule(), &correction(&rule())).await?;
    job.correct_all(f, &Step::default()).await?;
    // Another symbol asks for the first value again; one row is somebody else's in between.
    let move_to = |symbol: &str| format!("UPDATE {TICKS} SET \"symbol\" = '{symbol}' WHERE \"id\" < 3");
    f.execute(&move_to("BTC")).await?;
    f.execute(&format!("UPDATE {TICKS} SET \"class\" = 'THEIRS' WHERE \"id\" = 2")).await?;
    job.correct_all(f, &Step::default()).await?;
    job.succeed(f).await?;
    f.execute(&move_to("AAPL")).await?;
    // The first row stands where it stood; the second is Amend's, over a value of somebody else.
    assert_eq!(f.store().come_full_circle(&rule(), &job.id, &all()).await?, 1);
    let ended = undo(f, &engine, &job.id, all()).await?;
    assert_eq!((ended.state, ended.remaining), (RunState::Succeeded, 0));
    assert_eq!(class_of(f, 2).await?.as_deref(), Some("THEIRS"));
    f.execute(&format!("UPDATE {TICKS} SET \"class\" = 'CRYPTO' WHERE \"id\" = 2")).await?;
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}

pub async fn a_rollback_of_a_rollback_restores_what_the_correction_wrote(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let before = f.picture(TICKS).await?;
    let done = run(&engine, &rule(), overwrite()).await?;
    let after = f.picture(TICKS).await?;
    let back = undo(f, &engine, &done.run_id, all()).await?;
    assert_eq!(
        (f.picture(TICKS).await?, undone_by(f, &done.run_id).await?),
        (before.clone(), Some(back.run_id.clone()))
    );

    let plan = engine.rollback_plan(&operator(), &back.run_id, &all()).await?;
    assert_eq!((plan.counts.restorable, plan.counts.total()), (8, 8));
    let forth = undo(f, &engine, &back.run_id, all()).await?;
    assert_eq!((forth.kind, forth.changed, f.picture(TICKS).await?), (RunKind::Rollback, 8, after));
    assert_eq!(undone_by(f, &back.run_id).await?, Some(forth.run_id.clone()));
    assert_eq!(undone_by(f, &done.run_id).await?, None, "what it wrote stands again");

    // A third one brings the first back into force, and the run can be undone by none of its own then.
    undo(f, &engine, &forth.run_id, all()).await?;
    assert_eq!((f.picture(TICKS).await?, undone_by(f, &done.run_id).await?), (before, Some(back.run_id)));
    let refused = problem(engine.start_rollback(&operator(), &done.run_id, RollbackOptions::default()).await)?;
    assert_eq!(refused.code, ErrorCode::AlreadyRolledBack);
    Ok(())
}

pub async fn a_run_whose_rollback_was_undone_can_be_rolled_back_again(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let before = f.picture(TICKS).await?;
    let done = run(&engine, &rule(), overwrite()).await?;
    let back = undo(f, &engine, &done.run_id, all()).await?;
    undo(f, &engine, &back.run_id, all()).await?;
    let again = undo(f, &engine, &done.run_id, all()).await?;
    assert_eq!((again.changed, f.picture(TICKS).await?), (8, before));
    assert_eq!(undone_by(f, &done.run_id).await?, Some(again.run_id));
    Ok(())
}

pub async fn undoing_a_rollback_leaves_what_others_wrote_since(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let done = run(&engine, &rule(), overwrite()).await?;
    let back = undo(f, &engine, &done.run_id, all()).await?;
    f.execute(&format!(
        "UPDATE {TICKS} SET \"class\" = 'MANUAL' WHERE \"id\" = 9; DELETE FROM {TICKS} WHERE \"id\" = 8;"
    ))
    .await?;
    let forth = undo(f, &engine, &back.run_id, all()).await?;
    assert_eq!((forth.changed, forth.conflicts, forth.deleted), (6, 1, 1));
    assert_eq!((class_of(f, 9).await?.as_deref(), class_of(f, 2).await?.as_deref()), (Some("MANUAL"), Some("STOCK")));
    Ok(())
}

pub async fn what_a_partial_rollback_left_is_counted_and_rolled_back_later(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let before = f.picture(TICKS).await?;
    let done = run(&engine, &rule(), overwrite()).await?;
    let part = RollbackScope { old_values: Some(vec![None]), ..all() };
    let first = undo(f, &engine, &done.run_id, part.clone()).await?;
    assert_eq!((first.changed, first.remaining), (2, 0));
    assert_eq!(undone_by(f, &done.run_id).await?, Some(first.run_id));

    let left = engine.rollback_plan(&operator(), &done.run_id, &all()).await?.counts;
    assert_eq!((left.restorable, left.original), (6, 2));
    let again = RollbackOptions { scope: part, ..RollbackOptions::default() };
    let refused = problem(engine.start_rollback(&operator(), &done.run_id, again).await)?;
    assert_eq!(refused.code, ErrorCode::AlreadyRolledBack);
    let nowhere = RollbackOptions { scope: rows(&[4711]), ..RollbackOptions::default() };
    let refused = problem(engine.start_rollback(&operator(), &done.run_id, nowhere).await)?;
    assert_eq!(refused.code, ErrorCode::WrongState);

    let second = undo(f, &engine, &done.run_id, all()).await?;
    assert_eq!((second.changed, f.picture(TICKS).await?), (6, before));
    assert_eq!(undone_by(f, &done.run_id).await?, Some(second.run_id));
    Ok(())
}

pub async fn a_rollback_that_was_undone_in_part_stays_in_force(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let done = run(&engine, &rule(), overwrite()).await?;
    let back = undo(f, &engine, &done.run_id, all()).await?;
    let forth = undo(f, &engine, &back.run_id, rows(&[2])).await?;
    assert_eq!((forth.changed, class_of(f, 2).await?.as_deref()), (1, Some("STOCK")));
    assert_eq!(undone_by(f, &done.run_id).await?, Some(back.run_id.clone()));
    // The one row can be taken back once more.
    let again = undo(f, &engine, &done.run_id, all()).await?;
    assert_eq!((again.changed, class_of(f, 2).await?), (1, None));
    Ok(())
}

pub async fn a_plan_of_a_rollback_tells_what_was_written_over_what(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let done = run(&engine, &rule(), overwrite()).await?;
    let plan = engine.rollback_plan(&operator(), &done.run_id, &rows(&[9])).await?;
    assert_eq!((plan.counts.restorable, plan.samples.restorable.len()), (1, 1));
    assert_eq!(plan.pairs.iter().map(|p| p.rows).sum::<i64>(), 8, "the pairs are those of the whole run");
    let blank = plan.pairs.iter().find(|p| p.pair.old.as_deref() == Some(""));
    assert_eq!(blank.map(|p| (p.pair.new.as_deref(), p.rows)), Some((Some("STOCK"), 1)));
    Ok(())
}

pub async fn a_scope_out_of_bounds_is_refused_by_its_field(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let done = run(&engine, &rule(), overwrite()).await?;
    let picture = f.picture(TICKS).await?;
    for (scope, field) in [
        (RollbackScope { chunks: Some(vec![0]), ..all() }, "scope.chunks"),
        (RollbackScope { old_values: Some(vec![]), ..all() }, "scope.old_values"),
        (RollbackScope { rows: Some(vec![String::new()]), ..all() }, "scope.rows"),
    ] {
        let refused = problem(engine.rollback_plan(&operator(), &done.run_id, &scope).await)?;
        assert_eq!((refused.code, refused.field.as_deref()), (ErrorCode::InvalidOptions, Some(field)));
        let options = RollbackOptions { scope, ..RollbackOptions::default() };
        let refused = problem(engine.start_rollback(&operator(), &done.run_id, options).await)?;
        assert_eq!(refused.field.as_deref(), Some(field));
    }
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}
