//! Missing tables and columns, missing rights.

use amend_domain::{ColumnName, Rule, Scope, TableName};
use amend_engine::store::{StoreError, StoreKind};

use crate::{
    Fixture,
    bench::{self, TICKS, every_finding, rule},
    driver::{Job, Step, correction, refused},
};

async fn fill(f: &Fixture) -> anyhow::Result<Job> {
    let (tickers, ticks) = every_finding();
    bench::fill(f, &tickers, &ticks).await?;
    Job::begin(f, &rule(), &correction(&rule())).await
}

/// Each rule names one thing that is not there. SQLite would take a column that it does not know,
/// in double quotes, for a text: the store must not.
fn crooked() -> Vec<(&'static str, Rule)> {
    let with = |what, change: fn(&mut Rule)| {
        let mut rule = rule();
        change(&mut rule);
        (what, rule)
    };
    vec![
        with("target table", |r| r.target.table = TableName::new("tocks")),
        with("target key", |r| r.target.key = vec![ColumnName::new("no_id")]),
        with("target match", |r| r.target.matches = vec![ColumnName::new("no_symbol")]),
        with("target value", |r| r.target.value = ColumnName::new("no_class")),
        with("reference table", |r| r.reference.table = TableName::new("tackers")),
        with("reference match", |r| r.reference.matches = vec![ColumnName::new("no_ticker")]),
        with("reference value", |r| r.reference.value = ColumnName::new("no_class")),
    ]
}

pub async fn a_missing_table_or_column_is_named_and_nothing_is_changed(f: &Fixture) -> anyhow::Result<()> {
    let job = fill(f).await?;
    let picture = f.picture(TICKS).await?;
    for (what, rule) in crooked() {
        let crooked = Job { rule: rule.clone(), ..job.clone() };
        let error = refused(crooked.correct(f.store(), &Step::default()).await)?;
        assert!(matches!(error, StoreError::Missing(_)), "{what}: correct_chunk: {error:?}");
        let error = refused(f.store().summarise(&rule, &Scope::default()).await)?;
        assert!(matches!(error, StoreError::Missing(_)), "{what}: summarise: {error:?}");
        let page = amend_domain::RowQuery { limit: 10, ..Default::default() };
        let error = refused(f.store().rows_page(&rule, &page).await)?;
        assert!(matches!(error, StoreError::Missing(_)), "{what}: rows_page: {error:?}");
    }
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}

pub async fn a_missing_dimension_or_time_column_is_named(f: &Fixture) -> anyhow::Result<()> {
    fill(f).await?;
    let mut dimension = rule();
    dimension.target.dimensions = vec![ColumnName::new("no_frame")];
    let mut time = rule();
    time.target.timestamp = Some(ColumnName::new("no_time"));
    for rule in [dimension, time] {
        let error = refused(f.store().summarise(&rule, &Scope::default()).await)?;
        assert!(matches!(error, StoreError::Missing(_)), "{error:?}");
    }
    Ok(())
}

pub async fn a_user_who_may_only_read_can_look_and_is_refused_to_write(f: &Fixture) -> anyhow::Result<()> {
    let job = fill(f).await?;
    let picture = f.picture(TICKS).await?;
    let reader = f.read_only_store().await?;
    assert!(!reader.may_update(&rule().target.table, &rule().target.value).await?);
    let seen = reader.summarise(&rule(), &Scope::default()).await?;
    assert_eq!(seen.groups.iter().map(|g| g.rows).sum::<i64>(), 16);
    let error = refused(job.correct(reader.as_ref(), &Step::default()).await)?;
    assert!(matches!(error, StoreError::ReadOnly(_)), "{error:?}");
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}

pub async fn a_user_without_rights_on_amends_own_tables_cannot_create_a_run(f: &Fixture) -> anyhow::Result<()> {
    fill(f).await?;
    let reader = f.read_only_store().await?;
    if f.kind() == StoreKind::Postgres {
        let who = f.query("SELECT rolname FROM pg_roles WHERE rolname = current_database() || '_reader'").await?;
        let who = who.into_iter().flatten().flatten().next().unwrap_or_default();
        f.execute(&format!("REVOKE INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA amend FROM {who}")).await?;
    }
    let other = Rule { slug: amend_domain::RuleSlug::from_trusted("another"), ..rule() };
    let error = refused(reader.create_run(&correction(&other)).await)?;
    assert!(matches!(error, StoreError::ReadOnly(_)), "{error:?}");
    assert!(!reader.server_info().await?.writable);
    Ok(())
}
