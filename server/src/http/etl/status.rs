//! `GET /api/etl/{rule}/status`: what runs now, what ran last.

use amend_domain::{Caller, ErrorCode, Problem, RuleSlug, RunDetail, RunId};
use amend_engine::store::RunFilter;
use axum::{
    Extension,
    extract::{Query, State},
    response::Response,
};

use super::{
    dto::{run_result::RunResult, status::Status},
    reply::{Answer, Refusal, Reply},
    request::RulePath,
};
use crate::http::AppState;

/// Operations listed.
const RECENT: u32 = 10;

pub async fn status(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    reply: Reply,
    RulePath(rule): RulePath,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Response {
    let outcome = async {
        let slug = rule?;
        state.engine.rule(&caller, &slug).await?;
        let filter = RunFilter { rule: Some(slug.clone()), limit: RECENT, ..RunFilter::default() };
        let runs = state.engine.runs(&caller, &filter).await?;
        let asked = pairs.iter().find(|(name, _)| name == "correctionId").map(|(_, id)| id);
        let operation = match asked {
            Some(id) => Some(one(&state, &caller, &slug, id).await?),
            None => None,
        };
        let operation = operation.map(|detail| RunResult::of(&detail, state.engine.store().kind()));
        Ok::<_, Refusal>(Answer::ok(Status::of(&runs, operation)))
    };
    reply.answer(outcome.await)
}

/// A run of this rule, with its history.
pub async fn one(state: &AppState, caller: &Caller, rule: &RuleSlug, id: &str) -> Result<RunDetail, Refusal> {
    let id = RunId::parse(id)?;
    let detail = state.engine.run_detail(caller, &id).await?;
    if detail.run.rule == *rule {
        return Ok(detail);
    }
    Err(Problem::new(ErrorCode::CorrectionNotFound, format!("There is no run {id} of this rule.")).into())
}
