//! `GET /api/etl/{rule}/metrics`: JSON, or Prometheus text for those who ask for it.

use amend_domain::Caller;
use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};

use super::{
    dto::metrics::Metrics,
    prometheus::{self, Sample},
    reply::{Answer, Refusal, Reply},
    request::RulePath,
};
use crate::http::AppState;

pub async fn metrics(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    reply: Reply,
    RulePath(rule): RulePath,
    headers: HeaderMap,
) -> Response {
    let outcome = async {
        let slug = rule?;
        // What was last seen, not a new pass: a scrape comes every few seconds.
        let analysis = state.engine.last_analysis(&caller, &slug).await?;
        let totals = state.totals.of(&state.engine, &caller, &slug).await?;
        Ok::<_, Refusal>((slug, totals, analysis))
    };
    match outcome.await {
        Err(refusal) => reply.refuse(&refusal),
        Ok((slug, totals, analysis)) if wants_text(&headers) => {
            let sample = Sample { rule: &slug, totals: &totals, analysis: analysis.as_ref() };
            ([(header::CONTENT_TYPE, prometheus::CONTENT_TYPE)], prometheus::text(&sample)).into_response()
        }
        Ok((slug, totals, analysis)) => reply.answer(Ok(Answer::ok(Metrics::of(&slug, &totals, analysis.as_ref())))),
    }
}

/// Prometheus names several forms, with `*/*` last; whoever names JSON as well gets JSON.
fn wants_text(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let names = |kind: &str| accepted.split(',').any(|part| part.split(';').next().is_some_and(|k| k.trim() == kind));
    (names("text/plain") || names("application/openmetrics-text")) && !names("application/json")
}
