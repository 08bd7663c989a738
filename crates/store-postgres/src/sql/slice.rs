//! One step of a correction: the next rows in key order, those of them to be corrected, the write.

use amend_engine::store::ChunkRequest;

use super::{apply, failed, filter, finding, key_texts, numbered, reference, reference::Among, symbol_of_texts};
use crate::{shape::Shape, tx::Args};

/// What a step looks at.
pub(crate) struct Look<'a> {
    pub request: &'a ChunkRequest<'a>,
    /// Texts of the key.
    pub cursor: Option<&'a [String]>,
    pub scan: i64,
    /// The run has failed rows, which are no candidates.
    pub pass_over: bool,
}

/// The CTEs `slice` (`scan` rows after the cursor), `ref` and `todo`: those of them to be corrected, at
/// most as many as a chunk may change.
fn candidates(shape: &Shape, look: &Look<'_>, args: &mut Args) -> String {
    let Look { request, cursor, scan, pass_over } = *look;
    let mut conditions = filter::scope(shape, request.scope, args);
    if let Some(after) = cursor {
        let columns = numbered(&shape.key, ", ", |_, c| c.of("t"));
        let values: Vec<String> = shape.key.iter().zip(after).map(|(c, text)| c.of_text(&args.text(text))).collect();
        conditions.add(format!("({columns}) > ({})", values.join(", ")));
    }
    let keys = numbered(&shape.key, ", ", |i, c| format!("{} AS k{i}", c.of("t")));
    let key_order = numbered(&shape.key, ", ", |_, c| c.of("t"));
    let k = numbered(&shape.key, ", ", |i, _| format!("k{i}"));
    let sk = numbered(&shape.key, ", ", |i, _| format!("s.k{i}"));
    let texts = numbered(&shape.matches, ", ", |i, c| format!("{} AS m{i}", c.text_of("t")));
    let m = numbered(&shape.matches, ", ", |i, _| format!("m{i}"));
    let sm = numbered(&shape.matches, ", ", |i, _| format!("s.m{i}"));
    let listed = if pass_over {
        format!(" AND NOT {}", failed::stands(request.lease.run_id.as_str(), &key_texts(shape, "s"), "s.cur", args))
    } else {
        String::new()
    };
    format!(
        "slice AS MATERIALIZED (
           SELECT {k}, {m}, cur, row_number() OVER (ORDER BY {k}) AS rn
           FROM (SELECT {keys}, {texts}, {value} AS cur FROM {target} t WHERE {conditions}
                 ORDER BY {key_order} LIMIT {scan}) looked),
         {resolved},
         todo AS MATERIALIZED (
           SELECT {sk}, {sm}, s.rn, s.cur, r.val AS put, false AS clash
           FROM slice s JOIN ref r ON {on}
           WHERE r.st = 'v' AND {correctable}{listed}
           ORDER BY {sk} LIMIT {rows})",
        value = shape.value.text_of("t"),
        target = shape.target,
        conditions = conditions.sql(),
        resolved = reference::resolved(shape, request.rule, args, Some(Among { cte: "slice", rows: scan })),
        on = reference::join(shape, "s"),
        correctable = finding::correctable(request.mode, "s.cur", args),
        rows = request.limits.rows,
    )
}

/// The CTE `extent`: how many rows were looked at, how many are candidates, and up to which one the step
/// goes.
fn extent(rows: i64) -> String {
    format!(
        "extent AS (
           SELECT (SELECT count(*) FROM slice) AS looked, count(*) AS candidates,
                  CASE WHEN count(*) >= {rows} THEN max(rn) ELSE (SELECT count(*) FROM slice) END AS scanned
           FROM todo)"
    )
}

/// Looks at `scan` rows after the cursor and answers with one row:
/// `looked, candidates, scanned, upto` and the [`apply::TOTALS`]. `upto` is the key of the last
/// candidate when there are as many as a chunk may change, otherwise of the last row looked at.
pub(crate) fn correct(shape: &Shape, look: &Look<'_>, chunk: i64, args: &mut Args) -> String {
    let request = look.request;
    format!(
        "WITH {candidates}, {locked}, {written}, {extent}
         SELECT e.looked, e.candidates, e.scanned,
                (SELECT {upto} FROM slice s WHERE s.rn = e.scanned) AS upto, {totals} CROSS JOIN extent e",
        candidates = candidates(shape, look, args),
        locked = apply::locked(shape, true),
        written = apply::written(shape, apply::Find::ByKey, request.lease.run_id.as_str(), chunk, args),
        extent = extent(request.limits.rows),
        upto = key_texts(shape, "s"),
        totals = apply::TOTALS,
    )
}

/// The same look, writing nothing: `looked, candidates, scanned, upto`, and of the last candidate
/// `symbol, cur, put`.
pub(crate) fn next(shape: &Shape, look: &Look<'_>, args: &mut Args) -> String {
    format!(
        "WITH {candidates}, {extent}
         SELECT e.looked, e.candidates, e.scanned, (SELECT {upto} FROM slice s WHERE s.rn = e.scanned) AS upto,
                c.symbol, c.cur, c.put
         FROM extent e LEFT JOIN (SELECT {symbol} AS symbol, cur, put FROM todo s ORDER BY rn DESC LIMIT 1) c ON true",
        candidates = candidates(shape, look, args),
        extent = extent(look.request.limits.rows),
        upto = key_texts(shape, "s"),
        symbol = symbol_of_texts(shape, "s"),
    )
}
