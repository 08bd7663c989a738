//! `correct_chunk`: what it changes, what it writes down, what it leaves alone.

use amend_domain::{Finding, Mode, RunState, Scope};
use amend_engine::store::{JournalPair, RunPatch, StoreError, Write};

use crate::{
    Fixture,
    bench::{self, TICKS, at, class_of, every_finding, known, rule, tick, untouched_picture},
    driver::{Job, Step, correction, journal, journalled, limits, only, refused, run_correction, stored, view},
    model::{World, agree},
};

async fn fill(f: &Fixture) -> anyhow::Result<()> {
    let (tickers, ticks) = every_finding();
    bench::fill(f, &tickers, &ticks).await
}

/// Twenty missing rows of one symbol, ids 10, 20, .. 200.
async fn twenty(f: &Fixture) -> anyhow::Result<()> {
    let ticks: Vec<_> = (1..=20).map(|n| tick(n * 10, "AAPL", None)).collect();
    bench::fill(f, &[known("AAPL", "STOCK")], &ticks).await
}

fn pair(old: Option<&str>, new: &str, rows: i64) -> JournalPair {
    JournalPair { old: old.map(Into::into), new: Some(new.into()), rows }
}

pub async fn fill_changes_missing_rows_alone(f: &Fixture) -> anyhow::Result<()> {
    fill(f).await?;
    let before = World::read(f, &rule()).await?;
    let untouched = untouched_picture(f).await?;
    let (job, totals) = run_correction(f, &rule(), &Step { mode: Mode::Fill, ..Step::default() }).await?;
    assert_eq!(totals.changed, 4);
    let after = agree(f, &rule()).await?;
    for (was, is) in before.rows.iter().zip(&after.rows) {
        match was.finding {
            Finding::Missing => assert_eq!(is.current, was.proposed),
            _ => assert_eq!(is, was),
        }
    }
    assert_eq!(untouched_picture(f).await?, untouched);
    let expected =
        [pair(None, "ETF", 1), pair(None, "STOCK", 1), pair(Some(""), "STOCK", 1), pair(Some("\u{a0}\t "), "STOCK", 1)];
    let mut found = journal(f, &job.id).await?;
    found.sort_by(|a, b| (&a.old, &a.new).cmp(&(&b.old, &b.new)));
    assert_eq!(found.len(), 4);
    assert!(expected.iter().all(|p| found.contains(p)), "{found:?}");
    Ok(())
}

pub async fn overwrite_changes_mismatched_and_variant_rows_too(f: &Fixture) -> anyhow::Result<()> {
    fill(f).await?;
    let before = World::read(f, &rule()).await?;
    let (job, totals) = run_correction(f, &rule(), &Step::default()).await?;
    assert_eq!((totals.changed, journalled(f, &job.id).await?), (8, 8));
    let after = agree(f, &rule()).await?;
    for (was, is) in before.rows.iter().zip(&after.rows) {
        if was.finding.needs_a_person() {
            assert_eq!(is, was);
        } else {
            assert_eq!(is.finding, Finding::Correct, "{was:?}");
        }
    }
    assert_eq!(after.correctable(Mode::Overwrite, &Scope::default()), 0);
    Ok(())
}

pub async fn what_needs_a_person_is_never_written(f: &Fixture) -> anyhow::Result<()> {
    let tickers = [
        known("DUAL", "STOCK"),
        known("DUAL", "ETF"),
        known("BLANK", ""),
        known("ODD", "WIDGET"),
        known("CASE", "STOCK"),
        known("CASE", "stock"),
    ];
    let ticks: Vec<_> = ["DUAL", "BLANK", "ODD", "CASE", "GONE"]
        .iter()
        .flat_map(|s| [None, Some(""), Some("STOCK"), Some("stock")].map(|c| (*s, c)))
        .zip(1..)
        .map(|((s, c), id)| tick(id, s, c))
        .collect();
    bench::fill(f, &tickers, &ticks).await?;
    let picture = f.picture(TICKS).await?;
    let (job, totals) = run_correction(f, &rule(), &Step { limits: limits(3, 3), ..Step::default() }).await?;
    assert_eq!((totals.changed, journalled(f, &job.id).await?), (0, 0));
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}

pub async fn a_chunk_changes_no_more_rows_than_its_limit(f: &Fixture) -> anyhow::Result<()> {
    twenty(f).await?;
    let job = Job::begin(f, &rule(), &correction(&rule())).await?;
    let first = job.correct(f.store(), &Step { limits: limits(6, 1_000), ..Step::default() }).await?;
    assert_eq!((first.changed, first.done), (6, false));
    // In key order: the first six and no others.
    let changed = f.query(&format!("SELECT \"id\" FROM {TICKS} WHERE \"class\" = 'STOCK' ORDER BY \"id\"")).await?;
    let ids: Vec<_> = changed.into_iter().flatten().flatten().collect();
    assert_eq!(ids, ["10", "20", "30", "40", "50", "60"]);
    let rest = job.correct_all(f, &Step { limits: limits(6, 1_000), ..Step::default() }).await?;
    assert_eq!(rest.changed, 14);
    Ok(())
}

pub async fn a_chunk_looks_at_no_more_rows_than_its_limit(f: &Fixture) -> anyhow::Result<()> {
    let mut ticks: Vec<_> = (1..=20).map(|id| tick(id, "AAPL", "STOCK")).collect();
    ticks.push(tick(21, "AAPL", None));
    bench::fill(f, &[known("AAPL", "STOCK")], &ticks).await?;
    let job = Job::begin(f, &rule(), &correction(&rule())).await?;
    let first = job.correct(f.store(), &Step { limits: limits(5, 8), ..Step::default() }).await?;
    assert_eq!((first.scanned, first.changed, first.done), (8, 0, false));
    let totals = job.correct_all(f, &Step { limits: limits(5, 8), ..Step::default() }).await?;
    assert_eq!((totals.scanned, totals.changed), (21, 1));
    Ok(())
}

pub async fn chunks_of_any_size_end_at_the_same_table(f: &Fixture) -> anyhow::Result<()> {
    let (tickers, ticks) = every_finding();
    let mut pictures = Vec::new();
    for (rows, scan) in [(1, 1), (1, 5), (2, 3), (3, 16), (8, 8), (1_000, 10_000)] {
        bench::fill(f, &tickers, &ticks).await?;
        let step = Step { limits: limits(rows, scan), ..Step::default() };
        let (job, totals) = run_correction(f, &rule(), &step).await?;
        assert_eq!((totals.changed, journalled(f, &job.id).await?), (8, 8), "rows {rows}, scan {scan}");
        pictures.push(f.picture(TICKS).await?);
    }
    assert!(pictures.windows(2).all(|w| w[0] == w[1]));
    Ok(())
}

pub async fn each_chunk_adds_to_the_runs_counters_and_moves_its_cursor(f: &Fixture) -> anyhow::Result<()> {
    twenty(f).await?;
    let job = Job::begin(f, &rule(), &correction(&rule())).await?;
    let mut cursor = None;
    let (mut changed, mut scanned) = (0, 0);
    for chunk in 1..=3 {
        let step = Step { cursor: cursor.as_deref(), limits: limits(4, 100), ..Step::default() };
        let outcome = job.correct(f.store(), &step).await?;
        changed += outcome.changed;
        scanned += outcome.scanned;
        let run = stored(f, &job.id).await?;
        assert_eq!((run.view.chunks, run.view.changed, run.view.scanned), (chunk, changed, scanned));
        assert_eq!(run.cursor, outcome.cursor);
        assert_eq!(journalled(f, &job.id).await?, changed);
        cursor = outcome.cursor;
    }
    let log = f.store().chunks(&job.id, 500).await?;
    assert_eq!(log.iter().map(|c| c.no).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(log.iter().all(|c| c.changed == 4 && c.batch_size == 4 && c.at == at(10)), "{log:?}");
    assert_eq!(f.store().chunks(&job.id, 2).await?.iter().map(|c| c.no).collect::<Vec<_>>(), [2, 3]);
    Ok(())
}

pub async fn a_worker_goes_on_where_the_stored_cursor_says(f: &Fixture) -> anyhow::Result<()> {
    twenty(f).await?;
    let job = Job::begin(f, &rule(), &correction(&rule())).await?;
    job.correct(f.store(), &Step { limits: limits(7, 100), ..Step::default() }).await?;
    let second = f.another_store().await?;
    let cursor = second.run(&job.id).await?.and_then(|r| r.cursor);
    assert!(cursor.is_some());
    let step = Step { cursor: cursor.as_deref(), limits: limits(100, 100), ..Step::default() };
    let rest = job.correct(second.as_ref(), &step).await?;
    assert_eq!((rest.changed, rest.scanned, rest.done), (13, 13, true));
    assert_eq!(journalled(f, &job.id).await?, 20);
    Ok(())
}

pub async fn untouched_columns_have_the_same_digest_before_and_after(f: &Fixture) -> anyhow::Result<()> {
    twenty(f).await?;
    let (job, _) = run_correction(f, &rule(), &Step { limits: limits(6, 100), ..Step::default() }).await?;
    let log = f.store().chunks(&job.id, 500).await?;
    let changing: Vec<_> = log.iter().filter(|c| c.changed > 0).collect();
    assert_eq!(changing.len(), 4);
    for chunk in &changing {
        assert!(!chunk.untouched_before.is_empty());
        assert_eq!(chunk.untouched_before, chunk.untouched_after);
    }
    assert_ne!(changing[0].untouched_before, changing[1].untouched_before, "other rows, another digest");
    assert_eq!(f.store().touched_chunks(&job.id).await?, 0);
    Ok(())
}

pub async fn a_scope_changes_its_symbols_alone(f: &Fixture) -> anyhow::Result<()> {
    fill(f).await?;
    let before = World::read(f, &rule()).await?;
    let step = Step { scope: only(&["SPY", "BTC", "GONE"]), limits: limits(1, 4), ..Step::default() };
    let (_, totals) = run_correction(f, &rule(), &step).await?;
    assert_eq!(totals.changed, 2);
    let after = World::read(f, &rule()).await?;
    for (was, is) in before.rows.iter().zip(&after.rows) {
        assert_eq!(was == is, !["8", "9"].contains(&was.key[0].as_str()), "{was:?}");
    }
    Ok(())
}

pub async fn a_scope_that_names_no_row_changes_nothing(f: &Fixture) -> anyhow::Result<()> {
    fill(f).await?;
    let picture = f.picture(TICKS).await?;
    for symbol in ["no such symbol", "aapl", "AAPL ", "%"] {
        let (_, totals) = run_correction(f, &rule(), &Step { scope: only(&[symbol]), ..Step::default() }).await?;
        assert_eq!(totals.changed, 0, "{symbol}");
    }
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}

pub async fn a_rehearsal_counts_and_writes_nothing(f: &Fixture) -> anyhow::Result<()> {
    fill(f).await?;
    let job = Job::begin(f, &rule(), &correction(&rule())).await?;
    let (picture, run) = (f.picture(TICKS).await?, stored(f, &job.id).await?);
    let step = Step { limits: limits(5, 9), write: Write::Rehearse, ..Step::default() };
    let rehearsed = job.correct(f.store(), &step).await?;
    assert_eq!(f.picture(TICKS).await?, picture);
    assert_eq!(stored(f, &job.id).await?, run);
    assert!(journal(f, &job.id).await?.is_empty());
    assert!(f.store().chunks(&job.id, 10).await?.is_empty());
    let real = job.correct(f.store(), &Step { write: Write::Commit, ..step }).await?;
    assert_eq!(
        (rehearsed.changed, rehearsed.scanned, rehearsed.skipped, rehearsed.done, rehearsed.cursor),
        (real.changed, real.scanned, real.skipped, real.done, real.cursor)
    );
    Ok(())
}

pub async fn a_whole_rehearsal_counts_what_the_run_then_changes(f: &Fixture) -> anyhow::Result<()> {
    fill(f).await?;
    let job = Job::begin(f, &rule(), &correction(&rule())).await?;
    let step = Step { limits: limits(3, 5), ..Step::default() };
    let rehearsed = job.correct_all(f, &Step { write: Write::Rehearse, ..step.clone() }).await?;
    assert_eq!(rehearsed, job.correct_all(f, &step).await?);
    assert_eq!(rehearsed.changed, 8);
    Ok(())
}

pub async fn an_old_fence_is_refused_and_nothing_is_written(f: &Fixture) -> anyhow::Result<()> {
    fill(f).await?;
    let job = Job::begin(f, &rule(), &correction(&rule())).await?;
    let taken = f.store().lease_run(&job.id, "worker-2", at(4_000), at(5_000)).await?;
    assert!(taken.is_some_and(|lease| lease.fence > job.lease.fence));
    let (picture, run) = (f.picture(TICKS).await?, stored(f, &job.id).await?);
    for write in [Write::Commit, Write::Rehearse] {
        let error = refused(job.correct(f.store(), &Step { write, ..Step::default() }).await)?;
        assert!(matches!(error, StoreError::LeaseLost), "{error:?}");
    }
    let patch = RunPatch { failed: Some(7), ..RunPatch::default() };
    let error = refused(f.store().update_run(&job.lease, None, &patch).await)?;
    assert!(matches!(error, StoreError::LeaseLost), "{error:?}");
    assert_eq!(f.picture(TICKS).await?, picture);
    assert_eq!(stored(f, &job.id).await?, run);
    assert!(journal(f, &job.id).await?.is_empty());
    Ok(())
}

pub async fn a_run_that_is_over_writes_no_more(f: &Fixture) -> anyhow::Result<()> {
    twenty(f).await?;
    let job = Job::begin(f, &rule(), &correction(&rule())).await?;
    job.correct(f.store(), &Step { limits: limits(5, 100), ..Step::default() }).await?;
    let store = f.store();
    let ended = store.request_state(&job.id, &[RunState::Running], RunState::Cancelling, None).await?
        && store
            .update_run(&job.lease, Some((&[RunState::Cancelling], RunState::Cancelled)), &RunPatch::default())
            .await?;
    assert!(ended);
    let picture = f.picture(TICKS).await?;
    refused(job.correct(f.store(), &Step::default()).await)?;
    assert_eq!(f.picture(TICKS).await?, picture);
    assert_eq!((view(f, &job.id).await?.changed, journalled(f, &job.id).await?), (5, 5));
    Ok(())
}

pub async fn a_chunk_says_the_state_that_a_person_asked_for(f: &Fixture) -> anyhow::Result<()> {
    twenty(f).await?;
    let job = Job::begin(f, &rule(), &correction(&rule())).await?;
    let step = Step { limits: limits(5, 100), ..Step::default() };
    assert_eq!(job.correct(f.store(), &step).await?.state, RunState::Running);
    f.store().request_state(&job.id, &[RunState::Running], RunState::Cancelling, None).await?;
    assert_eq!(job.correct(f.store(), &step).await?.state, RunState::Cancelling);
    Ok(())
}

pub async fn a_second_run_changes_nothing(f: &Fixture) -> anyhow::Result<()> {
    fill(f).await?;
    run_correction(f, &rule(), &Step::default()).await?;
    let picture = f.picture(TICKS).await?;
    let (again, totals) = run_correction(f, &rule(), &Step { limits: limits(3, 7), ..Step::default() }).await?;
    assert_eq!((totals.changed, totals.scanned, journalled(f, &again.id).await?), (0, 16, 0));
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}

pub async fn a_table_without_rows_is_done_at_once(f: &Fixture) -> anyhow::Result<()> {
    bench::fill(f, &[known("A", "STOCK")], &[]).await?;
    let job = Job::begin(f, &rule(), &correction(&rule())).await?;
    let outcome = job.correct(f.store(), &Step::default()).await?;
    assert_eq!((outcome.done, outcome.changed, outcome.scanned), (true, 0, 0));
    Ok(())
}

pub async fn rows_that_arrive_behind_the_cursor_are_found_by_another_walk(f: &Fixture) -> anyhow::Result<()> {
    twenty(f).await?;
    let job = Job::begin(f, &rule(), &correction(&rule())).await?;
    let step = Step { limits: limits(10, 100), ..Step::default() };
    let first = job.correct(f.store(), &step).await?;
    bench::add_ticks(f, &[tick(5, "AAPL", None), tick(205, "AAPL", "")]).await?;
    let second = Step { cursor: first.cursor.as_deref(), limits: limits(50, 100), ..step.clone() };
    assert_eq!(job.correct(f.store(), &second).await?.changed, 11);
    let sweep = job.correct_all(f, &step).await?;
    assert_eq!(sweep.changed, 1);
    assert_eq!(journalled(f, &job.id).await?, 22);
    assert_eq!(World::read(f, &rule()).await?.counts(&Scope::default()).correct, 22);
    Ok(())
}

pub async fn the_reference_is_read_in_each_chunks_own_transaction(f: &Fixture) -> anyhow::Result<()> {
    twenty(f).await?;
    let job = Job::begin(f, &rule(), &correction(&rule())).await?;
    let step = Step { limits: limits(10, 100), ..Step::default() };
    let first = job.correct(f.store(), &step).await?;
    f.execute("UPDATE \"tickers\" SET \"class\" = 'ETF'").await?;
    job.correct(f.store(), &Step { cursor: first.cursor.as_deref(), ..step }).await?;
    assert_eq!(class_of(f, 100).await?.as_deref(), Some("STOCK"));
    assert_eq!(class_of(f, 110).await?.as_deref(), Some("ETF"));
    assert_eq!(journal(f, &job.id).await?, [pair(None, "ETF", 10), pair(None, "STOCK", 10)]);
    Ok(())
}
