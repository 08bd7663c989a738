//! `POST /api/etl/{rule}/preview`: what a run with these options would do.

use amend_domain::{Caller, Finding, RowFilter, RowQuery, RunOptions};
use axum::{Extension, extract::State, response::Response};

use super::{
    dto::preview::Preview,
    options,
    reply::{Answer, Reply},
    request::{JsonBody, RulePath},
};
use crate::http::AppState;

/// Rows shown at most.
const SAMPLES: i64 = 50;

pub async fn preview(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    reply: Reply,
    RulePath(rule): RulePath,
    JsonBody(body): JsonBody,
) -> Response {
    let outcome = async {
        let (options, slug) = (options::read(body?)?, rule?);
        let plan = state.engine.plan(&caller, &slug, &options).await?;
        let samples = match samples(&options, plan.to_change) {
            Some(query) => state.engine.rows(&caller, &slug, &query).await?.rows,
            None => Vec::new(),
        };
        Ok(Answer::ok(Preview::of(plan, samples)))
    };
    reply.answer(outcome.await)
}

/// The first rows that the run would change; `None` when there are none.
fn samples(options: &RunOptions, to_change: i64) -> Option<RowQuery> {
    let limit = u32::try_from(to_change.min(SAMPLES)).ok().filter(|n| *n > 0)?;
    let filter = RowFilter {
        findings: Finding::ALL.into_iter().filter(|f| options.mode.corrects(*f)).collect(),
        symbols: options.scope.symbols.clone().unwrap_or_default(),
        ..RowFilter::default()
    };
    Some(RowQuery { filter, limit, ..RowQuery::default() })
}
