//! What one pass over the table found out.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    finding::{Finding, FindingCounts},
    ids::RuleSlug,
};

/// Null and blank apart, as the report shows them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingCounts {
    pub null: i64,
    pub blank: i64,
}

/// One group of the pass: rows with the same match columns and the same current value.
/// This is what a store returns; everything else in an [`Analysis`] is computed from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupCount {
    /// The match columns as text, joined with `" / "` where there are several; `None` if any is null.
    pub symbol: Option<String>,
    pub current: Option<String>,
    /// The value that a correction would write; `None` unless the reference resolves to one.
    pub proposed: Option<String>,
    pub finding: Finding,
    pub rows: i64,
    /// The first and last of the rows' own time, where the rule names a timestamp column.
    pub first_seen: Option<DateTime<Utc>>,
    pub last_seen: Option<DateTime<Utc>>,
}

/// Everything the store found in its one pass.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    pub groups: Vec<GroupCount>,
    /// Distinct match values in the target.
    pub symbols_referenced: i64,
    /// Distinct match values of the reference that no target row uses.
    pub symbols_unused: i64,
    /// For each dimension of the rule, rows by its value and finding.
    pub dimensions: Vec<DimensionCount>,
}

/// Rows of one value of one dimension with one finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DimensionCount {
    pub dimension: String,
    pub value: Option<String>,
    pub finding: Finding,
    pub rows: i64,
}

/// The counts of one asset class. A row belongs to the class the reference gives it, otherwise to
/// the one it carries, otherwise to none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassCounts {
    pub class: Option<String>,
    pub total: i64,
    pub counts: FindingCounts,
}

/// How many rows carry `current` and should carry `proposed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairCount {
    pub current: Option<String>,
    pub proposed: String,
    pub finding: Finding,
    pub rows: i64,
}

/// The faults of one symbol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SymbolCounts {
    pub symbol: Option<String>,
    pub proposed: Option<String>,
    pub rows: i64,
    pub wrong: i64,
    pub counts: FindingCounts,
    pub first_seen: Option<DateTime<Utc>>,
    pub last_seen: Option<DateTime<Utc>>,
}

/// The report of one analysis. The first eleven fields are the stable answer of
/// `amend analyze --format json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    pub rule: RuleSlug,
    pub total: i64,
    pub correct: i64,
    pub missing: MissingCounts,
    pub mismatched: i64,
    pub variant: i64,
    pub orphan: i64,
    pub ambiguous: i64,
    pub unresolvable: i64,
    pub by_class: Vec<ClassCounts>,
    pub symbols_referenced: i64,
    pub symbols_unused: i64,
    pub duration_ms: i64,
    pub generated_at: DateTime<Utc>,
    /// Correct rows in percent.
    pub score: f64,
    /// Rows with any value that is not blank, in percent.
    pub completeness: f64,
    /// Rows whose symbol the reference resolves to one allowed value, in percent.
    pub integrity: f64,
    /// What is carried against what should be, largest first, at most 200.
    pub pairs: Vec<PairCount>,
    /// The symbols with most wrong rows, largest first, at most 200.
    pub worst_symbols: Vec<SymbolCounts>,
    /// Rows by dimension value and finding.
    pub dimensions: Vec<DimensionCount>,
    /// Distinct symbols with at least one wrong row.
    pub symbols_wrong: i64,
    /// Distinct symbols of the target that the reference resolves to one allowed value.
    #[serde(default)]
    pub symbols_resolved: i64,
    /// Mismatched and variant rows by symbol and value carried, largest first, at most 200.
    #[serde(default)]
    pub mismatches: Vec<GroupCount>,
}

impl Analysis {
    #[must_use]
    pub const fn counts(&self) -> FindingCounts {
        FindingCounts {
            correct: self.correct,
            missing_null: self.missing.null,
            missing_blank: self.missing.blank,
            mismatched: self.mismatched,
            variant: self.variant,
            orphan: self.orphan,
            ambiguous: self.ambiguous,
            unresolvable: self.unresolvable,
        }
    }
}

/// One point of the quality trend: the counts at a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    pub at: DateTime<Utc>,
    pub counts: FindingCounts,
    pub score: f64,
}
