//! Where everything comes together: the command line, the server, and the choice of the store.
//!
//! The binary `amend` is [`cli::main`] and nothing else. This is a library so that tests can link
//! what the binary does. What corrects tables is not here but in `amend-engine`; what pages look
//! like is in `amend-app`.
//! To add a command: a file in `cli/` with its arguments and one `pub async fn command`, and its line
//! in [`cli::Command`]. To add a database: a store crate, and its scheme in [`open`].

#![forbid(unsafe_code)]

pub mod assets;
pub mod auth;
pub mod cli;
pub mod config;
pub mod demo;
pub mod http;
pub mod import;
pub mod live;
pub mod open;
