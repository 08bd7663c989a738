//! The compatibility API under `/api/etl/{rule}`: the eight endpoints of the system that Amend
//! replaces, kept to the letter. One file an endpoint; `dto/` holds what they answer.
//!
//! Every answer, refusals of the router included, is one [`reply::Envelope`]. Every number in an
//! answer comes from the table, the run or its log; what is not known is null.

mod analyze;
mod dto;
mod execute;
mod fields;
mod health;
mod metrics;
mod options;
mod preview;
mod prometheus;
mod reply;
mod request;
mod rollback;
mod status;
mod time_span;
mod totals;
mod validate;

pub use reply::{Refusal, Reply};
pub use totals::Totals;

use axum::{
    Router,
    http::Method,
    response::Response,
    routing::{any, get, post},
};

use super::AppState;

pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/api/etl/{rule}/execute", post(execute::execute))
        .route("/api/etl/{rule}/analyze", get(analyze::analyze))
        .route("/api/etl/{rule}/preview", post(preview::preview))
        .route("/api/etl/{rule}/validate", post(validate::validate))
        .route("/api/etl/{rule}/status", get(status::status))
        .route("/api/etl/{rule}/rollback", post(rollback::rollback))
        .route("/api/etl/{rule}/health", get(health::health))
        .route("/api/etl/{rule}/metrics", get(metrics::metrics))
        .method_not_allowed_fallback(wrong_method)
        // Whatever else lies under /api is answered in the envelope, too, and not by a page.
        .route("/api", any(no_such_path))
        .route("/api/{*path}", any(no_such_path))
}

async fn wrong_method(reply: Reply, method: Method) -> Response {
    reply.refuse(&Refusal::new(405, "METHOD_NOT_ALLOWED", format!("This path does not answer {method}.")))
}

async fn no_such_path(reply: Reply) -> Response {
    reply.refuse(&Refusal::new(404, "NOT_FOUND", "There is no such path."))
}
