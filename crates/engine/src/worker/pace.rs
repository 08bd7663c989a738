//! How many rows a chunk may change, steered toward a target duration.
//!
//! The shape is that of the known batch optimisers (GitLab's batched migrations): decide on a high
//! percentile of the last chunks, grow gently, cut hard on a very slow one.

use std::{collections::VecDeque, time::Duration};

/// Chunks that a decision looks at.
const WINDOW: usize = 5;
/// Growth at most, for each decision.
const GROWTH: f64 = 1.5;
/// No change while the percentile is within this share of the target.
const DEAD_BAND: f64 = 0.2;

/// Sizes chunks. Pure: it is told durations and answers with sizes.
#[derive(Debug, Clone)]
pub struct Pace {
    size: i64,
    target_ms: f64,
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
        Self { size, target_ms: target.as_millis() as f64, recent: VecDeque::with_capacity(WINDOW) }
    }

    #[must_use]
    pub const fn size(&self) -> i64 {
        self.size
    }

    /// Takes the duration of a committed chunk, in milliseconds.
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "sizes of at most 50,000")]
    pub fn observe(&mut self, duration_ms: i64) -> Option<PaceChange> {
        let ms = duration_ms.max(1) as f64;
        if ms > 5.0 * self.target_ms {
            let reason = format!("a chunk took {ms:.0} ms, over five times the target of {:.0} ms", self.target_ms);
            return self.become_size(self.size / 10, reason);
        }
        if self.recent.len() == WINDOW {
            self.recent.pop_front();
        }
        self.recent.push_back(ms);
        let p90 = self.p90();
        if (p90 - self.target_ms).abs() <= DEAD_BAND * self.target_ms {
            return None;
        }
        let factor = (self.target_ms / p90).min(GROWTH);
        let reason = format!("the last chunks took {p90:.0} ms, the target is {:.0} ms", self.target_ms);
        self.become_size((self.size as f64 * factor) as i64, reason)
    }

    fn become_size(&mut self, size: i64, reason: String) -> Option<PaceChange> {
        let size = size.clamp(Self::MIN, Self::MAX);
        if size == self.size {
            return None;
        }
        self.size = size;
        // Durations of the old size say nothing about the new one.
        self.recent.clear();
        Some(PaceChange { size, reason })
    }

    /// The nearest-rank 90th percentile.
    fn p90(&self) -> f64 {
        let mut sorted: Vec<_> = self.recent.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let rank = (sorted.len() * 9).div_ceil(10).max(1);
        sorted.get(rank - 1).copied().unwrap_or(self.target_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace() -> Pace {
        Pace::new(Pace::START, Duration::from_millis(400))
    }

    /// A database that needs `us` microseconds a row.
    fn feed(pace: &mut Pace, us: i64, chunks: usize) -> Vec<i64> {
        (0..chunks)
            .map(|_| {
                let ms = pace.size() * us / 1_000;
                pace.observe(ms);
                pace.size()
            })
            .collect()
    }

    #[test]
    fn it_converges_within_ten_chunks() {
        let sizes = feed(&mut pace(), 40, 10);
        assert!((8_000..=12_000).contains(&sizes[9]), "{sizes:?}");
    }

    #[test]
    fn it_stays_put_at_steady_state() {
        let mut pace = pace();
        feed(&mut pace, 40, 12);
        let sizes = feed(&mut pace, 40, 50);
        assert!(sizes.iter().all(|s| *s == sizes[0]), "{sizes:?}");
    }

    #[test]
    fn a_very_slow_chunk_cuts_to_a_tenth() {
        let mut pace = Pace::new(20_000, Duration::from_millis(400));
        let change = pace.observe(2_001).expect("a cut");
        assert_eq!(change.size, 2_000);
    }

    #[test]
    fn it_never_leaves_its_bounds() {
        let mut pace = pace();
        assert!(feed(&mut pace, 1, 40).iter().all(|s| *s <= Pace::MAX));
        assert!(feed(&mut pace, 100_000, 40).iter().all(|s| *s >= Pace::MIN));
    }
}
