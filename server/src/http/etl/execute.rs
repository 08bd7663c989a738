//! `POST /api/etl/{rule}/execute`: starts a correction.

use std::time::Duration;

use amend_domain::{Caller, RunState, RunView};
use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};

use super::{
    dto::run_result::RunResult,
    options,
    reply::{Answer, Refusal, Reply},
    request::{JsonBody, RulePath, preferred_wait},
};
use crate::http::AppState;

pub async fn execute(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    reply: Reply,
    RulePath(rule): RulePath,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Response {
    let wait = preferred_wait(&headers);
    let outcome = async {
        let options = options::read(body?)?;
        let run = state.engine.start_run(&caller, &rule?, options, None).await?;
        let run = until_over(&state, run, wait).await?;
        let detail = state.engine.run_detail(&caller, &run.run_id).await?;
        let result = RunResult::of(&detail, state.engine.store().kind());
        Ok(accepted(&detail.run, result, wait))
    };
    reply.answer(outcome.await)
}

/// The run when it is over, or as it is after the time that the caller wants to wait.
pub async fn until_over(state: &AppState, run: RunView, wait: Option<Duration>) -> Result<RunView, Refusal> {
    match wait {
        None => Ok(run),
        Some(limit) => Ok(state.engine.wait(&run.run_id, Some(limit)).await?),
    }
}

/// 202 and where to look, or 200 when it is over. A run that did not succeed is an answer, too: the
/// envelope then says no success and why.
pub fn accepted<T>(run: &RunView, data: T, wait: Option<Duration>) -> Answer<T> {
    let over = run.state.is_over();
    let failure = (over && run.state != RunState::Succeeded).then(|| match &run.error {
        Some(error) => (error.code.as_str().to_owned(), error.message.clone()),
        None => ("CANCELLED".to_owned(), format!("Run {} was cancelled.", run.run_id)),
    });
    let message = match (over, &failure) {
        (false, _) => format!("Run {} has been started.", run.run_id),
        (true, None) => format!("Run {} has ended.", run.run_id),
        (true, Some((_, why))) => why.clone(),
    };
    Answer {
        // Runs that end before anybody asks have nothing left to wait for.
        status: if over && wait.is_some() { StatusCode::OK } else { StatusCode::ACCEPTED },
        data,
        message: Some(message),
        failure,
        location: Some(format!("/api/etl/{}/status?correctionId={}", run.rule, run.run_id)),
        waited: wait.map(|w| w.as_secs()),
    }
}
