//! The analysis: one pass over the target, grouped before anything is joined.

use std::collections::{HashMap, HashSet};

use amend_domain::{
    Finding, GroupCount, Rule, Scope, Summary,
    analysis::DimensionCount,
    finding::{Resolution, classify},
};
use amend_engine::store::StoreError;
use chrono::{DateTime, Utc};
use futures::TryStreamExt as _;
use sqlx::{Row as _, SqliteConnection};

use crate::{
    error::db,
    pool::begin_read,
    shape::Bound,
    sql::{reference::resolution, text_of},
    store::SqliteStore,
    time::of_target,
    unresolved::earlier,
    value::{Binds, SqlValue},
};

/// Match columns as text; `None` where one is null.
type Match = Option<Vec<String>>;
/// What the reference says: its kind, and the value that resolves.
type Said = (i64, Option<String>);

/// Rows with the same match columns and value.
struct Group {
    matches: Match,
    current: Option<String>,
    rows: i64,
    first: Option<DateTime<Utc>>,
    last: Option<DateTime<Utc>>,
    /// Rows by the values of the dimensions.
    parts: Vec<(Vec<Option<String>>, i64)>,
}

pub(crate) async fn summarise(store: &SqliteStore, rule: &Rule, scope: &Scope) -> Result<Summary, StoreError> {
    let mut connection = store.readers.acquire().await?;
    let mut transaction = begin_read(&mut connection).await?;
    let bound = Bound::load(&mut transaction, rule).await?;
    let groups = groups(&mut transaction, &bound, scope).await?;
    let used: HashSet<&Vec<String>> = groups.iter().filter_map(|g| g.matches.as_ref()).collect();
    let symbols_referenced = whole(used.len());
    let (said, symbols_unused) = reference(&mut transaction, &bound, &used).await?;
    transaction.commit().await.map_err(db)?;
    let mut summary = fold(&bound, &groups, &said);
    summary.symbols_referenced = symbols_referenced;
    summary.symbols_unused = symbols_unused;
    Ok(summary)
}

/// The pass. Dimensions are grouped by as well, which costs less than a pass of their own; groups
/// that differ by them alone come one after another and are put together here.
async fn groups(connection: &mut SqliteConnection, bound: &Bound<'_>, scope: &Scope) -> Result<Vec<Group>, StoreError> {
    let target = &bound.rule.target;
    let width = target.matches.len();
    let mut by: Vec<String> = target.matches.iter().map(|c| text_of("t", c)).collect();
    by.push(bound.current());
    by.extend(target.dimensions.iter().map(|c| text_of("t", c)));
    let time = target.timestamp.as_ref().map_or_else(|| "NULL".into(), |c| format!("t.{}", c.quoted()));
    let mut binds = Binds::default();
    let condition = bound.scope(scope, &mut binds).unwrap_or_else(|| "TRUE".into());
    let numbers: Vec<String> = (1..=by.len()).map(|n| n.to_string()).collect();
    let sql = format!(
        "SELECT {}, count(*), min({time}), max({time}) FROM {} AS t WHERE {condition} GROUP BY {}",
        by.join(", "),
        target.table.quoted(),
        numbers.join(", "),
    );
    let mut groups: Vec<Group> = Vec::new();
    let mut found = binds.query(sql)?.fetch(connection);
    while let Some(row) = found.try_next().await.map_err(db)? {
        let text = |at: usize| row.try_get::<Option<String>, _>(at).map_err(db);
        let matches: Match = (0..width).map(text).collect::<Result<Option<Vec<_>>, _>>()?;
        let current = text(width)?;
        let part = (width + 1..by.len()).map(text).collect::<Result<Vec<_>, _>>()?;
        let rows: i64 = row.try_get(by.len()).map_err(db)?;
        let first = of_target(&SqlValue::read(&row, by.len() + 1)?);
        let last = of_target(&SqlValue::read(&row, by.len() + 2)?);
        match groups.last_mut() {
            Some(group) if group.matches == matches && group.current == current => {
                group.rows += rows;
                group.first = earlier(group.first, first);
                group.last = group.last.max(last);
                group.parts.push((part, rows));
            }
            _ => groups.push(Group { matches, current, rows, first, last, parts: vec![(part, rows)] }),
        }
    }
    Ok(groups)
}

/// What the reference says of the symbols in use, and how many it knows besides. The others pass by
/// without being kept, however many they are.
async fn reference(
    connection: &mut SqliteConnection,
    bound: &Bound<'_>,
    used: &HashSet<&Vec<String>>,
) -> Result<(HashMap<Vec<String>, Said>, i64), StoreError> {
    let width = bound.rule.reference.matches.len();
    let mut binds = Binds::default();
    let sql = if bound.assigned { bound.assigned_sql(&mut binds) } else { bound.resolve_sql(&mut binds) };
    let mut said = HashMap::new();
    let mut unused = 0;
    let mut found = binds.query(sql)?.fetch(connection);
    while let Some(row) = found.try_next().await.map_err(db)? {
        let mut matches = Vec::with_capacity(width);
        for at in 0..width {
            // Bytes in a text column match no text.
            if let SqlValue::Text(text) = SqlValue::read(&row, at)? {
                matches.push(text);
            }
        }
        if used.contains(&matches) {
            said.insert(matches, (row.try_get(width).map_err(db)?, row.try_get(width + 1).map_err(db)?));
        } else if !bound.assigned || row.try_get::<bool, _>(width + 2).map_err(db)? {
            unused += 1;
        }
    }
    Ok((said, unused))
}

fn fold(bound: &Bound<'_>, groups: &[Group], said: &HashMap<Vec<String>, Said>) -> Summary {
    let mut summary = Summary::default();
    let mut dimensions: HashMap<(usize, Option<&str>, Finding), i64> = HashMap::new();
    for group in groups {
        let resolution = match group.matches.as_ref().and_then(|m| said.get(m)) {
            Some((kind, value)) => resolution(Some(*kind), value.as_deref()),
            None => Resolution::NoRow,
        };
        let finding = classify(group.current.as_deref(), resolution);
        for (values, rows) in &group.parts {
            for (at, value) in values.iter().enumerate() {
                *dimensions.entry((at, value.as_deref(), finding)).or_insert(0) += rows;
            }
        }
        summary.groups.push(GroupCount {
            symbol: group.matches.as_ref().map(|parts| parts.join(" / ")),
            current: group.current.clone(),
            proposed: match resolution {
                Resolution::Value(value) => Some(value.to_owned()),
                _ => None,
            },
            finding,
            rows: group.rows,
            first_seen: group.first,
            last_seen: group.last,
        });
    }
    let mut dimensions: Vec<_> = dimensions.into_iter().collect();
    dimensions.sort_unstable();
    summary.dimensions = dimensions
        .into_iter()
        .filter_map(|((at, value, finding), rows)| {
            let dimension = bound.rule.target.dimensions.get(at)?.0.clone();
            Some(DimensionCount { dimension, value: value.map(str::to_owned), finding, rows })
        })
        .collect();
    summary
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
