//! What `preview` answers.

use std::collections::BTreeMap;

use amend_domain::{FindingRow, Plan, Risk};
use serde::Serialize;

use super::timestamp;
use crate::http::etl::time_span;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    pub generated_at: String,
    /// Counted, not estimated: by the query that the run itself uses.
    pub estimated_records_to_process: i64,
    pub estimated_batches: i64,
    pub estimated_duration: String,
    pub sample_corrections: Vec<Sample>,
    pub corrections_by_asset_class: BTreeMap<String, i64>,
    pub identified_risks: Vec<IdentifiedRisk>,
    pub plan_hash: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    pub market_data_id: String,
    pub symbol: Option<String>,
    pub current_asset_class: Option<String>,
    pub proposed_asset_class: Option<String>,
    pub timestamp: Option<String>,
    pub correction_reason: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IdentifiedRisk {
    pub risk_type: String,
    pub description: String,
    pub severity: amend_domain::Severity,
    pub mitigation: String,
    pub affected_records: i64,
}

impl From<FindingRow> for Sample {
    fn from(row: FindingRow) -> Self {
        let correction_reason = row.reason();
        Self {
            market_data_id: row.key,
            symbol: row.symbol,
            current_asset_class: row.current,
            proposed_asset_class: row.proposed,
            timestamp: row.timestamp.map(timestamp),
            correction_reason,
        }
    }
}

impl From<Risk> for IdentifiedRisk {
    fn from(risk: Risk) -> Self {
        Self {
            risk_type: risk.kind,
            description: risk.description,
            severity: risk.severity,
            mitigation: risk.mitigation,
            affected_records: risk.affected_rows,
        }
    }
}

impl Preview {
    pub fn of(plan: Plan, samples: Vec<FindingRow>) -> Self {
        Self {
            generated_at: timestamp(plan.generated_at),
            estimated_records_to_process: plan.to_change,
            estimated_batches: plan.estimated_batches,
            estimated_duration: time_span::show(plan.estimated_ms),
            sample_corrections: samples.into_iter().map(Sample::from).collect(),
            corrections_by_asset_class: plan.by_proposed.into_iter().collect(),
            identified_risks: plan.risks.into_iter().map(IdentifiedRisk::from).collect(),
            plan_hash: plan.hash.to_string(),
        }
    }
}
