//! What the reference says, resolved: one row for each combination of match values.

use amend_domain::Rule;

use super::numbered;
use crate::{shape::Shape, tx::Args};

/// Above so many rows (by statistics), a chunk resolves only what its own slice asks for.
const LARGE: f64 = 100_000.0;

/// `ref AS MATERIALIZED (...)` with `m1..mn`, `st` (`v` one usable value, `a` ambiguous, `u` unusable)
/// and `val` (null unless `v`). `among` names a CTE with `m1` that holds all match values that will be
/// asked for; a large reference with an index is then read only there.
pub(crate) fn resolved(shape: &Shape, rule: &Rule, args: &mut Args, among: Option<&str>) -> String {
    let space = args.white_space();
    let texts = numbered(&shape.reference_matches, ", ", |i, c| format!("{} AS m{i}", c.text_of("r")));
    let names = numbered(&shape.reference_matches, ", ", |i, _| format!("m{i}"));
    let not_null = numbered(&shape.reference_matches, " AND ", |_, c| format!("{} IS NOT NULL", c.of("r")));
    let value = shape.reference_value.text_of("r");
    let (refused, allowed) = if rule.allowed_values.is_empty() {
        (String::new(), String::new())
    } else {
        let list = args.texts(&rule.allowed_values);
        (format!(" WHEN lo <> ALL({list}) THEN 'u'"), format!(" AND lo = ANY({list})"))
    };
    let restricted = match (among, shape.reference_matches.as_slice()) {
        (Some(cte), [one]) if one.compares_as_text() && shape.reference_estimate > LARGE => format!(
            " AND {} = ANY(ARRAY(SELECT DISTINCT m1 COLLATE \"default\" FROM {cte} WHERE m1 IS NOT NULL))",
            one.of("r")
        ),
        _ => String::new(),
    };
    format!(
        "ref AS MATERIALIZED (
           SELECT {names}, CASE WHEN lo IS NULL THEN 'u' WHEN lo <> hi THEN 'a'{refused} ELSE 'v' END AS st,
                  CASE WHEN lo = hi{allowed} THEN lo END AS val
           FROM (SELECT {names}, min(v) AS lo, max(v) AS hi
                 FROM (SELECT {texts},
                              CASE WHEN btrim({value}, {space}) <> '' THEN {value} END AS v
                       FROM {reference} r WHERE {not_null}{restricted}) every
                 GROUP BY {names}) grouped)",
        reference = shape.reference,
    )
}

/// `r.m1 = s.m1 AND ...`: the join of [`resolved`] with anything that has `m1..mn`.
pub(crate) fn join(shape: &Shape, other: &str) -> String {
    numbered(&shape.reference_matches, " AND ", |i, _| format!("r.m{i} = {other}.m{i}"))
}
