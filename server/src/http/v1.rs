//! Amend's own API under `/api/v1`: resources as the engine has them, refusals as RFC 9457 problem
//! details. A handler extracts, calls the engine once and maps the answer.

mod assignments;
mod rules;

use amend_domain::{Caller, ErrorCode, Problem, RunId};
use axum::{
    Extension, Json, Router,
    extract::{
        Path, Query, State,
        rejection::{JsonRejection, QueryRejection},
    },
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{any, delete, get, post, put},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{AppState, problem::status};

pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/api/v1/runs/{id}", get(run))
        .route("/api/v1/runs/{id}/pause", post(pause))
        .route("/api/v1/runs/{id}/resume", post(resume))
        .route("/api/v1/runs/{id}/cancel", post(cancel))
        .route("/api/v1/runs/{id}/pace", put(pace))
        .route("/api/v1/runs/{id}/failed", get(failed))
        .route("/api/v1/runs/{id}/retry", post(retry))
        .merge(super::prevention::routes())
        .route("/api/v1/rules", get(rules::list).post(rules::make))
        .route("/api/v1/rules/{rule}", get(rules::one).put(rules::change))
        .route("/api/v1/rules/{rule}/unresolved", get(assignments::unresolved))
        .route("/api/v1/rules/{rule}/assignments", get(assignments::list).post(assignments::assign))
        .route("/api/v1/rules/{rule}/assignments/{match}", delete(assignments::take_back))
        .method_not_allowed_fallback(wrong_method)
        .route("/api/v1/{*path}", any(no_such_path))
}

type Who = Extension<Caller>;

async fn run(State(state): State<AppState>, Extension(who): Who, Path(id): Path<String>) -> Response {
    answer(StatusCode::OK, async { state.engine.run(&who, &RunId::parse(&id)?).await }.await)
}

/// It is asked for, and done after the chunk in flight.
async fn pause(State(state): State<AppState>, Extension(who): Who, Path(id): Path<String>) -> Response {
    answer(StatusCode::ACCEPTED, async { state.engine.pause(&who, &RunId::parse(&id)?).await }.await)
}

async fn resume(State(state): State<AppState>, Extension(who): Who, Path(id): Path<String>) -> Response {
    answer(StatusCode::ACCEPTED, async { state.engine.resume(&who, &RunId::parse(&id)?).await }.await)
}

async fn cancel(State(state): State<AppState>, Extension(who): Who, Path(id): Path<String>) -> Response {
    answer(StatusCode::ACCEPTED, async { state.engine.cancel(&who, &RunId::parse(&id)?).await }.await)
}

/// Which part of a list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    #[serde(default)]
    after: i64,
    #[serde(default = "usual_limit")]
    limit: u32,
}

const fn usual_limit() -> u32 {
    100
}

/// Rows that the run could not correct; the next part begins after the last one's `seq`.
async fn failed(
    State(state): State<AppState>,
    Extension(who): Who,
    Path(id): Path<String>,
    part: Result<Query<Part>, QueryRejection>,
) -> Response {
    let listed = async {
        let Query(Part { after, limit }) = part.map_err(|error| {
            tracing::debug!(%error, "a query that cannot be read");
            Problem::field("after, limit", "must be whole numbers, limit from 1 to 1000")
        })?;
        state.engine.failed_rows(&who, &RunId::parse(&id)?, after, limit).await
    };
    answer(StatusCode::OK, listed.await)
}

/// Answers with the new run.
async fn retry(State(state): State<AppState>, Extension(who): Who, Path(id): Path<String>) -> Response {
    answer(StatusCode::ACCEPTED, async { state.engine.retry_failed(&who, &RunId::parse(&id)?).await }.await)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pace {
    percent: u8,
}

async fn pace(
    State(state): State<AppState>,
    Extension(who): Who,
    Path(id): Path<String>,
    body: Result<Json<Pace>, JsonRejection>,
) -> Response {
    let set = async {
        let Json(Pace { percent }) = body.map_err(|error| {
            tracing::debug!(%error, "a body that cannot be read");
            Problem::field("percent", "must be a whole number from 0 to 100")
                .advice("Send {\"percent\": 40} as application/json.")
        })?;
        state.engine.set_pace(&who, &RunId::parse(&id)?, percent).await
    };
    answer(StatusCode::OK, set.await)
}

async fn wrong_method(method: Method) -> Response {
    detailed(
        StatusCode::METHOD_NOT_ALLOWED,
        "METHOD_NOT_ALLOWED",
        &format!("This path does not answer {method}."),
        Value::Null,
    )
}

async fn no_such_path() -> Response {
    refuse(&Problem::new(ErrorCode::NotFound, "There is no such path."))
}

pub(super) fn answer<T: serde::Serialize>(code: StatusCode, outcome: Result<T, Problem>) -> Response {
    match outcome {
        Ok(value) => (code, Json(value)).into_response(),
        Err(problem) => refuse(&problem),
    }
}

/// The problem as `application/problem+json`.
pub(super) fn refuse(problem: &Problem) -> Response {
    let more = json!({ "advice": problem.advice, "field": problem.field });
    detailed(status(problem), problem.code.as_str(), &problem.message, more)
}

fn detailed(status: StatusCode, code: &str, detail: &str, more: Value) -> Response {
    let mut body = json!({
        "type": "about:blank",
        "title": status.canonical_reason(),
        "status": status.as_u16(),
        "detail": detail,
        "code": code,
    });
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        body.extend(more.into_iter().filter(|(_, value)| !value.is_null()));
    }
    let mut response = (status, Json(body)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}
