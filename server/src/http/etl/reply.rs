//! The envelope, and the one way to fill it.

use std::{convert::Infallible, sync::Arc};

use amend_domain::{ErrorCode, Problem};
use amend_engine::clock::Clock;
use axum::{
    Json,
    extract::FromRequestParts,
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::http::{AppState, RequestId};

/// What every answer looks like.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope<T> {
    pub success: bool,
    pub data: Option<T>,
    pub message: Option<String>,
    pub errors: Vec<String>,
    pub error_code: Option<String>,
    /// RFC 3339, UTC.
    pub timestamp: String,
    pub status_code: u16,
    pub request_id: String,
}

/// A no: its status, its code, and one line for each thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    pub code: String,
    pub message: String,
    pub errors: Vec<String>,
}

impl Refusal {
    #[must_use]
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { status, code: code.into(), errors: vec![message.clone()], message }
    }

    /// Bad input, one line a field.
    #[must_use]
    pub fn invalid(errors: Vec<String>) -> Self {
        let message = match errors.as_slice() {
            [one] => one.clone(),
            many => format!("{} fields cannot be used.", many.len()),
        };
        Self { status: 400, code: ErrorCode::InvalidOptions.as_str().into(), message, errors }
    }

    /// The same no under the endpoint's own code, as the replaced system had one for all failures of
    /// an endpoint. What is the caller's own doing (no such rule, not permitted, bad input) keeps its
    /// status.
    #[must_use]
    pub fn under(self, code: &str) -> Self {
        if self.status < 500 && self.code != ErrorCode::RuleUnusable.as_str() {
            return self;
        }
        Self { status: 500, code: code.into(), ..self }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self {
            status: problem.code.http_status(),
            code: problem.code.as_str().into(),
            errors: vec![problem.to_string()],
            message: problem.message,
        }
    }
}

/// A yes.
#[derive(Debug)]
pub struct Answer<T> {
    pub status: StatusCode,
    pub data: T,
    pub message: Option<String>,
    /// Why the answer is no success although it came: a run that failed, a service that is degraded.
    pub failure: Option<(String, String)>,
    pub location: Option<String>,
    /// Seconds that `Prefer: wait` was honoured with.
    pub waited: Option<u64>,
}

impl<T> Answer<T> {
    pub const fn ok(data: T) -> Self {
        Self { status: StatusCode::OK, data, message: None, failure: None, location: None, waited: None }
    }

    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }
}

/// Knows the request, so that handlers need not.
pub struct Reply {
    request_id: RequestId,
    clock: Arc<dyn Clock>,
}

impl Reply {
    #[must_use]
    pub fn new(state: &AppState, request_id: RequestId) -> Self {
        Self { request_id, clock: state.engine.clock().clone() }
    }

    pub fn answer<T: Serialize>(&self, outcome: Result<Answer<T>, Refusal>) -> Response {
        let answer = match outcome {
            Ok(answer) => answer,
            Err(refusal) => return self.refuse(&refusal),
        };
        let (code, errors) = match answer.failure {
            Some((code, why)) => (Some(code), vec![why]),
            None => (None, Vec::new()),
        };
        let mut response = self.envelope(answer.status, Some(answer.data), answer.message, errors, code);
        let headers = response.headers_mut();
        if let Some(Ok(value)) = answer.location.as_deref().map(HeaderValue::from_str) {
            headers.insert(header::LOCATION, value);
        }
        if let Some(Ok(value)) = answer.waited.map(|s| HeaderValue::from_str(&format!("wait={s}"))) {
            headers.insert("preference-applied", value);
        }
        response
    }

    #[must_use]
    pub fn refuse(&self, refusal: &Refusal) -> Response {
        let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let (message, code) = (Some(refusal.message.clone()), Some(refusal.code.clone()));
        self.envelope(status, None::<()>, message, refusal.errors.clone(), code)
    }

    fn envelope<T: Serialize>(
        &self,
        status: StatusCode,
        data: Option<T>,
        message: Option<String>,
        errors: Vec<String>,
        error_code: Option<String>,
    ) -> Response {
        let body = Envelope {
            success: error_code.is_none(),
            data,
            message,
            errors,
            error_code,
            timestamp: super::dto::timestamp(self.clock.now()),
            status_code: status.as_u16(),
            request_id: self.request_id.as_str().to_owned(),
        };
        (status, Json(body)).into_response()
    }
}

impl FromRequestParts<AppState> for Reply {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        Ok(Self::new(state, parts.extensions.get().cloned().unwrap_or_default()))
    }
}
