//! Amend's store over an SQLite file: the embedded default.
//!
//! It holds SQL and nothing else: what to correct, when to stop and how fast to go is the engine's.
//! One connection writes (SQLite has one writer), four read; write-ahead logging lets the readers
//! go on while it writes. Amend's own tables have the prefix `amend_`; to the user's tables nothing
//! is added.
//!
//! What the engine asks for is one file per subject ([`amend_engine::store`] has the contract);
//! statements that are put together from a rule are in `sql/`. To add a method: a case in
//! `crates/store-testkit`, then the trait, then the file of its subject here.

#![forbid(unsafe_code)]

mod ahead;
mod analyses;
mod assignments;
mod backups;
mod bulk;
mod catalog;
mod chunk;
mod correct;
mod corrections;
mod disk;
mod error;
mod failures;
mod fat;
mod findings;
mod pages;
mod people;
mod plain;
mod pool;
mod pressure;
mod prevention;
mod restore;
mod run_row;
mod runs;
mod samples;
mod shape;
mod slices;
mod snapshots;
mod sql;
mod store;
mod summarise;
mod tally;
mod time;
mod undo;
mod unresolved;
mod value;

pub use store::{Access, SqliteOptions, SqliteStore};
