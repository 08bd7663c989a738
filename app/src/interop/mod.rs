//! What JavaScript libraries do for us, behind Rust types that clean up after themselves.
//!
//! To bind one more: a file here with its own `extern` block, a loader that fetches the bundle once
//! and a type whose `Drop` frees what the library holds. Nothing here runs on the server.

pub mod charts;
