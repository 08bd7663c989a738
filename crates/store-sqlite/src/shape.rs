//! What a table looks like: which columns, of which affinity, and how a row is named.

use amend_domain::{ColumnName, Rule, TableName};
use amend_engine::store::StoreError;
use sqlx::{Row as _, SqliteConnection};

use crate::error::db;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TableKind {
    Table,
    View,
}

#[derive(Debug, Clone)]
pub(crate) struct ColumnShape {
    pub(crate) name: ColumnName,
    /// As declared, lower case.
    pub(crate) type_name: String,
    pub(crate) not_null: bool,
    /// The place in the primary key, from 1; 0 outside it.
    pub(crate) key_place: i64,
    /// Computed from other columns.
    pub(crate) generated: bool,
}

/// What SQLite turns values into that are stored in a column.
/// <https://www.sqlite.org/datatype3.html#determination_of_column_affinity>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Affinity {
    Integer,
    Text,
    None,
    Real,
    Numeric,
}

impl ColumnShape {
    pub(crate) fn affinity(&self) -> Affinity {
        let has = |parts: &[&str]| parts.iter().any(|part| self.type_name.contains(part));
        if has(&["int"]) {
            Affinity::Integer
        } else if has(&["char", "clob", "text"]) {
            Affinity::Text
        } else if self.type_name.is_empty() || self.type_name == "any" || has(&["blob"]) {
            // `ANY` keeps values in a strict table and is numeric in another; taken for the wider.
            Affinity::None
        } else if has(&["real", "floa", "doub"]) {
            Affinity::Real
        } else {
            Affinity::Numeric
        }
    }

    /// Whether everything stored here becomes text, so that a comparison with a text needs no cast
    /// and an index can serve it.
    pub(crate) fn has_text_affinity(&self) -> bool {
        self.affinity() == Affinity::Text
    }
}

/// A table or view.
#[derive(Debug, Clone)]
pub(crate) struct TableShape {
    pub(crate) kind: TableKind,
    pub(crate) columns: Vec<ColumnShape>,
    /// A name by which the row number can be had, where there is one.
    pub(crate) rowid: Option<&'static str>,
}

impl TableShape {
    /// Reads a table of the main database; the name must be spelled exactly.
    pub(crate) async fn load(connection: &mut SqliteConnection, table: &TableName) -> Result<Option<Self>, StoreError> {
        if table.schema.as_deref().is_some_and(|schema| schema != "main") {
            return Ok(None);
        }
        let found = sqlx::query(
            "SELECT type, wr FROM pragma_table_list(?1)
             WHERE schema = 'main' AND name = ?1 COLLATE BINARY AND type IN ('table', 'view', 'virtual')",
        )
        .bind(&table.name)
        .fetch_optional(&mut *connection)
        .await
        .map_err(db)?;
        let Some(found) = found else { return Ok(None) };
        let kind = match found.try_get::<String, _>(0).map_err(db)?.as_str() {
            "view" => TableKind::View,
            _ => TableKind::Table,
        };
        let without_rowid = found.try_get::<i64, _>(1).map_err(db)? != 0;
        let columns = Self::columns(connection, table).await?;
        // A column may take one of the three names for itself.
        let free = |name: &&str| !columns.iter().any(|c| c.name.0.eq_ignore_ascii_case(name));
        let rowid = match kind {
            TableKind::Table if !without_rowid => ["rowid", "_rowid_", "oid"].into_iter().find(free),
            _ => None,
        };
        Ok(Some(Self { kind, columns, rowid }))
    }

    async fn columns(connection: &mut SqliteConnection, table: &TableName) -> Result<Vec<ColumnShape>, StoreError> {
        let rows = sqlx::query(
            "SELECT name, lower(type), \"notnull\", pk, hidden FROM pragma_table_xinfo(?1, 'main')
             WHERE hidden <> 1 ORDER BY cid",
        )
        .bind(&table.name)
        .fetch_all(connection)
        .await
        .map_err(db)?;
        rows.iter()
            .map(|row| {
                Ok(ColumnShape {
                    name: ColumnName(row.try_get(0).map_err(db)?),
                    type_name: row.try_get(1).map_err(db)?,
                    not_null: row.try_get::<i64, _>(2).map_err(db)? != 0,
                    key_place: row.try_get(3).map_err(db)?,
                    generated: row.try_get::<i64, _>(4).map_err(db)? != 0,
                })
            })
            .collect()
    }

    pub(crate) fn column(&self, name: &ColumnName) -> Option<&ColumnShape> {
        self.columns.iter().find(|c| c.name == *name)
    }
}

/// A rule together with the tables that it names, all of them there.
#[derive(Debug, Clone)]
pub(crate) struct Bound<'a> {
    pub(crate) rule: &'a Rule,
    pub(crate) target: TableShape,
    pub(crate) reference: TableShape,
    /// People have decided matches of this rule.
    pub(crate) assigned: bool,
}

/// Whether the file has the table of assignments: one that may only be read can be older.
pub(crate) async fn knows_assignments(connection: &mut SqliteConnection) -> Result<bool, StoreError> {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM main.sqlite_schema WHERE name = 'amend_assignment')")
        .fetch_one(connection)
        .await
        .map_err(db)
}

async fn has_assignments(connection: &mut SqliteConnection, rule: &Rule) -> Result<bool, StoreError> {
    if !knows_assignments(connection).await? {
        return Ok(false);
    }
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM main.amend_assignment WHERE rule = ?1)")
        .bind(rule.slug.as_str())
        .fetch_one(connection)
        .await
        .map_err(db)
}

impl<'a> Bound<'a> {
    /// Looks every name of the rule up. This cannot be left to SQLite, which takes a name in double
    /// quotes that it does not know for a text.
    pub(crate) async fn load(connection: &mut SqliteConnection, rule: &'a Rule) -> Result<Self, StoreError> {
        let target = required(connection, &rule.target.table).await?;
        let reference = required(connection, &rule.reference.table).await?;
        let t = &rule.target;
        let of_target = t.key.iter().chain(&t.matches).chain([&t.value]).chain(&t.timestamp).chain(&t.dimensions);
        have(&target, &t.table, of_target.chain(&t.kept_by_triggers))?;
        let r = &rule.reference;
        have(&reference, &r.table, r.matches.iter().chain([&r.value]))?;
        let assigned = has_assignments(connection, rule).await?;
        Ok(Self { rule, target, reference, assigned })
    }

    /// How many columns the key has.
    pub(crate) fn key_width(&self) -> usize {
        self.rule.target.key.len()
    }
}

async fn required(connection: &mut SqliteConnection, table: &TableName) -> Result<TableShape, StoreError> {
    TableShape::load(connection, table).await?.ok_or_else(|| StoreError::Missing(format!("table {table}")))
}

fn have<'c>(
    shape: &TableShape,
    table: &TableName,
    columns: impl Iterator<Item = &'c ColumnName>,
) -> Result<(), StoreError> {
    for column in columns {
        if shape.column(column).is_none() {
            return Err(StoreError::Missing(format!("column {column} of table {table}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn affinity_is_decided_as_sqlite_does() {
        let of = |type_name: &str| {
            ColumnShape {
                name: ColumnName::new("c"),
                type_name: type_name.into(),
                not_null: false,
                key_place: 0,
                generated: false,
            }
            .affinity()
        };
        assert_eq!([of("varchar(20)"), of("text"), of("clob")], [Affinity::Text; 3]);
        // "charint" has "int" in it, which SQLite looks for first.
        assert_eq!([of("charint"), of("bigint"), of("floating point")], [Affinity::Integer; 3]);
        assert_eq!([of(""), of("blob")], [Affinity::None; 2]);
        assert_eq!([of("double precision"), of("real")], [Affinity::Real; 2]);
        assert_eq!([of("uuid"), of("numeric(18,8)"), of("timestamptz")], [Affinity::Numeric; 3]);
    }
}
