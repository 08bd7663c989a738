//! The rows that a chunk is about to change, in a temporary table of the writing connection.
//!
//! A table with a row number is walked and joined by it (`k`), anything else by its key columns.
//! The key columns (`k0`, `k1`, ..) are kept either way: the journal names rows by them.

use super::numbered;
use crate::shape::Bound;

/// Found by the row number, or by the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Walk {
    RowNumber(&'static str),
    Key,
}

impl Bound<'_> {
    pub(crate) fn walk(&self) -> Walk {
        self.target.rowid.map_or(Walk::Key, Walk::RowNumber)
    }

    /// The table's name. Its columns have no affinity, so values stay what they are.
    pub(crate) fn candidates(&self) -> String {
        let letter = match self.walk() {
            Walk::RowNumber(_) => 'n',
            Walk::Key => 'k',
        };
        format!("temp.amend_candidates_{letter}{}", self.key_width())
    }

    pub(crate) fn create_candidates(&self) -> String {
        let table = self.candidates();
        let keys = numbered("k", self.key_width()).join(", ");
        match self.walk() {
            Walk::RowNumber(_) => {
                format!("CREATE TABLE IF NOT EXISTS {table} (k INTEGER PRIMARY KEY, {keys}, cur, new, what)")
            }
            Walk::Key => {
                format!(
                    "CREATE TABLE IF NOT EXISTS {table} ({keys}, cur, new, what, PRIMARY KEY ({keys})) WITHOUT ROWID"
                )
            }
        }
    }

    /// The columns that are filled, and where they come from in `t`: row number first, then key.
    pub(crate) fn candidate_names(&self) -> (String, String) {
        let mut into = numbered("k", self.key_width());
        let mut from: Vec<String> = self.rule.target.key.iter().map(|c| format!("t.{}", c.quoted())).collect();
        if let Walk::RowNumber(rowid) = self.walk() {
            into.insert(0, "k".into());
            from.insert(0, format!("t.{rowid}"));
        }
        (into.join(", "), from.join(", "))
    }

    /// Joins a candidate `c` with its row `t`. The unary plus keeps the planner from walking `t` whole
    /// and looking each row up in `c`, which it takes for a large table.
    pub(crate) fn same_row(&self) -> String {
        match self.walk() {
            Walk::RowNumber(rowid) => format!("t.{rowid} = +c.k"),
            Walk::Key => {
                let equal: Vec<String> = self
                    .rule
                    .target
                    .key
                    .iter()
                    .enumerate()
                    .map(|(i, column)| format!("t.{} = +c.k{i}", column.quoted()))
                    .collect();
                equal.join(" AND ")
            }
        }
    }

    /// The value as it is stored, to be compared with one that was stored.
    pub(crate) fn stored_value(&self) -> String {
        format!("t.{}", self.rule.target.value.quoted())
    }

    /// What the journal keeps of a candidate's key: the key, or an array of its parts.
    pub(crate) fn journal_key(&self) -> String {
        let parts: Vec<String> = self
            .rule
            .target
            .key
            .iter()
            .zip(numbered("k", self.key_width()))
            .map(|(column, k)| match self.target.column(column) {
                // A text column makes text of every number.
                Some(shape) if shape.has_text_affinity() => k,
                // JSON functions write 15 digits of a real; `quote` as many as give it back.
                _ => format!("CASE typeof({k}) WHEN 'real' THEN json(quote({k})) ELSE {k} END"),
            })
            .collect();
        match parts.as_slice() {
            [only] => only.clone(),
            _ => format!("json_array({})", parts.join(", ")),
        }
    }

    /// Holds when `t` is the row that an element `e` of a journal's keys names.
    pub(crate) fn named_by_journal(&self) -> String {
        let key = &self.rule.target.key;
        let equal: Vec<String> = key
            .iter()
            .enumerate()
            .map(|(i, column)| match key.len() {
                1 => format!("t.{} = e.value", column.quoted()),
                _ => format!("t.{} = json_extract(e.value, '$[{i}]')", column.quoted()),
            })
            .collect();
        equal.join(" AND ")
    }
}
