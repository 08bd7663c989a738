//! Rows that the table refused when they were written alone.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A row that a run could not correct. The rest of the run's rows did not wait for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedRow {
    /// The order in which they failed; lists go on after it.
    pub seq: i64,
    /// The key's text; of several columns, a JSON array of texts.
    pub key: String,
    pub symbol: Option<String>,
    /// The value that it had and, as it was refused, still has.
    pub old: Option<String>,
    /// The value that it was to get.
    pub new: Option<String>,
    /// A stable word, as in every answer.
    pub code: String,
    pub message: String,
    /// The database's own text; left out for who may not run corrections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    pub at: DateTime<Utc>,
    /// How often the run tried it alone.
    pub attempts: i64,
}
