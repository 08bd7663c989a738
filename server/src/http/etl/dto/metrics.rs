//! What `metrics` answers as JSON; the same numbers as the Prometheus text.

use std::collections::BTreeMap;

use amend_domain::{Analysis, Mode, RuleSlug};
use serde::Serialize;

use super::{timestamp, two_decimals};
use crate::http::etl::{time_span, totals::RuleTotals};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Metrics {
    pub rule: String,
    pub operations_started: i64,
    /// Those that ended well.
    pub operations_completed: i64,
    pub operations_by_state: BTreeMap<&'static str, i64>,
    pub records_processed: i64,
    pub average_operation_duration: Option<String>,
    /// Ended well, in percent of all that ended.
    pub success_rate: Option<f64>,
    /// Of the last analysis; null before the first.
    pub data_quality_score: Option<f64>,
    pub records_needing_correction: Option<i64>,
    pub total_records: Option<i64>,
    pub last_analyzed_at: Option<String>,
}

impl Metrics {
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    pub fn of(rule: &RuleSlug, totals: &RuleTotals, analysis: Option<&Analysis>) -> Self {
        let (ended, completed) = (totals.ended(), totals.completed());
        Self {
            rule: rule.to_string(),
            operations_started: totals.started,
            operations_completed: completed,
            operations_by_state: totals.by_state.clone(),
            records_processed: totals.changed,
            average_operation_duration: (ended > 0).then(|| time_span::show(totals.duration_ms / ended)),
            success_rate: (ended > 0).then(|| two_decimals(completed as f64 * 100.0 / ended as f64)),
            data_quality_score: analysis.map(|a| a.score),
            records_needing_correction: analysis.map(|a| Mode::Overwrite.correctable(&a.counts())),
            total_records: analysis.map(|a| a.total),
            last_analyzed_at: analysis.map(|a| timestamp(a.generated_at)),
        }
    }
}
