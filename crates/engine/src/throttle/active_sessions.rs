//! Sessions of the server that are busy: its cores are shared by all of them.

use super::{Seen, Signal, Verdict, counted, known, within};

pub(super) const NAME: &str = "active_sessions";

pub(super) struct ActiveSessions {
    pub limit: i64,
}

impl Signal for ActiveSessions {
    fn name(&self) -> &'static str {
        NAME
    }

    fn limit(&self) -> String {
        counted(self.limit, "session", "sessions")
    }

    fn judge(&mut self, seen: &Seen<'_>) -> Verdict {
        known(&seen.pressure.active_sessions, |n| {
            let text = counted(n, "other session is active", "other sessions are active");
            within(n <= self.limit, text, &self.limit.to_string())
        })
    }
}
