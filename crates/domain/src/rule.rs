//! A rule: which column of which table must agree with which column of which reference.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{error::Problem, ids::RuleSlug};

/// A table exactly as the database spells it; `schema` is `None` for SQLite and for the search path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableName {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    pub name: String,
}

impl TableName {
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { schema: None, name: name.into() }
    }

    #[must_use]
    pub fn in_schema(schema: &str, name: &str) -> Self {
        Self { schema: Some(schema.into()), name: name.into() }
    }

    /// The name in double quotes, as both databases take it.
    #[must_use]
    pub fn quoted(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{}.{}", quote(schema), quote(&self.name)),
            None => quote(&self.name),
        }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// A column exactly as the database spells it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ColumnName(pub String);

impl ColumnName {
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name in double quotes, as both databases take it.
    #[must_use]
    pub fn quoted(&self) -> String {
        quote(&self.0)
    }
}

impl fmt::Display for ColumnName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn quote(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

/// The table whose values are corrected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    pub table: TableName,
    /// The primary key or another unique, not-null set of columns: how a row is found again.
    pub key: Vec<ColumnName>,
    /// The columns that name the reference row, in the order of [`Reference::matches`].
    pub matches: Vec<ColumnName>,
    /// The column that is corrected.
    pub value: ColumnName,
    /// The rows' own time, for "first seen" and the charts by day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<ColumnName>,
    /// Columns that analyses group by as well (such as `timeframe`).
    #[serde(default)]
    pub dimensions: Vec<ColumnName>,
    /// Columns that the table's own triggers write whenever a row is updated (such as `updated_at`).
    /// A run leaves them to the triggers; its proof that it touched nothing else is about the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept_by_triggers: Vec<ColumnName>,
}

/// The table that knows the right values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    pub table: TableName,
    pub matches: Vec<ColumnName>,
    pub value: ColumnName,
}

/// One promise about a table: `target.value` equals `reference.value` wherever the match columns agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub slug: RuleSlug,
    pub title: String,
    pub target: Target,
    pub reference: Reference,
    /// Values that may be written; empty means any that is not blank.
    #[serde(default)]
    pub allowed_values: Vec<String>,
    /// Whether a run that overwrites may be asked for without a backup (`createBackup: false`). The
    /// journal is written all the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_without_backup: bool,
    /// Days after a run's end until its journal and copy may be dropped; the engine's own number where
    /// it is left out. 1 to 3,650.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<u32>,
    /// It is kept for its history and for rollbacks, and no new run of it starts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retired: bool,
}

impl Rule {
    /// The rule of the replaced system: `market_data.asset_class` from `symbols`.
    #[must_use]
    pub fn asset_class() -> Self {
        Self {
            slug: RuleSlug::default_rule(),
            title: "Asset class".into(),
            target: Target {
                table: TableName::new("market_data"),
                key: vec![ColumnName::new("id")],
                matches: vec![ColumnName::new("symbol")],
                value: ColumnName::new("asset_class"),
                timestamp: Some(ColumnName::new("timestamp")),
                dimensions: vec![ColumnName::new("timeframe")],
                kept_by_triggers: Vec::new(),
            },
            reference: Reference {
                table: TableName::new("symbols"),
                matches: vec![ColumnName::new("ticker")],
                value: ColumnName::new("asset_class"),
            },
            allowed_values: ["STOCK", "ETF", "CRYPTO", "FOREX", "FUND", "INDEX", "FUTURE", "BOND"]
                .map(String::from)
                .to_vec(),
            allow_without_backup: false,
            retention_days: None,
            retired: false,
        }
    }

    /// Checks what can be checked without a database.
    ///
    /// # Errors
    /// Names the first field that cannot work.
    pub fn check(&self) -> Result<(), Problem> {
        RuleSlug::parse(self.slug.as_str())?;
        for (field, table) in [("target.table", &self.target.table), ("reference.table", &self.reference.table)] {
            if table.name.is_empty() {
                return Err(Problem::field(field, "must name a table"));
            }
        }
        if self.target.key.is_empty() {
            return Err(Problem::field("target.key", "needs at least one column"));
        }
        if self.target.matches.is_empty() {
            return Err(Problem::field("target.matches", "needs at least one column"));
        }
        if self.target.matches.len() != self.reference.matches.len() {
            return Err(Problem::field(
                "reference.matches",
                "needs as many columns as target.matches, in the same order",
            ));
        }
        for (field, value) in [("target.value", &self.target.value), ("reference.value", &self.reference.value)] {
            if value.0.is_empty() {
                return Err(Problem::field(field, "must name a column"));
            }
        }
        for (field, columns) in
            [("target.matches", &self.target.matches), ("reference.matches", &self.reference.matches)]
        {
            if columns.iter().any(|c| c.0.is_empty()) {
                return Err(Problem::field(field, "must name a column in every pair"));
            }
        }
        let value = &self.target.value;
        if self.target.key.contains(value) {
            return Err(Problem::field("target.value", "must not be part of target.key").advice(format!(
                "Rows are found again by {value}. Name the column whose values may be wrong, or another key."
            )));
        }
        if self.target.matches.contains(value) {
            return Err(Problem::field("target.value", "must not be one of target.matches").advice(format!(
                "{value} finds the reference row. Name the column whose values may be wrong, or match by another."
            )));
        }
        for (field, columns) in [("target.key", &self.target.key), ("target.matches", &self.target.matches)] {
            if let Some(twice) = columns.iter().enumerate().find(|(at, c)| columns[..*at].contains(c)) {
                return Err(Problem::field(field, &format!("names {} twice", twice.1)));
            }
        }
        if self.reference.matches.contains(&self.reference.value) {
            return Err(Problem::field("reference.value", "must not be one of reference.matches").advice(format!(
                "{} finds the reference row. Name the column with the right value, or match by another.",
                self.reference.value
            )));
        }
        let ours = self.target.key.iter().chain(&self.target.matches).chain([&self.target.value]);
        if let Some(column) = ours.into_iter().find(|c| self.target.kept_by_triggers.contains(c)) {
            return Err(Problem::field(
                "target.kept_by_triggers",
                &format!("must not hold {column}, which is key, match or value of the rule"),
            ));
        }
        if self.allowed_values.iter().any(|v| crate::finding::is_blank(v)) {
            return Err(Problem::field("allowed_values", "must not hold a blank value"));
        }
        if self.retention_days.is_some_and(|days| !(1..=3_650).contains(&days)) {
            return Err(Problem::field("retention_days", "must be 1 to 3650 days; leave it out for the engine's own"));
        }
        Ok(())
    }
}
