//! `/api/v1/rules/{rule}/prevention`: what stands in the table so that the fault is not made again.

use amend_domain::{Caller, PreventionChoice, PreventionKind, Problem, RuleSlug};
use axum::{
    Extension, Json, Router,
    extract::{
        Path, Query, State,
        rejection::{JsonRejection, QueryRejection},
    },
    http::StatusCode,
    response::Response,
    routing::get,
};
use serde::Deserialize;

use super::{AppState, v1::answer};

pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/api/v1/rules/{rule}/prevention", get(status).put(on).delete(off))
        .route("/api/v1/rules/{rule}/prevention/sql", get(sql))
}

type Who = Extension<Caller>;

async fn status(State(state): State<AppState>, Extension(who): Who, Path(slug): Path<String>) -> Response {
    answer(StatusCode::OK, async { state.engine.prevention_status(&who, &RuleSlug::parse(&slug)?).await }.await)
}

/// Which statements are asked for: those of a choice, or with `off=true` those that take all off.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default)]
    kind: PreventionKind,
    #[serde(default)]
    check: bool,
    #[serde(default)]
    off: bool,
}

async fn sql(
    State(state): State<AppState>,
    Extension(who): Who,
    Path(slug): Path<String>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Response {
    let listed = async {
        let Query(Wanted { kind, check, off }) = wanted.map_err(|error| {
            tracing::debug!(%error, "a query that cannot be read");
            Problem::field("kind, check, off", "must be: kind fill or refuse, check and off true or false")
        })?;
        let slug = RuleSlug::parse(&slug)?;
        if off {
            return state.engine.prevention_off_sql(&who, &slug).await;
        }
        state.engine.prevention_sql(&who, &slug, PreventionChoice { kind, check }).await
    };
    answer(StatusCode::OK, listed.await)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Choice {
    kind: PreventionKind,
    #[serde(default)]
    check: bool,
}

/// Answers with what is installed then.
async fn on(
    State(state): State<AppState>,
    Extension(who): Who,
    Path(slug): Path<String>,
    body: Result<Json<Choice>, JsonRejection>,
) -> Response {
    let installed = async {
        let Json(Choice { kind, check }) = body.map_err(|error| {
            tracing::debug!(%error, "a body that cannot be read");
            Problem::field("kind", "must be fill or refuse, and check true or false")
                .advice("Send {\"kind\": \"fill\", \"check\": false} as application/json.")
        })?;
        state.engine.prevention_on(&who, &RuleSlug::parse(&slug)?, PreventionChoice { kind, check }).await
    };
    answer(StatusCode::OK, installed.await)
}

async fn off(State(state): State<AppState>, Extension(who): Who, Path(slug): Path<String>) -> Response {
    let removed = async {
        let slug = RuleSlug::parse(&slug)?;
        state.engine.prevention_off(&who, &slug).await?;
        state.engine.prevention_status(&who, &slug).await
    };
    answer(StatusCode::OK, removed.await)
}
