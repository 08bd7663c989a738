//! `restore_chunk` where nobody else has been: back to what was, to the last byte.

use amend_domain::{Mode, RunState};
use amend_engine::store::{JournalPair, StoreError, Write};

use crate::{
    Fixture,
    bench::{self, TICKS, at, class_of, every_finding, known, rule, tick},
    driver::{
        Job, Step, Totals, Undo, journal, journalled, limits, only, refused, rollback, run_correction, run_rollback,
        stored, view,
    },
    model::World,
};

/// Every finding, overwritten; with the picture from before.
async fn corrected(f: &Fixture, step: &Step<'_>) -> anyhow::Result<(Job, Vec<String>)> {
    let (tickers, ticks) = every_finding();
    bench::fill(f, &tickers, &ticks).await?;
    let picture = f.picture(TICKS).await?;
    let (job, _) = run_correction(f, &rule(), step).await?;
    assert_ne!(f.picture(TICKS).await?, picture);
    Ok((job, picture))
}

pub async fn a_rollback_brings_back_the_table_as_it_was(f: &Fixture) -> anyhow::Result<()> {
    let (job, picture) = corrected(f, &Step::default()).await?;
    let (back, totals) = run_rollback(f, &rule(), &job.id, &Undo::default()).await?;
    assert_eq!(f.picture(TICKS).await?, picture);
    assert_eq!((totals.changed, totals.conflicts, totals.deleted, totals.original), (8, 0, 0, 0));
    assert_eq!(totals.scanned, 8);
    let run = view(f, &back.id).await?;
    assert_eq!((run.changed, run.conflicts, run.deleted, run.chunks), (8, 0, 0, totals.chunks));
    Ok(())
}

pub async fn a_rollback_of_a_fill_brings_back_the_table_as_it_was(f: &Fixture) -> anyhow::Result<()> {
    let step = Step { mode: Mode::Fill, limits: limits(2, 3), ..Step::default() };
    let (job, picture) = corrected(f, &step).await?;
    run_rollback(f, &rule(), &job.id, &Undo::default()).await?;
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}

pub async fn chunks_of_any_size_bring_back_the_same_table(f: &Fixture) -> anyhow::Result<()> {
    for (there, back) in [(1, 1), (1, 1_000), (3, 2), (1_000, 1), (5, 3)] {
        let (job, picture) = corrected(f, &Step { limits: limits(there, there + 2), ..Step::default() }).await?;
        let undo = Undo { limits: limits(back, back), ..Undo::default() };
        let (undone, totals) = run_rollback(f, &rule(), &job.id, &undo).await?;
        assert_eq!(f.picture(TICKS).await?, picture, "{there} there, {back} back");
        assert_eq!((totals.changed, journalled(f, &undone.id).await?), (8, 8), "{there} there, {back} back");
    }
    Ok(())
}

pub async fn a_null_comes_back_as_null_and_a_blank_as_the_same_blank(f: &Fixture) -> anyhow::Result<()> {
    let blanks = [None, Some(""), Some(" "), Some("\t\n"), Some("\u{3000}\u{a0}"), Some("  ")];
    let ticks: Vec<_> = (1..).zip(blanks).map(|(id, v)| tick(id, "AAPL", v)).collect();
    bench::fill(f, &[known("AAPL", "STOCK")], &ticks).await?;
    let (job, _) = run_correction(f, &rule(), &Step::default()).await?;
    run_rollback(f, &rule(), &job.id, &Undo::default()).await?;
    for (id, value) in (1..).zip(blanks) {
        assert_eq!(class_of(f, id).await?.as_deref(), value, "row {id}");
    }
    Ok(())
}

pub async fn old_values_with_quotes_newlines_and_other_scripts_come_back(f: &Fixture) -> anyhow::Result<()> {
    let odd =
        ["it's", "a\"b", "back\\slash\\n", "two\nlines\r\n", "a,b;c", "{1,2}", "NULL", "東京 🗼", "e\u{301}", "%_"];
    let ticks: Vec<_> = (1..).zip(odd).map(|(id, v)| tick(id, "AAPL", v)).collect();
    bench::fill(f, &[known("AAPL", "STOCK")], &ticks).await?;
    let picture = f.picture(TICKS).await?;
    let (job, totals) = run_correction(f, &rule(), &Step::default()).await?;
    assert_eq!(totals.changed, 10);
    run_rollback(f, &rule(), &job.id, &Undo::default()).await?;
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}

pub async fn a_rollback_journals_what_it_wrote(f: &Fixture) -> anyhow::Result<()> {
    let (job, _) = corrected(f, &Step::default()).await?;
    let (back, _) = run_rollback(f, &rule(), &job.id, &Undo::default()).await?;
    let mut inverse: Vec<JournalPair> =
        journal(f, &back.id).await?.into_iter().map(|p| JournalPair { old: p.new, new: p.old, rows: p.rows }).collect();
    inverse.sort_by(|a, b| (&a.old, &a.new).cmp(&(&b.old, &b.new)));
    assert_eq!(inverse, journal(f, &job.id).await?);
    let log = f.store().chunks(&back.id, 100).await?;
    assert_eq!(log.iter().map(|c| c.changed).sum::<i64>(), 8);
    assert_eq!(f.store().touched_chunks(&back.id).await?, 0);
    Ok(())
}

pub async fn a_rollback_can_itself_be_rolled_back(f: &Fixture) -> anyhow::Result<()> {
    let (job, before) = corrected(f, &Step::default()).await?;
    let corrected = f.picture(TICKS).await?;
    let (back, _) = run_rollback(f, &rule(), &job.id, &Undo::default()).await?;
    assert_eq!(f.picture(TICKS).await?, before);
    let (forth, totals) = run_rollback(f, &rule(), &back.id, &Undo::default()).await?;
    assert_eq!((f.picture(TICKS).await?, totals.changed), (corrected, 8));
    run_rollback(f, &rule(), &forth.id, &Undo::default()).await?;
    assert_eq!(f.picture(TICKS).await?, before);
    Ok(())
}

pub async fn a_second_rollback_finds_every_row_original(f: &Fixture) -> anyhow::Result<()> {
    let (job, picture) = corrected(f, &Step::default()).await?;
    run_rollback(f, &rule(), &job.id, &Undo::default()).await?;
    let (again, totals) = run_rollback(f, &rule(), &job.id, &Undo::default()).await?;
    assert_eq!((totals.changed, totals.original, totals.conflicts), (0, 8, 0));
    assert_eq!(journalled(f, &again.id).await?, 0);
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}

pub async fn a_scope_restores_its_symbols_alone(f: &Fixture) -> anyhow::Result<()> {
    let (job, _) = corrected(f, &Step::default()).await?;
    let before = World::read(f, &rule()).await?;
    let scope = only(&["SPY", "BTC"]).into();
    let counts = f.store().rollback_counts(&rule(), &job.id, &scope).await?;
    assert_eq!((counts.restorable, counts.total()), (2, 2));
    let undo = Undo { scope, ..Undo::default() };
    let (_, totals) = run_rollback(f, &rule(), &job.id, &undo).await?;
    assert_eq!(totals.changed, 2);
    let after = World::read(f, &rule()).await?;
    for (was, is) in before.rows.iter().zip(&after.rows) {
        assert_eq!(was != is, ["8", "9"].contains(&was.key[0].as_str()), "{was:?}");
    }
    assert_eq!((class_of(f, 8).await?, class_of(f, 9).await?), (None, Some("crypto".into())));
    Ok(())
}

pub async fn a_rehearsed_rollback_counts_and_writes_nothing(f: &Fixture) -> anyhow::Result<()> {
    let (job, _) = corrected(f, &Step::default()).await?;
    let back = Job::begin(f, &rule(), &rollback(&rule(), &job.id)).await?;
    let (picture, run) = (f.picture(TICKS).await?, stored(f, &back.id).await?);
    let rehearsed = back.restore_all(f, &job.id, &Undo { write: Write::Rehearse, ..Undo::default() }).await?;
    assert_eq!(f.picture(TICKS).await?, picture);
    assert_eq!(stored(f, &back.id).await?, run);
    assert_eq!((journalled(f, &back.id).await?, f.store().chunks(&back.id, 10).await?.len()), (0, 0));
    assert_eq!(rehearsed, back.restore_all(f, &job.id, &Undo::default()).await?);
    Ok(())
}

pub async fn a_rollback_goes_on_where_the_stored_cursor_says(f: &Fixture) -> anyhow::Result<()> {
    let (job, picture) = corrected(f, &Step { limits: limits(2, 3), ..Step::default() }).await?;
    let back = Job::begin(f, &rule(), &rollback(&rule(), &job.id)).await?;
    let undo = Undo { limits: limits(2, 2), ..Undo::default() };
    let first = back.restore(f.store(), &job.id, &undo).await?;
    assert!(!first.done && first.changed > 0 && first.changed < 8, "{first:?}");
    assert_eq!(first.state, RunState::Running);
    let mut changed = first.changed;
    let second = f.another_store().await?;
    loop {
        let cursor = second.run(&back.id).await?.and_then(|r| r.cursor);
        let outcome =
            back.restore(second.as_ref(), &job.id, &Undo { cursor: cursor.as_deref(), ..undo.clone() }).await?;
        changed += outcome.changed;
        if outcome.done {
            break;
        }
        assert_ne!(outcome.cursor, cursor);
    }
    assert_eq!((changed, journalled(f, &back.id).await?), (8, 8));
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}

pub async fn an_old_fence_restores_nothing(f: &Fixture) -> anyhow::Result<()> {
    let (job, _) = corrected(f, &Step::default()).await?;
    let back = Job::begin(f, &rule(), &rollback(&rule(), &job.id)).await?;
    assert!(f.store().lease_run(&back.id, "worker-2", at(4_000), at(5_000)).await?.is_some());
    let (picture, run) = (f.picture(TICKS).await?, stored(f, &back.id).await?);
    let error = refused(back.restore(f.store(), &job.id, &Undo::default()).await)?;
    assert!(matches!(error, StoreError::LeaseLost), "{error:?}");
    assert_eq!(f.picture(TICKS).await?, picture);
    assert_eq!((stored(f, &back.id).await?, journalled(f, &back.id).await?), (run, 0));
    Ok(())
}

pub async fn a_run_that_changed_nothing_is_rolled_back_at_once(f: &Fixture) -> anyhow::Result<()> {
    bench::fill(f, &[known("A", "STOCK")], &[tick(1, "A", "STOCK")]).await?;
    let (job, _) = run_correction(f, &rule(), &Step::default()).await?;
    let back = Job::begin(f, &rule(), &rollback(&rule(), &job.id)).await?;
    let totals = back.restore_all(f, &job.id, &Undo::default()).await?;
    assert_eq!(totals, Totals { chunks: totals.chunks, ..Totals::default() });
    assert_eq!(f.store().rollback_counts(&rule(), &job.id, &only(&["A"]).into()).await?.total(), 0);
    Ok(())
}
