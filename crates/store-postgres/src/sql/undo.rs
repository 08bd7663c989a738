//! Undoing a run by places: which chunks have them, the rows that are still there, what is set aside.

use amend_domain::RollbackScope;

use super::{apply, numbered, restore::in_entry};
use crate::{shape::Shape, tx::Args};

/// "Entry `e` of the journal knows the places of its rows and who wrote them there, in a table that holds
/// rows of the target."
fn placed(shape: &Shape, args: &mut Args) -> String {
    let target = args.text(&shape.target);
    format!(
        "(e.row_tids IS NOT NULL AND e.written_by IS NOT NULL AND e.leaf IN (
           SELECT to_regclass({target})::oid UNION ALL SELECT relid::oid FROM pg_partition_tree(to_regclass({target}))))"
    )
}

/// How many rows there are, how many have places, and the chunks that these are of.
pub(crate) fn places(shape: &Shape, source: &str, scope: &RollbackScope, args: &mut Args) -> String {
    format!(
        "SELECT coalesce(sum(e.row_count), 0)::bigint AS rows,
                coalesce(sum(e.row_count) FILTER (WHERE p.placed), 0)::bigint AS placed,
                coalesce(max(e.chunk) FILTER (WHERE p.placed), 0) AS last
         FROM amend.journal e CROSS JOIN LATERAL (SELECT {} AS placed) p
         WHERE e.run_id = {} AND {}",
        placed(shape, args),
        args.text(source),
        in_entry(scope, args),
    )
}

/// Which rows of a chunk a walk takes. Those that found no room where they were take the room that the
/// others need to stay where they are, so they come last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    AtHome,
    Moved,
}

/// Chunks of a run, the last one excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chunks {
    pub from: i64,
    pub to: i64,
    pub stage: Stage,
}

/// Entries with places of these chunks.
fn of_chunks(shape: &Shape, source: &str, scope: &RollbackScope, chunks: Chunks, args: &mut Args) -> String {
    format!(
        "e.run_id = {} AND e.chunk >= {} AND e.chunk < {} AND {}e.moved AND {} AND {}",
        args.text(source),
        args.int(chunks.from),
        args.int(chunks.to),
        if chunks.stage == Stage::Moved { "" } else { "NOT " },
        placed(shape, args),
        in_entry(scope, args),
    )
}

/// `chunk, leaf, rows, from_block, to_block`, in the order of writing. A chunk is of one leaf, quoted as SQL takes it.
pub(crate) fn next(shape: &Shape, source: &str, scope: &RollbackScope, chunks: Chunks, args: &mut Args) -> String {
    format!(
        "SELECT e.chunk, quote_ident(s.nspname) || '.' || quote_ident(c.relname) AS leaf,
                sum(e.row_count)::bigint AS rows, min(e.from_block) AS from_block, max(e.to_block) AS to_block
         FROM amend.journal e JOIN pg_class c ON c.oid = e.leaf JOIN pg_namespace s ON s.oid = c.relnamespace
         WHERE {} GROUP BY 1, 2 ORDER BY 1, 2",
        of_chunks(shape, source, scope, chunks, args)
    )
}

const SET_ASIDE: &str = "INSERT INTO amend.set_aside (run_id, id, chunk, old_value, new_value, row_count, row_keys)";

/// Sets aside all keys of some chunks.
pub(crate) fn set_aside(
    shape: &Shape,
    run: &str,
    source: &str,
    scope: &RollbackScope,
    chunks: Chunks,
    args: &mut Args,
) -> String {
    format!(
        "{SET_ASIDE} SELECT {}, e.id, e.chunk, e.old_value, e.new_value, e.row_count, e.row_keys
         FROM amend.journal e WHERE {}",
        args.text(run),
        of_chunks(shape, source, scope, chunks, args),
    )
}

/// Sets aside all keys of entries without places.
pub(crate) fn set_aside_unplaced(
    shape: &Shape,
    run: &str,
    source: &str,
    scope: &RollbackScope,
    args: &mut Args,
) -> String {
    format!(
        "{SET_ASIDE} SELECT {}, e.id, e.chunk, e.old_value, e.new_value, e.row_count, e.row_keys
         FROM amend.journal e WHERE e.run_id = {} AND NOT {} AND {}",
        args.text(run),
        args.text(source),
        placed(shape, args),
        in_entry(scope, args),
    )
}

/// What [`undo`] needs besides the shape of the leaf.
pub(crate) struct Undo<'a> {
    pub run: &'a str,
    pub source: &'a str,
    pub scope: &'a RollbackScope,
    pub chunks: Chunks,
    /// The blocks that the rows are in, where these are worth being read as a range; it is also what
    /// makes room in them, because PostgreSQL prunes a page that it reads in a scan and not one that it
    /// is led to by a place.
    pub find: apply::Find,
    /// The rollback's own chunk.
    pub chunk: i64,
}

/// Answers with one row: `named`, `aside` and the [`apply::TOTALS`]. A place may hold another row by
/// now, or another version of the row, even one with the same value that the same run wrote later: key,
/// value and the transaction that wrote the version are looked at before anything is written.
pub(crate) fn undo(target: &Shape, leaf: &Shape, what: &Undo<'_>, args: &mut Args) -> String {
    format!(
        "WITH j AS MATERIALIZED (
           SELECT e.id AS entry, e.chunk, e.old_value AS was, e.new_value AS wrote, e.written_by, k.key, k.tid
           FROM amend.journal e CROSS JOIN LATERAL unnest(e.row_keys, e.row_tids) AS k(key, tid)
           WHERE {these}),
         locked AS MATERIALIZED (
           SELECT t.ctid AS tid, j.key, {keys}, j.wrote AS cur, j.was AS put, false AS clash, {digest} AS before
           FROM j JOIN {leaf_name} t ON t.ctid = j.tid
           WHERE {range} AND t.xmin = j.written_by AND {same} AND {value} IS NOT DISTINCT FROM j.wrote
           FOR NO KEY UPDATE OF t SKIP LOCKED),
         {written},
         aside AS (
           {SET_ASIDE}
           SELECT {run}, j.entry, j.chunk, j.was, j.wrote, count(*), array_agg(j.key)
           FROM j WHERE (SELECT count(*) FROM j) > (SELECT count(*) FROM locked)
             AND NOT EXISTS (SELECT 1 FROM locked l WHERE l.key = j.key)
           GROUP BY j.entry, j.chunk, j.was, j.wrote
           RETURNING row_count)
         SELECT (SELECT count(*) FROM j) AS named,
                (SELECT coalesce(sum(row_count), 0)::bigint FROM aside) AS aside, {totals}",
        these = of_chunks(target, what.source, what.scope, what.chunks, args),
        keys = numbered(&leaf.key, ", ", |i, c| format!("{} AS k{i}", c.of("t"))),
        digest = apply::digest(leaf),
        leaf_name = leaf.target,
        range = match what.find {
            apply::Find::ByTid { from_block, to_block } => apply::blocks("t", from_block, to_block),
            apply::Find::ByKey | apply::Find::Anywhere => "t.ctid = ANY(ARRAY(SELECT tid FROM j))".into(),
        },
        same = super::is_journalled(leaf, "t", "j.key"),
        value = leaf.value.text_of("t"),
        written = apply::written(leaf, what.find, what.run, what.chunk, args),
        run = args.text(what.run),
        totals = apply::TOTALS,
    )
}
