//! The cases, one file a subject. Each takes a fresh database.

pub mod backups;
pub mod bulk;
pub mod catalog;
pub mod correct;
pub mod engine_backups;
pub mod engine_refusals;
pub mod engine_rollbacks;
pub mod engine_runs;
pub mod engine_steer;
pub mod engine_takeover;
pub mod engine_walks;
pub mod engine_walks_shapes;
pub mod findings;
pub mod findings_matrix;
pub mod interruptions;
pub mod large;
pub mod leases;
pub mod memory;
pub mod names;
pub mod people;
pub mod prevention;
pub mod reference;
pub mod restore;
pub mod restore_conflicts;
pub mod restore_scopes;
pub mod rows;
pub mod runs;
pub mod runs_list;
pub mod summary;
pub mod throttle;
pub mod trouble;
pub mod trouble_rights;

pub use crate::properties;
