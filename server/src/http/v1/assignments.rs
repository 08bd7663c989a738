//! What needs a person, and what people decided: `/api/v1/rules/{rule}/unresolved` and `assignments`.

use amend_domain::{Decision, Matches, Problem, RuleSlug, assignment::read_matches};
use axum::{
    Extension, Json,
    extract::{
        Path, Query, State,
        rejection::{JsonRejection, QueryRejection},
    },
    http::StatusCode,
    response::Response,
};
use serde::Deserialize;
use serde_json::json;

use super::{AppState, Who, answer, usual_limit};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Most {
    #[serde(default = "usual_limit")]
    limit: u32,
}

/// Symbols that need a person, with suggestions.
pub(super) async fn unresolved(
    State(state): State<AppState>,
    Extension(who): Who,
    Path(rule): Path<String>,
    part: Result<Query<Most>, QueryRejection>,
) -> Response {
    let listed = async {
        let Query(Most { limit }) = part.map_err(|error| {
            tracing::debug!(%error, "a query that cannot be read");
            Problem::field("limit", "must be a whole number from 1 to 10000")
        })?;
        state.engine.unresolved_work(&who, &RuleSlug::parse(&rule)?, limit).await
    };
    answer(StatusCode::OK, listed.await)
}

/// What is assigned, the newest first.
pub(super) async fn list(State(state): State<AppState>, Extension(who): Who, Path(rule): Path<String>) -> Response {
    answer(StatusCode::OK, async { state.engine.assignments(&who, &RuleSlug::parse(&rule)?).await }.await)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Wish {
    matches: Matches,
    #[serde(rename = "as")]
    other: Option<Matches>,
    value: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

impl Wish {
    fn decision(&self) -> Result<Decision, Problem> {
        match (&self.other, &self.value) {
            (Some(other), None) => Ok(Decision::As(other.clone())),
            (None, Some(value)) => Ok(Decision::Value(value.clone())),
            _ => Err(Problem::field("as, value", "must be one of the two, and not both")),
        }
    }
}

/// Answers with what it does to the rows; with `dryRun` that is all.
pub(super) async fn assign(
    State(state): State<AppState>,
    Extension(who): Who,
    Path(rule): Path<String>,
    body: Result<Json<Wish>, JsonRejection>,
) -> Response {
    let assigned = async {
        let Json(wish) = body.map_err(|error| {
            tracing::debug!(%error, "a body that cannot be read");
            Problem::field("matches, as, value, dryRun", "must be texts in lists, a text and true or false")
                .advice("Send {\"matches\": [\"aapl\"], \"as\": [\"AAPL\"]} as application/json.")
        })?;
        let (slug, decision) = (RuleSlug::parse(&rule)?, wish.decision()?);
        if wish.dry_run {
            let effect = state.engine.assignment_effect(&who, &slug, &wish.matches, &decision).await?;
            return Ok((StatusCode::OK, effect));
        }
        let effect = state.engine.assign(&who, &slug, wish.matches, decision).await?;
        Ok((StatusCode::CREATED, effect))
    };
    match assigned.await {
        Ok((code, effect)) => answer(code, Ok(effect)),
        Err(problem) => answer(StatusCode::OK, Err::<(), _>(problem)),
    }
}

/// Takes one back; the match is a text, of several match columns a JSON array. Answers with its parts.
pub(super) async fn take_back(
    State(state): State<AppState>,
    Extension(who): Who,
    Path((rule, symbol)): Path<(String, String)>,
) -> Response {
    let taken = async {
        let slug = RuleSlug::parse(&rule)?;
        let width = state.engine.rule(&who, &slug).await?.target.matches.len();
        let matches = read_matches("match", &symbol, width)?;
        state.engine.unassign(&who, &slug, &matches).await?;
        Ok(json!({ "matches": matches }))
    };
    answer(StatusCode::OK, taken.await)
}
