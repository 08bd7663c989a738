use std::time::Duration;

use amend_domain::Problem;
use amend_engine::throttle::{NAMES, Throttle, TimeWindow};
use serde::{Deserialize, Deserializer, Serialize};

/// `[throttle]`: what holds a run back. A run goes on when every reading is within its limit again.
/// A signal that is there but cannot be observed holds the run, too, unless it is switched off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ThrottleSection {
    /// `AMEND_THROTTLE_LOCK_WAITERS`. Sessions that may wait for a lock on the target table or one of
    /// its rows. Default 0.
    pub lock_waiters: u32,
    /// `AMEND_THROTTLE_REPLICATION_LAG_S`. Seconds that the slowest replica may be behind. Default 10.
    pub replication_lag_s: u32,
    /// `AMEND_THROTTLE_WAL_RATE_MIB_S`. Mebibytes of write-ahead log that the server may write in a
    /// second, those of the run included. Default none: any number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wal_rate_mib_s: Option<u32>,
    /// `AMEND_THROTTLE_AUTOVACUUM`. Autovacuum workers that may be on the target table. Default none:
    /// any number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autovacuum: Option<u32>,
    /// `AMEND_THROTTLE_ACTIVE_SESSIONS`. Other sessions of the server that may be busy. Default none:
    /// any number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_sessions: Option<u32>,
    /// `AMEND_THROTTLE_TIME_WINDOW`. When runs may work, such as `mon-fri 20:00-06:00 Europe/Berlin`.
    /// Default none: always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_window: Option<TimeWindow>,
    /// `AMEND_THROTTLE_OFF`, separated by commas. Names of signals that are not read at all. Default
    /// none of them.
    #[serde(deserialize_with = "names")]
    pub off: Vec<String>,
}

impl Default for ThrottleSection {
    fn default() -> Self {
        Self {
            lock_waiters: 0,
            replication_lag_s: 10,
            wal_rate_mib_s: None,
            autovacuum: None,
            active_sessions: None,
            time_window: None,
            off: Vec::new(),
        }
    }
}

/// A list, or a text with commas as a variable has it.
fn names<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Names {
        List(Vec<String>),
        Text(String),
    }
    Ok(match Names::deserialize(from)? {
        Names::List(list) => list,
        Names::Text(text) => text.split(',').map(|n| n.trim().to_owned()).filter(|n| !n.is_empty()).collect(),
    })
}

impl ThrottleSection {
    /// Checks names.
    ///
    /// # Errors
    /// Names the first one that is no signal.
    pub fn check(&self) -> Result<(), Problem> {
        match self.off.iter().find(|name| !NAMES.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(Problem::field("throttle.off", &format!("names no signal: {name}"))
                .advice(format!("The signals are {}.", NAMES.join(", ")))),
        }
    }

    /// The engine's own form.
    #[must_use]
    pub fn limits(&self) -> Throttle {
        let on = |name: &str| !self.off.iter().any(|off| off == name);
        let if_on = |name: &str, limit: Option<u32>| limit.filter(|_| on(name)).map(i64::from);
        Throttle {
            lock_waiters: if_on("lock_waiters", Some(self.lock_waiters)),
            replication_lag: if_on("replication_lag", Some(self.replication_lag_s))
                .map(|_| Duration::from_secs(self.replication_lag_s.into())),
            wal_rate: if_on("wal_rate", self.wal_rate_mib_s).map(|mib| mib * 1024 * 1024),
            autovacuum: if_on("autovacuum", self.autovacuum),
            active_sessions: if_on("active_sessions", self.active_sessions),
            time_window: self.time_window.clone().filter(|_| on("time_window")),
            ..Throttle::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> ThrottleSection {
        toml::from_str(text).expect("settings")
    }

    #[test]
    fn the_defaults_are_the_engines() {
        assert_eq!(ThrottleSection::default().limits(), Throttle::default());
    }

    #[test]
    fn every_signal_can_be_switched_off_by_its_name() {
        let all = read(
            "wal_rate_mib_s = 8\nautovacuum = 0\nactive_sessions = 5\ntime_window = \"mon-fri 20:00-06:00 Europe/Berlin\"",
        );
        let limits = all.limits();
        assert_eq!((limits.wal_rate, limits.autovacuum, limits.active_sessions), (Some(8 << 20), Some(0), Some(5)));
        assert!(limits.time_window.is_some());
        let off = ThrottleSection { off: NAMES.map(String::from).to_vec(), ..all };
        off.check().expect("the names of signals");
        let none = Throttle { lock_waiters: None, replication_lag: None, ..Throttle::default() };
        assert_eq!(off.limits(), none);
        assert_eq!(read("off = \"autovacuum, wal_rate\"").off, ["autovacuum", "wal_rate"]);
    }

    #[test]
    fn what_is_no_signal_or_no_window_is_refused_with_its_name() {
        let problem = read("off = [\"autovaccum\"]").check().unwrap_err();
        assert!(problem.message.contains("autovaccum") && problem.advice.is_some(), "{problem}");
        let error = toml::from_str::<ThrottleSection>("time_window = \"mondays\"").unwrap_err();
        assert!(error.to_string().contains("time_window"), "{error}");
    }
}
