//! What people assigned, taken into the reference; and what is asked of the reference for it.
//! `amend_domain::assignment::decided`, word for word.

use amend_domain::{ColumnName, Matches, Rule};

use super::{
    numbered,
    reference::{self, Among},
};
use crate::{shape::Shape, tx::Args};

/// The CTE with what the reference itself says.
pub(crate) const OWN: &str = "said";

/// What must be asked of the reference, too, where only some of it is read.
pub(crate) const ASKED_TOO: &str = " UNION SELECT o1 COLLATE \"default\" FROM asg WHERE o1 IS NOT NULL";

/// `asg` (assignments: `m1.., o1..` of an alias, `choice`), `said` (the reference itself), `chosen`
/// (choices that a row of the reference still gives), `given` (what each assignment gives now), and
/// `ref`, in which the reference comes first.
pub(crate) fn resolved(shape: &Shape, rule: &Rule, args: &mut Args, among: Option<Among>) -> String {
    let columns = &shape.reference_matches;
    let space = args.white_space();
    let allowed = if rule.allowed_values.is_empty() {
        String::new()
    } else {
        format!(" AND a.choice = ANY({})", args.texts(&rule.allowed_values))
    };
    let m = |alias: &str| numbered(columns, ", ", |i, _| format!("{alias}.m{i}"));
    let same = |a: &str, b: &str| numbered(columns, " AND ", |i, _| format!("{a}.m{i} = {b}.m{i}"));
    format!(
        "asg AS MATERIALIZED (
           SELECT {parts}, {others}, a.value COLLATE \"C\" AS choice FROM amend.assignment a
           WHERE a.rule = {slug} AND cardinality(a.matches) = {width}),
         {said},
         chosen AS MATERIALIZED (
           SELECT DISTINCT {am}, a.choice FROM asg a JOIN {reference} r ON {in_reference} AND {value} = a.choice
           WHERE btrim(a.choice, {space}) <> ''{allowed}),
         given AS MATERIALIZED (
           SELECT {am}, coalesce(o.val, c.choice) AS val
           FROM asg a LEFT JOIN said o ON {aliased} LEFT JOIN chosen c ON {is_chosen}
           WHERE coalesce(o.val, c.choice) IS NOT NULL),
         ref AS MATERIALIZED (
           SELECT {sm}, CASE WHEN d.val IS NULL THEN s.st ELSE 'v' END AS st, coalesce(s.val, d.val) AS val
           FROM said s LEFT JOIN given d ON {is_given}
           UNION ALL
           SELECT {dm}, 'v', d.val FROM given d WHERE NOT EXISTS (SELECT 1 FROM said s WHERE {is_given}))",
        parts = numbered(columns, ", ", |i, _| format!("a.matches[{i}] COLLATE \"C\" AS m{i}")),
        others = numbered(columns, ", ", |i, _| format!("a.alias_of[{i}] COLLATE \"C\" AS o{i}")),
        slug = args.text(rule.slug.as_str()),
        width = columns.len(),
        said = reference::said(shape, rule, args, among, OWN),
        am = m("a"),
        reference = shape.reference,
        in_reference = numbered(columns, " AND ", |i, c| format!("{} = a.m{i}", c.text_of("r"))),
        value = shape.reference_value.text_of("r"),
        aliased = numbered(columns, " AND ", |i, _| format!("o.m{i} = a.o{i}")),
        is_chosen = same("c", "a"),
        sm = m("s"),
        is_given = same("d", "s"),
        dm = m("d"),
    )
}

/// `asked AS (...)`: the matches that are asked for, `m1..` and their `no` from 1.
fn asked(shape: &Shape, matches: &[Matches], args: &mut Args) -> String {
    let lists: Vec<String> = (0..shape.reference_matches.len())
        // A part that is not there is null, which matches nothing.
        .map(|part| args.nullable_texts(&matches.iter().map(|m| m.get(part).cloned()).collect::<Vec<_>>()))
        .collect();
    let names = numbered(&shape.reference_matches, ", ", |i, _| format!("m{i}"));
    let texts = numbered(&shape.reference_matches, ", ", |i, _| format!("m{i} COLLATE \"C\" AS m{i}"));
    format!(
        "asked AS MATERIALIZED (SELECT no, {texts} FROM unnest({}) WITH ORDINALITY AS a({names}, no))",
        lists.join(", ")
    )
}

/// Rows of `(no, value)`: every value that the reference's rows give for the matches, once each.
pub(crate) fn said(shape: &Shape, matches: &[Matches], args: &mut Args) -> String {
    format!(
        "WITH {asked}
         SELECT DISTINCT a.no, {value} AS value FROM asked a JOIN {reference} r ON {on} ORDER BY 1, 2",
        asked = asked(shape, matches, args),
        value = shape.reference_value.text_of("r"),
        reference = shape.reference,
        on = numbered(&shape.reference_matches, " AND ", |i, c| format!("{} = a.m{i}", c.text_of("r"))),
    )
}

/// Rows of `(matches, value)` to which the reference itself gives one value.
pub(crate) fn known(shape: &Shape, rule: &Rule, limit: u32, args: &mut Args) -> String {
    format!(
        "WITH {said} SELECT ARRAY[{m}] AS matches, val AS value FROM said WHERE st = 'v' ORDER BY {m} LIMIT {limit}",
        said = reference::said(shape, rule, args, None, OWN),
        m = numbered(&shape.reference_matches, ", ", |i, _| format!("m{i}")),
    )
}

/// Rows of `(no, value, rows)`: rows of the matches at places for which the reference gives one value.
pub(crate) fn placed(
    shape: &Shape,
    matches: &[Matches],
    ours: &ColumnName,
    theirs: &ColumnName,
    args: &mut Args,
) -> String {
    let value = shape.reference_value.text_of("r");
    format!(
        "WITH {asked},
         here AS MATERIALIZED (
           SELECT a.no, t.{ours}::text COLLATE \"C\" AS place, count(*) AS n
           FROM asked a JOIN {target} t ON {ours_on} GROUP BY 1, 2),
         there AS MATERIALIZED (
           SELECT a.no, r.{theirs}::text COLLATE \"C\" AS place, min({value}) AS value
           FROM asked a JOIN {reference} r ON {theirs_on}
           WHERE btrim({value}, {space}) <> '' GROUP BY 1, 2 HAVING min({value}) = max({value}))
         SELECT h.no, r.value, sum(h.n)::bigint AS rows FROM here h JOIN there r ON r.no = h.no AND r.place = h.place
         GROUP BY 1, 2 ORDER BY 1, 2",
        asked = asked(shape, matches, args),
        ours = ours.quoted(),
        theirs = theirs.quoted(),
        target = shape.target,
        reference = shape.reference,
        ours_on = numbered(&shape.matches, " AND ", |i, c| format!("{} = a.m{i}", c.text_of("t"))),
        theirs_on = numbered(&shape.reference_matches, " AND ", |i, c| format!("{} = a.m{i}", c.text_of("r"))),
        space = args.white_space(),
    )
}
