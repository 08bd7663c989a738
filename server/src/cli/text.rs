//! Numbers, durations and values as people read them.

pub use amend_domain::number::{grouped, rows};

/// Milliseconds as "350 ms", "12.4 s", "3 min 20 s" or "2 h 5 min".
pub fn span(ms: i64) -> String {
    let seconds = ms / 1_000;
    match ms {
        ..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{seconds}.{} s", ms % 1_000 / 100),
        60_000..3_600_000 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// Bytes as "12.3 GB", in powers of 1000.
pub fn size(bytes: u64) -> String {
    let steps = [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match steps.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} B"),
    }
}

/// A value of a row: null and blanks can be told apart.
pub fn value(text: Option<&str>) -> String {
    match text {
        None => "null".into(),
        Some(text) if text.trim() != text || text.is_empty() => format!("{text:?}"),
        Some(text) => text.into(),
    }
}

/// A time to the second.
pub fn time(time: chrono::DateTime<chrono::Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let spans = [350, 12_499, 200_000, 7_500_000].map(span);
        assert_eq!(spans, ["350 ms", "12.4 s", "3 min 20 s", "2 h 5 min"]);
        assert_eq!([999, 1_500, 12_345_678_901].map(size), ["999 B", "1.5 kB", "12.3 GB"]);
        assert_eq!([Some("a"), Some(" a"), Some(""), None].map(value), ["a", "\" a\"", "\"\"", "null"]);
    }
}
