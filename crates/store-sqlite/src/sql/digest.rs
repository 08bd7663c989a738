//! A fingerprint of all columns of a chunk's rows but the corrected one, taken before and after the
//! change. Both times the same statement runs, so equal texts mean equal rows.

use crate::{
    fat::values_of,
    shape::{Affinity, Bound, ColumnShape},
};

/// Arguments that one SQL function takes at most, in every version.
const MOST_ARGUMENTS: usize = 90;

impl Bound<'_> {
    /// A text that is different for different rows of `t`: every column, told apart by type.
    /// Columns computed from others are left out; they follow the corrected one where they must.
    pub(crate) fn row_text(&self) -> String {
        let target = &self.rule.target;
        let ours =
            |c: &&ColumnShape| !c.generated && c.name != target.value && !target.kept_by_triggers.contains(&c.name);
        let parts: Vec<String> = self
            .target
            .columns
            .iter()
            .filter(ours)
            .map(|c| column_text(c, &format!("t.{}", c.name.quoted())))
            .collect();
        let groups: Vec<String> =
            parts.chunks(MOST_ARGUMENTS).map(|group| format!("concat_ws(',', {})", group.join(", "))).collect();
        if groups.is_empty() { "''".into() } else { groups.join(" || ',' || ") }
    }
}

/// `quote` writes a real with 17 digits, which takes five times as long as everything else here.
/// Prices mostly have few decimals, so a number is written as whole hundred-millionths wherever that
/// gives back the very same number.
fn column_text(shape: &ColumnShape, column: &str) -> String {
    let scaled = format!("CAST({column} * 1e8 + 0.5 AS INTEGER)");
    match shape.affinity() {
        Affinity::Text | Affinity::Integer => format!("quote({column})"),
        // A whole real is stored as an integer here, or every integer as a real: 5 and 5.0 cannot
        // stand beside each other.
        Affinity::Real | Affinity::Numeric => {
            format!("CASE WHEN {scaled} / 1e8 = {column} THEN {scaled} ELSE 'q' || quote({column}) END")
        }
        Affinity::None => {
            format!("CASE WHEN {scaled} / 1e8 = {column} THEN typeof({column}) || {scaled} ELSE quote({column}) END")
        }
    }
}

/// One text of all values of a column, which `column` names, told apart by type. JSON is written in half
/// the time of `quote`; what it does not hold exactly is quoted in a list of its own.
pub(crate) fn column_texts(shape: &ColumnShape, column: &str) -> String {
    let inexact = match shape.affinity() {
        Affinity::Text => "'blob'",
        Affinity::Integer => "'blob', 'real'",
        Affinity::Real | Affinity::Numeric | Affinity::None => return values_of(&column_text(shape, column)),
    };
    format!("json_group_array(iif(typeof({column}) IN ({inexact}), json_array(quote({column})), {column}))")
}
