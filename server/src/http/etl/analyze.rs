//! `GET /api/etl/{rule}/analyze`: a fresh report.

use amend_domain::{Caller, Mode, RunOptions};
use axum::{Extension, extract::State, response::Response};

use super::{
    dto::report::Report,
    reply::{Answer, Refusal, Reply},
    request::RulePath,
};
use crate::http::AppState;

pub async fn analyze(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    reply: Reply,
    RulePath(rule): RulePath,
) -> Response {
    let outcome = async {
        let slug = rule?;
        let rule = state.engine.rule(&caller, &slug).await?;
        let analysis = state.engine.analyze(&caller, &slug).await?;
        let everything = RunOptions { mode: Mode::Overwrite, ..RunOptions::default() };
        let plan = state.engine.plan(&caller, &slug, &everything).await?;
        Ok(Answer::ok(Report::of(&analysis, &plan, &rule)))
    };
    reply.answer(outcome.await.map_err(|refusal: Refusal| refusal.under("ANALYSIS_ERROR")))
}
