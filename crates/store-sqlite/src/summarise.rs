//! The analysis: one pass over the target, grouped before anything is joined.

use std::collections::{HashMap, HashSet};

use amend_domain::{
    ColumnName, Finding, GroupCount, Rule, Scope, Summary,
    analysis::DimensionCount,
    finding::{Resolution, classify},
};
use amend_engine::store::StoreError;
use chrono::{DateTime, Utc};
use futures::TryStreamExt as _;
use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};

use crate::{
    error::db,
    pool::begin_read,
    shape::Bound,
    sql::{numbered, reference::resolution, text_of},
    store::SqliteStore,
    tally,
    time::of_target,
    unresolved::earlier,
    value::{Binds, SqlValue},
};

/// Match columns as text; `None` where one is null.
type Match = Option<Vec<String>>;
/// What the reference says: its kind, and the value that resolves.
type Said = (i64, Option<String>);

/// The values of the dimensions, and rows with them.
type Part = (Vec<Option<String>>, i64);

/// Rows with the same match columns and value.
struct Group {
    matches: Match,
    current: Option<String>,
    rows: i64,
    first: Option<DateTime<Utc>>,
    last: Option<DateTime<Utc>>,
    /// Rows by the values of the dimensions.
    parts: Vec<Part>,
}

pub(crate) async fn summarise(store: &SqliteStore, rule: &Rule, scope: &Scope) -> Result<Summary, StoreError> {
    let mut connection = store.readers.acquire().await?;
    let helper = tally::helper(store).await?;
    let mut transaction = begin_read(&mut connection).await?;
    let bound = Bound::load(&mut transaction, rule).await?;
    let helper = match helper {
        Some(helper) => helper.begin().await?,
        None => None,
    };
    // A scope mostly has an index, and few rows.
    let counted = if *scope == Scope::default() { tally::count(&mut transaction, helper, &bound).await? } else { None };
    let groups = match counted {
        Some(counted) => put_together(&bound, counted)?,
        None => groups(&mut transaction, &bound, scope).await?,
    };
    let used: HashSet<&Vec<String>> = groups.iter().filter_map(|g| g.matches.as_ref()).collect();
    let symbols_referenced = whole(used.len());
    let (said, symbols_unused) = reference(&mut transaction, &bound, &used).await?;
    transaction.commit().await.map_err(db)?;
    let mut summary = fold(&bound, &groups, &said);
    summary.symbols_referenced = symbols_referenced;
    summary.symbols_unused = symbols_unused;
    Ok(summary)
}

/// Groups that differ by their dimensions alone become one.
fn put_together(bound: &Bound<'_>, counted: tally::Groups) -> Result<Vec<Group>, StoreError> {
    let width = bound.rule.target.matches.len();
    let mut counted: Vec<_> = counted.into_iter().collect();
    counted.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    let mut groups: Vec<Group> = Vec::with_capacity(counted.len());
    for (key, found) in counted {
        let mut values = tally::values(&key)?;
        let part = (values.split_off(width + 1), found.rows);
        let current = values.pop().flatten();
        let matches: Match = values.into_iter().collect();
        let (first, last) = (of_target(&found.first.value()), of_target(&found.last.value()));
        match groups.last_mut() {
            Some(group) if group.matches == matches && group.current == current => {
                group.rows += found.rows;
                group.first = earlier(group.first, first);
                group.last = group.last.max(last);
                group.parts.push(part);
            }
            _ => groups.push(Group { matches, current, rows: found.rows, first, last, parts: vec![part] }),
        }
    }
    Ok(groups)
}

/// The pass by the database. Dimensions are grouped by as well, which costs less than a pass of their own; groups
/// that differ by them alone are put together before they leave the database.
async fn groups(connection: &mut SqliteConnection, bound: &Bound<'_>, scope: &Scope) -> Result<Vec<Group>, StoreError> {
    let mut binds = Binds::default();
    let sql = groups_sql(bound, scope, &mut binds);
    let width = bound.rule.target.matches.len();
    let dimensions = bound.rule.target.dimensions.len();
    let mut groups: Vec<Group> = Vec::new();
    let mut found = binds.query(sql)?.fetch(connection);
    while let Some(row) = found.try_next().await.map_err(db)? {
        let text = |at: usize| row.try_get::<Option<String>, _>(at).map_err(db);
        groups.push(Group {
            matches: (0..width).map(text).collect::<Result<Match, _>>()?,
            current: text(width)?,
            rows: row.try_get(width + 1).map_err(db)?,
            first: of_target(&SqlValue::read(&row, width + 2)?),
            last: of_target(&SqlValue::read(&row, width + 3)?),
            parts: parts(&row, width + 4, dimensions)?,
        });
    }
    Ok(groups)
}

/// `SELECT m0, .., v, rows, first, last` and, where there are dimensions, their values and the rows of
/// each as JSON arrays of one length.
fn groups_sql(bound: &Bound<'_>, scope: &Scope, binds: &mut Binds) -> String {
    let target = &bound.rule.target;
    let (m, d) = (numbered("m", target.matches.len()), numbered("d", target.dimensions.len()));
    let named = |columns: &[ColumnName], names: &[String]| -> Vec<String> {
        columns.iter().zip(names).map(|(column, name)| format!("{} AS {name}", text_of("t", column))).collect()
    };
    let mut columns = named(&target.matches, &m);
    columns.push(format!("{} AS v", bound.current()));
    columns.extend(named(&target.dimensions, &d));
    let time = target.timestamp.as_ref().map_or_else(|| "NULL".into(), |c| format!("t.{}", c.quoted()));
    let condition = bound.scope(scope, binds).unwrap_or_else(|| "TRUE".into());
    // By place: a column of the table may have one of our names.
    let places: Vec<String> = (1..=columns.len()).map(|n| n.to_string()).collect();
    let places = places.join(", ");
    let fine = format!(
        "SELECT {}, count(*) AS n, min({time}) AS a, max({time}) AS b FROM {} AS t WHERE {condition} GROUP BY {places}",
        columns.join(", "),
        target.table.quoted(),
    );
    if d.is_empty() {
        return fine;
    }
    let by = format!("{}, v", m.join(", "));
    let lists: Vec<String> = d.iter().map(|name| format!("json_group_array({name})")).collect();
    format!(
        "SELECT {by}, sum(n), min(a), max(b), {}, json_group_array(n) FROM ({fine}) GROUP BY {by}",
        lists.join(", ")
    )
}

/// Rows by the values of the dimensions, from the lists that start at a column.
fn parts(row: &SqliteRow, first: usize, dimensions: usize) -> Result<Vec<Part>, StoreError> {
    if dimensions == 0 {
        return Ok(Vec::new());
    }
    let rows: Vec<i64> = list(row, first + dimensions)?;
    let mut parts: Vec<Part> = rows.into_iter().map(|n| (Vec::with_capacity(dimensions), n)).collect();
    for at in first..first + dimensions {
        let values: Vec<Option<String>> = list(row, at)?;
        for (part, value) in parts.iter_mut().zip(values) {
            part.0.push(value);
        }
    }
    Ok(parts)
}

fn list<T: serde::de::DeserializeOwned>(row: &SqliteRow, at: usize) -> Result<Vec<T>, StoreError> {
    let text: &str = row.try_get(at).map_err(db)?;
    serde_json::from_str(text).map_err(|e| StoreError::Other(format!("a list of a dimension cannot be read: {e}")))
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
