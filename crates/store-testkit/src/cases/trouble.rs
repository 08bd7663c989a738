//! Locks, triggers, constraints: a chunk is whole or it is not there.

use std::{sync::Arc, time::Duration};

use amend_domain::{Mode, Scope};
use amend_engine::store::{ChunkLimits, StoreError, StoreKind};
use tokio::time::Instant;

use crate::{
    Fixture,
    bench::{self, TICKS, class_of, known, rule, tick},
    driver::{Job, Step, correction, journal, journalled, limits, refused, stored, view},
    model::World,
};

/// Twelve missing rows, ids 1 to 12.
async fn twelve(f: &Fixture) -> anyhow::Result<Job> {
    let ticks: Vec<_> = (1..=12).map(|id| tick(id, "AAPL", None)).collect();
    bench::fill(f, &[known("AAPL", "STOCK")], &ticks).await?;
    Job::begin(f, &rule(), &correction(&rule())).await
}

/// Nothing of a failed chunk is there: no row, no journal, no chunk, no counter.
async fn nothing_happened(f: &Fixture, job: &Job) -> anyhow::Result<()> {
    let counts = World::read(f, &rule()).await?.counts(&Scope::default());
    assert_eq!((counts.missing_null, counts.total()), (12, 12));
    assert!(journal(f, &job.id).await?.is_empty());
    assert!(f.store().chunks(&job.id, 10).await?.is_empty());
    let run = stored(f, &job.id).await?;
    assert_eq!((run.view.changed, run.view.scanned, run.view.chunks, run.cursor), (0, 0, 0, None));
    Ok(())
}

fn impatient() -> ChunkLimits {
    ChunkLimits { lock_timeout: Duration::from_millis(300), ..limits(100, 100) }
}

/// PostgreSQL passes the one row over; SQLite has one lock for all and says so.
pub async fn a_row_that_another_writer_holds_is_passed_over_or_the_chunk_is_refused_whole(
    f: &Fixture,
) -> anyhow::Result<()> {
    let job = twelve(f).await?;
    let held = f.hold(&["UPDATE \"ticks\" SET \"class\" = 'MANUAL' WHERE \"id\" = 5"]).await?;
    let result = job.correct(f.store(), &Step { mode: Mode::Fill, limits: impatient(), ..Step::default() }).await;
    match f.kind() {
        StoreKind::Postgres => {
            let outcome = result?;
            assert_eq!((outcome.changed, outcome.skipped), (11, 1));
            assert_eq!(view(f, &job.id).await?.skipped, 1);
        }
        StoreKind::Sqlite => {
            let error = refused(result)?;
            assert!(matches!(error, StoreError::Locked(_)), "{error:?}");
            nothing_happened(f, &job).await?;
        }
    }
    held.commit().await?;
    // What the other writer wrote stays: it is no missing row any more.
    job.correct_all(f, &Step { mode: Mode::Fill, ..Step::default() }).await?;
    assert_eq!(class_of(f, 5).await?.as_deref(), Some("MANUAL"));
    assert_eq!(journalled(f, &job.id).await?, 11);
    Ok(())
}

pub async fn a_row_that_was_passed_over_is_corrected_by_the_next_walk(f: &Fixture) -> anyhow::Result<()> {
    let job = twelve(f).await?;
    let held = f.hold(&["UPDATE \"ticks\" SET \"note\" = \"note\" WHERE \"id\" = 5"]).await?;
    let first = job.correct(f.store(), &Step { limits: impatient(), ..Step::default() }).await;
    assert_eq!(first.is_ok(), f.kind() == StoreKind::Postgres);
    held.roll_back().await?;
    job.correct_all(f, &Step::default()).await?;
    assert_eq!(World::read(f, &rule()).await?.counts(&Scope::default()).correct, 12);
    assert_eq!(journalled(f, &job.id).await?, 12);
    Ok(())
}

pub async fn a_locked_table_is_reported_within_the_lock_timeout(f: &Fixture) -> anyhow::Result<()> {
    let job = twelve(f).await?;
    let lock = match f.kind() {
        StoreKind::Postgres => "LOCK TABLE \"ticks\" IN ACCESS EXCLUSIVE MODE",
        StoreKind::Sqlite => "UPDATE \"ticks\" SET \"note\" = \"note\"",
    };
    let held = f.hold(&[lock]).await?;
    let begun = Instant::now();
    let error = refused(job.correct(f.store(), &Step { limits: impatient(), ..Step::default() }).await)?;
    let waited = begun.elapsed();
    assert!(matches!(error, StoreError::Locked(_)), "{error:?}");
    assert!((Duration::from_millis(200)..Duration::from_secs(4)).contains(&waited), "waited {waited:?}");
    held.roll_back().await?;
    nothing_happened(f, &job).await?;
    assert_eq!(job.correct_all(f, &Step::default()).await?.changed, 12);
    Ok(())
}

async fn refusing_trigger(f: &Fixture) -> anyhow::Result<()> {
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
    .await
}

pub async fn a_trigger_that_refuses_one_row_undoes_the_whole_chunk(f: &Fixture) -> anyhow::Result<()> {
    let job = twelve(f).await?;
    refusing_trigger(f).await?;
    let error = refused(job.correct(f.store(), &Step::default()).await)?;
    assert!(matches!(error, StoreError::Row(_)), "{error:?}");
    nothing_happened(f, &job).await?;
    // Chunks that leave the row out still work: what the engine splits down to.
    let outcome = job.correct(f.store(), &Step { limits: limits(8, 8), ..Step::default() }).await?;
    assert_eq!(outcome.changed, 8);
    Ok(())
}

pub async fn a_constraint_that_refuses_one_row_undoes_the_whole_chunk(f: &Fixture) -> anyhow::Result<()> {
    let (int, text, time) = (f.types().int, f.types().text, f.types().time);
    bench::create(f).await?;
    f.execute(&format!(
        "DROP TABLE {TICKS};
         CREATE TABLE {TICKS} (\"id\" {int} PRIMARY KEY, \"symbol\" {text}, \"class\" {text}, \"frame\" {text},
             \"seen_at\" {time}, \"note\" {text}, \"price\" {int},
             CHECK (\"id\" <> 9 OR \"class\" IS NULL OR \"class\" <> 'STOCK'))"
    ))
    .await?;
    bench::add_tickers(f, &[known("AAPL", "STOCK")]).await?;
    let ticks: Vec<_> = (1..=12).map(|id| tick(id, "AAPL", None)).collect();
    bench::add_ticks(f, &ticks).await?;
    let job = Job::begin(f, &rule(), &correction(&rule())).await?;
    let error = refused(job.correct(f.store(), &Step::default()).await)?;
    assert!(matches!(error, StoreError::Row(_)), "{error:?}");
    nothing_happened(f, &job).await
}

pub async fn a_trigger_that_touches_another_column_shows_in_the_digests(f: &Fixture) -> anyhow::Result<()> {
    let job = twelve(f).await?;
    f.execute(match f.kind() {
        StoreKind::Postgres => {
            "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN NEW.note := 'meddled'; RETURN NEW; END $$;
             CREATE TRIGGER meddling BEFORE UPDATE ON \"ticks\" FOR EACH ROW WHEN (NEW.\"id\" = 9)
                 EXECUTE FUNCTION meddle();"
        }
        StoreKind::Sqlite => {
            "CREATE TRIGGER meddling AFTER UPDATE OF \"class\" ON \"ticks\" WHEN NEW.\"id\" = 9
             BEGIN UPDATE \"ticks\" SET \"note\" = 'meddled' WHERE \"id\" = NEW.\"id\"; END;"
        }
    })
    .await?;
    job.correct_all(f, &Step { limits: limits(4, 4), ..Step::default() }).await?;
    assert_eq!(f.store().touched_chunks(&job.id).await?, 1);
    let log = f.store().chunks(&job.id, 10).await?;
    let touched: Vec<i64> = log.iter().filter(|c| c.untouched_before != c.untouched_after).map(|c| c.no).collect();
    assert_eq!(touched, [3]);
    Ok(())
}

/// Only what was really written may be journalled, whoever else writes at the same time.
pub async fn a_busy_writer_beside_the_run_never_loses_its_values(f: &Fixture) -> anyhow::Result<()> {
    let ticks: Vec<_> = (1..=200).map(|id| tick(id, "AAPL", None)).collect();
    bench::fill(f, &[known("AAPL", "STOCK")], &ticks).await?;
    let job = Job::begin(f, &rule(), &correction(&rule())).await?;
    let go = Arc::new(tokio::sync::Barrier::new(2));
    let writer = async {
        go.wait().await;
        let mut written = 0;
        for id in (2..=200).step_by(3) {
            // A person fills a row that is still missing; `RETURNING` says whether it was.
            let sql = format!(
                "UPDATE {TICKS} SET \"class\" = 'MANUAL' WHERE \"id\" = {id} AND \"class\" IS NULL RETURNING \"id\""
            );
            written += f.query(&sql).await?.len();
        }
        anyhow::Ok(written)
    };
    let worker = async {
        go.wait().await;
        let step = Step { mode: Mode::Fill, limits: limits(5, 20), ..Step::default() };
        let mut last = job.correct_all(f, &step).await?;
        while last.changed + last.skipped > 0 {
            last = job.correct_all(f, &step).await?;
        }
        anyhow::Ok(())
    };
    let (written, worked) = tokio::join!(writer, worker);
    worked?;
    let written = i64::try_from(written?)?;
    // The last walk may have ended before the writer did: nothing is missing all the same.
    let manual = f.number(&format!("SELECT count(*) FROM {TICKS} WHERE \"class\" = 'MANUAL'")).await?;
    let stock = f.number(&format!("SELECT count(*) FROM {TICKS} WHERE \"class\" = 'STOCK'")).await?;
    assert_eq!((manual, manual + stock), (written, 200));
    assert_eq!(journalled(f, &job.id).await?, stock);
    assert_eq!(view(f, &job.id).await?.changed, stock);
    Ok(())
}
