//! The text exposition format, as far as six metrics need it.
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::fmt::Write;

use amend_domain::{Analysis, Mode, RuleSlug};

use super::totals::{BUCKETS, RuleTotals};

pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A rule with its numbers.
pub struct Sample<'a> {
    pub rule: &'a RuleSlug,
    pub totals: &'a RuleTotals,
    pub analysis: Option<&'a Analysis>,
}

/// The text. Gauges that nothing is known of yet are `NaN`, which is how Prometheus says so.
#[must_use]
pub fn text(sample: &Sample<'_>) -> String {
    let Sample { rule, totals, analysis } = sample;
    // A slug is of a-z, 0-9 and '-', so it needs no escaping.
    let label = format!("{{rule=\"{rule}\"}}");
    let mut out = String::new();
    let mut family = |name: &str, kind: &str, help: &str, lines: &[(String, String)]| {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (suffix, value) in lines {
            let _ = writeln!(out, "{name}{suffix} {value}");
        }
    };
    let one = |value: String| [(label.clone(), value)];
    family(
        "assetclass_operations_started_total",
        "counter",
        "Corrections and rollbacks that were started.",
        &one(totals.started.to_string()),
    );
    family(
        "assetclass_operations_completed_total",
        "counter",
        "Corrections and rollbacks that ended well.",
        &one(totals.completed().to_string()),
    );
    family(
        "assetclass_records_processed_total",
        "counter",
        "Rows written by committed chunks.",
        &one(totals.changed.to_string()),
    );
    family(
        "assetclass_operation_duration_seconds",
        "histogram",
        "How long operations took that are over.",
        &histogram(rule, totals),
    );
    family(
        "assetclass_data_quality_score",
        "gauge",
        "Correct rows in percent, by the last analysis.",
        &one(analysis.map_or_else(|| "NaN".into(), |a| a.score.to_string())),
    );
    let needing = analysis.map(|a| Mode::Overwrite.correctable(&a.counts()));
    family(
        "assetclass_records_needing_correction",
        "gauge",
        "Rows that the reference could correct, by the last analysis.",
        &one(needing.map_or_else(|| "NaN".into(), |n| n.to_string())),
    );
    let by_state: Vec<_> = totals
        .by_state
        .iter()
        .map(|(state, runs)| (format!("{{rule=\"{rule}\",state=\"{state}\"}}"), runs.to_string()))
        .collect();
    family("amend_operations_ended_total", "counter", "Operations that are over, by how they ended.", &by_state);
    out
}

fn histogram(rule: &RuleSlug, totals: &RuleTotals) -> Vec<(String, String)> {
    let bucket = |bound: &str, runs: i64| (format!("_bucket{{rule=\"{rule}\",le=\"{bound}\"}}"), runs.to_string());
    let mut lines: Vec<_> =
        BUCKETS.iter().zip(totals.within).map(|(seconds, runs)| bucket(&seconds.to_string(), runs)).collect();
    lines.push(bucket("+Inf", totals.ended()));
    let (seconds, ms) = (totals.duration_ms / 1_000, totals.duration_ms % 1_000);
    lines.push((format!("_sum{{rule=\"{rule}\"}}"), format!("{seconds}.{ms:03}")));
    lines.push((format!("_count{{rule=\"{rule}\"}}"), totals.ended().to_string()));
    lines
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_histogram_is_cumulative_and_ends_in_its_count() {
        let totals = RuleTotals {
            started: 3,
            changed: 70,
            by_state: BTreeMap::from([("failed", 1), ("succeeded", 1)]),
            duration_ms: 62_500,
            within: [0, 1, 1, 1, 2, 2, 2, 2, 2, 2],
        };
        let rule = RuleSlug::default_rule();
        let text = text(&Sample { rule: &rule, totals: &totals, analysis: None });
        for line in [
            "# TYPE assetclass_operation_duration_seconds histogram",
            "assetclass_operations_started_total{rule=\"asset-class-correction\"} 3",
            "assetclass_operations_completed_total{rule=\"asset-class-correction\"} 1",
            "assetclass_operation_duration_seconds_bucket{rule=\"asset-class-correction\",le=\"5\"} 1",
            "assetclass_operation_duration_seconds_bucket{rule=\"asset-class-correction\",le=\"+Inf\"} 2",
            "assetclass_operation_duration_seconds_sum{rule=\"asset-class-correction\"} 62.500",
            "assetclass_operation_duration_seconds_count{rule=\"asset-class-correction\"} 2",
            "assetclass_data_quality_score{rule=\"asset-class-correction\"} NaN",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
    }
}
