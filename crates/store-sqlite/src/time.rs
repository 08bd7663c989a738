//! Times: microseconds in our own tables, whatever people wrote in theirs.

use amend_engine::store::StoreError;
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};

use crate::{error::corrupt, value::SqlValue};

pub(crate) fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}

pub(crate) fn from_micros(
    table: &'static str,
    column: &'static str,
    key: &str,
    micros: i64,
) -> Result<DateTime<Utc>, StoreError> {
    DateTime::from_timestamp_micros(micros)
        .ok_or_else(|| corrupt(table, column, key, format!("{micros} is no time in microseconds")))
}

/// Below this an integer is seconds: the year 5138, or, taken as milliseconds, 1973.
pub(crate) const SECONDS_BELOW: i64 = 100_000_000_000;
/// Below this it is milliseconds, above it microseconds.
pub(crate) const MILLIS_BELOW: i64 = 100_000_000_000_000;

/// A time of the target table: ISO 8601 text in its usual spellings, or an integer since 1970.
/// `None` for what is neither.
pub(crate) fn of_target(value: &SqlValue) -> Option<DateTime<Utc>> {
    match value {
        SqlValue::Int(n) => {
            let size = n.abs();
            if size < SECONDS_BELOW {
                DateTime::from_timestamp(*n, 0)
            } else if size < MILLIS_BELOW {
                DateTime::from_timestamp_millis(*n)
            } else {
                DateTime::from_timestamp_micros(*n)
            }
        }
        SqlValue::Text(text) => from_text(text.trim()),
        SqlValue::Null | SqlValue::Real(_) | SqlValue::Blob(_) => None,
    }
}

fn from_text(text: &str) -> Option<DateTime<Utc>> {
    if let Some(time) = plain(text.as_bytes()) {
        return Some(time);
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.with_timezone(&Utc));
    }
    let with_offset = ["%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M%#z"];
    for format in with_offset {
        if let Ok(time) = DateTime::parse_from_str(text, format) {
            return Some(time.with_timezone(&Utc));
        }
    }
    let plain = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    let without = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"];
    for format in without {
        if let Ok(time) = NaiveDateTime::parse_from_str(plain, format) {
            return Some(time.and_utc());
        }
    }
    NaiveDate::parse_from_str(plain, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0).map(|t| t.and_utc())
}

/// `2025-03-10 14:00:00`, with a space or a `T`: nearly every time there is, read ten times as fast as
/// by trying formats.
fn plain(text: &[u8]) -> Option<DateTime<Utc>> {
    let &[a, b, c, d, b'-', e, f, b'-', g, h, b' ' | b'T', i, j, b':', k, l, b':', m, n] = text else { return None };
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0_u32, |n, digit| digit.is_ascii_digit().then(|| n * 10 + u32::from(digit - b'0')))
    };
    let year = i32::try_from(number(&[a, b, c, d])?).ok()?;
    NaiveDate::from_ymd_opt(year, number(&[e, f])?, number(&[g, h])?)?
        .and_hms_opt(number(&[i, j])?, number(&[k, l])?, number(&[m, n])?)
        .map(|time| time.and_utc())
}

/// The same in SQL, in milliseconds: null for what is no time.
pub(crate) fn target_millis_sql(column: &str) -> String {
    format!(
        "CASE typeof({column}) \
         WHEN 'integer' THEN CASE WHEN abs({column}) < {SECONDS_BELOW} THEN {column} * 1000 \
         WHEN abs({column}) < {MILLIS_BELOW} THEN {column} ELSE {column} / 1000 END \
         WHEN 'text' THEN CAST(round(unixepoch({column}, 'subsec') * 1000) AS INTEGER) END"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_spellings_are_read() {
        let expected = "2025-03-10T14:00:00Z".parse::<DateTime<Utc>>().ok();
        for text in [
            "2025-03-10 14:00:00",
            "2025-03-10T14:00:00",
            "2025-03-10T14:00:00Z",
            "2025-03-10 14:00:00Z",
            "2025-03-10 14:00:00+00:00",
            "2025-03-10 16:00:00+02:00",
            "2025-03-10 14:00:00+00",
            "2025-03-10 14:00:00.000",
            "2025-03-10 14:00",
        ] {
            assert_eq!(of_target(&text.into()), expected, "{text}");
        }
        let seconds = 1_741_615_200;
        for n in [seconds, seconds * 1_000, seconds * 1_000_000] {
            assert_eq!(of_target(&n.into()), expected, "{n}");
        }
        assert_eq!(of_target(&"2025-02-30 14:00:00".into()), None);
        assert_eq!(of_target(&"yesterday".into()), None);
        assert_eq!(of_target(&SqlValue::Null), None);
    }
}
