//! The server's side of every server function: who asks, and of what engine.

use amend_domain::{Caller, ErrorCode, Problem};
use amend_engine::Engine;
use axum::{Extension, http::StatusCode, http::request::Parts};
use leptos::prelude::{expect_context, use_context};
use leptos_axum::{ResponseOptions, extract};

use crate::AppError;

/// The engine and who asks.
///
/// # Errors
/// `NOT_SIGNED_IN` when no caller came with the request.
pub async fn signed_in() -> Result<(Engine, Caller), AppError> {
    match extract::<Extension<Caller>>().await {
        Ok(Extension(caller)) => Ok((expect_context::<Engine>(), caller)),
        Err(_) => {
            tell(Err(Problem::new(ErrorCode::NotSignedIn, "You are not signed in.").advice("Sign in and try again.")))
        }
    }
}

/// The caller of the page that is being rendered, without waiting.
pub fn caller() -> Option<Caller> {
    use_context::<Parts>()?.extensions.get().cloned()
}

/// Passes the engine's answer on; an error also sets the HTTP status, of a page as of a call.
pub fn tell<T>(answer: Result<T, Problem>) -> Result<T, AppError> {
    answer.map_err(|problem| {
        if let (Some(response), Ok(status)) =
            (use_context::<ResponseOptions>(), StatusCode::from_u16(problem.code.http_status()))
        {
            response.set_status(status);
        }
        AppError::Refused(problem)
    })
}

/// Marks the page that is being rendered as not found.
pub fn not_found() {
    if let Some(response) = use_context::<ResponseOptions>() {
        response.set_status(StatusCode::NOT_FOUND);
    }
}
