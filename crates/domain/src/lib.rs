//! The words of Amend: ids, rules, findings, plans, runs, errors and live messages.
//!
//! Everything here is plain data with its own validation. It compiles for the browser as well as
//! for the server, so it knows no database, no clock, no HTTP and no async runtime.
//! To add a word: give it a file of its own, derive `Serialize`/`Deserialize`, and keep field names
//! stable, because scripts read the JSON.

#![forbid(unsafe_code)]

pub mod analysis;
pub mod assignment;
pub mod backup;
pub mod error;
pub mod failed;
pub mod finding;
pub mod ids;
pub mod live;
pub mod naming;
pub mod number;
pub mod people;
pub mod plan;
pub mod prevention;
pub mod rollback;
pub mod rollback_scope;
pub mod rows;
pub mod rows_url;
pub mod rule;
pub mod run;
pub mod state;
pub mod validation;
pub mod walk;

pub use analysis::{Analysis, ClassCounts, GroupCount, MissingCounts, PairCount, Summary};
pub use assignment::{
    Assignment, AssignmentEffect, AssignmentView, Decision, Matches, Said, Standing, Suggestion, SuggestionKind,
    WorkItem,
};
pub use backup::{Backup, BackupInfo, PurgeItem, PurgeReport};
pub use error::{ErrorCode, Problem};
pub use failed::FailedRow;
pub use finding::{Finding, FindingCounts};
pub use ids::{ChunkNo, PlanHash, RuleSlug, RunId};
pub use live::{LiveMessage, Numbered};
pub use people::{Act, Caller, Door, Role};
pub use plan::{BatchSize, Mode, Plan, Risk, RunOptions, Scope, Severity};
pub use prevention::{CheckState, PreventionChoice, PreventionKind, PreventionStatus};
pub use rollback::{
    ConflictPolicy, RollbackCounts, RollbackOptions, RollbackPair, RollbackPlan, RollbackSamples, RollbackSource,
};
pub use rollback_scope::{RollbackScope, ValuePair};
pub use rows::{FindingRow, RowFilter, RowPage, RowQuery, RowSort, SortDirection, UnresolvedRow};
pub use rule::{ColumnName, Reference, Rule, TableName, Target};
pub use run::{ChunkRecord, EventRecord, RunDetail, RunError, RunKind, RunView};
pub use state::{Phase, RunState};
pub use validation::{Level, LevelResult, Validation};
pub use walk::{Effect, Footprint, Strategy, Walk};
