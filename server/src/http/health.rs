//! For whoever restarts and balances: is the process alive, can it work.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::AppState;

/// How long the database may take to answer.
const LIMIT: Duration = Duration::from_millis(1_500);

/// The process answers; it says nothing about the database, so that a restart is not tried for what
/// a restart does not cure.
pub(super) async fn live() -> Response {
    Json(json!({ "status": "live" })).into_response()
}

/// The database answers as well.
pub(super) async fn ready(State(state): State<AppState>) -> Response {
    match tokio::time::timeout(LIMIT, state.engine.store().ping()).await {
        Ok(Ok(())) => Json(json!({ "status": "ready" })).into_response(),
        Ok(Err(error)) => {
            tracing::warn!(error = %error, "not ready: the database does not answer");
            not_ready(&error.problem().message)
        }
        Err(_) => not_ready("The database did not answer within 1.5 s."),
    }
}

fn not_ready(detail: &str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "not ready", "detail": detail }))).into_response()
}
