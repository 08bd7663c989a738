//! `GET /api/etl/{rule}/health`: for monitors, without an account.

use std::{collections::BTreeMap, future::Future, time::Duration};

use amend_domain::{Caller, Door, ErrorCode, Problem, Role, RuleSlug};
use axum::{extract::State, http::StatusCode, response::Response};

use super::{
    dto::{
        health::{Component, Health},
        timestamp,
    },
    reply::{Answer, Refusal, Reply},
    request::RulePath,
};
use crate::http::AppState;

/// The whole answer comes within 2 s, so each check has less.
const LIMIT: Duration = Duration::from_millis(1_500);

pub async fn health(State(state): State<AppState>, reply: Reply, RulePath(rule): RulePath) -> Response {
    let outcome = async {
        let slug = rule?;
        let (database, fits) = tokio::join!(
            within_limit(async { state.engine.store().ping().await.map_err(|e| e.problem()) }),
            within_limit(check_rule(&state, &slug)),
        );
        if let Err(problem) = &fits
            && problem.code == ErrorCode::RuleNotFound
        {
            return Err(Refusal::from(problem.clone()));
        }
        let at = timestamp(state.engine.clock().now());
        let component = |outcome: Result<(), Problem>, fine: &str| Component {
            is_healthy: outcome.is_ok(),
            detail: outcome.err().map_or_else(|| fine.into(), |p| p.message),
            checked_at: at.clone(),
        };
        Ok(answer(Health::of(BTreeMap::from([
            ("database", component(database, "The database answers.")),
            ("rule", component(fits, "Tables, columns and rights are as the rule needs them.")),
        ]))))
    };
    reply.answer(outcome.await)
}

fn answer(health: Health) -> Answer<Health> {
    if health.is_healthy {
        return Answer::ok(health);
    }
    let why: Vec<_> = health.components.values().filter(|c| !c.is_healthy).map(|c| c.detail.clone()).collect();
    let why = why.join(" ");
    Answer {
        status: StatusCode::SERVICE_UNAVAILABLE,
        failure: Some(("SERVICE_DEGRADED".into(), why.clone())),
        ..Answer::ok(health).message(why)
    }
}

async fn check_rule(state: &AppState, slug: &RuleSlug) -> Result<(), Problem> {
    let monitor = Caller { name: "health".into(), role: Role::Viewer, door: Door::System };
    let rule = state.engine.rule(&monitor, slug).await?;
    state.engine.check_rule(&rule).await
}

async fn within_limit(check: impl Future<Output = Result<(), Problem>>) -> Result<(), Problem> {
    let late = || Problem::new(ErrorCode::Timeout, "The database did not answer within 1.5 s.");
    tokio::time::timeout(LIMIT, check).await.unwrap_or_else(|_| Err(late()))
}
