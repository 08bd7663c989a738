//! The rules one can look at.

use amend_domain::Rule;
use leptos::prelude::*;

use crate::AppError;

/// All rules, by slug.
#[server(prefix = "/fn", endpoint = "rules")]
pub async fn list_rules() -> Result<Vec<Rule>, AppError> {
    use super::context::{signed_in, tell};
    let (engine, caller) = signed_in().await?;
    tell(engine.rules(&caller).await)
}
