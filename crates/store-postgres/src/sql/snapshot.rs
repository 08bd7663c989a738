//! What differs from a copy of the target, and whose the present values are.

use amend_domain::RollbackScope;
use amend_engine::store::StoreError;

use super::{
    filter, journal_key, numbered,
    restore::{deleted, in_rows},
    same_key,
};
use crate::{shape::Shape, tx::Args};

/// Keys of one entry of a list, at most.
const KEYS: i64 = 1_000;

/// A copy, and the run that made it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Copy<'a> {
    /// As SQL takes it.
    pub table: &'a str,
    pub run: &'a str,
}

/// The CTEs `claim`, `b` and `seen`, the last with the columns that a look at a journal gives: each row of
/// the copy in scope with what the target has at its key. `wrote` is the newest value in the journals of the
/// rule's runs since the copy, and the copy's own value where no journal has the key, so that such a row is
/// either as it was or somebody else's.
pub(crate) fn looks(
    shape: &Shape,
    copy: Copy<'_>,
    scope: &RollbackScope,
    args: &mut Args,
) -> Result<String, StoreError> {
    let mine = match &scope.symbols {
        Some(wanted) => filter::symbols(shape, "t", wanted, args),
        None => "true".into(),
    };
    let old = match &scope.old_values {
        Some(wanted) => format!(
            "EXISTS (SELECT 1 FROM unnest({}) AS w(v) WHERE b.was COLLATE \"C\" IS NOT DISTINCT FROM w.v)",
            args.nullable_texts(wanted)
        ),
        None => "true".into(),
    };
    Ok(format!(
        "claim AS MATERIALIZED (
           SELECT DISTINCT ON (k.key COLLATE \"C\") k.key, e.new_value AS wrote
           FROM amend.journal e CROSS JOIN LATERAL unnest(e.row_keys) AS k(key)
           WHERE e.run_id IN (SELECT r.id FROM amend.run r JOIN amend.run o ON o.rule = r.rule AND r.seq >= o.seq
                              WHERE o.id = {run})
           ORDER BY k.key COLLATE \"C\", e.id DESC),
         b AS (
           SELECT {key} AS key, s.*
           FROM (SELECT {raw}, {value} AS was FROM {table} c) s),
         seen AS NOT MATERIALIZED (
           SELECT b.key, b.was, CASE WHEN claim.key IS NULL THEN b.was ELSE claim.wrote END AS wrote, {k},
                  {first_key} IS NOT NULL AS there, {cur} AS cur, {mine} AS mine
           FROM b LEFT JOIN claim ON claim.key COLLATE \"C\" = b.key COLLATE \"C\"
                  LEFT JOIN {target} t ON {same}
           WHERE {old} AND {rows})",
        run = args.text(copy.run),
        key = journal_key(shape, "s"),
        raw = numbered(&shape.key, ", ", |i, c| format!("{} AS k{i}", c.of("c"))),
        value = shape.value.text_of("c"),
        table = copy.table,
        k = numbered(&shape.key, ", ", |i, _| format!("b.k{i}")),
        first_key = shape.key[0].of("t"),
        cur = shape.value.text_of("t"),
        target = shape.target,
        same = same_key(shape, "t", "b"),
        rows = in_rows(shape, scope, "b.key", args)?,
    ))
}

/// Lists what differs, in the order of the key from the highest number down: that is how entries are taken.
pub(crate) fn list(
    shape: &Shape,
    copy: Copy<'_>,
    run: &str,
    scope: &RollbackScope,
    args: &mut Args,
) -> Result<String, StoreError> {
    let k = numbered(&shape.key, ", ", |i, _| format!("k{i}"));
    Ok(format!(
        "WITH {looks},
         differs AS (
           SELECT key, was, wrote, (row_number() OVER (ORDER BY {k}) - 1) / {KEYS} AS part
           FROM seen WHERE (there AND mine AND cur IS DISTINCT FROM was) OR ({gone}))
         INSERT INTO amend.set_aside (run_id, id, chunk, old_value, new_value, row_count, row_keys)
         SELECT {run}, row_number() OVER (ORDER BY part DESC, was, wrote), part + 1, was, wrote, count(*), array_agg(key)
         FROM differs GROUP BY part, was, wrote",
        looks = looks(shape, copy, scope, args)?,
        gone = deleted(scope),
        run = args.text(run),
    ))
}
