//! A run as everyone sees it: browser, REST, command line.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    backup::BackupInfo,
    error::ErrorCode,
    finding::FindingCounts,
    ids::{PlanHash, RuleSlug, RunId},
    plan::RunOptions,
    rollback::RollbackOptions,
    state::{Phase, RunState},
    validation::Validation,
    walk::{Effect, Walk},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunKind {
    Correction,
    Rollback,
}

impl RunKind {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Correction => "correction",
            Self::Rollback => "rollback",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Correction, Self::Rollback].into_iter().find(|k| k.as_str() == text)
    }
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunError {
    pub code: ErrorCode,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// The state of a run. The counters are those of committed chunks, never of work in flight.
/// `run_id` to `validation` are the stable answer of `amend run --format json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunView {
    pub run_id: RunId,
    pub kind: RunKind,
    pub state: RunState,
    /// Rows written.
    pub changed: i64,
    /// Rows passed over because they were locked or no longer as seen; the sweep looks again.
    pub skipped: i64,
    pub failed: i64,
    /// Rollback: rows whose value somebody changed since. With `force`, those that were overwritten.
    pub conflicts: i64,
    /// Rollback: rows that no longer exist.
    pub deleted: i64,
    /// Correctable rows that the last look found; 0 after a complete run.
    pub remaining: i64,
    pub chunks: i64,
    pub duration_ms: i64,
    pub plan_hash: PlanHash,
    pub validation: Option<Validation>,

    pub rule: RuleSlug,
    pub phase: Phase,
    /// For a correction.
    pub options: Option<RunOptions>,
    /// For a rollback.
    pub rollback: Option<RollbackOptions>,
    /// The run that this one undoes.
    pub undoes: Option<RunId>,
    /// The last finished rollback of this run that is still in force: one that was itself undone as
    /// a whole does not count.
    pub undone_by: Option<RunId>,
    /// Until when the before-images are kept at least; `None` while the run is active, and for a dry
    /// run.
    #[serde(default)]
    pub rollback_until: Option<DateTime<Utc>>,
    /// When they were dropped; from then on the run cannot be rolled back.
    #[serde(default)]
    pub purged_at: Option<DateTime<Utc>>,
    pub started_by: String,
    pub created_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    /// Rows expected to change, once counted.
    pub to_change: Option<i64>,
    /// Rows looked at so far.
    pub scanned: i64,
    /// Rows of the table (correction) or of the journal (rollback), for the bar.
    pub to_scan: Option<i64>,
    /// Rows per second over the last chunks; `None` until two chunks are done.
    pub rate: Option<f64>,
    /// Rows a chunk may change now.
    pub batch_size: i64,
    pub before: Option<FindingCounts>,
    pub after: Option<FindingCounts>,
    pub error: Option<RunError>,
    /// Times a worker took the run over after another died.
    pub takeovers: i64,
    /// How it goes through the table; `None` until that is chosen, and for runs of earlier versions.
    #[serde(default)]
    pub walk: Option<Walk>,
    /// What it did to the table's files, at its end; `None` where the database does not say.
    #[serde(default)]
    pub effect: Option<Effect>,
    /// The operator's pace in percent of the time that may be spent working; 0 holds the run.
    #[serde(default = "full_pace")]
    pub pace: u8,
    /// Why it is held now, one sentence a reason; empty when it goes on.
    #[serde(default)]
    pub held: Vec<String>,
    /// Milliseconds that it was paused or held so far. They are part of `duration_ms` and do not count
    /// against its time limit.
    #[serde(default)]
    pub idle_ms: i64,
}

const fn full_pace() -> u8 {
    100
}

impl RunView {
    /// Whether it only counted.
    #[must_use]
    pub fn is_dry_run(&self) -> bool {
        self.options.as_ref().is_some_and(|o| o.dry_run) || self.rollback.as_ref().is_some_and(|o| o.dry_run)
    }

    /// Progress from 0 to 100, one decimal; 100 only when it is over and succeeded.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a share for a bar")]
    pub fn progress(&self) -> f64 {
        if self.state == RunState::Succeeded {
            return 100.0;
        }
        let share = match self.to_scan {
            Some(all) if all > 0 => self.scanned.min(all) as f64 / all as f64,
            _ => 0.0,
        };
        // Validation still stands between the last chunk and the end.
        (share * 990.0).floor() / 10.0
    }

    /// Milliseconds that it was neither paused nor held.
    #[must_use]
    pub fn worked_ms(&self) -> i64 {
        (self.duration_ms - self.idle_ms).max(0)
    }

    /// Milliseconds left by the present rate, while it runs and a rate is known.
    #[must_use]
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "an estimate for people")]
    pub fn eta_ms(&self) -> Option<i64> {
        if !self.state.is_active() || self.scanned <= 0 {
            return None;
        }
        let left = (self.to_scan? - self.scanned).max(0);
        let spent = self.worked_ms();
        if spent <= 0 {
            return None;
        }
        Some((left as f64 * spent as f64 / self.scanned as f64) as i64)
    }
}

/// One committed chunk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChunkRecord {
    pub no: i64,
    pub at: DateTime<Utc>,
    pub scanned: i64,
    pub changed: i64,
    pub skipped: i64,
    pub conflicts: i64,
    pub deleted: i64,
    pub duration_ms: i64,
    pub batch_size: i64,
    /// Where the chunk ended: the key of its last row, or the journal's position.
    pub upto: String,
    /// Digest of all other columns of the changed rows, before and after, in the same transaction.
    pub untouched_before: String,
    pub untouched_after: String,
}

/// One line of a run's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRecord {
    pub seq: i64,
    pub at: DateTime<Utc>,
    /// A stable word: `queued`, `started`, `takeover`, `batch_size`, `retry`, `cancel_requested`, ...
    pub kind: String,
    pub message: String,
}

/// `amend show`: the run and its history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunDetail {
    #[serde(flatten)]
    pub run: RunView,
    pub events: Vec<EventRecord>,
    /// The last chunks, newest last, at most 500.
    pub chunk_log: Vec<ChunkRecord>,
    /// The copy that was made before the first write, where one was asked for and is still kept.
    #[serde(default)]
    pub backup: Option<BackupInfo>,
}
