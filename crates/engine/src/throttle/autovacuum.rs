//! An autovacuum of the target table: it frees the room that the run fills, and both want the disk.

use super::{Seen, Signal, Verdict, counted, known, within};

pub(super) const NAME: &str = "autovacuum";

pub(super) struct Autovacuum {
    pub limit: i64,
}

impl Signal for Autovacuum {
    fn name(&self) -> &'static str {
        NAME
    }

    fn limit(&self) -> String {
        counted(self.limit, "worker", "workers")
    }

    fn judge(&mut self, seen: &Seen<'_>) -> Verdict {
        known(&seen.pressure.autovacuum, |n| {
            let text = format!("{} on {}", counted(n, "autovacuum worker is", "autovacuum workers are"), seen.table);
            within(n <= self.limit, text, &self.limit.to_string())
        })
    }
}
