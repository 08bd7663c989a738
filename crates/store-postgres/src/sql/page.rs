//! A page of rows with findings, by keyset.

use amend_domain::{RowQuery, RowSort, Rule, SortDirection};
use amend_engine::store::StoreError;

use super::{filter, finding::classify, numbered, reference, symbol, time};
use crate::{
    shape::{Column, Shape},
    tx::Args,
};

/// Rows with a null among the columns of the order come in a stage of their own, so that a comparison
/// of rows always compares values and an index can serve it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Known,
    Null,
}

/// The stages of an order, in its direction (nulls stand last, as PostgreSQL has them).
pub(crate) fn stages(shape: &Shape, query: &RowQuery) -> Vec<Stage> {
    if order_columns(shape, query.sort).iter().all(|c| c.not_null) {
        return vec![Stage::Known];
    }
    match query.direction {
        SortDirection::Asc => vec![Stage::Known, Stage::Null],
        SortDirection::Desc => vec![Stage::Null, Stage::Known],
    }
}

/// What comes before the key in an order. A rule without a time orders by key where time is asked for.
fn order_columns(shape: &Shape, sort: RowSort) -> Vec<Column> {
    match sort {
        RowSort::Key => Vec::new(),
        RowSort::Symbol => shape.matches.clone(),
        RowSort::Timestamp => shape.timestamp.iter().cloned().collect(),
    }
}

/// How many texts a position of this stage has.
pub(crate) fn position_len(shape: &Shape, query: &RowQuery, stage: Stage) -> usize {
    shape.key.len()
        + match stage {
            Stage::Known => order_columns(shape, query.sort).len(),
            Stage::Null => 0,
        }
}

/// How much of the table a statement looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// So many rows in the order asked for, whether they pass or not. A join that keeps an order is
    /// slow for many rows, so this reads a window first and joins it as a whole.
    Window(i64),
    /// All rows, of which the first that pass.
    Whole,
}

/// One statement of a page.
pub(crate) struct Look<'a> {
    pub rule: &'a Rule,
    pub query: &'a RowQuery,
    pub stage: Stage,
    /// The position (texts of the order's columns and the key) after which to go on.
    pub after: Option<&'a [String]>,
    pub reach: Reach,
    /// Rows that are still wanted.
    pub limit: i64,
}

/// Rows of `(looked, ends, position, symbol, ts, dimensions, cur, val, finding)`; a window without a
/// row that passes answers with one row whose `position` is null.
///
/// # Errors
/// A filter that the rule has no column for.
pub(crate) fn look(shape: &Shape, what: &Look<'_>, args: &mut Args) -> Result<String, StoreError> {
    let order = match what.stage {
        Stage::Known => order_columns(shape, what.query.sort),
        Stage::Null => Vec::new(),
    };
    let named = filter::by_named_symbols(shape, &what.query.filter);
    let conditions = conditions(shape, what, &order, named.as_deref(), args)?;
    let way = match what.query.direction {
        SortDirection::Asc => "",
        SortDirection::Desc => " DESC",
    };
    let sorted = |alias: &str| {
        let columns: Vec<String> = (1..=order.len())
            .map(|i| format!("{alias}.o{i}{way}"))
            .chain((1..=shape.key.len()).map(|i| format!("{alias}.k{i}{way}")))
            .collect();
        columns.join(", ")
    };
    let position = |alias: &str| {
        let texts: Vec<String> = (1..=order.len())
            .map(|i| format!("{alias}.o{i}::text"))
            .chain((1..=shape.key.len()).map(|i| format!("{alias}.k{i}::text")))
            .collect();
        format!("ARRAY[{}]", texts.join(", "))
    };
    let raw_order: Vec<String> = order.iter().chain(&shape.key).map(|c| format!("{}{way}", c.of("t"))).collect();
    let (hint, limit) = match what.reach {
        Reach::Window(rows) => ("MATERIALIZED", format!(" ORDER BY {} LIMIT {rows}", raw_order.join(", "))),
        Reach::Whole => ("NOT MATERIALIZED", String::new()),
    };
    let columns = row_columns(shape, &order);
    let slice = format!(
        "slice AS {hint} (SELECT {columns} FROM {target} t WHERE {conditions}{limit})",
        target = shape.target,
        conditions = conditions.sql()
    );
    let (ctes, extent) = match what.reach {
        Reach::Window(_) => (
            format!("{slice}, {}", reference::resolved(shape, what.rule, args, Some("slice"))),
            format!(
                "(SELECT (SELECT count(*) FROM slice) AS looked,
                         (SELECT {} FROM slice s ORDER BY {} LIMIT 1) AS ends)",
                position("s"),
                backwards(&sorted("s")),
            ),
        ),
        Reach::Whole => (
            format!("{}, {slice}", reference::resolved(shape, what.rule, args, None)),
            "(SELECT 0::bigint AS looked, NULL::text[] AS ends)".into(),
        ),
    };
    let finding = classify("s.cur", args);
    let passing = filter::on_finding(&what.query.filter, &finding, args);
    let ended = position("h");
    Ok(format!(
        "WITH {ctes}
         SELECT e.looked, e.ends, CASE WHEN h.k1 IS NOT NULL THEN {ended} END AS position, h.symbol, h.ts, h.dimensions, h.cur, h.val, h.finding
         FROM {extent} e LEFT JOIN (
           SELECT s.*, r.val, {finding} AS finding
           FROM slice s LEFT JOIN ref r ON {on} WHERE {passing}
           ORDER BY {sorted} LIMIT {limit}) h ON h.k1 IS NOT NULL
         ORDER BY {outer}",
        on = reference::join(shape, "s"),
        passing = passing.sql(),
        sorted = sorted("s"),
        limit = what.limit,
        outer = sorted("h"),
    ))
}

/// Keys, order, match columns, and what a row shows.
fn row_columns(shape: &Shape, order: &[Column]) -> String {
    let mut columns = vec![
        numbered(&shape.key, ", ", |i, c| format!("{} AS k{i}", c.of("t"))),
        numbered(&shape.matches, ", ", |i, c| format!("{} AS m{i}", c.text_of("t"))),
    ];
    columns.extend(order.iter().enumerate().map(|(i, c)| format!("{} AS o{}", c.of("t"), i + 1)));
    columns.push(format!("{} AS symbol", symbol(shape, "t")));
    columns.push(format!("{} AS cur", shape.value.text_of("t")));
    columns.push(match &shape.timestamp {
        Some(c) => format!("{} AS ts", time::readable(&time::instant(c, &c.of("t")))),
        None => "NULL::timestamptz AS ts".into(),
    });
    let dimensions: Vec<String> = shape.dimensions.iter().map(|c| c.text_of("t")).collect();
    columns.push(format!("ARRAY[{}]::text[] AS dimensions", dimensions.join(", ")));
    columns.join(", ")
}

fn conditions(
    shape: &Shape,
    what: &Look<'_>,
    order: &[Column],
    named: Option<&str>,
    args: &mut Args,
) -> Result<filter::Conditions, StoreError> {
    let mut all = filter::on_row(shape, what.rule, &what.query.filter, args)?;
    if what.reach == Reach::Whole
        && let Some(named) = named
    {
        all.add(named.to_owned());
    }
    let nullable: Vec<Column> = order_columns(shape, what.query.sort).into_iter().filter(|c| !c.not_null).collect();
    if !nullable.is_empty() {
        all.add(match what.stage {
            Stage::Known => numbered(&nullable, " AND ", |_, c| format!("{} IS NOT NULL", c.of("t"))),
            Stage::Null => numbered(&nullable, " OR ", |_, c| format!("{} IS NULL", c.of("t"))),
        });
    }
    if let Some(after) = what.after {
        let columns: Vec<&Column> = order.iter().chain(&shape.key).collect();
        let names: Vec<String> = columns.iter().map(|c| c.of("t")).collect();
        let values: Vec<String> = columns.iter().zip(after).map(|(c, text)| c.of_text(&args.text(text))).collect();
        let operator = match what.query.direction {
            SortDirection::Asc => ">",
            SortDirection::Desc => "<",
        };
        all.add(format!("({}) {operator} ({})", names.join(", "), values.join(", ")));
    }
    Ok(all)
}

/// The same order from its other end.
fn backwards(sorted: &str) -> String {
    sorted
        .split(", ")
        .map(|column| column.strip_suffix(" DESC").map_or_else(|| format!("{column} DESC"), str::to_owned))
        .collect::<Vec<_>>()
        .join(", ")
}
