//! The layer before every route.

use amend_domain::{ErrorCode, Problem};
use axum::{
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};

use super::{
    area::Area,
    identity::Presented,
    origin::{self, Verdict},
};
use crate::http::{AppState, problem, url};

/// Refuses what came from another site and who is not signed in; gives all others their
/// [`amend_domain::Caller`] and [`super::SignedIn`] as extensions.
pub async fn guard(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let area = Area::of(request.uri().path());
    let presented = Presented::of(request.headers());
    if origin::judge(area, request.method(), request.headers(), &presented) == Verdict::Foreign {
        let why = Problem::new(ErrorCode::Forbidden, "The request came from a page of another site.")
            .advice("Use Amend's own pages, or a bearer token.");
        return problem::refuse(&state, &request, area, &why);
    }
    if area == Area::Public {
        return next.run(request).await;
    }
    match state.auth.identify(&presented, area).await {
        Ok(Some(signed)) => {
            request.extensions_mut().insert(signed.caller.clone());
            request.extensions_mut().insert(signed);
            next.run(request).await
        }
        Ok(None) if area == Area::Login => next.run(request).await,
        Ok(None) => stranger(&state, &request, area),
        Err(error) => {
            tracing::error!(error = %error, "cannot look up who is signed in");
            problem::refuse(&state, &request, area, &error.problem())
        }
    }
}

/// Pages lead to the sign-in page, everything else is told.
fn stranger(state: &AppState, request: &Request, area: Area) -> Response {
    if area == Area::Page && request.method().is_safe() {
        let wanted = request.uri().path_and_query().map_or("/", |p| p.as_str());
        return Redirect::to(&format!("/login?{}", url::query(&[("next", wanted)]))).into_response();
    }
    let why = Problem::new(ErrorCode::NotSignedIn, "You are not signed in.")
        .advice("Sign in on the page, or send a bearer token: Authorization: Bearer amd_...");
    let mut response = problem::refuse(state, request, area, &why);
    if response.status() == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}
