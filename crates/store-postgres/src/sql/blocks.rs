//! One step of a walk by heap blocks: the rows of one stripe of a range, those of them to be
//! corrected, the write.

use amend_engine::store::SliceRequest;

use super::{
    apply, failed, filter, finding, numbered,
    reference::{self, Among},
};
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

/// Answers with one row: `locked` and the [`apply::TOTALS`]. Rows are locked as they are found, in one
/// pass over the range; what others hold is not seen at all.
pub(crate) fn correct(
    shape: &Shape,
    request: &SliceRequest<'_>,
    part: Part,
    chunk: i64,
    pass_over: bool,
    args: &mut Args,
) -> String {
    let mut conditions = filter::scope(shape, request.scope, args);
    conditions.add(apply::blocks("t", part.from_block, part.to_block));
    if part.stripes > 1 {
        let operator = if part.and_the_rest { ">=" } else { "=" };
        conditions.add(format!("({} & {}) {operator} {}", hash(shape), part.stripes - 1, part.stripe));
    }
    if pass_over {
        let keys = numbered(&shape.key, ", ", |_, c| format!("{}::text", c.of("t")));
        let value = shape.value.text_of("t");
        let stands = failed::stands(request.lease.run_id.as_str(), &format!("ARRAY[{keys}]"), &value, args);
        conditions.add(format!("NOT {stands}"));
    }
    let looking = (part.to_block - part.from_block) * ROWS_A_BLOCK / part.stripes.max(1);
    let find = apply::Find::ByTid { from_block: part.from_block, to_block: part.to_block };
    let value = shape.value.text_of("t");
    let conditions = conditions.sql();
    // One look more at the range, to read of a large reference only what is asked.
    let (slice, among) = if reference::is_worth_asking(shape, looking) {
        let m = numbered(&shape.matches, ", ", |i, c| format!("{} AS m{i}", c.text_of("t")));
        let slice = format!("slice AS MATERIALIZED (SELECT DISTINCT {m} FROM {} t WHERE {conditions}),", shape.target);
        (slice, Some(Among { cte: "slice", rows: looking }))
    } else {
        (String::new(), None)
    };
    format!(
        "WITH {slice} {resolved},
         locked AS MATERIALIZED (
           SELECT t.ctid AS tid, {keys}, {value} AS cur, r.val AS put, false AS clash, {digest} AS before
           FROM {target} t JOIN ref r ON {on}
           WHERE {conditions} AND r.st = 'v' AND {correctable}
           FOR NO KEY UPDATE OF t SKIP LOCKED),
         {written}
         SELECT (SELECT count(*) FROM locked) AS locked, {totals}",
        resolved = reference::resolved(shape, request.rule, args, among),
        keys = numbered(&shape.key, ", ", |i, c| format!("{} AS k{i}", c.of("t"))),
        digest = apply::digest(shape),
        target = shape.target,
        on = numbered(&shape.matches, " AND ", |i, c| format!("r.m{i} = {}", c.text_of("t"))),
        correctable = finding::correctable(request.mode, &value, args),
        written = apply::written(shape, find, request.lease.run_id.as_str(), chunk, args),
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
