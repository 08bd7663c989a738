//! Rows of the target and the list of failed rows, `x`.

use amend_domain::RunId;

use crate::{shape::Bound, value::Binds};

impl Bound<'_> {
    /// Each key column's value in an entry of the list.
    fn listed_keys(&self) -> Vec<String> {
        (0..self.key_width()).map(|i| format!("json_extract(x.key_parts, '$[{i}]')")).collect()
    }

    /// `t` and `x` are the same row.
    pub(crate) fn same_as_listed(&self) -> String {
        let keys = self.rule.target.key.iter().zip(self.listed_keys());
        keys.map(|(column, listed)| format!("t.{} = {listed}", column.quoted())).collect::<Vec<_>>().join(" AND ")
    }

    /// `t` still has the value with which it was listed.
    pub(crate) fn as_listed(&self) -> String {
        format!("{} IS x.old_value COLLATE BINARY", self.stored_value())
    }

    /// Holds for a row that this run lists, as long as it has the value with which it was listed.
    pub(crate) fn stands_failed(&self, run: &RunId, binds: &mut Binds) -> String {
        format!(
            "EXISTS (SELECT 1 FROM amend_failed_row AS x WHERE x.run_id = {} AND x.key_parts = {} AND {})",
            binds.add(run.as_str()),
            self.key_parts("t"),
            self.as_listed(),
        )
    }

    /// Holds for rows that a run lists, whatever their value is now.
    pub(crate) fn listed_as_failed(&self, run: &RunId, binds: &mut Binds) -> String {
        let keys: Vec<String> = self.rule.target.key.iter().map(|c| format!("t.{}", c.quoted())).collect();
        format!(
            "({}) IN (SELECT {} FROM amend_failed_row AS x WHERE x.run_id = {})",
            keys.join(", "),
            self.listed_keys().join(", "),
            binds.add(run.as_str()),
        )
    }

    /// The key as the list keeps it, of a row with the target's columns.
    pub(crate) fn key_parts(&self, alias: &str) -> String {
        let parts: Vec<String> =
            self.rule.target.key.iter().map(|c| exact(&format!("{alias}.{}", c.quoted()))).collect();
        format!("json_array({})", parts.join(", "))
    }
}

/// JSON functions write 15 digits of a real; `quote` as many as give it back.
fn exact(column: &str) -> String {
    format!("CASE typeof({column}) WHEN 'real' THEN json(quote({column})) ELSE {column} END")
}
