//! A correction and its rollback on SQLite, against one transaction that copies the table and updates it,
//! and one that updates it from the copy.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

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

fn plain_correction() -> Vec<String> {
    vec![
        "BEGIN".into(),
        "CREATE TABLE market_data_copy AS SELECT * FROM market_data".into(),
        format!(
            "UPDATE market_data SET asset_class = s.v FROM {RESOLVED} s
             WHERE s.ticker = market_data.symbol AND market_data.asset_class IS NOT s.v"
        ),
        "COMMIT".into(),
    ]
}

fn plain_rollback() -> Vec<String> {
    vec![
        "UPDATE market_data SET asset_class = c.asset_class FROM market_data_copy c
         WHERE c.id = market_data.id AND market_data.asset_class IS NOT c.asset_class"
            .into(),
    ]
}

/// A folder for the files of one comparison, gone afterwards.
struct Folder(PathBuf);

impl Folder {
    fn make() -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("amend-bench-{}", std::process::id()));
        std::fs::create_dir(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(Self(folder))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("{} stays: {error}", self.0.display());
        }
    }
}

/// Measures what one side does, from an open file to the last commit.
struct Watch(Instant, Option<f64>);

impl Watch {
    fn start() -> Self {
        Self(Instant::now(), report::computed())
    }

    fn stop(self) -> Side {
        let seconds = self.0.elapsed().as_secs_f64();
        let computed = report::computed().zip(self.1).map_or(0.0, |(now, then)| now - then);
        Side { seconds, computed, ..Side::default() }
    }
}

async fn version() -> anyhow::Result<String> {
    let mut connection = SqliteConnection::connect("sqlite::memory:").await?;
    let version: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&mut connection).await?;
    Ok(format!("SQLite {version}"))
}

pub(crate) async fn run(wish: &Wish) -> anyhow::Result<()> {
    let rows = wish.rows.unwrap_or(ROWS);
    let folder = Folder::make()?;
    let (base, file) = (folder.file("base.db"), folder.file("measured.db"));
    println!("making {rows} rows");
    execute(&base, &data::sqlite(rows)).await?;
    let mut pairs = Vec::new();
    let mut changed = 0;
    for n in 1..=wish.pairs {
        let mut pair = Pair { theirs: Side::default(), ours: Side::default() };
        for first in [n % 2 == 1, n % 2 == 0] {
            std::fs::copy(&base, &file)?;
            if first {
                let watch = Watch::start();
                execute(&file, &plain_correction()).await?;
                pair.theirs = watch.stop();
            } else {
                let (engine, store) = run::over_sqlite(&file.display().to_string()).await?;
                let watch = Watch::start();
                changed = run::correct(&engine).await?.changed;
                pair.ours = watch.stop();
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
    let table = report::of_times_and_computing(&pairs, "copy + UPDATE", "amend run");
    report::publish("correct-sqlite", &what, &table, &version().await?)
}

pub(crate) async fn rollback(wish: &Wish) -> anyhow::Result<()> {
    let rows = wish.rows.unwrap_or(ROWS);
    let folder = Folder::make()?;
    let (theirs, ours, file) = (folder.file("plain.db"), folder.file("ours.db"), folder.file("measured.db"));
    println!("making {rows} rows, corrected both ways");
    execute(&theirs, &data::sqlite(rows)).await?;
    std::fs::copy(&theirs, &ours)?;
    execute(&theirs, &plain_correction()).await?;
    let done = {
        let (engine, store) = run::over_sqlite(&ours.display().to_string()).await?;
        let done = run::correct(&engine).await?;
        store.close().await;
        done
    };
    let mut pairs = Vec::new();
    for n in 1..=wish.pairs {
        let mut pair = Pair { theirs: Side::default(), ours: Side::default() };
        for first in [n % 2 == 1, n % 2 == 0] {
            std::fs::copy(if first { &theirs } else { &ours }, &file)?;
            if first {
                let watch = Watch::start();
                execute(&file, &plain_rollback()).await?;
                pair.theirs = watch.stop();
            } else {
                let (engine, store) = run::over_sqlite(&file.display().to_string()).await?;
                let watch = Watch::start();
                run::roll_back(&engine, &done.run_id).await?;
                pair.ours = watch.stop();
                store.close().await;
            }
            std::fs::remove_file(&file)?;
        }
        println!("pair {n}: {:.2} s and {:.2} s", pair.theirs.seconds, pair.ours.seconds);
        pairs.push(pair);
    }
    let what = format!(
        "Undoing that correction of {} rows. Theirs is UPDATE ... FROM the copy; ours a rollback that restores only \
         what still has the value it wrote, with a journal of its own and validation.",
        done.changed
    );
    let table = report::of_times_and_computing(&pairs, "UPDATE from the copy", "amend rollback");
    report::publish("rollback-sqlite", &what, &table, &version().await?)
}
