//! Values as SQLite stores them, with their storage class, and statements with such values bound.

use amend_engine::store::StoreError;
use sqlx::{
    Arguments as _, AssertSqlSafe, Row as _, Sqlite, TypeInfo as _, ValueRef as _,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};

use crate::error::db;

/// One value. A real is kept whole, where its text would lose digits.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum SqlValue {
    Null,
    Int(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

impl SqlValue {
    /// Reads a column whatever its storage class.
    pub(crate) fn read(row: &SqliteRow, at: usize) -> Result<Self, StoreError> {
        let raw = row.try_get_raw(at).map_err(db)?;
        if raw.is_null() {
            return Ok(Self::Null);
        }
        let class = raw.type_info().name().to_owned();
        drop(raw);
        Ok(match class.as_str() {
            "INTEGER" | "BOOLEAN" => Self::Int(row.try_get_unchecked(at).map_err(db)?),
            "REAL" => Self::Real(row.try_get_unchecked(at).map_err(db)?),
            "BLOB" => Self::Blob(row.try_get_unchecked(at).map_err(db)?),
            _ => Self::Text(row.try_get_unchecked(at).map_err(db)?),
        })
    }

    /// The text that people see; `None` for null.
    pub(crate) fn into_text(self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Int(n) => Some(n.to_string()),
            Self::Real(x) => Some(format!("{x:?}")),
            Self::Text(text) => Some(text),
            Self::Blob(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// A text that [`Self::from_tagged`] reads back exactly, for cursors.
    pub(crate) fn to_tagged(&self) -> String {
        match self {
            Self::Null => "n".into(),
            Self::Int(n) => format!("i{n}"),
            Self::Real(x) => format!("r{}", x.to_bits()),
            Self::Text(text) => format!("t{text}"),
            Self::Blob(bytes) => bytes.iter().fold("b".to_owned(), |text, byte| format!("{text}{byte:02x}")),
        }
    }

    pub(crate) fn from_tagged(text: &str) -> Option<Self> {
        let rest = text.get(1..)?;
        match text.as_bytes().first()? {
            b'n' => Some(Self::Null),
            b'i' => rest.parse().ok().map(Self::Int),
            b'r' => rest.parse().ok().map(|bits| Self::Real(f64::from_bits(bits))),
            b't' => Some(Self::Text(rest.into())),
            b'b' => (0..rest.len() / 2)
                .map(|i| u8::from_str_radix(rest.get(2 * i..2 * i + 2)?, 16).ok())
                .collect::<Option<Vec<u8>>>()
                .map(Self::Blob),
            _ => None,
        }
    }
}

impl From<i64> for SqlValue {
    fn from(n: i64) -> Self {
        Self::Int(n)
    }
}

impl From<Option<i64>> for SqlValue {
    fn from(n: Option<i64>) -> Self {
        n.map_or(Self::Null, Self::Int)
    }
}

impl From<&str> for SqlValue {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for SqlValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Option<String>> for SqlValue {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

/// The values of a statement that is put together piece by piece: each piece asks for its own
/// numbered placeholders, so that pieces may stand in any order.
#[derive(Debug, Default, Clone)]
pub(crate) struct Binds(Vec<SqlValue>);

impl Binds {
    /// Adds a value and gives its placeholder.
    pub(crate) fn add(&mut self, value: impl Into<SqlValue>) -> String {
        self.0.push(value.into());
        format!("?{}", self.0.len())
    }

    /// A list as one JSON text, for `IN (SELECT value FROM json_each(?))`: any length, one statement.
    pub(crate) fn add_list<'a>(&mut self, texts: impl IntoIterator<Item = &'a String>) -> String {
        let list: Vec<&String> = texts.into_iter().collect();
        self.add(serde_json::json!(list).to_string())
    }

    /// The statement with its values.
    pub(crate) fn query(self, sql: String) -> Result<Query<'static, Sqlite, SqliteArguments>, StoreError> {
        let mut arguments = SqliteArguments::default();
        for value in self.0 {
            let added = match value {
                SqlValue::Null => arguments.add(None::<String>),
                SqlValue::Int(n) => arguments.add(n),
                SqlValue::Real(x) => arguments.add(x),
                SqlValue::Text(text) => arguments.add(text),
                SqlValue::Blob(bytes) => arguments.add(bytes),
            };
            added.map_err(|e| StoreError::Other(format!("a value cannot be bound: {e}")))?;
        }
        // Only names that `quoted()` made and placeholders of ours are ever put into a statement.
        Ok(sqlx::query_with(AssertSqlSafe(sql), arguments))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tagged_value_comes_back_exactly() {
        let values = [
            SqlValue::Null,
            SqlValue::Int(i64::MIN),
            SqlValue::Real(0.1 + 0.2),
            SqlValue::Text(String::new()),
            SqlValue::Text("nöt / a 'number'".into()),
            SqlValue::Blob(vec![0, 255, 16]),
        ];
        for value in values {
            assert_eq!(SqlValue::from_tagged(&value.to_tagged()).as_ref(), Some(&value));
        }
        assert_eq!(SqlValue::from_tagged(""), None);
        assert_eq!(SqlValue::from_tagged("x1"), None);
        assert_eq!(SqlValue::from_tagged("ö"), None);
    }
}
