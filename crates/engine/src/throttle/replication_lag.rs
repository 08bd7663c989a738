//! How far the slowest replica is behind: who reads there reads old values.

use std::time::Duration;

use super::{Seen, Signal, Verdict, known, within};

pub(super) const NAME: &str = "replication_lag";

pub(super) struct ReplicationLag {
    pub limit: Duration,
}

impl Signal for ReplicationLag {
    fn name(&self) -> &'static str {
        NAME
    }

    fn limit(&self) -> String {
        format!("{} s", self.limit.as_secs_f64())
    }

    fn judge(&mut self, seen: &Seen<'_>) -> Verdict {
        known(&seen.pressure.replication_lag, |lag| {
            let text = format!("the slowest replica is {:.1} s behind", lag.as_secs_f64());
            within(lag <= self.limit, text, &self.limit())
        })
    }
}
