//! What `analyze` answers.

use std::collections::BTreeMap;

use amend_domain::{Analysis, Finding, GroupCount, Mode, Plan, Rule};
use serde::Serialize;

use super::timestamp;
use crate::http::etl::time_span;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub generated_at: String,
    pub analysis_duration: String,
    pub total_market_data_records: i64,
    pub records_with_null_asset_class: i64,
    pub records_with_empty_asset_class: i64,
    pub records_with_valid_asset_class: i64,
    /// Another value than the reference's, or the same in another spelling.
    pub records_with_mismatched_asset_class: i64,
    pub total_symbols_referenced: i64,
    pub symbols_with_valid_asset_class: i64,
    pub orphaned_market_data_records: i64,
    pub symbols_without_market_data: i64,
    pub asset_class_completeness: f64,
    pub symbol_mapping_integrity: f64,
    pub data_quality_score: f64,
    pub issues_by_category: BTreeMap<&'static str, i64>,
    /// The 200 with most rows.
    pub asset_class_mismatches: Vec<Mismatch>,
    pub recommendations: Vec<String>,
    pub correction_effort: Effort,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mismatch {
    pub symbol: Option<String>,
    pub market_data_asset_class: Option<String>,
    pub symbol_asset_class: Option<String>,
    pub affected_records: i64,
    /// The first of the rows by their own time, where the rule knows of one.
    pub first_detected: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Effort {
    /// An estimate, by the rate of the last run.
    pub estimated_duration: String,
    pub estimated_batches: i64,
    pub complexity_level: &'static str,
    pub required_resources: Vec<String>,
}

impl From<&GroupCount> for Mismatch {
    fn from(group: &GroupCount) -> Self {
        Self {
            symbol: group.symbol.clone(),
            market_data_asset_class: group.current.clone(),
            symbol_asset_class: group.proposed.clone(),
            affected_records: group.rows,
            first_detected: group.first_seen.map(timestamp),
        }
    }
}

impl Report {
    /// `plan` is the one that would correct all that can be corrected.
    pub fn of(analysis: &Analysis, plan: &Plan, rule: &Rule) -> Self {
        let counts = analysis.counts();
        let mut issues =
            BTreeMap::from([("missing_null", counts.missing_null), ("missing_blank", counts.missing_blank)]);
        for finding in
            [Finding::Mismatched, Finding::Variant, Finding::Orphan, Finding::Ambiguous, Finding::Unresolvable]
        {
            issues.insert(finding.as_str(), counts.get(finding));
        }
        issues.retain(|_, rows| *rows > 0);
        Self {
            generated_at: timestamp(analysis.generated_at),
            analysis_duration: time_span::show(analysis.duration_ms),
            total_market_data_records: analysis.total,
            records_with_null_asset_class: counts.missing_null,
            records_with_empty_asset_class: counts.missing_blank,
            records_with_valid_asset_class: counts.correct,
            records_with_mismatched_asset_class: counts.mismatched + counts.variant,
            total_symbols_referenced: analysis.symbols_referenced,
            symbols_with_valid_asset_class: analysis.symbols_resolved,
            orphaned_market_data_records: counts.orphan,
            symbols_without_market_data: analysis.symbols_unused,
            asset_class_completeness: analysis.completeness,
            symbol_mapping_integrity: analysis.integrity,
            data_quality_score: analysis.score,
            issues_by_category: issues,
            asset_class_mismatches: analysis.mismatches.iter().map(Mismatch::from).collect(),
            recommendations: recommendations(analysis),
            correction_effort: effort(analysis, plan, rule),
        }
    }
}

fn recommendations(analysis: &Analysis) -> Vec<String> {
    let counts = analysis.counts();
    let told = [
        (counts.missing(), "rows have no value although the reference knows it: run a correction."),
        (
            counts.mismatched + counts.variant,
            "rows carry another value or spelling than the reference: preview a correction with overwriteExistingValues.",
        ),
        (counts.orphan, "rows have a symbol without a reference row: add the symbols to the reference."),
        (counts.ambiguous, "rows have a symbol whose reference rows disagree: settle the reference."),
        (counts.unresolvable, "rows have a symbol whose reference value is blank or not allowed: mend the reference."),
    ];
    let mut lines: Vec<String> =
        told.iter().filter(|(rows, _)| *rows > 0).map(|(rows, what)| format!("{rows} {what}")).collect();
    if lines.is_empty() {
        lines.push("Every row agrees with the reference; there is nothing to do.".into());
    }
    lines
}

fn effort(analysis: &Analysis, plan: &Plan, rule: &Rule) -> Effort {
    let counts = analysis.counts();
    let for_people = counts.orphan + counts.ambiguous + counts.unresolvable;
    // Many rows take long, other values want a look before, and what the reference cannot decide
    // wants a person.
    let complexity_level = match (plan.to_change, for_people, counts.mismatched) {
        (0, 0, _) => "None",
        (rows, _, _) if rows > 1_000_000 => "High",
        (_, people, _) if people > Mode::Overwrite.correctable(&counts) => "High",
        (rows, people, others) if people > 0 || others > 0 || rows > 100_000 => "Medium",
        _ => "Low",
    };
    let mut required_resources = Vec::new();
    if plan.to_change > 0 {
        let target = &rule.target;
        required_resources.push(format!("UPDATE on {} of {}", target.value, target.table));
        required_resources.push(format!("Space in Amend's journal for {} before-images", plan.to_change));
    }
    if for_people > 0 {
        required_resources.push(format!("A person to decide about {for_people} rows"));
    }
    Effort {
        estimated_duration: time_span::show(plan.estimated_ms),
        estimated_batches: plan.estimated_batches,
        complexity_level,
        required_resources,
    }
}
