//! Smaller chunks where a chunk made trouble, until the troubled rows are through.

use std::time::Duration;

use super::room::Room;
use crate::store::ChunkLimits;

/// After a chunk of so many rows failed: how many of them are still ahead, and how large the next step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Narrow {
    left: i64,
    step: i64,
    /// One row of them is looked for; otherwise they are only too many at once.
    one: bool,
}

/// Halves down to the one row that is refused, and forgets about it as soon as it is through: the next
/// chunk has its usual size again.
#[derive(Debug)]
pub(super) struct Search {
    narrow: Option<Narrow>,
    /// How long a try may last.
    pub(super) room: Room,
    /// The limit that a chunk ran into, until the pace has been told.
    slow: Option<Duration>,
}

impl Search {
    pub(super) const fn new(room: Room) -> Self {
        Self { narrow: None, room, slow: None }
    }

    pub(super) const fn is_on(&self) -> bool {
        self.narrow.is_some()
    }

    /// A try ran into its limit.
    pub(super) fn ran_out(&mut self) {
        self.slow.get_or_insert(self.room.limit());
    }

    /// The limit that was run into since this was last asked.
    pub(super) const fn take_slow(&mut self) -> Option<Duration> {
        self.slow.take()
    }

    /// The limits of the next step.
    pub(super) fn narrow(&self, usual: ChunkLimits) -> ChunkLimits {
        let lock_timeout = self.room.lock_timeout(usual.lock_timeout);
        let usual = ChunkLimits { lock_timeout, statement_timeout: self.room.limit(), ..usual };
        match self.narrow {
            None => usual,
            Some(Narrow { step, one, .. }) => {
                let rows = step.min(usual.rows);
                // A refused row is no reason to look less far.
                let scan = if one { usual.scan } else { (usual.scan / usual.rows.max(1) * rows).max(rows) };
                ChunkLimits { rows, scan, ..usual }
            }
        }
    }

    /// A step of so many rows, more than one, failed.
    pub(super) const fn failed(&mut self, rows: i64, one: bool) {
        let step = if rows > 2 { rows / 2 } else { 1 };
        self.narrow = Some(Narrow { left: rows, step, one });
    }

    /// A step dealt with so many rows.
    pub(super) fn went_well(&mut self, rows: i64) {
        self.narrow = self.narrow.and_then(|n| {
            let left = n.left - rows;
            // What was too much a moment ago may not be too much for long.
            let step = if n.one { (left / 2).max(1) } else { (n.step * 2).min(left) };
            (left > 0).then_some(Narrow { left, step, ..n })
        });
    }

    /// The row was found and passed over.
    pub(super) const fn found(&mut self) {
        self.narrow = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual(rows: i64) -> ChunkLimits {
        let (lock_timeout, statement_timeout) = (Duration::from_millis(500), Duration::from_secs(1));
        ChunkLimits { rows, scan: rows * 20, lock_timeout, statement_timeout }
    }

    /// Walks over rows of which some are refused; gives the sizes of the steps and the rows found.
    fn walk(all: i64, size: i64, bad: &[i64]) -> (Vec<i64>, Vec<i64>) {
        let (mut at, mut sizes, mut found, mut search) =
            (0, Vec::new(), Vec::new(), Search::new(Room::of(Duration::from_millis(200))));
        while at < all {
            let rows = search.narrow(usual(size)).rows.min(all - at);
            sizes.push(rows);
            if !bad.iter().any(|b| (at..at + rows).contains(b)) {
                search.went_well(rows);
                at += rows;
            } else if rows == 1 {
                found.push(at);
                search.found();
                at += 1;
            } else {
                search.failed(rows, true);
            }
        }
        (sizes, found)
    }

    #[test]
    fn it_comes_down_to_the_row_and_back_to_the_usual_size() {
        let (sizes, found) = walk(40, 16, &[8]);
        assert_eq!(found, [8]);
        assert_eq!(sizes, [16, 8, 4, 2, 1, 16, 15]);
    }

    #[test]
    fn every_row_that_is_refused_is_found_wherever_it_is() {
        for bad in 0..33 {
            let (sizes, found) = walk(64, 33, &[bad, bad + 1, 50]);
            let mut wanted = vec![bad, bad + 1, 50];
            wanted.sort_unstable();
            wanted.dedup();
            assert_eq!(found, wanted);
            assert!(sizes.len() < 48, "{sizes:?}");
        }
    }

    #[test]
    fn what_was_too_much_is_done_in_halves_and_then_as_usual() {
        let mut search = Search::new(Room::of(Duration::from_millis(200)));
        search.failed(100, false);
        assert_eq!((search.narrow(usual(100)).rows, search.narrow(usual(100)).scan), (50, 1_000));
        search.went_well(50);
        assert_eq!(search.narrow(usual(100)).rows, 50);
        search.went_well(50);
        assert!(!search.is_on());
        assert_eq!(search.narrow(usual(100)), usual(100));
    }

    #[test]
    fn after_halves_that_go_well_the_steps_grow_again() {
        let mut search = Search::new(Room::of(Duration::from_millis(200)));
        [100, 50, 25, 12].into_iter().for_each(|rows| search.failed(rows, false));
        let mut sizes = Vec::new();
        while search.is_on() {
            let rows = search.narrow(usual(100)).rows;
            sizes.push(rows);
            search.went_well(rows);
        }
        assert_eq!(sizes, [6, 6]);
    }

    #[test]
    fn the_pace_is_told_once_of_the_limit_that_was_run_into_first() {
        let mut search = Search::new(Room::of(Duration::from_millis(200)));
        search.ran_out();
        assert!(search.room.widen());
        search.ran_out();
        assert_eq!(search.take_slow(), Some(Duration::from_secs(1)));
        assert_eq!(search.take_slow(), None);
    }
}
