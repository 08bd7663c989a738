//! A rollback's list of rows that the table refused, as a store keeps it.

use amend_domain::{ConflictPolicy, ErrorCode};
use amend_engine::store::{ChunkOutcome, RefusedRow, RestoreRequest, StoreError, Write};

use super::{engine_failures::refuse, names::keyed};
use crate::{
    Fixture,
    bench::{self, TICKS, at, class_of, known, rule, tick},
    driver::{Job, Step, Undo, journalled, limits, refused, rollback, run_correction, view},
};

/// Six rows corrected by one run; its rollback, just begun.
async fn six(f: &Fixture) -> anyhow::Result<(Job, Job)> {
    let ticks: Vec<_> = (1..=6).map(|id| tick(id, "AAPL", Some("ETF"))).collect();
    bench::fill(f, &[known("AAPL", "STOCK")], &ticks).await?;
    let (job, _) = run_correction(f, &rule(), &Step::default()).await?;
    let back = Job::begin(f, &rule(), &rollback(&rule(), &job.id)).await?;
    Ok((job, back))
}

async fn fail(f: &Fixture, job: &Job, back: &Job, undo: &Undo<'_>) -> Result<ChunkOutcome, StoreError> {
    let chunk = RestoreRequest {
        lease: &back.lease,
        rule: &back.rule,
        source: &job.id,
        entries: undo.entries,
        on_conflict: undo.on_conflict,
        scope: &undo.scope,
        cursor: undo.cursor,
        limits: undo.limits,
        write: undo.write,
        now: at(21),
    };
    let code = ErrorCode::RowsRefused;
    f.store().fail_restore(&RefusedRow { chunk: &chunk, code, message: "It was refused.", detail: "why" }).await
}

pub async fn a_refused_row_is_listed_and_passed_over_until_it_changes(f: &Fixture) -> anyhow::Result<()> {
    let (job, back) = six(f).await?;
    refuse(f, "NEW.\"id\" > 0").await?;
    let one = Undo { limits: limits(1, 1), ..Undo::default() };
    let error = refused(back.restore(f.store(), &job.id, &one).await)?;
    assert!(matches!(error, StoreError::Row(_)), "{error:?}");
    let outcome = fail(f, &job, &back, &one).await?;
    assert_eq!((outcome.failed, outcome.scanned, outcome.changed, outcome.done), (1, 1, 0, false));
    let listed = f.store().failed_rows(&back.id, 0, 10).await?;
    let [row] = listed.as_slice() else { anyhow::bail!("{listed:?}") };
    assert_eq!(
        (row.symbol.as_deref(), row.old.as_deref(), row.new.as_deref()),
        (Some("AAPL"), Some("STOCK"), Some("ETF"))
    );
    assert_eq!((row.code.as_str(), row.detail.as_deref(), row.at), ("ROWS_REFUSED", Some("why"), at(21)));
    let id: i64 = row.key.parse()?;
    assert_eq!(f.store().standing_refusals(&rule(), &back.id).await?, 1);
    // From the start again, over a table that refuses nothing: the listed row alone stays.
    f.execute(match f.kind() {
        amend_engine::store::StoreKind::Postgres => "DROP TRIGGER frozen ON \"ticks\"",
        amend_engine::store::StoreKind::Sqlite => "DROP TRIGGER frozen",
    })
    .await?;
    let totals = back.restore_all(f, &job.id, &Undo::default()).await?;
    assert_eq!((totals.changed, class_of(f, id).await?.as_deref()), (5, Some("STOCK")));
    let run = view(f, &back.id).await?;
    assert_eq!((run.failed, run.changed, journalled(f, &back.id).await?), (1, 5, 5));
    // With another value it is as any row.
    f.execute(&format!("UPDATE {TICKS} SET \"class\" = 'MANUAL' WHERE \"id\" = {id}")).await?;
    assert_eq!(f.store().standing_refusals(&rule(), &back.id).await?, 0);
    let forced = Undo { on_conflict: ConflictPolicy::Force, ..Undo::default() };
    assert_eq!(back.restore_all(f, &job.id, &forced).await?.changed, 1);
    assert_eq!(class_of(f, id).await?.as_deref(), Some("ETF"));
    Ok(())
}

pub async fn a_row_that_is_no_longer_to_be_restored_is_not_listed(f: &Fixture) -> anyhow::Result<()> {
    let (job, back) = six(f).await?;
    f.execute(&format!("UPDATE {TICKS} SET \"class\" = 'MANUAL'")).await?;
    let one = Undo { limits: limits(1, 1), ..Undo::default() };
    let outcome = fail(f, &job, &back, &one).await?;
    assert_eq!((outcome.failed, outcome.scanned, outcome.cursor, outcome.done), (0, 0, None, false));
    let forced = Undo { on_conflict: ConflictPolicy::Force, ..one };
    assert_eq!(fail(f, &job, &back, &forced).await?.failed, 1);
    assert_eq!(f.store().failed_rows(&back.id, 0, 10).await?.len(), 1);
    Ok(())
}

pub async fn a_rehearsed_refusal_and_an_old_fence_list_nothing(f: &Fixture) -> anyhow::Result<()> {
    let (job, mut back) = six(f).await?;
    let rehearsed = Undo { limits: limits(1, 1), write: Write::Rehearse, ..Undo::default() };
    let outcome = fail(f, &job, &back, &rehearsed).await?;
    assert_eq!((outcome.failed, outcome.cursor.is_some()), (1, true));
    back.lease.fence -= 1;
    let error = refused(fail(f, &job, &back, &Undo::default()).await)?;
    assert!(matches!(error, StoreError::LeaseLost), "{error:?}");
    assert!(f.store().failed_rows(&back.id, 0, 10).await?.is_empty());
    let run = view(f, &back.id).await?;
    assert_eq!((run.failed, run.chunks, run.scanned), (0, 0, 0));
    Ok(())
}

pub async fn keys_of_several_columns_are_listed_one_by_one(f: &Fixture) -> anyhow::Result<()> {
    let (text, number) = (f.types().text, f.types().number);
    let rows: Vec<String> = ["'it''s'", "'a,\"b\"'", "''"]
        .iter()
        .flat_map(|name| ["0.1", "-1.5"].map(|n| format!("({name}, {n}, 'A', NULL, 'n')")))
        .collect();
    let rule = keyed(f, &format!("\"name\" {text}, \"No\" {number}"), &["name", "No"], &rows).await?;
    let (job, _) = run_correction(f, &rule, &Step::default()).await?;
    let back = Job::begin(f, &rule, &rollback(&rule, &job.id)).await?;
    let mut cursor = None;
    for left in (0..rows.len()).rev() {
        let one = Undo { cursor: cursor.as_deref(), limits: limits(1, 1), ..Undo::default() };
        let outcome = fail(f, &job, &back, &one).await?;
        assert_eq!((outcome.failed, outcome.done), (1, left == 0));
        cursor = outcome.cursor;
    }
    let listed = f.store().failed_rows(&back.id, 0, 100).await?;
    assert_eq!(listed.len(), rows.len());
    assert_eq!(f.store().standing_refusals(&rule, &back.id).await?, i64::try_from(rows.len())?);
    assert_eq!(back.restore_all(f, &job.id, &Undo::default()).await?.changed, 0);
    // As the list shows them, a scope names them.
    let scope = amend_domain::RollbackScope { rows: Some(vec![listed[0].key.clone()]), ..Default::default() };
    assert_eq!(f.store().rollback_counts(&rule, &job.id, &scope).await?.restorable, 1);
    Ok(())
}
