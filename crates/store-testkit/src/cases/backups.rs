//! Copies before the first write, and retention, as the store does them.

use std::time::Duration;

use amend_domain::{BackupInfo, RunState};
use amend_engine::store::{BackupRequest, Lease, StoreError};

use crate::{
    Fixture,
    bench::{self, TICKS, at, every_finding, rule},
    driver::{Job, Step, Undo, correction, journalled, refused, rollback, run_correction, run_rollback, view},
};

async fn begun(f: &Fixture) -> anyhow::Result<Job> {
    let (tickers, ticks) = every_finding();
    bench::fill(f, &tickers, &ticks).await?;
    Job::begin(f, &rule(), &correction(&rule())).await
}

async fn copy(f: &Fixture, lease: &Lease, name: &str) -> Result<BackupInfo, StoreError> {
    f.store()
        .create_backup(&BackupRequest {
            lease,
            rule: &rule(),
            name,
            lock_timeout: Duration::from_secs(2),
            statement_timeout: Duration::from_secs(30),
            now: at(5),
        })
        .await
}

async fn tables(f: &Fixture) -> anyhow::Result<usize> {
    Ok(f.store().tables().await?.len())
}

const ROWS: &str = "SELECT \"id\", \"class\" FROM";

pub async fn a_copy_has_every_key_and_value_and_is_listed_with_its_size(f: &Fixture) -> anyhow::Result<()> {
    let job = begun(f).await?;
    let rows = f.query(&format!("{ROWS} {TICKS} ORDER BY 1")).await?;
    let made = copy(f, &job.lease, "ticks_backup_20260105_100005").await?;
    assert!(made.name.ends_with("ticks_backup_20260105_100005"), "{made:?}");
    assert_eq!((made.rows, made.source.as_str(), &made.run_id), (16, bench::name("ticks").as_str(), &job.id));
    assert_eq!((&made.rule, made.created_at), (&rule().slug, at(5)));
    assert!(made.bytes > 0, "{made:?}");
    assert_eq!(f.query(&format!("{ROWS} \"ticks_backup_20260105_100005\" ORDER BY 1")).await?, rows);
    assert_eq!(f.store().backups(None).await?, std::slice::from_ref(&made));
    assert_eq!(f.store().backups(Some(&job.id)).await?, [made]);
    assert!(f.store().backups(Some(&amend_domain::RunId::from_trusted("r-nobody"))).await?.is_empty());
    Ok(())
}

pub async fn names_with_quotes_spaces_and_capitals_can_be_copied_and_dropped(f: &Fixture) -> anyhow::Result<()> {
    let (tickers, ticks) = every_finding();
    bench::fill(f, &tickers, &ticks).await?;
    f.execute(&format!("ALTER TABLE {TICKS} RENAME TO \"Odd \"\"Ticks\"\"\"")).await?;
    let mut odd = rule();
    odd.target.table.name = "Odd \"Ticks\"".into();
    let job = Job::begin(f, &odd, &correction(&odd)).await?;
    let name = "Odd \"Ticks\"_backup_20260105_100005";
    let request = BackupRequest {
        lease: &job.lease,
        rule: &odd,
        name,
        lock_timeout: Duration::from_secs(2),
        statement_timeout: Duration::from_secs(30),
        now: at(5),
    };
    let made = f.store().create_backup(&request).await?;
    assert!(made.name.ends_with(name) && made.rows == 16, "{made:?}");
    assert_eq!(f.store().backups(None).await?, [made]);
    job.succeed(f).await?;
    assert!(f.store().mark_purged(&job.id, at(200)).await?);
    assert!(f.store().drop_backup(&job.id).await?.is_some_and(|dropped| dropped.ends_with(name)));
    assert!(f.query(&format!("SELECT * FROM \"{}\"", name.replace('"', "\"\""))).await.is_err());
    Ok(())
}

pub async fn a_run_has_one_copy_however_often_it_is_asked_for(f: &Fixture) -> anyhow::Result<()> {
    let job = begun(f).await?;
    let before = tables(f).await?;
    let first = copy(f, &job.lease, "first").await?;
    f.execute(&format!("UPDATE {TICKS} SET \"class\" = 'LATER'")).await?;
    assert_eq!(copy(f, &job.lease, "second").await?, first);
    assert_eq!((f.store().backups(None).await?.len(), tables(f).await?), (1, before + 1));
    Ok(())
}

pub async fn a_copy_that_cannot_be_made_leaves_nothing_behind(f: &Fixture) -> anyhow::Result<()> {
    let job = begun(f).await?;
    f.execute("CREATE TABLE \"taken\" (\"x\" int)").await?;
    let before = tables(f).await?;
    let error = refused(copy(f, &job.lease, "taken").await)?;
    assert!(matches!(&error, StoreError::Unsupported(text) if text.contains("taken")), "{error:?}");
    let old = Lease { fence: job.lease.fence - 1, ..job.lease.clone() };
    let error = refused(copy(f, &old, "fresh").await)?;
    assert!(matches!(error, StoreError::LeaseLost), "{error:?}");
    assert_eq!((f.store().backups(None).await?.len(), tables(f).await?), (0, before));
    Ok(())
}

pub async fn a_copy_dropped_by_hand_is_no_longer_listed(f: &Fixture) -> anyhow::Result<()> {
    let job = begun(f).await?;
    copy(f, &job.lease, "mine").await?;
    f.execute("DROP TABLE \"mine\"").await?;
    assert!(f.store().backups(None).await?.is_empty());
    Ok(())
}

pub async fn runs_that_ended_before_are_listed_with_what_they_hold(f: &Fixture) -> anyhow::Result<()> {
    let job = begun(f).await?;
    copy(f, &job.lease, "kept").await?;
    job.correct_all(f, &Step::default()).await?;
    let slug = &rule().slug;
    assert!(f.store().purgeable(slug, at(1_000), at(1_000)).await?.is_empty(), "an active run is never listed");
    job.succeed(f).await?;
    // It ended at second 100.
    assert!(f.store().purgeable(slug, at(100), at(100)).await?.is_empty());
    let items = f.store().purgeable(slug, at(101), at(101)).await?;
    assert_eq!(items.len(), 1);
    assert_eq!((&items[0].run_id, items[0].ended_at, items[0].journal_rows), (&job.id, at(100), 8));
    assert!(items[0].journal_bytes > 0 && items[0].backup_bytes > 0, "{items:?}");
    assert!(items[0].backup.as_deref().is_some_and(|name| name.ends_with("kept")), "{items:?}");
    let journal = f.store().purgeable(slug, at(101), at(100)).await?;
    assert_eq!((journal.len(), journal[0].journal_rows, journal[0].backup.as_deref()), (1, 8, None));
    assert!(f.store().purgeable(&amend_domain::RuleSlug::from_trusted("another"), at(101), at(101)).await?.is_empty());
    Ok(())
}

pub async fn a_journal_is_dropped_in_parts_and_only_of_a_marked_run(f: &Fixture) -> anyhow::Result<()> {
    let job = begun(f).await?;
    copy(f, &job.lease, "kept").await?;
    job.correct_all(f, &Step::default()).await?;
    assert!(!f.store().mark_purged(&job.id, at(200)).await?, "an active run is not marked");
    job.succeed(f).await?;
    assert_eq!((f.store().purge_journal(&job.id, 100).await?, f.store().drop_backup(&job.id).await?), (0, None));
    assert!(f.store().mark_purged(&job.id, at(200)).await?);
    assert!(f.store().mark_purged(&job.id, at(300)).await?, "again, after a purge that was cut short");
    assert_eq!(view(f, &job.id).await?.purged_at, Some(at(200)));
    assert_eq!(f.store().purge_journal(&job.id, 2).await?, 2);
    // What is left over is found again.
    assert_eq!(f.store().purgeable(&rule().slug, at(1_000), at(1_000)).await?.len(), 1);
    while f.store().purge_journal(&job.id, 2).await? > 0 {}
    assert_eq!(journalled(f, &job.id).await?, 0);
    let dropped = f.store().drop_backup(&job.id).await?;
    assert!(dropped.as_deref().is_some_and(|name| name.ends_with("kept")), "{dropped:?}");
    assert!(f.query("SELECT * FROM \"kept\"").await.is_err(), "the table is gone");
    assert!(f.store().purgeable(&rule().slug, at(1_000), at(1_000)).await?.is_empty());
    Ok(())
}

pub async fn a_marked_run_cannot_be_undone_and_one_being_undone_not_marked(f: &Fixture) -> anyhow::Result<()> {
    let (tickers, ticks) = every_finding();
    bench::fill(f, &tickers, &ticks).await?;
    let (job, _) = run_correction(f, &rule(), &Step::default()).await?;
    let back = rollback(&rule(), &job.id);
    f.store().create_run(&back).await?;
    assert!(!f.store().mark_purged(&job.id, at(200)).await?);
    assert!(f.store().purgeable(&rule().slug, at(1_000), at(1_000)).await?.is_empty());
    assert!(f.store().request_state(&back.id, &[RunState::Queued], RunState::Cancelled, Some(at(201))).await?);
    let (undone, _) = run_rollback(f, &rule(), &job.id, &Undo::default()).await?;
    assert!(f.store().mark_purged(&job.id, at(202)).await?);
    let error = refused(f.store().create_run(&rollback(&rule(), &job.id)).await)?;
    assert!(matches!(&error, StoreError::Purged(id) if *id == job.id), "{error:?}");
    // The rollback has a journal of its own, and that is still there.
    f.store().create_run(&rollback(&rule(), &undone.id)).await?;
    Ok(())
}
