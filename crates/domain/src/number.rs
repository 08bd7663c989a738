//! Numbers as people read them in sentences.

/// 1234567 is `1,234,567`.
#[must_use]
pub fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        text.push('-');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 row`, `1,234 rows`.
#[must_use]
pub fn rows(number: i64) -> String {
    format!("{} {}", grouped(number), if number == 1 { "row" } else { "rows" })
}

/// `1 row was`, `1,234 rows were`.
#[must_use]
pub fn were(number: i64) -> String {
    format!("{} {}", rows(number), if number == 1 { "was" } else { "were" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart_and_one_row_is_no_rows() {
        let shown = [0, 7, 999, 1_000, 1_234_567, -1_000, i64::MIN].map(grouped);
        assert_eq!(shown, ["0", "7", "999", "1,000", "1,234,567", "-1,000", "-9,223,372,036,854,775,808"]);
        assert_eq!([rows(1), rows(2_000)], ["1 row", "2,000 rows"]);
    }
}
