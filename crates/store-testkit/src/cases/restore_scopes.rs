//! Rollbacks of a part: by old and new value, by chunk, by row, all lists together.

use amend_domain::{ConflictPolicy, RollbackCounts, RollbackScope, ValuePair};

use super::names::keyed;
use crate::{
    Fixture,
    bench::{self, TICKS, class_of, every_finding, rule},
    driver::{Job, Step, Undo, journalled, limits, rollback, run_correction, run_rollback, view},
};

/// Every finding, overwritten in chunks of three: row 2 was null, 3 and 4 blank, 5 `ETF`, 6 `stock`, 7
/// ` STOCK ` and all became `STOCK`; 8 was null and became `ETF`; 9 was `crypto` and became `CRYPTO`.
async fn corrected(f: &Fixture) -> anyhow::Result<Job> {
    let (tickers, ticks) = every_finding();
    bench::fill(f, &tickers, &ticks).await?;
    let (job, totals) = run_correction(f, &rule(), &Step { limits: limits(3, 5), ..Step::default() }).await?;
    assert_eq!(totals.changed, 8);
    Ok(job)
}

fn texts(values: &[&str]) -> Option<Vec<String>> {
    Some(values.iter().map(|v| (*v).to_owned()).collect())
}

fn keys(ids: &[i64]) -> Option<Vec<String>> {
    Some(ids.iter().map(|id| bench::key(*id)).collect())
}

fn values(values: &[Option<&str>]) -> Option<Vec<Option<String>>> {
    Some(values.iter().map(|v| v.map(Into::into)).collect())
}

fn old(wanted: &[Option<&str>]) -> RollbackScope {
    RollbackScope { old_values: values(wanted), ..RollbackScope::default() }
}

/// Ids of ticks whose class differs from that in `before`.
async fn moved(f: &Fixture, before: &[Vec<Option<String>>]) -> anyhow::Result<Vec<String>> {
    let now = classes(f).await?;
    Ok(before.iter().filter(|row| !now.contains(row)).filter_map(|row| row[0].clone()).collect())
}

async fn classes(f: &Fixture) -> anyhow::Result<Vec<Vec<Option<String>>>> {
    f.query(&format!("SELECT \"id\", \"class\" FROM {TICKS} ORDER BY \"id\"")).await
}

/// Counts, samples and the rollback itself agree that these rows belong to the scope, and no other row
/// is touched.
async fn takes(f: &Fixture, job: &Job, scope: RollbackScope, rows: &[&str]) -> anyhow::Result<()> {
    let expected = i64::try_from(rows.len())?;
    let before = classes(f).await?;
    let counts = f.store().rollback_counts(&rule(), &job.id, &scope).await?;
    assert_eq!(counts, RollbackCounts { restorable: expected, ..RollbackCounts::default() }, "{scope:?}");
    let samples = f.store().rollback_samples(&rule(), &job.id, &scope, 20).await?;
    let mut keys: Vec<_> = samples.restorable.iter().map(|r| bench::id_of(&r.key)).collect();
    keys.sort_unstable();
    assert_eq!(keys, rows, "{scope:?}");
    assert!(samples.changed_since.is_empty() && samples.deleted.is_empty(), "{scope:?}");
    let undo = Undo { scope: scope.clone(), limits: limits(2, 2), ..Undo::default() };
    let (back, totals) = run_rollback(f, &rule(), &job.id, &undo).await?;
    assert_eq!((totals.changed, totals.scanned), (expected, expected), "{scope:?}");
    assert_eq!(moved(f, &before).await?, rows, "{scope:?}");
    // As it was, for the next scope.
    run_rollback(f, &rule(), &back.id, &Undo::default()).await?;
    assert_eq!(classes(f).await?, before, "{scope:?}");
    Ok(())
}

pub async fn old_values_name_their_rows_and_null_is_one_of_them(f: &Fixture) -> anyhow::Result<()> {
    let job = corrected(f).await?;
    takes(f, &job, old(&[None]), &["2", "8"]).await?;
    takes(f, &job, old(&[Some("")]), &["3"]).await?;
    takes(f, &job, old(&[None, Some("ETF"), Some("nowhere")]), &["2", "5", "8"]).await?;
    takes(f, &job, old(&[Some("STOCK")]), &[]).await
}

pub async fn new_values_name_their_rows(f: &Fixture) -> anyhow::Result<()> {
    let job = corrected(f).await?;
    let new = |wanted| RollbackScope { new_values: values(wanted), ..RollbackScope::default() };
    takes(f, &job, new(&[Some("ETF"), Some("CRYPTO")]), &["8", "9"]).await?;
    takes(f, &job, new(&[None, Some("etf")]), &[]).await
}

pub async fn a_pair_is_an_old_and_a_new_value_at_once(f: &Fixture) -> anyhow::Result<()> {
    let job = corrected(f).await?;
    let pair = |old: Option<&str>, new: &str| ValuePair { old: old.map(Into::into), new: Some(new.into()) };
    let pairs = vec![pair(None, "STOCK"), pair(Some("crypto"), "CRYPTO"), pair(Some("crypto"), "STOCK")];
    takes(f, &job, RollbackScope { pairs: Some(pairs), ..RollbackScope::default() }, &["2", "9"]).await
}

pub async fn chunks_name_the_rows_that_they_wrote(f: &Fixture) -> anyhow::Result<()> {
    let job = corrected(f).await?;
    let chunks = f.store().chunks(&job.id, 100).await?;
    let wrote: Vec<i64> = chunks.iter().filter(|c| c.changed > 0).map(|c| c.no).collect();
    assert!(wrote.len() >= 3, "{chunks:#?}");
    let only = |numbers: Vec<i64>| RollbackScope { chunks: Some(numbers), ..RollbackScope::default() };
    takes(f, &job, only(vec![wrote[0]]), &["2", "3", "4"]).await?;
    takes(f, &job, only(vec![wrote[2], wrote[0], 999]), &["2", "3", "4", "8", "9"]).await?;
    takes(f, &job, only(vec![999]), &[]).await
}

pub async fn row_keys_name_single_rows(f: &Fixture) -> anyhow::Result<()> {
    let job = corrected(f).await?;
    let rows = RollbackScope { rows: keys(&[9, 5, 1, 4711]), ..RollbackScope::default() };
    takes(f, &job, rows, &["5", "9"]).await
}

pub async fn keys_of_several_columns_are_named_as_rows_show_them(f: &Fixture) -> anyhow::Result<()> {
    let t = f.types();
    let rows: Vec<String> =
        [(1, "x"), (1, "it''s \"y\""), (2, "x")].iter().map(|(a, b)| format!("({a}, '{b}', 'A', NULL, 'n')")).collect();
    let rule = keyed(f, &format!("\"a\" {}, \"b\" {}", t.int, t.text), &["a", "b"], &rows).await?;
    let (job, totals) = run_correction(f, &rule, &Step::default()).await?;
    assert_eq!(totals.changed, 3);
    let all = f.store().rollback_samples(&rule, &job.id, &RollbackScope::default(), 20).await?;
    let odd = all.restorable.iter().map(|r| r.key.clone()).find(|key| key.contains("it's")).unwrap_or_default();
    let scope = RollbackScope { rows: Some(vec![odd.clone(), "[\"2\",\"z\"]".into()]), ..RollbackScope::default() };
    assert_eq!(f.store().rollback_counts(&rule, &job.id, &scope).await?.restorable, 1, "{odd}");
    let (_, totals) = run_rollback(f, &rule, &job.id, &Undo { scope, ..Undo::default() }).await?;
    assert_eq!(totals.changed, 1);
    let left = f.query("SELECT \"b\" FROM \"ticks\" WHERE \"class\" IS NULL").await?;
    assert_eq!(left, [[Some("it's \"y\"".to_owned())]]);
    let other = RollbackScope { rows: texts(&["2"]), ..RollbackScope::default() };
    assert!(f.store().rollback_counts(&rule, &job.id, &other).await.is_err(), "one text is no key of two columns");
    Ok(())
}

pub async fn lists_of_a_scope_hold_all_at_once(f: &Fixture) -> anyhow::Result<()> {
    let job = corrected(f).await?;
    takes(f, &job, RollbackScope { new_values: values(&[Some("STOCK")]), ..old(&[None]) }, &["2"]).await?;
    takes(f, &job, RollbackScope { symbols: texts(&["SPY", "BTC"]), ..old(&[None]) }, &["8"]).await?;
    let rows = RollbackScope { rows: keys(&[2, 3, 8]), symbols: texts(&["AAPL"]), ..old(&[None, Some("")]) };
    takes(f, &job, rows, &["2", "3"]).await?;
    takes(f, &job, RollbackScope { chunks: Some(vec![1]), ..old(&[Some("crypto")]) }, &[]).await
}

pub async fn a_deleted_row_is_told_by_every_scope_that_the_journal_can_answer(f: &Fixture) -> anyhow::Result<()> {
    let job = corrected(f).await?;
    f.execute(&format!("DELETE FROM {TICKS} WHERE \"id\" IN (5, 8)")).await?;
    let row = |wanted: &[i64]| RollbackScope { rows: keys(wanted), ..RollbackScope::default() };
    let symbols = |wanted: &[&str]| RollbackScope { symbols: texts(wanted), ..RollbackScope::default() };
    for (scope, restorable, deleted) in [
        (old(&[Some("ETF")]), 0, 1),
        (old(&[None]), 1, 1),
        (row(&[5, 6]), 1, 1),
        // A row that is gone has no symbol any more.
        (symbols(&["SPY"]), 0, 0),
        (RollbackScope { symbols: texts(&["AAPL"]), ..old(&[Some("ETF"), None]) }, 1, 0),
    ] {
        let counts = f.store().rollback_counts(&rule(), &job.id, &scope).await?;
        assert_eq!((counts.restorable, counts.deleted, counts.total()), (restorable, deleted, restorable + deleted));
        let samples = f.store().rollback_samples(&rule(), &job.id, &scope, 20).await?;
        assert_eq!(i64::try_from(samples.deleted.len())?, deleted, "{scope:?}");
        let undo = Undo { scope: scope.clone(), ..Undo::default() };
        let (back, totals) = run_rollback(f, &rule(), &job.id, &undo).await?;
        assert_eq!((totals.changed, totals.deleted), (restorable, deleted), "{scope:?}");
        assert_eq!(f.number(&format!("SELECT count(*) FROM {TICKS} WHERE \"id\" IN (5, 8)")).await?, 0);
        run_rollback(f, &rule(), &back.id, &Undo::default()).await?;
    }
    Ok(())
}

pub async fn conflict_choices_hold_within_a_scope(f: &Fixture) -> anyhow::Result<()> {
    let job = corrected(f).await?;
    f.execute(&format!("UPDATE {TICKS} SET \"class\" = 'MANUAL' WHERE \"id\" IN (2, 9)")).await?;
    let scope = old(&[None]);
    let counts = f.store().rollback_counts(&rule(), &job.id, &scope).await?;
    assert_eq!(counts, RollbackCounts { restorable: 1, changed_since: 1, ..RollbackCounts::default() });

    let stop = Undo { scope: scope.clone(), on_conflict: ConflictPolicy::Stop, ..Undo::default() };
    let back = Job::begin(f, &rule(), &rollback(&rule(), &job.id)).await?;
    let outcome = back.restore(f.store(), &job.id, &stop).await?;
    assert_eq!((outcome.conflicts, outcome.changed, outcome.done), (1, 0, false));
    back.succeed(f).await?;
    assert_eq!((view(f, &back.id).await?.changed, journalled(f, &back.id).await?), (0, 0));
    // A conflict outside the scope stops nothing.
    let (_, totals) = run_rollback(f, &rule(), &job.id, &Undo { scope: old(&[Some("")]), ..stop.clone() }).await?;
    assert_eq!((totals.changed, totals.conflicts), (1, 0));

    let skip = Undo { scope: scope.clone(), ..Undo::default() };
    let (_, totals) = run_rollback(f, &rule(), &job.id, &skip).await?;
    assert_eq!((totals.changed, totals.conflicts), (1, 1));
    assert_eq!((class_of(f, 2).await?.as_deref(), class_of(f, 8).await?), (Some("MANUAL"), None));

    let force = Undo { scope, on_conflict: ConflictPolicy::Force, ..Undo::default() };
    let (_, totals) = run_rollback(f, &rule(), &job.id, &force).await?;
    assert_eq!((totals.changed, totals.conflicts, totals.original), (1, 1, 1));
    assert_eq!((class_of(f, 2).await?, class_of(f, 9).await?.as_deref()), (None, Some("MANUAL")));
    Ok(())
}
