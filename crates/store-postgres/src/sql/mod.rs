//! SQL that depends on a rule, one file a subject. Everything here makes text and binds values; nothing
//! talks to the database.
//!
//! Names inside the statements: `t` is the target, `r` the resolved reference ([`reference`]) with
//! `m1..mn` (match columns as text), `st` and `val`; `k1..kn` are raw keys, `cur` the row's value as text.

pub(crate) mod apply;
pub(crate) mod assigned;
pub(crate) mod blocks;
pub(crate) mod failed;
pub(crate) mod filter;
pub(crate) mod finding;
pub(crate) mod page;
#[cfg(test)]
mod plan_tests;
pub(crate) mod prevention;
pub(crate) mod reference;
pub(crate) mod restore;
pub(crate) mod slice;
pub(crate) mod snapshot;
pub(crate) mod summary;
pub(crate) mod time;
pub(crate) mod trigger_text;
pub(crate) mod undo;

use crate::shape::{Column, Shape};

/// `expression(i) separator expression(i + 1) ...` for the numbers from 1.
pub(crate) fn numbered(columns: &[Column], separator: &str, expression: impl Fn(usize, &Column) -> String) -> String {
    columns.iter().enumerate().map(|(i, c)| expression(i + 1, c)).collect::<Vec<_>>().join(separator)
}

/// The match columns of a row of the target as one text; null when any of them is.
pub(crate) fn symbol(shape: &Shape, alias: &str) -> String {
    format!("({})", numbered(&shape.matches, " || ' / ' || ", |_, c| c.text_of(alias)))
}

/// The same from the columns `m1..mn`.
pub(crate) fn symbol_of_texts(shape: &Shape, alias: &str) -> String {
    format!("({})", numbered(&shape.matches, " || ' / ' || ", |i, _| format!("{alias}.m{i}")))
}

/// The key of a row of the target as an array of texts.
pub(crate) fn key_texts(shape: &Shape, alias: &str) -> String {
    format!("ARRAY[{}]", numbered(&shape.key, ", ", |i, _| format!("{alias}.k{i}::text")))
}

/// The key as the journal has it: one column's text, several as a JSON array of texts.
pub(crate) fn journal_key(shape: &Shape, alias: &str) -> String {
    if shape.key.len() == 1 {
        format!("{alias}.k1::text")
    } else {
        format!("json_build_array({})::text", numbered(&shape.key, ", ", |i, _| format!("{alias}.k{i}::text")))
    }
}

/// The raw keys `k1..kn` of a journalled key.
pub(crate) fn keys_of_journal(shape: &Shape, key: &str) -> String {
    numbered(&shape.key, ", ", |i, c| format!("{} AS k{i}", journalled(shape, i, c, key)))
}

/// `t.key = key` for a journalled key.
pub(crate) fn is_journalled(shape: &Shape, target: &str, key: &str) -> String {
    numbered(&shape.key, " AND ", |i, c| format!("{} = {}", c.of(target), journalled(shape, i, c, key)))
}

/// Column `i` of a journalled key as its own type.
fn journalled(shape: &Shape, i: usize, column: &Column, key: &str) -> String {
    let text = if shape.key.len() == 1 { key.to_owned() } else { format!("({key}::json ->> {})", i.saturating_sub(1)) };
    column.of_text(&text)
}

/// `t.key = s.k` for every column of the key.
pub(crate) fn same_key(shape: &Shape, target: &str, other: &str) -> String {
    numbered(&shape.key, " AND ", |i, c| format!("{} = {other}.k{i}", c.of(target)))
}
