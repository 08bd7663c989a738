//! Rows with their findings: pages by keyset, counts, and what a filter can be set to.

use std::collections::{BTreeMap, BTreeSet};

use amend_domain::{Analysis, RowFilter, RowPage, RowQuery, RuleSlug};
use leptos::{prelude::*, server_fn::codec::Json};
use serde::{Deserialize, Serialize};

use crate::AppError;

/// Pages that [`row_cursors`] passes over in one call.
pub const SKIP: u32 = 100;

/// The first page of a view, with the names of its dimension columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstRows {
    pub dimensions: Vec<String>,
    pub page: RowPage,
}

/// What the last analysis has seen, as choices of a filter. Empty before the first analysis.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facets {
    /// `None` is null.
    pub current: Vec<Option<String>>,
    pub proposed: Vec<String>,
    /// Name of the dimension, and its values.
    pub dimensions: Vec<(String, Vec<String>)>,
}

impl Facets {
    /// Collects the choices of an analysis, each in order.
    #[must_use]
    pub fn of(analysis: &Analysis) -> Self {
        let current: BTreeSet<_> = analysis.pairs.iter().map(|p| p.current.clone()).collect();
        let proposed: BTreeSet<_> = analysis.pairs.iter().map(|p| p.proposed.clone()).collect();
        let mut dimensions: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for count in &analysis.dimensions {
            dimensions.entry(count.dimension.clone()).or_default().extend(count.value.clone());
        }
        Self {
            current: current.into_iter().collect(),
            proposed: proposed.into_iter().collect(),
            dimensions: dimensions.into_iter().map(|(name, values)| (name, values.into_iter().collect())).collect(),
        }
    }
}

/// The first page of rows.
#[server(prefix = "/fn", endpoint = "begin_rows", input = Json)]
pub async fn begin_rows(rule: RuleSlug, query: RowQuery) -> Result<FirstRows, AppError> {
    use super::context::{signed_in, tell};
    let (engine, caller) = signed_in().await?;
    let columns = tell(engine.rule(&caller, &rule).await)?.target.dimensions;
    let page = tell(engine.rows(&caller, &rule, &query).await)?;
    Ok(FirstRows { dimensions: columns.into_iter().map(|c| c.0).collect(), page })
}

/// A further page of rows.
#[server(prefix = "/fn", endpoint = "rows", input = Json)]
pub async fn rows(rule: RuleSlug, query: RowQuery) -> Result<RowPage, AppError> {
    use super::context::{signed_in, tell};
    let (engine, caller) = signed_in().await?;
    tell(engine.rows(&caller, &rule, &query).await)
}

/// The `next` cursors of the next `pages` (at most [`SKIP`]) pages, without their rows: for going
/// far down, since a keyset knows no row by its number. Shorter where the rows end.
#[server(prefix = "/fn", endpoint = "row_cursors", input = Json)]
pub async fn row_cursors(rule: RuleSlug, query: RowQuery, pages: u32) -> Result<Vec<String>, AppError> {
    use super::context::{signed_in, tell};
    let (engine, caller) = signed_in().await?;
    let mut query = query;
    let mut cursors = Vec::new();
    for _ in 0..pages.min(SKIP) {
        let Some(next) = tell(engine.rows(&caller, &rule, &query).await)?.next else { break };
        cursors.push(next.clone());
        query.after = Some(next);
    }
    Ok(cursors)
}

/// Rows that the filter lets through.
#[server(prefix = "/fn", endpoint = "count_rows", input = Json)]
pub async fn count_rows(rule: RuleSlug, filter: RowFilter) -> Result<i64, AppError> {
    use super::context::{signed_in, tell};
    let (engine, caller) = signed_in().await?;
    tell(engine.count_rows(&caller, &rule, &filter).await)
}

/// What the filter can be set to.
#[server(prefix = "/fn", endpoint = "row_facets")]
pub async fn row_facets(rule: RuleSlug) -> Result<Facets, AppError> {
    use super::context::{signed_in, tell};
    let (engine, caller) = signed_in().await?;
    let analysis = tell(engine.last_analysis(&caller, &rule).await)?;
    Ok(analysis.as_ref().map(Facets::of).unwrap_or_default())
}
