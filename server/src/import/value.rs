//! Reading single values.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};

/// Digits before and after the point that `numeric(18,8)` takes.
const WHOLE: usize = 10;
const DECIMALS: usize = 8;

/// A plain decimal number that the column takes without rounding, trimmed.
///
/// # Errors
/// Says what is wrong with it.
pub fn decimal(text: &str) -> Result<String, String> {
    let trimmed = text.trim();
    let unsigned = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
    let (whole, decimals) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && decimals.is_empty()) || !digits(whole) || !digits(decimals) {
        return Err(format!("\"{text}\" is not a number"));
    }
    let whole = whole.trim_start_matches('0');
    let decimals = decimals.trim_end_matches('0');
    if whole.len() > WHOLE || decimals.len() > DECIMALS {
        return Err(format!("\"{text}\" has more than {WHOLE} digits before or {DECIMALS} after the point"));
    }
    let sign = if trimmed.starts_with('-') { "-" } else { "" };
    let whole = if whole.is_empty() { "0" } else { whole };
    Ok(if decimals.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{decimals}") })
}

/// A time: RFC 3339, the same with a space, without an offset (then UTC), a date, or seconds or
/// milliseconds since 1970.
pub fn time(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if text.len() >= 9 && text.bytes().all(|b| b.is_ascii_digit()) {
        let number: i64 = text.parse().ok()?;
        return if text.len() >= 12 {
            DateTime::from_timestamp_millis(number)
        } else {
            DateTime::from_timestamp(number, 0)
        };
    }
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Some(date.and_hms_opt(0, 0, 0)?.and_utc());
    }
    let with_t = text.replacen(' ', "T", 1);
    if let Ok(time) = DateTime::parse_from_rfc3339(&with_t) {
        return Some(time.to_utc());
    }
    for offset in ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z"] {
        if let Ok(time) = DateTime::parse_from_str(&with_t, offset) {
            return Some(time.to_utc());
        }
    }
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(&with_t, format).ok())
        .map(|time| time.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_plain_decimals_that_fit() {
        for (text, read) in
            [("1", "1"), (" 1.50 ", "1.5"), ("+0.1", "0.1"), (".5", "0.5"), ("-2.0", "-2"), ("007", "7"), ("0", "0")]
        {
            assert_eq!(decimal(text).as_deref(), Ok(read), "{text}");
        }
        for bad in ["", ".", "1e5", "1,5", "NaN", "12345678901", "0.123456789", "--1", "1.2.3"] {
            assert!(decimal(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_are_read_in_the_spellings_of_exports() {
        let day = time("2026-01-31").unwrap();
        for text in [
            "2026-01-31T00:00:00Z",
            "2026-01-31 00:00:00+00:00",
            "2026-01-31 00:00:00+00",
            "2026-01-31 00:00:00.000",
            "2026-01-31T01:00:00+01:00",
            "2026-01-31 00:00",
            "1769817600",
            "1769817600000",
        ] {
            assert_eq!(time(text), Some(day), "{text}");
        }
        for bad in ["", "31.01.2026", "2026-13-01", "today", "2026-01-31T25:00:00Z"] {
            assert_eq!(time(bad), None, "{bad}");
        }
    }
}
