//! Pages and server functions: Leptos behind the same engine as every other door.

use amend_app::{App, frame::FirstRule, shell};
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, Method, header},
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use leptos::{
    nonce::use_nonce,
    prelude::{provide_context, use_context},
};
use leptos_axum::{LeptosRoutes, ResponseOptions, generate_route_list_with_exclusions_and_ssg_and_context};

use super::{AppState, security};
use crate::assets;

/// A route for each page that the app knows, and one for each server function.
pub(super) fn routes(state: &AppState) -> Router<AppState> {
    let engine = state.engine.clone();
    let context = move || {
        provide_context(engine.clone());
        provide_context(assets::embedded().clone());
        allow_own_scripts();
    };
    let (routes, _) = generate_route_list_with_exclusions_and_ssg_and_context(App, None, context.clone());
    Router::new()
        .leptos_routes_with_context(state, routes, context, shell)
        .route_layer(from_fn_with_state(state.clone(), first_rule))
}

/// Says which rule a page without `?rule=` is about.
async fn first_rule(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    // A page whose rules cannot be read says so itself.
    if request.method() == Method::GET
        && let Ok(slug) = state.engine.first_rule().await
    {
        request.extensions_mut().insert(FirstRule(slug));
    }
    next.run(request).await
}

/// Puts the nonce that the page's scripts carry into the page's policy. A server function renders
/// no page and has no nonce.
fn allow_own_scripts() {
    if let (Some(nonce), Some(response)) = (use_nonce(), use_context::<ResponseOptions>())
        && let Ok(policy) = HeaderValue::from_str(&security::page_policy(&nonce))
    {
        response.insert_header(header::CONTENT_SECURITY_POLICY, policy);
    }
}
