//! Symbols that the reference cannot decide.

use amend_domain::{RuleSlug, UnresolvedRow};
use leptos::prelude::*;

use crate::AppError;

/// Symbols listed at most.
pub const LISTED: u32 = 1_000;

/// Orphan, ambiguous and unresolvable symbols, those with most rows first, at most [`LISTED`].
#[server(prefix = "/fn", endpoint = "list_unresolved")]
pub async fn list_unresolved(rule: RuleSlug) -> Result<Vec<UnresolvedRow>, AppError> {
    use super::context::{signed_in, tell};
    let (engine, caller) = signed_in().await?;
    tell(engine.unresolved(&caller, &rule, LISTED).await)
}
