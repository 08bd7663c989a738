//! A database of its own for each test, looked into with plain SQL.

use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, Row as _, SqliteConnection,
    postgres::PgConnectOptions, sqlite::SqliteConnectOptions,
};

/// Name of a table or column of Amend's own on both databases.
pub struct Own {
    pub run: &'static str,
    pub journal: &'static str,
}

enum Kind {
    Sqlite,
    Postgres { admin: Box<PgConnectOptions>, name: String },
}

pub struct Database {
    kind: Kind,
    pub url: String,
    /// The folder that the program is started in.
    pub folder: PathBuf,
}

fn unique() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

pub fn folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("amend_cli_{}", unique()));
    std::fs::create_dir_all(&folder).expect("a folder for the test");
    folder
}

impl Database {
    pub async fn sqlite() -> Self {
        let folder = folder();
        let url = format!("sqlite://{}", folder.join("test.db").display());
        Self { kind: Kind::Sqlite, url, folder }
    }

    pub async fn postgres() -> Self {
        let address = std::env::var("AMEND_TEST_POSTGRES").expect(
            "AMEND_TEST_POSTGRES is not set: `cargo xtask test api` makes a throw-away PostgreSQL cluster and sets it",
        );
        let admin = PgConnectOptions::from_str(&address).expect("AMEND_TEST_POSTGRES is an address");
        let name = format!("amend_cli_{}", unique());
        let mut connection = admin.connect().await.expect("AMEND_TEST_POSTGRES answers");
        for sql in [format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"), format!("CREATE DATABASE {name}")] {
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.expect("a database for the test");
        }
        let url = admin.clone().database(&name).to_url_lossy().to_string();
        Self { kind: Kind::Postgres { admin: Box::new(admin), name }, url, folder: folder() }
    }

    pub fn own(&self) -> Own {
        match self.kind {
            Kind::Sqlite => Own { run: "amend_run", journal: "amend_journal" },
            Kind::Postgres { .. } => Own { run: "amend.run", journal: "amend.journal" },
        }
    }

    /// Runs statements.
    pub async fn execute(&self, sql: &str) {
        match &self.kind {
            Kind::Sqlite => {
                let mut connection = self.sqlite_connection(true).await.expect("the file opens");
                sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.expect(sql);
                connection.close().await.expect("the file closes");
            }
            Kind::Postgres { admin, name } => {
                let mut connection = postgres_connection(admin, name).await;
                sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.expect(sql);
            }
        }
    }

    /// The lines of a query of one text column.
    pub async fn lines(&self, sql: &str) -> Vec<String> {
        self.try_lines(sql).await.expect(sql)
    }

    /// The same, while the tables may not be there yet.
    pub async fn try_lines(&self, sql: &str) -> Result<Vec<String>, sqlx::Error> {
        match &self.kind {
            Kind::Sqlite => {
                let mut connection = self.sqlite_connection(false).await?;
                let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut connection).await?;
                rows.iter().map(|row| row.try_get(0)).collect()
            }
            Kind::Postgres { admin, name } => {
                let mut connection = postgres_connection(admin, name).await;
                let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut connection).await?;
                rows.iter().map(|row| row.try_get(0)).collect()
            }
        }
    }

    /// The number that a query of one number gives.
    pub async fn number(&self, sql: &str) -> i64 {
        let lines = self.lines(&format!("SELECT CAST(({sql}) AS TEXT)")).await;
        lines[0].parse().expect(sql)
    }

    /// A digest of every column of every row.
    pub async fn digest(&self, table: &str) -> String {
        let sql = match self.kind {
            Kind::Sqlite => format!(
                "SELECT quote(id) || quote(symbol) || quote(timeframe) || quote(\"timestamp\") || quote(open) || \
                 quote(high) || quote(low) || quote(close) || quote(volume) || quote(asset_class) \
                 FROM {table} ORDER BY id"
            ),
            Kind::Postgres { .. } => format!("SELECT CAST(t AS text) FROM {table} t ORDER BY id"),
        };
        let mut hasher = blake3::Hasher::new();
        for line in self.lines(&sql).await {
            hasher.update(line.as_bytes());
            hasher.update(b"\n");
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Rows in the journal of a run.
    pub async fn journalled(&self, run: &str) -> i64 {
        let journal = self.own().journal;
        self.number(&format!("SELECT coalesce(sum(row_count), 0) FROM {journal} WHERE run_id = '{run}'")).await
    }

    async fn sqlite_connection(&self, create: bool) -> Result<SqliteConnection, sqlx::Error> {
        let options = SqliteConnectOptions::from_str(&self.url).expect("our own address");
        options.create_if_missing(create).connect().await
    }

    pub async fn destroy(self) {
        if let Kind::Postgres { admin, name } = &self.kind {
            let mut connection = admin.connect().await.expect("AMEND_TEST_POSTGRES answers");
            let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.expect("the database goes");
        }
        remove(&self.folder);
    }
}

pub fn remove(folder: &Path) {
    std::fs::remove_dir_all(folder).expect("the test's folder goes");
}

async fn postgres_connection(admin: &PgConnectOptions, name: &str) -> PgConnection {
    admin.clone().database(name).connect().await.expect("the test's database answers")
}
