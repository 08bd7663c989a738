//! One step of a rollback, and looks at what a rollback would find.

use amend_domain::{ConflictPolicy, Rule, Scope};

use super::{
    apply, filter, finding::classify, keys_of_journal, numbered, reference, reference::Among, same_key, symbol, time,
};
use crate::{shape::Shape, tx::Args};

/// A part of a journal entry: `len` keys after the first `skip`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub entry: i64,
    pub skip: i64,
    pub len: i64,
}

/// `j AS (...)` with `key, was, wrote` for the keys of some parts.
fn of_parts(parts: &[Part], args: &mut Args) -> String {
    let column = |get: fn(&Part) -> i64| parts.iter().map(get).collect::<Vec<_>>();
    format!(
        "j AS MATERIALIZED (
           SELECT k.key, e.old_value AS was, e.new_value AS wrote
           FROM unnest({}, {}, {}) AS p(entry, skip, len)
           JOIN amend.journal e ON e.id = p.entry
           CROSS JOIN LATERAL unnest(e.keys[p.skip + 1 : p.skip + p.len]) AS k(key))",
        args.ints(&column(|p| p.entry)),
        args.ints(&column(|p| p.skip)),
        args.ints(&column(|p| p.len)),
    )
}

/// Whether a key stands twice in these parts: then a step must not take them together, because what
/// undoing the later one finds depends on it.
pub(crate) fn overlap(parts: &[Part], args: &mut Args) -> String {
    format!("WITH {} SELECT count(*) <> count(DISTINCT key COLLATE \"C\") AS twice FROM j", of_parts(parts, args))
}

/// `jk AS (...)` adds the raw keys to `j`; `seen AS (...)` what the target has at them now:
/// `there, cur, mine` (whether the row is in scope).
fn seen(shape: &Shape, scope: &Scope, hint: &str, args: &mut Args) -> String {
    let mine = filter::scope(shape, scope, args);
    let k = numbered(&shape.key, ", ", |i, _| format!("jk.k{i}"));
    format!(
        "jk AS (SELECT j.*, {raw} FROM j),
         seen AS {hint} (
           SELECT jk.key, jk.was, jk.wrote, {k}, {first_key} IS NOT NULL AS there, {value} AS cur, {mine} AS mine
           FROM jk LEFT JOIN {target} t ON {same})",
        raw = keys_of_journal(shape, "j.key"),
        first_key = shape.key[0].of("t"),
        value = shape.value.text_of("t"),
        mine = mine.sql(),
        target = shape.target,
        same = same_key(shape, "t", "jk"),
    )
}

/// Still what Amend wrote.
const RESTORABLE: &str = "there AND mine AND cur IS NOT DISTINCT FROM wrote";
/// Already what was there before.
const ORIGINAL: &str = "there AND mine AND cur IS DISTINCT FROM wrote AND cur IS NOT DISTINCT FROM was";
/// Somebody else's.
const CHANGED: &str = "there AND mine AND cur IS DISTINCT FROM wrote AND cur IS DISTINCT FROM was";

/// A row that is gone has no symbol, so a scope cannot claim it.
fn deleted(scope: &Scope) -> &'static str {
    if scope.symbols.is_some() { "false" } else { "NOT there" }
}

/// The four counts.
fn counts(scope: &Scope) -> String {
    format!(
        "count(*) FILTER (WHERE {RESTORABLE}) AS restorable, count(*) FILTER (WHERE {ORIGINAL}) AS original,
         count(*) FILTER (WHERE {CHANGED}) AS changed_since, count(*) FILTER (WHERE {}) AS deleted",
        deleted(scope)
    )
}

/// What [`restore`] needs besides the shape.
pub(crate) struct Restore<'a> {
    pub parts: &'a [Part],
    pub scope: &'a Scope,
    pub on_conflict: ConflictPolicy,
    pub run: &'a str,
    pub chunk: i64,
}

/// Restores the keys of some parts and answers with one row: the four counts, `todo`, and the
/// [`apply::TOTALS`].
pub(crate) fn restore(shape: &Shape, what: &Restore<'_>, args: &mut Args) -> String {
    let wanted = match what.on_conflict {
        ConflictPolicy::Force => format!("({RESTORABLE}) OR ({CHANGED})"),
        ConflictPolicy::Skip | ConflictPolicy::Stop => RESTORABLE.to_owned(),
    };
    let k = numbered(&shape.key, ", ", |i, _| format!("k{i}"));
    format!(
        "WITH {parts}, {seen},
         todo AS MATERIALIZED (
           SELECT {k}, cur, was AS put, cur IS DISTINCT FROM wrote AS clash FROM seen WHERE {wanted}),
         {apply}
         SELECT n.*, (SELECT count(*) FROM todo) AS todo, {totals}
         CROSS JOIN (SELECT {counts} FROM seen) n",
        parts = of_parts(what.parts, args),
        seen = seen(shape, what.scope, "MATERIALIZED", args),
        apply = apply::ctes(shape, apply::Find::ByKey, false, what.run, what.chunk, args),
        totals = apply::TOTALS,
        counts = counts(what.scope),
    )
}

/// `j` with all keys of a run.
fn of_run(run: &str, args: &mut Args) -> String {
    format!(
        "j AS (SELECT k.key, e.old_value AS was, e.new_value AS wrote
               FROM amend.journal e CROSS JOIN LATERAL unnest(e.keys) AS k(key) WHERE e.run = {})",
        args.text(run)
    )
}

/// The four counts over a whole run.
pub(crate) fn count(shape: &Shape, run: &str, scope: &Scope, args: &mut Args) -> String {
    format!(
        "WITH {}, {} SELECT {} FROM seen",
        of_run(run, args),
        seen(shape, scope, "NOT MATERIALIZED", args),
        counts(scope)
    )
}

/// A few rows of each kind, as `(kind, key, symbol, ts, dimensions, cur, put, finding)`; of a deleted
/// row only the key is known. Restorable rows are met at once, the others, which may be few or none,
/// are looked for in one pass.
pub(crate) fn samples(shape: &Shape, rule: &Rule, run: &str, scope: &Scope, each: u32, args: &mut Args) -> String {
    let k = numbered(&shape.key, ", ", |i, _| format!("k{i}"));
    let texts = numbered(&shape.matches, ", ", |i, c| format!("{} AS m{i}", c.text_of("t")));
    let dimensions: Vec<String> = shape.dimensions.iter().map(|c| c.text_of("t")).collect();
    let ts = match &shape.timestamp {
        Some(c) => time::readable(&time::instant(c, &c.of("t"))),
        None => "NULL::timestamptz".into(),
    };
    format!(
        "WITH {of_run}, {seen},
         few AS MATERIALIZED (
           (SELECT 'restorable' AS kind, key, {k}, cur, was FROM seen WHERE {RESTORABLE} LIMIT {each})
           UNION ALL
           SELECT kind, key, {k}, cur, was
           FROM (SELECT *, row_number() OVER (PARTITION BY kind) AS no
                 FROM (SELECT CASE WHEN there THEN 'changed' ELSE 'deleted' END AS kind, key, {k}, cur, was
                       FROM seen WHERE ({CHANGED}) OR ({deleted})) rare) numbered
           WHERE no <= {each}),
         shown AS MATERIALIZED (
           SELECT few.kind, few.key, {symbol} AS symbol, {ts} AS ts, ARRAY[{dimensions}]::text[] AS dimensions, few.cur, few.was, {texts}
           FROM few LEFT JOIN {target} t ON {same}),
         {resolved}
         SELECT s.kind, s.key, s.symbol, s.ts, s.dimensions, s.cur, s.was AS put, {finding} AS finding
         FROM shown s LEFT JOIN ref r ON {on}",
        of_run = of_run(run, args),
        seen = seen(shape, scope, "NOT MATERIALIZED", args),
        resolved = reference::resolved(shape, rule, args, Some(Among { cte: "shown", rows: i64::from(each) })),
        deleted = deleted(scope),
        symbol = symbol(shape, "t"),
        dimensions = dimensions.join(", "),
        target = shape.target,
        same = same_key(shape, "t", "few"),
        finding = classify("s.cur", args),
        on = reference::join(shape, "s"),
    )
}
