//! The HTTP side: one router of pages, server functions, the compatibility API, the export, the
//! websocket and health, behind one chain of layers.
//!
//! Outermost to innermost: request id and log line, security headers, body limit, sign-in and
//! origin, compression. Nothing here decides what may be done with a rule: handlers extract, call
//! the engine once and map the answer.
//! To add a route: a handler in the file of its subject, a line in that file's router, and, when it
//! is for people without an account, a line in `auth::area::Area::of`.

pub mod etl;
mod export;
mod health;
mod pages;
mod prevention;
pub mod problem;
mod request_id;
mod security;
mod server;
mod state;
pub(crate) mod url;
mod v1;

pub use request_id::RequestId;
pub use server::{OnReady, ServeOptions, Server, serve};
pub use state::AppState;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::{from_fn, from_fn_with_state},
    routing::{get, post},
};
use tower_http::{compression::CompressionLayer, limit::RequestBodyLimitLayer};

use crate::{assets, auth, live};

/// The largest body that is read.
pub const BODY_LIMIT: usize = 1024 * 1024;

/// Everything.
pub fn router(state: AppState) -> Router {
    // What is compressed on the way out. Assets are compressed at build time instead, and the
    // compatibility API limits bodies itself, because it answers in its envelope.
    let compressed = Router::new()
        .merge(pages::routes(&state))
        .route("/export/rows.csv", get(export::rows_csv))
        .route("/auth/sign-in", post(auth::sign_in::sign_in))
        .route("/auth/sign-out", post(auth::sign_in::sign_out))
        .layer(RequestBodyLimitLayer::new(BODY_LIMIT))
        .merge(etl::routes())
        .merge(v1::routes())
        .layer(CompressionLayer::new());
    Router::new()
        .merge(compressed)
        .route("/live", get(live::connect))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .merge(assets::routes())
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn_with_state(state.clone(), auth::layer::guard))
        .layer(from_fn(security::headers))
        .layer(from_fn(request_id::layer))
        .with_state(state)
}
