//! `POST /api/etl/{rule}/validate`: whether the table keeps its promise, as it stands.

use amend_domain::{Caller, Finding, Mode, RowFilter, RowQuery};
use axum::{Extension, extract::State, response::Response};

use super::{
    dto::validation::ValidationResult,
    reply::{Answer, Refusal, Reply},
    request::{JsonBody, RulePath},
};
use crate::http::AppState;

/// Rows that are named beside the levels, at most.
const SAMPLES: u32 = 50;

pub async fn validate(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    reply: Reply,
    RulePath(rule): RulePath,
    JsonBody(body): JsonBody,
) -> Response {
    let outcome = async {
        // It has no options; a field that somebody hopes for is named.
        body?.finish()?;
        let slug = rule?;
        let analysis = state.engine.analyze(&caller, &slug).await?;
        let validation = state.engine.validate(&caller, &slug, Mode::Overwrite).await?;
        let samples = if validation.passed {
            Vec::new()
        } else {
            let findings = Finding::ALL.into_iter().filter(|f| Mode::Overwrite.corrects(*f)).collect();
            let filter = RowFilter { findings, ..RowFilter::default() };
            let query = RowQuery { filter, limit: SAMPLES, ..RowQuery::default() };
            state.engine.rows(&caller, &slug, &query).await?.rows
        };
        let now = state.engine.clock().now();
        Ok(Answer::ok(ValidationResult::of(&validation, &analysis, samples, now)))
    };
    reply.answer(outcome.await.map_err(|refusal: Refusal| refusal.under("VALIDATION_ERROR")))
}
