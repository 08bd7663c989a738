//! What stands in the table so that the fault is not made again.

use amend_domain::{PreventionChoice, PreventionStatus, RuleSlug};
use leptos::{prelude::*, server_fn::codec::Json};
use serde::{Deserialize, Serialize};

use crate::AppError;

/// What the page shows and asks about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prevention {
    pub status: PreventionStatus,
    /// The target table, as the rule names it.
    pub table: String,
    /// Its corrected column.
    pub column: String,
    /// Why a CHECK cannot be had; `None` when it can.
    pub no_check: Option<String>,
}

#[server(prefix = "/fn", endpoint = "prevention")]
pub async fn load_prevention(rule: RuleSlug) -> Result<Prevention, AppError> {
    use super::context::{signed_in, tell};
    let (engine, caller) = signed_in().await?;
    let loaded = async {
        let status = engine.prevention_status(&caller, &rule).await?;
        let (rule, no_check) = engine.why_no_check(&caller, &rule).await?;
        Ok(Prevention { status, table: rule.target.table.to_string(), column: rule.target.value.to_string(), no_check })
    };
    tell(loaded.await)
}

/// The statements of a choice; without one, those that take everything off.
#[server(prefix = "/fn", endpoint = "prevention_sql", input = Json)]
pub async fn prevention_statements(rule: RuleSlug, choice: Option<PreventionChoice>) -> Result<Vec<String>, AppError> {
    use super::context::{signed_in, tell};
    let (engine, caller) = signed_in().await?;
    tell(match choice {
        Some(choice) => engine.prevention_sql(&caller, &rule, choice).await,
        None => engine.prevention_off_sql(&caller, &rule).await,
    })
}

/// Installs a choice; without one, takes everything off.
#[server(prefix = "/fn", endpoint = "set_prevention", input = Json)]
pub async fn set_prevention(rule: RuleSlug, choice: Option<PreventionChoice>) -> Result<(), AppError> {
    use super::context::{signed_in, tell};
    let (engine, caller) = signed_in().await?;
    tell(match choice {
        Some(choice) => engine.prevention_on(&caller, &rule, choice).await.map(|_| ()),
        None => engine.prevention_off(&caller, &rule).await,
    })
}
