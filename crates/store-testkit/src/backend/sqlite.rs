//! SQLite: a file in the system's temporary folder.

use std::path::PathBuf;

use anyhow::Context as _;
use async_trait::async_trait;
use sqlx::{
    AssertSqlSafe, Connection as _, Row as _, SqliteConnection, TypeInfo as _, ValueRef as _,
    sqlite::{SqliteConnectOptions, SqliteRow},
};
use tokio::sync::Mutex;

use super::{Backend, Held, Types, unique_name};

pub struct SqliteBackend {
    folder: PathBuf,
    connection: Mutex<SqliteConnection>,
}

impl SqliteBackend {
    pub async fn create() -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(unique_name());
        if folder.exists() {
            // Left by a test that was killed under the same process number.
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let file = folder.join("amend.db");
        let connection = connect(&file).await?;
        Ok(Self { folder, connection: Mutex::new(connection) })
    }

    fn file(&self) -> PathBuf {
        self.folder.join("amend.db")
    }
}

async fn connect(file: &std::path::Path) -> anyhow::Result<SqliteConnection> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .busy_timeout(std::time::Duration::from_secs(20));
    Ok(SqliteConnection::connect_with(&options).await?)
}

#[async_trait]
impl Backend for SqliteBackend {
    fn url(&self) -> String {
        format!("sqlite://{}", self.file().display())
    }

    /// File permissions would not stop a test that runs as root; the connection's own mode does.
    async fn read_only_url(&self) -> anyhow::Result<String> {
        Ok(format!("{}?mode=ro", self.url()))
    }

    fn types(&self) -> Types {
        Types { text: "TEXT", int: "INTEGER", uuid: "TEXT", time: "TEXT", number: "NUMERIC" }
    }

    async fn execute(&self, sql: &str) -> anyhow::Result<()> {
        let mut connection = self.connection.lock().await;
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await.with_context(|| sql.to_owned())?;
        Ok(())
    }

    async fn query_rows(&self, sql: &str) -> anyhow::Result<Vec<Vec<Option<String>>>> {
        let mut connection = self.connection.lock().await;
        let rows =
            sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut *connection).await.with_context(|| sql.to_owned())?;
        rows.iter().map(texts).collect()
    }

    async fn picture(&self, table: &str) -> anyhow::Result<Vec<String>> {
        let bare = table.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(table);
        let name = bare.replace("\"\"", "\"");
        let columns =
            self.query_rows(&format!("SELECT name FROM pragma_table_info({})", super::literal(&*name))).await?;
        // `quote` tells null from an empty text, and a number from a text that looks like one.
        let parts: Vec<String> = columns
            .into_iter()
            .flatten()
            .flatten()
            .map(|column| format!("quote(\"{}\")", column.replace('"', "\"\"")))
            .collect();
        let rows =
            self.query_rows(&format!("SELECT {} AS line FROM {table} ORDER BY 1", parts.join("||' | '||"))).await?;
        Ok(rows.into_iter().flatten().flatten().collect())
    }

    async fn hold(&self, statements: &[&str]) -> anyhow::Result<Held> {
        let mut connection = connect(&self.file()).await?;
        // Only a transaction that writes stops another that does.
        sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut connection).await?;
        for statement in statements {
            sqlx::raw_sql(AssertSqlSafe(*statement)).execute(&mut connection).await?;
        }
        Ok(Held::Sqlite(connection))
    }

    async fn destroy(&self) -> anyhow::Result<()> {
        // The store's connections may still be open: the files go when the last is closed.
        std::fs::remove_dir_all(&self.folder).with_context(|| format!("cannot remove {}", self.folder.display()))
    }
}

fn texts(row: &SqliteRow) -> anyhow::Result<Vec<Option<String>>> {
    (0..row.len())
        .map(|at| {
            let raw = row.try_get_raw(at)?;
            if raw.is_null() {
                return Ok(None);
            }
            Ok(Some(match raw.type_info().name() {
                "INTEGER" | "BOOLEAN" => row.try_get_unchecked::<i64, _>(at)?.to_string(),
                "REAL" => row.try_get_unchecked::<f64, _>(at)?.to_string(),
                _ => row.try_get_unchecked::<String, _>(at)?,
            }))
        })
        .collect()
}
