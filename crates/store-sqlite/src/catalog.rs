//! [`Catalog`]: what the database is and what stands in it.

use amend_domain::{ColumnName, Rule, RuleSlug, TableName};
use amend_engine::store::{Catalog, ColumnInfo, Remark, ServerInfo, StoreError, StoreKind, TableInfo};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, Row as _, SqliteConnection, migrate::Migrator};

use crate::{
    analyses::json,
    disk,
    error::{corrupt, db, migration},
    pool::begin_read,
    shape::{TableKind, TableShape},
    store::SqliteStore,
    time::micros,
};

/// Where the migrations that were applied are kept: a name that is recognisably ours.
const BOOKKEEPING: &str = "amend_migration";

fn migrator() -> Migrator {
    let mut migrator = sqlx::migrate!("../../migrations/sqlite");
    migrator.dangerous_set_table_name(BOOKKEEPING);
    migrator
}

async fn applied(connection: &mut SqliteConnection) -> Result<Vec<i64>, StoreError> {
    let there: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = ?1)")
        .bind(BOOKKEEPING)
        .fetch_one(&mut *connection)
        .await
        .map_err(db)?;
    if !there {
        return Ok(Vec::new());
    }
    sqlx::query_scalar(AssertSqlSafe(format!("SELECT version FROM {BOOKKEEPING} WHERE success")))
        .fetch_all(connection)
        .await
        .map_err(db)
}

#[async_trait]
impl Catalog for SqliteStore {
    fn kind(&self) -> StoreKind {
        StoreKind::Sqlite
    }

    async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        let migrator = migrator();
        let mut connection = self.writer.acquire(None).await?;
        let before = applied(&mut connection).await?;
        let pending: Vec<String> = migrator
            .iter()
            .filter(|m| !before.contains(&m.version))
            .map(|m| format!("{:04}_{}", m.version, m.description.replace(' ', "_")))
            .collect();
        if pending.is_empty() && !self.writable {
            return Ok(pending);
        }
        drop(connection);
        if let Err(error) = migrator.run(self.writer.pool()).await {
            // Another program may have applied the same at the same moment; then there is nothing left.
            let mut connection = self.writer.acquire(None).await?;
            let now = applied(&mut connection).await?;
            if migrator.iter().any(|m| !now.contains(&m.version)) {
                return Err(migration(error));
            }
        }
        Ok(pending)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let mut connection = self.readers.acquire().await?;
        sqlx::query("SELECT 1").execute(&mut *connection).await.map_err(db)?;
        Ok(())
    }

    async fn server_info(&self) -> Result<ServerInfo, StoreError> {
        let mut connection = self.readers.acquire().await?;
        let row = sqlx::query(
            "SELECT sqlite_version(), CAST(unixepoch('subsec') * 1000 AS INTEGER),
                    (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size)",
        )
        .fetch_one(&mut *connection)
        .await
        .map_err(db)?;
        let version: String = row.try_get(0).map_err(db)?;
        let clock: i64 = row.try_get(1).map_err(db)?;
        let size: i64 = row.try_get(2).map_err(db)?;
        Ok(ServerInfo {
            kind: StoreKind::Sqlite,
            supported: at_least(&version, (3, 38)),
            version,
            location: self.path.display().to_string(),
            clock: DateTime::from_timestamp_millis(clock)
                .ok_or_else(|| StoreError::Other(format!("SQLite's clock says {clock}")))?,
            free_bytes: disk::free_bytes(&self.path),
            size_bytes: u64::try_from(size).ok(),
            writable: self.writable,
        })
    }

    async fn tables(&self) -> Result<Vec<TableInfo>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        let mut transaction = begin_read(&mut connection).await?;
        let names: Vec<String> = sqlx::query_scalar(
            "SELECT name FROM pragma_table_list
             WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
               AND name NOT LIKE 'amend\\_%' ESCAPE '\\' AND name <> '_sqlx_migrations'
             ORDER BY name",
        )
        .fetch_all(&mut *transaction)
        .await
        .map_err(db)?;
        let mut tables = Vec::with_capacity(names.len());
        for name in names {
            tables.extend(info(&mut transaction, &TableName::new(&name)).await?);
        }
        transaction.commit().await.map_err(db)?;
        Ok(tables)
    }

    async fn table(&self, table: &TableName) -> Result<Option<TableInfo>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        let mut transaction = begin_read(&mut connection).await?;
        let found = info(&mut transaction, table).await?;
        transaction.commit().await.map_err(db)?;
        Ok(found)
    }

    async fn remarks(&self, rule: &Rule) -> Result<Vec<Remark>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        let Some(target) = TableShape::load(&mut connection, &rule.target.table).await? else { return Ok(Vec::new()) };
        let mut remarks = Vec::new();
        let table = &rule.target.table;
        if target.kind == TableKind::View {
            remarks.push(Remark {
                field: "target.table",
                refuses: true,
                message: format!("{table} is a view: it cannot be corrected row by row."),
                advice: "Name the table behind it.".into(),
            });
        } else if target.column(&rule.target.value).is_some_and(|c| c.generated) {
            remarks.push(Remark {
                field: "target.value",
                refuses: true,
                message: format!("Column {} of {table} is generated: the database alone writes it.", rule.target.value),
                advice: "Correct the columns that it is made from.".into(),
            });
        }
        Ok(remarks)
    }

    async fn has_rows(&self, table: &TableName) -> Result<bool, StoreError> {
        let mut connection = self.readers.acquire().await?;
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {})", table.quoted());
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *connection).await.map_err(db)
    }

    async fn distinct_values(
        &self,
        table: &TableName,
        column: &ColumnName,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        let shape = TableShape::load(&mut connection, table)
            .await?
            .ok_or_else(|| StoreError::Missing(format!("table {table}")))?;
        // SQLite takes a name in quotes that is no column for a text.
        if shape.column(column).is_none() {
            return Err(StoreError::Missing(format!("column {column} of table {table}")));
        }
        let (from, column) = (table.quoted(), column.quoted());
        let sql =
            format!("SELECT DISTINCT CAST({column} AS TEXT) FROM {from} WHERE {column} IS NOT NULL LIMIT {limit}");
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut *connection).await.map_err(db)
    }

    async fn may_update(&self, table: &TableName, column: &ColumnName) -> Result<bool, StoreError> {
        let mut connection = self.readers.acquire().await?;
        let shape = TableShape::load(&mut connection, table)
            .await?
            .ok_or_else(|| StoreError::Missing(format!("table {table}")))?;
        let Some(found) = shape.column(column) else {
            return Err(StoreError::Missing(format!("column {column} of table {table}")));
        };
        Ok(self.writable && !found.generated)
    }

    async fn save_rule(&self, rule: &Rule, now: DateTime<Utc>) -> Result<(), StoreError> {
        let body = json(rule)?;
        let mut connection = self.writer.acquire(None).await?;
        let done = sqlx::query(
            "INSERT INTO amend_rule (slug, body, updated_at) VALUES (?1, ?2, ?3)
             ON CONFLICT (slug) DO UPDATE SET body = excluded.body, updated_at = excluded.updated_at",
        )
        .bind(rule.slug.as_str())
        .bind(body)
        .bind(micros(now))
        .execute(&mut *connection)
        .await
        .map_err(db)?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Other("the rule was not saved".into())) }
    }

    async fn rule(&self, slug: &RuleSlug) -> Result<Option<Rule>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        let body: Option<String> = sqlx::query_scalar("SELECT body FROM amend_rule WHERE slug = ?1")
            .bind(slug.as_str())
            .fetch_optional(&mut *connection)
            .await
            .map_err(db)?;
        body.map(|text| read_rule(slug.as_str(), &text)).transpose()
    }

    async fn rules(&self) -> Result<Vec<Rule>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        let rows = sqlx::query("SELECT slug, body FROM amend_rule ORDER BY slug")
            .fetch_all(&mut *connection)
            .await
            .map_err(db)?;
        rows.iter()
            .map(|row| {
                let (slug, body): (String, String) = (row.try_get(0).map_err(db)?, row.try_get(1).map_err(db)?);
                read_rule(&slug, &body)
            })
            .collect()
    }
}

fn read_rule(slug: &str, body: &str) -> Result<Rule, StoreError> {
    serde_json::from_str(body).map_err(|e| corrupt("amend_rule", "body", slug, e))
}

fn at_least(version: &str, least: (u32, u32)) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= least
}

/// Columns, keys and indexes of one table or view.
async fn info(connection: &mut SqliteConnection, table: &TableName) -> Result<Option<TableInfo>, StoreError> {
    let Some(shape) = TableShape::load(connection, table).await? else { return Ok(None) };
    let primary = primary_key(&shape);
    let mut keys = Vec::new();
    let mut indexes: Vec<Vec<ColumnName>> = Vec::new();
    if !primary.is_empty() {
        keys.push(primary.clone());
        // The row number itself has no entry in the list of indexes.
        indexes.push(primary.clone());
    }
    for index in index_list(connection, table).await? {
        let nullable = |name: &ColumnName| shape.column(name).is_none_or(|c| !c.not_null && c.key_place == 0);
        if index.unique && index.whole && !index.columns.iter().any(nullable) && !keys.contains(&index.columns) {
            keys.push(index.columns.clone());
        }
        if !index.columns.is_empty() && !indexes.contains(&index.columns) {
            indexes.push(index.columns);
        }
    }
    Ok(Some(TableInfo {
        table: table.clone(),
        columns: shape
            .columns
            .iter()
            .map(|c| ColumnInfo {
                name: c.name.clone(),
                type_name: c.type_name.clone(),
                nullable: !c.not_null && c.key_place == 0,
            })
            .collect(),
        keys,
        indexes,
        estimated_rows: if shape.kind == TableKind::Table { estimate(connection, table).await? } else { None },
    }))
}

fn primary_key(shape: &TableShape) -> Vec<ColumnName> {
    let mut parts: Vec<_> = shape.columns.iter().filter(|c| c.key_place > 0).collect();
    parts.sort_by_key(|c| c.key_place);
    parts.into_iter().map(|c| c.name.clone()).collect()
}

struct Index {
    unique: bool,
    /// Every part of it is a column, none an expression.
    whole: bool,
    /// Up to the first expression.
    columns: Vec<ColumnName>,
}

/// Indexes over all rows; partial ones serve only some questions.
async fn index_list(connection: &mut SqliteConnection, table: &TableName) -> Result<Vec<Index>, StoreError> {
    let rows = sqlx::query(
        "SELECT l.name, l.\"unique\", x.name FROM pragma_index_list(?1, 'main') AS l, pragma_index_info(l.name, 'main') AS x
         WHERE l.partial = 0 ORDER BY l.seq, x.seqno",
    )
    .bind(&table.name)
    .fetch_all(connection)
    .await
    .map_err(db)?;
    let mut list: Vec<(String, Index)> = Vec::new();
    for row in &rows {
        let name: String = row.try_get(0).map_err(db)?;
        if list.last().is_none_or(|(last, _)| *last != name) {
            let unique = row.try_get::<i64, _>(1).map_err(db)? != 0;
            list.push((name, Index { unique, whole: true, columns: Vec::new() }));
        }
        if let Some((_, index)) = list.last_mut() {
            match row.try_get::<Option<String>, _>(2).map_err(db)? {
                Some(column) if index.whole => index.columns.push(ColumnName(column)),
                Some(_) => {}
                None => index.whole = false,
            }
        }
    }
    Ok(list.into_iter().map(|(_, index)| index).collect())
}

/// From `ANALYZE`, where somebody ran it.
async fn estimate(connection: &mut SqliteConnection, table: &TableName) -> Result<Option<i64>, StoreError> {
    let there: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1')")
        .fetch_one(&mut *connection)
        .await
        .map_err(db)?;
    if !there {
        return Ok(None);
    }
    let stats: Vec<String> = sqlx::query_scalar("SELECT stat FROM sqlite_stat1 WHERE tbl = ?1 AND stat IS NOT NULL")
        .bind(&table.name)
        .fetch_all(connection)
        .await
        .map_err(db)?;
    Ok(stats.iter().filter_map(|stat| stat.split(' ').next()?.parse().ok()).max())
}
