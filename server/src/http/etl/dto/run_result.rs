//! What `execute` answers: a correction, over or not.

use std::collections::BTreeMap;

use amend_domain::{ChunkRecord, EventRecord, Mode, RunDetail, RunState, RunView};
use amend_engine::store::StoreKind;
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{timestamp, two_decimals};
use crate::http::etl::time_span;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunResult {
    pub success: bool,
    pub error_message: Option<String>,
    pub correction_id: String,
    /// Amend's own word for where the run is.
    pub state: &'static str,
    pub start_time: String,
    pub end_time: Option<String>,
    pub duration: String,
    pub total_records_analyzed: Option<i64>,
    pub records_needing_correction: Option<i64>,
    pub records_successfully_processed: i64,
    pub records_failed: i64,
    pub records_skipped: i64,
    pub batches_processed: i64,
    /// Tries of a batch that failed; each was undone whole and tried again, whole or in halves.
    pub batches_failed: i64,
    pub data_quality_score_before: Option<f64>,
    pub data_quality_score_after: Option<f64>,
    pub improvement_percentage: Option<f64>,
    pub errors: Vec<String>,
    pub errors_by_category: BTreeMap<String, i64>,
    pub phase_timings: BTreeMap<&'static str, String>,
    pub performance_metrics: Performance,
    /// Where the values from before are: the copy where the run made one, otherwise Amend's journal.
    /// Null for a dry run, which writes none.
    pub backup_table_name: Option<String>,
    pub backup_created_at: Option<String>,
    pub audit_trail: Vec<AuditLine>,
    pub plan_hash: String,
    pub dry_run: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Performance {
    pub total_batches: i64,
    pub average_records_per_batch: Option<f64>,
    pub records_per_second: Option<f64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditLine {
    pub timestamp: String,
    pub action: String,
    pub message: String,
}

/// The journal's name as this database has it, and which part of it.
pub fn journal_name(kind: StoreKind, run: &RunView) -> String {
    let table = match kind {
        StoreKind::Sqlite => "amend_journal",
        StoreKind::Postgres => "amend.journal",
    };
    format!("{table} (run {})", run.run_id)
}

#[expect(clippy::cast_precision_loss, reason = "averages for people")]
fn average(sum: i64, of: i64) -> Option<f64> {
    (of > 0).then(|| two_decimals(sum as f64 / of as f64))
}

/// A failed try of a batch, by what the log calls it.
fn failed_try(event: &EventRecord) -> bool {
    matches!(event.kind.as_str(), "retry" | "split")
}

impl RunResult {
    pub fn of(detail: &RunDetail, kind: StoreKind) -> Self {
        let RunDetail { run, events, chunk_log, backup } = detail;
        let (before, after) = (run.before.map(|c| c.score()), run.after.map(|c| c.score()));
        let dry_run = run.options.as_ref().is_some_and(|o| o.dry_run);
        let wrote = !dry_run && run.chunks > 0;
        Self {
            success: run.state == RunState::Succeeded,
            error_message: run.error.as_ref().map(|e| e.message.clone()),
            correction_id: run.run_id.to_string(),
            state: run.state.as_str(),
            start_time: timestamp(run.started_at.unwrap_or(run.created_at)),
            end_time: run.ended_at.map(timestamp),
            duration: time_span::show(run.duration_ms),
            total_records_analyzed: run.before.map(|c| c.total()),
            records_needing_correction: run.before.map(|c| mode(run).correctable(&c)),
            records_successfully_processed: run.changed,
            records_failed: run.failed,
            records_skipped: run.skipped,
            batches_processed: run.chunks,
            batches_failed: count(events.iter().filter(|e| failed_try(e))),
            data_quality_score_before: before,
            data_quality_score_after: after,
            improvement_percentage: before.zip(after).map(|(b, a)| two_decimals(a - b)),
            errors: errors(run, events),
            errors_by_category: by_category(run, events),
            phase_timings: phase_timings(run, events, chunk_log),
            performance_metrics: Performance {
                total_batches: run.chunks,
                average_records_per_batch: average(run.changed, run.chunks),
                records_per_second: average(run.changed * 1_000, run.duration_ms),
            },
            backup_table_name: match backup {
                Some(copy) => Some(copy.name.clone()),
                None => wrote.then(|| journal_name(kind, run)),
            },
            backup_created_at: match backup {
                Some(copy) => Some(timestamp(copy.created_at)),
                None => wrote.then(|| first_write(run, chunk_log)).flatten().map(timestamp),
            },
            audit_trail: events
                .iter()
                .map(|e| AuditLine { timestamp: timestamp(e.at), action: e.kind.clone(), message: e.message.clone() })
                .collect(),
            plan_hash: run.plan_hash.to_string(),
            dry_run,
        }
    }
}

fn mode(run: &RunView) -> Mode {
    run.options.as_ref().map(|o| o.mode).unwrap_or_default()
}

fn count<T>(items: impl Iterator<Item = T>) -> i64 {
    i64::try_from(items.count()).unwrap_or(i64::MAX)
}

fn errors(run: &RunView, events: &[EventRecord]) -> Vec<String> {
    let tries = events.iter().filter(|e| failed_try(e)).map(|e| e.message.clone());
    tries.chain(run.error.as_ref().map(|e| e.message.clone())).collect()
}

fn by_category(run: &RunView, events: &[EventRecord]) -> BTreeMap<String, i64> {
    let mut found = BTreeMap::new();
    for event in events.iter().filter(|e| failed_try(e)) {
        *found.entry(format!("BATCH_{}", event.kind.to_uppercase())).or_insert(0) += 1;
    }
    if let Some(error) = &run.error {
        *found.entry(error.code.as_str().to_owned()).or_insert(0) += 1;
    }
    found
}

/// When the journal got its first entry of this run. The log of chunks holds the last ones alone;
/// where the first is gone from it, the start of the run is the nearest that is known.
fn first_write(run: &RunView, chunk_log: &[ChunkRecord]) -> Option<DateTime<Utc>> {
    chunk_log.first().filter(|c| c.no == 1).map(|c| c.at).or(run.started_at)
}

/// How long each phase took, between the times of the log's events. A phase that still goes on is
/// not in it; one that came several times (sweeps) is added up.
fn phase_timings(run: &RunView, events: &[EventRecord], chunk_log: &[ChunkRecord]) -> BTreeMap<&'static str, String> {
    let mut marks: Vec<(DateTime<Utc>, &'static str)> = events
        .iter()
        .filter_map(|event| {
            let phase = match event.kind.as_str() {
                "queued" => "waiting",
                "started" => "analysing",
                "counted" => "correcting",
                "sweep" => "sweeping",
                _ => return None,
            };
            Some((event.at, phase))
        })
        .collect();
    // From the last committed chunk on, the run looks whether anything is left and proves itself.
    marks.extend(chunk_log.last().map(|c| (c.at, "validating")));
    marks.sort_by_key(|(at, _)| *at);
    let ends = marks.iter().skip(1).map(|(at, _)| Some(*at)).chain([run.ended_at]);
    let mut spent: BTreeMap<&'static str, i64> = BTreeMap::new();
    for ((begun, phase), end) in marks.iter().zip(ends) {
        if let Some(end) = end {
            *spent.entry(phase).or_default() += (end - *begun).num_milliseconds();
        }
    }
    spent.into_iter().map(|(phase, ms)| (phase, time_span::show(ms))).collect()
}
