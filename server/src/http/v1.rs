//! Amend's own API under `/api/v1`: resources as the engine has them, refusals as RFC 9457 problem
//! details. A handler extracts, calls the engine once and maps the answer.

use amend_domain::{Caller, ErrorCode, Problem, RunId};
use axum::{
    Extension, Json, Router,
    extract::{Path, State, rejection::JsonRejection},
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{any, get, post, put},
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

fn answer<T: serde::Serialize>(code: StatusCode, outcome: Result<T, Problem>) -> Response {
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
