//! A [`Problem`] as an answer, in the form that fits who asked.

use amend_domain::Problem;
use axum::{
    Json,
    extract::Request,
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::{
    AppState, RequestId,
    etl::{Refusal, Reply},
};
use crate::auth::area::Area;

/// The status of a problem.
#[must_use]
pub fn status(problem: &Problem) -> StatusCode {
    StatusCode::from_u16(problem.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The problem as JSON, as server functions and downloads give it.
#[must_use]
pub fn json(problem: &Problem) -> Response {
    (status(problem), Json(problem)).into_response()
}

/// Turns a request away before it reaches its handler.
#[must_use]
pub fn refuse(state: &AppState, request: &Request, area: Area, problem: &Problem) -> Response {
    match area {
        Area::Rest => {
            let id = request.extensions().get::<RequestId>().cloned().unwrap_or_default();
            Reply::new(state, id).refuse(&Refusal::from(problem.clone()))
        }
        Area::Api => super::v1::refuse(problem),
        Area::Page | Area::Login => (status(problem), problem.to_string()).into_response(),
        Area::Public | Area::Call | Area::Download | Area::Live => json(problem),
    }
}
