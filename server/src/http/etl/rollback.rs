//! `POST /api/etl/{rule}/rollback`: undoes a correction.

use amend_domain::{
    Caller, ConflictPolicy, ErrorCode, Problem, RollbackOptions, RollbackScope, RollbackSource, RunView,
};
use axum::{Extension, extract::State, http::HeaderMap, response::Response};

use super::{
    dto::rollback_result::RollbackResult,
    execute::{accepted, until_over},
    fields::Fields,
    reply::{Refusal, Reply},
    request::{JsonBody, RulePath, preferred_wait},
    status,
};
use crate::http::AppState;

pub async fn rollback(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    reply: Reply,
    RulePath(rule): RulePath,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Response {
    let wait = preferred_wait(&headers);
    let outcome = async {
        let (id, options) = read(body?)?;
        let detail = status::one(&state, &caller, &rule?, &id).await?;
        let source = detail.run;
        let copy = detail.backup.filter(|_| options.source == RollbackSource::Snapshot);
        let started = state.engine.start_rollback(&caller, &source.run_id, options).await;
        let run = started.map_err(|problem| refusal(problem, &source))?;
        let run = until_over(&state, run, wait).await?;
        let result = RollbackResult::of(&run, &source, copy.as_ref(), state.engine.store().kind());
        Ok(accepted(&run, result, wait))
    };
    reply.answer(outcome.await)
}

/// The API has one code for "something is still running", whichever run it is.
fn refusal(problem: Problem, source: &RunView) -> Refusal {
    let active = problem.code == ErrorCode::WrongState && source.state.is_active();
    let refusal = Refusal::from(problem);
    if active { Refusal { code: ErrorCode::OperationInProgress.as_str().into(), ..refusal } } else { refusal }
}

fn read(mut fields: Fields) -> Result<(String, RollbackOptions), Refusal> {
    let id = fields.text("correctionId", 100);
    let reason = fields.text("reason", 500).unwrap_or_default();
    // Every rollback is validated; there is no way to leave that out, and none to break it by asking.
    fields.flag("validateAfterRollback");
    let scope = fields.object("scope", scope).unwrap_or_default();
    let on_conflict = fields.text("onConflict", 20);
    let policy = match on_conflict.as_deref() {
        None => Some(ConflictPolicy::default()),
        Some(word) => ConflictPolicy::parse(word),
    };
    if policy.is_none() {
        fields.fault("onConflict", "must be skip, force or stop");
    }
    let from = fields.text("source", 20);
    let from = match from.as_deref() {
        None => Some(RollbackSource::default()),
        Some(word) => RollbackSource::parse(word),
    };
    if from.is_none() {
        fields.fault("source", "must be journal or snapshot");
    }
    fields.finish()?;
    let id = id.filter(|id| !id.trim().is_empty()).ok_or_else(|| {
        Problem::new(ErrorCode::MissingCorrectionId, "correctionId must name the correction to roll back.")
    })?;
    let options = RollbackOptions {
        reason,
        on_conflict: policy.unwrap_or_default(),
        scope,
        source: from.unwrap_or_default(),
        ..RollbackOptions::default()
    };
    options.check().map_err(|problem| {
        // Names of this API, where the engine has its own.
        let message = problem.message.replace("old_values", "oldValues").replace("new_values", "newValues");
        Problem { message, ..problem }
    })?;
    Ok((id, options))
}

/// Lists that must all hold; within a list any entry may.
fn scope(fields: &mut Fields) -> RollbackScope {
    RollbackScope {
        symbols: fields.texts("symbols"),
        old_values: fields.nullable_texts("oldValues"),
        new_values: fields.nullable_texts("newValues"),
        pairs: None,
        chunks: fields.wholes("chunks"),
        rows: fields.texts("rows"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str) -> Result<(String, RollbackOptions), Refusal> {
        read(Fields::of_body(json.as_bytes())?)
    }

    #[test]
    fn a_missing_id_has_a_code_of_its_own() {
        for none in ["", "{}", r#"{"correctionId":null}"#, r#"{"correctionId":" "}"#] {
            assert_eq!(of(none).unwrap_err().code, "MISSING_CORRECTION_ID", "{none}");
        }
    }

    #[test]
    fn the_fields_are_read_and_bounded() {
        let (id, options) =
            of(r#"{"correctionId":"r-1","reason":"why","scope":{"symbols":["A"]},"onConflict":"stop"}"#).unwrap();
        assert_eq!((id.as_str(), options.on_conflict), ("r-1", ConflictPolicy::Stop));
        assert_eq!(options.scope.symbols, Some(vec!["A".into()]));
        let (_, options) = of(
            r#"{"correctionId":"r-1","scope":{"oldValues":[null,"x"],"newValues":["Y"],"chunks":[3],"rows":["7"]}}"#,
        )
        .unwrap();
        let wanted = RollbackScope {
            old_values: Some(vec![None, Some("x".into())]),
            new_values: Some(vec![Some("Y".into())]),
            chunks: Some(vec![3]),
            rows: Some(vec!["7".into()]),
            ..RollbackScope::default()
        };
        assert_eq!(options.scope, wanted);
        let (_, options) = of(r#"{"correctionId":"r-1","source":"snapshot"}"#).unwrap();
        assert_eq!(options.source, RollbackSource::Snapshot);
        let refusal = of(r#"{"correctionId":"r-1","source":"tape"}"#).unwrap_err();
        assert!(refusal.errors[0].starts_with("source "), "{:?}", refusal.errors);
        let refusal = of(r#"{"correctionId":"r-1","scope":{"chunks":["a"],"colours":1}}"#).unwrap_err();
        assert_eq!(refusal.errors.len(), 2, "{:?}", refusal.errors);
        let long = format!(r#"{{"correctionId":"r-1","reason":"{}","onConflict":"x","other":1}}"#, "x".repeat(501));
        let refusal = of(&long).unwrap_err();
        assert_eq!((refusal.code.as_str(), refusal.errors.len()), ("INVALID_OPTIONS", 3));
    }
}
