//! Who is at the door: passwords, sessions, bearer tokens, and the layer that lets nobody else in.
//!
//! [`layer::guard`] stands before every route and is closed by default: what it may let pass without
//! a caller is listed in [`area::Area`], nothing else is. What a caller may do is not decided here
//! but in the engine (`amend_domain::Role::may`).
//! To open a path to everybody: a line in `Area::of`, a reason beside it, and a line in
//! `tests/auth.rs`.

pub mod area;
mod attempts;
mod first_user;
mod identity;
pub mod layer;
mod origin;
mod secrets;
pub mod sign_in;

pub use first_user::{FIRST_USER, NewUser, PasswordOrigin, ensure_first_user};
pub use identity::{Auth, COOKIE, Proof, SESSION_HOURS, SignedIn};
pub use secrets::{hash_password, hash_token, new_bearer_token, new_password};
