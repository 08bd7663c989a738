//! What people see of a walk while it goes on.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};

use crate::store::RunPatch;

/// Writes of progress come at most this often.
const SHOW_EVERY_MS: i64 = 100;
/// Chunks that the shown rate looks at.
const RATE_WINDOW: usize = 10;

/// Rows per second over the last chunks.
struct Rate(VecDeque<(DateTime<Utc>, i64)>);

impl Rate {
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    fn add(&mut self, at: DateTime<Utc>, changed: i64) -> Option<f64> {
        if self.0.len() > RATE_WINDOW {
            self.0.pop_front();
        }
        self.0.push_back((at, changed));
        let (first, _) = *self.0.front()?;
        let ms = (at - first).num_milliseconds();
        let rows: i64 = self.0.iter().skip(1).map(|(_, n)| n).sum();
        (ms > 0).then(|| rows as f64 * 1_000.0 / ms as f64)
    }
}

pub(super) struct Progress {
    rate: Rate,
    rate_now: Option<f64>,
    shown: DateTime<Utc>,
    /// Rows that the run had changed before this walk.
    before: i64,
    changed: i64,
    resized: Option<i64>,
}

impl Progress {
    pub(super) const fn new(before: i64) -> Self {
        Self {
            rate: Rate(VecDeque::new()),
            rate_now: None,
            shown: DateTime::<Utc>::MIN_UTC,
            before,
            changed: 0,
            resized: None,
        }
    }

    /// A committed chunk.
    pub(super) fn add(&mut self, at: DateTime<Utc>, changed: i64) {
        self.changed += changed;
        self.rate_now = self.rate.add(at, changed).or(self.rate_now);
    }

    /// Chunks have another size from here.
    pub(super) const fn resized(&mut self, size: i64) {
        self.resized = Some(size);
    }

    /// Whether it is time to show something; says so once.
    pub(super) fn is_due(&mut self, now: DateTime<Utc>) -> bool {
        let due = (now - self.shown).num_milliseconds() >= SHOW_EVERY_MS;
        if due {
            self.shown = now;
        }
        due
    }

    pub(super) fn patch(&mut self, spent_ms: i64) -> RunPatch {
        RunPatch {
            duration_ms: Some(spent_ms),
            rate: self.rate_now,
            batch_size: self.resized.take(),
            ..RunPatch::default()
        }
    }

    /// Rows changed by this walk.
    pub(super) const fn changed(&self) -> i64 {
        self.changed
    }

    /// Rows changed by the run.
    pub(super) const fn all(&self) -> i64 {
        self.before + self.changed
    }
}
