//! What the endpoints answer, in the replaced system's field names. Each is made from the engine's
//! answer by a function beside it, which has no other source of numbers.

pub mod health;
pub mod metrics;
pub mod preview;
pub mod report;
pub mod rollback_result;
pub mod run_result;
pub mod status;
pub mod validation;

use chrono::{DateTime, SecondsFormat, Utc};

/// RFC 3339 in UTC, to the millisecond.
pub fn timestamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A share or rate with two decimals.
pub fn two_decimals(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}
