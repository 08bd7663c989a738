//! A correction and its rollback on PostgreSQL, against what a DBA types: one transaction that copies
//! the table and updates it, and later one that updates it from the copy.

use std::time::Instant;

use crate::{
    Wish,
    data::{self, RESOLVED},
    report::{self, Pair, Side},
    run,
    server::{Server, side},
};

const ROWS: i64 = 3_000_000;

fn plain_correction() -> Vec<String> {
    vec![
        "BEGIN".into(),
        "CREATE TABLE market_data_copy AS TABLE market_data".into(),
        format!(
            "UPDATE market_data m SET asset_class = s.v FROM {RESOLVED} s
             WHERE s.ticker = m.symbol AND m.asset_class IS DISTINCT FROM s.v"
        ),
        "COMMIT".into(),
    ]
}

fn plain_rollback() -> Vec<String> {
    vec![
        "UPDATE market_data m SET asset_class = c.asset_class FROM market_data_copy c
         WHERE c.id = m.id AND m.asset_class IS DISTINCT FROM c.asset_class"
            .into(),
    ]
}

async fn plain(server: &Server, database: &str, statements: &[String]) -> anyhow::Result<Side> {
    let before = server.sizes(database).await?;
    let begun = Instant::now();
    server.run(database, statements).await?;
    let spent = begun.elapsed();
    let mut done = side(begun, before, server.sizes(database).await?);
    done.seconds = spent.as_secs_f64();
    Ok(done)
}

async fn ours(server: &Server, database: &str, workers: u32) -> anyhow::Result<(Side, amend_domain::RunView)> {
    let (engine, store) = run::over_postgres(&server.address(database)?, workers).await?;
    let before = server.sizes(database).await?;
    let begun = Instant::now();
    let view = run::correct(&engine).await?;
    let spent = begun.elapsed();
    let mut done = side(begun, before, server.sizes(database).await?);
    done.seconds = spent.as_secs_f64();
    store.close().await;
    Ok((done, view))
}

pub(crate) async fn run(wish: &Wish) -> anyhow::Result<()> {
    let rows = wish.rows.unwrap_or(ROWS);
    let server = Server::of_environment()?;
    println!("making {rows} rows");
    server.make_base(&data::postgres(rows)).await?;
    let mut pairs = Vec::new();
    let mut changed = 0;
    for n in 1..=wish.pairs {
        let mut pair = Pair { theirs: Side::default(), ours: Side::default() };
        for first in [n % 2 == 1, n % 2 == 0] {
            server.copy("base", "measured").await?;
            if first {
                pair.theirs = plain(&server, "measured", &plain_correction()).await?;
            } else {
                let (done, view) = ours(&server, "measured", wish.workers).await?;
                pair.ours = done;
                changed = view.changed;
                println!("  {:?} {:?}", view.walk, view.effect.and_then(|e| e.hot_percent()));
            }
        }
        server.remove("measured").await?;
        println!("pair {n}: {:.1} s and {:.1} s", pair.theirs.seconds, pair.ours.seconds);
        pairs.push(pair);
    }
    let what = format!(
        "{rows} rows with uuid keys in random order, {changed} of them wrong. Theirs is one transaction of CREATE TABLE \
         copy and UPDATE ... FROM; ours a whole run with journal, sweep and validation."
    );
    report::publish(
        "correct-pg",
        &what,
        &report::of_pairs(&pairs, "copy + UPDATE", "amend run"),
        &server.words().await?,
    )
}

pub(crate) async fn rollback(wish: &Wish) -> anyhow::Result<()> {
    let rows = wish.rows.unwrap_or(ROWS);
    let server = Server::of_environment()?;
    println!("making {rows} rows, corrected both ways");
    server.make_base(&data::postgres(rows)).await?;
    // Each side undoes its own correction, in the table as that correction left it.
    server.copy("base", "plain_done").await?;
    server.run("plain_done", &plain_correction()).await?;
    server.run("plain_done", &["VACUUM (ANALYZE) market_data".into()]).await?;
    server.copy("base", "ours_done").await?;
    let (_, done) = ours(&server, "ours_done", wish.workers).await?;
    server.run("ours_done", &["VACUUM (ANALYZE) market_data".into()]).await?;
    let mut pairs = Vec::new();
    for n in 1..=wish.pairs {
        let mut pair = Pair { theirs: Side::default(), ours: Side::default() };
        for first in [n % 2 == 1, n % 2 == 0] {
            if first {
                server.copy("plain_done", "measured").await?;
                pair.theirs = plain(&server, "measured", &plain_rollback()).await?;
            } else {
                server.copy("ours_done", "measured").await?;
                let (engine, store) = run::over_postgres(&server.address("measured")?, wish.workers).await?;
                let before = server.sizes("measured").await?;
                let begun = Instant::now();
                run::roll_back(&engine, &done.run_id).await?;
                let spent = begun.elapsed();
                pair.ours = side(begun, before, server.sizes("measured").await?);
                pair.ours.seconds = spent.as_secs_f64();
                store.close().await;
            }
        }
        server.remove("measured").await?;
        println!("pair {n}: {:.1} s and {:.1} s", pair.theirs.seconds, pair.ours.seconds);
        pairs.push(pair);
    }
    let what = format!(
        "Undoing that correction of {} rows. Theirs is UPDATE ... FROM the copy; ours a rollback that restores only \
         what still has the value it wrote, with a journal of its own and validation. Both tables were vacuumed after \
         the correction.",
        done.changed
    );
    let table = report::of_pairs(&pairs, "UPDATE from the copy", "amend rollback");
    report::publish("rollback-pg", &what, &table, &server.words().await?)
}
