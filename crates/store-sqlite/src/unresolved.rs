//! Symbols that the reference cannot decide.

use std::collections::BTreeMap;

use amend_domain::{Finding, Rule, UnresolvedRow, finding::classify};
use amend_engine::store::StoreError;
use chrono::{DateTime, Utc};
use futures::TryStreamExt as _;
use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};

use crate::{
    error::db,
    pool::begin_read,
    shape::Bound,
    sql::{
        reference::{RESOLVED, ensure, resolution},
        text_of,
    },
    store::SqliteStore,
    time::of_target,
    value::{Binds, SqlValue},
};

/// With more symbols in trouble than this, naming them is slower than walking the table.
const FEW: usize = 2_000;
/// Values shown of what the rows carry.
const CARRIED: usize = 5;

impl Bound<'_> {
    /// Whether an index begins with the one match column and compares as we do.
    pub(crate) async fn match_index(&self, connection: &mut SqliteConnection) -> Result<bool, StoreError> {
        let [only] = self.rule.target.matches.as_slice() else { return Ok(false) };
        if self.target.column(only).is_none_or(|c| !c.has_text_affinity()) {
            return Ok(false);
        }
        sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM pragma_index_list(?1, 'main') AS l, pragma_index_xinfo(l.name, 'main') AS x
             WHERE l.partial = 0 AND x.seqno = 0 AND x.name = ?2 COLLATE BINARY AND x.coll = 'BINARY' COLLATE NOCASE)",
        )
        .bind(&self.rule.target.table.name)
        .bind(&only.0)
        .fetch_one(connection)
        .await
        .map_err(db)
    }
}

/// The symbols of the target that do not resolve, by jumping from one symbol to the next in the
/// index of the match column. `None` when they are many. Call it where [`Bound::match_index`] holds.
pub(crate) async fn troubled_symbols(
    connection: &mut SqliteConnection,
    bound: &Bound<'_>,
    resolved: &str,
) -> Result<Option<Vec<String>>, StoreError> {
    let (table, column) = match bound.rule.target.matches.as_slice() {
        [only] => (bound.rule.target.table.quoted(), only.quoted()),
        _ => return Ok(None),
    };
    let sql = format!(
        "WITH RECURSIVE d(s) AS (
             SELECT (SELECT t.{column} FROM {table} AS t WHERE t.{column} IS NOT NULL
                     ORDER BY t.{column} COLLATE BINARY LIMIT 1)
             UNION ALL
             SELECT (SELECT t.{column} FROM {table} AS t WHERE t.{column} COLLATE BINARY > d.s
                     ORDER BY t.{column} COLLATE BINARY LIMIT 1)
             FROM d WHERE d.s IS NOT NULL)
         SELECT d.s FROM d LEFT JOIN {resolved} AS r ON r.m0 = CAST(d.s AS TEXT)
         WHERE d.s IS NOT NULL AND r.kind IS NOT {RESOLVED} LIMIT {}",
        FEW + 1
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(connection).await.map_err(db)?;
    if rows.len() > FEW {
        return Ok(None);
    }
    rows.iter()
        .map(|row| Ok(SqlValue::read(row, 0)?.into_text().unwrap_or_default()))
        .collect::<Result<_, _>>()
        .map(Some)
}

pub(crate) async fn unresolved(store: &SqliteStore, rule: &Rule, limit: u32) -> Result<Vec<UnresolvedRow>, StoreError> {
    let mut connection = store.readers.acquire().await?;
    let mut transaction = begin_read(&mut connection).await?;
    let bound = Bound::load(&mut transaction, rule).await?;
    let resolved = ensure(&mut transaction, &bound).await?;
    let mut rows = symbols(&mut transaction, &bound, &resolved).await?;
    rows.sort_by(|a, b| b.rows.cmp(&a.rows).then_with(|| a.symbol.cmp(&b.symbol)));
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    add_candidates(&mut transaction, &bound, &mut rows).await?;
    transaction.commit().await.map_err(db)?;
    Ok(rows)
}

/// One pass over the rows whose symbol does not resolve.
async fn symbols(
    connection: &mut SqliteConnection,
    bound: &Bound<'_>,
    resolved: &str,
) -> Result<Vec<UnresolvedRow>, StoreError> {
    let mut binds = Binds::default();
    let mut named = String::new();
    if bound.match_index(connection).await?
        && let Some(symbols) = troubled_symbols(connection, bound, resolved).await?
    {
        let column = bound.rule.target.matches.first().map(|c| c.quoted()).unwrap_or_default();
        named = format!(" AND ({} OR t.{column} IS NULL)", bound.symbol_in(&binds.add_list(&symbols)));
    }
    let time = bound.rule.target.timestamp.as_ref().map_or_else(|| "NULL".into(), |c| format!("t.{}", c.quoted()));
    let parts: Vec<String> = bound.rule.target.matches.iter().map(|c| text_of("t", c)).collect();
    let sql = format!(
        "SELECT {}, {}, max(r.kind), count(*), min({time}), max({time}), json_array({}) FROM {}
         WHERE r.kind IS NOT {RESOLVED}{named} GROUP BY 1, 2, 7",
        bound.symbol(),
        bound.current(),
        parts.join(", "),
        bound.joined(resolved),
    );
    let mut by_symbol: BTreeMap<(Option<String>, Option<Vec<String>>), UnresolvedRow> = BTreeMap::new();
    let mut found = binds.query(sql)?.fetch(connection);
    while let Some(row) = found.try_next().await.map_err(db)? {
        let symbol: Option<String> = row.try_get(0).map_err(db)?;
        let current: Option<String> = row.try_get(1).map_err(db)?;
        let kind: Option<i64> = row.try_get(2).map_err(db)?;
        let rows: i64 = row.try_get(3).map_err(db)?;
        let (first, last) = (of_target(&SqlValue::read(&row, 4)?), of_target(&SqlValue::read(&row, 5)?));
        let parts: String = row.try_get(6).map_err(db)?;
        let parts: Vec<Option<String>> = serde_json::from_str(&parts)
            .map_err(|e| StoreError::Other(format!("{parts} are no match columns: {e}")))?;
        let matches: Option<Vec<String>> = parts.into_iter().collect();
        let entry = by_symbol.entry((symbol.clone(), matches.clone())).or_insert_with(|| UnresolvedRow {
            symbol,
            matches,
            finding: classify(None, resolution(kind, None)),
            rows: 0,
            current: Vec::new(),
            candidates: Vec::new(),
            first_seen: None,
            last_seen: None,
        });
        entry.rows += rows;
        entry.current.push((current, rows));
        entry.first_seen = earlier(entry.first_seen, first);
        entry.last_seen = entry.last_seen.max(last);
    }
    Ok(by_symbol
        .into_values()
        .map(|mut row| {
            row.current.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            row.current.truncate(CARRIED);
            row
        })
        .collect())
}

/// The earlier of those that are known.
pub(crate) fn earlier(a: Option<DateTime<Utc>>, b: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    a.into_iter().chain(b).min()
}

/// What the reference says for the symbols shown: every distinct value, blank or not.
async fn add_candidates(
    connection: &mut SqliteConnection,
    bound: &Bound<'_>,
    rows: &mut [UnresolvedRow],
) -> Result<(), StoreError> {
    let symbols: Vec<&String> =
        rows.iter().filter(|row| row.finding != Finding::Orphan).filter_map(|row| row.symbol.as_ref()).collect();
    if symbols.is_empty() {
        return Ok(());
    }
    let mut binds = Binds::default();
    let list = binds.add_list(symbols);
    let sql = format!(
        "SELECT DISTINCT {0} AS symbol, CAST(f.{1} AS TEXT) COLLATE BINARY AS value FROM {2} AS f
         WHERE {0} IN (SELECT value FROM json_each({list})) ORDER BY 1, 2",
        bound.reference_symbol(),
        bound.rule.reference.value.quoted(),
        bound.rule.reference.table.quoted(),
    );
    let found = binds.query(sql)?.fetch_all(connection).await.map_err(db)?;
    let mut values: BTreeMap<String, Vec<Option<String>>> = BTreeMap::new();
    for row in &found {
        values.entry(row.try_get(0).map_err(db)?).or_default().push(row.try_get(1).map_err(db)?);
    }
    for row in rows.iter_mut().filter(|row| row.finding != Finding::Orphan) {
        if let Some(symbol) = &row.symbol {
            row.candidates = values.remove(symbol).unwrap_or_default();
        }
    }
    Ok(())
}
