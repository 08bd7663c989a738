//! Numbers, durations and times as people read them. Times are in UTC everywhere.

use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};

/// `1,234,567`.
#[must_use]
pub fn count(n: i64) -> String {
    // A minus sign as wide as the figures.
    amend_domain::number::grouped(n).replace('-', "\u{2212}")
}

/// `1 row`, `1,234 rows`.
#[must_use]
pub fn counted(n: i64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// `+1,204`, `−3`, `0`.
#[must_use]
pub fn change(n: i64) -> String {
    if n > 0 { format!("+{}", count(n)) } else { count(n) }
}

/// Two decimals, `93.44`; whole numbers without, `100`.
#[must_use]
pub fn percent(p: f64) -> String {
    let text = format!("{p:.2}");
    text.strip_suffix(".00").map_or(text.clone(), Into::into)
}

/// `31 ms`, `2.2 s`, `1 m 20 s`, `2 h 05 m`.
#[must_use]
pub fn duration(ms: i64) -> String {
    let ms = ms.max(0);
    let s = ms / 1000;
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..60_000 => format!("{s}.{} s", ms % 1000 / 100),
        60_000..3_600_000 => format!("{} m {:02} s", s / 60, s % 60),
        _ => format!("{} h {:02} m", s / 3600, s % 3600 / 60),
    }
}

/// Bytes in units of 1,024: 512 B, 3.4 MB. Negative where something shrank.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "two digits for people")]
pub fn bytes(n: i64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut size = n as f64;
    let mut unit = 0;
    while size.abs() >= 1_024.0 && unit + 1 < UNITS.len() {
        size /= 1_024.0;
        unit += 1;
    }
    if unit == 0 || size.abs() >= 100.0 {
        format!("{size:.0} {}", UNITS[unit])
    } else {
        format!("{size:.1} {}", UNITS[unit])
    }
}

/// Rows a second without decimals.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "a rate for people")]
pub fn rate(per_second: f64) -> String {
    count(per_second.round() as i64)
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `24 Nov`.
#[must_use]
pub fn day(date: NaiveDate) -> String {
    format!("{} {}", date.day(), MONTHS[date.month0() as usize % 12])
}

/// `24 Nov 2026`.
#[must_use]
pub fn date(t: DateTime<Utc>) -> String {
    format!("{} {}", day(t.date_naive()), t.year())
}

/// `02:14:07`.
#[must_use]
pub fn clock(t: DateTime<Utc>) -> String {
    format!("{:02}:{:02}:{:02}", t.hour(), t.minute(), t.second())
}

/// `24 Nov 02:14:07`.
#[must_use]
pub fn moment(t: DateTime<Utc>) -> String {
    format!("{} {}", day(t.date_naive()), clock(t))
}

/// A text as one part of a URL, the same on the server as in the browser.
#[must_use]
pub fn url_part(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_the_unit_that_fits() {
        assert_eq!((bytes(512).as_str(), bytes(3_565_158).as_str()), ("512 B", "3.4 MB"));
        assert_eq!((bytes(-2_048).as_str(), bytes(200 * 1_048_576).as_str()), ("-2.0 kB", "200 MB"));
    }

    #[test]
    fn thousands_are_apart() {
        assert_eq!(
            [0, 7, 999, 1000, 12_408_113, -1234].map(count),
            ["0", "7", "999", "1,000", "12,408,113", "\u{2212}1,234"]
        );
        assert_eq!(change(5), "+5");
        assert_eq!(counted(1, "row", "rows"), "1 row");
    }

    #[test]
    fn durations_have_two_units_at_most() {
        assert_eq!([0, 31, 2_249, 80_000, 7_500_000].map(duration), ["0 ms", "31 ms", "2.2 s", "1 m 20 s", "2 h 05 m"]);
    }

    #[test]
    fn a_score_shows_decimals_only_where_there_are_some() {
        assert_eq!([100.0, 93.44, 99.9].map(percent), ["100", "93.44", "99.90"]);
    }

    #[test]
    fn a_symbol_becomes_a_part_of_a_url() {
        assert_eq!(url_part("^XU 100&ö-1"), "%5EXU%20100%26%C3%B6-1");
    }

    #[test]
    fn times_are_utc() {
        let t = DateTime::from_timestamp(1_795_486_447, 0).unwrap_or_default();
        assert_eq!(moment(t), "24 Nov 02:14:07");
        assert_eq!(date(t), "24 Nov 2026");
    }
}
