//! Statements that are put together from a rule.
//!
//! Aliases are the same everywhere: `t` the target, `f` the reference as it stands, `r` the
//! reference resolved, `c` candidates of a chunk, `j` the journal. Names come from `quoted()`,
//! values are always bound.
//!
//! Matching and comparing is by text, byte by byte: every column is cast (unless its affinity makes
//! it text anyway and an index is wanted) and `COLLATE BINARY` is said aloud, because a cast column
//! keeps the collation of its declaration.

pub(crate) mod assigned;
pub(crate) mod candidates;
pub(crate) mod digest;
pub(crate) mod entries;
pub(crate) mod failed;
pub(crate) mod filter;
pub(crate) mod finding;
pub(crate) mod order;
pub(crate) mod prevention;
pub(crate) mod reference;
pub(crate) mod undo_scope;

use amend_domain::{ColumnName, Scope, finding::WHITE_SPACE};

use crate::{
    shape::{Bound, ColumnShape},
    value::Binds,
};

/// A column's text, compared byte by byte.
pub(crate) fn text_of(alias: &str, column: &ColumnName) -> String {
    format!("CAST({alias}.{} AS TEXT) COLLATE BINARY", column.quoted())
}

/// The same, without the cast where it changes nothing, so that an index on the column serves.
pub(crate) fn indexed_text_of(alias: &str, column: &ColumnShape) -> String {
    if column.has_text_affinity() {
        format!("{alias}.{} COLLATE BINARY", column.name.quoted())
    } else {
        text_of(alias, &column.name)
    }
}

/// Trims what Rust trims.
pub(crate) fn trimmed(expression: &str) -> String {
    // No quote is among these characters.
    format!("trim({expression}, '{WHITE_SPACE}')")
}

/// `items` of numbered names: `m0, m1, m2`.
pub(crate) fn numbered(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|i| format!("{prefix}{i}")).collect()
}

impl Bound<'_> {
    /// The row's symbol as people see it: null when a part is.
    pub(crate) fn symbol(&self) -> String {
        joined_text("t", &self.rule.target.matches)
    }

    /// The same of a row of the reference.
    pub(crate) fn reference_symbol(&self) -> String {
        joined_text("f", &self.rule.reference.matches)
    }

    /// Holds for rows whose symbol is in a bound JSON list.
    pub(crate) fn symbol_in(&self, list: &str) -> String {
        let single = match self.rule.target.matches.as_slice() {
            [only] => self.target.column(only).map(|column| indexed_text_of("t", column)),
            _ => None,
        };
        format!("{} IN (SELECT value FROM json_each({list}))", single.unwrap_or_else(|| self.symbol()))
    }

    /// Holds for rows of a scope; `None` where every row is.
    pub(crate) fn scope(&self, scope: &Scope, binds: &mut Binds) -> Option<String> {
        let symbols = scope.symbols.as_ref().map(|symbols| self.symbol_in(&binds.add_list(symbols)));
        let listed = scope.failed_of.as_ref().map(|run| self.listed_as_failed(run, binds));
        match (symbols, listed) {
            (Some(symbols), Some(listed)) => Some(format!("{symbols} AND {listed}")),
            (one, other) => one.or(other),
        }
    }
}

fn joined_text(alias: &str, columns: &[ColumnName]) -> String {
    let parts: Vec<String> = columns.iter().map(|c| format!("CAST({alias}.{} AS TEXT)", c.quoted())).collect();
    format!("({}) COLLATE BINARY", parts.join(" || ' / ' || "))
}

/// ` AND condition` for each; a condition that is an `OR` must bring its own parentheses.
pub(crate) fn and(conditions: &[String]) -> String {
    conditions.iter().map(|c| format!(" AND {c}")).collect()
}
