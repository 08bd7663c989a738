//! PostgreSQL: a database of its own in the cluster that `AMEND_TEST_POSTGRES` names.

use std::str::FromStr as _;

use anyhow::Context as _;
use async_trait::async_trait;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, Row as _, ValueRef as _,
    postgres::{PgConnectOptions, PgRow},
};
use tokio::sync::Mutex;

use super::{Backend, Held, Types, unique_name};

pub struct PostgresBackend {
    /// Any database of the cluster, with the right to create more.
    admin: PgConnectOptions,
    name: String,
    connection: Mutex<PgConnection>,
}

impl PostgresBackend {
    pub async fn create() -> anyhow::Result<Self> {
        let address = std::env::var("AMEND_TEST_POSTGRES").map_err(|_| {
            anyhow::anyhow!(
                "AMEND_TEST_POSTGRES is not set: `cargo xtask test store` makes a throw-away cluster and sets it"
            )
        })?;
        let admin = PgConnectOptions::from_str(&address).context("AMEND_TEST_POSTGRES is not an address")?;
        let name = unique_name();
        let mut maintenance = admin.connect().await.context("cannot connect to AMEND_TEST_POSTGRES")?;
        run(&mut maintenance, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await?;
        run(&mut maintenance, &format!("DROP ROLE IF EXISTS {name}_reader")).await?;
        // Sorted as people sort, where the server can: a store that compares by bytes in one place and
        // by language in another is found out.
        let sorted =
            format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en-US'");
        if run(&mut maintenance, &sorted).await.is_err() {
            run(&mut maintenance, &format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")).await?;
        }
        maintenance.close().await?;
        let connection = connect(&admin, &name).await?;
        Ok(Self { admin, name, connection: Mutex::new(connection) })
    }

    fn reader(&self) -> String {
        format!("{}_reader", self.name)
    }
}

async fn connect(admin: &PgConnectOptions, database: &str) -> anyhow::Result<PgConnection> {
    let mut connection = admin.clone().database(database).connect().await?;
    run(&mut connection, "SET TIME ZONE 'UTC'").await?;
    Ok(connection)
}

async fn run(connection: &mut PgConnection, sql: &str) -> anyhow::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.with_context(|| sql.to_owned())?;
    Ok(())
}

#[async_trait]
impl Backend for PostgresBackend {
    fn url(&self) -> String {
        self.admin.clone().database(&self.name).to_url_lossy().to_string()
    }

    /// A user with every right on Amend's own tables and no right but SELECT on those made so far.
    async fn read_only_url(&self) -> anyhow::Result<String> {
        let reader = self.reader();
        self.execute(&format!(
            "CREATE ROLE {reader} LOGIN PASSWORD 'reader';
             DO $$ DECLARE s text; BEGIN
               FOR s IN SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'
               LOOP
                 EXECUTE format('GRANT USAGE ON SCHEMA %I TO {reader}', s);
                 EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO {reader}', s);
               END LOOP;
             END $$;
             GRANT ALL ON ALL TABLES IN SCHEMA amend TO {reader};
             GRANT ALL ON ALL SEQUENCES IN SCHEMA amend TO {reader};"
        ))
        .await?;
        let options = self.admin.clone().database(&self.name).username(&reader).password("reader");
        Ok(options.to_url_lossy().to_string())
    }

    fn types(&self) -> Types {
        Types { text: "text", int: "bigint", uuid: "uuid", time: "timestamptz", number: "numeric(18,8)" }
    }

    async fn execute(&self, sql: &str) -> anyhow::Result<()> {
        run(&mut *self.connection.lock().await, sql).await
    }

    async fn query_rows(&self, sql: &str) -> anyhow::Result<Vec<Vec<Option<String>>>> {
        let mut connection = self.connection.lock().await;
        // The simple protocol answers in text, whatever the type.
        let rows =
            sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut *connection).await.with_context(|| sql.to_owned())?;
        rows.iter().map(texts).collect()
    }

    async fn picture(&self, table: &str) -> anyhow::Result<Vec<String>> {
        let rows = self.query_rows(&format!("SELECT t::text AS line FROM {table} AS t ORDER BY 1")).await?;
        Ok(rows.into_iter().flatten().flatten().collect())
    }

    async fn hold(&self, statements: &[&str]) -> anyhow::Result<Held> {
        let mut connection = connect(&self.admin, &self.name).await?;
        run(&mut connection, "BEGIN").await?;
        for statement in statements {
            run(&mut connection, statement).await?;
        }
        Ok(Held::Postgres(connection))
    }

    async fn destroy(&self) -> anyhow::Result<()> {
        let mut maintenance = self.admin.connect().await?;
        run(&mut maintenance, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name)).await?;
        run(&mut maintenance, &format!("DROP ROLE IF EXISTS {}", self.reader())).await?;
        maintenance.close().await?;
        Ok(())
    }
}

fn texts(row: &PgRow) -> anyhow::Result<Vec<Option<String>>> {
    (0..row.len())
        .map(|at| {
            let raw = row.try_get_raw(at)?;
            if raw.is_null() {
                return Ok(None);
            }
            Ok(Some(raw.as_str().map_err(|e| anyhow::anyhow!("column {at} is not text: {e}"))?.to_owned()))
        })
        .collect()
}
