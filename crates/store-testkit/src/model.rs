//! What a store must find out, by the simplest code that can: all rows read by plain SQL, and
//! `amend_domain::finding::classify` over each.

use std::collections::{BTreeMap, BTreeSet};

use amend_domain::{
    ColumnName, Decision, Finding, FindingCounts, Matches, Mode, RowFilter, RowQuery, RowSort, Rule, Scope,
    SortDirection, Summary,
    assignment::decided,
    finding::{Resolution, classify, is_blank},
};
use anyhow::Context as _;
use chrono::{DateTime, NaiveDateTime, Utc};

use crate::Fixture;

/// A row of the target with its finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub key: Vec<String>,
    pub symbol: Option<String>,
    pub current: Option<String>,
    pub proposed: Option<String>,
    pub finding: Finding,
    pub dimensions: Vec<Option<String>>,
    pub at: Option<DateTime<Utc>>,
}

impl Seen {
    #[must_use]
    pub fn in_scope(&self, scope: &Scope) -> bool {
        match &scope.symbols {
            None => true,
            Some(symbols) => self.symbol.as_ref().is_some_and(|s| symbols.contains(s)),
        }
    }

    #[must_use]
    pub fn passes(&self, rule: &Rule, filter: &RowFilter) -> bool {
        let any = |empty: bool, holds: bool| empty || holds;
        let dimensions_hold = rule.target.dimensions.iter().zip(&self.dimensions).all(|(name, value)| {
            let wanted: Vec<_> = filter.dimensions.iter().filter(|(n, _)| *n == name.0).map(|(_, v)| v).collect();
            any(wanted.is_empty(), value.as_ref().is_some_and(|v| wanted.contains(&v)))
        });
        any(filter.findings.is_empty(), filter.findings.contains(&self.finding))
            && any(filter.symbols.is_empty(), self.symbol.as_ref().is_some_and(|s| filter.symbols.contains(s)))
            && any(filter.current.is_empty(), filter.current.contains(&self.current))
            && any(filter.proposed.is_empty(), self.proposed.as_ref().is_some_and(|p| filter.proposed.contains(p)))
            && dimensions_hold
            && filter.from.is_none_or(|from| self.at.is_some_and(|at| at >= from))
            && filter.until.is_none_or(|until| self.at.is_some_and(|at| at < until))
    }
}

/// Everything that matters to a rule, read by plain SQL.
#[derive(Debug, Clone)]
pub struct World {
    pub rows: Vec<Seen>,
    reference: Vec<(Vec<Option<String>>, Option<String>)>,
}

impl World {
    pub async fn read(f: &Fixture, rule: &Rule) -> anyhow::Result<Self> {
        let mut columns: Vec<&ColumnName> = rule.reference.matches.iter().collect();
        columns.push(&rule.reference.value);
        let reference: Vec<_> = f
            .query(&select(&columns, &rule.reference.table.quoted()))
            .await?
            .into_iter()
            .map(|mut row| {
                let value = row.pop().flatten();
                (row, value)
            })
            .collect();
        let target = &rule.target;
        let mut columns: Vec<&ColumnName> = target.key.iter().chain(&target.matches).collect();
        columns.push(&target.value);
        columns.extend(&target.dimensions);
        columns.extend(&target.timestamp);
        let rows = f.query(&select(&columns, &target.table.quoted())).await?;
        let assigned = f.store().assignments(&rule.slug).await?;
        let assigned = assigned.into_iter().map(|a| (a.matches, a.decision)).collect();
        let mut rows: Vec<Seen> =
            rows.into_iter().map(|row| seen(rule, &reference, &assigned, row)).collect::<anyhow::Result<_>>()?;
        // A table has no order of its own; worlds from before and after are compared row by row.
        rows.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(Self { rows, reference })
    }

    #[must_use]
    pub fn counts(&self, scope: &Scope) -> FindingCounts {
        let mut counts = FindingCounts::default();
        for row in self.rows.iter().filter(|r| r.in_scope(scope)) {
            counts.add(row.finding, row.current.as_deref(), 1);
        }
        counts
    }

    /// Rows that a run may change.
    #[must_use]
    pub fn correctable(&self, mode: Mode, scope: &Scope) -> i64 {
        mode.correctable(&self.counts(scope))
    }

    /// The same as a store's summary, brought to one order.
    #[must_use]
    pub fn summary(&self, rule: &Rule, scope: &Scope) -> Told {
        let mut told = Told::default();
        let mut used = BTreeSet::new();
        for row in self.rows.iter().filter(|r| r.in_scope(scope)) {
            let group = (row.symbol.clone(), row.current.clone(), row.proposed.clone(), row.finding);
            let entry = told.groups.entry(group).or_insert((0, None, None));
            *entry = (entry.0 + 1, earlier(entry.1, row.at), later(entry.2, row.at));
            for (dimension, value) in rule.target.dimensions.iter().zip(&row.dimensions) {
                *told.dimensions.entry((dimension.0.clone(), value.clone(), row.finding)).or_insert(0) += 1;
            }
            used.extend(row.symbol.clone());
        }
        told.symbols_referenced = i64::try_from(used.len()).unwrap_or(i64::MAX);
        let known: BTreeSet<String> = self.reference.iter().filter_map(|(m, _)| joined(m)).collect();
        told.symbols_unused = i64::try_from(known.difference(&used).count()).unwrap_or(i64::MAX);
        told
    }
}

/// A group's identity: symbol, current, proposed, finding.
pub type Group = (Option<String>, Option<String>, Option<String>, Finding);
/// Rows, first and last seen.
pub type GroupFacts = (i64, Option<DateTime<Utc>>, Option<DateTime<Utc>>);

/// A summary in one order, so that two can be compared whatever order and grouping they came in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    pub groups: BTreeMap<Group, GroupFacts>,
    pub symbols_referenced: i64,
    pub symbols_unused: i64,
    pub dimensions: BTreeMap<(String, Option<String>, Finding), i64>,
}

impl From<&Summary> for Told {
    fn from(summary: &Summary) -> Self {
        let mut told = Self {
            symbols_referenced: summary.symbols_referenced,
            symbols_unused: summary.symbols_unused,
            ..Self::default()
        };
        for g in &summary.groups {
            let group = (g.symbol.clone(), g.current.clone(), g.proposed.clone(), g.finding);
            let entry = told.groups.entry(group).or_insert((0, None, None));
            *entry = (entry.0 + g.rows, earlier(entry.1, g.first_seen), later(entry.2, g.last_seen));
        }
        for d in &summary.dimensions {
            *told.dimensions.entry((d.dimension.clone(), d.value.clone(), d.finding)).or_insert(0) += d.rows;
        }
        told
    }
}

fn earlier(a: Option<DateTime<Utc>>, b: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    a.into_iter().chain(b).min()
}

fn later(a: Option<DateTime<Utc>>, b: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    a.into_iter().chain(b).max()
}

fn select(columns: &[&ColumnName], table: &str) -> String {
    let names: Vec<String> = columns.iter().map(|c| c.quoted()).collect();
    format!("SELECT {} FROM {table}", names.join(", "))
}

fn seen(
    rule: &Rule,
    reference: &[(Vec<Option<String>>, Option<String>)],
    assigned: &BTreeMap<Matches, Decision>,
    row: Vec<Option<String>>,
) -> anyhow::Result<Seen> {
    let mut cells = row.into_iter();
    let key = cells.by_ref().take(rule.target.key.len()).collect::<Option<Vec<_>>>().context("a null in a key")?;
    let matches: Vec<_> = cells.by_ref().take(rule.target.matches.len()).collect();
    let current = cells.next().flatten();
    let dimensions: Vec<_> = cells.by_ref().take(rule.target.dimensions.len()).collect();
    let at = cells.next().flatten().map(|text| time(&text)).transpose()?;
    let resolution = settle(reference, &rule.allowed_values, assigned, &matches);
    let finding = classify(current.as_deref(), resolution);
    let proposed = match resolution {
        Resolution::Value(value) => Some(value.to_owned()),
        _ => None,
    };
    Ok(Seen { key, symbol: joined(&matches), current, proposed, finding, dimensions, at })
}

/// What the reference says, and where it does not, what a person assigned for as long as it holds.
fn settle<'a>(
    reference: &'a [(Vec<Option<String>>, Option<String>)],
    allowed: &[String],
    assigned: &'a BTreeMap<Matches, Decision>,
    matches: &[Option<String>],
) -> Resolution<'a> {
    let own = resolve(reference, allowed, matches);
    let known: Option<Matches> = matches.iter().cloned().collect();
    let given = match known.as_ref().and_then(|m| assigned.get(m)) {
        None => None,
        Some(Decision::As(other)) => {
            let other: Vec<_> = other.iter().cloned().map(Some).collect();
            match resolve(reference, allowed, &other) {
                Resolution::Value(value) => Some(value),
                _ => None,
            }
        }
        Some(Decision::Value(value)) => {
            let said = reference.iter().any(|(m, v)| m == matches && v.as_ref() == Some(value));
            let allowed = allowed.is_empty() || allowed.contains(value);
            (said && allowed && !is_blank(value)).then_some(value.as_str())
        }
    };
    decided(own, given)
}

/// What the reference says, in the order in which the rule's text says it.
fn resolve<'a>(
    reference: &'a [(Vec<Option<String>>, Option<String>)],
    allowed: &[String],
    matches: &[Option<String>],
) -> Resolution<'a> {
    if matches.iter().any(Option::is_none) {
        return Resolution::NoRow;
    }
    let matching: Vec<_> = reference.iter().filter(|(m, _)| m == matches).collect();
    if matching.is_empty() {
        return Resolution::NoRow;
    }
    let values: BTreeSet<&str> =
        matching.iter().filter_map(|(_, value)| value.as_deref()).filter(|v| !is_blank(v)).collect();
    let mut values = values.into_iter();
    match (values.next(), values.next()) {
        (None, _) => Resolution::Unusable,
        (Some(_), Some(_)) => Resolution::Disagree,
        (Some(value), None) if allowed.is_empty() || allowed.iter().any(|a| a == value) => Resolution::Value(value),
        (Some(_), None) => Resolution::Unusable,
    }
}

fn joined(matches: &[Option<String>]) -> Option<String> {
    let parts: Option<Vec<&str>> = matches.iter().map(Option::as_deref).collect();
    parts.map(|parts| parts.join(" / "))
}

/// A time as either database prints it.
pub fn time(text: &str) -> anyhow::Result<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.with_timezone(&Utc));
    }
    let plain = text.strip_suffix("+00").unwrap_or(text);
    let time = NaiveDateTime::parse_from_str(plain, "%Y-%m-%d %H:%M:%S%.f")
        .with_context(|| format!("{text} is not a time"))?;
    Ok(time.and_utc())
}

/// The parts of a key as a store prints it.
pub fn key_parts(rule: &Rule, key: &str) -> anyhow::Result<Vec<String>> {
    if rule.target.key.len() == 1 {
        return Ok(vec![key.to_owned()]);
    }
    serde_json::from_str(key).with_context(|| format!("{key} is not a JSON array of texts"))
}

/// The opposite of [`key_parts`].
#[must_use]
pub fn key_text(parts: &[String]) -> String {
    match parts {
        [one] => one.clone(),
        several => serde_json::json!(several).to_string(),
    }
}

/// All rows that pass a filter, page by page, in the order in which the store gives them.
pub async fn pages(
    f: &Fixture,
    rule: &Rule,
    filter: &RowFilter,
    order: (RowSort, SortDirection),
    limit: u32,
) -> anyhow::Result<Vec<Seen>> {
    let mut all = Vec::new();
    let mut query = RowQuery { filter: filter.clone(), sort: order.0, direction: order.1, after: None, limit };
    loop {
        let page = f.store().rows_page(rule, &query).await?;
        anyhow::ensure!(page.rows.len() <= limit as usize, "a page of {} with limit {limit}", page.rows.len());
        anyhow::ensure!(
            page.next.is_none() || !page.rows.is_empty(),
            "an empty page that says there is another after {:?}",
            query.after
        );
        for row in page.rows {
            all.push(Seen {
                key: key_parts(rule, &row.key)?,
                symbol: row.symbol,
                current: row.current,
                proposed: row.proposed,
                finding: row.finding,
                dimensions: row.dimensions,
                at: row.timestamp,
            });
        }
        anyhow::ensure!(all.len() < 100_000, "the pages do not end");
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok(all),
        }
    }
}

/// Rows by key, so that two lists can be compared whatever their order; fails on a row that comes twice.
pub fn by_key(rows: impl IntoIterator<Item = Seen>) -> anyhow::Result<BTreeMap<Vec<String>, Seen>> {
    let mut map = BTreeMap::new();
    for row in rows {
        let key = row.key.clone();
        anyhow::ensure!(map.insert(key.clone(), row).is_none(), "row {key:?} came twice");
    }
    Ok(map)
}

/// Holds the store's summary and its rows against the model.
pub async fn agree(f: &Fixture, rule: &Rule) -> anyhow::Result<World> {
    let world = World::read(f, rule).await?;
    let all = Scope::default();
    let summary = f.store().summarise(rule, &all).await?;
    pretty(&Told::from(&summary), &world.summary(rule, &all), "summarise");
    let shown = by_key(pages(f, rule, &RowFilter::default(), (RowSort::Key, SortDirection::Asc), 50).await?)?;
    pretty(&shown, &by_key(world.rows.clone())?, "rows_page");
    Ok(world)
}

/// Fails with the lines that differ, not with two walls of text.
#[track_caller]
pub fn pretty<T: std::fmt::Debug + PartialEq>(store: &T, model: &T, what: &str) {
    if store == model {
        return;
    }
    let (left, right) = (format!("{store:#?}"), format!("{model:#?}"));
    let different: Vec<String> = left
        .lines()
        .zip(right.lines())
        .filter(|(a, b)| a != b)
        .take(12)
        .map(|(a, b)| format!("  store {}\n  model {}", a.trim(), b.trim()))
        .collect();
    panic!("{what} differs from the model:\n{}", different.join("\n"));
}
