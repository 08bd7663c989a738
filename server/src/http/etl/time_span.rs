//! Durations as the replaced system wrote them: `hh:mm:ss`.

use serde_json::Value;

/// Whole seconds as `hh:mm:ss`; hours go above 24. Parts of a second are cut off.
#[must_use]
pub fn show(ms: i64) -> String {
    let seconds = ms.max(0) / 1_000;
    format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// Milliseconds of `"hh:mm:ss"` (with or without a fraction), ISO 8601 (`"PT1H30M"`), or whole
/// seconds as a number.
#[must_use]
pub fn read(value: &Value) -> Option<i64> {
    match value {
        Value::Number(seconds) => seconds.as_i64()?.checked_mul(1_000).filter(|ms| *ms >= 0),
        Value::String(text) => clock(text).or_else(|| iso(text)),
        _ => None,
    }
}

fn clock(text: &str) -> Option<i64> {
    let [hours, minutes, seconds] = text.split(':').collect::<Vec<_>>()[..] else { return None };
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let (minutes, whole) = (digits(minutes)?, digits(whole)?);
    if minutes > 59 || whole > 59 {
        return None;
    }
    digits(hours)?
        .checked_mul(3_600)?
        .checked_add(minutes * 60 + whole)?
        .checked_mul(1_000)?
        .checked_add(thousandths(fraction)?)
}

/// At most nine digits, which is enough for any duration and cannot overflow.
fn digits(text: &str) -> Option<i64> {
    ((1..=9).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

fn thousandths(fraction: &str) -> Option<i64> {
    digits(fraction)?;
    format!("{fraction:0<3}").get(..3)?.parse().ok()
}

/// `P[nD][T[nH][nM][n[.n]S]]`.
fn iso(text: &str) -> Option<i64> {
    let rest = text.strip_prefix('P')?;
    let (days, time) = rest.split_once('T').unwrap_or((rest, ""));
    if rest.ends_with('T') || rest.is_empty() {
        return None;
    }
    parts(days, &[('D', 86_400_000)])?.checked_add(parts(time, &[('H', 3_600_000), ('M', 60_000), ('S', 1_000)])?)
}

/// Numbers, each behind it its unit, the units in their order.
fn parts(mut text: &str, mut units: &[(char, i64)]) -> Option<i64> {
    let mut sum = 0_i64;
    while !text.is_empty() {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let unit = text[end..].chars().next()?;
        let at = units.iter().position(|(name, _)| *name == unit)?;
        let (whole, fraction) = text[..end].split_once('.').unwrap_or((&text[..end], "0"));
        if fraction != "0" && unit != 'S' {
            return None;
        }
        let part = digits(whole)?.checked_mul(units[at].1)?.checked_add(thousandths(fraction)?)?;
        sum = sum.checked_add(part)?;
        units = &units[at + 1..];
        text = &text[end + 1..];
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_three_ways_to_write_a_duration_agree() {
        for hour in [json!("01:00:00"), json!("PT1H"), json!("PT60M"), json!(3_600), json!("1:00:00.000")] {
            assert_eq!(read(&hour), Some(3_600_000), "{hour}");
        }
        assert_eq!(read(&json!("P1DT1M0.5S")), Some(86_460_500));
        assert_eq!(read(&json!("00:00:00.25")), Some(250));
        assert_eq!(read(&json!("26:00:00")), Some(93_600_000));
    }

    #[test]
    fn what_is_no_duration_is_none() {
        for bad in [
            json!(""),
            json!("1:2"),
            json!("00:60:00"),
            json!("-1:00:00"),
            json!("P"),
            json!("PT"),
            json!("PT1X"),
            json!("PT1M1H"),
            json!("PT1.5H"),
            json!(-1),
            json!(1.5),
            json!(true),
            json!("9999999999:00:00"),
            json!("PTé"),
        ] {
            assert_eq!(read(&bad), None, "{bad}");
        }
    }

    #[test]
    fn durations_are_shown_in_whole_seconds() {
        assert_eq!(show(3_661_999), "01:01:01");
        assert_eq!(show(100 * 3_600_000), "100:00:00");
    }
}
