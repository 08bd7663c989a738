//! `restore_chunk` after others have changed or deleted rows; counts and samples beforehand.

use amend_domain::{ConflictPolicy, RollbackCounts, RollbackScope};

use crate::{
    Fixture,
    bench::{self, TICKS, class_of, every_finding, known, rule, tick},
    driver::{Job, Step, Totals, Undo, journal, journalled, limits, rollback, run_correction, run_rollback, view},
};

/// After an overwrite of every finding (rows 2 to 9 changed): row 2 is somebody else's value, row 3
/// somebody else's null, row 4 its old blank again, row 5 gone; 6 to 9 are as Amend left them.
async fn meddled(f: &Fixture) -> anyhow::Result<Job> {
    let (tickers, ticks) = every_finding();
    bench::fill(f, &tickers, &ticks).await?;
    let (job, totals) = run_correction(f, &rule(), &Step { limits: limits(3, 5), ..Step::default() }).await?;
    assert_eq!(totals.changed, 8);
    f.execute(&format!(
        "UPDATE {TICKS} SET \"class\" = 'MANUAL' WHERE \"id\" = 2;
         UPDATE {TICKS} SET \"class\" = NULL WHERE \"id\" = 3;
         UPDATE {TICKS} SET \"class\" = '\u{a0}\t ' WHERE \"id\" = 4;
         DELETE FROM {TICKS} WHERE \"id\" = 5;"
    ))
    .await?;
    Ok(job)
}

const COUNTS: RollbackCounts = RollbackCounts { restorable: 4, original: 1, changed_since: 2, deleted: 1 };

async fn classes(f: &Fixture) -> anyhow::Result<Vec<Option<String>>> {
    let mut classes = Vec::new();
    for id in [2, 3, 4, 6, 7, 8, 9] {
        classes.push(class_of(f, id).await?);
    }
    Ok(classes)
}

fn texts(values: [Option<&str>; 7]) -> Vec<Option<String>> {
    values.iter().map(|v| v.map(Into::into)).collect()
}

pub async fn counts_tell_restorable_original_changed_and_deleted_rows_apart(f: &Fixture) -> anyhow::Result<()> {
    let job = meddled(f).await?;
    let picture = f.picture(TICKS).await?;
    assert_eq!(f.store().rollback_counts(&rule(), &job.id, &RollbackScope::default()).await?, COUNTS);
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}

pub async fn samples_show_rows_of_each_kind(f: &Fixture) -> anyhow::Result<()> {
    let job = meddled(f).await?;
    let samples = f.store().rollback_samples(&rule(), &job.id, &RollbackScope::default(), 20).await?;
    let mut restorable: Vec<_> = samples
        .restorable
        .iter()
        .map(|r| (bench::id_of(&r.key), r.current.as_deref(), r.proposed.as_deref()))
        .collect();
    restorable.sort_unstable();
    assert_eq!(
        restorable,
        [
            ("6".to_owned(), Some("STOCK"), Some("stock")),
            ("7".to_owned(), Some("STOCK"), Some(" STOCK ")),
            ("8".to_owned(), Some("ETF"), None),
            ("9".to_owned(), Some("CRYPTO"), Some("crypto")),
        ]
    );
    let mut changed: Vec<_> = samples
        .changed_since
        .iter()
        .map(|r| (bench::id_of(&r.key), r.current.as_deref(), r.proposed.as_deref()))
        .collect();
    changed.sort_unstable();
    assert_eq!(changed, [("2".to_owned(), Some("MANUAL"), None), ("3".to_owned(), None, Some(""))]);
    assert_eq!(samples.deleted, [bench::key(5)]);
    let few = f.store().rollback_samples(&rule(), &job.id, &RollbackScope::default(), 1).await?;
    assert_eq!((few.restorable.len(), few.changed_since.len(), few.deleted.len()), (1, 1, 1));
    Ok(())
}

pub async fn skip_leaves_what_others_changed(f: &Fixture) -> anyhow::Result<()> {
    let job = meddled(f).await?;
    let (back, totals) = run_rollback(f, &rule(), &job.id, &Undo::default()).await?;
    let expected =
        texts([Some("MANUAL"), None, Some("\u{a0}\t "), Some("stock"), Some(" STOCK "), None, Some("crypto")]);
    assert_eq!(classes(f).await?, expected);
    assert_eq!((totals.changed, totals.conflicts, totals.deleted, totals.original), (4, 2, 1, 1));
    assert_eq!((totals.scanned, journalled(f, &back.id).await?), (8, 4));
    let run = view(f, &back.id).await?;
    assert_eq!((run.changed, run.conflicts, run.deleted), (4, 2, 1));
    Ok(())
}

pub async fn force_writes_the_old_value_over_what_others_changed(f: &Fixture) -> anyhow::Result<()> {
    let job = meddled(f).await?;
    let undo = Undo { on_conflict: ConflictPolicy::Force, ..Undo::default() };
    let (back, totals) = run_rollback(f, &rule(), &job.id, &undo).await?;
    let expected = texts([None, Some(""), Some("\u{a0}\t "), Some("stock"), Some(" STOCK "), None, Some("crypto")]);
    assert_eq!(classes(f).await?, expected);
    assert_eq!((totals.changed, totals.conflicts, totals.deleted, totals.original), (6, 2, 1, 1));
    // The journal has what stood there, so that a forced rollback can be undone too.
    let pairs = journal(f, &back.id).await?;
    assert_eq!(pairs.iter().map(|p| p.rows).sum::<i64>(), 6);
    assert!(pairs.iter().any(|p| p.old.as_deref() == Some("MANUAL") && p.new.is_none()), "{pairs:?}");
    run_rollback(f, &rule(), &back.id, &Undo::default()).await?;
    assert_eq!((class_of(f, 2).await?.as_deref(), class_of(f, 3).await?), (Some("MANUAL"), None));
    Ok(())
}

pub async fn stop_commits_nothing_of_a_step_with_a_conflict(f: &Fixture) -> anyhow::Result<()> {
    let job = meddled(f).await?;
    let picture = f.picture(TICKS).await?;
    let back = Job::begin(f, &rule(), &rollback(&rule(), &job.id)).await?;
    let undo = Undo { on_conflict: ConflictPolicy::Stop, ..Undo::default() };
    let outcome = back.restore(f.store(), &job.id, &undo).await?;
    assert!(outcome.conflicts > 0 && !outcome.done, "{outcome:?}");
    assert_eq!(f.picture(TICKS).await?, picture);
    let run = view(f, &back.id).await?;
    assert_eq!((run.changed, run.chunks, journalled(f, &back.id).await?), (0, 0, 0));
    Ok(())
}

pub async fn stop_without_a_conflict_restores_everything(f: &Fixture) -> anyhow::Result<()> {
    let (tickers, ticks) = every_finding();
    bench::fill(f, &tickers, &ticks).await?;
    let picture = f.picture(TICKS).await?;
    let (job, _) = run_correction(f, &rule(), &Step::default()).await?;
    let undo = Undo { on_conflict: ConflictPolicy::Stop, ..Undo::default() };
    let (_, totals) = run_rollback(f, &rule(), &job.id, &undo).await?;
    assert_eq!((totals.changed, f.picture(TICKS).await?), (8, picture));
    Ok(())
}

pub async fn counts_and_the_rollback_agree(f: &Fixture) -> anyhow::Result<()> {
    let job = meddled(f).await?;
    let counts = f.store().rollback_counts(&rule(), &job.id, &RollbackScope::default()).await?;
    let (_, totals) = run_rollback(f, &rule(), &job.id, &Undo { limits: limits(1, 1), ..Undo::default() }).await?;
    let Totals { changed, conflicts, deleted, original, .. } = totals;
    assert_eq!(RollbackCounts { restorable: changed, original, changed_since: conflicts, deleted }, counts);
    let after = f.store().rollback_counts(&rule(), &job.id, &RollbackScope::default()).await?;
    assert_eq!(after, RollbackCounts { restorable: 0, original: 5, ..counts });
    Ok(())
}

pub async fn a_table_emptied_since_has_only_deleted_rows(f: &Fixture) -> anyhow::Result<()> {
    let ticks: Vec<_> = (1..=30).map(|id| tick(id, "A", None)).collect();
    bench::fill(f, &[known("A", "STOCK")], &ticks).await?;
    let (job, _) = run_correction(f, &rule(), &Step { limits: limits(7, 9), ..Step::default() }).await?;
    f.execute(&format!("DELETE FROM {TICKS}")).await?;
    let counts = f.store().rollback_counts(&rule(), &job.id, &RollbackScope::default()).await?;
    assert_eq!(counts, RollbackCounts { deleted: 30, ..RollbackCounts::default() });
    let samples = f.store().rollback_samples(&rule(), &job.id, &RollbackScope::default(), 20).await?;
    assert_eq!((samples.deleted.len(), samples.restorable.len()), (20, 0));
    let (_, totals) = run_rollback(f, &rule(), &job.id, &Undo { limits: limits(4, 4), ..Undo::default() }).await?;
    assert_eq!((totals.changed, totals.deleted), (0, 30));
    Ok(())
}
