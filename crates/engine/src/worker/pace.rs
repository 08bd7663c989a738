//! How many rows a chunk may change, steered toward a target duration.
//!
//! The shape is that of the known batch optimisers (GitLab's batched migrations): decide on a high
//! percentile of the last chunks, grow gently, cut hard on a very slow one. Two things keep it calm:
//! one chunk alone must be far off before it counts, and a single slow chunk among several is a
//! spike, not a trend.

use std::{collections::VecDeque, time::Duration};

/// Chunks that a decision looks at, at most.
const WINDOW: usize = 10;
/// So many chunks in a row that are far off make older ones history.
const TREND: usize = 3;
/// What far off means for that: this share of the target.
const FAR: f64 = 0.25;
/// Growth at most, for each decision.
const GROWTH: f64 = 1.5;
/// No change while the percentile is within this share of the target, once many chunks say so.
const DEAD_BAND: f64 = 0.1;
/// What is added to it for a single chunk; for n of them, an n-th.
const DOUBT: f64 = 0.3;
/// Nearer than this share of the target, a step goes half the way.
const NEAR: f64 = 0.3;
/// A chunk over so many times the target cuts the size to a tenth.
const ALARM: f64 = 5.0;

/// Sizes chunks. Pure: it is told durations and answers with sizes.
#[derive(Debug, Clone)]
pub struct Pace {
    size: i64,
    target_ms: f64,
    /// The least size: smaller than usual where even that ran into the time limit.
    floor: i64,
    /// Durations of chunks of the present size, newest last.
    recent: VecDeque<f64>,
}

/// A change of size and its reason, for the run's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaceChange {
    pub size: i64,
    pub reason: String,
}

impl Pace {
    pub const START: i64 = 2_000;
    pub const MIN: i64 = 500;
    pub const MAX: i64 = 50_000;

    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "milliseconds")]
    pub fn new(size: i64, target: Duration) -> Self {
        let size = size.clamp(Self::MIN, Self::MAX);
        Self { size, target_ms: target.as_millis() as f64, floor: Self::MIN, recent: VecDeque::with_capacity(WINDOW) }
    }

    #[must_use]
    pub const fn size(&self) -> i64 {
        self.size
    }

    /// A chunk of the present size ran into its time limit and was undone. Where that size is the least
    /// already, it may become smaller still.
    pub fn ran_out(&mut self, limit: Duration) -> Option<PaceChange> {
        let size = (self.size / 10).max(1);
        self.floor = self.floor.min(if self.size > Self::MIN { Self::MIN } else { size });
        self.become_size(size, format!("a chunk ran into its time limit of {} ms", limit.as_millis()))
    }

    /// Takes the duration of a committed chunk, in milliseconds.
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "sizes of at most 50,000")]
    pub fn observe(&mut self, duration_ms: i64) -> Option<PaceChange> {
        let ms = duration_ms.max(1) as f64;
        if ms > ALARM * self.target_ms {
            let reason = format!("a chunk took {ms:.0} ms, over five times the target of {:.0} ms", self.target_ms);
            return self.become_size(self.size / 10, reason);
        }
        if self.recent.len() == WINDOW {
            self.recent.pop_front();
        }
        self.recent.push_back(ms);
        self.forget_history();
        let p90 = self.p90();
        let doubt = DEAD_BAND + DOUBT / self.recent.len() as f64;
        if (p90 - self.target_ms).abs() <= doubt * self.target_ms {
            return None;
        }
        let mut factor = (self.target_ms / p90).min(GROWTH);
        if (p90 / self.target_ms - 1.0).abs() < NEAR {
            // Half the way: a part of so small a distance is chance.
            factor = factor.sqrt();
        }
        let reason = format!("the last chunks took {p90:.0} ms, the target is {:.0} ms", self.target_ms);
        // From a single row, too, it grows.
        let least = if factor > 1.0 { self.size + 1 } else { 0 };
        self.become_size(((self.size as f64 * factor) as i64).max(least), reason)
    }

    /// When the last few are all far off on one side, the database has changed, and what it did
    /// before says nothing.
    fn forget_history(&mut self) {
        let old = self.recent.len().saturating_sub(TREND);
        if old == 0 {
            return;
        }
        let last = || self.recent.iter().skip(old);
        let (least, most) = ((1.0 - FAR) * self.target_ms, (1.0 + FAR) * self.target_ms);
        if last().all(|ms| *ms < least) || last().all(|ms| *ms > most) {
            self.recent.drain(..old);
        }
    }

    fn become_size(&mut self, size: i64, reason: String) -> Option<PaceChange> {
        let size = size.clamp(self.floor, Self::MAX);
        if size == self.size {
            return None;
        }
        self.size = size;
        if size >= Self::MIN {
            self.floor = Self::MIN;
        }
        // Durations of the old size say nothing about the new one.
        self.recent.clear();
        Some(PaceChange { size, reason })
    }

    /// The 90th percentile; of three chunks or more the slowest one is left out.
    fn p90(&self) -> f64 {
        let mut sorted: Vec<_> = self.recent.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let rank = if sorted.len() < 3 { sorted.len() } else { sorted.len() * 9 / 10 };
        sorted.get(rank.saturating_sub(1)).copied().unwrap_or(self.target_ms)
    }
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
