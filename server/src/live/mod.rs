//! The live view: a websocket that tells of runs and analyses while they happen.
//!
//! Progress is state, not a log. The [`Hub`] keeps the newest state of each run, numbered; a client
//! has no queue but a number, up to which it has been told, and gets the newest state of whatever
//! is behind it. So a slow client falls behind in time, never in memory.

mod client;
mod hub;

pub use client::connect;
pub use hub::Hub;
