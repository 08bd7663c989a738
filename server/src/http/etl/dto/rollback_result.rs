//! What `rollback` answers: a rollback, over or not.

use std::collections::BTreeMap;

use amend_domain::{BackupInfo, ConflictPolicy, RunId, RunState, RunView};
use amend_engine::store::StoreKind;
use serde::Serialize;

use super::{run_result::journal_name, timestamp};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RollbackResult {
    pub success: bool,
    pub error_message: Option<String>,
    /// When it ended, or else when it was asked for.
    pub rollback_time: String,
    pub correction_id_rolled_back: String,
    pub records_rolled_back: i64,
    pub backup_table_used: String,
    pub records_skipped: i64,
    pub skip_reasons: BTreeMap<&'static str, i64>,
    /// The rollback is a run of its own.
    pub rollback_id: String,
    pub state: &'static str,
    pub validation_passed: Option<bool>,
}

impl RollbackResult {
    pub fn of(run: &RunView, source: &RunView, copy: Option<&BackupInfo>, kind: StoreKind) -> Self {
        let forced = run.rollback.as_ref().is_some_and(|o| o.on_conflict == ConflictPolicy::Force);
        // With force, conflicting rows were overwritten rather than passed over.
        let conflicts = if forced { 0 } else { run.conflicts };
        let mut skip_reasons =
            BTreeMap::from([("changedSince", conflicts), ("deleted", run.deleted), ("locked", run.skipped)]);
        skip_reasons.retain(|_, rows| *rows > 0);
        let undone: &RunId = run.undoes.as_ref().unwrap_or(&source.run_id);
        Self {
            success: run.state == RunState::Succeeded,
            error_message: run.error.as_ref().map(|e| e.message.clone()),
            rollback_time: timestamp(run.ended_at.unwrap_or(run.created_at)),
            correction_id_rolled_back: undone.to_string(),
            records_rolled_back: run.changed,
            backup_table_used: copy.map_or_else(|| journal_name(kind, source), |copy| copy.name.clone()),
            records_skipped: skip_reasons.values().sum(),
            skip_reasons,
            rollback_id: run.run_id.to_string(),
            state: run.state.as_str(),
            validation_passed: run.validation.as_ref().map(|v| v.passed),
        }
    }
}
