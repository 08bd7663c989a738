//! The correction engine: analyse, plan, correct in chunks, validate, roll back.
//!
//! One facade, [`Engine`], stands behind every door (browser, REST, command line), so that no path
//! goes round permission, before-image or audit. It knows no SQL, no HTTP and no Leptos: databases
//! are behind [`store::Store`], time and randomness behind [`clock`].
//! To add an act: a method of `Engine` in the file of its subject, a line in the permission table
//! (`amend_domain::Role::may`), an audit entry, and a test that goes through a real store.

#![forbid(unsafe_code)]

pub mod clock;
pub mod store;
pub mod throttle;

mod analysis;
mod assignments;
mod config;
mod describe;
mod detect;
mod facade;
mod failures;
mod plan;
mod prevention;
mod retention;
mod rollback;
mod rows;
mod rule_changes;
mod rules;
mod runs;
mod steer;
mod strategy;
mod suggest;
mod takeover;
mod validate;
mod worker;

pub use config::EngineConfig;
pub use describe::Wanted;
pub use facade::{Engine, EngineParts};
pub use plan::{Approved, plan_hash};
pub use rule_changes::{Note, SUGGESTED_VALUES, Saving, Trial};
pub use worker::pace::{Pace, PaceChange};
