//! The write itself, shared by corrections and rollbacks: lock, check again, change, journal, and the
//! digests of everything else, in one statement.

use super::{journal_key, numbered, same_key};
use crate::{shape::Shape, tx::Args};

/// How the rows of `locked` are found again.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Find {
    ByKey,
    /// By `tid`, in these blocks. A row that was moved since has another `tid` and is passed over.
    ByTid {
        from_block: i64,
        to_block: i64,
    },
    /// By `tid` alone, anywhere.
    Anywhere,
}

impl Find {
    /// `t` is the row `other`.
    fn same(self, shape: &Shape, other: &str) -> String {
        match self {
            Self::ByKey => same_key(shape, "t", other),
            // The list is what the rows are fetched by, whatever the planner thinks of the join.
            Self::ByTid { .. } | Self::Anywhere => {
                format!("t.ctid = {other}.tid AND t.ctid = ANY(ARRAY(SELECT tid FROM locked))")
            }
        }
    }

    /// Whether the new version of a row `u`, at `place`, lies outside of the blocks where it was looked for.
    fn moved(self) -> Option<String> {
        match self {
            Self::ByKey => None,
            Self::Anywhere => Some("true".into()),
            Self::ByTid { from_block, to_block } => {
                Some(format!("NOT (u.place >= '({from_block},0)'::tid AND u.place < '({to_block},0)'::tid)"))
            }
        }
    }
}

/// "The row lies in one of these blocks", the last one excluded.
pub(crate) fn blocks(alias: &str, from: i64, to: i64) -> String {
    format!("{alias}.ctid >= '({from},0)'::tid AND {alias}.ctid < '({to},0)'::tid")
}

/// Everything that a correction must leave as it is, of the row `t`, as one number. The same expression
/// before and after; summed up, because rows come in any order.
pub(crate) fn digest(shape: &Shape) -> String {
    let others: Vec<String> = shape.others.iter().map(|c| c.hashable("t")).collect();
    format!("hash_record_extended(ROW({}), 0)", others.join(", "))
}

/// The CTE `locked`, reading a CTE `todo` with `k1.., cur, put, clash` (and `m1..` when `matched`): the
/// rows of the target that nobody else holds and that still have value `cur` (and still those match
/// columns).
pub(crate) fn locked(shape: &Shape, matched: bool) -> String {
    let still_matched = if matched {
        numbered(&shape.matches, "", |i, c| format!(" AND {} = d.m{i}", c.text_of("t")))
    } else {
        String::new()
    };
    format!(
        "locked AS MATERIALIZED (
           SELECT {keys}, d.cur, d.put, d.clash, {digest} AS before
           FROM todo d JOIN {target} t ON {same}
           WHERE {value} IS NOT DISTINCT FROM d.cur{still_matched}
           FOR NO KEY UPDATE OF t SKIP LOCKED)",
        keys = numbered(&shape.key, ", ", |i, _| format!("d.k{i}")),
        digest = digest(shape),
        target = shape.target,
        same = same_key(shape, "t", "d"),
        value = shape.value.text_of("t"),
    )
}

/// The CTEs `upd` and `jr`, reading `locked`: each of its rows gets value `put`.
pub(crate) fn written(shape: &Shape, find: Find, run: &str, chunk: i64, args: &mut Args) -> String {
    // Places are worth their room where a rollback by places can follow: after a walk by blocks.
    let (place, columns, places, group) = match find.moved() {
        None => ("", "", String::new(), ""),
        Some(moved) => (
            "t.tableoid AS leaf, t.ctid AS place, ",
            ", leaf, moved, row_tids, from_block, to_block, written_by",
            format!(
                ", u.leaf, {moved}, array_agg(u.place), (min(u.place)::text::point)[0]::bigint,
                  (max(u.place)::text::point)[0]::bigint + 1, pg_current_xact_id()::xid"
            ),
            ", u.leaf, 8",
        ),
    };
    format!(
        "upd AS (
           UPDATE {target} t SET {column} = {put} FROM locked l WHERE {same}
           RETURNING {place}{keys}, l.cur, l.put, l.clash, l.before, {value} AS stored, {digest} AS after),
         jr AS (
           INSERT INTO amend.journal (run_id, chunk, old_value, new_value, row_count, row_keys{columns})
           SELECT {run}, {chunk}, u.cur, u.stored, count(*), array_agg({key}){places}
           FROM upd u GROUP BY u.cur, u.stored{group}
           RETURNING row_count)",
        target = shape.target,
        column = shape.value.quoted,
        put = shape.value.assigned("l.put"),
        same = find.same(shape, "l"),
        keys = numbered(&shape.key, ", ", |i, _| format!("l.k{i}")),
        value = shape.value.text_of("t"),
        digest = digest(shape),
        run = args.text(run),
        chunk = args.int(chunk),
        key = journal_key(shape, "u"),
    )
}

/// Aggregates over `upd` and `jr`: `changed, forced, refused, journalled, before, after`. `refused`
/// are rows in which something else than the value that was put is stored.
pub(crate) const TOTALS: &str = "(SELECT coalesce(sum(row_count), 0)::bigint FROM jr) AS journalled,
    u.changed, u.forced, u.refused, u.before, u.after
    FROM (SELECT count(*) AS changed, count(*) FILTER (WHERE clash) AS forced,
                 count(*) FILTER (WHERE stored IS DISTINCT FROM put) AS refused,
                 coalesce(sum(before), 0)::text AS before, coalesce(sum(after), 0)::text AS after
          FROM upd) u";
