//! The reference resolved: what it says for each combination of match columns.

use amend_domain::finding::Resolution;
use amend_engine::store::StoreError;
use sqlx::SqliteConnection;

use super::{indexed_text_of, numbered, text_of, trimmed};
use crate::{
    error::db,
    shape::{Bound, TableKind},
    value::Binds,
};

/// One value that may be written.
pub(crate) const RESOLVED: i64 = 0;
/// Several rows with different values.
pub(crate) const DISAGREE: i64 = 1;
/// No value that is not blank, or one that is not allowed.
pub(crate) const UNUSABLE: i64 = 2;

/// The resolution of a row, from `r.kind` and `r.value`.
pub(crate) fn resolution(kind: Option<i64>, value: Option<&str>) -> Resolution<'_> {
    match (kind, value) {
        (None, _) => Resolution::NoRow,
        (Some(RESOLVED), Some(value)) => Resolution::Value(value),
        (Some(DISAGREE), _) => Resolution::Disagree,
        _ => Resolution::Unusable,
    }
}

impl Bound<'_> {
    /// `SELECT m0, .., kind, value`, one row for each combination. Blank values are passed over where
    /// another row gives one, and a null match column never matches. What people assigned is in it.
    pub(crate) fn resolve_sql(&self, binds: &mut Binds) -> String {
        if !self.assigned {
            return self.said_sql(binds);
        }
        let names = numbered("m", self.rule.reference.matches.len()).join(", ");
        format!("SELECT {names}, kind, value FROM ({})", self.assigned_sql(binds))
    }

    /// The same without what people assigned: what the reference itself says.
    pub(crate) fn said_sql(&self, binds: &mut Binds) -> String {
        let reference = &self.rule.reference;
        let value = text_of("f", &reference.value);
        let blank = format!("{} = ''", trimmed(&value));
        let matches: Vec<String> =
            self.reference_texts().enumerate().map(|(i, text)| format!("{text} AS m{i}")).collect();
        let not_null: Vec<String> = reference.matches.iter().map(|c| format!("f.{} IS NOT NULL", c.quoted())).collect();
        let not_allowed = if self.rule.allowed_values.is_empty() {
            String::new()
        } else {
            let allowed = binds.add_list(&self.rule.allowed_values);
            format!("WHEN lo NOT IN (SELECT value FROM json_each({allowed})) THEN {UNUSABLE}")
        };
        let names = numbered("m", reference.matches.len()).join(", ");
        format!(
            "SELECT {names}, kind, CASE kind WHEN {RESOLVED} THEN lo END AS value FROM (
                 SELECT {names}, lo, CASE WHEN lo IS NULL THEN {UNUSABLE} WHEN lo <> hi THEN {DISAGREE} {not_allowed}
                     ELSE {RESOLVED} END AS kind
                 FROM (SELECT {names}, min(v) AS lo, max(v) AS hi
                       FROM (SELECT {}, CASE WHEN {blank} THEN NULL ELSE {value} END AS v
                             FROM {} AS f WHERE {})
                       GROUP BY {names}))",
            matches.join(", "),
            reference.table.quoted(),
            not_null.join(" AND "),
        )
    }

    /// The match columns of a reference row `f` as text, in such a way that an index serves.
    pub(crate) fn reference_texts(&self) -> impl Iterator<Item = String> + '_ {
        self.rule.reference.matches.iter().map(|name| match self.reference.column(name) {
            Some(column) => indexed_text_of("f", column),
            None => text_of("f", name),
        })
    }

    /// The rule's rows with `r.kind` and `r.value` beside them; `r.kind` is null for an orphan.
    pub(crate) fn joined(&self, resolved: &str) -> String {
        format!("{} AS t LEFT JOIN {resolved} AS r ON {}", self.rule.target.table.quoted(), self.matching())
    }

    pub(crate) fn matching(&self) -> String {
        let equal: Vec<String> = self
            .rule
            .target
            .matches
            .iter()
            .enumerate()
            .map(|(i, column)| format!("r.m{i} = {}", text_of("t", column)))
            .collect();
        equal.join(" AND ")
    }
}

/// Resolves the reference into a temporary table of this connection, and gives the table's name.
/// Call it inside the transaction that reads it.
///
/// What was resolved before is used again while SQLite says that no other connection has changed the
/// file (`PRAGMA data_version`) and this one has not changed the reference ([`forget`]), so a chunk
/// always works with the reference as its own transaction sees it. A view may read any table, so it
/// is resolved each time.
pub(crate) async fn ensure(connection: &mut SqliteConnection, bound: &Bound<'_>) -> Result<String, StoreError> {
    // What people assigned is one rule's; without any, rules over the same reference share a table.
    let whose = bound.assigned.then(|| bound.rule.slug.as_str());
    let identity = serde_json::json!([bound.rule.reference, bound.rule.allowed_values, whose]).to_string();
    let digest = blake3::hash(identity.as_bytes()).to_hex();
    let name = format!("amend_ref_{}", &digest[..16]);
    let table = format!("temp.{name}");
    let execute = async |connection: &mut SqliteConnection, sql: String| {
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(connection).await.map_err(db)
    };

    sqlx::query(
        "CREATE TEMP TABLE IF NOT EXISTS amend_ref_known (
             name TEXT PRIMARY KEY, version INTEGER NOT NULL, source TEXT NOT NULL COLLATE NOCASE) WITHOUT ROWID",
    )
    .execute(&mut *connection)
    .await
    .map_err(db)?;
    let version: i64 = sqlx::query_scalar("PRAGMA data_version").fetch_one(&mut *connection).await.map_err(db)?;
    let known: Option<i64> = sqlx::query_scalar("SELECT version FROM temp.amend_ref_known WHERE name = ?1")
        .bind(&name)
        .fetch_optional(&mut *connection)
        .await
        .map_err(db)?;
    if known == Some(version) && bound.reference.kind == TableKind::Table {
        return Ok(table);
    }

    let names = numbered("m", bound.rule.reference.matches.len());
    let columns: Vec<String> = names.iter().map(|m| format!("{m} TEXT NOT NULL")).collect();
    execute(
        connection,
        format!(
            "CREATE TABLE IF NOT EXISTS {table} ({}, kind INTEGER NOT NULL, value TEXT, PRIMARY KEY ({})) WITHOUT ROWID",
            columns.join(", "),
            names.join(", ")
        ),
    )
    .await?;
    execute(connection, format!("DELETE FROM {table}")).await?;
    let mut binds = Binds::default();
    let sql = format!("INSERT INTO {table} {}", bound.resolve_sql(&mut binds));
    binds.query(sql)?.execute(&mut *connection).await.map_err(db)?;
    sqlx::query("INSERT OR REPLACE INTO temp.amend_ref_known (name, version, source) VALUES (?1, ?2, ?3)")
        .bind(&name)
        .bind(version)
        .bind(&bound.rule.reference.table.name)
        .execute(connection)
        .await
        .map_err(db)?;
    Ok(table)
}

/// This connection has written to the rule's target: what was resolved from that table is old, and
/// so may be anything else when a trigger of it can have written elsewhere. Those of prevention have
/// not: they let Amend's own writes pass.
pub(crate) async fn forget(connection: &mut SqliteConnection, bound: &Bound<'_>) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM temp.amend_ref_known
         WHERE source = ?1
            OR EXISTS (
                 SELECT 1 FROM main.sqlite_schema AS s WHERE s.type = 'trigger' AND s.tbl_name = ?1 COLLATE NOCASE
                    AND NOT EXISTS (SELECT 1 FROM main.amend_prevention AS p
                                    WHERE s.name IN (p.name || '_insert', p.name || '_update')))",
    )
    .bind(&bound.rule.target.table.name)
    .execute(connection)
    .await
    .map_err(db)?;
    Ok(())
}

/// This connection may have written to any table.
pub(crate) async fn forget_all(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    sqlx::query("DROP TABLE IF EXISTS temp.amend_ref_known").execute(connection).await.map_err(db)?;
    Ok(())
}
