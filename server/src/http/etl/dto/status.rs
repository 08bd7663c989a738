//! What `status` answers.

use amend_domain::{RunState, RunView};
use serde::Serialize;

use super::{run_result::RunResult, timestamp};
use crate::http::etl::time_span;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    pub is_running: bool,
    pub current_operation_id: Option<String>,
    pub last_operation_start: Option<String>,
    pub last_operation_end: Option<String>,
    pub last_operation_success: Option<bool>,
    pub last_operation_error: Option<String>,
    /// 0 to 100, of the current operation.
    pub current_progress: f64,
    pub current_phase: Option<&'static str>,
    /// Newest first.
    pub recent_operations: Vec<Operation>,
    /// The run that `?correctionId=` asked for, which is what `Location` leads to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<RunResult>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    pub operation_id: String,
    pub kind: &'static str,
    pub state: &'static str,
    pub started_by: String,
    pub start_time: String,
    pub end_time: Option<String>,
    pub duration: String,
    pub records_processed: i64,
    pub progress: f64,
    pub success: Option<bool>,
    pub error_message: Option<String>,
}

impl From<&RunView> for Operation {
    fn from(run: &RunView) -> Self {
        Self {
            operation_id: run.run_id.to_string(),
            kind: run.kind.as_str(),
            state: run.state.as_str(),
            started_by: run.started_by.clone(),
            start_time: timestamp(run.started_at.unwrap_or(run.created_at)),
            end_time: run.ended_at.map(timestamp),
            duration: time_span::show(run.duration_ms),
            records_processed: run.changed,
            progress: run.progress(),
            success: run.state.is_over().then_some(run.state == RunState::Succeeded),
            error_message: run.error.as_ref().map(|e| e.message.clone()),
        }
    }
}

impl Status {
    /// From the newest runs of the rule, newest first.
    pub fn of(runs: &[RunView], operation: Option<RunResult>) -> Self {
        let current = runs.iter().find(|r| r.state.is_active());
        let last = runs.iter().find(|r| r.state.is_over());
        Self {
            is_running: current.is_some(),
            current_operation_id: current.map(|r| r.run_id.to_string()),
            last_operation_start: last.map(|r| timestamp(r.started_at.unwrap_or(r.created_at))),
            last_operation_end: last.and_then(|r| r.ended_at).map(timestamp),
            last_operation_success: last.map(|r| r.state == RunState::Succeeded),
            last_operation_error: last.and_then(|r| r.error.as_ref()).map(|e| e.message.clone()),
            current_progress: current.map_or(0.0, RunView::progress),
            current_phase: current.map(|r| r.phase.as_str()),
            recent_operations: runs.iter().map(Operation::from).collect(),
            operation,
        }
    }
}
