//! Rows with their findings, page by page.

use amend_domain::{Finding, FindingRow, RowFilter, RowPage, RowQuery, Rule, finding::classify};
use amend_engine::store::StoreError;
use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};

use crate::{
    correct::key_text,
    error::db,
    pool::begin_read,
    shape::Bound,
    sql::{
        and,
        filter::only_trouble,
        order::Order,
        reference::{ensure, resolution},
    },
    store::SqliteStore,
    time::of_target,
    unresolved::troubled_symbols,
    value::{Binds, SqlValue},
};

/// What [`read_row`] reads, in its order. Needs `t` and `r`.
pub(crate) fn row_columns(bound: &Bound<'_>) -> String {
    let target = &bound.rule.target;
    let mut columns: Vec<String> = target.key.iter().map(|c| format!("t.{}", c.quoted())).collect();
    columns.push(bound.symbol());
    columns.push(target.timestamp.as_ref().map_or_else(|| "NULL".into(), |c| format!("t.{}", c.quoted())));
    columns.extend(target.dimensions.iter().map(|c| format!("CAST(t.{} AS TEXT)", c.quoted())));
    columns.extend([bound.current(), "r.kind".into(), "r.value".into()]);
    columns.join(", ")
}

/// A row from `first` on. The finding is the domain's own word, not SQL's.
pub(crate) fn read_row(bound: &Bound<'_>, row: &SqliteRow, first: usize) -> Result<FindingRow, StoreError> {
    let width = bound.key_width();
    let dimensions = bound.rule.target.dimensions.len();
    let mut at = first + width;
    let symbol: Option<String> = row.try_get(at).map_err(db)?;
    let timestamp = of_target(&SqlValue::read(row, at + 1)?);
    at += 2;
    let mut dimension_values = Vec::with_capacity(dimensions);
    for i in 0..dimensions {
        dimension_values.push(row.try_get(at + i).map_err(db)?);
    }
    at += dimensions;
    let current: Option<String> = row.try_get(at).map_err(db)?;
    let kind: Option<i64> = row.try_get(at + 1).map_err(db)?;
    let value: Option<String> = row.try_get(at + 2).map_err(db)?;
    let finding = classify(current.as_deref(), resolution(kind, value.as_deref()));
    Ok(FindingRow {
        key: key_text(row, first, width)?,
        symbol,
        timestamp,
        dimensions: dimension_values,
        current,
        proposed: value,
        finding,
    })
}

pub(crate) async fn rows_page(store: &SqliteStore, rule: &Rule, query: &RowQuery) -> Result<RowPage, StoreError> {
    let mut connection = store.readers.acquire().await?;
    let mut transaction = begin_read(&mut connection).await?;
    let page = page(&mut transaction, rule, query).await?;
    // Not rolled back, so that the resolved reference stays for the next page.
    transaction.commit().await.map_err(db)?;
    Ok(page)
}

async fn page(connection: &mut SqliteConnection, rule: &Rule, query: &RowQuery) -> Result<RowPage, StoreError> {
    let bound = Bound::load(connection, rule).await?;
    let resolved = ensure(connection, &bound).await?;
    let mut binds = Binds::default();
    let Conditions { mut all, indexed } = conditions(connection, &bound, &resolved, &query.filter, &mut binds).await?;
    let order = Order::new(&bound, query.sort, query.direction, indexed)?;
    if let Some(cursor) = &query.after {
        all.push(order.after(cursor, &mut binds)?);
    }
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let sql = format!(
        "SELECT {}, {} FROM {} WHERE TRUE{} ORDER BY {} LIMIT {}",
        order.selected(),
        row_columns(&bound),
        bound.joined(&resolved),
        and(&all),
        order.order_by(),
        // One more tells whether there is a next page.
        binds.add(i64::from(query.limit) + 1),
    );
    let found = binds.query(sql)?.fetch_all(connection).await.map_err(db)?;
    let shown = &found[..found.len().min(limit)];
    let rows = shown.iter().map(|row| read_row(&bound, row, order.width())).collect::<Result<Vec<_>, _>>()?;
    let next = match shown.last() {
        Some(last) if found.len() > limit => {
            let place = (0..order.width()).map(|at| SqlValue::read(last, at)).collect::<Result<Vec<_>, _>>()?;
            Some(order.cursor(&place))
        }
        _ => None,
    };
    Ok(RowPage { rows, next })
}

struct Conditions {
    all: Vec<String>,
    /// An index on the match column serves them.
    indexed: bool,
}

async fn conditions(
    connection: &mut SqliteConnection,
    bound: &Bound<'_>,
    resolved: &str,
    filter: &RowFilter,
    binds: &mut Binds,
) -> Result<Conditions, StoreError> {
    let mut all = bound.conditions(filter, binds)?;
    let by_symbol = bound.match_index(connection).await?;
    let mut indexed = by_symbol && !filter.symbols.is_empty();
    // Rows that the reference cannot decide are few among many: name their symbols first.
    if by_symbol
        && only_trouble(&filter.findings)
        && let Some(symbols) = troubled_symbols(connection, bound, resolved).await?
    {
        let named = bound.symbol_in(&binds.add_list(&symbols));
        // A row without a symbol is an orphan.
        let column = bound.rule.target.matches.first().map(|c| c.quoted()).unwrap_or_default();
        let nullable =
            bound.rule.target.matches.first().and_then(|c| bound.target.column(c)).is_none_or(|c| !c.not_null);
        if nullable && filter.findings.contains(&Finding::Orphan) {
            all.push(format!("({named} OR t.{column} IS NULL)"));
        } else {
            all.push(named);
        }
        indexed = true;
    }
    Ok(Conditions { all, indexed })
}

pub(crate) async fn count_rows(store: &SqliteStore, rule: &Rule, filter: &RowFilter) -> Result<i64, StoreError> {
    let mut connection = store.readers.acquire().await?;
    let mut transaction = begin_read(&mut connection).await?;
    let bound = Bound::load(&mut transaction, rule).await?;
    let resolved = ensure(&mut transaction, &bound).await?;
    let mut binds = Binds::default();
    let conditions = conditions(&mut transaction, &bound, &resolved, filter, &mut binds).await?;
    let sql = format!("SELECT count(*) FROM {} WHERE TRUE{}", bound.joined(&resolved), and(&conditions.all));
    let count = binds.query(sql)?.fetch_one(&mut *transaction).await.map_err(db)?.try_get(0).map_err(db)?;
    transaction.commit().await.map_err(db)?;
    Ok(count)
}
