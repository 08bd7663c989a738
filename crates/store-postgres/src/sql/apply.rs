//! The write itself, shared by corrections and rollbacks: lock, check again, change, journal, and the
//! digests of everything else, in one statement.

use super::{journal_key, numbered, same_key};
use crate::{shape::Shape, tx::Args};

/// How the rows of `todo` are found again.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Find {
    ByKey,
    /// By `tid`, in these blocks. They are named again so that the planner, should it prefer a hash
    /// join to so many single fetches, reads the range and not the table. A row that was moved since
    /// has another `tid` and is passed over.
    ByTid {
        from_block: i64,
        to_block: i64,
    },
}

impl Find {
    /// `t` is the row `other`.
    fn same(self, shape: &Shape, other: &str) -> String {
        match self {
            Self::ByKey => same_key(shape, "t", other),
            Self::ByTid { from_block, to_block } => {
                format!("t.ctid = {other}.tid AND {}", blocks("t", from_block, to_block))
            }
        }
    }

    const fn column(self) -> &'static str {
        match self {
            Self::ByKey => "",
            Self::ByTid { .. } => "d.tid, ",
        }
    }
}

/// "The row lies in one of these blocks", the last one excluded.
pub(crate) fn blocks(alias: &str, from: i64, to: i64) -> String {
    format!("{alias}.ctid >= '({from},0)'::tid AND {alias}.ctid < '({to},0)'::tid")
}

/// The CTEs `locked`, `upd` and `jr`, reading a CTE `todo` with `k1.., cur, put, clash` (and `m1..`
/// when `matched`, and `tid` when they are found by it): each row of the target that nobody else holds
/// and that still has value `cur` (and still those match columns) gets value `put`.
pub(crate) fn ctes(shape: &Shape, find: Find, matched: bool, run: &str, chunk: i64, args: &mut Args) -> String {
    let still_matched = if matched {
        numbered(&shape.matches, "", |i, c| format!(" AND {} = d.m{i}", c.text_of("t")))
    } else {
        String::new()
    };
    let keys = numbered(&shape.key, ", ", |i, _| format!("d.k{i}"));
    let locked_keys = numbered(&shape.key, ", ", |i, _| format!("l.k{i}"));
    let others: Vec<String> = shape.others.iter().map(|c| c.hashable("t")).collect();
    // The same expression before and after: a sum, because rows come in any order.
    let digest = format!("hash_record_extended(ROW({}), 0)", others.join(", "));
    let value = shape.value.text_of("t");
    format!(
        "locked AS MATERIALIZED (
           SELECT {tid}{keys}, d.cur, d.put, d.clash, {digest} AS before
           FROM todo d JOIN {target} t ON {same}
           WHERE {value} IS NOT DISTINCT FROM d.cur{still_matched}
           FOR NO KEY UPDATE OF t SKIP LOCKED),
         upd AS (
           UPDATE {target} t SET {column} = {put} FROM locked l WHERE {same_locked}
           RETURNING {locked_keys}, l.cur, l.put, l.clash, l.before, {value} AS stored, {digest} AS after),
         jr AS (
           INSERT INTO amend.journal (run, chunk, old_value, new_value, rows, keys)
           SELECT {run}, {chunk}, u.cur, u.stored, count(*), array_agg({key})
           FROM upd u GROUP BY u.cur, u.stored
           RETURNING rows)",
        target = shape.target,
        tid = find.column(),
        same = find.same(shape, "d"),
        column = shape.value.quoted,
        put = shape.value.assigned("l.put"),
        same_locked = find.same(shape, "l"),
        run = args.text(run),
        chunk = args.int(chunk),
        key = journal_key(shape, "u"),
    )
}

/// Aggregates over `upd` and `jr`: `changed, forced, refused, journalled, before, after`. `refused`
/// are rows in which something else than the value that was put is stored.
pub(crate) const TOTALS: &str = "(SELECT coalesce(sum(rows), 0)::bigint FROM jr) AS journalled,
    u.changed, u.forced, u.refused, u.before, u.after
    FROM (SELECT count(*) AS changed, count(*) FILTER (WHERE clash) AS forced,
                 count(*) FILTER (WHERE stored IS DISTINCT FROM put) AS refused,
                 coalesce(sum(before), 0)::text AS before, coalesce(sum(after), 0)::text AS after
          FROM upd) u";
