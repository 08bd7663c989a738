//! Rules: `/api/v1/rules`. A rule is written as in `amend.toml`, in JSON.

use amend_domain::{Problem, Rule, RuleSlug};
use amend_engine::Saving;
use axum::{
    Extension, Json,
    extract::{Path, State, rejection::JsonRejection},
    http::StatusCode,
    response::Response,
};

use super::{AppState, Who, answer};

type Body = Result<Json<Rule>, JsonRejection>;

/// All rules, by slug.
pub(super) async fn list(State(state): State<AppState>, Extension(who): Who) -> Response {
    answer(StatusCode::OK, state.engine.rules(&who).await)
}

pub(super) async fn one(State(state): State<AppState>, Extension(who): Who, Path(rule): Path<String>) -> Response {
    answer(StatusCode::OK, async { state.engine.rule(&who, &RuleSlug::parse(&rule)?).await }.await)
}

/// Makes a rule; its slug must be free.
pub(super) async fn make(State(state): State<AppState>, Extension(who): Who, body: Body) -> Response {
    let made = async {
        let rule = read(body)?;
        state.engine.save_rule_as(&who, &rule, Saving::New).await?;
        Ok(rule)
    };
    answer(StatusCode::CREATED, made.await)
}

/// Puts a rule in the place of the one that is there.
pub(super) async fn change(
    State(state): State<AppState>,
    Extension(who): Who,
    Path(slug): Path<String>,
    body: Body,
) -> Response {
    let changed = async {
        let (slug, rule) = (RuleSlug::parse(&slug)?, read(body)?);
        if rule.slug != slug {
            return Err(Problem::field("slug", &format!("must be {slug}, as in the path: a slug stays for ever")));
        }
        state.engine.save_rule_as(&who, &rule, Saving::Change).await?;
        Ok(rule)
    };
    answer(StatusCode::OK, changed.await)
}

fn read(body: Body) -> Result<Rule, Problem> {
    let Json(rule) = body.map_err(|error| {
        // It names the key at fault, and nothing but what was sent.
        Problem::field("rule", &format!("cannot be read: {}", error.body_text()))
            .advice("GET /api/v1/rules shows how rules are written. Send one as application/json.")
    })?;
    Ok(rule)
}
