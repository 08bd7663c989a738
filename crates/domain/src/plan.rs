//! What a run is asked to do, and the plan that binds a preview to it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    backup::Backup,
    error::Problem,
    finding::{Finding, FindingCounts},
    ids::{PlanHash, RuleSlug, RunId},
};

/// Which findings a run corrects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Missing rows only.
    #[default]
    Fill,
    /// Missing, mismatched and variant rows.
    Overwrite,
}

impl Mode {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fill => "fill",
            Self::Overwrite => "overwrite",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Fill, Self::Overwrite].into_iter().find(|m| m.as_str() == text)
    }

    #[must_use]
    pub const fn corrects(self, finding: Finding) -> bool {
        match self {
            Self::Fill => matches!(finding, Finding::Missing),
            Self::Overwrite => matches!(finding, Finding::Missing | Finding::Mismatched | Finding::Variant),
        }
    }

    /// Rows of `counts` that this mode would change.
    #[must_use]
    pub const fn correctable(self, counts: &FindingCounts) -> i64 {
        match self {
            Self::Fill => counts.missing(),
            Self::Overwrite => counts.missing() + counts.mismatched + counts.variant,
        }
    }
}

/// Rows corrected in one transaction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BatchSize {
    /// The controller sizes chunks toward a target duration.
    #[default]
    Auto,
    Fixed(u32),
}

impl BatchSize {
    pub const MAX: u32 = 10_000;

    /// Reads `auto` or a number.
    ///
    /// # Errors
    /// Anything else, and numbers outside 1 to 10,000.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        match text.parse::<u32>() {
            Ok(n) if (1..=Self::MAX).contains(&n) => Ok(Self::Fixed(n)),
            _ => Err(Problem::field("batchSize", "must be \"auto\" or 1 to 10000")),
        }
    }
}

/// Which rows a run may touch. Symbols are exact texts of the (single or joined) match columns.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Scope {
    /// `None` means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symbols: Option<Vec<String>>,
    /// Only rows that this run lists as failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_of: Option<RunId>,
}

/// Everything that shapes a run. Defaults are those of the compatibility API.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RunOptions {
    #[serde(default)]
    pub mode: Mode,
    #[serde(default)]
    pub scope: Scope,
    #[serde(default)]
    pub batch_size: BatchSize,
    /// Stop after so many changed rows; `None` means no limit.
    #[serde(default)]
    pub max_records: Option<i64>,
    /// Count and check everything, write nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// What is kept besides the journal.
    #[serde(default, skip_serializing_if = "Backup::is_journal")]
    pub backup: Backup,
    /// Seconds after which the run stops by itself, between chunks; `None` is two hours.
    #[serde(default)]
    pub timeout_s: Option<i64>,
    /// Retries of a chunk that failed for a passing reason; `None` is 3.
    #[serde(default)]
    pub max_retries: Option<u32>,
    /// First delay between retries in milliseconds; `None` is 200. Doubles, with full jitter.
    #[serde(default)]
    pub retry_initial_ms: Option<i64>,
    /// Longest delay between retries in milliseconds; `None` is 30,000.
    #[serde(default)]
    pub retry_max_ms: Option<i64>,
}

impl RunOptions {
    pub const DEFAULT_TIMEOUT_S: i64 = 2 * 60 * 60;

    /// Checks bounds.
    ///
    /// # Errors
    /// Names the first field out of bounds, its limit and the cure.
    pub fn check(&self) -> Result<(), Problem> {
        if let BatchSize::Fixed(n) = self.batch_size
            && !(1..=BatchSize::MAX).contains(&n)
        {
            return Err(Problem::field("batchSize", "must be \"auto\" or 1 to 10000"));
        }
        if self.max_records.is_some_and(|n| n <= 0) {
            return Err(Problem::field("maxRecordsToProcess", "must be above 0; leave it out for no limit"));
        }
        if let Some(symbols) = &self.scope.symbols {
            if symbols.is_empty() {
                return Err(Problem::field("targetSymbols", "must name at least one symbol; leave it out for all"));
            }
            if symbols.iter().any(|s| crate::finding::is_blank(s)) {
                return Err(Problem::field("targetSymbols", "must not hold a blank entry"));
            }
        }
        if self.timeout_s.is_some_and(|s| !(60..=86_400).contains(&s)) {
            return Err(Problem::field("timeout", "must be 00:01:00 to 24:00:00"));
        }
        if self.max_retries.is_some_and(|n| n > 10) {
            return Err(Problem::field("retryConfig.maxRetries", "must be 0 to 10"));
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Low,
    Medium,
    High,
}

/// Something to know before pressing the button.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Risk {
    pub kind: String,
    pub description: String,
    pub severity: Severity,
    pub mitigation: String,
    pub affected_rows: i64,
}

/// What a run would do, counted by the query that the run itself uses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub rule: RuleSlug,
    pub hash: PlanHash,
    pub options: RunOptions,
    pub counts: FindingCounts,
    /// Rows that the run would change (after `max_records`).
    pub to_change: i64,
    pub estimated_batches: i64,
    /// From the rate of the last finished run, or a cautious default; always an estimate.
    pub estimated_ms: i64,
    /// Rows to change by the value they would get, largest first.
    pub by_proposed: Vec<(String, i64)>,
    pub risks: Vec<Risk>,
    pub generated_at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batch_sizes_outside_the_bounds_are_refused_with_the_bounds() {
        assert_eq!(BatchSize::parse("auto").ok(), Some(BatchSize::Auto));
        assert_eq!(BatchSize::parse("10000").ok(), Some(BatchSize::Fixed(10_000)));
        for bad in ["0", "10001", "-1", "many", ""] {
            let problem = BatchSize::parse(bad).unwrap_err();
            assert!(problem.message.contains("1 to 10000"), "{bad}: {problem}");
        }
    }

    #[test]
    fn fill_touches_missing_rows_alone() {
        let touched: Vec<_> = Finding::ALL.into_iter().filter(|f| Mode::Fill.corrects(*f)).collect();
        assert_eq!(touched, [Finding::Missing]);
    }

    #[test]
    fn overwrite_never_touches_what_needs_a_person() {
        assert!(Finding::ALL.into_iter().all(|f| !(f.needs_a_person() && Mode::Overwrite.corrects(f))));
    }
}
