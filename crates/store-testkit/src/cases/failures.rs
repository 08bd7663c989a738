//! The list of failed rows, as a store keeps it.

use amend_domain::{ErrorCode, Mode, RunId, Scope};
use amend_engine::store::{ChunkOutcome, ChunkRequest, RefusedRow, StoreError, StoreKind, Write};

use super::names::keyed;
use crate::{
    Fixture,
    bench::{self, TICKS, at, class_of, known, rule, tick},
    driver::{Job, Step, correction, journalled, limits, refused, view},
};

/// Twelve missing rows, ids 1 to 12; nobody may write row 9.
async fn twelve(f: &Fixture) -> anyhow::Result<Job> {
    let ticks: Vec<_> = (1..=12).map(|id| tick(id, "AAPL", None)).collect();
    bench::fill(f, &[known("AAPL", "STOCK")], &ticks).await?;
    f.execute(match f.kind() {
        StoreKind::Postgres => {
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN RAISE EXCEPTION 'row % is frozen', NEW.\"id\"; END $$;
             CREATE TRIGGER frozen BEFORE UPDATE ON \"ticks\" FOR EACH ROW WHEN (NEW.\"id\" = 9) EXECUTE FUNCTION refuse();"
        }
        StoreKind::Sqlite => {
            "CREATE TRIGGER frozen BEFORE UPDATE ON \"ticks\" WHEN NEW.\"id\" = 9
             BEGIN SELECT RAISE(ABORT, 'row 9 is frozen'); END;"
        }
    })
    .await?;
    Job::begin(f, &rule(), &correction(&rule())).await
}

async fn thaw(f: &Fixture) -> anyhow::Result<()> {
    f.execute(match f.kind() {
        StoreKind::Postgres => "DROP TRIGGER frozen ON \"ticks\"",
        StoreKind::Sqlite => "DROP TRIGGER frozen",
    })
    .await
}

async fn fail(f: &Fixture, job: &Job, step: &Step<'_>, detail: &str) -> Result<ChunkOutcome, StoreError> {
    let chunk = ChunkRequest {
        lease: &job.lease,
        rule: &job.rule,
        mode: step.mode,
        scope: &step.scope,
        cursor: step.cursor,
        limits: step.limits,
        write: step.write,
        now: at(11),
    };
    let refused = RefusedRow { chunk: &chunk, code: ErrorCode::RowsRefused, message: "It was refused.", detail };
    f.store().fail_row(&refused).await
}

/// Rows 1 to 8 corrected, row 9 tried alone and listed; gives the cursor behind it.
async fn up_to_nine(f: &Fixture, job: &Job) -> anyhow::Result<Option<String>> {
    let eight = job.correct(f.store(), &Step { limits: limits(8, 8), ..Step::default() }).await?;
    let alone = Step { cursor: eight.cursor.as_deref(), limits: limits(1, 100), ..Step::default() };
    let error = refused(job.correct(f.store(), &alone).await)?;
    let outcome = fail(f, job, &alone, &error.to_string()).await?;
    assert_eq!((outcome.failed, outcome.changed, outcome.done), (1, 0, false));
    Ok(outcome.cursor)
}

async fn standing(f: &Fixture, id: &RunId) -> anyhow::Result<i64> {
    Ok(f.store().standing_failures(&rule(), id, Mode::Overwrite, &Scope::default()).await?)
}

pub async fn a_refused_row_is_listed_with_its_error_and_passed_over(f: &Fixture) -> anyhow::Result<()> {
    let job = twelve(f).await?;
    let cursor = up_to_nine(f, &job).await?;
    let rest = job.correct(f.store(), &Step { cursor: cursor.as_deref(), ..Step::default() }).await?;
    assert_eq!((rest.changed, rest.done), (3, true));
    let listed = f.store().failed_rows(&job.id, 0, 10).await?;
    let [row] = listed.as_slice() else { anyhow::bail!("{listed:?}") };
    assert_eq!((bench::id_of(&row.key).as_str(), row.symbol.as_deref(), row.old.as_deref()), ("9", Some("AAPL"), None));
    assert_eq!((row.new.as_deref(), row.code.as_str(), row.attempts), (Some("STOCK"), "ROWS_REFUSED", 1));
    assert_eq!((row.message.as_str(), row.at), ("It was refused.", at(11)));
    assert!(row.detail.as_deref().is_some_and(|d| d.contains("frozen")), "{row:?}");
    assert!(f.store().failed_rows(&job.id, row.seq, 10).await?.is_empty());
    let run = view(f, &job.id).await?;
    assert_eq!((run.failed, run.changed, run.scanned, run.chunks), (1, 11, 12, 3));
    assert_eq!((journalled(f, &job.id).await?, class_of(f, 9).await?), (11, None));
    assert_eq!(f.store().touched_chunks(&job.id).await?, 0);
    Ok(())
}

pub async fn a_listed_row_is_no_candidate_until_its_value_changes(f: &Fixture) -> anyhow::Result<()> {
    let job = twelve(f).await?;
    up_to_nine(f, &job).await?;
    thaw(f).await?;
    assert_eq!(job.correct_all(f, &Step::default()).await?.changed, 3);
    assert_eq!((standing(f, &job.id).await?, class_of(f, 9).await?), (1, None));
    f.execute(&format!("UPDATE {TICKS} SET \"class\" = 'ETF' WHERE \"id\" = 9")).await?;
    assert_eq!(standing(f, &job.id).await?, 0);
    assert_eq!(job.correct_all(f, &Step::default()).await?.changed, 1);
    assert_eq!(class_of(f, 9).await?.as_deref(), Some("STOCK"));
    Ok(())
}

pub async fn a_row_that_is_refused_with_another_value_counts_another_attempt(f: &Fixture) -> anyhow::Result<()> {
    let job = twelve(f).await?;
    let cursor = up_to_nine(f, &job).await?;
    job.correct(f.store(), &Step { cursor: cursor.as_deref(), ..Step::default() }).await?;
    thaw(f).await?;
    f.execute(&format!("UPDATE {TICKS} SET \"class\" = 'ETF' WHERE \"id\" = 9")).await?;
    let outcome = fail(f, &job, &Step { limits: limits(1, 100), ..Step::default() }, "again").await?;
    assert_eq!(outcome.failed, 0);
    let listed = f.store().failed_rows(&job.id, 0, 10).await?;
    let [row] = listed.as_slice() else { anyhow::bail!("{listed:?}") };
    assert_eq!((row.attempts, row.old.as_deref(), row.detail.as_deref()), (2, Some("ETF"), Some("again")));
    assert_eq!((view(f, &job.id).await?.failed, standing(f, &job.id).await?), (1, 1));
    Ok(())
}

pub async fn a_listed_row_that_needs_no_correction_does_not_stand(f: &Fixture) -> anyhow::Result<()> {
    let job = twelve(f).await?;
    up_to_nine(f, &job).await?;
    assert_eq!(standing(f, &job.id).await?, 1);
    f.execute(&format!("DELETE FROM {}", bench::TICKERS)).await?;
    assert_eq!(standing(f, &job.id).await?, 0);
    Ok(())
}

pub async fn nothing_is_listed_where_no_row_is_to_be_changed(f: &Fixture) -> anyhow::Result<()> {
    let job = twelve(f).await?;
    thaw(f).await?;
    job.correct_all(f, &Step::default()).await?;
    let outcome = fail(f, &job, &Step { limits: limits(1, 5), ..Step::default() }, "late").await?;
    assert_eq!((outcome.failed, outcome.scanned, outcome.done), (0, 5, false));
    assert!(f.store().failed_rows(&job.id, 0, 10).await?.is_empty());
    assert_eq!(view(f, &job.id).await?.failed, 0);
    Ok(())
}

pub async fn a_rehearsed_refusal_lists_nothing(f: &Fixture) -> anyhow::Result<()> {
    let job = twelve(f).await?;
    let step = Step { limits: limits(1, 100), write: Write::Rehearse, ..Step::default() };
    let outcome = fail(f, &job, &step, "rehearsed").await?;
    assert_eq!((outcome.failed, outcome.cursor.is_some()), (1, true));
    assert!(f.store().failed_rows(&job.id, 0, 10).await?.is_empty());
    let run = view(f, &job.id).await?;
    assert_eq!((run.failed, run.chunks, run.scanned), (0, 0, 0));
    Ok(())
}

pub async fn an_old_fence_lists_nothing(f: &Fixture) -> anyhow::Result<()> {
    let mut job = twelve(f).await?;
    job.lease.fence -= 1;
    let error = refused(fail(f, &job, &Step { limits: limits(1, 100), ..Step::default() }, "late").await)?;
    assert!(matches!(error, StoreError::LeaseLost), "{error:?}");
    assert!(f.store().failed_rows(&job.id, 0, 10).await?.is_empty());
    Ok(())
}

pub async fn a_scope_of_failed_rows_holds_these_alone(f: &Fixture) -> anyhow::Result<()> {
    let job = twelve(f).await?;
    up_to_nine(f, &job).await?;
    job.succeed(f).await?;
    thaw(f).await?;
    let scope = Scope { failed_of: Some(job.id.clone()), ..Scope::default() };
    let summary = f.store().summarise(&rule(), &scope).await?;
    assert_eq!(summary.groups.iter().map(|g| g.rows).sum::<i64>(), 1);
    let again = Job::begin(f, &rule(), &correction(&rule())).await?;
    let totals = again.correct_all(f, &Step { scope, limits: limits(4, 4), ..Step::default() }).await?;
    assert_eq!((totals.changed, totals.scanned), (1, 1));
    assert_eq!((class_of(f, 9).await?.as_deref(), class_of(f, 10).await?), (Some("STOCK"), None));
    Ok(())
}

/// Keys that are hard to write down and to find again.
pub async fn keys_of_any_kind_are_listed_and_found_again(f: &Fixture) -> anyhow::Result<()> {
    let (text, number) = (f.types().text, f.types().number);
    let rows: Vec<String> = ["'it''s'", "'a,\"b\"'", "'東京'", "''"]
        .iter()
        .flat_map(|name| ["0.1", "-1.5", "12345.678901"].map(|n| format!("({name}, {n}, 'A', NULL, 'n')")))
        .collect();
    let key = format!("\"name\" {text}, \"No\" {number}");
    let rule = keyed(f, &key, &["name", "No"], &rows).await?;
    let job = Job::begin(f, &rule, &correction(&rule)).await?;
    let mut cursor = None;
    for _ in 0..rows.len() {
        let step = Step { cursor: cursor.as_deref(), limits: limits(1, 100), ..Step::default() };
        let outcome = fail(f, &job, &step, "no").await?;
        assert_eq!(outcome.failed, 1);
        cursor = outcome.cursor;
    }
    let listed = f.store().failed_rows(&job.id, 0, 100).await?;
    assert_eq!(listed.len(), rows.len());
    let parts: Vec<String> = serde_json::from_str(&listed[0].key)?;
    assert_eq!(parts.len(), 2, "{listed:?}");
    let all = Scope::default();
    assert_eq!(f.store().standing_failures(&rule, &job.id, Mode::Fill, &all).await?, i64::try_from(rows.len())?);
    assert_eq!(job.correct_all(f, &Step::default()).await?.changed, 0);
    let scope = Scope { failed_of: Some(job.id.clone()), ..all };
    let summary = f.store().summarise(&rule, &scope).await?;
    assert_eq!(summary.groups.iter().map(|g| g.rows).sum::<i64>(), i64::try_from(rows.len())?);
    Ok(())
}

pub async fn a_list_of_failed_rows_is_dropped_of_a_marked_run_alone(f: &Fixture) -> anyhow::Result<()> {
    let job = twelve(f).await?;
    up_to_nine(f, &job).await?;
    job.succeed(f).await?;
    assert_eq!(f.store().drop_failed_rows(&job.id).await?, 0, "it is not marked");
    let items = f.store().purgeable(&rule().slug, at(101), at(101)).await?;
    assert_eq!((items.len(), items[0].failed_rows, items[0].journal_rows), (1, 1, 8));
    assert!(f.store().mark_purged(&job.id, at(200)).await?);
    assert_eq!(f.store().drop_failed_rows(&job.id).await?, 1);
    assert!(f.store().failed_rows(&job.id, 0, 10).await?.is_empty());
    assert_eq!(f.store().purgeable(&rule().slug, at(101), at(101)).await?[0].failed_rows, 0);
    Ok(())
}
