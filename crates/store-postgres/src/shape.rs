//! What the database says about the tables of a rule: their full names, the types of their columns.
//!
//! Read anew in each transaction that needs it, in one statement of about a millisecond: a type that
//! was altered an hour ago must not be remembered from before.

use amend_domain::{ColumnName, Rule, TableName};
use amend_engine::store::StoreError;
use sqlx::{FromRow, PgConnection};

use crate::{error::db, error::json};

/// A column with what its SQL depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub name: String,
    /// As SQL takes it.
    pub quoted: String,
    /// The type as SQL takes it, without length: a cast to `varchar(3)` would cut silently.
    type_sql: String,
    /// The name of the type below all domains.
    base: String,
    is_enum: bool,
    is_string: bool,
    pub not_null: bool,
    pub generated: bool,
    has_modifier: bool,
    deterministic: bool,
}

impl Column {
    /// `alias.column`.
    pub(crate) fn of(&self, alias: &str) -> String {
        format!("{alias}.{}", self.quoted)
    }

    /// The text of a value of this column, comparing byte by byte whatever the column's own
    /// collation or type (citext) would make of it. `value` is an SQL expression of the column's type.
    #[expect(clippy::unused_self, reason = "every type has a text, but it is a column that is asked for it")]
    pub(crate) fn text(&self, value: &str) -> String {
        format!("{value}::text COLLATE \"C\"")
    }

    /// `alias.column` as text.
    pub(crate) fn text_of(&self, alias: &str) -> String {
        self.text(&self.of(alias))
    }

    /// A value of the column's type from a text expression.
    pub(crate) fn of_text(&self, text: &str) -> String {
        format!("CAST({text} AS {})", self.type_sql)
    }

    /// What to assign from a text expression. Strings go by assignment, which refuses what is too
    /// long where a cast would cut it; other types (an enum) need the cast.
    pub(crate) fn assigned(&self, text: &str) -> String {
        if self.is_string { text.into() } else { self.of_text(text) }
    }

    /// Whether the column's own `=` is equality of texts, so that its index can answer for them.
    pub(crate) fn compares_as_text(&self) -> bool {
        self.deterministic && matches!(self.base.as_str(), "text" | "varchar")
    }

    /// "This column's text is one of these", so that an index serves where one can.
    pub(crate) fn is_any(&self, alias: &str, placeholder: &str) -> String {
        let column = if self.compares_as_text() { self.of(alias) } else { self.text_of(alias) };
        format!("{column} = ANY({placeholder})")
    }

    /// For the digest: the value itself where its type's hash tells every two texts apart, otherwise
    /// the text (1.0 and 1.00 are one number, but not one text).
    pub(crate) fn hashable(&self, alias: &str) -> String {
        match self.base.as_str() {
            "int2" | "int4" | "int8" | "bool" | "uuid" | "timestamptz" | "timestamp" | "date" | "bytea" => {
                self.of(alias)
            }
            "numeric" if self.has_modifier => self.of(alias),
            _ if self.is_enum => self.of(alias),
            _ => self.text_of(alias),
        }
    }

    /// A cheap hash of the value, of type integer; `None` where only its text has one.
    pub(crate) fn hash(&self, alias: &str) -> Option<String> {
        let function = match self.base.as_str() {
            "int2" => "hashint2",
            "int4" => "hashint4",
            "int8" => "hashint8",
            "uuid" => "uuid_hash",
            _ => return None,
        };
        Some(format!("{function}({})", self.of(alias)))
    }

    pub(crate) fn clock(&self) -> Clock {
        match self.base.as_str() {
            "timestamptz" => Clock::Zoned,
            "timestamp" | "date" => Clock::Plain,
            "text" | "varchar" | "bpchar" => Clock::Text,
            _ => Clock::None,
        }
    }
}

/// How a timestamp column tells the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    Zoned,
    /// Taken as UTC.
    Plain,
    /// RFC 3339 or a part of it; what cannot be read is no time.
    Text,
    None,
}

/// The tables of a rule as they are now.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub target: String,
    pub key: Vec<Column>,
    pub matches: Vec<Column>,
    pub value: Column,
    pub timestamp: Option<Column>,
    pub dimensions: Vec<Column>,
    /// Everything that a correction must leave as it is: all but the value and what the database
    /// computes from it.
    pub others: Vec<Column>,
    pub key_is_unique: bool,
    pub reference: String,
    pub reference_matches: Vec<Column>,
    pub reference_value: Column,
    /// From statistics; negative where there are none.
    pub reference_estimate: f64,
    /// People have decided matches of this rule.
    pub assigned: bool,
}

#[derive(FromRow)]
struct ShapeRow {
    no: i64,
    sql_name: String,
    relkind: String,
    estimate: f64,
    encoding: String,
    assigned: bool,
    unique_sets: String,
    name: String,
    quoted: String,
    type_sql: String,
    base: String,
    typtype: String,
    category: String,
    not_null: bool,
    generated: bool,
    has_modifier: bool,
    deterministic: bool,
}

impl ShapeRow {
    fn column(&self) -> Column {
        Column {
            name: self.name.clone(),
            quoted: self.quoted.clone(),
            type_sql: self.type_sql.clone(),
            base: self.base.clone(),
            is_enum: self.typtype == "e",
            is_string: self.category == "S",
            not_null: self.not_null,
            generated: self.generated,
            has_modifier: self.has_modifier,
            deterministic: self.deterministic,
        }
    }
}

impl Shape {
    /// Looks the rule's tables up.
    ///
    /// # Errors
    /// [`StoreError::Missing`] for a table or column that is not there, [`StoreError::Unsupported`]
    /// for a target that is not a table.
    pub(crate) async fn load(conn: &mut PgConnection, rule: &Rule) -> Result<Self, StoreError> {
        let rows: Vec<ShapeRow> = sqlx::query_as(include_str!("sql/shape.sql"))
            .bind([lookup_name(&rule.target.table), lookup_name(&rule.reference.table)])
            .bind(rule.slug.as_str())
            .fetch_all(conn)
            .await
            .map_err(db)?;
        if let Some(row) = rows.iter().find(|r| r.encoding != "UTF8") {
            return Err(StoreError::Unsupported(format!(
                "The database's encoding is {}; Amend needs UTF8, because it tells all kinds of white space apart.",
                row.encoding
            )));
        }
        let (target, reference): (Vec<_>, Vec<_>) = rows.into_iter().partition(|r| r.no == 1);
        let target = Found::new(&rule.target.table, target)?;
        let reference = Found::new(&rule.reference.table, reference)?;
        if !matches!(target.rows[0].relkind.as_str(), "r" | "p") {
            return Err(StoreError::Unsupported(format!(
                "{} is not a table of this database (a view or foreign table cannot be corrected row by row). \
                 Name the table behind it.",
                rule.target.table
            )));
        }
        let key = target.all(&rule.target.key)?;
        let value = target.one(&rule.target.value)?;
        let kept = target.all(&rule.target.kept_by_triggers)?;
        Ok(Self {
            key_is_unique: target.is_unique(&key)?,
            matches: target.all(&rule.target.matches)?,
            timestamp: rule.target.timestamp.as_ref().map(|c| target.one(c)).transpose()?,
            dimensions: target.all(&rule.target.dimensions)?,
            others: target
                .rows
                .iter()
                .filter(|r| r.name != value.name && !r.generated && !kept.iter().any(|k| k.name == r.name))
                .map(ShapeRow::column)
                .collect(),
            key,
            value,
            target: target.rows[0].sql_name.clone(),
            reference_matches: reference.all(&rule.reference.matches)?,
            reference_value: reference.one(&rule.reference.value)?,
            reference: reference.rows[0].sql_name.clone(),
            reference_estimate: reference.rows[0].estimate,
            assigned: reference.rows[0].assigned,
        })
    }

    /// The same of one leaf partition, quoted as SQL takes it: its columns have the same names.
    pub(crate) fn of_leaf(&self, leaf: &str) -> Self {
        Self { target: leaf.into(), ..self.clone() }
    }

    /// What a run needs beyond an analysis.
    ///
    /// # Errors
    /// [`StoreError::Unsupported`] when rows cannot be told apart by the key, or the value not written.
    pub(crate) fn check_writable(&self) -> Result<(), StoreError> {
        if !self.key_is_unique {
            let key = self.key.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ");
            return Err(StoreError::Unsupported(format!(
                "{} has no primary key or unique index on ({key}) with columns that are not null, so a row cannot be \
                 found again. Add one, or name another key.",
                self.target
            )));
        }
        if self.value.generated {
            return Err(StoreError::Unsupported(format!(
                "Column {} of {} is a generated one: the database alone writes it.",
                self.value.name, self.target
            )));
        }
        Ok(())
    }
}

/// A table's name for `to_regclass`; null where no table can have it (an empty name would be an
/// error there, and a long one be cut until it fits another table).
pub(crate) fn lookup_name(table: &TableName) -> Option<String> {
    let possible = |name: &str| (1..=63).contains(&name.len());
    (possible(&table.name) && table.schema.as_deref().is_none_or(possible)).then(|| table.quoted())
}

/// One table's rows of the answer; never empty.
struct Found<'a> {
    table: &'a TableName,
    rows: Vec<ShapeRow>,
}

impl<'a> Found<'a> {
    fn new(table: &'a TableName, rows: Vec<ShapeRow>) -> Result<Self, StoreError> {
        if rows.is_empty() { Err(StoreError::Missing(format!("table {table}"))) } else { Ok(Self { table, rows }) }
    }

    fn one(&self, name: &ColumnName) -> Result<Column, StoreError> {
        self.rows
            .iter()
            .find(|r| r.name == name.0)
            .map(ShapeRow::column)
            .ok_or_else(|| StoreError::Missing(format!("column {name} of table {}", self.table)))
    }

    fn all(&self, names: &[ColumnName]) -> Result<Vec<Column>, StoreError> {
        names.iter().map(|n| self.one(n)).collect()
    }

    fn is_unique(&self, key: &[Column]) -> Result<bool, StoreError> {
        let sets: Vec<Vec<String>> = json("pg_index", "indkey", &self.rows[0].sql_name, &self.rows[0].unique_sets)?;
        let in_key = |column: &String| key.iter().any(|k| &k.name == column && k.not_null);
        Ok(sets.iter().any(|set| !set.is_empty() && set.iter().all(in_key)))
    }
}
