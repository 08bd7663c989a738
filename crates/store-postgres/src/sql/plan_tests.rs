//! The plans of the hot statements, as the planner makes them over a table with statistics.

use std::time::Duration;

use amend_domain::{Assignment, ColumnName, Decision, Mode, RollbackScope, Rule, RunId, Scope, TableName};
use amend_engine::store::{
    Assignments as _, ChunkLimits, ChunkRequest, Lease, Slice, SliceRequest, Store, StoreKind, Write,
};
use amend_store_testkit::{Fixture, Subject, bench::at};
use anyhow::Context as _;
use sqlx::Row as _;

use super::{apply::Find, blocks, slice, summary, undo};
use crate::{
    PostgresOptions, PostgresStore,
    shape::Shape,
    tx::{Args, Tx, fetch_all},
};

const SECOND: Duration = Duration::from_secs(1);

fn subject() -> Subject {
    Subject {
        kind: StoreKind::Postgres,
        open: |url| {
            Box::pin(async move {
                let store = PostgresStore::connect(&url, PostgresOptions::default()).await?;
                Ok(std::sync::Arc::new(store) as std::sync::Arc<dyn Store>)
            })
        },
    }
}

/// A table of some thousand blocks with keys in random order, as the planner knows it.
async fn large(f: &Fixture) -> anyhow::Result<(PostgresStore, Rule)> {
    f.execute(
        "CREATE TABLE tickers (ticker text NOT NULL, class text); CREATE INDEX ON tickers (ticker);
         INSERT INTO tickers SELECT 'S' || n, 'STOCK' FROM generate_series(1, 500) n;
         CREATE TABLE ticks (id uuid PRIMARY KEY, symbol text NOT NULL, class text, note text);
         INSERT INTO ticks SELECT md5(n::text)::uuid, 'S' || n % 500, NULL, repeat('x', 300)
         FROM generate_series(1, 60000) n;
         ANALYZE ticks; ANALYZE tickers;",
    )
    .await?;
    let mut rule = amend_store_testkit::bench::rule();
    rule.target.table = TableName::new("ticks");
    rule.target.key = vec![ColumnName::new("id")];
    rule.target.timestamp = None;
    rule.target.dimensions = Vec::new();
    let database = f.query("SELECT current_database()").await?.pop().and_then(|mut r| r.pop()).flatten();
    let server = std::env::var("AMEND_TEST_POSTGRES").context("AMEND_TEST_POSTGRES is not set")?;
    let (server, _) = server.rsplit_once('/').context("AMEND_TEST_POSTGRES names no database")?;
    let url = format!("{server}/{}", database.context("no database")?);
    Ok((PostgresStore::connect(&url, PostgresOptions::default()).await?, rule))
}

fn lease() -> Lease {
    Lease { run_id: RunId::from_trusted("r-1"), owner: "test".into(), fence: 1 }
}

/// The plan of a statement, in a transaction that is set up like a chunk's.
async fn plan(mut tx: Tx, rule: &Rule, statement: impl FnOnce(&Shape, &mut Args) -> String) -> anyhow::Result<String> {
    let shape = Shape::load(&mut tx, rule).await?;
    let mut args = Args::default();
    let sql = format!("EXPLAIN {}", statement(&shape, &mut args));
    let rows = fetch_all(&mut tx, sql, args).await?;
    tx.rollback().await?;
    let lines: Result<Vec<String>, _> = rows.iter().map(|row| row.try_get(0)).collect();
    Ok(lines?.join("\n"))
}

async fn a_step_by_blocks_reads_its_range_and_not_the_table(f: &Fixture) -> anyhow::Result<()> {
    let (store, rule) = large(f).await?;
    blocks_stay(f, &store, &rule).await?;
    store.close().await;
    Ok(())
}

async fn blocks_stay(f: &Fixture, store: &PostgresStore, rule: &Rule) -> anyhow::Result<()> {
    let (lease, scope) = (lease(), Scope::default());
    let slice = Slice { no: 1, holder: "test".into(), steps_done: 0 };
    // A part of a tenth and one of nine tenths of the table: for the larger one the planner would find
    // reading all of it cheaper than fetching so many rows one by one.
    for (to_block, stripes, reference) in [(300, 8, 500), (2_400, 8, 500), (2_400, 1, 500), (300, 8, 50_000)] {
        f.execute(&format!(
            "TRUNCATE tickers; INSERT INTO tickers SELECT 'S' || n, 'STOCK' FROM generate_series(1, {reference}) n;
             ANALYZE tickers;"
        ))
        .await?;
        let request = SliceRequest {
            lease: &lease,
            rule,
            mode: Mode::Overwrite,
            scope: &scope,
            slice: &slice,
            few: 0,
            rows_per_block: 20.0,
            lock_timeout: Duration::from_secs(1),
            statement_timeout: Duration::from_secs(30),
            now: at(0),
            until: at(90),
        };
        let part = blocks::Part { from_block: 0, to_block, stripes, stripe: 0, and_the_rest: false };
        let tx = store.writing_blocks(SECOND, SECOND).await?;
        let plan = plan(tx.into(), rule, |shape, args| blocks::correct(shape, &request, part, 1, false, args)).await?;
        anyhow::ensure!(plan.contains("Tid Range Scan on ticks"), "{plan}");
        // Otherwise the range is read once for each row of something else.
        anyhow::ensure!(!plan.contains("Nested Loop"), "{plan}");
        anyhow::ensure!(!plan.contains("Seq Scan on ticks"), "{plan}");
    }
    Ok(())
}

/// What people assigned changes what a step finds, and not how it reads the table.
async fn assignments_leave_the_ways_through_the_table_as_they_are(f: &Fixture) -> anyhow::Result<()> {
    let (store, rule) = large(f).await?;
    for (symbol, decision) in [("S0", Decision::As(vec!["S1".into()])), ("S2", Decision::Value("STOCK".into()))] {
        let matches = vec![symbol.to_owned()];
        let assignment = Assignment { matches, decision, assigned_by: "ada".into(), assigned_at: at(0) };
        store.assign(&rule.slug, &assignment).await?;
    }
    blocks_stay(f, &store, &rule).await?;
    keys_stay(&store, &rule).await?;
    store.close().await;
    Ok(())
}

async fn an_undo_by_places_reads_its_range_or_fetches_its_rows(f: &Fixture) -> anyhow::Result<()> {
    let (store, rule) = large(f).await?;
    let scope = RollbackScope::default();
    for (find, scan) in [
        (Find::ByTid { from_block: 0, to_block: 300 }, "Tid Range Scan on ticks"),
        (Find::Anywhere, "Tid Scan on ticks"),
    ] {
        let chunks = undo::Chunks { from: 1, to: 2, stage: undo::Stage::AtHome };
        let what = undo::Undo { run: "b-1", source: "r-1", scope: &scope, chunks, find, chunk: 1 };
        let tx = store.writing_blocks(SECOND, SECOND).await?;
        let plan = plan(tx.into(), &rule, |shape, args| undo::undo(shape, shape, &what, args)).await?;
        anyhow::ensure!(plan.contains(scan), "{plan}");
        anyhow::ensure!(!plan.contains("Seq Scan on ticks") && !plan.contains("ticks_pkey"), "{plan}");
    }
    store.close().await;
    Ok(())
}

/// A join that looks through the groups once for each symbol takes ten seconds over a thousand symbols.
async fn the_unresolved_list_reads_every_group_once(f: &Fixture) -> anyhow::Result<()> {
    let (store, rule) = large(f).await?;
    f.execute("DELETE FROM tickers WHERE substr(ticker, 2)::int % 2 = 0").await?;
    let mut tx = store.analysing().await?;
    let shape = Shape::load(&mut tx, &rule).await?;
    let mut args = Args::default();
    let sql =
        format!("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {}", summary::unresolved(&shape, &rule, 1_000, &mut args));
    let rows = fetch_all(&mut tx, sql, args).await?;
    let lines: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    let passes: Vec<&String> = lines.iter().filter(|l| l.contains("CTE Scan on") && l.contains("loops=")).collect();
    anyhow::ensure!(!passes.is_empty(), "{}", lines.join("\n"));
    for pass in passes {
        anyhow::ensure!(pass.contains("loops=1)"), "{pass} in\n{}", lines.join("\n"));
    }
    tx.rollback().await?;
    store.close().await;
    Ok(())
}

async fn a_step_by_key_goes_on_in_the_keys_index(f: &Fixture) -> anyhow::Result<()> {
    let (store, rule) = large(f).await?;
    keys_stay(&store, &rule).await?;
    store.close().await;
    Ok(())
}

async fn keys_stay(store: &PostgresStore, rule: &Rule) -> anyhow::Result<()> {
    let (lease, scope) = (lease(), Scope::default());
    for rows in [500, 10_000] {
        let limits = ChunkLimits {
            rows,
            scan: rows * 3,
            lock_timeout: Duration::from_secs(1),
            statement_timeout: Duration::from_secs(30),
        };
        let request = ChunkRequest {
            lease: &lease,
            rule,
            mode: Mode::Overwrite,
            scope: &scope,
            cursor: None,
            limits,
            write: Write::Commit,
            now: at(0),
        };
        let after = ["00000000-0000-0000-0000-000000000000".to_owned()];
        let look = slice::Look { request: &request, cursor: Some(&after), scan: limits.scan, pass_over: false };
        let tx = store.writing(SECOND, SECOND).await?;
        let plan = plan(tx.into(), rule, |shape, args| slice::correct(shape, &look, 1, args)).await?;
        anyhow::ensure!(plan.contains("Index Scan using ticks_pkey on ticks"), "{plan}");
        anyhow::ensure!(!plan.contains("Seq Scan on ticks"), "{plan}");
    }
    Ok(())
}

#[tokio::test]
async fn blocks_stay_in_their_range() {
    amend_store_testkit::run(subject(), |f| Box::pin(a_step_by_blocks_reads_its_range_and_not_the_table(f))).await;
}

#[tokio::test]
async fn undoing_stays_at_its_places() {
    amend_store_testkit::run(subject(), |f| Box::pin(an_undo_by_places_reads_its_range_or_fetches_its_rows(f))).await;
}

#[tokio::test]
async fn assignments_change_no_plan() {
    let subject = subject();
    amend_store_testkit::run(subject, |f| Box::pin(assignments_leave_the_ways_through_the_table_as_they_are(f))).await;
}

#[tokio::test]
async fn unresolved_symbols_are_listed_in_one_pass() {
    amend_store_testkit::run(subject(), |f| Box::pin(the_unresolved_list_reads_every_group_once(f))).await;
}

#[tokio::test]
async fn keys_stay_in_their_index() {
    amend_store_testkit::run(subject(), |f| Box::pin(a_step_by_key_goes_on_in_the_keys_index(f))).await;
}
