//! What the first page shows.

use amend_domain::{Analysis, RuleSlug, RunView, analysis::Snapshot};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::AppError;

/// Days of trend on the overview.
pub const TREND_DAYS: i64 = 30;
/// Runs listed on the overview.
pub const LAST_RUNS: u32 = 5;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Overview {
    /// `None` until the first analysis.
    pub analysis: Option<Analysis>,
    /// Oldest first, of the last [`TREND_DAYS`] days.
    pub trend: Vec<Snapshot>,
    /// Newest first.
    pub runs: Vec<RunView>,
}

/// The overview of one rule, from what is remembered: it never makes a pass over the table.
#[server(prefix = "/fn", endpoint = "overview")]
pub async fn load_overview(rule: RuleSlug) -> Result<Overview, AppError> {
    use super::context::{signed_in, tell};
    use amend_engine::store::RunFilter;
    let (engine, caller) = signed_in().await?;
    let analysis = tell(engine.last_analysis(&caller, &rule).await)?;
    let trend = tell(engine.snapshots(&caller, &rule, TREND_DAYS).await)?;
    let newest = RunFilter { rule: Some(rule), limit: LAST_RUNS, ..RunFilter::default() };
    let runs = tell(engine.runs(&caller, &newest).await)?;
    Ok(Overview { analysis, trend, runs })
}

/// A fresh pass over the table.
#[server(prefix = "/fn", endpoint = "analyze")]
pub async fn analyze_now(rule: RuleSlug) -> Result<Analysis, AppError> {
    use super::context::{signed_in, tell};
    let (engine, caller) = signed_in().await?;
    tell(engine.analyze(&caller, &rule).await)
}
