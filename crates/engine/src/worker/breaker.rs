//! The circuit breaker: a run most of whose chunks fail stops by itself.
//!
//! What counts as a failed chunk: each try that failed, whether it was retried, halved for being too
//! large, or left to a walk by key; and each row that was refused alone. A try that ran into a time limit
//! counts once that limit is as wide as it gets: see `worker::room`. The halvings on the way to
//! such a row do not count, because they look for one and the same trouble: otherwise a single refused
//! row at the beginning of a large chunk would end a run.

use std::collections::VecDeque;

/// Chunks that are looked back at.
const WINDOW: usize = 20;
/// Chunks before which nothing is decided.
const LEAST: usize = 10;

#[derive(Debug)]
pub(crate) struct Breaker {
    percent: usize,
    failed: VecDeque<bool>,
}

impl Breaker {
    pub(crate) fn new(percent: u32) -> Self {
        Self { percent: usize::try_from(percent).unwrap_or(100), failed: VecDeque::with_capacity(WINDOW) }
    }

    pub(crate) fn went_well(&mut self) {
        self.push(false);
    }

    /// A chunk failed. How many of how many did, when that is too many.
    pub(crate) fn failed(&mut self) -> Option<(usize, usize)> {
        self.push(true);
        let (seen, failed) = (self.failed.len(), self.failed.iter().filter(|f| **f).count());
        (seen >= LEAST && failed * 100 >= seen * self.percent).then_some((failed, seen))
    }

    fn push(&mut self, failed: bool) {
        if self.failed.len() == WINDOW {
            self.failed.pop_front();
        }
        self.failed.push_back(failed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_decides_nothing_before_ten_chunks() {
        let mut breaker = Breaker::new(50);
        assert!((0..9).all(|_| breaker.failed().is_none()));
        assert_eq!(breaker.failed(), Some((10, 10)));
    }

    #[test]
    fn it_opens_at_the_share_and_not_below() {
        let mut breaker = Breaker::new(50);
        (0..11).for_each(|_| breaker.went_well());
        assert!((0..9).all(|_| breaker.failed().is_none()), "9 of 20 are less than half");
        assert_eq!(breaker.failed(), Some((10, 20)));
    }

    #[test]
    fn what_is_longer_ago_than_twenty_chunks_is_forgotten() {
        let mut breaker = Breaker::new(50);
        (0..9).for_each(|_| assert_eq!(breaker.failed(), None));
        (0..20).for_each(|_| breaker.went_well());
        assert!((0..9).all(|_| breaker.failed().is_none()));
    }

    #[test]
    fn at_a_hundred_percent_one_good_chunk_keeps_it_closed() {
        let mut breaker = Breaker::new(100);
        breaker.went_well();
        assert!((0..19).all(|_| breaker.failed().is_none()));
        assert_eq!(breaker.failed(), Some((20, 20)));
    }
}
