//! What the server is, what stands in the database, and the rules.

use amend_domain::{ColumnName, Rule, RuleSlug, TableName};
use amend_engine::store::{Catalog, ColumnInfo, Remark, ServerInfo, StoreError, StoreKind, TableInfo};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use sqlx::{
    FromRow,
    migrate::{Migrate, Migrator},
    postgres::PgPoolOptions,
};

use crate::{
    PostgresStore,
    error::{db, json, migration, to_json},
    probe,
    shape::lookup_name,
    tx::{Args, fetch_all, fetch_one},
};

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/postgres");
/// Where sqlx keeps which migrations were applied.
const BOOKKEEPING: &str = "amend.migration";
/// `server_version_num` of the oldest server that has what the SQL here uses (hash_record_extended).
const OLDEST: i32 = 140_000;

#[derive(FromRow)]
struct ServerRow {
    version: String,
    number: i32,
    clock: DateTime<Utc>,
    size: i64,
    writable: bool,
}

#[derive(FromRow)]
struct TableRow {
    schema: String,
    name: String,
    visible: bool,
    estimate: Option<f64>,
    columns: String,
    indexes: String,
}

#[derive(Deserialize)]
struct ColumnEntry {
    name: ColumnName,
    type_name: String,
    nullable: bool,
}

#[derive(Deserialize)]
struct IndexEntry {
    /// Null for an index on an expression alone.
    columns: Option<Vec<ColumnName>>,
    is_key: bool,
    serves: bool,
}

impl TableRow {
    #[expect(clippy::cast_possible_truncation, reason = "an estimate of rows")]
    fn info(self, table: TableName) -> Result<TableInfo, StoreError> {
        let columns: Vec<ColumnEntry> = json("pg_attribute", "*", &self.name, &self.columns)?;
        let indexes: Vec<IndexEntry> = json("pg_index", "*", &self.name, &self.indexes)?;
        let of = |keep: fn(&IndexEntry) -> bool| -> Vec<Vec<ColumnName>> {
            indexes.iter().filter(|i| keep(i)).filter_map(|i| i.columns.clone()).collect()
        };
        Ok(TableInfo {
            table,
            columns: columns
                .into_iter()
                .map(|c| ColumnInfo { name: c.name, type_name: c.type_name, nullable: c.nullable })
                .collect(),
            keys: of(|i| i.is_key),
            indexes: of(|i| i.serves),
            estimated_rows: self.estimate.map(|rows| rows as i64),
        })
    }
}

impl PostgresStore {
    async fn tables_at(&self, quoted: Option<String>) -> Result<Vec<TableRow>, StoreError> {
        sqlx::query_as(include_str!("sql/tables.sql")).bind(quoted).fetch_all(&self.pool).await.map_err(db)
    }

    /// The versions of the migrations in the database; none where Amend was never set up.
    async fn applied(&self) -> Result<Vec<i64>, StoreError> {
        let there: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
            .bind(BOOKKEEPING)
            .fetch_one(&self.pool)
            .await
            .map_err(db)?;
        if !there {
            return Ok(Vec::new());
        }
        let mut conn = self.pool.acquire().await.map_err(db)?;
        let list = conn.list_applied_migrations(BOOKKEEPING).await.map_err(migration)?;
        Ok(list.into_iter().map(|m| m.version).collect())
    }
}

#[async_trait]
impl Catalog for PostgresStore {
    fn kind(&self) -> StoreKind {
        StoreKind::Postgres
    }

    async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        let number: i32 = sqlx::query_scalar("SELECT current_setting('server_version_num')::int")
            .fetch_one(&self.pool)
            .await
            .map_err(db)?;
        if number < OLDEST {
            return Err(StoreError::Unsupported(format!(
                "This PostgreSQL is version {}; Amend needs 14 or later. Update the server.",
                number / 10_000
            )));
        }
        let before = self.applied().await?;
        let (mut new, mut unknown) = (Vec::new(), before.clone());
        for m in MIGRATIONS.iter() {
            unknown.retain(|v| *v != m.version);
            if !before.contains(&m.version) {
                new.push(format!("{:04} {}", m.version, m.description));
            }
        }
        if new.is_empty() && unknown.is_empty() {
            // Making what is there already needs rights that a user of the finished tables may lack.
            return Ok(new);
        }
        let mut migrator = Migrator { migrations: MIGRATIONS.migrations.clone(), ..Migrator::DEFAULT };
        migrator.dangerous_set_table_name(BOOKKEEPING);
        let schema: bool = sqlx::query_scalar("SELECT to_regnamespace('amend') IS NOT NULL")
            .fetch_one(&self.pool)
            .await
            .map_err(db)?;
        if !schema {
            migrator.create_schema("amend");
        }
        // A connection of its own, closed whatever comes: sqlx keeps its advisory lock when a migration
        // fails, and the store's pool would keep the connection.
        let options = self.pool.connect_options().as_ref().clone();
        let alone = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(self.options.acquire_timeout)
            .connect_with(options)
            .await
            .map_err(db)?;
        // Two programs that start at once wait for each other, where the server has locks of a session;
        // elsewhere the second one fails on what the first has made, and is started again.
        let mut conn = alone.acquire().await.map_err(db)?;
        migrator.set_locking(probe::has_function(&mut conn, "pg_advisory_lock(bigint)").await?);
        drop(conn);
        let result = migrator.run(&alone).await.map_err(migration);
        alone.close().await;
        result.map(|()| new)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.pool).await.map_err(db)?;
        Ok(())
    }

    async fn server_info(&self) -> Result<ServerInfo, StoreError> {
        let row: ServerRow = sqlx::query_as(
            "SELECT version() AS version, current_setting('server_version_num')::int AS number,
                    clock_timestamp() AS clock, pg_database_size(current_database()) AS size,
                    NOT pg_is_in_recovery() AND NOT current_setting('default_transaction_read_only')::boolean
                      AND CASE WHEN to_regnamespace('amend') IS NULL
                               THEN has_database_privilege(current_database(), 'CREATE')
                               WHEN NOT has_schema_privilege('amend', 'USAGE') THEN false
                               WHEN to_regclass('amend.run') IS NULL THEN has_schema_privilege('amend', 'CREATE')
                               ELSE has_table_privilege('amend.run', 'INSERT')
                                    AND has_table_privilege('amend.run', 'UPDATE')
                                    AND has_table_privilege('amend.journal', 'INSERT') END AS writable",
        )
        .fetch_one(&self.pool)
        .await
        .map_err(db)?;
        Ok(ServerInfo {
            kind: StoreKind::Postgres,
            version: row.version,
            supported: row.number >= OLDEST,
            location: self.location.clone(),
            clock: row.clock,
            free_bytes: None,
            size_bytes: u64::try_from(row.size).ok(),
            writable: row.writable,
        })
    }

    async fn tables(&self) -> Result<Vec<TableInfo>, StoreError> {
        self.tables_at(None)
            .await?
            .into_iter()
            .map(|row| {
                let table =
                    if row.visible { TableName::new(&row.name) } else { TableName::in_schema(&row.schema, &row.name) };
                row.info(table)
            })
            .collect()
    }

    async fn table(&self, table: &TableName) -> Result<Option<TableInfo>, StoreError> {
        let Some(name) = lookup_name(table) else { return Ok(None) };
        let found = self.tables_at(Some(name)).await?;
        found.into_iter().next().map(|row| row.info(table.clone())).transpose()
    }

    async fn remarks(&self, rule: &Rule) -> Result<Vec<Remark>, StoreError> {
        self.all_remarks(rule).await
    }

    async fn has_rows(&self, table: &TableName) -> Result<bool, StoreError> {
        let name = lookup_name(table).ok_or_else(|| StoreError::Missing(format!("table {table}")))?;
        let mut tx = self.reading().await?;
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {name}) AS filled");
        let row = fetch_one(&mut tx, sql, Args::default()).await?;
        tx.commit().await.map_err(db)?;
        sqlx::Row::try_get(&row, "filled").map_err(db)
    }

    async fn distinct_values(
        &self,
        table: &TableName,
        column: &ColumnName,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        let from = lookup_name(table).ok_or_else(|| StoreError::Missing(format!("table {table}")))?;
        let column = column.quoted();
        let mut tx = self.reading().await?;
        let sql = format!(
            "SELECT DISTINCT t.{column}::text AS value FROM {from} AS t WHERE t.{column} IS NOT NULL LIMIT {limit}"
        );
        let rows = fetch_all(&mut tx, sql, Args::default()).await?;
        tx.commit().await.map_err(db)?;
        rows.iter().map(|row| sqlx::Row::try_get(row, "value").map_err(db)).collect()
    }

    async fn may_update(&self, table: &TableName, column: &ColumnName) -> Result<bool, StoreError> {
        let may: Option<bool> = sqlx::query_scalar(
            "SELECT has_column_privilege(to_regclass($1)::oid, $2, 'UPDATE')
                    AND NOT pg_is_in_recovery() AND NOT current_setting('default_transaction_read_only')::boolean",
        )
        .bind(lookup_name(table))
        .bind(&column.0)
        .fetch_one(&self.pool)
        .await
        .map_err(db)?;
        may.ok_or_else(|| StoreError::Missing(format!("table {table}")))
    }

    async fn save_rule(&self, rule: &Rule, now: DateTime<Utc>) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO amend.rule (slug, body, updated_at) VALUES ($1, $2::text::jsonb, $3)
             ON CONFLICT (slug) DO UPDATE SET body = excluded.body, updated_at = excluded.updated_at",
        )
        .bind(rule.slug.as_str())
        .bind(to_json(rule)?)
        .bind(now)
        .execute(&self.pool)
        .await
        .map_err(db)?;
        Ok(())
    }

    async fn rule(&self, slug: &RuleSlug) -> Result<Option<Rule>, StoreError> {
        let body: Option<String> = sqlx::query_scalar("SELECT body::text FROM amend.rule WHERE slug = $1")
            .bind(slug.as_str())
            .fetch_optional(&self.pool)
            .await
            .map_err(db)?;
        body.map(|text| json("amend.rule", "body", slug.as_str(), &text)).transpose()
    }

    async fn rules(&self) -> Result<Vec<Rule>, StoreError> {
        let rows: Vec<(String, String)> =
            sqlx::query_as("SELECT slug, body::text FROM amend.rule ORDER BY slug COLLATE \"C\"")
                .fetch_all(&self.pool)
                .await
                .map_err(db)?;
        rows.iter().map(|(slug, body)| json("amend.rule", "body", slug, body)).collect()
    }
}
