//! The list of failed rows, `x`, and the rows of the target that it names.

use amend_domain::{Mode, Rule, Scope};

use super::{
    filter, finding, numbered,
    reference::{self, Among},
};
use crate::{shape::Shape, tx::Args};

/// Holds for a row that this run lists, as long as it has the value with which it was listed. `key` is
/// an array of texts.
pub(crate) fn stands(run: &str, key: &str, value: &str, args: &mut Args) -> String {
    format!(
        "EXISTS (SELECT 1 FROM amend.failed_row x WHERE x.run_id = {} AND x.key_parts = {key}
                 AND x.old_value COLLATE \"C\" IS NOT DISTINCT FROM {value})",
        args.text(run)
    )
}

/// The raw keys of an entry.
fn keys(shape: &Shape) -> String {
    numbered(&shape.key, ", ", |i, c| c.of_text(&format!("x.key_parts[{i}]")))
}

/// Holds for rows `t` that a run lists, whatever their value is now.
pub(crate) fn listed(shape: &Shape, run: &str, args: &mut Args) -> String {
    format!(
        "({}) IN (SELECT {} FROM amend.failed_row x WHERE x.run_id = {})",
        numbered(&shape.key, ", ", |_, c| c.of("t")),
        keys(shape),
        args.text(run)
    )
}

/// "The row `t` is the one that `x` lists, and has the value with which it was listed."
fn is_as_listed(shape: &Shape) -> String {
    let here =
        numbered(&shape.key, " AND ", |i, c| format!("{} = {}", c.of("t"), c.of_text(&format!("x.key_parts[{i}]"))));
    format!("{here} AND x.old_value COLLATE \"C\" IS NOT DISTINCT FROM {}", shape.value.text_of("t"))
}

/// Counts rows that a run lists and that have the value with which they were listed.
pub(crate) fn as_listed(shape: &Shape, run: &str, args: &mut Args) -> String {
    format!(
        "SELECT count(*) AS standing FROM amend.failed_row x JOIN {} t ON {} WHERE x.run_id = {}",
        shape.target,
        is_as_listed(shape),
        args.text(run)
    )
}

/// Counts rows that a run lists, that have the value with which they were listed, and that would be
/// corrected all the same.
pub(crate) fn standing(shape: &Shape, rule: &Rule, run: &str, mode: Mode, scope: &Scope, args: &mut Args) -> String {
    let value = shape.value.text_of("t");
    format!(
        "WITH listed AS MATERIALIZED (
           SELECT {texts}, {value} AS cur FROM amend.failed_row x JOIN {target} t ON {here}
           WHERE x.run_id = {run} AND {conditions}),
         {resolved}
         SELECT count(*) AS standing FROM listed s JOIN ref r ON {on} WHERE r.st = 'v' AND {correctable}",
        texts = numbered(&shape.matches, ", ", |i, c| format!("{} AS m{i}", c.text_of("t"))),
        target = shape.target,
        here = is_as_listed(shape),
        run = args.text(run),
        conditions = filter::scope(shape, scope, args).sql(),
        resolved = reference::resolved(shape, rule, args, Some(Among { cte: "listed", rows: 1 })),
        on = reference::join(shape, "s"),
        correctable = finding::correctable(mode, "s.cur", args),
    )
}
