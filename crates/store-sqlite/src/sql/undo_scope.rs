//! Which journalled rows a rollback takes.

use amend_domain::RollbackScope;
use amend_engine::store::StoreError;

use crate::{shape::Bound, value::Binds};

/// The conditions of a scope.
pub(crate) struct UndoScope {
    /// On what the journal says: an entry `j`, and of a scope that names rows, an element `e` of its
    /// keys.
    pub(crate) then: Vec<String>,
    /// On the row `t` as it stands; `None` where every row will do.
    pub(crate) now: Option<String>,
}

impl Bound<'_> {
    /// # Errors
    /// [`StoreError::Unsupported`] for a row key that has not as many parts as the rule's.
    pub(crate) fn undo_scope(&self, scope: &RollbackScope, binds: &mut Binds) -> Result<UndoScope, StoreError> {
        let mut then = Vec::new();
        for (column, wanted) in [("old_value", &scope.old_values), ("new_value", &scope.new_values)] {
            if let Some(wanted) = wanted {
                let list = binds.add(serde_json::json!(wanted).to_string());
                then.push(format!("EXISTS (SELECT 1 FROM json_each({list}) AS w WHERE {})", same(column, "w.value")));
            }
        }
        if let Some(pairs) = &scope.pairs {
            let pairs: Vec<_> = pairs.iter().map(|p| [&p.old, &p.new]).collect();
            let list = binds.add(serde_json::json!(pairs).to_string());
            then.push(format!(
                "EXISTS (SELECT 1 FROM json_each({list}) AS w WHERE {} AND {})",
                same("old_value", "json_extract(w.value, '$[0]')"),
                same("new_value", "json_extract(w.value, '$[1]')"),
            ));
        }
        if let Some(chunks) = &scope.chunks {
            let list = binds.add(serde_json::json!(chunks).to_string());
            then.push(format!("j.chunk IN (SELECT value FROM json_each({list}))"));
        }
        if let Some(rows) = &scope.rows {
            then.push(self.key_in(rows, binds)?);
        }
        let now = scope.symbols.as_ref().map(|symbols| self.symbol_in(&binds.add_list(symbols)));
        Ok(UndoScope { then, now })
    }

    /// Holds for an element `e` of a journal's keys that is one of these, as rows show theirs.
    fn key_in(&self, rows: &[String], binds: &mut Binds) -> Result<String, StoreError> {
        let width = self.key_width();
        if width == 1 {
            let list = binds.add_list(rows);
            return Ok(format!("CAST(e.value AS TEXT) COLLATE BINARY IN (SELECT value FROM json_each({list}))"));
        }
        let mut keys: Vec<Vec<String>> = Vec::with_capacity(rows.len());
        for text in rows {
            let parts: Vec<String> = serde_json::from_str(text).unwrap_or_default();
            if parts.len() != width {
                return Err(StoreError::Unsupported(format!(
                    "Row key {text} is no JSON array of {width} texts, as the key of {} has columns.",
                    self.rule.target.table
                )));
            }
            keys.push(parts);
        }
        let list = binds.add(serde_json::json!(keys).to_string());
        let own: Vec<String> =
            (0..width).map(|i| format!("CAST(json_extract(e.value, '$[{i}]') AS TEXT) COLLATE BINARY")).collect();
        let wanted: Vec<String> = (0..width).map(|i| format!("json_extract(w.value, '$[{i}]')")).collect();
        Ok(format!("({}) IN (SELECT {} FROM json_each({list}) AS w)", own.join(", "), wanted.join(", ")))
    }
}

/// The same text, byte by byte, or both null.
fn same(column: &str, wanted: &str) -> String {
    format!("CAST(j.{column} AS TEXT) IS {wanted} COLLATE BINARY")
}
