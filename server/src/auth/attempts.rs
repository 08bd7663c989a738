//! Wrong passwords cost time: a delay that grows with each, then a lock for a while.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};

/// Attempts without any delay: people mistype.
const FREE: u32 = 2;
/// Attempts after which the name is locked.
const LOCK_AFTER: u32 = 8;
const LOCK: TimeDelta = TimeDelta::minutes(5);
/// Names kept at most. Beyond, the oldest is forgotten: an attacker who fills the table gains the
/// two free attempts for one name at the cost of thousands.
const NAMES: usize = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// Try, after this long.
    After(Duration),
    Locked,
}

#[derive(Debug, Clone, Copy)]
struct Tried {
    times: u32,
    last: DateTime<Utc>,
}

/// Failures by name, in memory: a restart forgives.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    by_name: Mutex<HashMap<String, Tried>>,
}

impl Attempts {
    /// Counts an attempt before it is made, so that attempts at the same time count as well.
    pub(super) fn admit(&self, name: &str, now: DateTime<Utc>) -> Admission {
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        by_name.retain(|_, tried| now - tried.last < LOCK);
        if by_name.len() >= NAMES
            && !by_name.contains_key(name)
            && let Some(oldest) = by_name.iter().min_by_key(|(_, t)| t.last).map(|(n, _)| n.clone())
        {
            by_name.remove(&oldest);
        }
        let tried = by_name.entry(name.to_owned()).or_insert(Tried { times: 0, last: now });
        if tried.times >= LOCK_AFTER {
            // The lock is not made longer by trying: the right person gets in again after it.
            return Admission::Locked;
        }
        tried.times += 1;
        tried.last = now;
        let over = tried.times.saturating_sub(FREE);
        let delay = if over == 0 { 0 } else { 250 * (1 << (over - 1).min(4)) };
        Admission::After(Duration::from_millis(delay))
    }

    /// The right password: all is forgiven.
    pub(super) fn forget(&self, name: &str) {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + second, 0).unwrap()
    }

    #[test]
    fn the_delay_grows_and_ends_in_a_lock() {
        let attempts = Attempts::default();
        let delays: Vec<_> = (0..8)
            .map(|n| match attempts.admit("ada", at(n)) {
                Admission::After(delay) => delay.as_millis(),
                Admission::Locked => panic!("locked after {n}"),
            })
            .collect();
        assert_eq!(delays, [0, 0, 250, 500, 1_000, 2_000, 4_000, 4_000]);
        assert_eq!(attempts.admit("ada", at(9)), Admission::Locked);
        assert_eq!(attempts.admit("bob", at(9)), Admission::After(Duration::ZERO));
    }

    #[test]
    fn a_lock_ends_by_itself_and_by_the_right_password() {
        let attempts = Attempts::default();
        for _ in 0..9 {
            attempts.admit("ada", at(0));
        }
        assert_eq!(attempts.admit("ada", at(299)), Admission::Locked);
        assert_eq!(attempts.admit("ada", at(301)), Admission::After(Duration::ZERO));
        attempts.forget("ada");
        assert_eq!(attempts.admit("ada", at(301)), Admission::After(Duration::ZERO));
    }
}
