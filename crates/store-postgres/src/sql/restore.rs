//! One step of a rollback, and looks at what a rollback would find.

use amend_domain::{ConflictPolicy, RollbackScope, Rule};
use amend_engine::store::StoreError;

use super::{
    apply, failed, filter, finding::classify, key_texts, keys_of_journal, numbered, reference, reference::Among,
    same_key, symbol, time,
};
use crate::{shape::Shape, tx::Args};

/// A part of a journal entry: `len` keys after the first `skip`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub entry: i64,
    pub skip: i64,
    pub len: i64,
}

/// Where entries stand, with the run that they belong to: the one that is undone, or the rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From<'a> {
    Journal(&'a str),
    SetAside(&'a str),
}

impl From<'_> {
    pub(crate) const fn table(self) -> &'static str {
        match self {
            Self::Journal(_) => "amend.journal",
            Self::SetAside(_) => "amend.set_aside",
        }
    }

    pub(crate) const fn run(&self) -> &str {
        match self {
            Self::Journal(run) | Self::SetAside(run) => run,
        }
    }
}

/// `j AS (...)` with `key, was, wrote` for the keys of some parts.
fn of_parts(from: From<'_>, parts: &[Part], only: &str, args: &mut Args) -> String {
    let column = |get: fn(&Part) -> i64| parts.iter().map(get).collect::<Vec<_>>();
    format!(
        "j AS MATERIALIZED (
           SELECT k.key, e.old_value AS was, e.new_value AS wrote
           FROM unnest({}, {}, {}) AS p(entry, skip, len)
           JOIN {} e ON e.run_id = {} AND e.id = p.entry
           CROSS JOIN LATERAL unnest(e.row_keys[p.skip + 1 : p.skip + p.len]) AS k(key)
           WHERE {only})",
        args.ints(&column(|p| p.entry)),
        args.ints(&column(|p| p.skip)),
        args.ints(&column(|p| p.len)),
        from.table(),
        args.text(from.run()),
    )
}

/// Whether a key stands twice in these parts: then a step must not take them together, because what
/// undoing the later one finds depends on it.
pub(crate) fn overlap(from: From<'_>, parts: &[Part], args: &mut Args) -> String {
    format!(
        "WITH {} SELECT count(*) <> count(DISTINCT key COLLATE \"C\") AS twice FROM j",
        of_parts(from, parts, "true", args)
    )
}

/// `jk AS (...)` adds the raw keys to `j`; `seen AS (...)` what the target has at them now:
/// `there, cur, mine` (whether the row is in scope).
fn seen(shape: &Shape, scope: &RollbackScope, hint: &str, args: &mut Args) -> String {
    let mine = match &scope.symbols {
        Some(wanted) => filter::symbols(shape, "t", wanted, args),
        None => "true".into(),
    };
    let k = numbered(&shape.key, ", ", |i, _| format!("jk.k{i}"));
    format!(
        "jk AS (SELECT j.*, {raw} FROM j),
         seen AS {hint} (
           SELECT jk.key, jk.was, jk.wrote, {k}, {first_key} IS NOT NULL AS there, {value} AS cur, {mine} AS mine
           FROM jk LEFT JOIN {target} t ON {same})",
        raw = keys_of_journal(shape, "j.key"),
        first_key = shape.key[0].of("t"),
        value = shape.value.text_of("t"),
        target = shape.target,
        same = same_key(shape, "t", "jk"),
    )
}

/// Still what Amend wrote. That it is what was there before says more: a list made of a copy names no other
/// value where nobody knows what Amend wrote.
const RESTORABLE: &str = "there AND mine AND cur IS NOT DISTINCT FROM wrote AND cur IS DISTINCT FROM was";
/// Already what was there before.
const ORIGINAL: &str = "there AND mine AND cur IS NOT DISTINCT FROM was";
/// Somebody else's.
const CHANGED: &str = "there AND mine AND cur IS DISTINCT FROM wrote AND cur IS DISTINCT FROM was";

/// A row that is gone has no symbol, so a scope cannot claim it.
pub(crate) fn deleted(scope: &RollbackScope) -> &'static str {
    if scope.symbols.is_some() { "false" } else { "NOT there" }
}

/// The four counts.
fn counts(scope: &RollbackScope) -> String {
    format!(
        "count(*) FILTER (WHERE {RESTORABLE}) AS restorable, count(*) FILTER (WHERE {ORIGINAL}) AS original,
         count(*) FILTER (WHERE {CHANGED}) AS changed_since, count(*) FILTER (WHERE {}) AS deleted",
        deleted(scope)
    )
}

/// What [`restore`] needs besides the shape.
pub(crate) struct Restore<'a> {
    pub parts: &'a [Part],
    pub from: From<'a>,
    pub scope: &'a RollbackScope,
    pub on_conflict: ConflictPolicy,
    /// The rollback has failed rows, which are passed over.
    pub pass_over: bool,
    pub run: &'a str,
    pub chunk: i64,
}

/// The CTEs `j`, `seen` and `todo`: the keys of some parts, their rows, those of them to be restored.
fn candidates(shape: &Shape, what: &Restore<'_>, args: &mut Args) -> Result<String, StoreError> {
    let only = in_rows(shape, what.scope, "k.key", args)?;
    let wanted = match what.on_conflict {
        ConflictPolicy::Force => format!("(({RESTORABLE}) OR ({CHANGED}))"),
        ConflictPolicy::Skip | ConflictPolicy::Stop => RESTORABLE.to_owned(),
    };
    let listed = if what.pass_over {
        format!(" AND NOT {}", failed::stands(what.run, &key_texts(shape, "seen"), "seen.cur", args))
    } else {
        String::new()
    };
    Ok(format!(
        "{parts}, {seen},
         todo AS MATERIALIZED (
           SELECT {k}, cur, was AS put, cur IS DISTINCT FROM wrote AS clash FROM seen WHERE {wanted}{listed})",
        parts = of_parts(what.from, what.parts, &only, args),
        seen = seen(shape, what.scope, "MATERIALIZED", args),
        k = numbered(&shape.key, ", ", |i, _| format!("k{i}")),
    ))
}

/// The row that these parts would restore, as `parts, symbol, cur, put`; writes nothing.
pub(crate) fn next(shape: &Shape, what: &Restore<'_>, args: &mut Args) -> Result<String, StoreError> {
    Ok(format!(
        "WITH {} SELECT {} AS parts, {} AS symbol, d.cur, d.put FROM todo d JOIN {} t ON {} LIMIT 1",
        candidates(shape, what, args)?,
        key_texts(shape, "d"),
        symbol(shape, "t"),
        shape.target,
        same_key(shape, "t", "d"),
    ))
}

/// Restores the keys of some parts and answers with one row: the four counts, `todo`, and the
/// [`apply::TOTALS`].
pub(crate) fn restore(shape: &Shape, what: &Restore<'_>, args: &mut Args) -> Result<String, StoreError> {
    Ok(format!(
        "WITH {candidates},
         {locked},
         {written}
         SELECT n.*, (SELECT count(*) FROM todo) AS todo, {totals}
         CROSS JOIN (SELECT {counts} FROM seen) n",
        candidates = candidates(shape, what, args)?,
        locked = apply::locked(shape, false),
        written = apply::written(shape, apply::Find::ByKey, what.run, what.chunk, args),
        totals = apply::TOTALS,
        counts = counts(what.scope),
    ))
}

/// `j` and `seen` with all keys of some entries that the scope claims by what these say.
pub(crate) fn looks(
    shape: &Shape,
    from: From<'_>,
    scope: &RollbackScope,
    args: &mut Args,
) -> Result<String, StoreError> {
    Ok(format!(
        "j AS (SELECT k.key, e.old_value AS was, e.new_value AS wrote
               FROM {} e CROSS JOIN LATERAL unnest(e.row_keys) AS k(key)
               WHERE e.run_id = {} AND {} AND {}), {}",
        from.table(),
        args.text(from.run()),
        in_entry(scope, args),
        in_rows(shape, scope, "k.key", args)?,
        seen(shape, scope, "NOT MATERIALIZED", args),
    ))
}

/// The next entries of a run's journal from `start` down that hold a key of the scope.
pub(crate) fn entries(
    shape: &Shape,
    from: From<'_>,
    scope: &RollbackScope,
    start: i64,
    most: i64,
    args: &mut Args,
) -> Result<String, StoreError> {
    let rows = match scope.rows {
        Some(_) => {
            let one = in_rows(shape, scope, "k.key", args)?;
            format!("EXISTS (SELECT 1 FROM unnest(e.row_keys) AS k(key) WHERE {one})")
        }
        None => "true".into(),
    };
    Ok(format!(
        "SELECT e.id, e.chunk, e.row_count AS rows FROM {} e
         WHERE e.run_id = {} AND e.id <= {} AND {} AND {rows} ORDER BY e.id DESC LIMIT {most}",
        from.table(),
        args.text(from.run()),
        args.int(start),
        in_entry(scope, args),
    ))
}

/// What a scope says about an entry `e` of the journal.
pub(crate) fn in_entry(scope: &RollbackScope, args: &mut Args) -> String {
    let mut all = filter::Conditions::default();
    for (column, wanted) in [("old_value", &scope.old_values), ("new_value", &scope.new_values)] {
        if let Some(wanted) = wanted {
            let list = args.nullable_texts(wanted);
            all.add(format!("EXISTS (SELECT 1 FROM unnest({list}) AS w(v) WHERE {})", same("w.v", column)));
        }
    }
    if let Some(pairs) = &scope.pairs {
        let old: Vec<_> = pairs.iter().map(|p| p.old.clone()).collect();
        let new: Vec<_> = pairs.iter().map(|p| p.new.clone()).collect();
        let (old, new) = (args.nullable_texts(&old), args.nullable_texts(&new));
        let (old_same, new_same) = (same("w.o", "old_value"), same("w.n", "new_value"));
        all.add(format!("EXISTS (SELECT 1 FROM unnest({old}, {new}) AS w(o, n) WHERE {old_same} AND {new_same})"));
    }
    if let Some(chunks) = &scope.chunks {
        all.add(format!("e.chunk = ANY({})", args.ints(chunks)));
    }
    all.sql()
}

/// The same text, byte by byte, or both null.
fn same(wanted: &str, column: &str) -> String {
    format!("e.{column} COLLATE \"C\" IS NOT DISTINCT FROM {wanted}")
}

/// "This journalled key is one of the scope's rows".
///
/// # Errors
/// [`StoreError::Unsupported`] for a key that has not as many parts as the rule's.
pub(crate) fn in_rows(shape: &Shape, scope: &RollbackScope, key: &str, args: &mut Args) -> Result<String, StoreError> {
    let Some(wanted) = &scope.rows else { return Ok("true".into()) };
    if shape.key.len() == 1 {
        return Ok(format!("{key} COLLATE \"C\" = ANY({})", args.texts(wanted)));
    }
    let mut columns: Vec<Vec<String>> = vec![Vec::with_capacity(wanted.len()); shape.key.len()];
    for text in wanted {
        let parts: Vec<String> = serde_json::from_str(text).unwrap_or_default();
        if parts.len() != shape.key.len() {
            return Err(StoreError::Unsupported(format!(
                "Row key {text} is no JSON array of {} texts, as the key of {} has columns.",
                shape.key.len(),
                shape.target
            )));
        }
        for (column, part) in columns.iter_mut().zip(parts) {
            column.push(part);
        }
    }
    let lists: Vec<String> = columns.iter().map(|column| args.texts(column)).collect();
    let parts = numbered(&shape.key, ", ", |i, _| format!("({key}::json ->> {}) COLLATE \"C\"", i.saturating_sub(1)));
    Ok(format!("({parts}) IN (SELECT * FROM unnest({}))", lists.join(", ")))
}

/// The four counts over all that is looked at.
pub(crate) fn count(looks: &str, scope: &RollbackScope) -> String {
    format!("WITH {looks} SELECT {} FROM seen", counts(scope))
}

/// Restorable entries of rows that have come full circle, as `circles`. Entries about a row hang together
/// where each found what the one before had written; the newest of such chains says with what it began.
pub(crate) fn circles(shape: &Shape, run: &str, scope: &RollbackScope, args: &mut Args) -> Result<String, StoreError> {
    Ok(format!(
        "WITH {looks},
         fit AS MATERIALIZED (SELECT key, cur FROM seen WHERE {RESTORABLE}),
         chain AS (
           SELECT k.key, e.id, e.old_value AS was, lag(e.new_value) OVER one AS before, row_number() OVER one AS nth
           FROM amend.journal e CROSS JOIN LATERAL unnest(e.row_keys) AS k(key)
           WHERE e.run_id = {run} AND k.key COLLATE \"C\" IN (SELECT key COLLATE \"C\" FROM fit)
           WINDOW one AS (PARTITION BY k.key COLLATE \"C\" ORDER BY e.id)),
         begun AS (
           SELECT DISTINCT ON (key COLLATE \"C\") key, was FROM chain
           WHERE nth = 1 OR before COLLATE \"C\" IS DISTINCT FROM was ORDER BY key COLLATE \"C\", id DESC)
         SELECT count(*) AS circles FROM fit JOIN begun ON begun.key COLLATE \"C\" = fit.key
         WHERE fit.cur COLLATE \"C\" IS NOT DISTINCT FROM begun.was",
        looks = looks(shape, From::Journal(run), scope, args)?,
        run = args.text(run),
    ))
}

/// A few rows of each kind, as `(kind, key, symbol, ts, dimensions, cur, put, finding)`; of a deleted
/// row only the key is known. Restorable rows are met at once, the others, which may be few or none,
/// are looked for in one pass.
pub(crate) fn samples(
    shape: &Shape,
    rule: &Rule,
    looks: &str,
    scope: &RollbackScope,
    each: u32,
    args: &mut Args,
) -> String {
    let k = numbered(&shape.key, ", ", |i, _| format!("k{i}"));
    let texts = numbered(&shape.matches, ", ", |i, c| format!("{} AS m{i}", c.text_of("t")));
    let dimensions: Vec<String> = shape.dimensions.iter().map(|c| c.text_of("t")).collect();
    let ts = match &shape.timestamp {
        Some(c) => time::readable(&time::instant(c, &c.of("t"))),
        None => "NULL::timestamptz".into(),
    };
    format!(
        "WITH {looks},
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
