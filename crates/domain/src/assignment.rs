//! What a person decided about a match that the reference cannot decide: the work items, what is
//! suggested for each, and the assignments in force.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    error::Problem,
    finding::{Resolution, is_blank},
    rows::UnresolvedRow,
};

/// The match columns of a row, as texts, in the order of the rule.
pub type Matches = Vec<String>;

/// Matches as people see them.
#[must_use]
pub fn symbol_of(matches: &[String]) -> String {
    matches.join(" / ")
}

/// Reads matches as people write them: one column's text as it is; several as a JSON array of texts,
/// or as they are shown, with `" / "` between them.
///
/// # Errors
/// Names `field` when it has not as many parts as the rule has match columns.
pub fn read_matches(field: &str, text: &str, width: usize) -> Result<Matches, Problem> {
    if width == 1 {
        return Ok(vec![text.to_owned()]);
    }
    let parts =
        serde_json::from_str(text).unwrap_or_else(|_| text.split(" / ").map(str::to_owned).collect::<Vec<String>>());
    if parts.len() == width {
        return Ok(parts);
    }
    Err(Problem::field(field, &format!("must have {width} parts, as the rule has match columns"))
        .advice("Write them as a JSON array of texts."))
}

/// What was decided for one match. It counts only while the reference itself gives no value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It is another spelling of this match: its rows get what the reference says for that one, at the
    /// time. Never followed further: what counts is the reference, not another assignment.
    As(Matches),
    /// This one of the several values that the reference's rows give, for as long as one of them does.
    Value(String),
}

/// A decision with who took it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    pub matches: Matches,
    #[serde(flatten)]
    pub decision: Decision,
    pub assigned_by: String,
    pub assigned_at: DateTime<Utc>,
}

/// Every value that the reference's rows give for one match, blank or not; empty where there is no row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub matches: Matches,
    pub values: Vec<Option<String>>,
}

impl Said {
    /// What the reference itself says, without any assignment.
    #[must_use]
    pub fn resolution(&self, allowed: &[String]) -> Resolution<'_> {
        if self.values.is_empty() {
            return Resolution::NoRow;
        }
        let mut values = self.values.iter().flatten().map(String::as_str).filter(|v| !is_blank(v));
        let Some(first) = values.next() else { return Resolution::Unusable };
        if values.any(|v| v != first) {
            return Resolution::Disagree;
        }
        if may_be_written(first, allowed) { Resolution::Value(first) } else { Resolution::Unusable }
    }

    /// Whether a person may choose this value: a row gives it, and it may be written.
    #[must_use]
    pub fn offers(&self, value: &str, allowed: &[String]) -> bool {
        may_be_written(value, allowed) && self.values.iter().flatten().any(|v| v == value)
    }
}

/// Not blank, and one of the allowed values where there is a list.
#[must_use]
pub fn may_be_written(value: &str, allowed: &[String]) -> bool {
    !is_blank(value) && (allowed.is_empty() || allowed.iter().any(|a| a == value))
}

/// What holds for a match: the reference where it gives a value itself, otherwise what an assignment
/// gives now (`given`), otherwise the reference's trouble. Stores write the same in SQL.
#[must_use]
pub fn decided<'a>(own: Resolution<'a>, given: Option<&'a str>) -> Resolution<'a> {
    match (own, given) {
        (Resolution::Value(_), _) | (_, None) => own,
        (_, Some(value)) => Resolution::Value(value),
    }
}

/// How an assignment does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It decides.
    InForce,
    /// The reference gives a value itself by now.
    NotNeeded,
    /// What it points to is gone or in trouble; its rows are unresolved again.
    Broken,
}

impl Standing {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InForce => "in force",
            Self::NotNeeded => "not needed",
            Self::Broken => "broken",
        }
    }
}

/// An assignment with what it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssignmentView {
    #[serde(flatten)]
    pub assignment: Assignment,
    pub standing: Standing,
    /// What its rows should carry now; `None` while nothing decides.
    pub value_now: Option<String>,
}

/// Why something is suggested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuggestionKind {
    /// The same but for letter case, spaces and separators.
    Spelling,
    /// A person has assigned this spelling before.
    Alias,
    /// The same without the suffix of an exchange or currency.
    Suffix,
    /// A few letters differ.
    Distance,
    /// The reference's row of the same venue.
    Venue,
    /// What its rows carry already.
    Carried,
    /// One of the values that the reference gives, with nothing that speaks for it.
    Reference,
}

/// Something that a person may accept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    pub kind: SuggestionKind,
    pub decision: Decision,
    /// What the rows would get.
    pub value: String,
    /// 0 to 100: an order among suggestions, not a probability.
    pub confidence: u8,
    pub why: String,
}

/// A symbol that needs a person, with what could be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkItem {
    #[serde(flatten)]
    pub row: UnresolvedRow,
    /// The surest first, at most 4.
    pub suggestions: Vec<Suggestion>,
}

/// What an assignment does to the rows of its match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssignmentEffect {
    pub matches: Matches,
    #[serde(flatten)]
    pub decision: Decision,
    /// What the rows should carry from now on.
    pub value_now: String,
    pub rows: i64,
    /// Rows that carry it already.
    pub correct: i64,
    /// Rows that the next run fills.
    pub missing: i64,
    /// Rows with another value, which only a run that overwrites changes.
    pub different: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(values: &[Option<&str>]) -> Said {
        Said { matches: vec!["X".into()], values: values.iter().map(|v| v.map(Into::into)).collect() }
    }

    #[test]
    fn the_reference_is_read_as_it_is_everywhere_else() {
        let allowed = ["STOCK".to_owned(), "ETF".to_owned()];
        assert_eq!(said(&[]).resolution(&allowed), Resolution::NoRow);
        assert_eq!(said(&[None, Some(" ")]).resolution(&allowed), Resolution::Unusable);
        assert_eq!(said(&[None, Some("STOCK")]).resolution(&allowed), Resolution::Value("STOCK"));
        assert_eq!(said(&[Some("WIDGET")]).resolution(&allowed), Resolution::Unusable);
        assert_eq!(said(&[Some("WIDGET")]).resolution(&[]), Resolution::Value("WIDGET"));
        assert_eq!(said(&[Some("WIDGET"), Some("ETF")]).resolution(&allowed), Resolution::Disagree);
    }

    #[test]
    fn an_assignment_decides_only_what_the_reference_does_not() {
        assert_eq!(decided(Resolution::Value("ETF"), Some("STOCK")), Resolution::Value("ETF"));
        assert_eq!(decided(Resolution::NoRow, Some("STOCK")), Resolution::Value("STOCK"));
        assert_eq!(decided(Resolution::Disagree, None), Resolution::Disagree);
    }

    #[test]
    fn only_what_a_row_gives_and_the_rule_allows_may_be_chosen() {
        let said = said(&[Some("ETF"), Some("WIDGET"), None]);
        let allowed = ["STOCK".to_owned(), "ETF".to_owned()];
        let offered = ["ETF", "WIDGET", "STOCK", ""].map(|v| said.offers(v, &allowed));
        assert_eq!(offered, [true, false, false, false]);
    }

    #[test]
    fn matches_of_several_columns_are_read_in_both_spellings() {
        assert_eq!(read_matches("match", "A / B", 1), Ok(vec!["A / B".to_owned()]));
        let two = Ok(vec!["A".to_owned(), "B".to_owned()]);
        assert_eq!((read_matches("match", "A / B", 2), read_matches("match", r#"["A","B"]"#, 2)), (two.clone(), two));
        assert_eq!(read_matches("match", "A", 2).unwrap_err().field.as_deref(), Some("match"));
    }
}
