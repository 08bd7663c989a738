//! What `validate` answers.

use amend_domain::{Analysis, FindingRow, Validation};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::timestamp;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ValidationResult {
    pub validation_passed: bool,
    pub validated_at: String,
    pub records_validated: i64,
    /// Rows that break a promise, over all levels.
    pub validation_errors: i64,
    pub data_quality_score: f64,
    /// One for each level that did not pass, then some of the rows.
    pub errors: Vec<ValidationError>,
    pub validation_metrics: Map<String, Value>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ValidationError {
    pub error_type: String,
    pub description: String,
    pub record_id: Option<String>,
    pub symbol: Option<String>,
    pub details: Option<String>,
}

impl ValidationResult {
    pub fn of(validation: &Validation, analysis: &Analysis, samples: Vec<FindingRow>, at: DateTime<Utc>) -> Self {
        let failed = validation.levels.iter().filter(|l| !l.passed).map(|level| ValidationError {
            error_type: level.level.as_str().to_uppercase(),
            description: level.detail.clone(),
            record_id: None,
            symbol: None,
            details: Some(format!("{} rows", level.violations)),
        });
        let rows = samples.into_iter().map(|row| ValidationError {
            error_type: row.finding.as_str().to_uppercase(),
            description: row.reason().into(),
            details: Some(format!(
                "carries {}, the reference says {}",
                shown(row.current.as_deref()),
                shown(row.proposed.as_deref())
            )),
            record_id: Some(row.key),
            symbol: row.symbol,
        });
        let mut metrics = Map::from_iter([
            ("completeness".to_owned(), json!(analysis.completeness)),
            ("integrity".to_owned(), json!(analysis.integrity)),
        ]);
        for level in &validation.levels {
            let passed = json!({ "passed": level.passed, "violations": level.violations });
            metrics.insert(level.level.as_str().to_owned(), passed);
        }
        Self {
            validation_passed: validation.passed,
            validated_at: timestamp(at),
            records_validated: analysis.total,
            validation_errors: validation.levels.iter().map(|l| l.violations).sum(),
            data_quality_score: analysis.score,
            errors: failed.chain(rows).collect(),
            validation_metrics: metrics,
        }
    }
}

fn shown(value: Option<&str>) -> String {
    value.map_or_else(|| "no value".into(), |v| format!("{v:?}"))
}
