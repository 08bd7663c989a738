//! The remembered analysis. A fresh one is made by [`super::overview::analyze`].

use amend_domain::{Analysis, RuleSlug};
use leptos::prelude::*;

use crate::AppError;

/// The newest analysis, without a pass over the table; `None` before the first.
#[server(prefix = "/fn", endpoint = "last_analysis")]
pub async fn last_analysis(rule: RuleSlug) -> Result<Option<Analysis>, AppError> {
    use super::context::{signed_in, tell};
    let (engine, caller) = signed_in().await?;
    tell(engine.last_analysis(&caller, &rule).await)
}
