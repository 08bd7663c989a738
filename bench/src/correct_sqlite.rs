//! A correction on SQLite, against one transaction that copies the table and updates it.

use std::{path::Path, time::Instant};

use anyhow::Context as _;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use crate::{
    Wish,
    data::{self, RESOLVED},
    report::{self, Pair, Side},
    run,
};

const ROWS: i64 = 1_000_000;

async fn connect(file: &Path) -> anyhow::Result<SqliteConnection> {
    Ok(SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .pragma("cache_size", "-65536")
        .connect()
        .await?)
}

async fn execute(file: &Path, statements: &[String]) -> anyhow::Result<()> {
    let mut connection = connect(file).await?;
    for statement in statements {
        connection.execute(AssertSqlSafe(statement.clone())).await?;
    }
    Ok(connection.close().await?)
}

pub(crate) async fn run(wish: &Wish) -> anyhow::Result<()> {
    let rows = wish.rows.unwrap_or(ROWS);
    let folder = std::env::temp_dir().join(format!("amend-bench-{}", std::process::id()));
    std::fs::create_dir(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let measured = measure(&folder, rows, wish.pairs).await;
    std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    measured
}

async fn measure(folder: &Path, rows: i64, count: usize) -> anyhow::Result<()> {
    let (base, file) = (folder.join("base.db"), folder.join("measured.db"));
    println!("making {rows} rows");
    execute(&base, &data::sqlite(rows)).await?;
    let plain = [
        "BEGIN".to_owned(),
        "CREATE TABLE market_data_copy AS SELECT * FROM market_data".into(),
        format!(
            "UPDATE market_data SET asset_class = s.v FROM {RESOLVED} s
             WHERE s.ticker = market_data.symbol AND market_data.asset_class IS NOT s.v"
        ),
        "COMMIT".into(),
    ];
    let mut pairs = Vec::new();
    let mut changed = 0;
    for n in 1..=count {
        let mut pair = Pair { theirs: Side::default(), ours: Side::default() };
        for first in [n % 2 == 1, n % 2 == 0] {
            std::fs::copy(&base, &file)?;
            if first {
                let begun = Instant::now();
                execute(&file, &plain).await?;
                pair.theirs.seconds = begun.elapsed().as_secs_f64();
            } else {
                let (engine, store) = run::over_sqlite(&file.display().to_string()).await?;
                let begun = Instant::now();
                changed = run::correct(&engine).await?.changed;
                pair.ours.seconds = begun.elapsed().as_secs_f64();
                store.close().await;
            }
            std::fs::remove_file(&file)?;
        }
        println!("pair {n}: {:.2} s and {:.2} s", pair.theirs.seconds, pair.ours.seconds);
        pairs.push(pair);
    }
    let what = format!(
        "{rows} rows with text keys in random order, {changed} of them wrong; WAL, synchronous normal. Theirs is one \
         transaction of CREATE TABLE copy and UPDATE ... FROM; ours a whole run with journal, sweep and validation."
    );
    let version: String = {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await?;
        sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&mut connection).await?
    };
    let table = report::of_times(&pairs, "copy + UPDATE", "amend run", "times as fast");
    report::publish("correct-sqlite", &what, &table, &format!("SQLite {version}"))
}
