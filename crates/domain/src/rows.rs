//! Rows with their findings, page by page (keyset pagination: no offset, no total scan a page).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{error::Problem, finding::Finding};

/// One row of the preview grid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingRow {
    /// The key as text; several columns as a JSON array of texts.
    pub key: String,
    pub symbol: Option<String>,
    pub timestamp: Option<DateTime<Utc>>,
    /// The rule's dimensions, in its order.
    pub dimensions: Vec<Option<String>>,
    pub current: Option<String>,
    /// What a correction would write; `None` where the reference does not resolve.
    pub proposed: Option<String>,
    pub finding: Finding,
}

impl FindingRow {
    /// Why the row has its finding, in a few words.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self.finding {
            Finding::Correct => "agrees with the reference",
            Finding::Missing if self.current.is_none() => "no value",
            Finding::Missing => "empty text",
            Finding::Mismatched => "the reference has another value",
            Finding::Variant => {
                let trimmed_same = self.current.as_deref().map(str::trim) == self.proposed.as_deref();
                if trimmed_same { "differs by surrounding space" } else { "differs by letter case" }
            }
            Finding::Orphan => "no reference row",
            Finding::Ambiguous => "reference rows disagree",
            Finding::Unresolvable => "the reference has no usable value",
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RowSort {
    /// The table's own key: always served by an index.
    #[default]
    Key,
    Symbol,
    Timestamp,
}

impl RowSort {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Symbol => "symbol",
            Self::Timestamp => "timestamp",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Key, Self::Symbol, Self::Timestamp].into_iter().find(|s| s.as_str() == text)
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SortDirection {
    #[default]
    Asc,
    Desc,
}

/// All parts must hold. An empty list means "any".
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RowFilter {
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// Exact symbols.
    #[serde(default)]
    pub symbols: Vec<String>,
    /// Current values, exact; `Some("")` entries are blanks as stored, `None` is null.
    #[serde(default)]
    pub current: Vec<Option<String>>,
    /// Values that the reference gives.
    #[serde(default)]
    pub proposed: Vec<String>,
    /// `(dimension, value)`: each named dimension must have one of its values.
    #[serde(default)]
    pub dimensions: Vec<(String, String)>,
    #[serde(default)]
    pub from: Option<DateTime<Utc>>,
    #[serde(default)]
    pub until: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RowQuery {
    #[serde(default)]
    pub filter: RowFilter,
    #[serde(default)]
    pub sort: RowSort,
    #[serde(default)]
    pub direction: SortDirection,
    /// The `next` of the page before; opaque.
    #[serde(default)]
    pub after: Option<String>,
    /// 1 to 1,000.
    pub limit: u32,
}

impl RowQuery {
    pub const MAX_LIMIT: u32 = 1_000;
    /// Of a page of an export. A page whose rows are rare costs a pass over the table, however few it
    /// holds; so many rows are a few megabytes.
    pub const MAX_EXPORT: u32 = 10_000;

    /// Checks bounds.
    ///
    /// # Errors
    /// A limit of 0 or above 1,000.
    pub fn check(&self) -> Result<(), Problem> {
        if (1..=Self::MAX_LIMIT).contains(&self.limit) {
            Ok(())
        } else {
            Err(Problem::field("limit", "must be 1 to 1000"))
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowPage {
    pub rows: Vec<FindingRow>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<String>,
}

/// A symbol that the reference cannot decide, with what is known about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnresolvedRow {
    pub symbol: Option<String>,
    /// The match columns one by one; `None` if any is null.
    #[serde(default)]
    pub matches: Option<Vec<String>>,
    pub finding: Finding,
    pub rows: i64,
    /// What the rows carry now, with counts, largest first, at most 5.
    pub current: Vec<(Option<String>, i64)>,
    /// What the reference rows say, with where (other columns are not read): distinct values.
    pub candidates: Vec<Option<String>>,
    pub first_seen: Option<DateTime<Utc>>,
    pub last_seen: Option<DateTime<Utc>>,
}
