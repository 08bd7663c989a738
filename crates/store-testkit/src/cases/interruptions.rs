//! Chunks that are cut off: by time, by a worker that goes away, by another that takes over.

use std::time::Duration;

use amend_domain::Scope;
use amend_engine::store::{ChunkLimits, StoreError, StoreKind};

use crate::{
    Fixture,
    bench::{self, TICKS, at, known, rule, tick},
    driver::{Job, Step, Undo, correction, journalled, limits, refused, rollback, run_correction, stored, view},
    model::World,
};

async fn missing(f: &Fixture, rows: i64) -> anyhow::Result<Job> {
    let ticks: Vec<_> = (1..=rows).map(|id| tick(id, "AAPL", None)).collect();
    bench::fill(f, &[known("AAPL", "STOCK")], &ticks).await?;
    Job::begin(f, &rule(), &correction(&rule())).await
}

/// Table, journal, counters and chunk log say the same number.
async fn consistent(f: &Fixture, job: &Job) -> anyhow::Result<i64> {
    let written = f.number(&format!("SELECT count(*) FROM {TICKS} WHERE \"class\" = 'STOCK'")).await?;
    let logged: i64 = f.store().chunks(&job.id, 100_000).await?.iter().map(|c| c.changed).sum();
    let counted = view(f, &job.id).await?.changed;
    assert_eq!((journalled(f, &job.id).await?, logged, counted), (written, written, written));
    Ok(written)
}

pub async fn a_statement_past_its_time_limit_is_undone_whole(f: &Fixture) -> anyhow::Result<()> {
    let job = missing(f, 12).await?;
    f.execute(match f.kind() {
        StoreKind::Postgres => {
            "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(5); RETURN NEW; END $$;
             CREATE TRIGGER dawdling BEFORE UPDATE ON \"ticks\" FOR EACH ROW WHEN (NEW.\"id\" = 9) EXECUTE FUNCTION dawdle();"
        }
        StoreKind::Sqlite => {
            "CREATE TRIGGER dawdling BEFORE UPDATE ON \"ticks\" WHEN NEW.\"id\" = 9 BEGIN
                 SELECT max(x) FROM (WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 200000000)
                     SELECT x FROM c);
             END;"
        }
    })
    .await?;
    let short = ChunkLimits { statement_timeout: Duration::from_millis(400), ..limits(100, 100) };
    let error = refused(job.correct(f.store(), &Step { limits: short, ..Step::default() }).await)?;
    assert!(matches!(error, StoreError::TooSlow(_)), "{error:?}");
    assert_eq!(consistent(f, &job).await?, 0);
    // Half as many rows leave the slow one out.
    let half = ChunkLimits { rows: 6, scan: 6, ..short };
    assert_eq!(job.correct(f.store(), &Step { limits: half, ..Step::default() }).await?.changed, 6);
    assert_eq!(consistent(f, &job).await?, 6);
    Ok(())
}

pub async fn a_chunk_whose_worker_goes_away_is_there_whole_or_not_at_all(f: &Fixture) -> anyhow::Result<()> {
    let job = missing(f, 2_000).await?;
    for micros in [0, 50, 200, 400, 800, 1_200, 2_000, 3_000, 5_000, 8_000, 12_000, 20_000] {
        let cursor = stored(f, &job.id).await?.cursor;
        let step = Step { cursor: cursor.as_deref(), limits: limits(40, 40), ..Step::default() };
        let before = consistent(f, &job).await?;
        // The future is dropped wherever it stands when the time is over.
        let done = tokio::time::timeout(Duration::from_micros(micros), job.correct(f.store(), &step)).await;
        let after = match done {
            Ok(outcome) => before + outcome?.changed,
            Err(_) => {
                // The database may still be busy with what was begun.
                tokio::time::sleep(Duration::from_millis(30)).await;
                let after = consistent(f, &job).await?;
                assert!([before, before + 40].contains(&after), "{before} and then {after}");
                after
            }
        };
        assert_eq!(consistent(f, &job).await?, after);
    }
    // And the store is as good as new.
    job.correct_all(f, &Step::default()).await?;
    assert_eq!(consistent(f, &job).await?, 2_000);
    Ok(())
}

pub async fn a_restore_whose_worker_goes_away_is_there_whole_or_not_at_all(f: &Fixture) -> anyhow::Result<()> {
    let ticks: Vec<_> = (1..=600).map(|id| tick(id, "AAPL", None)).collect();
    bench::fill(f, &[known("AAPL", "STOCK")], &ticks).await?;
    let picture = f.picture(TICKS).await?;
    let (source, _) = run_correction(f, &rule(), &Step { limits: limits(20, 20), ..Step::default() }).await?;
    let job = Job::begin(f, &rule(), &rollback(&rule(), &source.id)).await?;
    for micros in [100, 500, 1_000, 2_000, 3_000, 5_000, 8_000, 12_000] {
        let cursor = stored(f, &job.id).await?.cursor;
        let undo = Undo { cursor: cursor.as_deref(), limits: limits(20, 20), ..Undo::default() };
        if let Ok(outcome) =
            tokio::time::timeout(Duration::from_micros(micros), job.restore(f.store(), &source.id, &undo)).await
        {
            outcome?;
        } else {
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        let restored = f.number(&format!("SELECT count(*) FROM {TICKS} WHERE \"class\" IS NULL")).await?;
        assert_eq!((journalled(f, &job.id).await?, view(f, &job.id).await?.changed), (restored, restored));
    }
    job.restore_all(f, &source.id, &Undo::default()).await?;
    assert_eq!((journalled(f, &job.id).await?, f.picture(TICKS).await?), (600, picture));
    Ok(())
}

pub async fn a_takeover_in_the_middle_of_a_chunk_writes_nothing_twice(f: &Fixture) -> anyhow::Result<()> {
    let mut job = missing(f, 2_000).await?;
    let second = f.another_store().await?;
    for round in 1..=10_i64 {
        let cursor = stored(f, &job.id).await?.cursor;
        let step = Step { cursor: cursor.as_deref(), limits: limits(50, 50), ..Step::default() };
        let take = async {
            tokio::time::sleep(Duration::from_micros(u64::try_from(round - 1).unwrap_or(0) * 400)).await;
            let now = at(round * 10_000);
            second.lease_run(&job.id, &format!("worker-{}", round + 1), now, now + chrono::TimeDelta::seconds(9)).await
        };
        let (old, new) = tokio::join!(job.correct(f.store(), &step), take);
        let before_or_after = match old {
            Ok(outcome) => outcome.changed == 50,
            Err(error) => matches!(error, StoreError::LeaseLost),
        };
        assert!(before_or_after);
        job.lease = new?.ok_or_else(|| anyhow::anyhow!("the lease is over"))?;
        consistent(f, &job).await?;
    }
    job.correct_all(f, &Step::default()).await?;
    assert_eq!(consistent(f, &job).await?, 2_000);
    assert_eq!(World::read(f, &rule()).await?.counts(&Scope::default()).correct, 2_000);
    Ok(())
}
