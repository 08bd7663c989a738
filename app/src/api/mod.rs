//! Server functions: what a page asks of the engine. One file a subject.
//!
//! A server function takes the engine and the caller from [`context::signed_in`], makes one call,
//! and hands the answer to [`context::tell`]. The engine checks what the caller may do; the
//! functions here add nothing to that, and nothing is public because it has no link.
//!
//! A name is a verb with its object (`load_run`): the macro makes a type of the same name, which must
//! not be one of the domain's.
//!
//! They live under `/fn/` (write `#[server(prefix = "/fn", endpoint = "name")]`), apart from the REST
//! API under `/api/`. Arguments that are more than a few plain values travel as JSON (`input = Json`).

#[cfg(feature = "ssr")]
pub(crate) mod context;

pub mod analysis;
pub mod overview;
pub mod plan;
pub mod prevention;
pub mod rollback;
pub mod rows;
pub mod rules;
pub mod runs;
pub mod session;
pub mod unresolved;
