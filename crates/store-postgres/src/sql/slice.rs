//! One step of a correction: the next rows in key order, those of them to be corrected, the write.

use amend_engine::store::ChunkRequest;

use super::{apply, filter, finding, key_texts, numbered, reference, reference::Among};
use crate::{shape::Shape, tx::Args};

/// Looks at `scan` rows after `cursor` (texts of the key) and answers with one row:
/// `looked, candidates, scanned, upto` and the [`apply::TOTALS`]. `upto` is the key of the last
/// candidate when there are as many as a chunk may change, otherwise of the last row looked at.
pub(crate) fn correct(
    shape: &Shape,
    request: &ChunkRequest<'_>,
    cursor: Option<&[String]>,
    scan: i64,
    chunk: i64,
    args: &mut Args,
) -> String {
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
    format!(
        "WITH slice AS MATERIALIZED (
           SELECT {k}, {m}, cur, row_number() OVER (ORDER BY {k}) AS rn
           FROM (SELECT {keys}, {texts}, {value} AS cur FROM {target} t WHERE {conditions}
                 ORDER BY {key_order} LIMIT {scan}) looked),
         {resolved},
         todo AS MATERIALIZED (
           SELECT {sk}, {sm}, s.rn, s.cur, r.val AS put, false AS clash
           FROM slice s JOIN ref r ON {on}
           WHERE r.st = 'v' AND {correctable}
           ORDER BY {sk} LIMIT {rows}),
         {apply},
         extent AS (
           SELECT (SELECT count(*) FROM slice) AS looked, count(*) AS candidates,
                  CASE WHEN count(*) >= {rows} THEN max(rn) ELSE (SELECT count(*) FROM slice) END AS scanned
           FROM todo)
         SELECT e.looked, e.candidates, e.scanned,
                (SELECT {upto} FROM slice s WHERE s.rn = e.scanned) AS upto, {totals} CROSS JOIN extent e",
        value = shape.value.text_of("t"),
        target = shape.target,
        conditions = conditions.sql(),
        resolved = reference::resolved(shape, request.rule, args, Some(Among { cte: "slice", rows: scan })),
        on = reference::join(shape, "s"),
        correctable = finding::correctable(request.mode, "s.cur", args),
        rows = request.limits.rows,
        apply = apply::ctes(shape, apply::Find::ByKey, true, request.lease.run_id.as_str(), chunk, args),
        upto = key_texts(shape, "s"),
        totals = apply::TOTALS,
    )
}
