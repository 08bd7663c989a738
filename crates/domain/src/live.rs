//! What travels over the websocket. Progress is state: the newest message about a run replaces
//! older ones, so a slow client loses nothing that matters.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{analysis::Snapshot, ids::RuleSlug, run::RunView};

/// A live message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LiveMessage {
    /// First after connecting: the server's clock and every active run.
    Hello { at: DateTime<Utc>, runs: Vec<RunView> },
    /// The newest state of a run, over or not.
    Run { run: Box<RunView> },
    /// A new analysis is there.
    Quality { rule: RuleSlug, snapshot: Snapshot },
    /// Sent every 5 s when nothing else is, so that a client can tell silence from a cut.
    Tick { at: DateTime<Utc> },
}

/// A message with its number on this server; a client that comes back asks for what is after `seq`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Numbered {
    pub seq: u64,
    /// As `{"run": {...}}`: a tag inside or a flattened message would be read through a buffer of its
    /// own, whose code is a good part of the browser's module.
    pub message: LiveMessage,
}
