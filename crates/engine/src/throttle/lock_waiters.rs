//! Sessions that wait for a lock on the target table or on one of its rows: somebody is in their way,
//! and it may be the run.

use super::{Seen, Signal, Verdict, counted, known, within};

pub(super) const NAME: &str = "lock_waiters";

pub(super) struct LockWaiters {
    pub limit: i64,
}

impl Signal for LockWaiters {
    fn name(&self) -> &'static str {
        NAME
    }

    fn limit(&self) -> String {
        counted(self.limit, "session", "sessions")
    }

    fn judge(&mut self, seen: &Seen<'_>) -> Verdict {
        known(&seen.pressure.lock_waiters, |n| {
            let text = format!("{} for a lock on {}", counted(n, "session waits", "sessions wait"), seen.table);
            within(n <= self.limit, text, &self.limit.to_string())
        })
    }
}
