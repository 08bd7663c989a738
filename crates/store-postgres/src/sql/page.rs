//! A page of rows with findings, by keyset.

use amend_domain::{RowQuery, RowSort, Rule, SortDirection};
use amend_engine::store::StoreError;

use super::{
    filter::{self, Conditions},
    finding::classify,
    numbered,
    reference::{self, Among},
    summary, symbol, time,
};
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
    let sorting = Sorting { order: order.len(), key: shape.key.len(), direction: what.query.direction };
    let on_row = filter::on_row(shape, what.rule, &what.query.filter, args)?;
    let finding = classify("s.cur", args);
    let passing = filter::on_finding(&what.query.filter, &finding, args);
    let (ctes, extent) = match what.reach {
        Reach::Window(size) => window(shape, what, &order, &sorting, on_row, size, args),
        Reach::Whole => whole(shape, what, &order, on_row, args),
    };
    Ok(format!(
        "WITH {ctes}
         SELECT e.looked, e.ends, CASE WHEN h.k1 IS NOT NULL THEN {position} END AS position,
                h.symbol, h.ts, h.dimensions, h.cur, h.val, h.finding
         FROM {extent} e LEFT JOIN (
           SELECT s.*, r.val, {finding} AS finding
           FROM slice s LEFT JOIN ref r ON {on} WHERE {passing}
           ORDER BY {sorted} LIMIT {limit}) h ON h.k1 IS NOT NULL
         ORDER BY {outer}",
        position = sorting.position("h"),
        on = reference::join(shape, "s"),
        passing = passing.sql(),
        sorted = sorting.columns("s", false),
        limit = what.limit,
        outer = sorting.columns("h", false),
    ))
}

/// The CTEs of a window, and how far it reached.
fn window(
    shape: &Shape,
    what: &Look<'_>,
    order: &[Column],
    sorting: &Sorting,
    mut conditions: Conditions,
    size: i64,
    args: &mut Args,
) -> (String, String) {
    place(shape, what, order, &mut conditions, args);
    let way = sorting.way(false);
    let by: Vec<String> = order.iter().chain(&shape.key).map(|c| format!("{}{way}", c.of("t"))).collect();
    let among = Among { cte: "slice", rows: size };
    let ctes = format!(
        "slice AS MATERIALIZED (SELECT {columns} FROM {target} t WHERE {conditions} ORDER BY {by} LIMIT {size}),
         {resolved}",
        columns = row_columns(shape, order),
        target = shape.target,
        conditions = conditions.sql(),
        by = by.join(", "),
        resolved = reference::resolved(shape, what.rule, args, Some(among)),
    );
    let extent = format!(
        "(SELECT (SELECT count(*) FROM slice) AS looked,
                 (SELECT {} FROM slice s ORDER BY {} LIMIT 1) AS ends)",
        sorting.position("s"),
        sorting.columns("s", true),
    );
    (ctes, extent)
}

/// The CTEs of a look at everything. Where the match column's index can find them, only the rows of
/// symbols that have a passing row at all are joined.
fn whole(
    shape: &Shape,
    what: &Look<'_>,
    order: &[Column],
    mut conditions: Conditions,
    args: &mut Args,
) -> (String, String) {
    let picked = summary::picked(shape, &what.query.filter, &conditions, args);
    if let Some((_, condition)) = &picked {
        conditions.add(condition.clone());
    }
    place(shape, what, order, &mut conditions, args);
    let ctes = format!(
        "{resolved}{picked}, slice AS NOT MATERIALIZED (SELECT {columns} FROM {target} t WHERE {conditions})",
        resolved = reference::resolved(shape, what.rule, args, None),
        picked = picked.map(|(ctes, _)| ctes).unwrap_or_default(),
        columns = row_columns(shape, order),
        target = shape.target,
        conditions = conditions.sql(),
    );
    (ctes, "(SELECT 0::bigint AS looked, NULL::text[] AS ends)".into())
}

/// The columns `o1..` and `k1..` that rows are sorted by.
struct Sorting {
    order: usize,
    key: usize,
    direction: SortDirection,
}

impl Sorting {
    fn names(&self, alias: &str) -> impl Iterator<Item = String> {
        let order = (1..=self.order).map(|i| format!("{alias}.o{i}"));
        let key = (1..=self.key).map(|i| format!("{alias}.k{i}"));
        order.chain(key).collect::<Vec<_>>().into_iter()
    }

    fn way(&self, backwards: bool) -> &'static str {
        if (self.direction == SortDirection::Desc) == backwards { "" } else { " DESC" }
    }

    /// What stands behind `ORDER BY`.
    fn columns(&self, alias: &str, backwards: bool) -> String {
        let way = self.way(backwards);
        self.names(alias).map(|c| format!("{c}{way}")).collect::<Vec<_>>().join(", ")
    }

    /// The position of a row as an array of texts.
    fn position(&self, alias: &str) -> String {
        format!("ARRAY[{}]", self.names(alias).map(|c| format!("{c}::text")).collect::<Vec<_>>().join(", "))
    }
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

/// Only rows of the stage, and only behind the position to go on from.
fn place(shape: &Shape, what: &Look<'_>, order: &[Column], conditions: &mut Conditions, args: &mut Args) {
    let nullable: Vec<Column> = order_columns(shape, what.query.sort).into_iter().filter(|c| !c.not_null).collect();
    if !nullable.is_empty() {
        conditions.add(match what.stage {
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
        conditions.add(format!("({}) {operator} ({})", names.join(", "), values.join(", ")));
    }
}
