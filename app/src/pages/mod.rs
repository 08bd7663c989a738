//! The pages, one module each.

pub mod analysis;
pub mod lazy;
pub mod login;
pub mod not_found;
pub mod overview;
pub mod prevention;
pub mod preview;
pub mod rollback;
pub mod rules;
pub mod run;
pub mod run_new;
pub mod runs;
pub mod unresolved;
