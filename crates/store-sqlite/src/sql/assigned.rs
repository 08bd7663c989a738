//! What people assigned, taken into the reference; and what is asked of the reference for it.
//! `amend_domain::assignment::decided`, word for word.

use amend_domain::{ColumnName, Matches};

use super::{indexed_text_of, numbered, reference::RESOLVED, text_of, trimmed};
use crate::{shape::Bound, value::Binds};

impl Bound<'_> {
    /// `SELECT m0, .., kind, value, own`: as [`Bound::resolve_sql`], with `own` 0 for matches that the
    /// reference has no row for. The reference comes first, then what each assignment gives now.
    pub(crate) fn assigned_sql(&self, binds: &mut Binds) -> String {
        let width = self.rule.reference.matches.len();
        let of = |alias: &str| {
            let columns: Vec<String> = (0..width).map(|i| format!("{alias}.m{i}")).collect();
            columns.join(", ")
        };
        let equal = |a: &str, b: &str| {
            let columns: Vec<String> = (0..width).map(|i| format!("{a}.m{i} = {b}.m{i}")).collect();
            columns.join(" AND ")
        };
        let parts: Vec<String> = (0..width)
            .map(|i| format!("json_extract(a.matches, '$[{i}]') AS m{i}, json_extract(a.alias_of, '$[{i}]') AS o{i}"))
            .collect();
        let aliased: Vec<String> = (0..width).map(|i| format!("o.m{i} = a.o{i}")).collect();
        let allowed = if self.rule.allowed_values.is_empty() {
            String::new()
        } else {
            let list = binds.add_list(&self.rule.allowed_values);
            format!(" AND a.choice IN (SELECT value FROM json_each({list}))")
        };
        format!(
            "WITH said AS MATERIALIZED ({said}),
             asg AS MATERIALIZED (
                 SELECT {parts}, a.value AS choice FROM main.amend_assignment AS a
                 WHERE a.rule = {slug} AND json_array_length(a.matches) = {width}),
             chosen AS MATERIALIZED (
                 SELECT DISTINCT {am}, a.choice FROM asg AS a CROSS JOIN {reference} AS f
                 WHERE a.choice IS NOT NULL AND {blank} <> '' AND {asked} AND {value} = a.choice{allowed}),
             given AS MATERIALIZED (
                 SELECT {am}, coalesce(o.value, c.choice) AS value
                 FROM asg AS a LEFT JOIN said AS o ON {aliased} LEFT JOIN chosen AS c ON {is_chosen}
                 WHERE coalesce(o.value, c.choice) IS NOT NULL)
             SELECT {sm}, CASE WHEN d.value IS NULL THEN s.kind ELSE {RESOLVED} END AS kind,
                    coalesce(s.value, d.value) AS value, 1 AS own
             FROM said AS s LEFT JOIN given AS d ON {is_given}
             UNION ALL
             SELECT {dm}, {RESOLVED}, d.value, 0
             FROM given AS d LEFT JOIN said AS s ON {is_given} WHERE s.kind IS NULL",
            said = self.said_sql(binds),
            parts = parts.join(", "),
            slug = binds.add(self.rule.slug.as_str()),
            am = of("a"),
            reference = self.rule.reference.table.quoted(),
            blank = trimmed("a.choice"),
            asked = self.asked_for("a"),
            value = text_of("f", &self.rule.reference.value),
            aliased = aliased.join(" AND "),
            is_chosen = equal("c", "a"),
            sm = of("s"),
            is_given = equal("d", "s"),
            dm = of("d"),
        )
    }

    /// The reference row `f` has the match columns of `other`, in such a way that an index serves.
    fn asked_for(&self, other: &str) -> String {
        let equal: Vec<String> =
            self.reference_texts().enumerate().map(|(i, text)| format!("{text} = {other}.m{i}")).collect();
        equal.join(" AND ")
    }

    /// `asked AS (...)`: the matches that are asked for, `m0..` and their `no` from 0.
    fn asked(&self, matches: &[Matches], binds: &mut Binds) -> String {
        let list = binds.add(serde_json::json!(matches).to_string());
        let parts: Vec<String> = (0..self.rule.reference.matches.len())
            .map(|i| format!("json_extract(e.value, '$[{i}]') AS m{i}"))
            .collect();
        format!("asked AS MATERIALIZED (SELECT e.key AS no, {} FROM json_each({list}) AS e)", parts.join(", "))
    }

    /// Rows of `(no, value)`: every value that the reference's rows give for the matches, once each.
    pub(crate) fn values_sql(&self, matches: &[Matches], binds: &mut Binds) -> String {
        format!(
            "WITH {} SELECT DISTINCT a.no, {} AS value FROM asked AS a CROSS JOIN {} AS f WHERE {} ORDER BY 1, 2",
            self.asked(matches, binds),
            text_of("f", &self.rule.reference.value),
            self.rule.reference.table.quoted(),
            self.asked_for("a"),
        )
    }

    /// Rows of `(m0.., value)` to which the reference itself gives one value.
    pub(crate) fn known_sql(&self, limit: u32, binds: &mut Binds) -> String {
        let names = numbered("m", self.rule.reference.matches.len()).join(", ");
        format!(
            "SELECT {names}, value FROM ({}) WHERE kind = {RESOLVED} ORDER BY {names} LIMIT {limit}",
            self.said_sql(binds)
        )
    }

    /// Rows of `(no, value, rows)`: rows of the matches at places for which the reference gives one value.
    pub(crate) fn placed_sql(
        &self,
        matches: &[Matches],
        ours: &ColumnName,
        theirs: &ColumnName,
        binds: &mut Binds,
    ) -> String {
        let value = text_of("f", &self.rule.reference.value);
        let ours_on: Vec<String> = self
            .rule
            .target
            .matches
            .iter()
            .enumerate()
            .map(|(i, name)| {
                let text = match self.target.column(name) {
                    Some(column) => indexed_text_of("t", column),
                    None => text_of("t", name),
                };
                format!("{text} = a.m{i}")
            })
            .collect();
        format!(
            "WITH {asked},
             here AS MATERIALIZED (
                 SELECT a.no, {our_place} AS place, count(*) AS n
                 FROM asked AS a CROSS JOIN {target} AS t WHERE {ours_on} GROUP BY 1, 2),
             there AS MATERIALIZED (
                 SELECT a.no, {their_place} AS place, min({value}) AS value
                 FROM asked AS a CROSS JOIN {reference} AS f WHERE {theirs_on} AND {blank} <> ''
                 GROUP BY 1, 2 HAVING min({value}) = max({value}))
             SELECT h.no, r.value, sum(h.n) FROM here AS h JOIN there AS r ON r.no = h.no AND r.place = h.place
             GROUP BY 1, 2 ORDER BY 1, 2",
            asked = self.asked(matches, binds),
            our_place = text_of("t", ours),
            their_place = text_of("f", theirs),
            target = self.rule.target.table.quoted(),
            reference = self.rule.reference.table.quoted(),
            ours_on = ours_on.join(" AND "),
            theirs_on = self.asked_for("a"),
            blank = trimmed(&value),
        )
    }
}
