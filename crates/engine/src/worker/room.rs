//! How long the transaction of a chunk may last: five times what a chunk should take, and longer only
//! where the work cannot be cut smaller.

use std::time::Duration;

/// What a chunk may take at most, in chunks of the target duration.
const TIMES: u32 = 5;
/// How far the limit may grow.
const MOST: Duration = Duration::from_secs(30);

/// The limit of the next try.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    usual: Duration,
    now: Duration,
}

impl Room {
    /// Of chunks that should take this long.
    pub(super) fn of(target: Duration) -> Self {
        let usual = target * TIMES;
        Self { usual, now: usual }
    }

    pub(super) const fn limit(&self) -> Duration {
        self.now
    }

    /// How long to wait for a lock: less than the limit, so that who waits is told from who works.
    pub(super) fn lock_timeout(&self, configured: Duration) -> Duration {
        configured.min(self.now * 3 / 4)
    }

    /// What cannot be cut smaller ran into the limit: it gets twice as long. False when that is not to be
    /// had any more.
    pub(super) fn widen(&mut self) -> bool {
        let before = self.now;
        self.now = (self.now * 2).min(MOST).max(self.now);
        self.now > before
    }

    /// Whether a try that ran out of time had all there is, so that it counts as a failure. Before that
    /// it says no more than that the limit is tight.
    pub(super) fn is_widest(&self) -> bool {
        self.now >= MOST
    }

    /// A chunk took so long: one within the usual limit brings that limit back.
    pub(super) fn took(&mut self, ms: i64) {
        if u128::try_from(ms).is_ok_and(|ms| ms <= self.usual.as_millis()) {
            self.now = self.usual;
        }
    }
}

/// What the history says about more time.
pub(super) fn widened(what: &str, before: Duration, now: Duration) -> String {
    format!(
        "{what} ran into the time limit of {} ms and was undone; it cannot be cut smaller, so it is tried again with \
         {} ms. The usual limit is back as soon as a chunk keeps to it.",
        before.as_millis(),
        now.as_millis()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_doubles_up_to_half_a_minute_and_falls_back() {
        let mut room = Room::of(Duration::from_millis(400));
        let mut seen = vec![room.limit().as_millis()];
        while room.widen() {
            seen.push(room.limit().as_millis());
        }
        assert_eq!(seen, [2_000, 4_000, 8_000, 16_000, 30_000]);
        assert!(room.is_widest());
        room.took(2_001);
        assert_eq!(room.limit(), MOST, "a slow chunk needs the room");
        room.took(2_000);
        assert_eq!(room.limit(), Duration::from_secs(2));
        assert!(!room.is_widest());
    }

    #[test]
    fn a_target_above_the_most_keeps_its_own_limit() {
        let mut room = Room::of(Duration::from_secs(10));
        assert!(room.is_widest() && !room.widen());
        assert_eq!(room.limit(), Duration::from_secs(50));
    }

    #[test]
    fn a_lock_is_waited_for_shorter_than_the_chunk_may_last() {
        let room = Room::of(Duration::from_millis(400));
        assert_eq!(room.lock_timeout(Duration::from_secs(2)), Duration::from_millis(1_500));
        assert_eq!(room.lock_timeout(Duration::from_millis(100)), Duration::from_millis(100));
    }
}
