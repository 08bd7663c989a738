//! What a run would do, and starting it.

use amend_domain::{FindingCounts, Plan, PlanHash, RuleSlug, RunOptions, RunView};
use leptos::{prelude::*, server_fn::codec::Json};

use crate::AppError;

/// The plan of these options, counted now.
#[server(prefix = "/fn", endpoint = "plan", input = Json)]
pub async fn make_plan(rule: RuleSlug, options: RunOptions) -> Result<Plan, AppError> {
    use super::context::{signed_in, tell};
    let (engine, caller) = signed_in().await?;
    tell(engine.plan(&caller, &rule, &options).await)
}

/// Starts the run whose plan was shown. It stops before its first write if the numbers have moved.
#[server(prefix = "/fn", endpoint = "start_run", input = Json)]
pub async fn start_run(
    rule: RuleSlug,
    options: RunOptions,
    hash: PlanHash,
    counts: FindingCounts,
) -> Result<RunView, AppError> {
    use super::context::{signed_in, tell};
    use amend_engine::Approved;
    let (engine, caller) = signed_in().await?;
    tell(engine.start_run(&caller, &rule, options, Some(Approved { hash, counts })).await)
}
