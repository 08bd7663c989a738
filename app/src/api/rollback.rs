//! Undoing a run: what it would do, and starting it.

use amend_domain::{RollbackOptions, RollbackPlan, RollbackScope, RollbackSource, RunId, RunView};
use leptos::{prelude::*, server_fn::codec::Json};

use crate::AppError;

/// What the rows of a run look like now, and so what its rollback would do.
#[server(prefix = "/fn", endpoint = "plan_rollback", input = Json)]
pub async fn plan_rollback(run: RunId, from: RollbackSource, scope: RollbackScope) -> Result<RollbackPlan, AppError> {
    use super::context::{signed_in, tell};
    let (engine, caller) = signed_in().await?;
    tell(engine.rollback_plan_from(&caller, &run, from, &scope).await)
}

/// Starts the rollback; the answer is its own run.
#[server(prefix = "/fn", endpoint = "start_rollback", input = Json)]
pub async fn start_rollback(run: RunId, options: RollbackOptions) -> Result<RunView, AppError> {
    use super::context::{signed_in, tell};
    let (engine, caller) = signed_in().await?;
    tell(engine.start_rollback(&caller, &run, options).await)
}
