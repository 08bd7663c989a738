//! Entries `j` that name rows by their keys, with old and new value: those of a journal, those that a restore
//! has listed, and what a copy of the target makes of its rows.

use super::numbered;
use crate::{
    restore::{JOURNAL, SET_ASIDE},
    shape::Bound,
    value::Binds,
};

/// A copy, and the run that made it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Copied<'a> {
    /// As SQL takes it.
    pub(crate) table: &'a str,
    pub(crate) run: &'a str,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Entries<'a> {
    Journal(&'a str),
    SetAside(&'a str),
    Snapshot(Copied<'a>),
}

impl<'a> Entries<'a> {
    /// The run that they are of.
    pub(crate) const fn run(&self) -> &'a str {
        match self {
            Self::Journal(run) | Self::SetAside(run) | Self::Snapshot(Copied { run, .. }) => run,
        }
    }

    /// What stands behind `FROM`, and a condition.
    pub(crate) fn sql(&self, bound: &Bound<'_>, binds: &mut Binds) -> (String, String) {
        match self {
            Self::Journal(run) => (format!("{JOURNAL} AS j"), format!("j.run_id = {}", binds.add(*run))),
            Self::SetAside(run) => (format!("{SET_ASIDE} AS j"), format!("j.run_id = {}", binds.add(*run))),
            Self::Snapshot(copy) => (format!("({}) AS j", bound.copied(*copy, binds)), "TRUE".into()),
        }
    }
}

impl Bound<'_> {
    /// An entry of one key for each row of a copy, beside the key itself. The new value is the newest one in
    /// the journals of the rule's runs since the copy, and the copy's own where no journal has the key, so that
    /// such a row is either as it was or somebody else's.
    fn copied(&self, copy: Copied<'_>, binds: &mut Binds) -> String {
        let keys = &self.rule.target.key;
        let width = keys.len();
        let (k, c) = (numbered("k", width).join(", "), numbered("c", width));
        let claimed: Vec<String> = c
            .iter()
            .enumerate()
            .map(|(i, c)| match width {
                1 => format!("e.value AS {c}"),
                _ => format!("json_extract(e.value, '$[{i}]') AS {c}"),
            })
            .collect();
        let own: Vec<String> =
            keys.iter().enumerate().map(|(i, column)| format!("s.{} AS k{i}", column.quoted())).collect();
        let there: Vec<String> = keys.iter().map(|column| format!("s.{} IS NOT NULL", column.quoted())).collect();
        // The unary plus takes the column's affinity away, with which no index of the claims would serve.
        let same: Vec<String> =
            keys.iter().zip(&c).map(|(column, c)| format!("claim.{c} = +s.{}", column.quoted())).collect();
        let value = self.rule.target.value.quoted();
        format!(
            "SELECT 0 AS chunk, 1 AS row_count, json_array({journal_key}) AS row_keys, old_value, new_value, {k}
             FROM (SELECT {own}, s.{value} AS old_value,
                          CASE WHEN claim.c0 IS NULL THEN s.{value} ELSE claim.wrote END AS new_value
                   FROM {table} AS s LEFT JOIN (
                     SELECT {claimed}, j.new_value AS wrote, max(j.id) AS newest
                     FROM {JOURNAL} AS j CROSS JOIN json_each(j.row_keys) AS e
                     WHERE j.run_id IN (SELECT r.id FROM amend_run AS o CROSS JOIN amend_run AS r
                                        WHERE o.id = {run} AND r.rule = o.rule AND r.seq >= o.seq)
                     GROUP BY {c}) AS claim ON {same}
                   WHERE {there})",
            journal_key = self.journal_key(),
            own = own.join(", "),
            table = copy.table,
            claimed = claimed.join(", "),
            run = binds.add(copy.run),
            c = c.join(", "),
            same = same.join(" AND "),
            there = there.join(" AND "),
        )
    }
}
