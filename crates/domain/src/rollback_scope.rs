//! Which of a run's rows a rollback takes back.

use serde::{Deserialize, Serialize};

use crate::{error::Problem, finding::is_blank, plan::Scope};

/// An old value and the new one that took its place; `None` is null.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ValuePair {
    pub old: Option<String>,
    pub new: Option<String>,
}

/// All lists that are given must hold for a row; within a list any entry may. A list that is left
/// out allows every row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollbackScope {
    /// Symbols that the rows have now. A row that is gone has none, so it belongs to no such scope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symbols: Option<Vec<String>>,
    /// Values from before the run; `null` is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_values: Option<Vec<Option<String>>>,
    /// Values that the run wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_values: Option<Vec<Option<String>>>,
    /// Both at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pairs: Option<Vec<ValuePair>>,
    /// Numbers of the run's chunks, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunks: Option<Vec<i64>>,
    /// Keys as rows show them: the key's text, or a JSON array of texts for a key of several columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Vec<String>>,
}

impl RollbackScope {
    /// Entries of one list, at most.
    pub const MOST: usize = 10_000;

    /// Whether every row of the run belongs to it.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        *self == Self::default()
    }

    /// Checks bounds.
    ///
    /// # Errors
    /// Names the first list out of bounds.
    pub fn check(&self) -> Result<(), Problem> {
        length("scope.symbols", "symbol", self.symbols.as_deref())?;
        length("scope.old_values", "value", self.old_values.as_deref())?;
        length("scope.new_values", "value", self.new_values.as_deref())?;
        length("scope.pairs", "pair of values", self.pairs.as_deref())?;
        length("scope.chunks", "chunk number", self.chunks.as_deref())?;
        length("scope.rows", "row key", self.rows.as_deref())?;
        if self.symbols.iter().flatten().any(|s| is_blank(s)) {
            return Err(Problem::field("scope.symbols", "must not hold a blank entry; take it out"));
        }
        if self.rows.iter().flatten().any(String::is_empty) {
            return Err(Problem::field("scope.rows", "must not hold an empty key; take it out"));
        }
        if self.chunks.iter().flatten().any(|n| *n < 1) {
            return Err(Problem::field("scope.chunks", "must hold numbers from 1; `amend show` lists the chunks"));
        }
        Ok(())
    }
}

fn length<T>(field: &str, what: &str, list: Option<&[T]>) -> Result<(), Problem> {
    match list.map(<[T]>::len) {
        Some(0) => Err(Problem::field(field, &format!("must name at least one {what}; leave it out for all"))),
        Some(n) if n > RollbackScope::MOST => {
            let most = RollbackScope::MOST;
            Err(Problem::field(
                field,
                &format!("must hold at most {most} entries, not {n}; roll back in several parts"),
            ))
        }
        _ => Ok(()),
    }
}

impl From<Scope> for RollbackScope {
    fn from(scope: Scope) -> Self {
        Self { symbols: scope.symbols, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_from_before_the_other_kinds_is_read() {
        let read = |text| serde_json::from_str::<RollbackScope>(text).ok();
        assert_eq!(read("{}"), Some(RollbackScope::default()));
        let symbols = RollbackScope { symbols: Some(vec!["A".into()]), ..RollbackScope::default() };
        assert_eq!(read(r#"{"symbols":["A"]}"#), Some(symbols.clone()));
        assert_eq!(serde_json::to_string(&symbols).ok().as_deref(), Some(r#"{"symbols":["A"]}"#));
        assert_eq!(read(r#"{"colours":["A"]}"#), None);
    }

    #[test]
    fn null_is_a_value_and_a_list_left_out_is_none() {
        let scope: RollbackScope = serde_json::from_str(r#"{"old_values":[null,"x"]}"#).unwrap();
        assert_eq!(scope.old_values, Some(vec![None, Some("x".into())]));
        assert!(!scope.is_whole() && RollbackScope::default().is_whole());
    }

    #[test]
    fn each_list_is_bounded_by_name() {
        for (scope, field) in [
            (RollbackScope { symbols: Some(vec![" ".into()]), ..RollbackScope::default() }, "scope.symbols"),
            (RollbackScope { old_values: Some(Vec::new()), ..RollbackScope::default() }, "scope.old_values"),
            (RollbackScope { new_values: Some(vec![None; 10_001]), ..RollbackScope::default() }, "scope.new_values"),
            (RollbackScope { pairs: Some(Vec::new()), ..RollbackScope::default() }, "scope.pairs"),
            (RollbackScope { chunks: Some(vec![0]), ..RollbackScope::default() }, "scope.chunks"),
            (RollbackScope { rows: Some(vec![String::new()]), ..RollbackScope::default() }, "scope.rows"),
        ] {
            assert_eq!(scope.check().unwrap_err().field.as_deref(), Some(field));
        }
        let blank = RollbackScope { old_values: Some(vec![Some(String::new())]), ..RollbackScope::default() };
        assert_eq!(blank.check(), Ok(()), "a blank is an old value like any other");
    }
}
