//! One step of a walk by heap blocks: the rows of one stripe of a range, those of them to be
//! corrected, the write.

use amend_engine::store::SliceRequest;

use super::{apply, filter, finding, numbered, reference, reference::Among};
use crate::{shape::Shape, tx::Args};

/// Rows that a block is taken to hold where it matters only roughly.
const ROWS_A_BLOCK: i64 = 60;

/// The rows of a range that a step looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub from_block: i64,
    /// Excluded.
    pub to_block: i64,
    /// A power of two; 1 for all rows.
    pub stripes: i64,
    pub stripe: i64,
    /// All stripes from this one on.
    pub and_the_rest: bool,
}

/// Answers with one row: `looked, candidates` and the [`apply::TOTALS`].
pub(crate) fn correct(shape: &Shape, request: &SliceRequest<'_>, part: Part, chunk: i64, args: &mut Args) -> String {
    let mut conditions = filter::scope(shape, request.scope, args);
    conditions.add(apply::blocks("t", part.from_block, part.to_block));
    if part.stripes > 1 {
        let operator = if part.and_the_rest { ">=" } else { "=" };
        conditions.add(format!("({} & {}) {operator} {}", hash(shape), part.stripes - 1, part.stripe));
    }
    let keys = numbered(&shape.key, ", ", |i, c| format!("{} AS k{i}", c.of("t")));
    let sk = numbered(&shape.key, ", ", |i, _| format!("s.k{i}"));
    let texts = numbered(&shape.matches, ", ", |i, c| format!("{} AS m{i}", c.text_of("t")));
    let sm = numbered(&shape.matches, ", ", |i, _| format!("s.m{i}"));
    let looking = (part.to_block - part.from_block) * ROWS_A_BLOCK / part.stripes.max(1);
    let find = apply::Find::ByTid { from_block: part.from_block, to_block: part.to_block };
    format!(
        "WITH slice AS MATERIALIZED (
           SELECT t.ctid AS tid, {keys}, {texts}, {value} AS cur FROM {target} t WHERE {conditions}),
         {resolved},
         todo AS MATERIALIZED (
           SELECT s.tid, {sk}, {sm}, s.cur, r.val AS put, false AS clash
           FROM slice s JOIN ref r ON {on}
           WHERE r.st = 'v' AND {correctable}),
         {apply}
         SELECT (SELECT count(*) FROM slice) AS looked, (SELECT count(*) FROM todo) AS candidates, {totals}",
        value = shape.value.text_of("t"),
        target = shape.target,
        conditions = conditions.sql(),
        resolved = reference::resolved(shape, request.rule, args, Some(Among { cte: "slice", rows: looking })),
        on = reference::join(shape, "s"),
        correctable = finding::correctable(request.mode, "s.cur", args),
        apply = apply::ctes(shape, find, true, request.lease.run_id.as_str(), chunk, args),
        totals = apply::TOTALS,
    )
}

/// A hash of the key, which spreads the rows of every block over all stripes. Built-in functions of
/// the key's type cost a fraction of hashing its text.
fn hash(shape: &Shape) -> String {
    if let [one] = shape.key.as_slice()
        && let Some(hash) = one.hash("t")
    {
        return hash;
    }
    format!("hashtext({})", numbered(&shape.key, " || '/' || ", |_, c| c.text_of("t")))
}
