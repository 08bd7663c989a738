//! Plain SQL for the browser tests, beside everything that Amend itself knows.
//!
//! `amend-probe URL query SQL` prints the rows as JSON arrays of texts; `amend-probe URL digest TABLE
//! KEY` prints the number of rows and a BLAKE3 of every column of every row in key order, in constant
//! memory; `amend-probe URL execute SQL` runs statements.

#![forbid(unsafe_code)]

use anyhow::{Context, bail};
use futures::TryStreamExt;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Column, Connection, Row};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let answer = match args.as_slice() {
        [url, "query", sql] => rows(url, sql).await?,
        [url, "execute", sql] => execute(url, sql).await?,
        [url, "digest", table, key] => digest(url, table, key).await?,
        _ => bail!("use: amend-probe URL query SQL | execute SQL | digest TABLE KEY"),
    };
    println!("{answer}");
    Ok(())
}

fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres")
}

async fn sqlite(url: &str) -> anyhow::Result<sqlx::SqliteConnection> {
    sqlx::SqliteConnection::connect(url).await.context("cannot open the SQLite file")
}

async fn postgres(url: &str) -> anyhow::Result<sqlx::PgConnection> {
    sqlx::PgConnection::connect(url).await.context("cannot connect to PostgreSQL")
}

async fn execute(url: &str, sql: &str) -> anyhow::Result<Value> {
    let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
    if is_postgres(url) {
        sql.execute(&mut postgres(url).await?).await?;
    } else {
        sql.execute(&mut sqlite(url).await?).await?;
    }
    Ok(json!(true))
}

/// Every value must be text or null: cast in the SQL.
async fn rows(url: &str, sql: &str) -> anyhow::Result<Value> {
    let mut out = Vec::new();
    if is_postgres(url) {
        let mut connection = postgres(url).await?;
        let mut rows = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch(&mut connection);
        while let Some(row) = rows.try_next().await? {
            let texts: Result<Vec<Option<String>>, _> = (0..row.columns().len()).map(|i| row.try_get(i)).collect();
            out.push(json!(
                texts.with_context(|| format!("column of {:?} is not text: cast it", row.columns()[0].name()))?
            ));
        }
    } else {
        let mut connection = sqlite(url).await?;
        let mut rows = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch(&mut connection);
        while let Some(row) = rows.try_next().await? {
            let texts: Result<Vec<Option<String>>, _> = (0..row.columns().len()).map(|i| row.try_get(i)).collect();
            out.push(json!(
                texts.with_context(|| format!("column of {:?} is not text: cast it", row.columns()[0].name()))?
            ));
        }
    }
    Ok(Value::Array(out))
}

async fn digest(url: &str, table: &str, key: &str) -> anyhow::Result<Value> {
    let mut hasher = blake3::Hasher::new();
    let mut count = 0_u64;
    let mut add = |line: &str| {
        hasher.update(line.as_bytes());
        hasher.update(b"\n");
        count += 1;
    };
    if is_postgres(url) {
        let sql = format!("SELECT t::text FROM \"{table}\" t ORDER BY \"{key}\"");
        let mut connection = postgres(url).await?;
        let mut rows = sqlx::query_scalar::<_, String>(AssertSqlSafe(sql)).fetch(&mut connection);
        while let Some(line) = rows.try_next().await? {
            add(&line);
        }
    } else {
        let mut connection = sqlite(url).await?;
        let columns: Vec<String> =
            sqlx::query_scalar(AssertSqlSafe(format!("SELECT name FROM pragma_table_info('{table}')")))
                .fetch_all(&mut connection)
                .await?;
        let quoted: Vec<_> = columns.iter().map(|c| format!("quote(\"{c}\")")).collect();
        let sql = format!("SELECT {} FROM \"{table}\" ORDER BY \"{key}\"", quoted.join(" || ',' || "));
        let mut rows = sqlx::query_scalar::<_, String>(AssertSqlSafe(sql)).fetch(&mut connection);
        while let Some(line) = rows.try_next().await? {
            add(&line);
        }
    }
    Ok(json!({ "rows": count, "digest": hasher.finalize().to_hex().to_string() }))
}
