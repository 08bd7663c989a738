//! Runs: the list, one with its history, cancelling, steering.

use amend_domain::{ChunkRecord, EventRecord, RuleSlug, RunId, RunKind, RunState, RunView};
use leptos::{prelude::*, server_fn::codec::Json};
use serde::{Deserialize, Serialize};

use crate::AppError;

/// Runs of one page of the list.
pub const PAGE: u32 = 50;

/// What the list is filtered by; the same words stand in the page's URL.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunsQuery {
    pub rule: Option<RuleSlug>,
    /// Empty means any.
    pub states: Vec<RunState>,
    pub kind: Option<RunKind>,
    /// Only runs before this one.
    pub before: Option<RunId>,
}

/// Runs, newest first, at most [`PAGE`].
#[server(prefix = "/fn", endpoint = "runs", input = Json)]
pub async fn list_runs(query: RunsQuery) -> Result<Vec<RunView>, AppError> {
    use super::context::{signed_in, tell};
    use amend_engine::store::RunFilter;
    let (engine, caller) = signed_in().await?;
    let RunsQuery { rule, states, kind, before } = query;
    tell(engine.runs(&caller, &RunFilter { rule, states, kind, before, limit: PAGE }).await)
}

/// A run with its log and its last chunks, newest last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct History {
    pub run: RunView,
    pub events: Vec<EventRecord>,
    pub chunk_log: Vec<ChunkRecord>,
    /// The first rows that it could not correct: key, symbol, the change that was refused, why.
    pub failed: Vec<Vec<String>>,
}

/// Failed rows that the page lists; the command line and the REST API have all.
#[cfg(feature = "ssr")]
const FAILED: u32 = 20;

/// One run with its events and chunks.
#[server(prefix = "/fn", endpoint = "run_detail")]
pub async fn load_run(id: RunId) -> Result<History, AppError> {
    use super::context::{signed_in, tell};
    use amend_domain::RunDetail;
    let (engine, caller) = signed_in().await?;
    // Of a copy the events tell.
    let RunDetail { run, events, chunk_log, backup: _ } = tell(engine.run_detail(&caller, &id).await)?;
    let failed = match run.failed {
        0 => Vec::new(),
        _ => tell(engine.failed_rows(&caller, &id, 0, FAILED).await)?,
    };
    let value = |value: Option<String>| value.unwrap_or_else(|| "null".to_owned());
    let failed = failed
        .into_iter()
        .map(|row| {
            let change = format!("{} \u{2192} {}", value(row.old), value(row.new));
            vec![row.key, row.symbol.unwrap_or_default(), change, row.detail.unwrap_or(row.message)]
        })
        .collect();
    Ok(History { run, events, chunk_log, failed })
}

/// Asks a run to stop after the chunk that it is busy with.
#[server(prefix = "/fn", endpoint = "cancel_run")]
pub async fn cancel_run(id: RunId) -> Result<RunView, AppError> {
    use super::context::{signed_in, tell};
    let (engine, caller) = signed_in().await?;
    tell(engine.cancel(&caller, &id).await)
}

/// Asks a run to `pause` or `resume`, sets its `pace` to so many percent, or starts a `retry` of its
/// failed rows, which answers with the new run. One function for all, because each has its own code in the browser's module.
#[server(prefix = "/fn", endpoint = "steer_run")]
pub async fn steer_run(id: RunId, act: String, percent: u8) -> Result<RunView, AppError> {
    use super::context::{signed_in, tell};
    use amend_domain::Problem;
    let (engine, caller) = signed_in().await?;
    tell(match act.as_str() {
        "pause" => engine.pause(&caller, &id).await,
        "resume" => engine.resume(&caller, &id).await,
        "retry" => engine.retry_failed(&caller, &id).await,
        "pace" => engine.set_pace(&caller, &id, percent).await,
        _ => Err(Problem::field("act", "must be pause, resume, retry or pace")),
    })
}
