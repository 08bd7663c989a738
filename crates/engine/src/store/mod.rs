//! What the engine asks of a database, in the words of the job.
//!
//! A store holds no policy: it does not decide what to correct, when to stop or how fast to go.
//! The engine holds no SQL. Each trait below is one subject; [`Store`] is all of them, object-safe.
//! A new method gets a case in `crates/store-testkit` before it gets an implementation.
//!
//! "Not found" is `Ok(None)`. A write that found nothing to write says so by its return value.

mod assignments;
mod backups;
mod bulk;
mod catalog;
mod corrections;
mod error;
mod failures;
mod findings;
mod people;
mod pressure;
mod prevention;
mod runs;
mod slices;
mod snapshots;
mod undo;

pub use assignments::{Assignments, Placed};
pub use backups::{BackupRequest, Backups};
pub use bulk::{Bulk, BulkRows, BulkTable, BulkWriter, MarketDataRow, SymbolRow};
pub use catalog::{Catalog, ColumnInfo, Remark, ServerInfo, StoreKind, TableInfo};
pub use corrections::{
    ChunkLimits, ChunkOutcome, ChunkRequest, Corrections, Entries, JournalPair, RestoreRequest, Write,
};
pub use error::{StoreError, Trouble};
pub use failures::{Failures, RefusedRow};
pub use findings::Findings;
pub use people::{AuditEntry, People, SessionRecord, TokenRecord, UserRecord};
pub use pressure::{Pressure, Pressures, Reading};
pub use prevention::{Prevention, PreventionRequest, prevention_name};
pub use runs::{Lease, NewRun, RunFilter, RunPatch, Runs, StoredRun};
pub use slices::{Cut, Slice, SliceOutcome, SliceRequest, Slices, TableFacts};
pub use snapshots::{ListRequest, Snapshots};
pub use undo::{Places, UndoRequest, Undoes};

/// Everything, behind one pointer.
pub trait Store:
    Catalog
    + Findings
    + Assignments
    + Runs
    + Corrections
    + Failures
    + Slices
    + Undoes
    + Backups
    + Snapshots
    + Prevention
    + People
    + Bulk
    + Pressures
{
}

impl<T> Store for T where
    T: Catalog
        + Findings
        + Assignments
        + Runs
        + Corrections
        + Failures
        + Slices
        + Undoes
        + Backups
        + Snapshots
        + Prevention
        + People
        + Bulk
        + Pressures
{
}
