//! A fingerprint of all columns of a chunk's rows but the corrected one, taken before and after the
//! change. Both times the same statement runs, so equal texts mean equal rows.

use crate::shape::Bound;

/// Arguments that one SQL function takes at most, in every version.
const MOST_ARGUMENTS: usize = 90;

impl Bound<'_> {
    /// A text that is different for different rows of `t`: every column, told apart by type.
    /// Columns computed from others are left out; they follow the corrected one where they must.
    pub(crate) fn row_text(&self) -> String {
        let value = &self.rule.target.value;
        let parts: Vec<String> = self
            .target
            .columns
            .iter()
            .filter(|c| !c.generated && c.name != *value)
            .map(|c| column_text(&format!("t.{}", c.name.quoted()), c.has_text_affinity()))
            .collect();
        let groups: Vec<String> =
            parts.chunks(MOST_ARGUMENTS).map(|group| format!("concat_ws(',', {})", group.join(", "))).collect();
        if groups.is_empty() { "''".into() } else { groups.join(" || ',' || ") }
    }
}

/// `quote` writes a real with 17 digits, which takes five times as long as everything else here.
/// Prices mostly have few decimals, so they are written as a whole number of hundred-millionths
/// wherever that gives back the very same real.
fn column_text(column: &str, is_text: bool) -> String {
    if is_text {
        return format!("quote({column})");
    }
    let scaled = format!("CAST({column} * 1e8 + 0.5 AS INTEGER)");
    format!("CASE WHEN {scaled} / 1e8 = {column} THEN typeof({column}) || {scaled} ELSE quote({column}) END")
}
