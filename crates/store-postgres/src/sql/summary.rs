//! The one pass of an analysis: grouped first, joined with the reference after.

use amend_domain::{Finding, RowFilter, Rule, Scope};
use amend_engine::store::StoreError;

use super::{filter, finding::classify, numbered, reference, symbol_of_texts, time};
use crate::{shape::Shape, tx::Args};

/// Everything a summary needs, in rows of `(kind, symbol, current, proposed, finding, rows, first, last)`:
/// kind 0 is a group, 1.. the dimension of that number (its value in `symbol`), -1 the number of
/// match values in the target, -2 that of unused ones.
pub(crate) fn summarise(shape: &Shape, rule: &Rule, scope: &Scope, args: &mut Args) -> String {
    let dimensions = shape.dimensions.len();
    let grouped = grouped(shape, &filter::scope(shape, scope, args), dimensions);
    let resolved = reference::resolved(shape, rule, args, None);
    let classified = classified(shape, args);
    let m = numbered(&shape.matches, ", ", |i, _| format!("m{i}"));
    let known = numbered(&shape.matches, " AND ", |i, _| format!("m{i} IS NOT NULL"));
    let same = numbered(&shape.matches, " AND ", |i, _| format!("g.m{i} = r.m{i}"));
    let in_scope = match &scope.symbols {
        Some(wanted) => format!("{} = ANY({})", symbol_of_texts(shape, "r"), args.texts(wanted)),
        None => "true".into(),
    };
    let first = time::readable("min(lo)");
    let last = time::readable("max(hi)");
    let mut sql = format!(
        "WITH {resolved}, {grouped}, {classified}
         SELECT 0 AS kind, symbol, cur, val, finding, sum(n)::bigint AS n, {first} AS first, {last} AS last
         FROM c WHERE part = 1 GROUP BY symbol, cur, val, finding
         UNION ALL
         SELECT -1, NULL, NULL, NULL, NULL, count(*), NULL, NULL
         FROM (SELECT DISTINCT {m} FROM c WHERE part = 1 AND {known}) used
         UNION ALL
         SELECT -2, NULL, NULL, NULL, NULL, count(*), NULL, NULL
         FROM {own} r WHERE {in_scope} AND NOT EXISTS (SELECT 1 FROM g WHERE {same})",
        own = reference::own(shape),
    );
    for d in 1..=dimensions {
        sql.push_str(&format!(
            " UNION ALL
             SELECT {d}, d{d}, NULL, NULL, finding, sum(n)::bigint, NULL, NULL
             FROM c WHERE part = {d} GROUP BY d{d}, finding"
        ));
    }
    sql
}

/// `g AS MATERIALIZED (...)`: rows of the target by match columns, value and dimensions, with
/// `m1.., cur, d1.., part, n, lo, hi`.
///
/// One dimension makes finer groups of the same pass. Several would multiply, so each gets a grouping
/// set of its own; `part` says which, and part 1 alone already has every row.
fn grouped(shape: &Shape, conditions: &filter::Conditions, dimensions: usize) -> String {
    let m = numbered(&shape.matches, ", ", |i, _| format!("m{i}"));
    let texts = numbered(&shape.matches, ", ", |i, c| format!("{} AS m{i}", c.text_of("t")));
    let ds = &shape.dimensions[..dimensions];
    let d_texts: String = ds.iter().enumerate().map(|(i, c)| format!(", {} AS d{}", c.text_of("t"), i + 1)).collect();
    let d_names: String = (1..=dimensions).map(|i| format!(", d{i}")).collect();
    let ts = shape.timestamp.as_ref().map(|c| format!(", {} AS ts", c.of("t"))).unwrap_or_default();
    let (lo, hi) = time::aggregates(shape.timestamp.as_ref(), "ts");
    let (part, by) = if dimensions <= 1 {
        ("1".to_owned(), format!("{m}, cur{d_names}"))
    } else {
        let whens: String = (1..=dimensions).map(|i| format!(" WHEN grouping(d{i}) = 0 THEN {i}")).collect();
        let sets: Vec<String> = (1..=dimensions).map(|i| format!("({m}, cur, d{i})")).collect();
        (format!("CASE{whens} END"), format!("GROUPING SETS ({})", sets.join(", ")))
    };
    format!(
        "g AS MATERIALIZED (
           SELECT {m}, cur{d_names}, {part} AS part, count(*) AS n, {lo} AS lo, {hi} AS hi
           FROM (SELECT {texts}, {value} AS cur{d_texts}{ts} FROM {target} t WHERE {conditions}) every
           GROUP BY {by})",
        value = shape.value.text_of("t"),
        target = shape.target,
        conditions = conditions.sql(),
    )
}

/// `c AS MATERIALIZED (...)`: the groups with `symbol`, `val` and `finding`.
fn classified(shape: &Shape, args: &mut Args) -> String {
    format!(
        "c AS MATERIALIZED (
           SELECT g.*, {symbol} AS symbol, r.val, {finding} AS finding
           FROM g LEFT JOIN ref r ON {on})",
        symbol = symbol_of_texts(shape, "g"),
        finding = classify("g.cur", args),
        on = reference::join(shape, "g"),
    )
}

/// How many rows pass a filter: grouped first as well, because a finding is one of a group.
///
/// # Errors
/// A filter that the rule has no column for.
pub(crate) fn count(shape: &Shape, rule: &Rule, wanted: &RowFilter, args: &mut Args) -> Result<String, StoreError> {
    let on_row = filter::on_row(shape, rule, wanted, args)?;
    let finding = classify("g.cur", args);
    let on_finding = filter::on_finding(wanted, &finding, args);
    if on_finding.is_empty() {
        return Ok(format!("SELECT count(*) AS n FROM {} t WHERE {}", shape.target, on_row.sql()));
    }
    Ok(format!(
        "WITH {resolved}, {grouped}
         SELECT coalesce(sum(g.n), 0)::bigint AS n FROM g LEFT JOIN ref r ON {on} WHERE {on_finding}",
        resolved = reference::resolved(shape, rule, args, None),
        grouped = grouped(shape, &on_row, 0),
        on = reference::join(shape, "g"),
        on_finding = on_finding.sql(),
    ))
}

/// For rows that are rare: more CTEs behind `ref`, each with its comma, and the condition on `t` that
/// leaves only rows of symbols that have a passing row, so that an index on the match column can find
/// them. `None` where that column's index cannot answer for texts.
pub(crate) fn picked(
    shape: &Shape,
    wanted: &RowFilter,
    on_row: &filter::Conditions,
    args: &mut Args,
) -> Option<(String, String)> {
    let [one] = shape.matches.as_slice() else { return None };
    if !one.compares_as_text() {
        return None;
    }
    let column = one.of("t");
    if filter::reference_names_them(wanted) {
        let named = "SELECT m1 COLLATE \"default\" FROM ref WHERE st <> 'v'";
        return Some((String::new(), format!("{column} = ANY(ARRAY({named}))")));
    }
    let finding = classify("g.cur", args);
    let passing = filter::on_finding(wanted, &finding, args);
    let ctes = format!(
        ", {grouped},
         picked AS MATERIALIZED (SELECT DISTINCT g.m1 FROM g LEFT JOIN ref r ON {on} WHERE {passing})",
        grouped = grouped(shape, on_row, 0),
        on = reference::join(shape, "g"),
        passing = passing.sql(),
    );
    let known = format!("{column} = ANY(ARRAY(SELECT m1 COLLATE \"default\" FROM picked WHERE m1 IS NOT NULL))");
    let condition = if one.not_null { known } else { format!("{known} OR {column} IS NULL") };
    Some((ctes, condition))
}

/// The symbols that need a person, those with most rows first, with their values (largest first, at
/// most 5 a symbol) in rows of `(symbol, matches, finding, total, first, last, cur, n, candidates)`.
/// `matches` is null when one of them is.
pub(crate) fn unresolved(shape: &Shape, rule: &Rule, limit: u32, args: &mut Args) -> String {
    let list = |alias: &str| numbered(&shape.matches, ", ", |i, _| format!("{alias}m{i}"));
    let of_reference = numbered(&shape.reference_matches, " AND ", |i, c| format!("{} = top.m{i}", c.text_of("q")));
    let words: Vec<String> =
        Finding::ALL.into_iter().filter(|f| f.needs_a_person()).map(|f| f.as_str().to_owned()).collect();
    // Every step reads its input once: a look into `c` for each symbol would be quadratic. The symbol's
    // place in the list says which it is, because a join on IS NOT DISTINCT FROM cannot hash.
    format!(
        "WITH {resolved}, {grouped}, {classified},
         open AS MATERIALIZED (
           SELECT c.*, dense_rank() OVER (ORDER BY {m}) AS no FROM c WHERE finding = ANY({words})),
         top AS MATERIALIZED (
           SELECT no, {m}, min(symbol) AS symbol, min(finding) AS finding, sum(n)::bigint AS total, min(lo) AS lo, max(hi) AS hi
           FROM open GROUP BY no, {m} ORDER BY total DESC, symbol LIMIT {limit}),
         v AS (
           SELECT no, cur, n, row_number() OVER (PARTITION BY no ORDER BY n DESC, cur) AS rank
           FROM (SELECT no, cur, sum(n)::bigint AS n FROM open GROUP BY no, cur) values_of),
         s AS (
           SELECT top.no, array_agg(DISTINCT {said}) AS candidates
           FROM top JOIN {reference} q ON {of_reference} GROUP BY top.no)
         SELECT top.symbol, CASE WHEN top.symbol IS NOT NULL THEN ARRAY[{parts}] END AS matches, top.finding, top.total, {first} AS first, {last} AS last, v.cur, v.n,
                coalesce(s.candidates, '{{}}') AS candidates
         FROM top JOIN v ON v.no = top.no AND v.rank <= 5 LEFT JOIN s ON s.no = top.no
         ORDER BY top.total DESC, top.symbol, {parts}, v.n DESC, v.cur",
        m = list(""),
        parts = list("top."),
        resolved = reference::resolved(shape, rule, args, None),
        grouped = grouped(shape, &filter::Conditions::default(), 0),
        classified = classified(shape, args),
        words = args.texts(&words),
        first = time::readable("top.lo"),
        last = time::readable("top.hi"),
        said = shape.reference_value.text_of("q"),
        reference = shape.reference,
    )
}
