//! What is wrong with a row. Every row has exactly one finding.

use serde::{Deserialize, Serialize};

/// The finding of one row. Trouble with the reference comes before anything about the row's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Finding {
    /// The value is the reference's value.
    Correct,
    /// The value is null, empty, or white space alone.
    Missing,
    /// The value is another one.
    Mismatched,
    /// The value differs by ASCII letter case or surrounding white space alone.
    Variant,
    /// No reference row matches.
    Orphan,
    /// Several reference rows match and disagree. Never guessed.
    Ambiguous,
    /// The reference's own value is blank or not an allowed one.
    Unresolvable,
}

impl Finding {
    pub const ALL: [Self; 7] = [
        Self::Correct,
        Self::Missing,
        Self::Mismatched,
        Self::Variant,
        Self::Orphan,
        Self::Ambiguous,
        Self::Unresolvable,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Correct => "correct",
            Self::Missing => "missing",
            Self::Mismatched => "mismatched",
            Self::Variant => "variant",
            Self::Orphan => "orphan",
            Self::Ambiguous => "ambiguous",
            Self::Unresolvable => "unresolvable",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.as_str() == text)
    }

    /// Whether a person must decide, because the reference cannot.
    #[must_use]
    pub const fn needs_a_person(self) -> bool {
        matches!(self, Self::Orphan | Self::Ambiguous | Self::Unresolvable)
    }
}

/// What the reference says for one combination of match columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution<'a> {
    NoRow,
    Disagree,
    /// Blank in every row, or not allowed.
    Unusable,
    Value(&'a str),
}

/// Unicode's `White_Space`: what [`str::trim`] trims, spelled out so that SQL can trim the same.
pub const WHITE_SPACE: &str = "\t\n\u{b}\u{c}\r \u{85}\u{a0}\u{1680}\u{2000}\u{2001}\u{2002}\u{2003}\u{2004}\u{2005}\u{2006}\u{2007}\u{2008}\u{2009}\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}";

/// Empty, or white space alone.
#[must_use]
pub fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// The one definition of a finding; stores write the same in SQL and the conformance suite holds
/// the two together.
#[must_use]
pub fn classify(current: Option<&str>, resolution: Resolution<'_>) -> Finding {
    let right = match resolution {
        Resolution::NoRow => return Finding::Orphan,
        Resolution::Disagree => return Finding::Ambiguous,
        Resolution::Unusable => return Finding::Unresolvable,
        Resolution::Value(v) => v,
    };
    match current {
        None => Finding::Missing,
        Some(v) if is_blank(v) => Finding::Missing,
        Some(v) if v == right => Finding::Correct,
        Some(v) if v.trim().eq_ignore_ascii_case(right.trim()) => Finding::Variant,
        Some(_) => Finding::Mismatched,
    }
}

/// Rows by finding. Missing is split because a null and a blank have different causes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingCounts {
    pub correct: i64,
    pub missing_null: i64,
    pub missing_blank: i64,
    pub mismatched: i64,
    pub variant: i64,
    pub orphan: i64,
    pub ambiguous: i64,
    pub unresolvable: i64,
}

impl FindingCounts {
    #[must_use]
    pub const fn missing(&self) -> i64 {
        self.missing_null + self.missing_blank
    }

    #[must_use]
    pub const fn total(&self) -> i64 {
        self.correct
            + self.missing()
            + self.mismatched
            + self.variant
            + self.orphan
            + self.ambiguous
            + self.unresolvable
    }

    #[must_use]
    pub const fn get(&self, finding: Finding) -> i64 {
        match finding {
            Finding::Correct => self.correct,
            Finding::Missing => self.missing(),
            Finding::Mismatched => self.mismatched,
            Finding::Variant => self.variant,
            Finding::Orphan => self.orphan,
            Finding::Ambiguous => self.ambiguous,
            Finding::Unresolvable => self.unresolvable,
        }
    }

    /// Counts `rows` rows of one finding; `current` tells null from blank.
    pub fn add(&mut self, finding: Finding, current: Option<&str>, rows: i64) {
        match finding {
            Finding::Correct => self.correct += rows,
            Finding::Missing if current.is_none() => self.missing_null += rows,
            Finding::Missing => self.missing_blank += rows,
            Finding::Mismatched => self.mismatched += rows,
            Finding::Variant => self.variant += rows,
            Finding::Orphan => self.orphan += rows,
            Finding::Ambiguous => self.ambiguous += rows,
            Finding::Unresolvable => self.unresolvable += rows,
        }
    }

    /// Correct rows in percent of all, two decimals, rounded down so that 100 means all of them.
    #[must_use]
    pub fn score(&self) -> f64 {
        percent(self.correct, self.total())
    }
}

/// `part` in percent of `whole`, two decimals, rounded down; 100 where there is nothing.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a value from 0 to 10,000")]
pub fn percent(part: i64, whole: i64) -> f64 {
    if whole <= 0 {
        return 100.0;
    }
    let hundredths = i128::from(part) * 10_000 / i128::from(whole);
    hundredths as f64 / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_exactly_what_rust_trims() {
        let all: String = (0..=0x10_FFFF_u32).filter_map(char::from_u32).filter(|c| c.is_whitespace()).collect();
        assert_eq!(WHITE_SPACE, all);
    }

    #[test]
    fn trouble_with_the_reference_comes_first() {
        assert_eq!(classify(None, Resolution::NoRow), Finding::Orphan);
        assert_eq!(classify(None, Resolution::Disagree), Finding::Ambiguous);
        assert_eq!(classify(Some("STOCK"), Resolution::Unusable), Finding::Unresolvable);
    }

    #[test]
    fn a_value_is_missing_variant_mismatched_or_correct() {
        let right = Resolution::Value("STOCK");
        assert_eq!(classify(None, right), Finding::Missing);
        assert_eq!(classify(Some(" \u{a0}\t"), right), Finding::Missing);
        assert_eq!(classify(Some(" stock "), right), Finding::Variant);
        assert_eq!(classify(Some("ETF"), right), Finding::Mismatched);
        assert_eq!(classify(Some("STOCK"), right), Finding::Correct);
    }

    #[test]
    fn a_score_of_100_means_every_row() {
        assert_eq!(percent(999_999, 1_000_000).to_string(), "99.99");
        assert_eq!(percent(0, 0).to_string(), "100");
    }
}
