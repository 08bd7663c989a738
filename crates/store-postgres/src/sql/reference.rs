//! What the reference says, resolved: one row for each combination of match values.

use amend_domain::Rule;

use super::{assigned, numbered};
use crate::{shape::Shape, tx::Args};

/// What will be asked of the reference, where that is known beforehand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Among {
    /// A CTE that stands before the reference and has the match values as `m1`.
    pub cte: &'static str,
    /// How many rows it may have.
    pub rows: i64,
}

/// A reference of so many times the rows that ask it is read only where it is asked. Below it, one
/// pass over all of it is cheaper than finding out which.
const MUCH_LARGER: f64 = 4.0;

/// `ref AS MATERIALIZED (...)` with `m1..mn`, `st` (`v` one usable value, `a` ambiguous, `u` unusable)
/// and `val` (null unless `v`). Where people have assigned something, other CTEs stand before it.
pub(crate) fn resolved(shape: &Shape, rule: &Rule, args: &mut Args, among: Option<Among>) -> String {
    if shape.assigned { assigned::resolved(shape, rule, args, among) } else { said(shape, rule, args, among, "ref") }
}

/// The CTE that has what the reference itself says, without what people assigned.
pub(crate) fn own(shape: &Shape) -> &'static str {
    if shape.assigned { assigned::OWN } else { "ref" }
}

/// What the reference itself says, as a CTE `name` like that of [`resolved`].
pub(crate) fn said(shape: &Shape, rule: &Rule, args: &mut Args, among: Option<Among>, name: &str) -> String {
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
        (Some(among), [one]) if is_worth_asking(shape, among.rows) => {
            format!(
                " AND {} = ANY(ARRAY(SELECT DISTINCT m1 COLLATE \"default\" FROM {} WHERE m1 IS NOT NULL{}))",
                one.of("r"),
                among.cte,
                if shape.assigned { assigned::ASKED_TOO } else { "" },
            )
        }
        _ => String::new(),
    };
    format!(
        "{name} AS MATERIALIZED (
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

/// Whether the reference is so large beside the rows that ask it that it is read only where it is asked.
pub(crate) fn is_worth_asking(shape: &Shape, rows: i64) -> bool {
    matches!(shape.reference_matches.as_slice(), [one] if one.compares_as_text())
        && is_much_larger(shape.reference_estimate, rows)
}

/// Without statistics (a negative estimate) nothing is known to be large.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn is_much_larger(estimate: f64, asking: i64) -> bool {
    estimate > asking as f64 * MUCH_LARGER
}

/// `r.m1 = s.m1 AND ...`: the join of [`resolved`] with anything that has `m1..mn`.
pub(crate) fn join(shape: &Shape, other: &str) -> String {
    numbered(&shape.reference_matches, " AND ", |i, _| format!("r.m{i} = {other}.m{i}"))
}
