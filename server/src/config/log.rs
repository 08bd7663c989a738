use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// `[log]`: what is written to standard error.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `AMEND_LOG`. `error`, `warn`, `info`, `debug`, `trace`, or filters such as
    /// `info,amend_engine=debug`. Default `info` for `serve` and `warn` for every other command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// `AMEND_LOG_FORMAT`. `text` (default) or `json`.
    pub format: LogFormat,
}
