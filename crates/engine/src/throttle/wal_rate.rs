//! Bytes of write-ahead log a second: what archives and replicas must carry.

use chrono::{DateTime, Utc};

use super::{Seen, Signal, Verdict, known, within};

pub(super) const NAME: &str = "wal_rate";

const MIB: i64 = 1024 * 1024;

pub(super) struct WalRate {
    /// Bytes a second.
    pub limit: i64,
    /// The reading before: a rate needs two.
    pub last: Option<(DateTime<Utc>, i64)>,
}

impl Signal for WalRate {
    fn name(&self) -> &'static str {
        NAME
    }

    fn limit(&self) -> String {
        format!("{} MiB/s", mib(self.limit))
    }

    fn judge(&mut self, seen: &Seen<'_>) -> Verdict {
        let limit = self.limit();
        known(&seen.pressure.wal_bytes, |bytes| {
            let last = self.last.replace((seen.now, bytes));
            let Some((ms, written)) =
                last.map(|(at, before)| ((seen.now - at).num_milliseconds(), bytes - before)).filter(|(ms, _)| *ms > 0)
            else {
                return Verdict::Calm("the rate is known after a second reading".into());
            };
            let rate = written.saturating_mul(1_000) / ms;
            within(rate <= self.limit, format!("the server writes {} MiB/s of write-ahead log", mib(rate)), &limit)
        })
    }
}

/// With one decimal below ten.
#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn mib(bytes: i64) -> String {
    let mib = bytes as f64 / MIB as f64;
    if mib < 10.0 { format!("{mib:.1}") } else { format!("{mib:.0}") }
}
